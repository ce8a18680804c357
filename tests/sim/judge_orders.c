/* One order at a time: it is decided once, told alike for ever, and "nothing was taken" is true. */
#include "sim/judge.h"

#include <string.h>

/* Its client heard that it was sold before this was asked. */
static bool was_sold_before(const struct sim_order *order, const struct sim_op *op)
{
    return order->sold && order->sold->answered_us < op->invoked_us;
}

static bool has_reset_before(const struct sim_judge *judge, unsigned product, uint64_t before_us)
{
    const struct sim_history *history = judge->history;

    for (size_t i = 0; i < history->count; i++) {
        const struct sim_op *op = history->list[i];

        if (op->kind == FS_OP_CHANGE && op->product == product &&
            op->change.kind == FS_CHANGE_RESET && sim_may_be_done(op, before_us))
            return true;
    }
    return false;
}

static void judge_replays(const struct sim_judge *judge, const struct sim_order *order)
{
    const struct sim_op *sold = order->sold;
    unsigned asked = 0;

    for (size_t i = 0; i < order->count; i++) {
        const struct sim_op *op = order->ops[i];

        asked += op->kind == FS_OP_PURCHASE;
        if (op->kind != FS_OP_PURCHASE || !sim_is_done(op) || op == sold)
            continue;
        if (op->outcome.epoch != sold->outcome.epoch ||
            op->outcome.sequence != sold->outcome.sequence ||
            op->outcome.units_left != sold->outcome.units_left)
            sim_complain(judge->world,
                         "order %s was told to #%u as sequence %lu of epoch %lu, %ld left, and to "
                         "#%u as %lu of %lu, %ld left",
                         op->order, sold->number, (unsigned long)sold->outcome.sequence,
                         (unsigned long)sold->outcome.epoch, (long)sold->outcome.units_left,
                         op->number, (unsigned long)op->outcome.sequence,
                         (unsigned long)op->outcome.epoch, (long)op->outcome.units_left);
        if (op->units != sold->units)
            sim_complain(judge->world, "order %s was sold for %u units and for %u", op->order,
                         sold->units, op->units);
        /* Whoever lost an answer cannot know whose ask had run: strategies/v3_lua/README.md. */
        if (!op->outcome.replayed && was_sold_before(order, op) && op->outcome.store_trips <= 1)
            sim_complain(judge->world, "#%u is told a replay of order %s as a new sale", op->number,
                         op->order);
    }
    if (sold && sold->outcome.replayed && asked == 1 && sold->outcome.store_trips <= 1)
        sim_complain(judge->world, "#%u, the only request for order %s, is told as a replay",
                     sold->number, sold->order);
}

/* Somebody asked for it who was not told that nothing was taken. */
static bool may_exist(const struct sim_order *order, uint64_t before_us)
{
    for (size_t i = 0; i < order->count; i++)
        if (order->ops[i]->kind == FS_OP_PURCHASE && sim_may_be_done(order->ops[i], before_us))
            return true;
    return false;
}

static void judge_found(const struct sim_judge *judge, const struct sim_order *order,
                        const struct sim_op *op)
{
    bool was_cancelled = false;

    if (!may_exist(order, op->answered_us))
        sim_complain(judge->world,
                     "order %s exists (#%u), though all who asked for it were told that nothing "
                     "was taken",
                     op->order, op->number);
    if (!op->has_order) {
        sim_complain(judge->world, "#%u finds order %s and is not told it", op->number, op->order);
        return;
    }
    for (size_t i = 0; i < order->count; i++)
        was_cancelled =
            was_cancelled || (order->ops[i]->kind == FS_OP_CANCEL && sim_is_done(order->ops[i]) &&
                              order->ops[i]->answered_us < op->invoked_us);
    if (op->found.status == FS_ORDER_SOLD && was_cancelled)
        sim_complain(judge->world, "order %s is sold for #%u after it was cancelled", op->order,
                     op->number);
    if (op->found.status == FS_ORDER_CANCELLED && !sim_may_be_cancelled(order, op->answered_us))
        sim_complain(judge->world, "order %s is cancelled for #%u, and nobody asked for that",
                     op->order, op->number);
    if (order->sold && op->kind == FS_OP_LOOKUP &&
        (op->found.epoch != order->sold->outcome.epoch || op->found.units != order->sold->units))
        sim_complain(judge->world, "order %s is found by #%u with other units or epoch than sold",
                     op->order, op->number);
}

/* The same key was asked for of another product before. */
static bool is_used_elsewhere(const struct sim_judge *judge, const struct sim_op *op)
{
    for (size_t i = 0; i < judge->history->count; i++) {
        const struct sim_op *other = judge->history->list[i];

        if (other->kind == FS_OP_PURCHASE && other->product != op->product &&
            strcmp(other->order, op->order) == 0 && sim_may_be_done(other, op->answered_us))
            return true;
    }
    return false;
}

/* Where one store, or one process, has all products, a key is for one of them. */
static void judge_claims(const struct sim_judge *judge, const struct sim_order *order)
{
    const struct sim_plan *plan = judge->world->plan;

    for (size_t i = 0; i < judge->order_count; i++) {
        const struct sim_op *other = judge->orders[i].sold;

        if (other && order->sold && plan->node_count <= 1 && plan->strategy[1] != '4' &&
            other->product != order->product && strcmp(other->order, order->sold->order) == 0)
            sim_complain(judge->world, "key %s was sold for two products (#%u, #%u)", other->order,
                         other->number, order->sold->number);
    }
}

static void judge_refused(const struct sim_judge *judge, const struct sim_order *order,
                          const struct sim_op *op)
{
    const char *verdict = sim_verdict_name(op->outcome.verdict);

    switch (op->outcome.verdict) {
    case FS_UNKNOWN:
        if (op->kind == FS_OP_PURCHASE)
            sim_complain(judge->world, "#%u: the sale is told to be unknown", op->number);
        /* fall through */
    case FS_SOLD_OUT:
    case FS_LIMIT_REACHED:
    case FS_TOO_MANY:
    case FS_CLOSED:
        if (was_sold_before(order, op) && op->units == order->sold->units)
            sim_complain(judge->world, "order %s was sold to #%u, and #%u is told %s", op->order,
                         order->sold->number, op->number, verdict);
        return;
    case FS_KEY_REUSED:
        for (size_t i = 0; i < order->count; i++)
            if (order->ops[i]->units != op->units && order->ops[i]->invoked_us < op->answered_us)
                return;
        if (!is_used_elsewhere(judge, op))
            sim_complain(judge->world, "#%u is told that order %s was for something else",
                         op->number, op->order);
        return;
    case FS_NOT_CANCELLABLE:
        if (!has_reset_before(judge, op->product, op->answered_us))
            sim_complain(judge->world, "#%u: no epoch was begun after order %s", op->number,
                         op->order);
        return;
    default:
        return;
    }
}

void sim_judge_orders(const struct sim_judge *judge)
{
    for (size_t i = 0; i < judge->order_count; i++) {
        const struct sim_order *order = &judge->orders[i];

        if (judge->history->loses_orders)
            continue; /* what was acknowledged may be gone, and be sold once more */
        judge_replays(judge, order);
        judge_claims(judge, order);
        for (size_t k = 0; k < order->count; k++) {
            const struct sim_op *op = order->ops[k];

            if (op->end_count == 0 || op->is_refused)
                continue;
            if (op->kind != FS_OP_PURCHASE && sim_is_done(op))
                judge_found(judge, order, op);
            else
                judge_refused(judge, order, op);
        }
    }
}
