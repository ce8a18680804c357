/* After the faults have stopped and all was bought: the books agree with what was told. */
#include "sim/judge.h"

#include <string.h>

static const struct sim_op *last_of(const struct sim_judge *judge, enum fs_op_kind kind,
                                    unsigned product)
{
    const struct sim_history *history = judge->history;

    for (size_t i = history->count; i > 0; i--)
        if (history->list[i - 1]->kind == kind && history->list[i - 1]->product == product)
            return history->list[i - 1];
    return NULL;
}

static const struct sim_op *last_lookup(const struct sim_order *order)
{
    const struct sim_op *last = order->ops[order->count - 1];

    return last->kind == FS_OP_LOOKUP ? last : NULL;
}

static bool is_cancelled_for_certain(const struct sim_order *order)
{
    for (size_t i = 0; i < order->count; i++)
        if (order->ops[i]->kind == FS_OP_CANCEL && sim_is_done(order->ops[i]))
            return true;
    return false;
}

static void judge_order(const struct sim_judge *judge, const struct sim_order *order)
{
    const struct sim_op *found = last_lookup(order);

    if (!found || !order->sold || judge->history->loses_orders)
        return;
    if (!sim_is_done(found))
        sim_complain(judge->world, "order %s was acknowledged to #%u and is gone (#%u: %s)",
                     found->order, order->sold->number, found->number,
                     sim_verdict_name(found->outcome.verdict));
    else if (found->found.status == FS_ORDER_SOLD && is_cancelled_for_certain(order))
        sim_complain(judge->world, "order %s was cancelled and is sold at the end", found->order);
    else if (found->found.units != order->sold->units ||
             found->found.epoch != order->sold->outcome.epoch ||
             found->found.sequence != order->sold->outcome.sequence)
        sim_complain(judge->world, "order %s is not kept as it was told", found->order);
}

static int64_t sold_by_lookups(const struct sim_judge *judge, unsigned product, uint64_t epoch,
                               const char *buyer)
{
    int64_t units = 0;

    for (size_t i = 0; i < judge->order_count; i++) {
        const struct sim_op *found = last_lookup(&judge->orders[i]);

        if (judge->orders[i].product == product && found && sim_is_done(found) &&
            found->found.status == FS_ORDER_SOLD && found->found.epoch == epoch &&
            (!buyer || strcmp(found->buyer, buyer) == 0))
            units += found->found.units;
    }
    return units;
}

static void judge_limits(const struct sim_judge *judge, unsigned product, uint64_t epoch)
{
    int64_t most = judge->history->loses_orders ? 0 : judge->world->plan->per_buyer[product];

    for (size_t i = 0; i < judge->order_count && most > 0; i++) {
        const char *buyer = judge->orders[i].ops[0]->buyer;

        if (sold_by_lookups(judge, product, epoch, buyer) > most)
            sim_complain(judge->world, "buyer %s has more than %ld units at the end", buyer,
                         (long)most);
    }
}

static void judge_sale(const struct sim_judge *judge, unsigned product)
{
    const struct sim_op *count = last_of(judge, FS_OP_COUNT, product);
    const struct sim_op *audit = last_of(judge, FS_OP_AUDIT, product);
    const struct fs_sale_info *sale;
    int64_t sold;

    if (!count || !sim_is_done(count) || !count->has_sale) {
        sim_complain(judge->world, "product %u is not counted at the end", product);
        return;
    }
    sale = &count->sale;
    if (sale->units_initial + sale->units_restocked !=
        sale->units_left + sale->units_sold + sale->units_in_transit)
        sim_complain(judge->world, "%ld + %ld units are %ld left, %ld sold, %ld in transit",
                     (long)sale->units_initial, (long)sale->units_restocked, (long)sale->units_left,
                     (long)sale->units_sold, (long)sale->units_in_transit);
    if (sale->units_left != 0 || sale->units_in_transit != 0)
        sim_complain(judge->world, "all was to be sold, and %ld units are left of product %u",
                     (long)(sale->units_left + sale->units_in_transit), product);
    sold = sold_by_lookups(judge, product, sale->epoch, NULL);
    if (sold != sale->units_sold)
        sim_complain(judge->world, "product %u says %ld units are sold; its orders say %ld",
                     product, (long)sale->units_sold, (long)sold);
    if (sale->units_initial != judge->world->plan->units[product] ||
        sale->units_restocked > sim_restocked_at_most(judge, product, SIM_NEVER) ||
        sale->units_restocked < sim_restocked_at_least(judge, product, SIM_NEVER))
        sim_complain(judge->world, "product %u has %ld units and %ld restocked", product,
                     (long)sale->units_initial, (long)sale->units_restocked);
    if (audit && sim_is_done(audit) && audit->differences != 0)
        sim_complain(judge->world, "the audit of product %u shows differences", product);
    judge_limits(judge, product, sale->epoch);
}

void sim_judge_end(const struct sim_judge *judge)
{
    for (size_t i = 0; i < judge->order_count; i++)
        judge_order(judge, &judge->orders[i]);
    for (unsigned i = 0; i < judge->world->plan->product_count; i++)
        judge_sale(judge, i);
}
