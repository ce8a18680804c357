/* Reading one file of the journal.
 *
 * A file is a header and records, 256 bytes each, and behind them nothing or zeros written ahead.
 * The journal thread writes batch k+1 only after the sync of batch k, so what stands behind the last
 * good record tells what happened:
 *
 *   nothing, or zeros          nothing did, unless it is the header that is missing: a file has its
 *                              name once its header is on disk
 *   no valid record            the torn tail of a batch that was never acknowledged: cut
 *   valid records of the same  the batch was not synced and a power failure lost a part of it, or it
 *   batch only                 was acknowledged and is damaged: these two cannot be told apart
 *   valid records of a later   the bad record was synced and is damaged
 *   batch
 *
 * A damaged record that is the very last one written looks like a torn tail; with it goes at most
 * that last batch, and what is left is an exact prefix. */
#ifndef FS_V1_SEGMENT_H
#define FS_V1_SEGMENT_H

#include "folder.h"
#include "record.h"

enum fs_v1_tail {
    FS_V1_TAIL_CLEAN = 1,
    FS_V1_TAIL_TORN,
    FS_V1_TAIL_LAST_BATCH, /* valid records of the same batch behind a bad one */
    FS_V1_TAIL_DAMAGED
};

struct fs_v1_scan {
    uint64_t records;    /* good ones, without the header */
    bool has_header;     /* false: not even the header is good */
    off_t end;           /* where the good ones end */
    off_t size;          /* of the file */
    uint64_t valid_lost; /* valid records behind the end */
    enum fs_v1_tail tail;
    const char *problem; /* NULL, or why the record at end does not fit; tail is then DAMAGED */
};

/* Called for each record, borrowed; returns NULL or why it cannot be applied. */
typedef const char *fs_v1_record_visit(void *data, const struct fs_v1_record *record);

/* Reads the file: number and position_first are what its header must say.  Returns 0 or a negative
 * errno for reading. */
int fs_v1_segment_scan(int fd, uint64_t number, uint64_t position_first, fs_v1_record_visit *visit,
                       void *data, struct fs_v1_scan *scan);

/* Opens it for reading and writing.  Returns a descriptor or a negative errno. */
int fs_v1_segment_open(const struct fs_v1_folder *folder, uint64_t number);

/* Gives the position of the first record, as the header says.  Returns 0, -EBADMSG when it has no valid
 * header, or the errno of reading. */
int fs_v1_segment_first(const struct fs_v1_folder *folder, uint64_t number,
                        uint64_t *position_first);

/* Makes a new file, durable with its header before it has its name; failing ends the process.  Returns
 * a descriptor. */
int fs_v1_segment_create(const struct fs_v1_folder *folder, uint64_t number,
                         uint64_t position_first);

#endif
