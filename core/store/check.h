/* May a sale be trusted to this Redis server?  What is asked at start-up, and what is made of it. */
#ifndef FS_STORE_CHECK_H
#define FS_STORE_CHECK_H

#include <stdint.h>

#include <hiredis/hiredis.h>

#include "store/topology.h"

/* What a Redis server keeps of what it has acknowledged; the weakest first. */
enum fs_durability {
    FS_DURABILITY_MEMORY = 1,   /* "memory": nothing that its next snapshot does not have */
    FS_DURABILITY_AOF_EVERYSEC, /* "aof-everysec": all but the last one to two seconds */
    FS_DURABILITY_AOF_ALWAYS    /* "aof-always": everything */
};

const char *fs_durability_name(enum fs_durability durability);

/* What a server says of itself.  Zero or empty: it did not say. */
struct fs_check_facts {
    unsigned version_major;
    unsigned version_minor;
    char version[32];
    char role[16];        /* "master", "slave" */
    char policy[32];      /* maxmemory-policy */
    char fsync[16];       /* appendfsync */
    char save[128];       /* points of RDB snapshots; empty: none, or not known */
    bool is_config_known; /* CONFIG GET was allowed */
    bool is_aof_on;
    bool
        is_rewrite_unsynced; /* no-appendfsync-on-rewrite: while it rewrites its file, as with no */
    bool is_loading;
    bool is_cluster;
    bool may_run_scripts;
    bool may_kill_clients;
    bool accepts_eviction; /* set by the caller: the operator accepts that orders may be evicted */
    uint64_t maxclients;
    uint64_t connected_replicas;
    uint64_t min_replicas; /* min-replicas-to-write; 0 also where it is not known */
    uint64_t connected_clients;
    int64_t tcp_keepalive; /* seconds; -1: not known, or a unix socket */
    int64_t process_id;
};

/* Asks.  Returns 0, -EIO with a sentence when an answer did not come, or -EACCES when even INFO is
 * forbidden.  [main] */
int fs_check_ask(const struct fs_node *node, redisContext *session, struct fs_check_facts *facts,
                 struct fs_error *error);

/* Judges; client_count: connections this flashsale will open.  Returns 0, or -EINVAL with one
 * sentence that says what to change.  [any] */
int fs_check_judge(const struct fs_check_facts *facts, const char *name, unsigned client_count,
                   struct fs_error *error);

/* Whether its policy drops keys of a sale when its memory is full.  [any] */
bool fs_check_may_evict(const struct fs_check_facts *facts);

enum fs_durability fs_check_durability(const struct fs_check_facts *facts);

/* What is allowed but should be known: the next sentence after *state, which starts at 0; false: no
 * more.  [any] */
bool fs_check_remark(const struct fs_check_facts *facts, const char *name, unsigned *state,
                     struct fs_error *remark);

/* The same for answers that wait for replicas: whether there is a sentence to be told.  [any] */
bool fs_check_replicas(const struct fs_check_facts *facts, const char *name, unsigned wait_replicas,
                       struct fs_error *remark);

#endif
