/* Asks the nodes of a Redis Cluster, one after the other, until one gives a view that can be trusted; or
 * the sentinels of each server.
 *
 * Nodes may disagree for a while: one that was cut off, or has just come back, tells of the past.  The
 * cluster's epoch rises with every failover and migration, so a view of a lower epoch than the one in
 * use is not taken, and neither is one of a node that says that the cluster is down. */
#include "store/finder.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/cluster_ask.h"
#include "store/newcomer.h"
#include "store/sentinel.h"

#define SENTINELS_US 1000000u /* between looks that nobody asked for; clusters say MOVED */
#define IDLE_US 60000000u
#define EAGER_LOOKS 600u /* half a minute; what is missing for longer is not missed so much */
#define LAZY_PAUSE_US 500000u
#define ANSWER_US_MAX 500000u /* one that is silent keeps the others from being asked */

struct fs_finder {
    /* constant after create */
    const struct fs_topology *seeds;
    struct fs_log *log;
    uint64_t timeout_us;
    bool has_sentinels;

    /* owned */
    pthread_t thread;
    bool is_running;
    pthread_mutex_t mutex;
    pthread_cond_t moved; /* is_stopping or is_wanted was set */

    /* the thread's, main's before start */
    struct fs_cluster_view view;  /* of the node that is asked now */
    uint64_t epoch;               /* of the view in use */
    unsigned turn;                /* which node is asked first */
    struct fs_cluster_map before; /* the one that this look replaced */
    bool is_replaced;
    unsigned sentinel_turns[FS_STORE_NODES_MAX];        /* likewise, of each server's sentinels */
    char problem[sizeof(((struct fs_error *)0)->text)]; /* logged last, until it is over */

    /* changing */
    _Atomic uint64_t generation; /* written under the mutex */
    _Atomic uint64_t looked_at_us[FS_STORE_NODES_MAX];
    atomic_bool is_ending; /* a look under way asks nobody more */
    atomic_bool is_wanted;

    /* guarded by mutex */
    bool is_stopping;
    struct fs_cluster_map map;
};

int fs_finder_create(const struct fs_finder_options *options, struct fs_finder **finder)
{
    struct fs_finder *new = calloc(1, sizeof(*new));
    pthread_condattr_t attributes;

    if (!new)
        return -ENOMEM;
    new->seeds = options->seeds;
    new->log = options->log;
    for (unsigned i = 0; i < options->seeds->node_count; i++)
        new->has_sentinels = new->has_sentinels || options->seeds->nodes[i].sentinels;
    new->timeout_us =
        options->connect_timeout_us < ANSWER_US_MAX ? options->connect_timeout_us : ANSWER_US_MAX;
    pthread_mutex_init(&new->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&new->moved, &attributes);
    pthread_condattr_destroy(&attributes);
    *finder = new;
    return 0;
}

/* Who is asked: the known primaries, their replicas, then what the user named.  False: no more. */
static bool candidate(const struct fs_finder *finder, unsigned index, struct fs_node *node)
{
    const struct fs_cluster_map *map = &finder->map;
    const struct fs_node *seed = &finder->seeds->nodes[0];

    if (index < map->node_count) {
        fs_cluster_node_at(seed, &map->nodes[index], node);
        return true;
    }
    index -= map->node_count;
    if (index < map->replica_count) {
        fs_cluster_node_at(seed, &map->replicas[index], node);
        return true;
    }
    index -= map->replica_count;
    if (index >= finder->seeds->node_count)
        return false;
    *node = finder->seeds->nodes[index]; /* its texts are borrowed */
    if (node->host) /* its name may have moved; what cannot be looked up stays where it was */
        (void)fs_lookup_system(NULL, node->host, &node->at);
    return true;
}

static void publish(struct fs_finder *finder)
{
    const struct fs_cluster_map *found = &finder->view.map;
    bool is_first = atomic_load(&finder->generation) == 0;

    finder->epoch = finder->view.epoch;
    if (!is_first && fs_cluster_map_same(found, &finder->map))
        return;
    finder->before = finder->map;
    finder->is_replaced = !is_first;
    pthread_mutex_lock(&finder->mutex);
    finder->map = *found;
    atomic_fetch_add(&finder->generation, 1);
    pthread_mutex_unlock(&finder->mutex);
    if (!is_first && !finder->has_sentinels)
        fs_log_info(finder->log, "store", "slots of the Redis Cluster have moved; %u primaries",
                    found->node_count);
}

/* Whether the view that was just given may be used. */
static int judge(const struct fs_finder *finder, const struct fs_node *node, struct fs_error *error)
{
    const struct fs_cluster_view *view = &finder->view;

    if (view->is_ok && view->map.node_count > 0 && view->epoch >= finder->epoch)
        return 0;
    if (view->is_ok && view->map.node_count > 0)
        snprintf(
            error->text, sizeof(error->text),
            "the Redis Cluster node at %s tells of an older time of the cluster: it is cut off "
            "from the others, or the cluster was made anew: then restart flashsale",
            node->name);
    else
        snprintf(error->text, sizeof(error->text),
                 "the Redis Cluster is down as %s sees it (cluster_state:fail): run redis-cli "
                 "--cluster check there",
                 node->name);
    return -EAGAIN;
}

/* Only the thread writes the map, so it may read it without the mutex. */
static int look_at_cluster(struct fs_finder *finder, struct fs_error *error)
{
    unsigned count = finder->map.node_count + finder->map.replica_count + finder->seeds->node_count;
    struct fs_error problem = {.text = "no node of the Redis Cluster has an address"};
    int failure = -EHOSTUNREACH;

    for (unsigned i = 0; i < count && !atomic_load(&finder->is_ending); i++) {
        unsigned at = (finder->turn + i) % count;
        struct fs_node node;
        int rc;

        if (!candidate(finder, at, &node) || (!node.path && node.at.count == 0))
            continue;
        rc = fs_cluster_ask(&node, finder->timeout_us, &finder->view, error);
        if (rc == 0)
            rc = judge(finder, &node, error);
        if (rc == 0) {
            finder->turn = at; /* the first to be asked the next time */
            publish(finder);
            return 0;
        }
        /* What a node that answered has to say counts more than that another did not. */
        if (failure == -EHOSTUNREACH || (rc != -EAGAIN && rc != -EIO)) {
            failure = rc == -EIO ? -EHOSTUNREACH : rc;
            problem = *error;
        }
    }
    *error = problem;
    return failure;
}

/* What cannot be found stays where it was. */
static int look_at_sentinels(struct fs_finder *finder, struct fs_error *error)
{
    struct fs_cluster_map *map = &finder->view.map;
    uint64_t began_us = fs_clock_now_us();
    int failure = 0;

    *map = finder->map;
    map->node_count = finder->seeds->node_count;
    for (unsigned i = 0; i < map->node_count && !atomic_load(&finder->is_ending); i++) {
        const struct fs_node *node = &finder->seeds->nodes[i];
        struct fs_cluster_node found;
        int rc = node->sentinels ? fs_sentinel_ask(node, finder->timeout_us,
                                                   &finder->sentinel_turns[i], &found, error)
                                 : -ENOENT;

        if (rc == 0) {
            map->nodes[i] = found;
            atomic_store(&finder->looked_at_us[i], began_us);
        } else if (node->sentinels) {
            failure = rc;
        }
    }
    publish(finder);
    return failure;
}

int fs_finder_look(struct fs_finder *finder, struct fs_error *error)
{
    return finder->has_sentinels ? look_at_sentinels(finder, error)
                                 : look_at_cluster(finder, error);
}

/* Waits until something is wanted, or for a time at most.  True: to be stopped. */
static bool wait_for(struct fs_finder *finder, uint64_t span_us, bool until_wanted)
{
    uint64_t until_us = fs_clock_now_us() + span_us;
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    bool is_stopping;

    pthread_mutex_lock(&finder->mutex);
    while (!finder->is_stopping && !(until_wanted && atomic_load(&finder->is_wanted)) &&
           fs_clock_now_us() < until_us)
        pthread_cond_timedwait(&finder->moved, &finder->mutex, &until);
    is_stopping = finder->is_stopping;
    pthread_mutex_unlock(&finder->mutex);
    return is_stopping;
}

static void look_and_tell(struct fs_finder *finder)
{
    struct fs_error error = {.text = ""};
    int rc = fs_finder_look(finder, &error);

    if (rc != 0 && strcmp(finder->problem, error.text) != 0)
        fs_log_warning(finder->log, "store", "%s", error.text);
    else if (rc == 0 && finder->problem[0])
        fs_log_info(finder->log, "store",
                    finder->has_sentinels ? "the sentinels name a primary again"
                                          : "the Redis Cluster answers again");
    memcpy(finder->problem, rc != 0 ? error.text : "", rc != 0 ? sizeof(finder->problem) : 1);
}

static bool was_there(const struct fs_finder *finder, const struct fs_cluster_node *node)
{
    for (unsigned i = 0; i < finder->before.node_count; i++)
        if (finder->before.nodes[i].port == node->port &&
            strcmp(finder->before.nodes[i].address, node->address) == 0)
            return true;
    return false;
}

/* After the loops were told: they do not wait for it. */
static void check_newcomers(struct fs_finder *finder)
{
    for (unsigned i = 0; i < finder->map.node_count; i++) {
        const struct fs_cluster_node *found = &finder->map.nodes[i];
        const struct fs_node *seed = &finder->seeds->nodes[finder->has_sentinels ? i : 0];
        struct fs_node node;

        if (!found->address[0] || was_there(finder, found))
            continue;
        fs_cluster_node_at(seed, found, &node);
        (void)fs_newcomer_check(&node, false, finder->timeout_us, finder->log);
    }
    finder->is_replaced = false;
}

static void *run(void *data)
{
    struct fs_finder *finder = data;
    unsigned in_a_row = 0; /* looks, each of which was wanted before its pause was over */

    while (!wait_for(finder, finder->has_sentinels ? SENTINELS_US : IDLE_US, true)) {
        atomic_store(&finder->is_wanted, false);
        look_and_tell(finder);
        if (finder->is_replaced)
            check_newcomers(finder);
        if (wait_for(finder, in_a_row < EAGER_LOOKS ? FS_FINDER_PAUSE_US : LAZY_PAUSE_US, false))
            break;
        in_a_row = atomic_load(&finder->is_wanted) ? in_a_row + 1 : 0;
    }
    return NULL;
}

int fs_finder_start(struct fs_finder *finder)
{
    int rc = pthread_create(&finder->thread, NULL, run, finder);

    finder->is_running = rc == 0;
    return -rc;
}

void fs_finder_destroy(struct fs_finder *finder)
{
    if (!finder)
        return;
    atomic_store(&finder->is_ending, true);
    pthread_mutex_lock(&finder->mutex);
    finder->is_stopping = true;
    pthread_cond_signal(&finder->moved);
    pthread_mutex_unlock(&finder->mutex);
    if (finder->is_running)
        pthread_join(finder->thread, NULL);
    pthread_cond_destroy(&finder->moved);
    pthread_mutex_destroy(&finder->mutex);
    free(finder);
}

void fs_finder_ask(struct fs_finder *finder)
{
    if (atomic_exchange(&finder->is_wanted, true))
        return;
    pthread_mutex_lock(&finder->mutex);
    pthread_cond_signal(&finder->moved);
    pthread_mutex_unlock(&finder->mutex);
}

uint64_t fs_finder_generation(const struct fs_finder *finder)
{
    return atomic_load(&finder->generation);
}

uint64_t fs_finder_looked_at_us(const struct fs_finder *finder, unsigned index)
{
    return atomic_load(&finder->looked_at_us[index]);
}

uint64_t fs_finder_copy(struct fs_finder *finder, struct fs_cluster_map *map)
{
    uint64_t generation;

    pthread_mutex_lock(&finder->mutex);
    *map = finder->map;
    generation = atomic_load(&finder->generation);
    pthread_mutex_unlock(&finder->mutex);
    return generation;
}
