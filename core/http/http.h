/* HTTP on h2o: routing, the routes, replies, and the defences around them.
 *
 * struct fs_http_server is one server's, constant while its loops run; struct fs_http is one loop's
 * whole world.  A request finds its loop by container-of from req->conn->ctx: no globals, no
 * thread-local storage. */
#ifndef FS_HTTP_HTTP_H
#define FS_HTTP_HTTP_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <h2o.h>

#include "auth/auth.h"
#include "base/list.h"
#include "base/log.h"
#include "http/guard.h"
#include "http/proxies.h"
#include "http/rates.h"
#include "metrics/metrics.h"
#include "metrics/nodes.h"
#include "purchase/op.h"
#include "purchase/purchase.h"
#include "strategy/host.h"

struct fs_http;
struct fs_access_log; /* http/access_log.h */
struct fs_catalogue;  /* http/catalogue.h: which products there are, as this loop last heard */

/* What a reload may change.  Each loop has a pointer to one; a reload hands each loop a new one by
 * letter and frees the old one when all have let it go. */
struct fs_http_settings {
    uint32_t quantity_max;                /* of one purchase, unless its sale says less */
    uint32_t rate_per_buyer;              /* requests about orders a second; 0: no limit */
    uint32_t rate_per_address;            /* likewise */
    uint32_t connections_max;             /* no more than descriptors allow */
    uint32_t connections_per_address_max; /* 0: no limit */
    uint32_t admin_connections_max;
};

struct fs_http_server {
    /* constant while loops run; set by the server before fs_http_server_init() */
    struct fs_log *log;                   /* borrowed */
    struct fs_auth *auth;                 /* borrowed */
    const struct fs_strategy *strategy;   /* borrowed */
    void *strategy_instance;              /* borrowed: from open() */
    const char *durability;               /* borrowed: the class in force */
    const _Atomic uint64_t *sales_frozen; /* borrowed; NULL: none ever */
    struct fs_nodes *nodes;               /* borrowed: servers of the store; NULL: there is none */
    const char *version;                  /* borrowed */
    const char *admin_token;              /* borrowed, NUL-terminated */
    struct fs_access_log *access_log;     /* borrowed; NULL: off */
    const char *audit_log;                /* borrowed: path; NULL: none */
    uint64_t request_timeout_us;
    uint64_t idle_timeout_us;
    uint64_t slow_reader_timeout_us;
    struct fs_proxies proxies; /* its networks are borrowed */
    bool has_proxy_protocol;   /* main listeners: each connection begins with a PROXY header */
    char *const *cors_origins; /* borrowed */
    size_t cors_origin_count;  /* 0: no cross-origin requests */
    bool is_cors_open;         /* any origin */
    bool has_shop_page;        /* GET / of the main listener */
    uint64_t http2_held_max;   /* bytes of unfinished requests of HTTP/2, all connections; 0: any */
    uint64_t unsent_max; /* bytes of answers that clients leave unread, all connections; 0: any */
    bool has_http2;      /* ALPN may choose it; the guard was proven */
    bool has_health;     /* /livez and /readyz on the main listeners, too */
    struct fs_http **loops; /* borrowed: workers first, the admin's loop last */
    size_t loop_count;
    int64_t started_at_ms;

    /* owned */
    h2o_globalconf_t h2o;
    h2o_hostconf_t *main_host;
    h2o_hostconf_t *admin_host;
    h2o_hostconf_t *main_hosts[2]; /* lists of one, for the accept contexts */
    h2o_hostconf_t *admin_hosts[2];
    struct fs_guard guard; /* connections of all loops */
    struct fs_rates buyer_rates;
    struct fs_rates address_rates;

    /* changing [any] */
    _Atomic uint64_t http2_held;      /* bytes that unfinished requests are charged */
    _Atomic uint64_t http2_held_peak; /* since memory was given back */
    _Atomic bool ready;
    _Atomic bool leaving;  /* not ready, and everything is still served: shutdown_delay */
    _Atomic bool draining; /* not ready, and each reply says "connection: close" */
};

struct fs_http {
    /* constant while the loop runs; set by the server before fs_http_init() */
    struct fs_http_server *server; /* borrowed */
    struct fs_loop *loop;          /* borrowed */
    struct fs_ops *ops;            /* borrowed */
    struct fs_metrics *metrics;    /* borrowed */
    struct fs_auth_cache *tokens;  /* borrowed */
    struct fs_mailbox *logins;     /* borrowed: fs_login.mailbox; the owner delivers its letters */
    const struct fs_http_settings *settings; /* borrowed; changed by a letter [loop] */

    /* owned */
    h2o_context_t h2o;            /* container-of from req->conn->ctx */
    h2o_accept_ctx_t accept_main; /* accept contexts: which host, which TLS */
    h2o_accept_ctx_t accept_admin;
    struct fs_order_namer *namer;
    h2o_timeout_t short_pause; /* between two lists for the catalogue */
    h2o_timeout_t middle_pause;
    struct fs_catalogue *catalogue;
    h2o_buffer_prototype_t *http2_buffers; /* h2o's, of this thread; NULL: none was needed yet */
    struct fs_link connections;   /* open ones of this loop, struct fs_connection_guard by link */
    struct fs_link exchanges;     /* requests not yet answered, struct fs_exchange by link */
    uint64_t request_id_state[2]; /* of the generator of X-Request-Id; never 0 */
    uint64_t unsent;              /* bytes: the sum of its connections' */
    uint32_t login_count;         /* under way in the pool, their clients there or not */
};

/* Configures h2o (limits, timeouts, no cleartext upgrade) and registers the routes on both hosts.
 * Returns 0 or -ENOMEM.  [main] */
int fs_http_server_init(struct fs_http_server *server);
void fs_http_server_dispose(struct fs_http_server *server);

/* h2o_loop: borrowed, longer than http.  tls: borrowed, NULL for cleartext, of the main listener.
 * Returns 0 or -ENOMEM.  [main] */
int fs_http_init(struct fs_http *http, h2o_loop_t *h2o_loop, SSL_CTX *tls);
void fs_http_dispose(struct fs_http *http); /* no connection is open, no log-in under way */

/* Takes over an accepted connection, given, or closes it when a limit is reached.  [loop] */
void fs_http_accept(struct fs_http *http, h2o_accept_ctx_t *accept, h2o_socket_t *socket,
                    bool is_admin);

/* Finishes what replies outside h2o's run have left: h2o takes a write as done, and its connection
 * back into reading, in its next run only, and meanwhile tells epoll about both, twice a reply.
 * May bring further requests that had been received.  [loop] */
void fs_http_finish_writes(struct fs_http *http);

/* Drain, called every few milliseconds once server->draining is set: ends connections that have no
 * request in flight, by shutdown(2).  Returns how many are still open.  [loop] */
size_t fs_http_drain(struct fs_http *http);

/* Ends all connections, whatever they do.  [loop] */
void fs_http_cut(struct fs_http *http);

/* Each FS_HTTP_SWEEP_SPAN_US: closes connections that misuse their time.  [loop] */
void fs_http_sweep(struct fs_http *http, uint64_t now_us);

#define FS_HTTP_SWEEP_SPAN_US 1000000u

/* How long h2o itself waits from an answer until the next request has come in full: as long as a
 * connection may be idle until a sweep sees it, and then a request takes. */
static inline uint64_t fs_http_patience_us(const struct fs_http_server *server)
{
    return server->idle_timeout_us + server->request_timeout_us + FS_HTTP_SWEEP_SPAN_US;
}

#endif
