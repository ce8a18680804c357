/* Compaction: the thread that folds closed segments into a snapshot.
 *
 * It works on a ledger of its own, filled from the last snapshot and the segments by the code of
 * start-up, so it neither locks nor reads the live state; a bug in replaying shows here, not only
 * after a crash.  Its memory is given back after each run. */
#ifndef FS_V1_COMPACTION_H
#define FS_V1_COMPACTION_H

#include <pthread.h>
#include <stdatomic.h>

#include "folder.h"

struct fs_v1_compaction {
    /* constant after start */
    const struct fs_v1_folder *folder; /* borrowed */
    uint32_t orders_max;
    uint32_t sales_max;

    /* owned */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;

    /* changing */
    uint64_t closed; /* guarded by mutex: the last closed segment */
    uint64_t folded; /* guarded by mutex: the last one in a snapshot */
    _Atomic bool is_stopping;
};

/* closed: the last closed segment, 0: none; folded: that of the snapshot.  Returns 0 or a negative
 * errno.  [main] */
int fs_v1_compaction_start(struct fs_v1_compaction *compaction, const struct fs_v1_folder *folder,
                           uint32_t orders_max, uint32_t sales_max, uint64_t closed,
                           uint64_t folded);

/* Gives up a run under way; the next start takes it up.  [main] */
void fs_v1_compaction_stop(struct fs_v1_compaction *compaction);

/* Segments up to this one are closed.  [any] */
void fs_v1_compaction_closed(struct fs_v1_compaction *compaction, uint64_t segment);

/* One run: folds segments up to closed on top of the snapshot folded (0: none).  Returns 0,
 * -ECANCELED, or what was logged. */
int fs_v1_compaction_run(struct fs_v1_compaction *compaction, uint64_t folded, uint64_t closed);

#endif
