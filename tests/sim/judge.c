/* The judge: knows what was asked and told, and when, and nothing of how it was decided. */
#include "sim/judge.h"

#include <stdlib.h>
#include <string.h>

bool sim_is_done(const struct sim_op *op)
{
    return op->end_count > 0 && !op->is_refused && op->outcome.verdict == FS_DONE;
}

bool sim_is_refusal(const struct sim_op *op)
{
    if (op->is_refused)
        return true;
    if (op->end_count == 0)
        return false;
    switch (op->outcome.verdict) {
    case FS_DONE:
    case FS_UNDETERMINED:
        return false;
    case FS_BUSY: /* a change may go on: it is asked for again */
    case FS_UNAVAILABLE:
        return op->kind != FS_OP_CHANGE;
    default:
        return true;
    }
}

bool sim_may_be_done(const struct sim_op *op, uint64_t before_us)
{
    return op->invoked_us < before_us && !sim_is_refusal(op);
}

bool sim_is_tainted(const struct sim_judge *judge, unsigned product, uint64_t epoch)
{
    const struct sim_history *history = judge->history;

    if (!history->loses_tail)
        return false;
    for (size_t i = 0; i < history->count; i++) {
        const struct sim_op *op = history->list[i];

        if (op->product == product && op->invoked_us <= history->loss_end_us && sim_is_done(op) &&
            (op->outcome.epoch >= epoch || (op->has_sale && op->sale.epoch >= epoch)))
            return true;
        if (op->product == product && op->kind == FS_OP_CHANGE &&
            op->change.kind == FS_CHANGE_RESET && op->invoked_us <= history->loss_end_us &&
            !sim_is_refusal(op) && !sim_is_done(op))
            return true; /* nobody knows which epoch it began */
    }
    return epoch <= 1;
}

bool sim_may_be_cancelled(const struct sim_order *order, uint64_t before_us)
{
    for (size_t i = 0; i < order->count; i++)
        if (order->ops[i]->kind == FS_OP_CANCEL && sim_may_be_done(order->ops[i], before_us))
            return true;
    return false;
}

static bool is_restock(const struct sim_op *op, unsigned product)
{
    return op->kind == FS_OP_CHANGE && op->product == product && op->change.units_add > 0;
}

/* A change of the same name was counted already. */
static bool is_repeated(const struct sim_history *history, size_t index, uint64_t before_us,
                        bool must_be_done)
{
    const struct sim_op *op = history->list[index];

    for (size_t i = 0; i < index; i++) {
        const struct sim_op *other = history->list[i];

        if (is_restock(other, op->product) && strcmp(other->order, op->order) == 0 &&
            (must_be_done ? sim_is_done(other) && other->answered_us <= before_us
                          : sim_may_be_done(other, before_us)))
            return true;
    }
    return false;
}

int64_t sim_restocked_at_most(const struct sim_judge *judge, unsigned product, uint64_t before_us)
{
    const struct sim_history *history = judge->history;
    int64_t units = 0;

    for (size_t i = 0; i < history->count; i++)
        if (is_restock(history->list[i], product) && sim_may_be_done(history->list[i], before_us) &&
            !is_repeated(history, i, before_us, false))
            units += history->list[i]->change.units_add;
    return units;
}

int64_t sim_restocked_at_least(const struct sim_judge *judge, unsigned product, uint64_t before_us)
{
    const struct sim_history *history = judge->history;
    int64_t units = 0;

    for (size_t i = 0; i < history->count; i++) {
        const struct sim_op *op = history->list[i];

        if (op->kind == FS_OP_CHANGE && op->product == product &&
            op->change.kind == FS_CHANGE_RESET)
            return 0; /* it may have been of the epoch before */
        if (is_restock(op, product) && sim_is_done(op) && op->answered_us <= before_us &&
            !is_repeated(history, i, before_us, true))
            units += op->change.units_add;
    }
    return units;
}

static bool is_of_order(const struct sim_op *op)
{
    return op->kind == FS_OP_PURCHASE || op->kind == FS_OP_CANCEL || op->kind == FS_OP_LOOKUP;
}

static bool is_same_order(const struct sim_op *a, const struct sim_op *b)
{
    return a->product == b->product && strcmp(a->order, b->order) == 0 &&
           strcmp(a->buyer, b->buyer) == 0;
}

static void gather(struct sim_judge *judge)
{
    const struct sim_history *history = judge->history;
    bool *is_taken = calloc(history->count + 1, sizeof(*is_taken));
    size_t used = 0;

    judge->ops = calloc(history->count + 1, sizeof(*judge->ops));
    judge->orders = calloc(history->count + 1, sizeof(*judge->orders));
    if (!is_taken || !judge->ops || !judge->orders)
        abort();
    for (size_t i = 0; i < history->count; i++) {
        struct sim_order *order = &judge->orders[judge->order_count];

        if (is_taken[i] || !is_of_order(history->list[i]))
            continue;
        *order = (struct sim_order){.ops = judge->ops + used, .product = history->list[i]->product};
        for (size_t k = i; k < history->count; k++) {
            const struct sim_op *op = history->list[k];

            if (is_taken[k] || !is_of_order(op) || !is_same_order(op, history->list[i]))
                continue;
            is_taken[k] = true;
            judge->ops[used++] = op;
            order->count++;
            if (op->kind == FS_OP_PURCHASE && sim_is_done(op) &&
                (!order->sold || op->answered_us < order->sold->answered_us))
                order->sold = op;
        }
        judge->order_count++;
    }
    free(is_taken);
}

/* Each request ends once; in a calm world by its deadline. */
static void judge_ends(const struct sim_judge *judge)
{
    const struct sim_history *history = judge->history;
    uint64_t span_us = judge->world->plan->deadline_us + 100000;

    for (size_t i = 0; i < history->count; i++) {
        const struct sim_op *op = history->list[i];

        if (op->end_count > 1)
            sim_complain(judge->world, "request #%u was ended %u times", op->number, op->end_count);
        if (op->end_count > 0 && op->outcome.verdict == 0)
            sim_complain(judge->world, "request #%u was ended without a verdict", op->number);
        if (history->healed_us > 0 && op->invoked_us > history->healed_us && op->end_count > 0 &&
            op->kind != FS_OP_AUDIT && op->answered_us - op->invoked_us > span_us)
            sim_complain(judge->world, "request #%u took %lu ms in a calm world", op->number,
                         (unsigned long)(op->answered_us - op->invoked_us) / 1000);
    }
}

void sim_judge(struct sim_world *world, bool is_settled)
{
    struct sim_judge judge = {.world = world, .history = world->history};

    gather(&judge);
    judge_ends(&judge);
    sim_judge_orders(&judge);
    sim_judge_units(&judge);
    if (is_settled)
        sim_judge_end(&judge);
    free(judge.orders);
    free(judge.ops);
}
