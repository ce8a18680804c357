/* Puts together addresses, private servers and checks; everything that blocks is here, before the
 * loops run. */
#include "store/redis.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/cluster_ask.h"
#include "store/cluster_start.h"
#include "store/managed.h"
#include "store/newcomer.h"
#include "store/redis_store.h"
#include "store/resolver.h"
#include "store/session.h"

#define TIMEOUT_US_DEFAULT 1000000u
#define STALL_US_DEFAULT 5000000u
#define START_US_DEFAULT 10000000u
#define IN_FLIGHT_DEFAULT 1024u
#define ASK_PAUSE_MS 20
#define CLIENTS_SPARE 4u /* for the checks and for a person with redis-cli */

struct fs_redis {
    /* constant after create */
    struct fs_log *log; /* borrowed */
    uint64_t command_timeout_us;
    uint64_t connect_timeout_us;
    uint64_t stall_timeout_us;
    uint64_t start_timeout_us;
    uint32_t in_flight_max;
    unsigned wait_replicas;
    unsigned loop_count;
    char versions[FS_STORE_NODES_MAX][32];
    enum fs_durability durability;
    bool accepts_eviction;
    bool has_more_replicas; /* than answers wait for, at some primary */

    struct fs_data_identity identity;

    /* owned */
    struct fs_topology topology;
    struct fs_topology seeds; /* of a cluster: what the user named */
    struct fs_finder *finder; /* of a cluster; NULL: none */
    struct fs_nodes *nodes;
    struct fs_resolver *resolver; /* of names that may move; NULL: none */
    struct fs_managed *managed[FS_STORE_NODES_MAX];
    unsigned managed_count;
};

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value ? value : otherwise;
}

static int start_private(struct fs_redis *redis, const struct fs_redis_options *options,
                         unsigned index, struct fs_error *error)
{
    const struct fs_managed_options wanted = {.data_dir = options->data_dir,
                                              .index = index,
                                              .program = options->program,
                                              .durability = options->private_durability
                                                                ? options->private_durability
                                                                : FS_DURABILITY_AOF_ALWAYS,
                                              .start_timeout_us = redis->start_timeout_us,
                                              .log = redis->log,
                                              .is_cut = options->is_cut};
    struct fs_node *node;
    char url[160];
    int rc = fs_managed_start(&wanted, &redis->managed[index], error);

    if (rc != 0)
        return rc;
    redis->managed_count++;
    snprintf(url, sizeof(url), "unix:%s", fs_managed_socket(redis->managed[index]));
    rc = fs_topology_add(&redis->topology, url, error);
    if (rc != 0)
        return rc;
    node = &redis->topology.nodes[index];
    node->password = strdup(fs_managed_secret(redis->managed[index]));
    return node->password ? 0 : -ENOMEM;
}

/* A name may be there a moment later than we are: that of a pod, say. */
static int resolve_names(struct fs_redis *redis, const struct fs_redis_options *options,
                         struct fs_error *error)
{
    const struct timespec pause = {.tv_nsec = ASK_PAUSE_MS * 1000000l};
    uint64_t until_us = fs_clock_now_us() + redis->start_timeout_us;
    int rc;

    while ((rc = fs_topology_resolve(&redis->topology, options->lookup, options->lookup_data,
                                     error)) != 0) {
        if (options->is_cut && atomic_load(options->is_cut))
            return -EINTR;
        if (fs_clock_now_us() >= until_us)
            break;
        nanosleep(&pause, NULL);
    }
    return rc;
}

static int find_servers(struct fs_redis *redis, const struct fs_redis_options *options,
                        struct fs_error *error)
{
    unsigned private_count = options->private_count ? options->private_count : 1;
    int rc = 0;

    for (size_t i = 0; i < options->url_count && rc == 0; i++)
        rc = fs_topology_add(&redis->topology, options->urls[i], error);
    if (options->url_count > 0)
        return rc == 0 ? resolve_names(redis, options, error) : rc;
    if (private_count > FS_STORE_NODES_MAX) {
        snprintf(error->text, sizeof(error->text), "at most %u private Redis servers",
                 FS_STORE_NODES_MAX);
        return -EINVAL;
    }
    for (unsigned i = 0; i < private_count && rc == 0; i++)
        rc = start_private(redis, options, i, error);
    return rc;
}

/* A server that has just been started, or loads its data, is waited for. */
static int reach(const struct fs_redis *redis, const struct fs_node *node,
                 const _Atomic bool *is_cut, struct fs_check_facts *facts, struct fs_error *error)
{
    const struct timespec pause = {.tv_nsec = ASK_PAUSE_MS * 1000000l};
    uint64_t until_us = fs_clock_now_us() + redis->start_timeout_us;

    for (;;) {
        redisContext *session = NULL;
        int rc = fs_session_open(node, redis->connect_timeout_us, &session, error);

        if (rc == 0) {
            rc = fs_check_ask(node, session, facts, error);
            fs_session_close(session);
            if (rc == 0 && !facts->is_loading)
                return 0;
        }
        if (rc == -EACCES)
            return rc;
        if (is_cut && atomic_load(is_cut))
            return -EINTR;
        if (rc == 0 || strstr(error->text, "LOADING"))
            until_us = fs_clock_now_us() + redis->start_timeout_us;
        if (fs_clock_now_us() >= until_us)
            return -ETIMEDOUT;
        nanosleep(&pause, NULL);
    }
}

/* Takes the primaries for the servers that were named. */
static int find_cluster(struct fs_redis *redis, const _Atomic bool *is_cut, struct fs_error *error)
{
    const struct fs_cluster_start start = {.seeds = &redis->seeds,
                                           .connect_timeout_us = redis->connect_timeout_us,
                                           .start_timeout_us = redis->start_timeout_us,
                                           .is_cut = is_cut,
                                           .log = redis->log};

    redis->seeds = redis->topology;
    redis->topology = (struct fs_topology){.node_count = 0};
    return fs_cluster_find(&start, &redis->topology, &redis->finder, error);
}

/* Gives the servers that have sentinels the addresses that these tell. */
static int ask_sentinels(struct fs_redis *redis, const _Atomic bool *is_cut, struct fs_error *error)
{
    const struct fs_finder_options options = {.seeds = &redis->topology,
                                              .connect_timeout_us = redis->connect_timeout_us,
                                              .log = redis->log};
    const struct timespec pause = {.tv_nsec = ASK_PAUSE_MS * 1000000l};
    uint64_t until_us = fs_clock_now_us() + redis->start_timeout_us;
    struct fs_cluster_map *map;
    int rc = fs_finder_create(&options, &redis->finder);

    while (rc == 0 && (rc = fs_finder_look(redis->finder, error)) == -EAGAIN) {
        if (is_cut && atomic_load(is_cut))
            return -EINTR;
        if (fs_clock_now_us() >= until_us)
            return -ETIMEDOUT;
        nanosleep(&pause, NULL);
        rc = 0;
    }
    map = rc == 0 ? malloc(sizeof(*map)) : NULL;
    if (!map)
        return rc == 0 ? -ENOMEM : rc;
    fs_finder_copy(redis->finder, map);
    for (unsigned i = 0; i < map->node_count; i++)
        fs_topology_move(&redis->topology.nodes[i], map->nodes[i].address, map->nodes[i].port);
    free(map);
    return 0;
}

/* They may be promoted while selling: what they would be refused for is said now, and the class is
 * that of the weakest. */
static int check_replicas(struct fs_redis *redis)
{
    struct fs_cluster_map *map = malloc(sizeof(*map));

    if (!map)
        return -ENOMEM;
    fs_finder_copy(redis->finder, map);
    for (unsigned i = 0; i < map->replica_count; i++) {
        enum fs_durability durability;
        struct fs_node node;

        fs_cluster_node_at(&redis->seeds.nodes[0], &map->replicas[i], &node);
        if (node.at.count == 0)
            continue;
        durability = fs_newcomer_check(&node, true, redis->connect_timeout_us, redis->log);
        if (durability != 0 && durability < redis->durability)
            redis->durability = durability;
    }
    free(map);
    return 0;
}

static bool has_sentinels(const struct fs_topology *topology)
{
    for (unsigned i = 0; i < topology->node_count; i++)
        if (topology->nodes[i].sentinels)
            return true;
    return false;
}

static int check_server(struct fs_redis *redis, unsigned index, const _Atomic bool *is_cut,
                        struct fs_error *error)
{
    const struct fs_node *node = &redis->topology.nodes[index];
    struct fs_check_facts facts = {.version = ""};
    enum fs_durability durability;
    struct fs_error remark;
    unsigned state = 0;
    int rc = reach(redis, node, is_cut, &facts, error);

    if (rc == 0 && facts.is_cluster && !redis->topology.is_cluster)
        return -ESTALE; /* it was not up yet when it was asked for its cluster */
    facts.accepts_eviction = redis->accepts_eviction;
    if (rc == 0)
        rc = fs_check_judge(&facts, node->name, redis->loop_count + CLIENTS_SPARE, error);
    if (rc != 0)
        return rc;
    while (fs_check_remark(&facts, node->name, &state, &remark))
        fs_log_warning(redis->log, "store", "%s", remark.text);
    if (fs_check_replicas(&facts, node->name, redis->wait_replicas, &remark))
        fs_log_warning(redis->log, "store", "%s", remark.text);
    redis->has_more_replicas |= facts.connected_replicas > redis->wait_replicas;
    durability = fs_check_durability(&facts);
    if (redis->durability == 0 || durability < redis->durability)
        redis->durability = durability;
    memcpy(redis->versions[index], facts.version, sizeof(facts.version));
    return 0;
}

static int check_each(struct fs_redis *redis, const _Atomic bool *is_cut, struct fs_error *error)
{
    int rc = 0;

    for (unsigned i = 0; i < redis->topology.node_count && rc == 0; i++)
        rc = check_server(redis, i, is_cut, error);
    return rc;
}

/* Any of the servers that were named may be a node of a cluster, and may only just have started. */
static int check_named(struct fs_redis *redis, const _Atomic bool *is_cut, struct fs_error *error)
{
    unsigned cluster_at = FS_STORE_NODES_MAX;
    int rc = fs_cluster_detect(&redis->topology, redis->connect_timeout_us, &cluster_at, error);

    if (rc == 0 && cluster_at == FS_STORE_NODES_MAX)
        rc = check_each(redis, is_cut, error);
    if (rc != -ESTALE && cluster_at == FS_STORE_NODES_MAX)
        return rc;
    rc = find_cluster(redis, is_cut, error);
    if (rc == 0)
        rc = check_each(redis, is_cut, error);
    return rc == 0 ? check_replicas(redis) : rc;
}

/* The threads that look where servers are while the loops run. */
static int follow_servers(struct fs_redis *redis, const struct fs_redis_options *options)
{
    const struct fs_resolver_options names = {.topology = &redis->topology,
                                              .lookup = options->lookup,
                                              .lookup_data = options->lookup_data,
                                              .log = redis->log};
    int rc = redis->topology.is_cluster ? 0 : fs_resolver_create(&names, &redis->resolver);

    return rc == 0 && redis->finder ? fs_finder_start(redis->finder) : rc;
}

static int check_servers(struct fs_redis *redis, const _Atomic bool *is_cut, struct fs_error *error)
{
    int rc;

    if (redis->managed_count > 0)
        return check_each(redis, is_cut, error);
    if (has_sentinels(&redis->topology)) {
        rc = ask_sentinels(redis, is_cut, error);
        rc = rc == 0 ? check_each(redis, is_cut, error) : rc;
    } else {
        rc = check_named(redis, is_cut, error);
    }
    return rc;
}

int fs_redis_create(const struct fs_redis_options *options, struct fs_redis **redis,
                    struct fs_error *error)
{
    struct fs_redis *new = calloc(1, sizeof(*new));
    int rc;

    snprintf(error->text, sizeof(error->text), "out of memory");
    if (!new)
        return -ENOMEM;
    new->log = options->log;
    new->command_timeout_us = or_default(options->command_timeout_us, TIMEOUT_US_DEFAULT);
    new->connect_timeout_us = or_default(options->connect_timeout_us, TIMEOUT_US_DEFAULT);
    new->stall_timeout_us = or_default(options->stall_timeout_us, STALL_US_DEFAULT);
    new->start_timeout_us = or_default(options->start_timeout_us, START_US_DEFAULT);
    new->in_flight_max = options->in_flight_max ? options->in_flight_max : IN_FLIGHT_DEFAULT;
    new->loop_count = options->loop_count;
    new->wait_replicas = options->wait_replicas;
    new->accepts_eviction = options->accepts_eviction;
    if (new->in_flight_max > FS_STORE_IN_FLIGHT_MAX)
        new->in_flight_max = FS_STORE_IN_FLIGHT_MAX;
    rc = fs_nodes_create(&new->nodes);
    if (rc == 0)
        rc = find_servers(new, options, error);
    if (rc == 0)
        rc = check_servers(new, options->is_cut, error);
    if (rc == 0)
        rc = fs_identity_open(&new->identity, &new->topology, &options->identity,
                              new->connect_timeout_us, error);
    if (rc == 0)
        rc = follow_servers(new, options);
    if (rc != 0) {
        fs_redis_destroy(new);
        return rc;
    }
    *redis = new;
    return 0;
}

void fs_redis_stop_private(struct fs_redis *redis)
{
    while (redis->managed_count > 0)
        fs_managed_stop(redis->managed[--redis->managed_count]);
}

void fs_redis_destroy(struct fs_redis *redis)
{
    fs_redis_stop_private(redis);
    fs_finder_destroy(redis->finder);
    fs_resolver_destroy(redis->resolver);
    fs_nodes_destroy(redis->nodes);
    fs_topology_dispose(&redis->topology);
    fs_topology_dispose(&redis->seeds);
    free(redis);
}

unsigned fs_redis_node_count(const struct fs_redis *redis)
{
    return redis->topology.node_count;
}

const char *fs_redis_node_name(const struct fs_redis *redis, unsigned index)
{
    return redis->topology.nodes[index].name;
}

const char *fs_redis_node_version(const struct fs_redis *redis, unsigned index)
{
    return redis->versions[index];
}

bool fs_redis_is_cluster(const struct fs_redis *redis)
{
    return redis->topology.is_cluster;
}

struct fs_nodes *fs_redis_nodes(struct fs_redis *redis)
{
    return redis->nodes;
}

struct fs_data_identity *fs_redis_identity(struct fs_redis *redis)
{
    return &redis->identity;
}

struct fs_text fs_redis_data_id(const struct fs_redis *redis)
{
    return fs_text_of(redis->identity.id);
}

struct fs_text fs_redis_manifest(const struct fs_redis *redis, struct fs_text key)
{
    if (redis->identity.count == 0 || redis->identity.is_cluster)
        return (struct fs_text){"", 0};
    return fs_text_of(redis->identity.expected[fs_topology_node_of(&redis->topology, key)]);
}

bool fs_redis_is_private(const struct fs_redis *redis)
{
    return redis->managed_count > 0;
}

const char *fs_redis_durability(const struct fs_redis *redis)
{
    if (redis->wait_replicas == 0)
        return fs_durability_name(redis->durability);
    return redis->has_more_replicas ? "replica-best-effort" : "replica";
}

int fs_redis_private_pid(struct fs_redis *redis, unsigned index)
{
    return index < redis->managed_count ? fs_managed_pid(redis->managed[index]) : 0;
}

int fs_redis_open(struct fs_redis *redis, struct fs_poller *poller, struct fs_metrics *metrics,
                  struct fs_store **store)
{
    const struct fs_redis_store_options options = {.topology = &redis->topology,
                                                   .finder = redis->finder,
                                                   .resolver = redis->resolver,
                                                   .nodes = redis->nodes,
                                                   .poller = poller,
                                                   .metrics = metrics,
                                                   .log = redis->log,
                                                   .identity = &redis->identity,
                                                   .command_timeout_us = redis->command_timeout_us,
                                                   .connect_timeout_us = redis->connect_timeout_us,
                                                   .stall_timeout_us = redis->stall_timeout_us,
                                                   .in_flight_max = redis->in_flight_max,
                                                   .wait_replicas = redis->wait_replicas};
    struct fs_redis_store *opened = NULL;
    int rc = fs_redis_store_create(&options, &opened);

    if (rc == 0)
        *store = &opened->store;
    return rc;
}

bool fs_redis_is_ready(const struct fs_store *store)
{
    return fs_redis_store_is_ready((const struct fs_redis_store *)(const void *)store);
}

void fs_redis_close(struct fs_store *store)
{
    fs_redis_store_destroy((struct fs_redis_store *)(void *)store);
}
