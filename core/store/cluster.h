/* Which primary of a Redis Cluster serves which slot, as one of its nodes tells it. */
#ifndef FS_STORE_CLUSTER_H
#define FS_STORE_CLUSTER_H

#include <stdint.h>

#include <flashsale/flashsale.h>
#include <flashsale/strategy.h>

#include "store/topology.h"

#define FS_CLUSTER_HOST_SIZE 256 /* of an announced address or name, with its NUL */
#define FS_CLUSTER_REPLICAS_MAX 128u

/* A node as the cluster announces it. */
struct fs_cluster_node {
    char host[FS_CLUSTER_HOST_SIZE];    /* as redirections name it: an address, or a name */
    char address[FS_NODE_ADDRESS_SIZE]; /* numeric; "": host is a name that nobody resolved yet */
    int port;
};

struct fs_cluster_map {
    struct fs_cluster_node nodes[FS_STORE_NODES_MAX]; /* the primaries that have slots */
    unsigned node_count;
    struct fs_cluster_node
        replicas[FS_CLUSTER_REPLICAS_MAX]; /* of them; what is beyond is left out */
    unsigned replica_count;
    uint8_t owners[FS_STORE_SLOT_COUNT]; /* 1 + index in nodes; 0: nobody */
};

/* Reads the answer to CLUSTER SLOTS.  asked_host: where it was asked, which stands for nodes that do
 * not know their own address.  Returns 0, or -EPROTO or -ENOSPC (more than FS_STORE_NODES_MAX
 * primaries) with a sentence.  [any] */
int fs_cluster_map_read(const struct fs_reply *slots, const char *asked_host,
                        struct fs_cluster_map *map, struct fs_error *error);

/* A slot that nobody serves; FS_STORE_SLOT_COUNT: there is none.  [any] */
unsigned fs_cluster_map_hole(const struct fs_cluster_map *map);

bool fs_cluster_map_same(const struct fs_cluster_map *a, const struct fs_cluster_map *b);

enum fs_redirect_kind {
    FS_REDIRECT_NONE = 0, /* another error */
    FS_REDIRECT_MOVED,    /* the slot is served by the node it names */
    FS_REDIRECT_ASK,      /* the keys of this command are on their way to the node it names */
    FS_REDIRECT_TRYAGAIN  /* some of its keys are there and some are not: soon they will be */
};

/* What an error of a cluster says.  Each of them means that the command did not run. */
struct fs_redirect {
    enum fs_redirect_kind kind;
    unsigned slot;       /* MOVED and ASK */
    struct fs_text host; /* likewise; empty: that of the node which answered */
    int port;
};

/* False: it is none, or it makes no sense.  host points into error.  [any] */
bool fs_redirect_read(struct fs_text error, struct fs_redirect *redirect);

#endif
