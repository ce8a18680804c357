/* Sets h2o up and leads each request to its route.
 *
 * One handler a host sits on the host's fallback path: h2o then matches no paths of its own, and the
 * errors that it makes before any handler is asked (a body too large, say) pass the same filter. */
#include "http/http.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <h2o/version.h>

#include "base/limits.h"
#include "http/catalogue.h"
#include "http/cors.h"
#include "http/error_filter.h"
#include "http/framing.h"
#include "http/http2.h"
#include "http/body.h"
#include "http/routes.h"

#define SHORT_PAUSE_MS 5
#define MIDDLE_PAUSE_MS 15

struct fs_handler {
    h2o_handler_t super;
    const struct fs_route *routes;
    size_t route_count;
    enum fs_endpoint endpoint; /* of what matches no route */
};

/* What is sent must be able to take effect: no members where no body is read, and no parameters where a
 * sale is changed.  False after it has refused the request. */
static bool is_input_known(struct fs_exchange *exchange, const struct fs_route *route)
{
    static const char *const none[] = {NULL};
    const h2o_iovec_t entity = exchange->req->entity;
    bool has_body = strcmp(route->method, "GET") != 0 && strcmp(route->method, "DELETE") != 0;
    bool is_change = route->needs_admin && strcmp(route->method, "GET") != 0;
    struct fs_buffer detail;
    json_t *object;

    if (is_change && exchange->query.len > 0 &&
        !(route->serve == fs_serve_product_delete &&
          fs_text_equals(exchange->query, FS_TEXT("force=1")))) {
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                         route->serve == fs_serve_product_delete
                             ? FS_TEXT("This address knows no parameter but force=1.")
                             : FS_TEXT("This address knows no parameters."));
        return false;
    }
    if (has_body || entity.len == 0)
        return true;
    detail = fs_exchange_buffer(exchange, FS_BODY_DETAIL_SIZE);
    if (fs_body_load((struct fs_text){entity.base, entity.len}, none, &object, &detail) == 0) {
        json_decref(object);
        return true;
    }
    fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST,
                     (struct fs_text){detail.data, detail.len});
    return false;
}

static void serve_route(struct fs_exchange *exchange, const struct fs_route_match *match)
{
    exchange->endpoint = match->route->endpoint;
    exchange->id = match->id;
    if (match->route->needs_admin && !fs_authenticate_admin(exchange))
        return;
    if (match->route->suffix && !fs_text_is_id(match->id, FS_PRODUCT_LEN_MAX)) {
        fs_exchange_fail(exchange, match->route->unknown, (struct fs_text){0});
        return;
    }
    if (!is_input_known(exchange, match->route))
        return;
    exchange->serve = match->route->serve;
    match->route->serve(exchange);
}

static void refuse_method(struct fs_exchange *exchange, const struct fs_route_match *match)
{
    h2o_iovec_t allow = h2o_strdup(&exchange->req->pool, match->allow, strlen(match->allow));

    fs_exchange_header(exchange, FS_TEXT("allow"), (struct fs_text){allow.base, allow.len});
    fs_exchange_fail(exchange, FS_PROBLEM_METHOD_NOT_ALLOWED, (struct fs_text){0});
}

/* False after it has refused the request. */
static bool is_well_framed_2(struct fs_exchange *exchange)
{
    struct fs_text reason;
    enum fs_problem problem = fs_http2_judge(exchange->connection->http2, exchange->req, &reason);

    if (problem != FS_PROBLEM_NONE)
        fs_exchange_fail(exchange, problem, reason);
    return problem == FS_PROBLEM_NONE;
}

/* False after it has refused the request.  h2o takes any bytes between a chunk's size and the end of
 * the line, so another reader may see other chunks ("0xe"): after chunks nothing more is read. */
static bool is_well_framed(struct fs_exchange *exchange)
{
    h2o_req_t *req = exchange->req;
    const h2o_buffer_t *input = req->conn->callbacks->get_socket(req->conn)->input;
    bool is_chunked;
    const char *problem =
        fs_framing_problem((struct fs_text){input->bytes, input->size}, &is_chunked);

    if (problem || is_chunked)
        req->http1_is_persistent = 0;
    if (problem)
        fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST, fs_text_of(problem));
    return !problem;
}

static int on_request(h2o_handler_t *super, h2o_req_t *req)
{
    const struct fs_handler *handler = (const void *)super;
    size_t route_count = handler->route_count;
    struct fs_http *http = FS_CONTAINER_OF(req->conn->ctx, struct fs_http, h2o);
    struct fs_exchange *exchange = fs_exchange_begin(http, req);
    struct fs_route_match match;

    exchange->endpoint = handler->endpoint;
    if (fs_is_http2(req) && exchange->connection && exchange->connection->http2 &&
        fs_http2_leave_malformed(exchange->connection->http2, req))
        return 0;
    if (!(fs_is_http2(req) ? is_well_framed_2(exchange) : is_well_framed(exchange)))
        return 0;
    if (req->entity.len > FS_BODY_LEN_MAX) {
        fs_exchange_fail(exchange, FS_PROBLEM_BODY_TOO_LARGE, (struct fs_text){0});
        return 0;
    }
    if (fs_cors_preflight(exchange))
        return 0;
    if (handler->routes == fs_main_routes && !http->server->has_health)
        route_count -= FS_MAIN_HEALTH_ROUTES;
    switch (
        fs_router_find(handler->routes, route_count, exchange->method, exchange->path, &match)) {
    case FS_ROUTE_FOUND:
        serve_route(exchange, &match);
        break;
    case FS_ROUTE_NO_METHOD:
        refuse_method(exchange, &match);
        break;
    case FS_ROUTE_NONE:
    default:
        fs_exchange_fail(exchange, FS_PROBLEM_NOT_FOUND, (struct fs_text){0});
        break;
    }
    return 0;
}

static h2o_hostconf_t *add_host(struct fs_http_server *server, const char *name,
                                const struct fs_route *routes, size_t route_count,
                                enum fs_endpoint endpoint)
{
    h2o_hostconf_t *host =
        h2o_config_register_host(&server->h2o, h2o_iovec_init(name, strlen(name)), 65535);
    struct fs_handler *handler = (void *)h2o_create_handler(&host->fallback_path, sizeof(*handler));

    host->http2.push_preload = 0;
    host->http2.reprioritize_blocking_assets = 0;
    handler->super.on_req = on_request;
    handler->routes = routes;
    handler->route_count = route_count;
    handler->endpoint = endpoint;
    fs_error_filter_register(&host->fallback_path);
    return host;
}

void fs_http_server_dispose(struct fs_http_server *server)
{
    fs_guard_dispose(&server->guard);
    fs_rates_dispose(&server->buyer_rates);
    fs_rates_dispose(&server->address_rates);
    h2o_config_dispose(&server->h2o);
}

int fs_http_server_init(struct fs_http_server *server)
{
    h2o_globalconf_t *config = &server->h2o;

    h2o_config_init(config);
    config->server_name = h2o_iovec_init(NULL, 0); /* no header at all */
    config->max_request_entity_size = FS_BODY_READ_MAX;
    config->http1.req_timeout = fs_http_patience_us(server) / 1000;
    config->http1.upgrade_to_http2 = 0; /* neither by Upgrade nor by prior knowledge */
    config->http2.callbacks.request_shutdown = NULL;
    config->http2.idle_timeout = fs_http_patience_us(server) / 1000;
    config->http2.max_concurrent_requests_per_connection = FS_HTTP2_STREAMS_MAX;
    config->http2.latency_optimization.min_rtt = UINT_MAX; /* a system call a write */
    server->main_host =
        add_host(server, "main", fs_main_routes, fs_main_route_count, FS_ENDPOINT_OTHER);
    server->admin_host =
        add_host(server, "admin", fs_admin_routes, fs_admin_route_count, FS_ENDPOINT_ADMIN);
    server->main_hosts[0] = server->main_host;
    server->admin_hosts[0] = server->admin_host;
    server->main_hosts[1] = server->admin_hosts[1] = NULL;
    fs_guard_init(&server->guard);
    if (fs_rates_init(&server->buyer_rates) != 0 || fs_rates_init(&server->address_rates) != 0) {
        fs_http_server_dispose(server);
        return -ENOMEM;
    }
    return 0;
}

static int seed_request_ids(struct fs_http *http)
{
    ssize_t got;

    do
        got = getrandom(http->request_id_state, sizeof(http->request_id_state), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(http->request_id_state))
        return -EIO;
    http->request_id_state[0] |= 1; /* the generator stands still at 0 */
    http->request_id_state[1] |= 1;
    return 0;
}

int fs_http_init(struct fs_http *http, h2o_loop_t *h2o_loop, SSL_CTX *tls)
{
    struct fs_http_server *server = http->server;
    int error = seed_request_ids(http);

    if (error)
        return error;
    fs_link_init(&http->connections);
    fs_link_init(&http->exchanges);
    error = fs_order_namer_create(&http->namer);
    if (error)
        return error;
    error = fs_catalogue_create(http, &http->catalogue);
    if (error)
        goto destroy_namer;
    h2o_context_init(&http->h2o, h2o_loop, &server->h2o);
    h2o_timeout_init(h2o_loop, &http->short_pause, SHORT_PAUSE_MS);
    h2o_timeout_init(h2o_loop, &http->middle_pause, MIDDLE_PAUSE_MS);
    http->accept_main =
        (h2o_accept_ctx_t){.ctx = &http->h2o, .hosts = server->main_hosts, .ssl_ctx = tls};
    http->accept_admin = (h2o_accept_ctx_t){.ctx = &http->h2o, .hosts = server->admin_hosts};
    return 0;

destroy_namer:
    fs_order_namer_destroy(http->namer);
    return error;
}

void fs_http_dispose(struct fs_http *http)
{
    h2o_multithread_queue_t *queue = http->h2o.queue;

    fs_catalogue_destroy(http->catalogue); /* its timers are of the loop and the context */
    h2o_timeout_dispose(http->h2o.loop, &http->middle_pause);
    h2o_timeout_dispose(http->h2o.loop, &http->short_pause);
    h2o_context_dispose(&http->h2o);
    fs_http2_free_buffers(http);
#if H2O_LIBRARY_VERSION_MAJOR == 0 && H2O_LIBRARY_VERSION_MINOR == 13
    free(queue); /* 2.2 empties it, closes it, and forgets it */
#else
    (void)queue;
#endif
    fs_order_namer_destroy(http->namer);
}
