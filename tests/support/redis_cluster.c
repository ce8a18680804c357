/* Puts nodes together as redis-cli --cluster create does, without its questions. */
#include "support/redis_cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOT_COUNT 16384u
#define NODE_TIMEOUT_MS "5000" /* a shorter one deposes primaries that are only slow */
#define HASTY_TIMEOUT_MS "500"
#define WAIT_MS 20000
#define PAUSE_MS 10

_Noreturn static void die(const char *what, const char *why)
{
    fprintf(stderr, "\nredis cluster of a test: %s: %s\n", what, why);
    exit(2);
}

static void pause_once(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000l};

    nanosleep(&pause, NULL);
}

/* The answer to a command that must not fail; to be freed. */
__attribute__((format(printf, 2, 3))) static redisReply *ask(struct fs_redis_server *server,
                                                             const char *format, ...)
{
    char line[256];
    redisReply *reply;
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    reply = fs_redis_server_ask(server, line);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        die(line, reply ? reply->str : "no answer");
    return reply;
}

#define TELL(...) freeReplyObject(ask(__VA_ARGS__))

static bool says(struct fs_redis_server *server, const char *line, const char *part)
{
    redisReply *reply = ask(server, "%s", line);
    bool found = strstr(reply->str, part) != NULL;

    freeReplyObject(reply);
    return found;
}

static bool knows_all(struct fs_redis_cluster *cluster, unsigned index)
{
    redisReply *reply = ask(&cluster->nodes[index], "CLUSTER NODES");
    bool found = strstr(reply->str, "handshake") == NULL;

    for (unsigned i = 0; i < cluster->count; i++)
        found = found && strstr(reply->str, cluster->ids[i]);
    freeReplyObject(reply);
    return found;
}

static bool is_well(struct fs_redis_cluster *cluster, unsigned index)
{
    return says(&cluster->nodes[index], "CLUSTER INFO", "cluster_state:ok") &&
           (index < cluster->primary_count ||
            says(&cluster->nodes[index], "INFO replication", "master_link_status:up"));
}

static void await_all(struct fs_redis_cluster *cluster,
                      bool (*holds)(struct fs_redis_cluster *, unsigned), const char *what)
{
    unsigned done = 0;

    for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += PAUSE_MS) {
        while (done < cluster->count && holds(cluster, done))
            done++;
        if (done == cluster->count)
            return;
        pause_once();
    }
    die(what, "not in time");
}

static void start_node(struct fs_redis_cluster *cluster, unsigned index)
{
    char bus[16];
    const char *const settings[] = {"--cluster-enabled",
                                    "yes",
                                    "--cluster-node-timeout",
                                    NODE_TIMEOUT_MS,
                                    "--cluster-replica-validity-factor",
                                    "0",
                                    "--cluster-port",
                                    bus,
                                    "--repl-diskless-sync-delay",
                                    "0",
                                    "--maxmemory-policy",
                                    "noeviction",
                                    NULL};
    redisReply *reply;

    cluster->bus_ports[index] = fs_test_free_port();
    snprintf(bus, sizeof(bus), "%d", cluster->bus_ports[index]);
    fs_redis_server_start(&cluster->nodes[index], settings);
    reply = ask(&cluster->nodes[index], "CLUSTER MYID");
    snprintf(cluster->ids[index], sizeof(cluster->ids[index]), "%s", reply->str);
    freeReplyObject(reply);
    TELL(&cluster->nodes[index], "CLUSTER SET-CONFIG-EPOCH %u", index + 1);
}

void fs_redis_cluster_start(struct fs_redis_cluster *cluster, unsigned primary_count,
                            unsigned replica_count)
{
    memset(cluster, 0, sizeof(*cluster));
    cluster->primary_count = primary_count;
    cluster->count = primary_count + replica_count;
    if (cluster->count > FS_REDIS_CLUSTER_MAX)
        die("start", "too many nodes");
    for (unsigned i = 0; i < cluster->count; i++)
        start_node(cluster, i);
    for (unsigned i = 0; i < primary_count; i++)
        TELL(&cluster->nodes[i], "CLUSTER ADDSLOTSRANGE %u %u", SLOT_COUNT * i / primary_count,
             SLOT_COUNT * (i + 1) / primary_count - 1);
    for (unsigned i = 0; i < cluster->count; i++)
        for (unsigned k = 0; k < cluster->count; k++)
            if (i != k)
                TELL(&cluster->nodes[i], "CLUSTER MEET 127.0.0.1 %d %d", cluster->nodes[k].port,
                     cluster->bus_ports[k]);
    await_all(cluster, knows_all, "all nodes know all");
    for (unsigned i = primary_count; i < cluster->count; i++)
        TELL(&cluster->nodes[i], "CLUSTER REPLICATE %s",
             cluster->ids[(i - primary_count) % primary_count]);
    await_all(cluster, is_well, "the cluster is whole");
}

void fs_redis_cluster_stop(struct fs_redis_cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++)
        fs_redis_server_stop(&cluster->nodes[i]);
    cluster->count = 0;
}

static unsigned index_of_port(const struct fs_redis_cluster *cluster, long long port)
{
    unsigned index = 0;

    while (index < cluster->count && cluster->nodes[index].port != port)
        index++;
    return index;
}

unsigned fs_redis_cluster_owner(struct fs_redis_cluster *cluster, unsigned asked, unsigned slot)
{
    redisReply *reply = ask(&cluster->nodes[asked], "CLUSTER SLOTS");
    unsigned owner = cluster->count;

    for (size_t i = 0; i < reply->elements; i++) {
        redisReply **range = reply->element[i]->element;

        if (range[0]->integer <= slot && slot <= range[1]->integer)
            owner = index_of_port(cluster, range[2]->element[1]->integer);
    }
    freeReplyObject(reply);
    return owner;
}

void fs_redis_cluster_open_slot(struct fs_redis_cluster *cluster, unsigned slot, unsigned source,
                                unsigned target)
{
    TELL(&cluster->nodes[target], "CLUSTER SETSLOT %u IMPORTING %s", slot, cluster->ids[source]);
    TELL(&cluster->nodes[source], "CLUSTER SETSLOT %u MIGRATING %s", slot, cluster->ids[target]);
}

void fs_redis_cluster_move_key(struct fs_redis_cluster *cluster, const char *key, unsigned source,
                               unsigned target)
{
    TELL(&cluster->nodes[source], "MIGRATE 127.0.0.1 %d %s 0 5000", cluster->nodes[target].port,
         key);
}

static bool all_agree(struct fs_redis_cluster *cluster, unsigned slot, unsigned target)
{
    for (unsigned i = 0; i < cluster->count; i++)
        if (cluster->nodes[i].pid > 0 && fs_redis_cluster_owner(cluster, i, slot) != target)
            return false;
    return true;
}

void fs_redis_cluster_close_slot(struct fs_redis_cluster *cluster, unsigned slot, unsigned target)
{
    TELL(&cluster->nodes[target], "CLUSTER SETSLOT %u NODE %s", slot, cluster->ids[target]);
    for (unsigned i = 0; i < cluster->primary_count; i++)
        if (i != target && cluster->nodes[i].pid > 0)
            TELL(&cluster->nodes[i], "CLUSTER SETSLOT %u NODE %s", slot, cluster->ids[target]);
    for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += PAUSE_MS) {
        if (all_agree(cluster, slot, target))
            return;
        pause_once();
    }
    die("a slot that moved", "the nodes do not agree in time");
}

unsigned fs_redis_cluster_kill(struct fs_redis_cluster *cluster, unsigned slot, unsigned dead)
{
    for (unsigned i = 0; i < cluster->count; i++)
        TELL(&cluster->nodes[i], "CONFIG SET cluster-node-timeout " HASTY_TIMEOUT_MS);
    fs_redis_server_kill(&cluster->nodes[dead]);
    for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += PAUSE_MS) {
        for (unsigned i = 0; i < cluster->count; i++) {
            if (cluster->nodes[i].pid <= 0 || i == dead)
                continue;
            if (fs_redis_cluster_owner(cluster, i, slot) == i &&
                says(&cluster->nodes[i], "CLUSTER INFO", "cluster_state:ok"))
                return i;
        }
        pause_once();
    }
    die("a promotion", "not in time");
}
