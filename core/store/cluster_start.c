/* Finds a Redis Cluster before the loops run, and waits until it is whole. */
#include "store/cluster_start.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/cluster_ask.h"
#include "store/session.h"

#define ASK_PAUSE_MS 50
#define ID_SIZE 64

__attribute__((format(printf, 3, 4))) static int refuse(struct fs_error *error, int rc,
                                                        const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return rc;
}

/* What one of the named servers says of itself. */
struct membership {
    bool has_answered;
    bool is_cluster;
    char id[ID_SIZE];
    char *nodes; /* owned: the answer to CLUSTER NODES */
};

static void ask_membership(const struct fs_node *node, uint64_t timeout_us,
                           struct membership *member)
{
    struct fs_node anywhere = *node; /* its texts are borrowed */
    redisContext *session = NULL;
    struct fs_error error = {.text = ""};
    redisReply *reply;

    anywhere.database = 0; /* a cluster refuses SELECT, and is to be known as one */
    if (fs_session_open(&anywhere, timeout_us, &session, &error) != 0)
        return;
    reply = fs_session_ask(session, "CLUSTER", "MYID", (char *)NULL);
    member->has_answered = reply != NULL;
    member->is_cluster = reply && reply->type == REDIS_REPLY_STRING;
    if (member->is_cluster)
        snprintf(member->id, sizeof(member->id), "%s", reply->str);
    if (reply)
        freeReplyObject(reply);
    reply = member->is_cluster ? fs_session_ask(session, "CLUSTER", "NODES", (char *)NULL) : NULL;
    if (reply && reply->type == REDIS_REPLY_STRING)
        member->nodes = strdup(reply->str);
    if (reply)
        freeReplyObject(reply);
    fs_session_close(session);
}

int fs_cluster_detect(const struct fs_topology *seeds, uint64_t timeout_us, unsigned *index,
                      struct fs_error *error)
{
    struct membership first = {.nodes = NULL};
    unsigned first_at = FS_STORE_NODES_MAX;
    unsigned other_at = FS_STORE_NODES_MAX; /* one that answers and is of no cluster */
    int rc = 0;

    for (unsigned i = 0; i < seeds->node_count && rc == 0; i++) {
        struct membership member = {.nodes = NULL};

        ask_membership(&seeds->nodes[i], timeout_us, &member);
        if (member.is_cluster && first_at == FS_STORE_NODES_MAX) {
            first = member;
            first_at = i;
            continue;
        }
        if (member.is_cluster && first.nodes && !strstr(first.nodes, member.id))
            rc = refuse(error, -EINVAL,
                        "Redis at %s and at %s are nodes of different clusters: name nodes of one",
                        seeds->nodes[first_at].name, seeds->nodes[i].name);
        else if (member.has_answered && !member.is_cluster)
            other_at = i;
        free(member.nodes);
    }
    free(first.nodes);
    if (rc == 0 && first_at != FS_STORE_NODES_MAX && other_at != FS_STORE_NODES_MAX)
        rc = refuse(error, -EINVAL,
                    "Redis at %s is a node of a Redis Cluster, and Redis at %s is none: name nodes "
                    "of one cluster, or independent servers",
                    seeds->nodes[first_at].name, seeds->nodes[other_at].name);
    if (rc == 0)
        *index = first_at;
    return rc;
}

static int take_primaries(const struct fs_cluster_map *map, const struct fs_node *seed,
                          struct fs_topology *primaries)
{
    fs_topology_dispose(primaries);
    primaries->is_cluster = true;
    for (unsigned i = 0; i < map->node_count; i++) {
        struct fs_node *node = &primaries->nodes[primaries->node_count++];

        fs_cluster_node_at(seed, &map->nodes[i], node);
        node->user = seed->user ? strdup(seed->user) : NULL;
        node->password = seed->password ? strdup(seed->password) : NULL;
        if ((seed->user && !node->user) || (seed->password && !node->password))
            return -ENOMEM;
    }
    return 0;
}

/* Whether each primary lets us in: one that has just died is still named by the others. */
static int reach_all(const struct fs_topology *primaries, uint64_t timeout_us,
                     struct fs_error *error)
{
    int rc = 0;

    for (unsigned i = 0; i < primaries->node_count && rc == 0; i++) {
        redisContext *session = NULL;

        rc = fs_session_open(&primaries->nodes[i], timeout_us, &session, error);
        if (rc == 0)
            fs_session_close(session);
    }
    return rc == -EIO ? -EAGAIN : rc;
}

static int look_once(const struct fs_cluster_start *start, struct fs_finder *finder,
                     struct fs_cluster_map *map, struct fs_topology *primaries,
                     struct fs_error *error)
{
    int rc = fs_finder_look(finder, error);
    unsigned hole;

    if (rc != 0)
        return rc == -EHOSTUNREACH ? -EAGAIN : rc;
    fs_finder_copy(finder, map);
    hole = fs_cluster_map_hole(map);
    if (hole != FS_STORE_SLOT_COUNT)
        return refuse(error, -EAGAIN,
                      "nobody serves slot %u of the Redis Cluster: run redis-cli --cluster fix on "
                      "a node of it",
                      hole);
    rc = take_primaries(map, &start->seeds->nodes[0], primaries);
    return rc == 0 ? reach_all(primaries, start->connect_timeout_us, error) : rc;
}

static int look_until_whole(const struct fs_cluster_start *start, struct fs_finder *finder,
                            struct fs_topology *primaries, struct fs_error *error)
{
    const struct timespec pause = {.tv_nsec = ASK_PAUSE_MS * 1000000l};
    uint64_t until_us = fs_clock_now_us() + start->start_timeout_us;
    struct fs_cluster_map *map = malloc(sizeof(*map));
    int rc = -ENOMEM;

    while (map && (rc = look_once(start, finder, map, primaries, error)) == -EAGAIN) {
        if (start->is_cut && atomic_load(start->is_cut))
            rc = -EINTR;
        else if (fs_clock_now_us() >= until_us)
            rc = -ETIMEDOUT;
        if (rc != -EAGAIN)
            break;
        nanosleep(&pause, NULL);
    }
    free(map);
    return rc;
}

int fs_cluster_find(const struct fs_cluster_start *start, struct fs_topology *primaries,
                    struct fs_finder **finder, struct fs_error *error)
{
    const struct fs_finder_options options = {
        .seeds = start->seeds, .connect_timeout_us = start->connect_timeout_us, .log = start->log};
    struct fs_finder *new = NULL;
    int rc;

    for (unsigned i = 0; i < start->seeds->node_count; i++)
        if (start->seeds->nodes[i].database != 0)
            return refuse(error, -EINVAL,
                          "Redis at %s is a node of a Redis Cluster, which has database 0 only: "
                          "leave /%u away",
                          start->seeds->nodes[i].name, start->seeds->nodes[i].database);
    refuse(error, 0, "out of memory");
    rc = fs_finder_create(&options, &new);
    if (rc != 0)
        return rc;
    rc = look_until_whole(start, new, primaries, error);
    if (rc != 0) {
        fs_finder_destroy(new);
        return rc;
    }
    *finder = new;
    return 0;
}
