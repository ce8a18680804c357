/* Start-up, by the rules of segment.h.
 *
 * The argument for what is cut and what is refused: batch k+1 is written only after the sync of
 * batch k, and answers of batch k are given only after its sync.  So a bad record with nothing valid
 * behind it belongs to a batch nobody was told of (or is the very last thing that was written), and
 * cutting it leaves an exact prefix that holds every acknowledged record.  A bad record in front of a
 * later batch had been synced: it is damage, and nothing is guessed.  A bad record in front of valid
 * ones of its own batch is either; we refuse, and let the operator decide by repair: cut-last-batch.
 * A closed segment was synced to its end, so anything bad in it is damage. */
#include "recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "birth.h"
#include "limits.h"
#include "segment.h"
#include "snapshot.h"

struct replay {
    struct fs_v1_ledger *ledger;
    const _Atomic bool *is_stopping;
};

static const char interrupted[] = "interrupted";

static const char *replay_record(void *data, const struct fs_v1_record *record)
{
    struct replay *replay = data;

    if (replay->is_stopping && atomic_load_explicit(replay->is_stopping, memory_order_relaxed))
        return interrupted;
    return fs_v1_ledger_replay(replay->ledger, record);
}

static int refuse(const struct fs_v1_folder *folder, uint64_t number, const struct fs_v1_scan *scan)
{
    const struct fs_host *host = folder->host;
    char name[FS_V1_NAME_MAX];

    fs_v1_segment_name(name, number);
    if (scan->problem)
        host->log(host, FS_LOG_ERROR, "v1: %s is damaged at offset %" PRIdMAX ": %s", name,
                  (intmax_t)scan->end, scan->problem);
    else if (scan->tail == FS_V1_TAIL_LAST_BATCH)
        host->log(host, FS_LOG_ERROR,
                  "v1: %s has a bad record at offset %" PRIdMAX " with %" PRIu64
                  " valid ones of the same, last batch behind it: either a power failure tore a "
                  "batch that nobody was told of, or the file is damaged. If it was a power "
                  "failure, start once with the option repair: cut-last-batch",
                  name, (intmax_t)scan->end, scan->valid_lost);
    else
        host->log(host, FS_LOG_ERROR,
                  "v1: %s is damaged at offset %" PRIdMAX " (%" PRIu64
                  " valid records behind it): refusing to start, nothing was changed; restore the "
                  "file from a copy",
                  name, (intmax_t)scan->end, scan->valid_lost);
    return -EBADMSG;
}

/* Opens and scans; descriptor in *fd, owned by the caller also on failure (-1: none). */
static int scan_segment(const struct fs_v1_folder *folder, struct replay *replay, uint64_t number,
                        uint64_t position_first, int *fd, struct fs_v1_scan *scan)
{
    const struct fs_host *host = folder->host;
    char name[FS_V1_NAME_MAX];
    int error;

    fs_v1_segment_name(name, number);
    *fd = fs_v1_segment_open(folder, number);
    if (*fd < 0) {
        error = *fd;
        *fd = -1;
        host->log(host, FS_LOG_ERROR, "v1: cannot open %s, which belongs to the journal: %s", name,
                  strerror(-error));
        return error == -ENOENT ? -EBADMSG : error;
    }
    error = fs_v1_segment_scan(*fd, number, position_first, replay_record, replay, scan);
    if (error)
        host->log(host, FS_LOG_ERROR, "v1: cannot read %s: %s", name, strerror(-error));
    return error;
}

int fs_v1_replay_closed(const struct fs_v1_folder *folder, struct fs_v1_ledger *ledger,
                        uint64_t first, uint64_t last, const _Atomic bool *is_stopping,
                        uint64_t *position)
{
    struct replay replay = {ledger, is_stopping};

    for (uint64_t number = first; number <= last; number++) {
        struct fs_v1_scan scan;
        int fd;
        int error = scan_segment(folder, &replay, number, *position + 1, &fd, &scan);

        if (fd >= 0)
            close(fd);
        if (error)
            return error;
        if (scan.problem == interrupted)
            return -ECANCELED;
        if (scan.tail != FS_V1_TAIL_CLEAN || !scan.has_header)
            return refuse(folder, number, &scan);
        *position += scan.records;
    }
    return 0;
}

/* The name of a file was given once its header was on disk: it is not unborn, whatever is in it now. */
static int refuse_headless(const struct fs_v1_folder *folder, uint64_t number,
                           const struct fs_v1_scan *scan)
{
    char name[FS_V1_NAME_MAX];

    fs_v1_segment_name(name, number);
    folder->host->log(
        folder->host, FS_LOG_ERROR,
        "v1: %s (%" PRIdMAX
        " bytes) does not begin with a header, so what it held is gone: nothing was "
        "changed; restore the file from a copy, or, to begin without the orders in the "
        "journal, move its folder and %s away",
        name, (intmax_t)scan->size, FS_V1_BIRTH_NAME);
    return -EBADMSG;
}

/* Fewer records than were on disk when the journal last said so.  Nothing has been cut yet. */
static int refuse_short(const struct fs_v1_folder *folder, uint64_t number, uint64_t position,
                        const struct fs_v1_birth *birth)
{
    char name[FS_V1_NAME_MAX];

    fs_v1_segment_name(name, number);
    folder->host->log(folder->host, FS_LOG_ERROR,
                      "v1: the journal ends with record %" PRIu64 " in %s, and the records up to "
                      "%" PRIu64
                      " were on disk: nothing was changed; restore the files from a copy, "
                      "or, to go on without the orders that are missing, remove %s from the data "
                      "folder",
                      position, name, birth->position, FS_V1_BIRTH_NAME);
    return -EBADMSG;
}

/* Segments or the snapshot are missing: what is there does not reach as far as it must. */
static int check_listing(const struct fs_v1_folder *folder, const struct fs_v1_listing *listing,
                         const struct fs_v1_birth *birth)
{
    char name[FS_V1_NAME_MAX];

    if (listing->segment_last >= birth->segment)
        return 0;
    fs_v1_segment_name(name, birth->segment);
    folder->host->log(
        folder->host, FS_LOG_ERROR,
        "v1: %s, which belongs to the journal, is missing: restore the journal's "
        "folder from a copy, or, to go on without the orders that are missing, remove "
        "%s from the data folder",
        name, FS_V1_BIRTH_NAME);
    return -EBADMSG;
}

/* Makes the last segment ready to be written on: what was read is on disk, and nothing but zeros is
 * behind it. */
static void settle_tail(const struct fs_v1_folder *folder, uint64_t number, int fd,
                        const struct fs_v1_scan *scan, struct fs_v1_recovered *recovered)
{
    const struct fs_host *host = folder->host;
    char name[FS_V1_NAME_MAX];

    fs_v1_segment_name(name, number);
    recovered->segment = number;
    recovered->end = (uint64_t)scan->end;
    recovered->zeroed_to = (uint64_t)(scan->size > scan->end ? scan->size : scan->end);
    if (scan->tail != FS_V1_TAIL_CLEAN) {
        if (folder->files->truncate(folder->files, fd, scan->end) != 0)
            fs_v1_folder_fail(folder, "the cutting", name, errno);
        recovered->zeroed_to = recovered->end;
        host->log(host, FS_LOG_WARNING,
                  "v1: %s: cut %" PRIdMAX " bytes at offset %" PRIdMAX
                  ", the torn end of the last batch (%" PRIu64 " valid records)",
                  name, (intmax_t)(scan->size - scan->end), (intmax_t)scan->end, scan->valid_lost);
    }
    /* What a killed process wrote without a sync is now told as true, so it must be on disk. */
    fs_v1_folder_sync(folder, name, fd);
}

static int judge_last(const struct fs_v1_folder *folder, uint64_t number,
                      const struct fs_v1_scan *scan, uint64_t position, bool may_cut_last_batch,
                      const struct fs_v1_birth *birth)
{
    if (scan->problem || scan->tail == FS_V1_TAIL_DAMAGED ||
        (scan->tail == FS_V1_TAIL_LAST_BATCH && !may_cut_last_batch))
        return refuse(folder, number, scan);
    if (!scan->has_header)
        return refuse_headless(folder, number, scan);
    if (position < birth->position)
        return refuse_short(folder, number, position, birth);
    return 0;
}

static int recover_last(const struct fs_v1_folder *folder, struct replay *replay, uint64_t number,
                        bool may_cut_last_batch, const struct fs_v1_birth *birth,
                        struct fs_v1_recovered *recovered)
{
    struct fs_v1_scan scan;
    int fd;
    int error = scan_segment(folder, replay, number, recovered->position_last + 1, &fd, &scan);

    if (!error)
        error = judge_last(folder, number, &scan, recovered->position_last + scan.records,
                           may_cut_last_batch, birth);
    if (!error)
        settle_tail(folder, number, fd, &scan, recovered);
    if (fd >= 0)
        close(fd);
    if (error)
        return error;
    recovered->position_last += scan.records;
    recovered->records += scan.records;
    return 0;
}

static int replay_segments(const struct fs_v1_folder *folder, struct fs_v1_ledger *ledger,
                           const struct fs_v1_listing *listing, bool may_cut_last_batch,
                           const struct fs_v1_birth *birth, struct fs_v1_recovered *recovered)
{
    struct replay replay = {ledger, NULL};
    uint64_t first = listing->snapshot + 1;
    uint64_t last = listing->segment_last;
    uint64_t position = recovered->position_last;
    int error;

    if (last == 0 && listing->snapshot == 0)
        return 0; /* a new folder: check_listing() knows that it was never written */
    if (last < first)
        last = first; /* missing: opening it says so */
    if (last > first) {
        error = fs_v1_replay_closed(folder, ledger, first, last - 1, NULL, &position);
        if (error)
            return error;
    }
    recovered->records = position - recovered->position_last;
    recovered->position_last = position;
    recovered->segments = last - first + 1;
    return recover_last(folder, &replay, last, may_cut_last_batch, birth, recovered);
}

/* What was read is on disk from here on, and must be there at the next start. */
static void note_birth(const struct fs_v1_folder *folder, const struct fs_v1_birth *birth,
                       const struct fs_v1_recovered *recovered)
{
    const struct fs_v1_birth now = {recovered->segment, recovered->position_last};

    if (now.segment == 0 || (now.segment == birth->segment && now.position == birth->position))
        return; /* the journal writes it before its first record */
    if (birth->segment == 0)
        folder->host->log(
            folder->host, FS_LOG_WARNING,
            "v1: %s was not there beside a journal of an older version or after it was "
            "removed: the journal was taken as whole, with the records up to %" PRIu64,
            FS_V1_BIRTH_NAME, now.position);
    fs_v1_birth_write(folder, &now);
}

int fs_v1_recover(const struct fs_v1_folder *folder, struct fs_v1_ledger *ledger,
                  bool may_cut_last_batch, struct fs_v1_recovered *recovered)
{
    struct fs_v1_listing listing;
    struct fs_v1_birth birth;
    const char *problem;
    int error = fs_v1_folder_list(folder, &listing);

    *recovered = (struct fs_v1_recovered){.snapshot = listing.snapshot};
    if (!error)
        error = fs_v1_birth_read(folder->host, folder->data_fd, &birth);
    if (!error)
        error = check_listing(folder, &listing, &birth);
    if (!error && listing.snapshot > 0)
        error = fs_v1_snapshot_load(folder, listing.snapshot, ledger, &recovered->position_last);
    if (!error)
        error = replay_segments(folder, ledger, &listing, may_cut_last_batch, &birth, recovered);
    if (error)
        return error;
    problem = fs_v1_ledger_check(ledger);
    if (problem) {
        folder->host->log(folder->host, FS_LOG_ERROR,
                          "v1: the journal is read, but %s: refusing to start", problem);
        return -EBADMSG;
    }
    note_birth(folder, &birth, recovered);
    fs_v1_folder_sweep(folder, listing.snapshot);
    return 0;
}
