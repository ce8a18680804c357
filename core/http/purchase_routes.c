/* POST /purchase/{product} and GET /inventory/{product}. */
#include "http/routes.h"

#include <errno.h>

#include "base/clock.h"
#include "base/limits.h"
#include "http/answer.h"
#include "http/body.h"

static void count_result(struct fs_http *http, enum fs_purchase_result result)
{
    fs_counter_add(&http->metrics->results[result], 1);
}

static void on_purchase_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    const struct fs_outcome *outcome = &op->outcome;
    struct fs_buffer body;

    count_result(exchange->http, fs_exchange_is_in_doubt(exchange, outcome)
                                     ? FS_RESULT_UNDETERMINED
                                     : fs_purchase_result_of(outcome));
    if (outcome->verdict != FS_DONE) {
        fs_exchange_fail_verdict(exchange, outcome, false);
        return;
    }
    body = fs_exchange_buffer(exchange, FS_ANSWER_SIZE);
    fs_answer_add_purchase(&body, &exchange->order, op->request.purchase.product,
                           op->request.purchase.units, outcome->units_left);
    if (outcome->replayed && op->has_order)
        fs_answer_amend_cancelled(&body, &op->found);
    /* Without a key nobody can have sent it before: it is this request's own decision. */
    if (outcome->replayed && exchange->idempotency_key.len > 0)
        fs_exchange_header(exchange, FS_TEXT("idempotency-replayed"), FS_TEXT("true"));
    fs_exchange_reply_json(exchange, &body);
}

static const struct fs_op_client purchase_client = {.on_end = on_purchase_end};

static void refuse(struct fs_exchange *exchange, struct fs_text detail)
{
    count_result(exchange->http, FS_RESULT_INVALID);
    fs_exchange_fail(exchange, FS_PROBLEM_INVALID_REQUEST, detail);
}

/* False: it failed, and was answered. */
static bool name_order(struct fs_exchange *exchange)
{
    if (fs_order_name(exchange->http->namer, exchange->buyer, exchange->idempotency_key,
                      exchange->id, &exchange->order) == 0)
        return true;
    count_result(exchange->http, FS_RESULT_UNAVAILABLE);
    fs_exchange_fail(exchange, FS_PROBLEM_INTERNAL_ERROR, (struct fs_text){0});
    return false;
}

/* A quantity above today's limit: sold when the limit was higher, or invalid. */
struct large_purchase {
    uint32_t quantity;
    struct fs_text detail; /* why it is invalid; in the request's pool */
};

static void reply_first_decision(struct fs_exchange *exchange, const struct fs_order_info *order)
{
    struct fs_buffer body = fs_exchange_buffer(exchange, FS_ANSWER_SIZE);

    count_result(exchange->http, FS_RESULT_REPLAYED);
    fs_answer_add_purchase(&body, &exchange->order, order->product, order->units,
                           order->units_left);
    fs_answer_amend_cancelled(&body, order);
    fs_exchange_header(exchange, FS_TEXT("idempotency-replayed"), FS_TEXT("true"));
    fs_exchange_reply_json(exchange, &body);
}

static void on_large_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    const struct large_purchase *large = exchange->data;
    const struct fs_outcome *outcome = &op->outcome;

    if (outcome->verdict == FS_UNKNOWN) {
        refuse(exchange, large->detail);
    } else if (outcome->verdict != FS_DONE) {
        count_result(exchange->http, fs_purchase_result_of(outcome));
        fs_exchange_fail_verdict(exchange, outcome, false);
    } else if (op->found.units != large->quantity) {
        count_result(exchange->http, FS_RESULT_KEY_REUSED);
        fs_exchange_fail(exchange, FS_PROBLEM_KEY_REUSED, (struct fs_text){0});
    } else {
        reply_first_decision(exchange, &op->found);
    }
}

/* An order that was sold is answered as it was then, whatever the limit is today: it is looked up and
 * never asked for anew. */
static void look_large_up(struct fs_exchange *exchange, uint32_t quantity, struct fs_text detail)
{
    static const struct fs_op_client client = {.on_end = on_large_end};
    struct large_purchase *large = h2o_mem_alloc_pool(&exchange->req->pool, sizeof(*large));
    h2o_iovec_t kept = h2o_strdup(&exchange->req->pool, detail.data, detail.len);
    struct fs_op *op;

    if (!name_order(exchange))
        return;
    *large = (struct large_purchase){quantity, {kept.base, kept.len}};
    exchange->data = large;
    op = fs_exchange_take_op(exchange, FS_OP_LOOKUP, &client);
    if (!op) {
        count_result(exchange->http, FS_RESULT_BUSY);
        return;
    }
    fs_op_set_ref(op, exchange->id, exchange->buyer, fs_order_id_name(&exchange->order));
    fs_op_submit(op);
}

static void submit_purchase(struct fs_exchange *exchange, uint32_t quantity)
{
    struct fs_op *op;

    if (!name_order(exchange))
        return;
    op = fs_exchange_take_op(exchange, FS_OP_PURCHASE, &purchase_client);
    if (!op) {
        count_result(exchange->http, FS_RESULT_BUSY);
        return;
    }
    fs_op_set_purchase(op, exchange->id, exchange->buyer, fs_order_id_name(&exchange->order),
                       quantity);
    fs_op_submit(op);
}

void fs_serve_purchase(struct fs_exchange *exchange)
{
    struct fs_http *http = exchange->http;
    const struct fs_text body = {exchange->req->entity.base, exchange->req->entity.len};
    const enum fs_purchase_result refused =
        exchange->has_double_header ? FS_RESULT_INVALID : FS_RESULT_UNAUTHORIZED;
    char detail_text[FS_BODY_DETAIL_SIZE], ignored_text[FS_BODY_DETAIL_SIZE];
    struct fs_buffer detail = fs_buffer_of(detail_text, sizeof(detail_text));
    struct fs_buffer ignored = fs_buffer_of(ignored_text, sizeof(ignored_text));
    uint32_t quantity;

    if (!fs_take_address_rate(exchange)) {
        count_result(http, FS_RESULT_RATE);
        return;
    }
    switch (fs_authenticate(exchange, FS_SCOPE_ORDERS_PURCHASE)) {
    case FS_ADMITTED:
        break;
    case FS_WAITS_FOR_KEYS:
        return;
    case FS_REFUSED:
    default:
        count_result(http, refused);
        return;
    }
    if (!fs_take_buyer_rate(exchange)) {
        count_result(http, FS_RESULT_RATE);
        return;
    }
    if (!fs_idempotency_key_is_valid(exchange->idempotency_key)) {
        refuse(exchange, FS_KEY_DETAIL);
        return;
    }
    if (fs_body_read_quantity(body, http->settings->quantity_max, &quantity, &detail) == 0)
        submit_purchase(exchange, quantity);
    else if (exchange->idempotency_key.len > 0 &&
             fs_body_read_quantity(body, FS_QUANTITY_MAX, &quantity, &ignored) == 0)
        look_large_up(exchange, quantity, (struct fs_text){detail.data, detail.len});
    else
        refuse(exchange, (struct fs_text){detail.data, detail.len});
}

static void on_count_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    struct fs_buffer body;

    if (op->outcome.verdict != FS_DONE || !op->has_sale) {
        fs_exchange_fail_verdict(exchange, &op->outcome, false);
        return;
    }
    if (fs_sale_is_deleted(&op->sale)) {
        fs_exchange_fail(exchange, FS_PROBLEM_UNKNOWN_PRODUCT, (struct fs_text){0});
        return;
    }
    body = fs_exchange_buffer(exchange, FS_ANSWER_SIZE);
    fs_answer_add_inventory(&body, &op->sale, fs_clock_wall_ms());
    /* A second of a shared cache in front takes the crowd that only looks off the server. */
    fs_exchange_header(exchange, FS_TEXT("cache-control"), FS_TEXT("public, max-age=1"));
    fs_exchange_reply_json(exchange, &body);
}

void fs_serve_inventory(struct fs_exchange *exchange)
{
    static const struct fs_op_client client = {.on_end = on_count_end};
    struct fs_op *op = fs_exchange_take_op(exchange, FS_OP_COUNT, &client);

    if (!op)
        return;
    fs_op_set_product(op, exchange->id);
    fs_op_submit(op);
}
