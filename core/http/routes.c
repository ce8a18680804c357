/* The two tables of routes, the busiest first, and who may use them. */
#include "http/routes.h"

#include <errno.h>

#include "base/clock.h"
#include "base/limits.h"

const struct fs_route fs_main_routes[] = {
    {"POST", "/purchase/", "", FS_ENDPOINT_PURCHASE, FS_PROBLEM_UNKNOWN_PRODUCT, false,
     fs_serve_purchase},
    {"GET", "/inventory/", "", FS_ENDPOINT_INVENTORY, FS_PROBLEM_UNKNOWN_PRODUCT, false,
     fs_serve_inventory},
    {"GET", "/orders/", "", FS_ENDPOINT_ORDER, FS_PROBLEM_UNKNOWN_ORDER, false, fs_serve_order},
    {"DELETE", "/orders/", "", FS_ENDPOINT_CANCEL, FS_PROBLEM_UNKNOWN_ORDER, false,
     fs_serve_cancel},
    {"POST", "/login", NULL, FS_ENDPOINT_LOGIN, FS_PROBLEM_NONE, false, fs_serve_login},
    {"GET", "/openapi.json", NULL, FS_ENDPOINT_OTHER, FS_PROBLEM_NONE, false, fs_serve_document},
    {"GET", "/", NULL, FS_ENDPOINT_OTHER, FS_PROBLEM_NONE, false, fs_serve_shop_page},
    {"GET", "/docs", NULL, FS_ENDPOINT_OTHER, FS_PROBLEM_NONE, false, fs_serve_shop_page},
    {"GET", "/web/", ".js", FS_ENDPOINT_OTHER, FS_PROBLEM_NOT_FOUND, false, fs_serve_shop_page},
    {"GET", "/web/", ".css", FS_ENDPOINT_OTHER, FS_PROBLEM_NOT_FOUND, false, fs_serve_shop_page},
    /* FS_MAIN_HEALTH_ROUTES of them, last */
    {"GET", "/livez", NULL, FS_ENDPOINT_OTHER, FS_PROBLEM_NONE, false, fs_serve_livez},
    {"GET", "/readyz", NULL, FS_ENDPOINT_OTHER, FS_PROBLEM_NONE, false, fs_serve_main_readyz},
};
const size_t fs_main_route_count = sizeof(fs_main_routes) / sizeof(fs_main_routes[0]);

const struct fs_route fs_admin_routes[] = {
    {"GET", "/livez", NULL, FS_ENDPOINT_ADMIN, FS_PROBLEM_NONE, false, fs_serve_livez},
    {"GET", "/readyz", NULL, FS_ENDPOINT_ADMIN, FS_PROBLEM_NONE, false, fs_serve_readyz},
    {"GET", "/metrics", NULL, FS_ENDPOINT_ADMIN, FS_PROBLEM_NONE, false, fs_serve_metrics},
    {"GET", "/admin/products", NULL, FS_ENDPOINT_ADMIN, FS_PROBLEM_NONE, true, fs_serve_products},
    {"GET", "/admin/products/", "", FS_ENDPOINT_ADMIN, FS_PROBLEM_UNKNOWN_PRODUCT, true,
     fs_serve_product},
    {"PUT", "/admin/products/", "", FS_ENDPOINT_ADMIN, FS_PROBLEM_UNKNOWN_PRODUCT, true,
     fs_serve_product_put},
    {"PATCH", "/admin/products/", "", FS_ENDPOINT_ADMIN, FS_PROBLEM_UNKNOWN_PRODUCT, true,
     fs_serve_product_patch},
    {"DELETE", "/admin/products/", "", FS_ENDPOINT_ADMIN, FS_PROBLEM_UNKNOWN_PRODUCT, true,
     fs_serve_product_delete},
    {"GET", "/admin/products/", "/audit", FS_ENDPOINT_ADMIN, FS_PROBLEM_UNKNOWN_PRODUCT, true,
     fs_serve_audit},
    {"GET", "/openapi.json", NULL, FS_ENDPOINT_ADMIN, FS_PROBLEM_NONE, false, fs_serve_document},
    {"GET", "/", NULL, FS_ENDPOINT_ADMIN, FS_PROBLEM_NONE, false, fs_serve_admin_page},
    {"GET", "/docs", NULL, FS_ENDPOINT_ADMIN, FS_PROBLEM_NONE, false, fs_serve_admin_page},
    {"GET", "/web/", ".js", FS_ENDPOINT_ADMIN, FS_PROBLEM_NOT_FOUND, false, fs_serve_admin_page},
    {"GET", "/web/", ".css", FS_ENDPOINT_ADMIN, FS_PROBLEM_NOT_FOUND, false, fs_serve_admin_page},
};
const size_t fs_admin_route_count = sizeof(fs_admin_routes) / sizeof(fs_admin_routes[0]);

static bool take_rate(struct fs_exchange *exchange, struct fs_rates *rates, struct fs_text name,
                      uint32_t per_second, enum fs_rate by)
{
    if (fs_rates_take(rates, name, per_second, fs_clock_now_us(), &exchange->retry_after_s))
        return true;
    fs_counter_add(&exchange->http->metrics->rates_limited[by], 1);
    fs_exchange_fail(
        exchange, FS_PROBLEM_TOO_MANY_REQUESTS,
        by == FS_RATE_BUYER
            ? FS_TEXT("This buyer asks more often than purchase.rate_per_buyer allows.")
            : FS_TEXT("This address asks more often than purchase.rate_per_address "
                      "allows."));
    return false;
}

bool fs_take_address_rate(struct fs_exchange *exchange)
{
    const uint32_t per_second = exchange->http->settings->rate_per_address;
    struct fs_guard_key key;

    if (per_second == 0 || !exchange->client)
        return true;
    key = fs_guard_key(exchange->client);
    return !key.is_limited ||
           take_rate(exchange, &exchange->http->server->address_rates,
                     (struct fs_text){(const char *)key.bytes, sizeof(key.bytes)}, per_second,
                     FS_RATE_ADDRESS);
}

bool fs_take_buyer_rate(struct fs_exchange *exchange)
{
    return take_rate(exchange, &exchange->http->server->buyer_rates, exchange->buyer,
                     exchange->http->settings->rate_per_buyer, FS_RATE_BUYER);
}

bool fs_idempotency_key_is_valid(struct fs_text key)
{
    if (!key.data)
        return true;
    if (key.len == 0 || key.len > FS_KEY_LEN_MAX)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (key.data[i] < 0x21 || key.data[i] > 0x7e)
            return false;
    return true;
}

void fs_keep_sale(struct fs_op *op, void *data, const struct fs_sale_info *sale)
{
    struct fs_exchange *exchange = data;
    h2o_mem_pool_t *pool = &exchange->req->pool;
    struct fs_sale_info *kept;

    (void)op;
    if (exchange->sale_count == FS_NAMES_MAX || fs_sale_is_deleted(sale))
        return;
    if (exchange->sale_count == exchange->sale_capacity) {
        size_t capacity = exchange->sale_capacity ? 2 * exchange->sale_capacity : 16;

        kept = h2o_mem_alloc_pool(pool, capacity * sizeof(*kept));
        if (exchange->sale_count > 0)
            memcpy(kept, exchange->sales, exchange->sale_count * sizeof(*kept));
        exchange->sales = kept;
        exchange->sale_capacity = capacity;
    }
    kept = &exchange->sales[exchange->sale_count++];
    *kept = *sale;
    kept->product.data = h2o_strdup(pool, sale->product.data, sale->product.len).base;
}

void fs_keep_shard(struct fs_op *op, void *data, uint32_t shard, int64_t units_left)
{
    struct fs_exchange *exchange = data;
    struct fs_shard_row *kept;

    if (exchange->sale_count == 0 || exchange->shard_count == FS_SHARD_ROWS_MAX ||
        !fs_text_equals(exchange->sales[exchange->sale_count - 1].product, op->sale.product))
        return;
    if (exchange->shard_count == exchange->shard_capacity) {
        size_t capacity = exchange->shard_capacity ? 2 * exchange->shard_capacity : 32;

        kept = h2o_mem_alloc_pool(&exchange->req->pool, capacity * sizeof(*kept));
        if (exchange->shard_count > 0)
            memcpy(kept, exchange->shards, exchange->shard_count * sizeof(*kept));
        exchange->shards = kept;
        exchange->shard_capacity = capacity;
    }
    exchange->shards[exchange->shard_count++] = (struct fs_shard_row){
        .sale = exchange->sale_count - 1, .shard = shard, .units_left = units_left};
}

void fs_keep_trouble(struct fs_op *op, void *data, const struct fs_sale_trouble *trouble)
{
    struct fs_exchange *exchange = data;
    h2o_mem_pool_t *pool = &exchange->req->pool;
    struct fs_trouble_row *kept;

    if (exchange->sale_count == 0 ||
        !fs_text_equals(exchange->sales[exchange->sale_count - 1].product, op->sale.product))
        return;
    if (exchange->trouble_count == exchange->trouble_capacity) {
        size_t capacity = exchange->trouble_capacity ? 2 * exchange->trouble_capacity : 8;

        kept = h2o_mem_alloc_pool(pool, capacity * sizeof(*kept));
        if (exchange->trouble_count > 0)
            memcpy(kept, exchange->troubles, exchange->trouble_count * sizeof(*kept));
        exchange->troubles = kept;
        exchange->trouble_capacity = capacity;
    }
    kept = &exchange->troubles[exchange->trouble_count++];
    *kept = (struct fs_trouble_row){.sale = exchange->sale_count - 1, .trouble = *trouble};
    kept->trouble.reason.data = h2o_strdup(pool, trouble->reason.data, trouble->reason.len).base;
}
