/* Whether a sale may have sold, or may have refused to, at an instant: its state and its window. */
#include "sim/judge.h"

static bool is_closing(const struct sim_op *op, unsigned product)
{
    return op->kind == FS_OP_CHANGE && op->product == product && op->change.state > FS_SALE_OPEN;
}

static bool is_opening(const struct sim_op *op, unsigned product)
{
    return op->kind == FS_OP_CHANGE && op->product == product && op->change.state == FS_SALE_OPEN;
}

/* Opened again for certain after this closing, and before before_us. */
static bool is_undone(const struct sim_history *history, const struct sim_op *closing,
                      uint64_t before_us)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct sim_op *op = history->list[i];

        if (is_opening(op, closing->product) && sim_is_done(op) && !op->outcome.replayed &&
            op->invoked_us > closing->answered_us && op->answered_us < before_us)
            return true;
    }
    return false;
}

/* Clocks differ by 10 ms at most while none is stepped, and those of v1 by a second. */
#define WINDOW_TOLERANCE_US 25000u

static bool has_steady_clocks(const struct sim_judge *judge)
{
    const struct sim_plan *plan = judge->world->plan;

    return plan->strategy[1] != '1' && judge->world->fault_counts[SIM_FAULT_STORE_SKEW] == 0;
}

static uint64_t opens_us(const struct sim_plan *plan)
{
    return SIM_BEGIN_US + (uint64_t)plan->opens_ms * 1000;
}

static uint64_t closes_us(const struct sim_plan *plan)
{
    return SIM_BEGIN_US + (uint64_t)plan->closes_ms * 1000;
}

/* By its window alone; unknown where clocks are not steady. */
bool sim_may_be_outside(const struct sim_judge *judge, const struct sim_op *asked)
{
    const struct sim_plan *plan = judge->world->plan;

    if (plan->closes_ms == 0)
        return false;
    if (!has_steady_clocks(judge))
        return true;
    return asked->invoked_us < opens_us(plan) + WINDOW_TOLERANCE_US ||
           asked->answered_us + WINDOW_TOLERANCE_US > closes_us(plan);
}

void sim_judge_window(const struct sim_judge *judge, const struct sim_order *order)
{
    const struct sim_plan *plan = judge->world->plan;
    const struct sim_history *history = judge->history;

    if (plan->closes_ms == 0 || !has_steady_clocks(judge) || order->sold->outcome.replayed ||
        (history->healed_us > 0 && order->sold->answered_us > history->healed_us))
        return;
    if (order->sold->answered_us + WINDOW_TOLERANCE_US < opens_us(plan) ||
        order->ops[0]->invoked_us > closes_us(plan) + WINDOW_TOLERANCE_US)
        sim_complain(judge->world, "#%u bought outside of the sale's window", order->sold->number);
}

bool sim_may_be_closed(const struct sim_history *history, const struct sim_op *asked)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct sim_op *op = history->list[i];

        if (is_closing(op, asked->product) && sim_may_be_done(op, asked->answered_us) &&
            !(sim_is_done(op) && is_undone(history, op, asked->invoked_us)))
            return true;
    }
    return false;
}

/* Closed for certain from before the first request for it to the answer. */
bool sim_is_closed_for(const struct sim_history *history, const struct sim_order *order)
{
    uint64_t first_us = order->ops[0]->invoked_us;

    for (size_t i = 0; i < history->count; i++) {
        const struct sim_op *closing = history->list[i];
        bool may_be_open = false;

        if (!is_closing(closing, order->product) || !sim_is_done(closing) ||
            closing->outcome.replayed || closing->answered_us >= first_us)
            continue;
        for (size_t k = 0; k < history->count && !may_be_open; k++) {
            const struct sim_op *op = history->list[k];

            may_be_open = is_opening(op, order->product) &&
                          sim_may_be_done(op, order->sold->answered_us) &&
                          (!sim_is_done(op) || op->answered_us > closing->invoked_us);
        }
        if (!may_be_open)
            return true;
    }
    return false;
}
