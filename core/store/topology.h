/* The Redis servers of one flashsale, and which of them a key lives on. */
#ifndef FS_STORE_TOPOLOGY_H
#define FS_STORE_TOPOLOGY_H

#include <flashsale/flashsale.h>
#include <flashsale/strategy.h>

#include "base/limits.h"
#include "store/lookup.h"

#define FS_NODE_NAME_SIZE 128 /* of a name for people, with its NUL */
#define FS_STORE_SLOT_COUNT 16384u

/* Who knows where a primary is now. */
struct fs_sentinels {
    char *master; /* owned: what they call it */
    unsigned count;
    struct {
        char host[256];
        int port;
    } list[FS_STORE_SENTINELS_MAX];
};

/* One server.  Constant once it is in a topology, but the addresses of one that may move. */
struct fs_node {
    char name[FS_NODE_NAME_SIZE]; /* "redis-1:6379", "unix:/run/redis.sock": never a password */
    char *host;                   /* owned; NULL: a unix socket, or sentinels tell */
    char *path;                   /* owned; NULL: TCP */
    char *user;                   /* owned; NULL: none */
    char *password;               /* owned; NULL: none */
    int port;
    unsigned database;
    struct fs_addresses at;         /* of the host; none for a unix socket */
    struct fs_sentinels *sentinels; /* owned; NULL: none */
};

/* Zero it to init. */
struct fs_topology {
    struct fs_node nodes[FS_STORE_NODES_MAX];
    unsigned node_count;
    bool is_cluster; /* the nodes are the primaries of a Redis Cluster, as they were at start */
};

/* redis://[[user]:password@]host[:port][/database], or unix:/path[?db=database], or
 * sentinel://[[user]:password@]host[:port][,host[:port]...]/master[/database], also written
 * redis-sentinel://; user and password are the server's and may be percent-encoded, an IPv6 address
 * stands in brackets.  Resolves nothing.
 * Returns 0, -EINVAL with a sentence, -ENOSPC beyond FS_STORE_NODES_MAX, -ENOMEM.  [main] */
int fs_topology_add(struct fs_topology *topology, const char *url, struct fs_error *error);

/* Looks up the name of every server; blocks, so loops never do it (resolver.h follows names that move).
 * lookup NULL: fs_lookup_system.  Returns 0, or -EHOSTUNREACH with a sentence.  [main] */
int fs_topology_resolve(struct fs_topology *topology, fs_lookup *lookup, void *lookup_data,
                        struct fs_error *error);

/* Gives a node that sentinels name its address, and the name of it; address "": nothing.  */
void fs_topology_move(struct fs_node *node, const char *address, int port);

void fs_topology_dispose(struct fs_topology *topology); /* clears passwords.  [main] */

/* As Redis Cluster: CRC16 of what stands between the first '{' and the next '}', of the whole key
 * where that is nothing.  [any] */
unsigned fs_topology_slot(struct fs_text key);

/* Slots are dealt to the nodes in equal ranges, in the order in which they were named.  At least
 * one node.  [any] */
unsigned fs_topology_node_of(const struct fs_topology *topology, struct fs_text key);

#endif
