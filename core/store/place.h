/* The servers that one loop has connections to.
 *
 * Independent servers have a place each, by their index, for ever.  Primaries of a cluster come and go: a
 * node that has no slots any more keeps its place and rests.  Its commands are still answered, then
 * the connection ends; what must be fenced when it comes back (handshake.c) is remembered.  A place is
 * given to another node only when there is no free one, it rests, and nothing of it is under way;
 * then its age rises, by which a parked request knows that it was meant for another. */
#ifndef FS_STORE_PLACE_H
#define FS_STORE_PLACE_H

#include "store/cluster.h"
#include "store/connection.h"

#define FS_PLACE_NONE UINT8_MAX

struct fs_place {
    struct fs_node node; /* its texts are borrowed, but addresses and name, which may change */
    struct fs_connection connection;
    char host[FS_CLUSTER_HOST_SIZE]; /* of a cluster: as announced */
    uint32_t age;
    bool is_wanted;      /* it has slots, or is not of a cluster */
    uint64_t used_at_us; /* not wanted: when a redirection last named it */

    /* follow.c's */
    bool is_away; /* down, and no attempt was made since */
    uint64_t away_since_us;
};

struct fs_places {
    const struct fs_connection_settings *settings; /* borrowed */
    struct fs_place *list[FS_STORE_NODES_MAX];     /* owned, in place until dispose */
    unsigned count;
};

_Static_assert(FS_STORE_NODES_MAX < FS_PLACE_NONE, "the index of a place fits into a byte");

void fs_places_init(struct fs_places *places, const struct fs_connection_settings *settings);
void fs_places_dispose(struct fs_places *places); /* as fs_connection_dispose(), all.  [loop] */

/* Adds a place for node.  Returns 0, -ENOSPC or -ENOMEM.  [loop] */
int fs_places_add(struct fs_places *places, const struct fs_node *node);

/* The place of a node of the cluster that seed belongs to: made, or woken, when it is not there.
 * FS_PLACE_NONE: there is no room, no memory, or no address.  [loop] */
unsigned fs_places_take(struct fs_places *places, const struct fs_node *seed,
                        const struct fs_cluster_node *node, uint64_t now_us);

/* Another address of the same server: a connection to the old one ends, and one that is missing is made
 * at once.  address "" and the one that it has already: nothing.  [loop] */
void fs_place_move(struct fs_place *place, const char *address, int port, uint64_t now_us);

/* Who is not wanted and has not been named for a while goes to rest.  [loop] */
void fs_places_rest(struct fs_places *places, uint64_t now_us);

#endif
