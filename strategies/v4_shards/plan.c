/* Of the ops that wait, which are refused, which are asked for at home, and from where units are brought
 * to which. */
#include "plan.h"

#include "transfer.h"
#include "wait.h"

#define PLENTY 4 /* units a shard, on average: a home is then brought more than it needs */
#define ALL INT64_C(1000000000000)

struct plan {
    const struct fs_v4_read *read;
    struct fs_v4_sale *sale;
    unsigned count;
    uint64_t epoch;
    bool is_proof;
    bool is_blind; /* some shard did not answer, or is frozen */
    int64_t available;
    int64_t left[FS_V4_SHARDS_MAX]; /* less what is being taken; -1: nothing can be taken */
    struct fs_ledger_queue homes[FS_V4_SHARDS_MAX];
};

static void look(struct plan *plan)
{
    const struct fs_v4_read *read = plan->read;

    plan->is_blind = !read->is_whole;
    for (unsigned k = 0; k < plan->count && plan->epoch == 0; k++)
        plan->epoch = read->views[k].is_there ? read->views[k].sale.info.epoch : 0;
    for (unsigned k = 0; k < plan->count; k++) {
        const struct fs_v4_view *view = &read->views[k];

        plan->left[k] = -1;
        if (!view->is_there || view->sale.is_frozen || view->sale.info.epoch != plan->epoch) {
            plan->is_blind = true;
            continue;
        }
        plan->left[k] = view->sale.info.units_left;
        plan->available += plan->left[k];
        for (unsigned d = 0; d < plan->count; d++)
            plan->available += fs_v4_read_transit(read, k, d);
    }
}

static void refuse(const struct plan *plan, struct fs_ledger_op *state)
{
    const struct fs_outcome outcome = {.verdict = FS_SOLD_OUT,
                                       .store_trips = state->trips + 1,
                                       .units_left = plan->available,
                                       .epoch = plan->epoch};

    fs_v4_host(plan->sale->worker)->complete(state->op, &outcome);
}

/* Refuses what is proven; deals the payable ops to their homes.  Nothing has changed since the READ
 * of same_number: a DECIDE after it lies between two READs that agree. */
static void deal(struct plan *plan, struct fs_ledger_queue *ops, uint64_t same_number)
{
    struct fs_ledger_op *state;

    while ((state = fs_ledger_queue_shift(ops)) != NULL) {
        const struct fs_v4_op *op = (const struct fs_v4_op *)(const void *)state;

        if (!op->is_asked) {
            fs_v4_ask_home(state);
        } else if (state->units == 0 && plan->is_blind) {
            fs_v4_fail(state);
        } else if (state->units == 0) {
            fs_v4_ask_home(state); /* a cancel that came before its shard knew the sale */
        } else if (state->units <= plan->available) {
            fs_ledger_queue_append(&plan->homes[fs_v4_sale_shard_of(plan->sale, state->product)],
                                   state);
        } else if (plan->is_blind) {
            fs_v4_fail(state);
        } else if (plan->is_proof && op->read_number >= same_number) {
            refuse(plan, state);
        } else {
            fs_v4_ask_home(state);
        }
    }
}

static unsigned richest_but(const struct plan *plan, unsigned home)
{
    unsigned best = home == 0 ? 1 : 0;

    for (unsigned k = 0; k < plan->count; k++)
        if (k != home && plan->left[k] > plan->left[best])
            best = k;
    return best;
}

static void take_for(struct plan *plan, unsigned home, unsigned donor)
{
    const struct fs_v4 *v4 = fs_v4_of(plan->sale->worker);
    uint32_t named_max =
        v4->ledger.batch_max < FS_V4_NAMED_MAX ? v4->ledger.batch_max : FS_V4_NAMED_MAX;
    bool is_plenty = plan->available > (int64_t)plan->count * PLENTY;
    struct fs_ledger_queue *queue = &plan->homes[home];
    int64_t units = 0;
    uint32_t count = 0;
    struct fs_ledger_op *named;

    for (struct fs_ledger_op *state = queue->first; state; state = state->next) {
        if (count == named_max || units + state->units > plan->left[donor] ||
            !fs_ledger_op_asked(state, true))
            break;
        units += state->units;
        count++;
    }
    if (count > 0) {
        named = fs_ledger_queue_cut(queue, count, &count);
        plan->left[donor] -= units;
        fs_v4_transfer_take(plan->sale, donor, home, plan->epoch, is_plenty ? ALL : 0, named);
    }
    fs_v4_wait_all(plan->sale, queue);
}

static void finish_or_sweep(struct plan *plan)
{
    unsigned found = 0;

    for (unsigned k = 0; k < plan->count; k++)
        for (unsigned d = 0; d < plan->count; d++)
            if (fs_v4_read_transit(plan->read, k, d) > 0) {
                fs_v4_transfer_finish(plan->sale, k, d, &plan->read->views[k].out[d]);
                found++;
            }
    for (unsigned k = 1; found == 0 && k < plan->count; k++)
        if (plan->left[k] > 0)
            fs_v4_transfer_take(plan->sale, k, 0, plan->epoch, 0, NULL);
}

/* The ops that no shard can pay for alone are left in stuck. */
static void supply(struct plan *plan, struct fs_ledger_queue *stuck)
{
    for (unsigned home = 0; home < plan->count; home++) {
        struct fs_ledger_queue *queue = &plan->homes[home];
        unsigned donor;

        if (!queue->first)
            continue;
        donor = plan->count > 1 ? richest_but(plan, home) : home;
        if (plan->left[home] >= (int64_t)queue->first->units) {
            fs_v4_ask_home_all(queue);
        } else if (plan->left[home] < 0) {
            fs_v4_fail_all(queue);
        } else if (donor != home && plan->left[donor] >= (int64_t)queue->first->units) {
            take_for(plan, home, donor);
        } else {
            while (queue->first)
                fs_ledger_queue_append(stuck, fs_ledger_queue_shift(queue));
        }
    }
}

void fs_v4_plan_carry_out(const struct fs_v4_read *read, struct fs_ledger_queue *ops, bool is_proof,
                          uint64_t same_number)
{
    struct fs_v4_sale *sale = read->sale;
    struct fs_ledger_queue stuck = {0};
    struct plan plan = {
        .read = read, .sale = sale, .count = fs_v4_sale_shard_count(sale), .is_proof = is_proof};

    look(&plan);
    deal(&plan, ops, same_number);
    supply(&plan, &stuck);
    if (stuck.first && plan.is_blind) {
        fs_v4_fail_all(&stuck);
    } else if (stuck.first) {
        fs_v4_wait_all(sale, &stuck);
        finish_or_sweep(&plan);
    }
}
