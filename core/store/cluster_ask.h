/* One node's view of its cluster, by a blocking conversation. */
#ifndef FS_STORE_CLUSTER_ASK_H
#define FS_STORE_CLUSTER_ASK_H

#include "store/cluster.h"

struct fs_cluster_view {
    struct fs_cluster_map map;
    uint64_t epoch; /* of the cluster as this node knows it: a failover or migration raises it */
    bool is_ok;     /* this node is with the majority, and every slot is served */
};

/* Fills in `into` how to reach a node of the cluster that `seed` belongs to: its address, with the
 * seed's log-in, which it borrows. */
void fs_cluster_node_at(const struct fs_node *seed, const struct fs_cluster_node *node,
                        struct fs_node *into);

/* Asks, and resolves names that are announced without an address.  view is large: not on a small
 * stack.  Returns 0, or with a sentence what fs_session_open() or fs_cluster_map_read() return.
 * [any thread that may block] */
int fs_cluster_ask(const struct fs_node *node, uint64_t timeout_us, struct fs_cluster_view *view,
                   struct fs_error *error);

#endif
