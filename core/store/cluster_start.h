/* From the addresses that the user named to the primaries of their cluster; blocks. */
#ifndef FS_STORE_CLUSTER_START_H
#define FS_STORE_CLUSTER_START_H

#include <stdatomic.h>

#include "store/finder.h"

struct fs_cluster_start {
    const struct fs_topology *seeds; /* borrowed until the finder is destroyed */
    uint64_t connect_timeout_us;
    uint64_t start_timeout_us;  /* until every slot is served and every primary can be reached */
    const _Atomic bool *is_cut; /* NULL, or borrowed for the call: set, the waiting ends */
    struct fs_log *log;         /* borrowed until the finder is destroyed */
};

/* Whether a server named among others is a node of a cluster.  Each is asked once; who does not answer
 * is passed over.  *index: of the first, or FS_STORE_NODES_MAX when there is none.  Returns 0, or
 * -EINVAL with a sentence when those that answer do not belong together.  [main] */
int fs_cluster_detect(const struct fs_topology *seeds, uint64_t timeout_us, unsigned *index,
                      struct fs_error *error);

/* Fills primaries, which owns its texts, and makes a finder that has found them and is not started.
 * Returns 0, or with a sentence: -EINVAL (a database other than 0), -ETIMEDOUT, -EINTR, -EACCES,
 * -EPROTO, -ENOSPC, -ENOMEM.  [main] */
int fs_cluster_find(const struct fs_cluster_start *start, struct fs_topology *primaries,
                    struct fs_finder **finder, struct fs_error *error);

#endif
