/* Follows a Redis Cluster.
 *
 * One command is never executed twice.  It is sent again only when the node that it was sent to has
 * answered that it did not run it: MOVED, ASK and TRYAGAIN are decided by the keys before a command is
 * looked at (getNodeByQuery() in cluster.c of Redis 7.0).  A command whose answer did not come is
 * FS_REPLY_LOST as on a single server, and it is for the strategy to ask again.
 *
 * Such a lost command cannot run later than a second ask that another node answers.  Only the node that
 * owns a slot runs a command on its keys; the others say MOVED.  So when the second ask was answered by
 * another node than the one which may still hold the first, then either the slot was migrated, keys
 * before ownership, and the old owner answers ASK or MOVED to what it reads late; or a replica was
 * promoted, and what the old primary still does by itself is no part of the cluster's history: it is
 * thrown away when the node comes back as a replica.  On one and the same node the fence of
 * handshake.c orders the two, and a place keeps its fence while it rests.
 *
 * What the promoted replica never got is another matter: sales that were acknowledged may be gone.
 * The strategies see that by the witness they bring, and freeze the sale.
 *
 * Nodes disagree for a moment when a slot moves, so redirections may go in a circle: each one but the
 * first two waits a little, and there are at most HOPS_MAX.  Then, or at the deadline, the answer is
 * what the node said: not run. */
#include "store/route.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/request.h"

#define HOPS_MAX 50u
#define HOPS_AT_ONCE 2u
#define PAUSE_US 1000u
#define PAUSE_DOUBLINGS 4u
#define CONNECT_PAUSE_US 2000u /* between looks whether a new connection is ready */
#define LOOK_US 10000u         /* between looks at the finder while something is missing */

int fs_route_init(struct fs_route *route, struct fs_places *places, struct fs_answers *answers,
                  struct fs_finder *finder, const struct fs_node *seed)
{
    *route = (struct fs_route){.places = places,
                               .answers = answers,
                               .finder = finder,
                               .seed = seed,
                               .look_at_us = UINT64_MAX,
                               .map = malloc(sizeof(struct fs_cluster_map))};
    fs_link_init(&route->parked);
    return route->map ? 0 : -ENOMEM;
}

static void drop_all(struct fs_link *requests)
{
    struct fs_link *link;

    while ((link = fs_link_shift(requests)))
        fs_request_give(FS_CONTAINER_OF(link, struct fs_request, link));
}

void fs_route_dispose(struct fs_route *route)
{
    drop_all(&route->parked);
    drop_all(&route->answers->redirected);
    free(route->map);
    route->map = NULL;
}

unsigned fs_route_find(struct fs_route *route, unsigned slot)
{
    if (route->owners[slot] > 0)
        return route->owners[slot] - 1u;
    fs_finder_ask(route->finder);
    return FS_PLACE_NONE;
}

/* The map */

static void take_over(struct fs_route *route, uint64_t now_us)
{
    struct fs_places *places = route->places;
    uint8_t owner_of[FS_STORE_NODES_MAX + 1] = {0};

    route->generation = fs_finder_copy(route->finder, route->map);
    for (unsigned i = 0; i < places->count; i++)
        places->list[i]->is_wanted = false;
    for (unsigned i = 0; i < route->map->node_count; i++) {
        unsigned place = fs_places_take(places, route->seed, &route->map->nodes[i], now_us);

        if (place == FS_PLACE_NONE)
            continue;
        places->list[place]->is_wanted = true;
        owner_of[i + 1] = (uint8_t)(place + 1);
    }
    for (unsigned slot = 0; slot < FS_STORE_SLOT_COUNT; slot++)
        route->owners[slot] = owner_of[route->map->owners[slot]];
}

static bool is_anything_missing(const struct fs_route *route)
{
    const struct fs_places *places = route->places;

    for (unsigned i = 0; i < places->count; i++)
        if (places->list[i]->is_wanted && places->list[i]->connection.state != FS_CONNECTION_READY)
            return true;
    return route->generation == 0;
}

/* Redirections */

/* Where a redirection points to.  A name that is not known by its address waits for the finder. */
static unsigned place_of(struct fs_route *route, const struct fs_request *request,
                         const struct fs_redirect *redirect, uint64_t now_us)
{
    const struct fs_node *answered_by = request->connection->node;
    struct fs_cluster_node node = {.port = redirect->port};
    struct fs_text host = redirect->host;

    if (host.len == 0 && answered_by->at.count > 0)
        host = fs_text_of(answered_by->at.list[0]);
    if (host.len == 0 || host.len >= sizeof(node.host))
        return FS_PLACE_NONE;
    memcpy(node.host, host.data, host.len);
    if (strspn(node.host, "0123456789.") == host.len || memchr(node.host, ':', host.len))
        if (host.len < sizeof(node.address))
            memcpy(node.address, host.data, host.len);
    return fs_places_take(route->places, route->seed, &node, now_us);
}

static void end_refused(struct fs_route *route, struct fs_request *request)
{
    static const struct fs_reply refused = {
        .kind = FS_REPLY_REFUSED,
        .text = {"TRYAGAIN the slots of the cluster are moving; the command did not run", 69}};

    request->reply = &refused;
    fs_link_append(&route->answers->replied, &request->link);
}

static void park(struct fs_route *route, struct fs_request *request, unsigned place,
                 uint64_t retry_at_us)
{
    request->place = (uint8_t)place;
    request->place_age = place == FS_PLACE_NONE ? 0 : route->places->list[place]->age;
    request->retry_at_us = retry_at_us;
    fs_link_append(&route->parked, &request->link);
}

static uint64_t pause_us(const struct fs_request *request)
{
    unsigned beyond = request->hop_count > HOPS_AT_ONCE ? request->hop_count - HOPS_AT_ONCE : 0;

    if (beyond == 0)
        return 0;
    return (uint64_t)PAUSE_US << (beyond < PAUSE_DOUBLINGS ? beyond : PAUSE_DOUBLINGS);
}

static void redirect_one(struct fs_route *route, struct fs_request *request, uint64_t now_us)
{
    struct fs_redirect redirect;
    unsigned place;

    assert(request->reply);
    (void)fs_redirect_read(request->reply->text, &redirect); /* which on_reply() did */
    request->reply = NULL;
    request->is_asking = redirect.kind == FS_REDIRECT_ASK;
    if (++request->hop_count >= HOPS_MAX) {
        end_refused(route, request);
        return;
    }
    if (redirect.kind == FS_REDIRECT_TRYAGAIN) {
        park(route, request, FS_PLACE_NONE, now_us + ((uint64_t)PAUSE_US << PAUSE_DOUBLINGS));
        return;
    }
    place = place_of(route, request, &redirect, now_us);
    if (redirect.kind == FS_REDIRECT_MOVED) {
        fs_finder_ask(route->finder);
        if (place != FS_PLACE_NONE) {
            route->owners[request->slot] = (uint8_t)(place + 1);
            route->places->list[place]->is_wanted = true;
        }
        park(route, request, FS_PLACE_NONE,
             now_us + (place == FS_PLACE_NONE ? LOOK_US : pause_us(request)));
        return;
    }
    if (place == FS_PLACE_NONE)
        fs_finder_ask(route->finder);
    park(route, request, place, now_us + (place == FS_PLACE_NONE ? LOOK_US : pause_us(request)));
}

/* Where a parked request is to go now.  A place that was given to another node is none of its. */
static unsigned target_of(struct fs_route *route, struct fs_request *request)
{
    const struct fs_places *places = route->places;

    if (request->place != FS_PLACE_NONE && request->place < places->count &&
        places->list[request->place]->age == request->place_age)
        return request->place;
    request->is_asking = false;
    return fs_route_find(route, request->slot);
}

static void send_on(struct fs_route *route, struct fs_request *request, uint64_t now_us)
{
    unsigned place = target_of(route, request);
    int rc = -ENOTCONN;

    if (place != FS_PLACE_NONE)
        rc = fs_request_forward(request, &route->places->list[place]->connection,
                                request->is_asking);
    if (rc == -ENOTCONN && now_us < request->deadline_us) {
        request->retry_at_us = now_us + CONNECT_PAUSE_US;
        fs_link_append(&route->parked, &request->link);
    } else if (rc != 0) {
        end_refused(route, request);
    }
}

static void send_parked(struct fs_route *route, uint64_t now_us)
{
    struct fs_link parked;
    struct fs_link *link;

    fs_link_init(&parked);
    fs_link_splice(&parked, &route->parked);
    while ((link = fs_link_shift(&parked))) {
        struct fs_request *request = FS_CONTAINER_OF(link, struct fs_request, link);

        if (request->deadline_us <= now_us)
            end_refused(route, request);
        else if (request->retry_at_us <= now_us)
            send_on(route, request, now_us);
        else
            fs_link_append(&route->parked, link);
    }
}

void fs_route_look_after(struct fs_route *route, uint64_t now_us)
{
    struct fs_link *link;

    if (fs_finder_generation(route->finder) != route->generation)
        take_over(route, now_us);
    fs_places_rest(route->places, now_us);
    while ((link = fs_link_shift(&route->answers->redirected)))
        redirect_one(route, FS_CONTAINER_OF(link, struct fs_request, link), now_us);
    if (!fs_link_is_alone(&route->parked))
        send_parked(route, now_us);
    if (is_anything_missing(route)) {
        fs_finder_ask(route->finder);
        route->look_at_us = now_us + LOOK_US;
    } else {
        route->look_at_us = UINT64_MAX;
    }
}

uint64_t fs_route_next_due_us(const struct fs_route *route)
{
    const struct fs_link *end = &route->parked;
    uint64_t due_us = route->look_at_us;

    if (!fs_link_is_alone(&route->answers->redirected) ||
        fs_finder_generation(route->finder) != route->generation)
        return 0;
    for (const struct fs_link *link = end->next; link != end; link = link->next) {
        const struct fs_request *request = FS_CONTAINER_OF(link, struct fs_request, link);
        uint64_t at_us = request->retry_at_us < request->deadline_us ? request->retry_at_us
                                                                     : request->deadline_us;

        due_us = at_us < due_us ? at_us : due_us;
    }
    return due_us;
}
