/* Finds, makes, wakes and rests places. */
#include "store/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/cluster_ask.h"

#define NAMED_US 10000000u /* a node that is being given slots has none for a while */

void fs_places_init(struct fs_places *places, const struct fs_connection_settings *settings)
{
    *places = (struct fs_places){.settings = settings};
}

static void destroy(struct fs_place *place)
{
    fs_connection_dispose(&place->connection);
    free(place);
}

void fs_places_dispose(struct fs_places *places)
{
    for (unsigned i = 0; i < places->count; i++)
        destroy(places->list[i]);
    places->count = 0;
}

static struct fs_place *create(const struct fs_places *places, const struct fs_node *node,
                               unsigned index)
{
    struct fs_place *place = calloc(1, sizeof(*place));

    if (!place)
        return NULL;
    place->node = *node;
    place->is_wanted = true;
    if (fs_connection_init(&place->connection, places->settings, &place->node, index) == 0)
        return place;
    free(place);
    return NULL;
}

int fs_places_add(struct fs_places *places, const struct fs_node *node)
{
    struct fs_place *place;

    if (places->count == FS_STORE_NODES_MAX)
        return -ENOSPC;
    place = create(places, node, places->count);
    if (!place)
        return -ENOMEM;
    places->list[places->count++] = place;
    return 0;
}

/* A redirection names a node as it is announced, or by its address. */
static bool is_at(const struct fs_place *place, const struct fs_cluster_node *node)
{
    return place->node.port == node->port &&
           (strcmp(place->host, node->host) == 0 ||
            (place->node.at.count > 0 && strcmp(place->node.at.list[0], node->host) == 0));
}

static unsigned find(const struct fs_places *places, const struct fs_cluster_node *node)
{
    for (unsigned i = 0; i < places->count; i++)
        if (is_at(places->list[i], node))
            return i;
    return FS_PLACE_NONE;
}

/* The one that has rested longest; FS_PLACE_NONE: none rests. */
static unsigned find_resting(const struct fs_places *places)
{
    unsigned best = FS_PLACE_NONE;

    for (unsigned i = 0; i < places->count; i++) {
        const struct fs_place *place = places->list[i];

        if (place->connection.is_resting && !place->connection.context &&
            place->connection.in_flight == 0 &&
            (best == FS_PLACE_NONE || place->used_at_us < places->list[best]->used_at_us))
            best = i;
    }
    return best;
}

/* Puts a new place into the list, instead of one that rests where there is no room. */
static unsigned make(struct fs_places *places, const struct fs_node *node)
{
    unsigned index = places->count;
    struct fs_place *place;

    if (index < FS_STORE_NODES_MAX)
        return fs_places_add(places, node) == 0 ? index : FS_PLACE_NONE;
    index = find_resting(places);
    place = index == FS_PLACE_NONE ? NULL : create(places, node, index);
    if (!place)
        return FS_PLACE_NONE;
    place->age = places->list[index]->age + 1;
    destroy(places->list[index]);
    places->list[index] = place;
    return index;
}

void fs_place_move(struct fs_place *place, const char *address, int port, uint64_t now_us)
{
    if (!address[0] || (place->node.at.count > 0 && place->node.port == port &&
                        strcmp(place->node.at.list[0], address) == 0))
        return;
    fs_topology_move(&place->node, address, port);
    if (place->connection.context)
        fs_connection_fail(&place->connection, "the primary is now at %s", place->node.name);
    else
        place->connection.retry_at_us = now_us;
}

unsigned fs_places_take(struct fs_places *places, const struct fs_node *seed,
                        const struct fs_cluster_node *node, uint64_t now_us)
{
    unsigned index = find(places, node);
    struct fs_place *place;
    struct fs_node there;

    if (index == FS_PLACE_NONE && node->address[0]) {
        fs_cluster_node_at(seed, node, &there);
        index = make(places, &there);
        if (index != FS_PLACE_NONE)
            memcpy(places->list[index]->host, node->host, sizeof(node->host));
    }
    if (index == FS_PLACE_NONE)
        return FS_PLACE_NONE;
    place = places->list[index];
    place->used_at_us = now_us;
    fs_place_move(place, node->address, node->port,
                  now_us); /* a name that has another address now */
    if (place->connection.is_resting) {
        place->connection.is_resting = false;
        place->connection.retry_at_us = now_us;
    }
    return index;
}

void fs_places_rest(struct fs_places *places, uint64_t now_us)
{
    for (unsigned i = 0; i < places->count; i++) {
        struct fs_place *place = places->list[i];

        if (!place->is_wanted && now_us - place->used_at_us > NAMED_US)
            place->connection.is_resting = true;
    }
}
