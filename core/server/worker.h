/* One event-loop thread with a world of its own: h2o's loop, listening sockets, the strategy's loop,
 * ops, the http side, counters.  Nothing in it is shared but what its options borrow.
 *
 * Life: create, attach, run, (call ...), end, detach, destroy.  The workers of the main listeners and
 * the one of the admin listener are the same; they differ in what they listen to. */
#ifndef FS_SERVER_WORKER_H
#define FS_SERVER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <h2o.h>

#include "auth/auth.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "http/http.h"
#include "metrics/metrics.h"
#include "purchase/op.h"
#include "server/evloop.h"
#include "store/loop_h2o.h"
#include "store/redis.h"
#include "strategy/host.h"

/* All borrowed, longer than the worker. */
struct fs_worker_options {
    unsigned index;
    struct fs_log *log;
    const struct fs_strategy *strategy;
    struct fs_redis *redis; /* NULL: the strategy needs no store */
    struct fs_auth *auth;
    SSL_CTX *tls; /* of the main listeners; NULL: cleartext */
    struct fs_http_server *http_server;
    const struct fs_http_settings *settings;
    uint32_t in_flight_max;
    uint64_t deadline_span_us;
    unsigned token_cache;
    void (*on_failed)(void *data, int error); /* once, when the loop cannot go on.  [loop] */
    void *data;
};

struct fs_worker;

/* A listening socket as its loop sees it. */
struct fs_worker_listener {
    struct fs_worker *worker;
    h2o_socket_t *socket; /* owned; NULL: closed */
    bool is_admin;
    bool is_paused; /* out of descriptors or memory: not read until resume_at_us */
};

enum fs_worker_gate {
    FS_WORKER_OPENING = 1,
    FS_WORKER_WAITING,
    FS_WORKER_RUNNING,
    FS_WORKER_ENDED
};

struct fs_worker {
    /* constant after create */
    struct fs_worker_options options;

    /* owned, built in this order */
    struct fs_metrics metrics;
    struct fs_loop loop;
    struct fs_ops ops;
    struct fs_auth_cache *tokens;
    struct fs_mailbox logins;  /* log-ins that have ended */
    struct fs_mailbox letters; /* struct fs_letter: what other threads want done here */
    pthread_mutex_t mutex;
    pthread_cond_t moved; /* gate has changed */
    pthread_t thread;
    h2o_loop_t *h2o;                    /* [loop] */
    struct fs_evloop_timeouts timeouts; /* [loop] of h2o */
    struct fs_loop_h2o poller;          /* [loop] the store's view of it */
    struct fs_store *store;             /* [loop] NULL: none */
    h2o_socket_t *wakers[3];            /* [loop] the mailboxes as h2o sees them */
    struct fs_http http;                /* [loop] */

    /* guarded by mutex */
    enum fs_worker_gate gate;
    int opened; /* what opening the world said */

    /* set before the end: the strategy holds ops of this loop or of another, so nothing is released */
    bool is_given_up;

    /* changing [loop] */
    bool stopped;
    bool failed;
    bool draining;
    struct fs_worker_listener listeners[FS_LISTENERS_MAX];
    size_t listener_count;
    uint64_t resume_at_us; /* of paused listeners; UINT64_MAX: none is paused */
    uint64_t starved_logged_at_us;
    uint64_t drain_at_us;
    uint64_t sweep_at_us;
    uint64_t cpu_us; /* of this thread at the end of the last turn */

    /* read by any thread while draining */
    _Atomic size_t connections_open; /* as the last drain left them */
    _Atomic uint32_t ops_in_flight;  /* and log-ins: what others hold of this loop */
};

/* Makes the world and its thread, which then waits.  Returns 0, or -ENOMEM, -EMFILE, -ENFILE,
 * -EAGAIN (no thread).  [main] */
int fs_worker_create(const struct fs_worker_options *options, struct fs_worker **worker);

/* Returns what the strategy's attach() does.  [main] */
int fs_worker_attach(struct fs_worker *worker, void *strategy_instance);

void fs_worker_run(struct fs_worker *worker); /* lets the loop turn.  [main] */

/* Runs function(worker, data) on the loop of a running worker and returns when it has.  [any but a
 * loop] */
void fs_worker_call(struct fs_worker *worker, void (*function)(struct fs_worker *, void *data),
                    void *data);

/* Listens on fds, given: each is closed by the loop.  Connections of is_admin go to the admin's
 * routes.  Returns 0, or -ENOSPC with nothing taken.  [main] */
int fs_worker_listen(struct fs_worker *worker, const int *fds, size_t count, bool is_admin);

/* Accepts what is queued and closes the listening sockets.  [main] */
void fs_worker_unlisten(struct fs_worker *worker);

void fs_worker_drain(struct fs_worker *worker);  /* from now on, until the end.  [main] */
void fs_worker_cut(struct fs_worker *worker);    /* ends every connection.  [main] */
void fs_worker_end(struct fs_worker *worker);    /* ends the thread, running or waiting.  [main] */
void fs_worker_detach(struct fs_worker *worker); /* never one that was given up.  [main] */

/* After the strategy was closed; never one that was given up.  [main] */
void fs_worker_destroy(struct fs_worker *worker);

#endif
