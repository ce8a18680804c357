/* Keeps the connections of one loop at the primaries that sentinels name. */
#ifndef FS_STORE_FOLLOW_H
#define FS_STORE_FOLLOW_H

#include "store/finder.h"
#include "store/place.h"

/* Constant after init but generation. */
struct fs_follow {
    struct fs_places *places;   /* borrowed */
    struct fs_finder *finder;   /* borrowed */
    struct fs_cluster_map *map; /* owned: room for what the finder gives */
    uint64_t generation;
    uint64_t look_at_us; /* when a primary is missing: look at the finder again */
};

/* Returns 0 or -ENOMEM.  [loop] */
int fs_follow_init(struct fs_follow *follow, struct fs_places *places, struct fs_finder *finder);
void fs_follow_dispose(struct fs_follow *follow); /* [loop] */

/* Before the connections are looked after: a connection to a server that is no primary any more ends,
 * and none is made before the sentinels were asked again.  [loop] */
void fs_follow_look_after(struct fs_follow *follow, uint64_t now_us);

/* As fs_connection_next_due_us().  [loop] */
uint64_t fs_follow_next_due_us(const struct fs_follow *follow);

#endif
