/* Where the commands of one loop go: by the order of the servers, or by the slots of a cluster. */
#ifndef FS_STORE_ROUTE_H
#define FS_STORE_ROUTE_H

#include "store/finder.h"
#include "store/place.h"

/* Of a cluster.  Zero it, then init. */
struct fs_route {
    /* constant after init */
    struct fs_places *places;   /* borrowed */
    struct fs_answers *answers; /* borrowed */
    struct fs_finder *finder;   /* borrowed */
    const struct fs_node *seed; /* borrowed: whose log-in all nodes have */

    /* owned */
    struct fs_cluster_map *map; /* room for what the finder gives */

    /* changing */
    uint64_t generation;                 /* of the map that was taken over; 0: none yet */
    uint64_t look_at_us;                 /* when something is missing: look at the finder again */
    uint8_t owners[FS_STORE_SLOT_COUNT]; /* 1 + index of the place; 0: nobody */
    struct fs_link parked;               /* requests that wait to be sent to another node */
};

/* Returns 0 or -ENOMEM.  [loop] */
int fs_route_init(struct fs_route *route, struct fs_places *places, struct fs_answers *answers,
                  struct fs_finder *finder, const struct fs_node *seed);

/* What is parked goes unanswered: the strategy has been detached.  Before the places.  [loop] */
void fs_route_dispose(struct fs_route *route);

/* The place of a slot; FS_PLACE_NONE: nobody serves it, as far as is known.  [loop] */
unsigned fs_route_find(struct fs_route *route, unsigned slot);

/* Takes over a new map, sends on what was redirected and what is parked.  [loop] */
void fs_route_look_after(struct fs_route *route, uint64_t now_us);

/* As fs_connection_next_due_us().  [loop] */
uint64_t fs_route_next_due_us(const struct fs_route *route);

#endif
