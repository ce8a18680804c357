/* Asks Redis Sentinel where a primary is; blocks. */
#ifndef FS_STORE_SENTINEL_H
#define FS_STORE_SENTINEL_H

#include "store/cluster.h"

/* Asks the sentinels of a node, one after the other from number *first on, until more than half of those
 * that are listed name the same server, and then that server whether it is a primary: a sentinel that is cut
 * off, or has not heard of a failover yet, names the one that was.  *first becomes the number of the sentinel
 * that completed the majority.
 * Returns 0; or with a sentence -EAGAIN (no majority, or the server that it names is no primary: later
 * there may be), -EACCES (log-in).  [any thread that may block] */
int fs_sentinel_ask(const struct fs_node *node, uint64_t timeout_us, unsigned *first,
                    struct fs_cluster_node *found, struct fs_error *error);

#endif
