/* One loop's store over all Redis servers: a connection to each, and the place in the turn where
 * calls are answered. */
#ifndef FS_STORE_REDIS_STORE_H
#define FS_STORE_REDIS_STORE_H

#include "store/connection.h"
#include "store/denial.h"
#include "store/follow.h"
#include "store/place.h"
#include "store/route.h"
#include "store/store.h"

struct fs_redis_store {
    struct fs_store store; /* first: what a strategy's host knows */

    /* constant after create */
    const struct fs_topology *topology; /* borrowed */
    struct fs_connection_settings settings;

    /* owned */
    struct fs_scripts scripts;
    struct fs_word_list words;
    struct fs_answers answers;
    struct fs_denial denial;
    struct fs_places places;  /* one a node */
    struct fs_route *route;   /* of a cluster; NULL: independent servers */
    struct fs_follow *follow; /* of servers that may move; NULL: none */
};

/* What create() is to know of its loop and of the configuration. */
struct fs_redis_store_options {
    const struct fs_topology *topology; /* borrowed until destroy */
    struct fs_finder *finder;           /* of a cluster or of sentinels, borrowed; NULL: none */
    struct fs_resolver *resolver;       /* of servers that have names, borrowed; NULL: none */
    struct fs_nodes *nodes;             /* borrowed until destroy; NULL: states are not noted */
    struct fs_poller *poller;           /* borrowed until destroy */
    struct fs_metrics *metrics;         /* borrowed until destroy */
    struct fs_log *log;                 /* borrowed until destroy */
    struct fs_data_identity *identity;  /* borrowed until destroy; NULL: not compared */
    uint64_t command_timeout_us;
    uint64_t connect_timeout_us;
    uint64_t stall_timeout_us;
    uint32_t in_flight_max; /* per node */
    unsigned wait_replicas; /* that have it before a command is answered; 0: none */
};

/* Begins to connect; commands are answered FS_REPLY_NOT_SENT until a connection is ready.
 * Returns 0 or -ENOMEM.  [loop] */
int fs_redis_store_create(const struct fs_redis_store_options *options,
                          struct fs_redis_store **store);

/* Calls under way are answered no more: the strategy has been detached.  [loop] */
void fs_redis_store_destroy(struct fs_redis_store *store);

/* Every node's connection carries commands, in a cluster of those that have slots.  [loop] */
bool fs_redis_store_is_ready(const struct fs_redis_store *store);

#endif
