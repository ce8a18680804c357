/* One gathering of a sale at a time: READ all shards, then one of
 *
 *   end        the ops that are refused by proof, or cannot be decided
 *   ask home   of the ops that home can pay for now, or whose refusal is not proven yet
 *   TAKE       for the ops of each home from the richest other shard
 *   PUT        what is pending, where that is what is missing
 *   SWEEP      to the joint shard
 *
 * and begin again.  README.md says why this ends and why it is exact. */
#include "gather.h"

#include <assert.h>

#include "adopt.h"
#include "ledger/batch.h"
#include "place.h"
#include "stock.h"
#include "transfer.h"
#include "wait.h"

#define PLENTY 4 /* units a shard, on average: a home is then brought more than it needs */
#define ALL INT64_C(1000000000000)

/* A gathering between READ and its steps. */
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

bool fs_v4_gather_keep(struct fs_ledger_op *state, uint64_t epoch,
                       struct fs_ledger_decision *decision)
{
    struct fs_v4_op *op = (struct fs_v4_op *)(void *)state;
    struct fs_v4_sale *sale = fs_v4_sale_of(state->product);

    if (decision->code == FS_LEDGER_FROZEN && !op->is_told_frozen) {
        op->is_told_frozen = true; /* for good, or because the sale is being moved */
        sale->is_checked = false;
        sale->is_suspect = true;
        fs_v4_wait_here(sale, state);
        return true;
    }
    if (decision->code == FS_DONE + FS_LEDGER_REPLAYED &&
        fs_v4_transfer_decided(state, (uint64_t)decision->sequence)) {
        decision->code = FS_DONE;
        decision->record.len = 0;
    }
    if (decision->code != FS_SOLD_OUT && !(decision->code == FS_UNKNOWN && epoch == 0))
        return false;
    if (!op->is_taken_for)
        state->may_be_decided = false; /* an ask that was lost can run no more: see batch.h */
    fs_v4_wait_here(sale, state);
    return true;
}

static void end_all(struct fs_ledger_queue *queue, enum fs_verdict verdict)
{
    struct fs_ledger_op *next;

    for (struct fs_ledger_op *state = queue->first; state; state = next) {
        next = state->next;
        fs_ledger_complete(state, verdict);
    }
    *queue = (struct fs_ledger_queue){0};
}

static void fail_all(struct fs_ledger_queue *queue)
{
    struct fs_ledger_op *next;

    for (struct fs_ledger_op *state = queue->first; state; state = next) {
        next = state->next;
        fs_v4_fail(state);
    }
    *queue = (struct fs_ledger_queue){0};
}

static void wait_all(struct fs_v4_sale *sale, struct fs_ledger_queue *queue)
{
    struct fs_ledger_op *next;

    for (struct fs_ledger_op *state = queue->first; state; state = next) {
        next = state->next;
        fs_v4_wait_here(sale, state);
    }
    *queue = (struct fs_ledger_queue){0};
}

static void ask_home_all(struct fs_ledger_queue *queue)
{
    struct fs_ledger_op *next;

    for (struct fs_ledger_op *state = queue->first; state; state = next) {
        next = state->next;
        fs_v4_ask_home(state);
    }
    *queue = (struct fs_ledger_queue){0};
}

static void on_adopted(void *data)
{
    struct fs_v4_sale *sale = data;

    sale->acting_count--;
    fs_v4_sale_touch(sale);
}

/* False, logged: the sale was made with another number of shards, so homes are elsewhere. */
static bool has_our_count(const struct plan *plan)
{
    const struct fs_host *host = fs_v4_host(plan->sale->worker);
    struct fs_v4_sale *sale = plan->sale;

    for (unsigned k = 0; k < plan->count; k++) {
        const struct fs_v4_view *view = &plan->read->views[k];

        if (!view->is_there || view->shard_count == (int64_t)plan->count)
            continue;
        sale->is_checked = false;
        host->log(host, FS_LOG_ERROR,
                  "v4: %.*s was made with %lld shards and is looked for in %u: set shards to that",
                  (int)sale->name.len, sale->name.data, (long long)view->shard_count, plan->count);
        return false;
    }
    return true;
}

/* Deals with a sale that is not there, is made otherwise, or is being changed.  True: ops are dealt
 * with. */
static bool settle_sale(struct plan *plan, struct fs_ledger_queue *ops)
{
    const struct fs_v4_view *truth = &plan->read->views[0];
    const struct fs_host *host = fs_v4_host(plan->sale->worker);
    struct fs_v4_sale *sale = plan->sale;
    bool is_headless = fs_v4_read_is_headless(plan->read);
    bool is_lost;

    if (sale->is_retired) {
        wait_all(sale, ops); /* they are sent on from there */
        return true;
    }
    /* What was not there before the place was asked for again, and is the same, is not there. */
    if (fs_v4_read_is_suspect(plan->read) && !(sale->is_absent && !truth->is_there)) {
        sale->is_absent = !truth->is_there;
        sale->is_checked = false;
        sale->is_suspect = true;
        wait_all(sale, ops);
        return true;
    }
    sale->is_absent = false;
    is_lost = fs_v4_read_tell_lost(plan->read);
    if (truth->is_answered && !truth->is_there && plan->read->is_whole && !is_headless &&
        !is_lost) {
        end_all(ops, FS_UNKNOWN);
        return true;
    }
    if (truth->is_answered && !truth->is_there) {
        if (is_headless && !is_lost)
            host->log(host, FS_LOG_ERROR,
                      "v4: shard 0 of %.*s is gone and others are there: nothing is sold",
                      (int)sale->name.len, sale->name.data);
        fail_all(ops);
        return true;
    }
    if (!has_our_count(plan)) {
        fail_all(ops);
        return true;
    }
    if (fs_v4_adopt_begin(plan->read, 0, on_adopted, sale) > 0) {
        sale->acting_count++;
        wait_all(sale, ops); /* so that no step is under way when a worker's last op has ended */
        return true;
    }
    return false;
}

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
    struct fs_ledger_op *next;

    for (struct fs_ledger_op *state = ops->first; state; state = next) {
        const struct fs_v4_op *op = (const struct fs_v4_op *)(const void *)state;

        next = state->next;
        if (!op->is_asked) {
            fs_v4_ask_home(state);
        } else if (state->units == 0 && plan->is_blind) {
            fs_v4_fail(state);
        } else if (state->units == 0) {
            fs_v4_ask_home(state); /* a cancel that came before its shard knew the sale */
        } else if (state->units <= plan->available) {
            fs_v4_append(&plan->homes[fs_v4_sale_shard_of(plan->sale, state->product)], state);
        } else if (plan->is_blind) {
            fs_v4_fail(state);
        } else if (plan->is_proof && op->read_number >= same_number) {
            refuse(plan, state);
        } else {
            fs_v4_ask_home(state);
        }
    }
    *ops = (struct fs_ledger_queue){0};
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
    wait_all(plan->sale, queue);
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
            ask_home_all(queue);
        } else if (plan->left[home] < 0) {
            fail_all(queue);
        } else if (donor != home && plan->left[donor] >= (int64_t)queue->first->units) {
            take_for(plan, home, donor);
        } else {
            while (queue->first) {
                uint32_t one;

                fs_v4_append(stuck, fs_ledger_queue_cut(queue, 1, &one));
            }
        }
    }
}

static void on_read(struct fs_v4_read *read)
{
    struct fs_v4_sale *sale = read->sale;
    struct fs_ledger_queue ops = sale->asking;
    struct fs_ledger_queue stuck = {0};
    uint64_t same_number = sale->same_number;
    struct plan plan = {.read = read,
                        .sale = sale,
                        .count = fs_v4_sale_shard_count(sale),
                        .is_proof = fs_v4_read_is_proof(read)};

    sale->asking = (struct fs_ledger_queue){0};
    fs_v4_read_remember(read);
    fs_v4_expire(sale, &ops);
    if (ops.first && !settle_sale(&plan, &ops)) {
        look(&plan);
        deal(&plan, &ops, same_number);
        supply(&plan, &stuck);
        if (stuck.first && plan.is_blind) {
            fail_all(&stuck);
        } else if (stuck.first) {
            wait_all(sale, &stuck);
            finish_or_sweep(&plan);
        }
    }
    sale->acting_count--; /* the READ itself */
    fs_v4_read_end(read);
}

/* A store that hangs is given up in time to say so; and those that only want to know what is left
 * elsewhere wait for a moment alone. */
static uint64_t read_deadline_us(const struct fs_v4_sale *sale)
{
    uint64_t now_us = fs_v4_host(sale->worker)->now_us();
    uint64_t deadline_us = UINT64_MAX;
    bool is_look = sale->is_checked;

    for (const struct fs_ledger_op *state = sale->asking.first; state; state = state->next) {
        if (state->deadline_us < deadline_us)
            deadline_us = state->deadline_us;
        is_look = is_look && !((const struct fs_v4_op *)(const void *)state)->is_asked;
    }
    deadline_us -= deadline_us > FS_V4_EARLY_US ? FS_V4_EARLY_US : 0;
    if (is_look && deadline_us > now_us + FS_V4_LOOK_US)
        deadline_us = now_us + FS_V4_LOOK_US;
    return deadline_us > now_us ? deadline_us : now_us + 1;
}

static void begin_read(struct fs_v4_sale *sale)
{
    if (fs_v4_read_begin(sale, read_deadline_us(sale), on_read, NULL))
        return;
    sale->acting_count--;
    fail_all(&sale->asking);
    fs_v4_sale_touch(sale);
}

/* Home said "frozen" to these before the place was known anew: if it says so again, it is. */
static void ask_frozen(struct fs_ledger_queue *ops)
{
    struct fs_ledger_queue rest = {0};
    struct fs_ledger_op *next;

    for (struct fs_ledger_op *state = ops->first; state; state = next) {
        next = state->next;
        if (((const struct fs_v4_op *)(const void *)state)->is_told_frozen)
            fs_v4_ask_home(state);
        else
            fs_v4_append(&rest, state);
    }
    *ops = rest;
}

static void on_placed(void *data, enum fs_v4_placed placed)
{
    struct fs_v4_sale *sale = data;

    fs_v4_expire(sale, &sale->asking);
    if (placed == FS_V4_ELSEWHERE)
        wait_all(sale, &sale->asking);
    else if (placed != FS_V4_PLACED)
        fail_all(&sale->asking);
    else
        ask_frozen(&sale->asking);
    if (sale->asking.first) {
        begin_read(sale);
        return;
    }
    sale->acting_count--;
    fs_v4_sale_touch(sale);
}

/* To the sale that has taken this one's place. */
static void send_on(struct fs_v4_sale *retired)
{
    struct fs_v4_sale *sale = fs_v4_sale_take(retired->worker, retired->name);
    struct fs_ledger_op *next;

    if (!sale) {
        fail_all(&retired->waiting);
        return;
    }
    for (struct fs_ledger_op *state = retired->waiting.first; state; state = next) {
        struct fs_v4_op *op = (struct fs_v4_op *)(void *)state;

        next = state->next;
        op->is_asked = false;
        op->is_told_frozen = false;
        op->is_taken_for = false; /* what was not put before the move is void */
        op->transfer = NULL;
        op->read_number = 0;
        state->product = fs_v4_sale_home(sale, state->buyer);
        fs_v4_wait_here(sale, state);
    }
    retired->waiting = (struct fs_ledger_queue){0};
}

void fs_v4_gather(struct fs_v4_sale *sale)
{
    if (sale->is_gathering && sale->acting_count == 0)
        sale->is_gathering = false;
    if (sale->is_gathering)
        return;
    fs_v4_expire(sale, &sale->waiting);
    if (sale->is_retired) {
        send_on(sale);
        return;
    }
    if (sale->is_failing) { /* else we would try as fast as we are told that it cannot be done */
        sale->is_failing = false;
        fail_all(&sale->waiting);
    }
    if (!sale->waiting.first)
        return;
    sale->asking = sale->waiting;
    sale->waiting = (struct fs_ledger_queue){0};
    sale->is_gathering = true;
    sale->acting_count = 1;
    if (sale->is_checked) {
        begin_read(sale);
    } else if (!fs_v4_place_begin(sale, read_deadline_us(sale), false, on_placed, sale)) {
        sale->acting_count = 0;
        fail_all(&sale->asking);
    }
}
