/* Redis as the server sees it: which servers, whether they may be trusted with a sale, private ones
 * of our own, and a store for each loop.
 *
 *     fs_redis_create()          [main]  addresses, private servers, checks; blocks
 *       fs_redis_open()          [loop]  each loop: a store; then the strategy's attach()
 *       fs_redis_close()         [loop]  after detach()
 *     fs_redis_destroy()         [main]  stops the private servers */
#ifndef FS_STORE_REDIS_H
#define FS_STORE_REDIS_H

#include <flashsale/flashsale.h>

#include "base/log.h"
#include "metrics/metrics.h"
#include "store/check.h"
#include "store/identity.h"
#include "store/poller.h"
#include "store/store.h"

struct fs_redis;

/* Borrowed for the call, but log.  Zero means the default where one is named. */
struct fs_redis_options {
    const char *const *urls; /* topology.h says how they are written */
    size_t url_count;        /* 0: private servers */

    unsigned private_count; /* default 1 */
    const char *data_dir;   /* for private servers: absolute, exists, 0700 */
    const char *program;    /* NULL: redis-server, or valkey-server where there is none */
    enum fs_durability private_durability; /* default FS_DURABILITY_AOF_ALWAYS */

    unsigned loop_count;         /* that will open a store */
    uint64_t command_timeout_us; /* default 1 s: of calls without a deadline of their own */
    uint64_t connect_timeout_us; /* default 1 s */
    uint64_t stall_timeout_us;   /* default 5 s */
    uint32_t in_flight_max;      /* default 1024: commands under way, per loop and node */
    unsigned wait_replicas;      /* default 0: replicas that have it before a command is answered */
    bool accepts_eviction;       /* a server may evict keys of any kind */
    uint64_t start_timeout_us;   /* default 10 s: for a server to answer, without loading time */
    const _Atomic bool *is_cut;  /* NULL, or borrowed until destroy: set, no start or stop waits */
    fs_lookup *lookup;           /* NULL: fs_lookup_system; of servers that are named one by one */
    void *lookup_data;           /* borrowed until destroy */
    struct fs_identity_options identity; /* of the data that is expected there */
    struct fs_log *log;                  /* borrowed until destroy */
};

/* Starts private servers or takes the ones named, waits until each has loaded its data, and checks
 * it.  Returns 0, or with a sentence that says what to change: -EINVAL (an address, or a server that
 * a sale cannot be trusted to), -EHOSTUNREACH (no address), -EACCES (log-in), -ETIMEDOUT (no answer),
 * -EINTR (is_cut was set), -EBUSY and others of fs_managed_start(), -ENOMEM.  [main] */
int fs_redis_create(const struct fs_redis_options *options, struct fs_redis **redis,
                    struct fs_error *error);

/* Stops the private servers and nothing more: for a process that cannot close its stores and whose
 * loops do not turn any more.  [main] */
void fs_redis_stop_private(struct fs_redis *redis);

/* Every store was closed.  [main] */
void fs_redis_destroy(struct fs_redis *redis);

unsigned fs_redis_node_count(const struct fs_redis *redis);                      /* [any] */
const char *fs_redis_node_name(const struct fs_redis *redis, unsigned index);    /* [any] */
const char *fs_redis_node_version(const struct fs_redis *redis, unsigned index); /* [any] */
struct fs_nodes *fs_redis_nodes(struct fs_redis *redis); /* their states, for metrics.  [any] */
bool fs_redis_is_private(const struct fs_redis *redis);  /* [any] */

/* The nodes are the primaries of a Redis Cluster, as they were at start.  [any] */
bool fs_redis_is_cluster(const struct fs_redis *redis);

/* "replica" where answers wait for all replicas of each primary, "replica-best-effort" where for some of
 * them; else of the weakest node: "memory", "aof-everysec",
 * "aof-always".  As it was at start.  [any] */
const char *fs_redis_durability(const struct fs_redis *redis);

/* The manifests of the servers, and what was last found of them; count 0: none.  Borrowed.  [any] */
struct fs_data_identity *fs_redis_identity(struct fs_redis *redis);

/* The id of the sale data, and the manifest that the server of a key must have; empty: none, in a
 * cluster the second always.  Borrowed.  [any] */
struct fs_text fs_redis_data_id(const struct fs_redis *redis);
struct fs_text fs_redis_manifest(const struct fs_redis *redis, struct fs_text key);

/* Process of a private server; 0: none, or not ours.  [any] */
int fs_redis_private_pid(struct fs_redis *redis, unsigned index);

/* Begins to connect; calls are answered FS_REPLY_NOT_SENT until it is ready.  poller and metrics:
 * borrowed until close.  Returns 0 or -ENOMEM.  [loop] */
int fs_redis_open(struct fs_redis *redis, struct fs_poller *poller, struct fs_metrics *metrics,
                  struct fs_store **store);

/* Every connection carries commands.  Before the first op a loop turns until this holds.  [loop] */
bool fs_redis_is_ready(const struct fs_store *store);

void fs_redis_close(struct fs_store *store); /* [loop] */

#endif
