/* What the judge's parts share: orders, each with all that was asked and told about it. */
#ifndef FS_TESTS_SIM_JUDGE_H
#define FS_TESTS_SIM_JUDGE_H

#include "sim/history.h"

/* All requests for one order. */
struct sim_order {
    const struct sim_op **ops; /* purchases, cancels and lookups, in the order of asking */
    size_t count;
    unsigned product;
    const struct sim_op *sold; /* the purchase of which its client first heard that it was sold */
};

struct sim_judge {
    struct sim_world *world;
    const struct sim_history *history;
    struct sim_order *orders;
    size_t order_count;
    const struct sim_op **ops; /* of orders, in one block */
};

/* The request was answered, and by its answer it took, gave back and changed nothing. */
bool sim_is_refusal(const struct sim_op *op);
bool sim_is_done(const struct sim_op *op);
/* It was asked before at_us, and may have been carried out. */
bool sim_may_be_done(const struct sim_op *op, uint64_t before_us);

/* Whether a loss of data may have taken what was told in this epoch. */
bool sim_is_tainted(const struct sim_judge *judge, unsigned product, uint64_t epoch);

/* A cancel of it may have been carried out, asked before at_us. */
bool sim_may_be_cancelled(const struct sim_order *order, uint64_t before_us);

/* Units that restocks have added to an epoch: at most, asked before before_us; at least, told before it. */
int64_t sim_restocked_at_most(const struct sim_judge *judge, unsigned product, uint64_t before_us);
int64_t sim_restocked_at_least(const struct sim_judge *judge, unsigned product, uint64_t before_us);

/* judge_state.c: the purchase may have met a sale that was closed or paused; or was outside of its window;
 * the sale was closed for certain from the first request for the order to its answer. */
bool sim_may_be_closed(const struct sim_history *history, const struct sim_op *asked);
bool sim_may_be_outside(const struct sim_judge *judge, const struct sim_op *asked);
bool sim_is_closed_for(const struct sim_history *history, const struct sim_order *order);
void sim_judge_window(const struct sim_judge *judge, const struct sim_order *order);

/* judge_orders.c: one order at a time. */
void sim_judge_orders(const struct sim_judge *judge);
/* judge_units.c: sums of units, limits, refusals. */
void sim_judge_units(const struct sim_judge *judge);
/* judge_end.c: after the world was settled. */
void sim_judge_end(const struct sim_judge *judge);

#endif
