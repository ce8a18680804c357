/* Cross-origin requests.  Source: Fetch Standard, section 3.2 (fetch.spec.whatwg.org). */
#include "http/cors.h"

static bool is_allowed(const struct fs_http_server *server, struct fs_text origin)
{
    for (size_t i = 0; i < server->cors_origin_count; i++)
        if (server->is_cors_open || fs_text_equals(fs_text_of(server->cors_origins[i]), origin))
            return true;
    return false;
}

void fs_cors_add(struct fs_exchange *exchange)
{
    const struct fs_http_server *server = exchange->http->server;

    if (server->cors_origin_count == 0 || exchange->is_admin)
        return;
    /* Caches must not give one origin's answer to another. */
    if (!server->is_cors_open)
        fs_exchange_header(exchange, FS_TEXT("vary"), FS_TEXT("Origin"));
    if (!exchange->origin.data || !is_allowed(server, exchange->origin))
        return;
    fs_exchange_header(exchange, FS_TEXT("access-control-allow-origin"),
                       server->is_cors_open ? FS_TEXT("*") : exchange->origin);
    fs_exchange_header(
        exchange, FS_TEXT("access-control-expose-headers"),
        FS_TEXT("X-Request-Id, Idempotency-Replayed, Retry-After, WWW-Authenticate, Date"));
}

bool fs_cors_preflight(struct fs_exchange *exchange)
{
    const struct fs_http_server *server = exchange->http->server;

    if (server->cors_origin_count == 0 || exchange->is_admin || !exchange->origin.data ||
        !exchange->is_preflight || !fs_text_equals(exchange->method, FS_TEXT("OPTIONS")))
        return false;
    if (is_allowed(server, exchange->origin)) {
        fs_exchange_header(exchange, FS_TEXT("access-control-allow-methods"),
                           FS_TEXT("GET, HEAD, POST, DELETE"));
        fs_exchange_header(
            exchange, FS_TEXT("access-control-allow-headers"),
            FS_TEXT("Authorization, Content-Type, Idempotency-Key, X-Request-Id, Traceparent"));
        fs_exchange_header(exchange, FS_TEXT("access-control-max-age"), FS_TEXT("600"));
    }
    fs_exchange_reply(exchange, 204, FS_TEXT("text/plain"), (struct fs_text){"", 0});
    return true;
}
