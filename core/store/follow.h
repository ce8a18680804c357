/* Keeps the connections of one loop at the primaries that sentinels name, and at the addresses that
 * names of servers have now. */
#ifndef FS_STORE_FOLLOW_H
#define FS_STORE_FOLLOW_H

#include "store/finder.h"
#include "store/place.h"
#include "store/resolver.h"

/* Constant after init but the generations. */
struct fs_follow {
    struct fs_places *places;     /* borrowed */
    struct fs_finder *finder;     /* borrowed; NULL: no server has sentinels */
    struct fs_resolver *resolver; /* borrowed; NULL: no server has a name */
    struct fs_cluster_map *map;   /* owned: room for what the finder gives */
    uint64_t found;               /* generation of the finder that was taken over */
    uint64_t resolved;            /* generation of the resolver that was taken over */
    uint64_t looked_us;           /* the last look_after(); 0: none yet */
    uint64_t look_at_us;          /* when a primary is missing: look at both again */
};

/* Returns 0 or -ENOMEM.  [loop] */
int fs_follow_init(struct fs_follow *follow, struct fs_places *places, struct fs_finder *finder,
                   struct fs_resolver *resolver);
void fs_follow_dispose(struct fs_follow *follow); /* [loop] */

/* Before the connections are looked after: a connection to a server that is no primary any more, or to
 * an address that the server's name no longer has, ends; and none is made before the sentinels were
 * asked, or the name was looked up, again.  [loop] */
void fs_follow_look_after(struct fs_follow *follow, uint64_t now_us);

/* As fs_connection_next_due_us().  [loop] */
uint64_t fs_follow_next_due_us(const struct fs_follow *follow);

#endif
