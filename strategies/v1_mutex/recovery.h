/* Start-up: from the files in the folder to a ledger and the place where the journal goes on. */
#ifndef FS_V1_RECOVERY_H
#define FS_V1_RECOVERY_H

#include "folder.h"
#include "ledger.h"

struct fs_v1_recovered {
    uint64_t position_last;
    uint64_t snapshot; /* that was loaded; 0: none */
    uint64_t segments; /* that were read */
    uint64_t segment;  /* to write on; 0: none yet */
    uint64_t end;
    uint64_t zeroed_to;
    uint64_t records; /* that were replayed */
};

/* Fills an empty ledger.  may_cut_last_batch: valid records of the last batch behind a bad one are
 * cut, which may lose acknowledged orders of that batch; nothing in front of it is ever cut.
 * Returns 0; -EBADMSG when the files do not hold together, or the errno of reading, logged with file
 * and offset: the ledger is then of no more use and no record was changed.  [main] */
int fs_v1_recover(const struct fs_v1_folder *folder, struct fs_v1_ledger *ledger,
                  bool may_cut_last_batch, struct fs_v1_recovered *recovered);

/* Replays closed segments from first to last, which must be whole; *position is moved from the last
 * record in the ledger to the last replayed.  Stops early when *is_stopping (NULL: never) becomes
 * true: -ECANCELED.  Else returns as above.  [any] */
int fs_v1_replay_closed(const struct fs_v1_folder *folder, struct fs_v1_ledger *ledger,
                        uint64_t first, uint64_t last, const _Atomic bool *is_stopping,
                        uint64_t *position);

#endif
