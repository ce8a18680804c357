/* A connection that was lost is made again only after the sentinels have been asked since: a primary that
 * was deposed while it was away comes back as one, until the sentinels find it, and would sell by itself
 * meanwhile.  For the same reason the finder asks them every second, lost connection or not.
 *
 * The name of a server is looked up before each connect as well, but a resolver that is slow holds up a
 * connect for LOOK_UP_US only: then the address that the name had last is tried, and left when the name
 * turns out to have moved. */
#include "store/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LOOK_US 10000u
#define LOOK_UP_US 200000u
#define PAUSE_US \
    3000000u /* shorter than what sentinels wait for by default; loops turn each second */

int fs_follow_init(struct fs_follow *follow, struct fs_places *places, struct fs_finder *finder,
                   struct fs_resolver *resolver)
{
    *follow = (struct fs_follow){.places = places,
                                 .finder = finder,
                                 .resolver = resolver,
                                 .map = malloc(sizeof(struct fs_cluster_map)),
                                 .look_at_us = UINT64_MAX};
    return follow->map ? 0 : -ENOMEM;
}

void fs_follow_dispose(struct fs_follow *follow)
{
    free(follow->map);
    follow->map = NULL;
}

static bool is_named(const struct fs_follow *follow, const struct fs_place *place)
{
    return follow->resolver && place->node.host && !fs_lookup_is_numeric(place->node.host);
}

static void take_over_found(struct fs_follow *follow, uint64_t now_us)
{
    follow->found = fs_finder_copy(follow->finder, follow->map);
    for (unsigned i = 0; i < follow->places->count; i++) {
        struct fs_place *place = follow->places->list[i];

        if (place->node.sentinels)
            fs_place_move(place, follow->map->nodes[i].address, follow->map->nodes[i].port, now_us);
    }
}

/* A connection stays when its address is still one of the name's. */
static void take_over_resolved(struct fs_follow *follow, uint64_t now_us)
{
    follow->resolved = fs_resolver_generation(follow->resolver);
    for (unsigned i = 0; i < follow->places->count; i++) {
        struct fs_place *place = follow->places->list[i];
        struct fs_connection *connection = &place->connection;
        struct fs_addresses now;

        if (!is_named(follow, place))
            continue;
        (void)fs_resolver_copy(follow->resolver, i, &now);
        if (now.count == 0 || fs_addresses_same(&now, &place->node.at))
            continue;
        place->node.at = now;
        if (!connection->context)
            connection->retry_at_us = now_us;
        else if (!fs_addresses_have(&now, connection->address))
            fs_connection_fail(connection, "its name has moved from %s to %s", connection->address,
                               now.list[0]);
    }
}

/* When what decides about a place was asked last. */
static bool was_asked_since(const struct fs_follow *follow, const struct fs_place *place,
                            unsigned index, uint64_t now_us)
{
    if (place->node.sentinels)
        return fs_finder_looked_at_us(follow->finder, index) >= place->away_since_us;
    return fs_resolver_looked_at_us(follow->resolver, index) >= place->away_since_us ||
           now_us >= place->away_since_us + LOOK_UP_US;
}

/* Whether a connection is missing that the sentinels or a name decide about. */
static bool hold(struct fs_follow *follow, unsigned index, uint64_t now_us)
{
    struct fs_place *place = follow->places->list[index];
    struct fs_connection *connection = &place->connection;

    if ((!place->node.sentinels && !is_named(follow, place)) ||
        connection->state == FS_CONNECTION_READY) {
        place->is_away = false;
        return false;
    }
    if (connection->state == FS_CONNECTION_DOWN && !place->is_away) {
        place->is_away = true;
        place->away_since_us = now_us;
    }
    if (connection->state == FS_CONNECTION_DOWN && !was_asked_since(follow, place, index, now_us) &&
        connection->retry_at_us < now_us + LOOK_US)
        connection->retry_at_us = now_us + LOOK_US;
    if (connection->state != FS_CONNECTION_DOWN)
        place->is_away = false;
    return true;
}

static void ask_again(const struct fs_follow *follow)
{
    if (follow->finder)
        fs_finder_ask(follow->finder);
    if (follow->resolver)
        fs_resolver_ask(follow->resolver);
}

static bool is_news(const struct fs_follow *follow)
{
    return (follow->finder && fs_finder_generation(follow->finder) != follow->found) ||
           (follow->resolver && fs_resolver_generation(follow->resolver) != follow->resolved);
}

/* A process that stood still may have missed a failover, and its connections may lead to a primary that was
 * deposed meanwhile: nothing is written there before the sentinels were asked. */
static void end_after_pause(struct fs_follow *follow, uint64_t now_us)
{
    uint64_t pause_us = now_us - follow->looked_us;

    if (follow->looked_us != 0 && pause_us > PAUSE_US)
        for (unsigned i = 0; i < follow->places->count; i++) {
            struct fs_place *place = follow->places->list[i];

            if (place->node.sentinels && place->connection.context)
                fs_connection_fail(&place->connection,
                                   "this process stood still for %.1f s, so the sentinels are "
                                   "asked again",
                                   (double)pause_us / 1e6);
        }
    follow->looked_us = now_us;
}

void fs_follow_look_after(struct fs_follow *follow, uint64_t now_us)
{
    struct fs_places *places = follow->places;
    bool is_missing = false;

    end_after_pause(follow, now_us);

    if (follow->finder && fs_finder_generation(follow->finder) != follow->found)
        take_over_found(follow, now_us);
    if (follow->resolver && fs_resolver_generation(follow->resolver) != follow->resolved)
        take_over_resolved(follow, now_us);
    for (unsigned i = 0; i < places->count; i++) {
        is_missing |= hold(follow, i, now_us);
        is_missing |= places->list[i]->connection.is_readonly;
        places->list[i]->connection.is_readonly = false;
    }
    if (is_missing)
        ask_again(follow);
    follow->look_at_us = is_missing ? now_us + LOOK_US : UINT64_MAX;
}

uint64_t fs_follow_next_due_us(const struct fs_follow *follow)
{
    return is_news(follow) ? 0 : follow->look_at_us;
}
