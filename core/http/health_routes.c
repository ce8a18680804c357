/* GET /livez, /readyz and /metrics: for those who watch over the server. */
#include "http/routes.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/access_log.h"
#include "http/answer.h"
#include "http/store_state.h"
#include "metrics/prometheus.h"

#define TROUBLES_SHOWN_MAX 32u
#define LOOP_STALE_US 5000000u /* each loop turns once a second even when nothing happens */

void fs_serve_livez(struct fs_exchange *exchange)
{
    const struct fs_http_server *server = exchange->http->server;
    uint64_t now_us = fs_clock_now_us();

    for (size_t i = 0; i < server->loop_count; i++) {
        uint64_t turn_at_us = fs_counter_read(&server->loops[i]->metrics->turn_at_us);

        /* 0: has not begun.  Later than now: it turned while we looked. */
        if (turn_at_us != 0 && turn_at_us < now_us && now_us - turn_at_us > LOOP_STALE_US) {
            fs_exchange_fail(exchange, FS_PROBLEM_NOT_READY,
                             FS_TEXT("An event loop has stood still for more than 5 seconds."));
            return;
        }
    }
    fs_exchange_reply(exchange, 200, FS_TEXT("application/json"), FS_TEXT("{\"status\":\"live\"}"));
}

static bool is_verbose(const struct fs_exchange *exchange)
{
    return fs_text_equals(exchange->query, FS_TEXT("verbose")) ||
           fs_text_equals(exchange->query, FS_TEXT("verbose=1"));
}

/* The sales that sell nothing until an operator acts; the first ones, where there are many. */
static void add_troubles(struct fs_buffer *body, const struct fs_exchange *exchange)
{
    fs_buffer_add(body, FS_TEXT(",\"sales_in_trouble\":"));
    fs_buffer_add_u64(body, exchange->trouble_count);
    fs_buffer_add(body, FS_TEXT(",\"sales\":["));
    for (size_t i = 0; i < exchange->trouble_count && i < TROUBLES_SHOWN_MAX; i++) {
        const struct fs_trouble_row *row = &exchange->troubles[i];

        fs_buffer_add(body, i > 0 ? FS_TEXT(",{\"product_id\":") : FS_TEXT("{\"product_id\":"));
        fs_answer_add_product(body, exchange->sales[row->sale].product);
        fs_buffer_add_format(body, ",\"state\":\"%s\"", fs_answer_state(row->trouble.state));
        fs_answer_add_trouble(body, &row->trouble);
        fs_buffer_add(body, FS_TEXT("}"));
    }
    fs_buffer_add(body, FS_TEXT("]"));
}

/* has_list: the sales were listed. */
static void reply_ready(struct fs_exchange *exchange, uint64_t asked_us, bool has_list)
{
    const struct fs_http_server *server = exchange->http->server;
    struct fs_buffer body = fs_exchange_buffer(exchange, (1 + TROUBLES_SHOWN_MAX) * FS_ANSWER_SIZE +
                                                             fs_store_state_size(exchange));

    fs_buffer_add(&body, FS_TEXT("{\"status\":\"ready\""));
    if (is_verbose(exchange)) {
        fs_buffer_add(&body, FS_TEXT(",\"version\":"));
        fs_buffer_add_json(&body, fs_text_of(server->version));
        fs_buffer_add(&body, FS_TEXT(",\"strategy\":"));
        fs_buffer_add_json(&body, fs_text_of(server->strategy->name));
        fs_buffer_add(&body, FS_TEXT(",\"durability\":"));
        fs_buffer_add_json(&body, fs_text_of(server->durability));
        fs_buffer_add(&body, FS_TEXT(",\"loops\":"));
        fs_buffer_add_u64(&body, server->loop_count);
        fs_buffer_add(&body, FS_TEXT(",\"started_at\":"));
        fs_answer_add_time(&body, server->started_at_ms);
        fs_buffer_add(&body, FS_TEXT(",\"answered_us\":"));
        fs_buffer_add_u64(&body, fs_clock_now_us() - asked_us);
        fs_store_state_add(&body, exchange);
        if (has_list)
            add_troubles(&body, exchange);
    }
    fs_buffer_add(&body, FS_TEXT("}"));
    fs_exchange_reply_json(exchange, &body);
}

static void on_troubles_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);

    reply_ready(exchange, exchange->probed_us, op->outcome.verdict == FS_DONE);
}

/* A frozen sale does not make the server unready: every server refuses it alike, and the others sell. */
static void list_troubles(struct fs_exchange *exchange, uint64_t probed_us)
{
    static const struct fs_op_client client = {
        .on_end = on_troubles_end, .on_sale = fs_keep_sale, .on_trouble = fs_keep_trouble};
    struct fs_op *op = fs_op_take(exchange->http->ops, FS_OP_LIST, &client, exchange);

    if (!op) {
        reply_ready(exchange, probed_us, false);
        return;
    }
    exchange->probed_us = probed_us;
    exchange->op = op;
    fs_op_submit(op);
}

static void on_probe_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);

    if (op->outcome.verdict != FS_DONE)
        fs_store_state_fail(exchange);
    else if (is_verbose(exchange))
        list_troubles(exchange, op->submitted_us);
    else
        reply_ready(exchange, op->submitted_us, false);
}

void fs_serve_readyz(struct fs_exchange *exchange)
{
    static const struct fs_op_client client = {.on_end = on_probe_end};
    struct fs_http_server *server = exchange->http->server;
    struct fs_op *op;
    bool is_leaving = atomic_load(&server->leaving) || atomic_load(&server->draining);

    if (!atomic_load(&server->ready) || is_leaving) {
        fs_exchange_fail(exchange, FS_PROBLEM_NOT_READY,
                         is_leaving ? FS_TEXT("The server is stopping.")
                                    : FS_TEXT("The server is starting."));
        return;
    }
    op = fs_exchange_take_op(exchange, server->strategy->probe ? FS_OP_PROBE : FS_OP_LIST, &client);
    if (op)
        fs_op_submit(op);
}

void fs_serve_main_readyz(struct fs_exchange *exchange)
{
    exchange->query = (struct fs_text){0};
    fs_serve_readyz(exchange);
}

static struct fs_prometheus_sale *stocks(struct fs_exchange *exchange)
{
    size_t count = exchange->sale_count;
    struct fs_prometheus_sale *rows =
        h2o_mem_alloc_pool(&exchange->req->pool, (count + 1) * sizeof(*rows));

    for (size_t i = 0; i < count; i++)
        rows[i] =
            (struct fs_prometheus_sale){.product = exchange->sales[i].product,
                                        .units_left = exchange->sales[i].units_left,
                                        .units_in_transit = exchange->sales[i].units_in_transit};
    for (size_t i = 0; i < exchange->trouble_count; i++)
        rows[exchange->troubles[i].sale].trouble =
            fs_answer_state(exchange->troubles[i].trouble.state);
    return rows;
}

static struct fs_prometheus_shard *shard_stocks(struct fs_exchange *exchange)
{
    size_t count = exchange->shard_count;
    struct fs_prometheus_shard *rows =
        h2o_mem_alloc_pool(&exchange->req->pool, (count + 1) * sizeof(*rows));

    for (size_t i = 0; i < count; i++)
        rows[i] = (struct fs_prometheus_shard){
            .product = exchange->sales[exchange->shards[i].sale].product,
            .shard = exchange->shards[i].shard,
            .units_left = exchange->shards[i].units_left};
    return rows;
}

/* The last loop is the admin's own: it takes no purchases. */
static unsigned worker_count(const struct fs_http_server *server)
{
    return server->loop_count > 1 ? (unsigned)server->loop_count - 1 : 1;
}

static void reply_metrics(struct fs_exchange *exchange, bool has_stocks)
{
    const struct fs_http_server *server = exchange->http->server;
    const struct fs_key_source_figures keys = fs_auth_key_figures(server->auth);
    struct fs_metrics *total = h2o_mem_alloc_pool(&exchange->req->pool, sizeof(*total));
    struct fs_prometheus_scrape scrape = {
        .total = total,
        .strategy = server->strategy->name,
        .durability = server->durability,
        .nodes = server->nodes,
        .sales_frozen = server->sales_frozen ? atomic_load(server->sales_frozen) : 0,
        .key_failures = keys.failures,
        .keys_age_us = keys.age_us,
        .version = server->version,
        .log_lines_dropped = fs_log_dropped(server->log),
        .access_lines_dropped = fs_access_log_dropped(server->access_log),
        .sales = has_stocks ? stocks(exchange) : NULL,
        .sale_count = has_stocks ? exchange->sale_count : 0,
        .shards = has_stocks ? shard_stocks(exchange) : NULL,
        .shard_count = has_stocks ? exchange->shard_count : 0,
        .workers = worker_count(server),
        .http2_held = atomic_load(&server->http2_held),
        .connections_max = exchange->http->settings->connections_max,
        .started_at_s = (double)server->started_at_ms / 1000.0,
    };
    h2o_iovec_t body;
    char *text;
    size_t len;

    fs_metrics_init(total);
    for (size_t i = 0; i < server->loop_count; i++)
        fs_metrics_merge(total, server->loops[i]->metrics);
    if (fs_prometheus_write(&scrape, &text, &len) != 0) {
        fs_exchange_fail(exchange, FS_PROBLEM_INTERNAL_ERROR, (struct fs_text){0});
        return;
    }
    body = h2o_strdup(&exchange->req->pool, text, len);
    free(text);
    fs_exchange_reply(exchange, 200, FS_TEXT("text/plain; version=0.0.4; charset=utf-8"),
                      (struct fs_text){body.base, body.len});
}

static void on_stocks_end(struct fs_op *op, void *data)
{
    reply_metrics(fs_exchange_of_op(data), op->outcome.verdict == FS_DONE);
}

/* Counts are worth most when the store is gone: without an op or an answer they come alone. */
void fs_serve_metrics(struct fs_exchange *exchange)
{
    static const struct fs_op_client client = {.on_end = on_stocks_end,
                                               .on_sale = fs_keep_sale,
                                               .on_shard = fs_keep_shard,
                                               .on_trouble = fs_keep_trouble};
    struct fs_op *op = fs_op_take(exchange->http->ops, FS_OP_LIST, &client, exchange);

    if (!op) {
        reply_metrics(exchange, false);
        return;
    }
    exchange->op = op;
    fs_op_submit(op);
}
