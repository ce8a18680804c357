/* Where servers that may move are now: the primaries of a Redis Cluster, or those that sentinels name.
 *
 * A thread asks, by blocking conversations, so that no loop ever waits for a resolver or for a server
 * that is gone; loops say that something looks moved, and take over what was found when its generation
 * has changed.  It asks at most every FS_FINDER_PAUSE_US, however many loops want it. */
#ifndef FS_STORE_FINDER_H
#define FS_STORE_FINDER_H

#include "base/log.h"
#include "store/cluster.h"

#define FS_FINDER_PAUSE_US 50000u

struct fs_finder;

/* Borrowed for the call but where said. */
struct fs_finder_options {
    /* Borrowed until destroy: any nodes of a cluster; or servers of which at least one has sentinels,
     * then what is found has the indices of these. */
    const struct fs_topology *seeds;
    uint64_t connect_timeout_us; /* and of each answer */
    struct fs_log *log;          /* borrowed until destroy */
};

/* Returns 0 or -ENOMEM.  [main] */
int fs_finder_create(const struct fs_finder_options *options, struct fs_finder **finder);

/* Asks once, in the calling thread, before start.  Returns 0, or with a sentence: -EHOSTUNREACH or
 * -EAGAIN (no node answers well: later one may), -EPROTO, -ENOSPC, -EACCES.  [main] */
int fs_finder_look(struct fs_finder *finder, struct fs_error *error);

int fs_finder_start(struct fs_finder *finder);    /* the thread.  0 or a negative errno.  [main] */
void fs_finder_destroy(struct fs_finder *finder); /* ends the thread; NULL: nothing.  [main] */

/* Something looks moved: ask soon.  [any] */
void fs_finder_ask(struct fs_finder *finder);

/* Changes with what was found; 0: nothing yet.  [any] */
uint64_t fs_finder_generation(const struct fs_finder *finder);

/* When the last look began in which the sentinels of a server named a primary, monotonic microseconds.
 * [any] */
uint64_t fs_finder_looked_at_us(const struct fs_finder *finder, unsigned index);

/* Gives its generation.  [any] */
uint64_t fs_finder_copy(struct fs_finder *finder, struct fs_cluster_map *map);

#endif
