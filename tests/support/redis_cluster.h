/* A Redis Cluster of a test's own, of plain redis-server processes on free ports of 127.0.0.1. */
#ifndef FS_TESTS_SUPPORT_REDIS_CLUSTER_H
#define FS_TESTS_SUPPORT_REDIS_CLUSTER_H

#include "support/redis_server.h"

#define FS_REDIS_CLUSTER_MAX 8u

struct fs_redis_cluster {
    struct fs_redis_server nodes[FS_REDIS_CLUSTER_MAX]; /* primaries first, as they began */
    int bus_ports[FS_REDIS_CLUSTER_MAX];
    char ids[FS_REDIS_CLUSTER_MAX][48];
    unsigned count;
    unsigned primary_count;
};

/* Primaries share the slots in equal ranges; replicas follow them in turn.  Returns when every node
 * says that the cluster is whole and every replica follows; ends the program when they do not within
 * 20 s. */
void fs_redis_cluster_start(struct fs_redis_cluster *cluster, unsigned primary_count,
                            unsigned replica_count);
void fs_redis_cluster_stop(struct fs_redis_cluster *cluster);

/* Index of the node that serves a slot as node `asked` sees it; count: none that is of ours. */
unsigned fs_redis_cluster_owner(struct fs_redis_cluster *cluster, unsigned asked, unsigned slot);

/* Begins to migrate a slot: the source answers ASK for keys that it does not have. */
void fs_redis_cluster_open_slot(struct fs_redis_cluster *cluster, unsigned slot, unsigned source,
                                unsigned target);
/* Moves one key of it.  Ends the program when it cannot. */
void fs_redis_cluster_move_key(struct fs_redis_cluster *cluster, const char *key, unsigned source,
                               unsigned target);
/* Ends it: the slot is the target's, as every node knows when this returns. */
void fs_redis_cluster_close_slot(struct fs_redis_cluster *cluster, unsigned slot, unsigned target);

/* SIGKILL, and until a replica of the node, by the cluster's vote, serves a slot of it; gives its index.
 * From then on the cluster is quick to take a slow node for dead. */
unsigned fs_redis_cluster_kill(struct fs_redis_cluster *cluster, unsigned slot, unsigned dead);

#endif
