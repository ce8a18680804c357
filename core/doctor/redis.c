/* The Redis servers of redis.urls, and those that a cluster or sentinels name: fit to be trusted with a
 * sale, near, roomy, and right in time. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>

#include "base/clock.h"
#include "doctor/doctor.h"
#include "store/check.h"
#include "store/cluster_ask.h"
#include "store/cluster_start.h"
#include "store/managed.h"
#include "store/sentinel.h"
#include "store/session.h"
#include "store/spawn.h"

#define TOPIC "redis"
#define PINGS 20
#define ROUND_TRIP_US_MAX 1000u /* a median above it: another machine room */
#define CLOCK_MS_MAX 1000       /* apart */
#define MEMORY_SHARE_MAX 0.8    /* of maxmemory */
#define FRAGMENTATION_MAX 1.5
#define FRAGMENTATION_BYTES_MIN 104857600.0 /* below, the ratio says nothing */

static unsigned loop_count(const struct fs_config *config)
{
    cpu_set_t cpus;

    if (config->workers > 0)
        return config->workers + 1;
    return (unsigned)(sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1) + 1;
}

static void check_trust(const struct fs_doctor *doctor, const struct fs_node *node,
                        struct fs_check_facts *facts)
{
    enum fs_durability durability = fs_check_durability(facts);
    struct fs_error error;
    unsigned state = 0;

    facts->accepts_eviction = doctor->config->redis_accept_eviction;
    if (fs_check_judge(facts, node->name, loop_count(doctor->config), &error) != 0)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "trust", error.text, "%s", node->name);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "trust", NULL, "%s: version %s, %s, %s",
                       node->name, facts->version, facts->role,
                       facts->policy[0] ? facts->policy : "eviction not told");
    if (durability == FS_DURABILITY_AOF_ALWAYS)
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "durability", NULL, "%s: %s", node->name,
                       fs_durability_name(durability));
    else if (durability == FS_DURABILITY_AOF_EVERYSEC)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "durability",
                       "A crash of Redis loses the orders of its last seconds, and the sale then "
                       "freezes: CONFIG SET appendfsync always.",
                       "%s: %s", node->name, fs_durability_name(durability));
    while (fs_check_remark(facts, node->name, &state, &error))
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "remark", error.text, "%s", node->name);
    if (fs_check_replicas(facts, node->name, doctor->config->redis_wait_replicas, &error))
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "replicas", error.text, "%s", node->name);
    if (facts->maxclients > 0)
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "clients", NULL,
                       "%s: %" PRIu64 " of %" PRIu64 ", and this server opens %u", node->name,
                       facts->connected_clients, facts->maxclients, loop_count(doctor->config));
    if (facts->tcp_keepalive > 0)
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "keepalive", NULL, "%s: %" PRId64 " s",
                       node->name, facts->tcp_keepalive);
}

static void check_round_trip(const struct fs_doctor *doctor, const struct fs_node *node,
                             redisContext *session)
{
    uint64_t took_us[PINGS];
    uint64_t median_us;

    for (size_t i = 0; i < PINGS; i++) {
        uint64_t begun_us = fs_clock_now_us();
        redisReply *reply = fs_session_ask(session, "PING", (char *)NULL);

        if (!reply)
            return;
        freeReplyObject(reply);
        took_us[i] = fs_clock_now_us() - begun_us;
    }
    median_us = fs_doctor_median(took_us, PINGS);
    if (median_us > ROUND_TRIP_US_MAX)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "round trip",
                       "Each batch waits for one, and v2 for two: move server and Redis together.",
                       "%s: %.2f ms, median of %d", node->name, (double)median_us / 1000, PINGS);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "round trip", NULL,
                       "%s: %.2f ms, median of %d", node->name, (double)median_us / 1000, PINGS);
}

static void check_clock(const struct fs_doctor *doctor, const struct fs_node *node,
                        redisContext *session)
{
    int64_t begun_ms = fs_clock_wall_ms();
    redisReply *reply = fs_session_ask(session, "TIME", (char *)NULL);
    int64_t ended_ms = fs_clock_wall_ms();
    int64_t apart_ms;

    if (!reply)
        return;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        apart_ms = strtoll(reply->element[0]->str, NULL, 10) * 1000 +
                   strtoll(reply->element[1]->str, NULL, 10) / 1000 - (begun_ms + ended_ms) / 2;
        if (llabs(apart_ms) > CLOCK_MS_MAX)
            fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "clock",
                           "Sales open and close by the clock of Redis: synchronise both.",
                           "%s: %+.1f s from ours", node->name, (double)apart_ms / 1000);
        else
            fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "clock", NULL, "%s: %+" PRId64 " ms",
                           node->name, apart_ms);
    }
    freeReplyObject(reply);
}

/* The number of a line "name:number" of INFO; 0: there is none. */
static double info_number(const char *info, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return strtod(line + len + 1, NULL);
    }
    return 0;
}

static void check_memory(const struct fs_doctor *doctor, const struct fs_node *node,
                         redisContext *session)
{
    redisReply *reply = fs_session_ask(session, "INFO", "memory", (char *)NULL);
    double used, most, ratio;

    if (!reply || reply->type != REDIS_REPLY_STRING) {
        if (reply)
            freeReplyObject(reply);
        return;
    }
    used = info_number(reply->str, "used_memory");
    most = info_number(reply->str, "maxmemory");
    ratio = info_number(reply->str, "mem_fragmentation_ratio");
    freeReplyObject(reply);
    if (most > 0 && used > MEMORY_SHARE_MAX * most)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "memory",
                       "At the limit Redis refuses purchases (OOM), and buyers get 503: raise "
                       "maxmemory.",
                       "%s: %.0f of %.0f MiB", node->name, used / 1048576, most / 1048576);
    else if (ratio > FRAGMENTATION_MAX && used > FRAGMENTATION_BYTES_MIN)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "memory",
                       "CONFIG SET activedefrag yes, or restart it outside of a sale.",
                       "%s: %.0f MiB, fragmentation %.1f", node->name, used / 1048576, ratio);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "memory", NULL, "%s: %.0f MiB, %s", node->name,
                       used / 1048576, most > 0 ? "below maxmemory" : "no maxmemory");
}

static void check_node(const struct fs_doctor *doctor, const struct fs_node *node)
{
    struct fs_check_facts facts;
    redisContext *session;
    struct fs_error error;

    if (fs_session_open(node, doctor->config->redis_connect_timeout_us, &session, &error) != 0) {
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "connection",
                       "Start it, or correct its URL.", "%s", error.text);
        return;
    }
    if (fs_check_ask(node, session, &facts, &error) != 0) {
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "connection",
                       "Let the user of its URL run INFO.", "%s", error.text);
    } else {
        check_trust(doctor, node, &facts);
        check_round_trip(doctor, node, session);
        check_clock(doctor, node, session);
        check_memory(doctor, node, session);
    }
    fs_session_close(session);
}

/* It may be promoted while a sale goes on: what it would then be refused for. */
static void check_replica(const struct fs_doctor *doctor, const struct fs_node *node)
{
    struct fs_check_facts facts;
    redisContext *session = NULL;
    struct fs_error error;
    int rc = fs_session_open(node, doctor->config->redis_connect_timeout_us, &session, &error);

    if (rc == 0)
        rc = fs_check_ask(node, session, &facts, &error);
    if (rc == 0) {
        memcpy(facts.role, "master", sizeof("master"));
        facts.may_run_scripts = true; /* a replica is not asked */
        rc = fs_check_judge(&facts, node->name, loop_count(doctor->config), &error);
    }
    if (rc != 0)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "replica", error.text, "%s", node->name);
    fs_session_close(session);
}

/* Every primary of the cluster that this node belongs to, and their replicas. */
static void check_cluster(const struct fs_doctor *doctor, const struct fs_node *seed)
{
    struct fs_cluster_view *view = malloc(sizeof(*view));
    struct fs_error error;
    struct fs_node node;
    unsigned hole;

    if (!view)
        return;
    if (fs_cluster_ask(seed, doctor->config->redis_connect_timeout_us, view, &error) != 0) {
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "cluster",
                       "Look at it with redis-cli --cluster check.", "%s", error.text);
        free(view);
        return;
    }
    hole = fs_cluster_map_hole(&view->map);
    if (hole != FS_STORE_SLOT_COUNT)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "cluster",
                       "Run redis-cli --cluster fix on a node of it.",
                       "nobody serves slot %u, as %s sees it", hole, seed->name);
    else if (!view->is_ok)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "cluster",
                       "Look at it with redis-cli --cluster check.",
                       "%s says that it is down: cluster_state is not ok", seed->name);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "cluster", NULL, "primaries: %u, replicas: %u",
                       view->map.node_count, view->map.replica_count);
    for (unsigned i = 0; i < view->map.node_count; i++) {
        fs_cluster_node_at(seed, &view->map.nodes[i], &node);
        check_node(doctor, &node);
    }
    for (unsigned i = 0; i < view->map.replica_count; i++) {
        fs_cluster_node_at(seed, &view->map.replicas[i], &node);
        check_replica(doctor, &node);
    }
    free(view);
}

/* Where sentinels tell, the primary that they name. */
static void check_server(const struct fs_doctor *doctor, struct fs_node *node)
{
    struct fs_cluster_node primary;
    struct fs_error error;
    unsigned first = 0;

    if (node->sentinels) {
        if (fs_sentinel_ask(node, doctor->config->redis_connect_timeout_us, &first, &primary,
                            &error) != 0) {
            fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "connection",
                           "Start them, or correct their URL.", "%s", error.text);
            return;
        }
        fs_topology_move(node, primary.address, primary.port);
    }
    check_node(doctor, node);
}

static void check_private(const struct fs_doctor *doctor)
{
    char path[PATH_MAX];

    if (fs_spawn_find(FS_MANAGED_PROGRAM, path) == 0 ||
        fs_spawn_find(FS_MANAGED_OTHER_PROGRAM, path) == 0)
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "private servers", NULL, "v2 to v4 start %s",
                       path);
    else
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "private servers",
                       "v2 to v4 need it, or a server named by --redis: apt install redis-server.",
                       "there is no redis-server in PATH");
}

/* The servers that were named, or the cluster that one of them belongs to. */
static void check_named(const struct fs_doctor *doctor, struct fs_topology *topology)
{
    unsigned cluster_at;
    struct fs_error error;

    if (fs_cluster_detect(topology, doctor->config->redis_connect_timeout_us, &cluster_at,
                          &error) != 0) {
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "address", "Correct redis.urls.", "%s",
                       error.text);
    } else if (cluster_at != FS_STORE_NODES_MAX) {
        check_cluster(doctor, &topology->nodes[cluster_at]);
    } else {
        for (unsigned i = 0; i < topology->node_count; i++)
            check_server(doctor, &topology->nodes[i]);
    }
}

void fs_doctor_redis(const struct fs_doctor *doctor)
{
    const struct fs_config_texts *urls = &doctor->config->redis_urls;
    struct fs_topology *topology;
    struct fs_error error;
    int rc = 0;

    if (urls->count == 0) {
        check_private(doctor);
        return;
    }
    topology = calloc(1, sizeof(*topology));
    if (!topology)
        return;
    for (size_t i = 0; i < urls->count && rc == 0; i++)
        rc = fs_topology_add(topology, urls->items[i], &error);
    if (rc == 0)
        rc = fs_topology_resolve(topology, NULL, NULL, &error);
    if (rc != 0)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "address", "Correct redis.urls.", "%s",
                       error.text);
    else
        check_named(doctor, topology);
    fs_topology_dispose(topology);
    free(topology);
}
