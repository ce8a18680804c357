/* GET and DELETE /orders/{order}.
 *
 * The id of an order holds a tag of its product.  The products that fit the tag are asked in turn,
 * nearly always one; when none is known the catalogue is read anew before the answer is 404, so that
 * a sale made a moment ago on another loop is found as well. */
#include "http/routes.h"

#include <assert.h>

#include "http/answer.h"
#include "http/catalogue.h"

struct order_question {
    struct fs_catalogue_waiter waiter;
    struct fs_exchange *exchange;
    enum fs_op_kind kind; /* FS_OP_LOOKUP or FS_OP_CANCEL */
    struct fs_text buyer; /* in the request's pool */
};

static void ask_next(struct order_question *question);

static void on_order_end(struct fs_op *op, void *data)
{
    struct fs_exchange *exchange = fs_exchange_of_op(data);
    struct fs_buffer body;

    if (op->outcome.verdict == FS_UNKNOWN) {
        ask_next(exchange->data);
        return;
    }
    if (op->outcome.verdict != FS_DONE) {
        fs_exchange_fail_verdict(exchange, &op->outcome, true);
        return;
    }
    assert(op->has_order);
    body = fs_exchange_buffer(exchange, FS_ANSWER_SIZE);
    fs_answer_add_order(&body, &exchange->order, &op->found);
    fs_exchange_reply_json(exchange, &body);
}

static const struct fs_op_client order_client = {.on_end = on_order_end};

static void on_heard(struct fs_catalogue_waiter *waiter, const struct fs_outcome *outcome)
{
    struct order_question *question = FS_CONTAINER_OF(waiter, struct order_question, waiter);
    struct fs_exchange *exchange = question->exchange;

    exchange->on_gone = NULL;
    if (outcome->verdict != FS_DONE) {
        fs_exchange_fail_verdict(exchange, outcome, true);
        return;
    }
    ask_next(question);
}

static void on_gone(struct fs_exchange *exchange)
{
    struct order_question *question = exchange->data;

    fs_catalogue_forget(&question->waiter);
}

static void ask_next(struct order_question *question)
{
    struct fs_exchange *exchange = question->exchange;
    const struct fs_text id = {exchange->order.text, FS_ORDER_ID_LEN};
    struct fs_text product =
        fs_catalogue_candidate(exchange->http->catalogue, id, &exchange->candidate_next);
    struct fs_op *op;

    if (!product.data && !exchange->has_asked) {
        exchange->has_asked = true;
        exchange->on_gone = on_gone;
        fs_catalogue_refresh(exchange->http->catalogue, &question->waiter);
        return;
    }
    if (!product.data) {
        fs_exchange_fail(exchange, FS_PROBLEM_UNKNOWN_ORDER, (struct fs_text){0});
        return;
    }
    op = fs_exchange_take_op(exchange, question->kind, &order_client);
    if (!op)
        return;
    exchange->has_asked = true; /* two products share a tag once in 2^30 pairs */
    fs_op_set_ref(op, product, question->buyer, fs_order_id_name(&exchange->order));
    fs_op_submit(op);
}

static void serve(struct fs_exchange *exchange, enum fs_op_kind kind)
{
    struct order_question *question;
    h2o_iovec_t buyer;

    if (!fs_take_address_rate(exchange) ||
        fs_authenticate(exchange, kind == FS_OP_CANCEL ? FS_SCOPE_ORDERS_CANCEL
                                                       : FS_SCOPE_ORDERS_READ) != FS_ADMITTED ||
        !fs_take_buyer_rate(exchange))
        return;
    if (!fs_order_id_is_valid(exchange->id)) {
        fs_exchange_fail(exchange, FS_PROBLEM_UNKNOWN_ORDER, (struct fs_text){0});
        return;
    }
    memcpy(exchange->order.text, exchange->id.data, FS_ORDER_ID_LEN);
    buyer = h2o_strdup(&exchange->req->pool, exchange->buyer.data, exchange->buyer.len);
    question = h2o_mem_alloc_pool(&exchange->req->pool, sizeof(*question));
    *question = (struct order_question){.waiter = {.heard = on_heard},
                                        .exchange = exchange,
                                        .kind = kind,
                                        .buyer = {buyer.base, buyer.len}};
    exchange->data = question;
    ask_next(question);
}

void fs_serve_order(struct fs_exchange *exchange)
{
    serve(exchange, FS_OP_LOOKUP);
}

void fs_serve_cancel(struct fs_exchange *exchange)
{
    serve(exchange, FS_OP_CANCEL);
}
