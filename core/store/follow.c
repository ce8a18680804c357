/* A connection that was lost is made anew only after the sentinels have been asked since: a primary that
 * was deposed while it was away comes back as one, until the sentinels find it, and would sell by itself
 * meanwhile.  For the same reason the finder asks them every second, lost connection or not. */
#include "store/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LOOK_US 10000u

int fs_follow_init(struct fs_follow *follow, struct fs_places *places, struct fs_finder *finder)
{
    *follow = (struct fs_follow){.places = places,
                                 .finder = finder,
                                 .map = malloc(sizeof(struct fs_cluster_map)),
                                 .look_at_us = UINT64_MAX};
    return follow->map ? 0 : -ENOMEM;
}

void fs_follow_dispose(struct fs_follow *follow)
{
    free(follow->map);
    follow->map = NULL;
}

static void move(struct fs_place *place, const struct fs_cluster_node *to, uint64_t now_us)
{
    if (!to->address[0] || (place->node.address_count > 0 && place->node.port == to->port &&
                            strcmp(place->node.addresses[0], to->address) == 0))
        return;
    fs_topology_move(&place->node, to->address, to->port);
    if (place->connection.context)
        fs_connection_fail(&place->connection, "the primary is now at %s", place->node.name);
    else
        place->connection.retry_at_us = now_us;
}

/* Whether a connection is missing that the sentinels decide about. */
static bool hold(struct fs_follow *follow, unsigned index, uint64_t now_us)
{
    struct fs_place *place = follow->places->list[index];
    struct fs_connection *connection = &place->connection;

    if (!place->node.sentinels || connection->state == FS_CONNECTION_READY) {
        place->is_away = false;
        return false;
    }
    if (connection->state == FS_CONNECTION_DOWN && !place->is_away) {
        place->is_away = true;
        place->away_since_us = now_us;
    }
    if (connection->state == FS_CONNECTION_DOWN &&
        fs_finder_looked_at_us(follow->finder, index) < place->away_since_us &&
        connection->retry_at_us < now_us + LOOK_US)
        connection->retry_at_us = now_us + LOOK_US;
    if (connection->state != FS_CONNECTION_DOWN)
        place->is_away = false;
    return true;
}

void fs_follow_look_after(struct fs_follow *follow, uint64_t now_us)
{
    struct fs_places *places = follow->places;
    bool is_missing = false;

    if (fs_finder_generation(follow->finder) != follow->generation) {
        follow->generation = fs_finder_copy(follow->finder, follow->map);
        for (unsigned i = 0; i < places->count; i++)
            if (places->list[i]->node.sentinels)
                move(places->list[i], &follow->map->nodes[i], now_us);
    }
    for (unsigned i = 0; i < places->count; i++) {
        is_missing |= hold(follow, i, now_us);
        is_missing |= places->list[i]->connection.is_readonly;
        places->list[i]->connection.is_readonly = false;
    }
    if (is_missing)
        fs_finder_ask(follow->finder);
    follow->look_at_us = is_missing ? now_us + LOOK_US : UINT64_MAX;
}

uint64_t fs_follow_next_due_us(const struct fs_follow *follow)
{
    return fs_finder_generation(follow->finder) != follow->generation ? 0 : follow->look_at_us;
}
