/* Which servers of the store are reached now, by the connections of all loops: for /metrics, for
 * /readyz?verbose, and for the reason when nothing can be bought.
 *
 * Bounded: one entry for each server that some loop wants, FS_STORE_NODES_MAX at most. */
#ifndef FS_METRICS_NODES_H
#define FS_METRICS_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include <flashsale/strategy.h>

#define FS_NODE_LABEL_SIZE 128
#define FS_NODE_TEXT_SIZE 192

struct fs_nodes;

struct fs_node_state {
    char name[FS_NODE_LABEL_SIZE];   /* "redis-1:6379": never a password */
    unsigned up;                     /* loops whose connection carries commands */
    unsigned down;                   /* loops whose connection is missing */
    int64_t down_since_ms;           /* Unix time; 0: it is down for no loop */
    char problem[FS_NODE_TEXT_SIZE]; /* why the last connection ended or was not made */
    char refusal[FS_NODE_TEXT_SIZE]; /* the error that the server answered last; "": none */
    int64_t refused_at_ms;
};

/* A connection's part in the state of its server.  Zero it to init. */
struct fs_node_seat {
    unsigned index; /* 1 + that of the entry; 0: none */
    bool is_up;
};

int fs_nodes_create(struct fs_nodes **nodes);  /* 0 or -ENOMEM.  [main] */
void fs_nodes_destroy(struct fs_nodes *nodes); /* NULL: nothing.  [main] */

/* The functions below take NULL for nodes: nothing is noted.  [any] */

/* The connection to the server of this name is up, or is down for this reason. */
void fs_nodes_note(struct fs_nodes *nodes, struct fs_node_seat *seat, const char *name, bool is_up,
                   const char *problem);
void fs_nodes_leave(struct fs_nodes *nodes, struct fs_node_seat *seat); /* nobody needs it */

/* The server answered a command with an error. */
void fs_nodes_note_refusal(struct fs_nodes *nodes, const struct fs_node_seat *seat,
                           struct fs_text error);

unsigned fs_nodes_copy(struct fs_nodes *nodes, struct fs_node_state *into, unsigned max);

/* One sentence part about the servers that are down or refused a command in the last 10 s, the worst
 * first; false: there is none. */
bool fs_nodes_trouble(struct fs_nodes *nodes, char *into, size_t size);

#endif
