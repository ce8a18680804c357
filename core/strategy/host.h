/* The server's side of the plugin ABI: the host table that a strategy is given, and the loop that
 * it sees.  No h2o and no hiredis: a test can drive a loop with poll(2).
 *
 * A turn of the loop, in this order (server/worker.c):
 *   fs_loop_deliver   letters from other threads, timers that are due, the store's deadlines
 *   fs_loop_turn_end  the strategy's turn_end(), when anything reached it in this turn
 *   fs_loop_flush     the store's one write a connection
 *   fs_ops_settle     answers go out, what became free is released (purchase/op.h) */
#ifndef FS_STRATEGY_HOST_H
#define FS_STRATEGY_HOST_H

#include <stdatomic.h>

#include <flashsale/strategy.h>

#include "base/log.h"
#include "base/mailbox.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "strategy/repeats.h"
#include "strategy/timers.h"

struct fs_redis;

/* One server's host.  host is the first member, so that a function that is given the table finds
 * its server.  complete() and tell_*() are filled in by fs_ops_offer(). */
struct fs_strategy_host {
    struct fs_host host;
    struct fs_log *log; /* borrowed, as long as the server */
    unsigned store_count;
    bool is_cluster;              /* false after init */
    const struct fs_redis *redis; /* NULL after init; borrowed: knows the manifests */

    _Atomic uint64_t sales_frozen; /* as the strategy said last */
    struct fs_repeats repeats;     /* of its log lines */
};

void fs_strategy_host_init(struct fs_strategy_host *host, struct fs_log *log,
                           unsigned store_count); /* [main] */

struct fs_loop {
    /* constant after init */
    const struct fs_strategy *strategy; /* borrowed */
    struct fs_store *store;             /* borrowed; NULL: none, calls answer FS_REPLY_NOT_SENT */
    struct fs_metrics *metrics;         /* borrowed */
    void *worker;                       /* the strategy's, from attach() */

    /* owned */
    struct fs_mailbox mailbox; /* post(); its fd is watched by the owner of the loop */

    /* changing [loop] */
    struct fs_timers timers;
    struct fs_link unsent;      /* calls to answer FS_REPLY_NOT_SENT at the next deliver */
    uint64_t store_answer_seen; /* store->answer_count at the last turn_end() */
    bool touched;               /* an op, a letter or a timer reached the strategy since then */
};

/* store may be NULL.  worker is set by the owner, from attach(), which is given this loop.
 * Returns 0, or -ENOMEM, -EMFILE, -ENFILE.  [main] */
int fs_loop_init(struct fs_loop *loop, const struct fs_strategy *strategy, struct fs_store *store,
                 struct fs_metrics *metrics);

/* After the strategy was detached: nothing may wait any more.  [main] */
void fs_loop_dispose(struct fs_loop *loop);

/* What is posted or waited for meanwhile is for the next turn, so that a strategy which asks again
 * each time it is answered keeps no turn from ending.  [loop] */
void fs_loop_deliver(struct fs_loop *loop);
void fs_loop_turn_end(struct fs_loop *loop); /* [loop] */
void fs_loop_flush(struct fs_loop *loop);    /* [loop] */

/* When the loop next has something to do by itself: timers and the store's deadlines, monotonic
 * microseconds; 0: at once; UINT64_MAX: never.  [loop] */
uint64_t fs_loop_next_due_us(const struct fs_loop *loop);

#endif
