/* What the journal must hold, written beside its folder: <data_dir>/v1.born.
 *
 *     flashsale v1 journal: segment 3 position 1234 crc32c 89abcdef
 *
 * "Never written" is what this file says, and not what a folder looks like.  It is synced before the
 * first record of a segment is written, and again when the strategy opens and closes; all records up to
 * the position were on disk before.  So a start that finds fewer segments or fewer records knows that
 * they were lost, and refuses. */
#ifndef FS_V1_BIRTH_H
#define FS_V1_BIRTH_H

#include "folder.h"

#define FS_V1_BIRTH_NAME "v1.born"
#define FS_V1_BIRTH_TMP "v1.born.tmp"

struct fs_v1_birth {
    uint64_t segment;  /* the newest that may hold records; 0: the journal was never written */
    uint64_t position; /* of the last record that is known to be on disk */
};

/* Reads the file in the data folder.  A file that is not there is all zeros.  Returns 0, -EBADMSG for a
 * file that is not whole, or the errno of reading; logged.  [main] */
int fs_v1_birth_read(const struct fs_host *host, int data_fd, struct fs_v1_birth *birth);

/* Durable when it returns; failing ends the process.  [main, journal thread] */
void fs_v1_birth_write(const struct fs_v1_folder *folder, const struct fs_v1_birth *birth);

#endif
