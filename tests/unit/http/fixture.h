/* The http layer at work: one loop on a thread of its own, two unix sockets, the real auth in mode
 * demo, and a strategy that answers what the product's name asks for. */
#ifndef FS_TESTS_HTTP_FIXTURE_H
#define FS_TESTS_HTTP_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/http.h"

#define FIXTURE_ADMIN_TOKEN "the-admin-token"

/* What a test may choose; zero: the default in brackets. */
struct fixture_options {
    uint64_t request_timeout_us;     /* [10 s] */
    uint64_t slow_reader_timeout_us; /* [10 s] */
    uint64_t deadline_us;            /* of an op [5 s] */
    uint32_t ops_max;                /* [64] */
    uint32_t connections_max;        /* [1000] */
    bool has_access_log;             /* to <dir>/access.log, as JSON */
};

struct fixture {
    /* constant after start */
    struct fixture_options options;
    char dir[64];
    char main_path[96], admin_path[96];
    pthread_t thread;
    struct fs_log log;
    struct fs_auth *auth;
    struct fs_strategy_host host;
    struct fs_http_settings settings;
    struct fs_http_server server;
    struct fs_http *loops[1];

    /* [loop] */
    struct fs_loop loop;
    struct fs_ops ops;
    struct fs_metrics metrics;
    struct fs_mailbox logins;
    struct fs_mailbox *boxes[2];
    struct fs_http http;
    h2o_loop_t *h2o;
    h2o_socket_t *sockets[4]; /* two listeners, two mailboxes */
    int listen_fds[2];

    /* changing [any] */
    _Atomic bool is_stopping;
    _Atomic bool is_draining;          /* fs_http_drain() every turn */
    _Atomic unsigned turn_count;       /* turns of the loop */
    _Atomic unsigned list_count;       /* lists that the strategy was asked for */
    _Atomic unsigned purchase_count;   /* purchases that it was asked for */
    _Atomic unsigned connection_count; /* open, as the last turn saw it */
    _Atomic unsigned exchange_count;   /* unanswered */
    _Atomic unsigned op_count;         /* in flight */
};

/* Ends the program with a message when it cannot. */
void fixture_start(struct fixture *fixture, const struct fixture_options *options);

/* Cuts what is still open, checks that nothing is left, and gives everything back. */
void fixture_stop(struct fixture *fixture);

/* Waits until no connection, exchange and op is left, at most five seconds; says whether. */
bool fixture_is_quiet(struct fixture *fixture);

#endif
