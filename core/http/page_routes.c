/* The pages: static files with an ETag, gzipped where the client takes that. */
#include "http/routes.h"

#include "web/web.h"

/* Nothing is loaded from elsewhere, nothing is inline, and no other page frames ours. */
static const struct fs_text policy =
    FS_TEXT("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");

static struct fs_text header_of(const struct fs_exchange *exchange, const h2o_token_t *token)
{
    const h2o_headers_t *headers = &exchange->req->headers;
    ssize_t at = h2o_find_header(headers, token, -1);

    return at < 0
               ? (struct fs_text){0}
               : (struct fs_text){headers->entries[at].value.base, headers->entries[at].value.len};
}

/* The list contains the word. */
static bool contains(struct fs_text list, const char *word)
{
    return list.data && memmem(list.data, list.len, word, strlen(word)) != NULL;
}

static void serve_asset(struct fs_exchange *exchange, const struct fs_web_asset *asset)
{
    bool is_gzip = contains(header_of(exchange, H2O_TOKEN_ACCEPT_ENCODING), "gzip");

    fs_exchange_header(exchange, FS_TEXT("etag"), fs_text_of(asset->etag));
    fs_exchange_header(exchange, FS_TEXT("cache-control"), FS_TEXT("no-cache"));
    fs_exchange_header(exchange, FS_TEXT("vary"), FS_TEXT("accept-encoding"));
    fs_exchange_header(exchange, FS_TEXT("content-security-policy"), policy);
    fs_exchange_header(exchange, FS_TEXT("x-content-type-options"), FS_TEXT("nosniff"));
    fs_exchange_header(exchange, FS_TEXT("referrer-policy"), FS_TEXT("no-referrer"));
    if (contains(header_of(exchange, H2O_TOKEN_IF_NONE_MATCH), asset->etag)) {
        fs_exchange_reply(exchange, 304, fs_text_of(asset->type), (struct fs_text){0});
        return;
    }
    if (is_gzip)
        fs_exchange_header(exchange, FS_TEXT("content-encoding"), FS_TEXT("gzip"));
    fs_exchange_reply(exchange, 200, fs_text_of(asset->type), fs_web_bytes(asset, is_gzip));
}

static void serve_from(struct fs_exchange *exchange, const struct fs_web_asset *table)
{
    const struct fs_web_asset *asset = fs_web_find(table, exchange->path);

    if (asset)
        serve_asset(exchange, asset);
    else
        fs_exchange_fail(exchange, FS_PROBLEM_NOT_FOUND, (struct fs_text){0});
}

void fs_serve_shop_page(struct fs_exchange *exchange)
{
    if (exchange->http->server->has_shop_page)
        serve_from(exchange, fs_web_shop);
    else
        fs_exchange_fail(exchange, FS_PROBLEM_NOT_FOUND, (struct fs_text){0});
}

void fs_serve_admin_page(struct fs_exchange *exchange)
{
    serve_from(exchange, fs_web_admin);
}
