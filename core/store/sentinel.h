/* Asks Redis Sentinel where a primary is; blocks. */
#ifndef FS_STORE_SENTINEL_H
#define FS_STORE_SENTINEL_H

#include "store/cluster.h"

/* Asks the sentinels of a node, one after the other from number *first on, and then the server that
 * one of them names whether it is a primary: while a failover goes on they may name the one that was.
 * *first becomes the number of the sentinel that was believed.
 * Returns 0; or with a sentence -EAGAIN (no sentinel answers, none knows the name, or who it names is no
 * primary: later it may be), -EACCES (log-in).  [any thread that may block] */
int fs_sentinel_ask(const struct fs_node *node, uint64_t timeout_us, unsigned *first,
                    struct fs_cluster_node *found, struct fs_error *error);

#endif
