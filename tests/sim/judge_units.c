/* Sums of units: never more sold than there were, never refused what was there, and each buyer within
 * the limit. */
#include <string.h>

#include "sim/judge.h"

/* Units of acknowledged sales of an epoch at an instant, less what may have been cancelled. */
static int64_t sold_at_least(const struct sim_judge *judge, unsigned product, uint64_t epoch,
                             uint64_t at_us, const char *buyer)
{
    int64_t units = 0;

    for (size_t i = 0; i < judge->order_count; i++) {
        const struct sim_order *order = &judge->orders[i];

        if (order->product == product && order->sold && order->sold->outcome.epoch == epoch &&
            order->sold->answered_us <= at_us &&
            (!buyer || strcmp(buyer, order->sold->buyer) == 0) &&
            !sim_may_be_cancelled(order, at_us))
            units += order->sold->units;
    }
    return units;
}

/* Units that may have been sold in an epoch at some instant from from_us to to_us. */
static int64_t sold_at_most(const struct sim_judge *judge, const struct sim_op *refused,
                            bool of_buyer)
{
    int64_t units = 0;

    for (size_t i = 0; i < judge->order_count; i++) {
        const struct sim_order *order = &judge->orders[i];
        int64_t most = 0;
        bool is_back = false;

        if (order->product != refused->product)
            continue;
        for (size_t k = 0; k < order->count; k++) {
            const struct sim_op *op = order->ops[k];

            if (of_buyer && strcmp(op->buyer, refused->buyer) != 0)
                break;
            if (op->kind == FS_OP_PURCHASE && op != refused &&
                sim_may_be_done(op, refused->answered_us) && (int64_t)op->units > most &&
                (!sim_is_done(op) || op->outcome.epoch == refused->outcome.epoch ||
                 refused->outcome.epoch == 0))
                most = op->units;
            is_back = is_back || (op->kind == FS_OP_CANCEL && sim_is_done(op) &&
                                  op->answered_us <= refused->invoked_us);
        }
        units += is_back ? 0 : most;
    }
    return units;
}

static void judge_oversold(const struct sim_judge *judge, const struct sim_order *order)
{
    const struct sim_op *sold = order->sold;
    const struct sim_plan *plan = judge->world->plan;
    uint64_t epoch = sold->outcome.epoch;
    int64_t there = plan->units[order->product] +
                    sim_restocked_at_most(judge, order->product, sold->answered_us);
    int64_t units = sold_at_least(judge, order->product, epoch, sold->answered_us, NULL);

    if (units > there)
        sim_complain(judge->world, "oversold: with #%u %ld of %ld units of epoch %lu are sold",
                     sold->number, (long)units, (long)there, (unsigned long)epoch);
    units = sold_at_least(judge, order->product, epoch, sold->answered_us, sold->buyer);
    if (judge->history->loses_orders)
        return; /* limits and states may be gone with the rest of the sale */
    if (plan->per_buyer[order->product] > 0 && units > plan->per_buyer[order->product])
        sim_complain(judge->world, "with #%u buyer %s has %ld units, more than %ld", sold->number,
                     sold->buyer, (long)units, (long)plan->per_buyer[order->product]);
    if (plan->per_order[order->product] > 0 && sold->units > plan->per_order[order->product])
        sim_complain(judge->world, "#%u: an order of %u units was sold", sold->number, sold->units);
}

static void judge_refusal(const struct sim_judge *judge, const struct sim_op *op)
{
    const struct sim_plan *plan = judge->world->plan;
    int64_t there, sold, most;

    switch (op->outcome.verdict) {
    case FS_SOLD_OUT:
        there =
            plan->units[op->product] + sim_restocked_at_least(judge, op->product, op->invoked_us);
        sold = sold_at_most(judge, op, false);
        if (there - sold >= op->units)
            sim_complain(judge->world,
                         "#%u is told that %u units are not left: at most %ld of %ld were sold",
                         op->number, op->units, (long)sold, (long)there);
        return;
    case FS_LIMIT_REACHED:
        most = plan->per_buyer[op->product];
        sold = sold_at_most(judge, op, true);
        if (most == 0 || sold + op->units <= most)
            sim_complain(judge->world, "#%u is told that %s has too many: at most %ld of %ld",
                         op->number, op->buyer, (long)sold, (long)most);
        return;
    case FS_TOO_MANY:
        most = plan->per_order[op->product];
        if (most == 0 || op->units <= most)
            sim_complain(judge->world, "#%u is told that %u units are too many", op->number,
                         op->units);
        return;
    case FS_CLOSED:
        if (!sim_may_be_closed(judge->history, op) && !sim_may_be_outside(judge, op))
            sim_complain(judge->world, "#%u is told that an open sale does not sell", op->number);
        return;
    default:
        return;
    }
}

/* Of v1 to v3 each record of an epoch has a sequence of its own; of v4 each shard counts. */
static void judge_sequences(const struct sim_judge *judge)
{
    for (size_t i = 0; i < judge->order_count; i++)
        for (size_t k = i + 1; k < judge->order_count; k++) {
            const struct sim_op *a = judge->orders[i].sold, *b = judge->orders[k].sold;

            if (!a || !b || a->product != b->product || a->outcome.epoch != b->outcome.epoch ||
                a->outcome.sequence != b->outcome.sequence)
                continue;
            if (judge->history->has_loss &&
                (a->server != b->server || a->incarnation != b->incarnation))
                continue; /* another process could not know the first */
            if (judge->history->has_loss && (a->outcome.replayed || b->outcome.replayed))
                continue;
            sim_complain(judge->world, "orders %s and %s have both sequence %lu of epoch %lu",
                         a->order, b->order, (unsigned long)a->outcome.sequence,
                         (unsigned long)a->outcome.epoch);
        }
}

void sim_judge_units(const struct sim_judge *judge)
{
    const struct sim_history *history = judge->history;

    for (size_t i = 0; i < judge->order_count; i++) {
        const struct sim_order *order = &judge->orders[i];

        if (!order->sold || sim_is_tainted(judge, order->product, order->sold->outcome.epoch))
            continue;
        judge_oversold(judge, order);
        if (!history->has_loss)
            sim_judge_window(judge, order);
        if (!history->has_loss && !order->sold->outcome.replayed &&
            sim_is_closed_for(history, order))
            sim_complain(judge->world, "#%u bought from a sale that does not sell",
                         order->sold->number);
    }
    if (judge->world->plan->strategy[1] != '4')
        judge_sequences(judge);
    for (size_t i = 0; i < history->count; i++)
        if (history->list[i]->kind == FS_OP_PURCHASE && history->list[i]->end_count > 0 &&
            !history->list[i]->is_refused && !history->has_loss)
            judge_refusal(judge, history->list[i]);
}
