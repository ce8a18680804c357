/* What a strategy says about an op: the rows it tells and the outcome it ends with, through the
 * host table.  Nothing here calls the client's on_end(): that is settle's, at the end of the turn. */
#include "purchase/op.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "purchase/purchase.h"

/* A row may be told: the op is in the strategy's hands. */
static void assert_open(const struct fs_op *op)
{
    assert(op->kind != 0 && op->submitted && !op->completed);
}

/* The request's own product, for all kinds but list, which has none. */
static struct fs_text product_of(const struct fs_op *op)
{
    switch (op->kind) {
    case FS_OP_PURCHASE:
        return op->request.purchase.product;
    case FS_OP_CANCEL:
    case FS_OP_LOOKUP:
        return op->request.ref.product;
    case FS_OP_CHANGE:
        return op->request.change.product;
    case FS_OP_COUNT:
    case FS_OP_AUDIT:
    case FS_OP_LIST:
    case FS_OP_PROBE:
        break;
    }
    return op->request.product;
}

static void ops_tell_sale(struct fs_op *op, const struct fs_sale_info *sale)
{
    assert_open(op);
    assert(op->kind == FS_OP_COUNT || op->kind == FS_OP_LIST || op->kind == FS_OP_CHANGE);
    op->has_sale = true;
    if (op->answered)
        return;
    op->sale = *sale;
    if (op->kind == FS_OP_LIST) {
        assert(sale->product.len <= sizeof(op->product));
        memcpy(op->product, sale->product.data, sale->product.len);
        op->sale.product = (struct fs_text){op->product, sale->product.len};
    } else {
        assert(fs_text_equals(sale->product, product_of(op)));
        op->sale.product = product_of(op);
    }
    if (op->client->on_sale)
        op->client->on_sale(op, op->data, &op->sale);
}

static void ops_tell_order(struct fs_op *op, const struct fs_order_info *order)
{
    struct fs_text buyer;
    struct fs_text name;

    assert_open(op);
    assert(op->kind == FS_OP_PURCHASE || op->kind == FS_OP_CANCEL || op->kind == FS_OP_LOOKUP);
    if (op->kind == FS_OP_PURCHASE) {
        buyer = op->request.purchase.buyer;
        name = op->request.purchase.order;
    } else {
        buyer = op->request.ref.buyer;
        name = op->request.ref.order;
    }
    /* Never reveal another buyer's order. */
    assert(fs_text_equals(order->product, product_of(op)) && fs_text_equals(order->buyer, buyer) &&
           fs_text_equals(order->order, name));
    op->has_order = true;
    op->found = *order;
    op->found.product = product_of(op);
    op->found.buyer = buyer;
    op->found.order = name;
}

static void ops_tell_term(struct fs_op *op, struct fs_text name, int64_t value)
{
    assert_open(op);
    assert(op->kind == FS_OP_AUDIT);
    if (!op->answered && op->client->on_term)
        op->client->on_term(op, op->data, name, value);
}

static bool ops_asked(struct fs_op *op, bool is_asked)
{
    assert_open(op);
    assert(op->kind == FS_OP_PURCHASE || op->kind == FS_OP_CANCEL || op->kind == FS_OP_CHANGE);
    if (!op->timed_out)
        op->asked = is_asked;
    return !op->timed_out;
}

static void ops_tell_shard(struct fs_op *op, struct fs_text product, uint32_t shard,
                           int64_t units_left)
{
    assert_open(op);
    assert(op->kind == FS_OP_LIST && op->has_sale);
    if (op->answered)
        return;
    assert(fs_text_equals(product, op->sale.product));
    if (op->client->on_shard)
        op->client->on_shard(op, op->data, shard, units_left);
}

static void ops_tell_trouble(struct fs_op *op, const struct fs_sale_trouble *trouble)
{
    struct fs_text reason = trouble->reason;

    assert_open(op);
    assert(op->kind != FS_OP_PROBE && trouble->state >= FS_SALE_FROZEN);
    if (op->answered)
        return;
    if (reason.len > sizeof(op->reason))
        reason.len = sizeof(op->reason);
    if (reason.len > 0)
        memcpy(op->reason, reason.data, reason.len);
    op->trouble = *trouble;
    op->trouble.reason = (struct fs_text){op->reason, reason.len};
    if (op->client->on_trouble)
        op->client->on_trouble(op, op->data, &op->trouble);
}

#define BIT(verdict) (1u << (verdict))
#define NO_ANSWER (BIT(FS_BUSY) | BIT(FS_UNAVAILABLE) | BIT(FS_UNDETERMINED))

/* What each callback may answer: strategy.h, struct fs_strategy. */
static const unsigned allowed_verdicts[] = {
    [FS_OP_PURCHASE] = NO_ANSWER | BIT(FS_DONE) | BIT(FS_SOLD_OUT) | BIT(FS_LIMIT_REACHED) |
                       BIT(FS_TOO_MANY) | BIT(FS_CLOSED) | BIT(FS_UNKNOWN) | BIT(FS_KEY_REUSED) |
                       BIT(FS_IN_PROGRESS),
    [FS_OP_CANCEL] = NO_ANSWER | BIT(FS_DONE) | BIT(FS_UNKNOWN) | BIT(FS_NOT_CANCELLABLE),
    [FS_OP_LOOKUP] = NO_ANSWER | BIT(FS_DONE) | BIT(FS_UNKNOWN),
    [FS_OP_COUNT] = NO_ANSWER | BIT(FS_DONE) | BIT(FS_UNKNOWN),
    [FS_OP_LIST] = NO_ANSWER | BIT(FS_DONE),
    [FS_OP_AUDIT] = NO_ANSWER | BIT(FS_DONE) | BIT(FS_UNKNOWN),
    [FS_OP_CHANGE] = NO_ANSWER | BIT(FS_DONE) | BIT(FS_EXISTS) | BIT(FS_UNKNOWN) |
                     BIT(FS_SOLD_OUT) | BIT(FS_KEY_REUSED) | BIT(FS_TOO_MANY) | BIT(FS_CLOSED),
    [FS_OP_PROBE] = NO_ANSWER | BIT(FS_DONE),
};

static void assert_outcome(const struct fs_op *op, const struct fs_outcome *outcome)
{
    bool done = outcome->verdict == FS_DONE;

    assert(outcome->verdict > 0 && outcome->verdict < FS_VERDICT_COUNT);
    assert(allowed_verdicts[op->kind] & BIT(outcome->verdict));
    assert((outcome->verdict == FS_CLOSED) == (outcome->state != 0));
    assert(!done || op->kind != FS_OP_LOOKUP || op->has_order);
    assert(!done || (op->kind != FS_OP_COUNT && op->kind != FS_OP_CHANGE) || op->has_sale);
}

static void count_purchase(const struct fs_op *op, const struct fs_outcome *outcome)
{
    struct fs_metrics *metrics = op->ops->loop->metrics;

    fs_histogram_record(&metrics->purchase_duration_us, fs_clock_now_us() - op->submitted_us);
    if (op->answered && !op->timed_out)
        fs_counter_add(&metrics->results[fs_purchase_result_of(outcome)], 1);
}

void fs_op_complete(struct fs_op *op, const struct fs_outcome *outcome)
{
    assert_open(op);
    assert(pthread_equal(op->ops->thread, pthread_self()));
    assert_outcome(op, outcome);
    op->completed = true;
    if (op->kind == FS_OP_PURCHASE)
        count_purchase(op, outcome);
    if (outcome->verdict == FS_DONE || outcome->verdict == FS_UNDETERMINED)
        fs_op_note_order(op);
    if (!op->answered)
        op->outcome = *outcome;
    fs_link_remove(&op->by_deadline);
    fs_link_append(&op->ops->completed, &op->completed_link);
}

void fs_ops_offer(struct fs_host *host)
{
    host->tell_sale = ops_tell_sale;
    host->tell_order = ops_tell_order;
    host->tell_term = ops_tell_term;
    host->tell_shard = ops_tell_shard;
    host->tell_trouble = ops_tell_trouble;
    host->complete = fs_op_complete;
    host->asked = ops_asked;
}
