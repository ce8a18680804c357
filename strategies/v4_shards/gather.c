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

#include "adopt.h"
#include "ledger/batch.h"
#include "place.h"
#include "plan.h"
#include "stock.h"
#include "transfer.h"
#include "wait.h"

/* Home refuses it by the sale's state or a limit, but units were taken for it and their PUT was not answered:
 * whoever puts them decides it then, when the sale may sell again, so that a refusal would not be for good. */
static bool is_overtaken(const struct fs_v4_op *op, const struct fs_ledger_decision *decision)
{
    return op->is_taken_for && !op->transfer &&
           (decision->code == FS_LIMIT_REACHED || decision->code == FS_TOO_MANY ||
            (decision->code > FS_LEDGER_STATE && decision->code < FS_LEDGER_FROZEN));
}

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
    if (is_overtaken(op, decision)) {
        fs_ledger_complete(state, FS_UNDETERMINED);
        return true;
    }
    if (decision->code != FS_SOLD_OUT && !(decision->code == FS_UNKNOWN && epoch == 0))
        return false;
    if (!op->is_taken_for)
        state->may_be_decided = false; /* an ask that was lost can run no more: see batch.h */
    fs_v4_wait_here(sale, state);
    return true;
}

static void on_adopted(void *data)
{
    struct fs_v4_sale *sale = data;

    sale->acting_count--;
    fs_v4_sale_touch(sale);
}

/* False, logged: the sale was made with another number of shards, so homes are elsewhere. */
static bool has_our_count(const struct fs_v4_read *read)
{
    const struct fs_host *host = fs_v4_host(read->sale->worker);
    struct fs_v4_sale *sale = read->sale;
    unsigned count = fs_v4_sale_shard_count(sale);

    for (unsigned k = 0; k < count; k++) {
        const struct fs_v4_view *view = &read->views[k];

        if (!view->is_there || view->shard_count == (int64_t)count)
            continue;
        sale->is_checked = false;
        host->log(host, FS_LOG_ERROR,
                  "v4: %.*s was made with %lld shards and is looked for in %u: set shards to that",
                  (int)sale->name.len, sale->name.data, (long long)view->shard_count, count);
        return false;
    }
    return true;
}

/* Deals with a sale that is not there, is made otherwise, or is being changed.  True: ops are dealt
 * with. */
static bool settle_sale(const struct fs_v4_read *read, struct fs_ledger_queue *ops)
{
    const struct fs_v4_view *truth = &read->views[0];
    const struct fs_host *host = fs_v4_host(read->sale->worker);
    struct fs_v4_sale *sale = read->sale;
    bool is_headless = fs_v4_read_is_headless(read);
    bool is_lost;

    if (sale->is_retired) {
        fs_v4_wait_all(sale, ops); /* they are sent on from there */
        return true;
    }
    /* What was not there before the place was asked for again, and is the same, is not there. */
    if (fs_v4_read_is_suspect(read) && !(sale->is_absent && !truth->is_there)) {
        sale->is_absent = !truth->is_there;
        sale->is_checked = false;
        sale->is_suspect = true;
        fs_v4_wait_all(sale, ops);
        return true;
    }
    sale->is_absent = false;
    is_lost = fs_v4_read_tell_lost(read);
    if (truth->is_answered && !truth->is_there && read->is_whole && !is_headless && !is_lost) {
        fs_v4_end_all(ops, FS_UNKNOWN);
        return true;
    }
    if (truth->is_answered && !truth->is_there) {
        if (is_headless && !is_lost)
            host->log(host, FS_LOG_ERROR,
                      "v4: shard 0 of %.*s is gone and others are there: nothing is sold",
                      (int)sale->name.len, sale->name.data);
        fs_v4_fail_all(ops);
        return true;
    }
    if (!has_our_count(read)) {
        fs_v4_fail_all(ops);
        return true;
    }
    if (fs_v4_adopt_begin(read, 0, on_adopted, sale) > 0) {
        sale->acting_count++;
        fs_v4_wait_all(sale,
                       ops); /* so that no step is under way when a worker's last op has ended */
        return true;
    }
    return false;
}

static void on_read(struct fs_v4_read *read)
{
    struct fs_v4_sale *sale = read->sale;
    struct fs_ledger_queue ops = sale->asking;
    uint64_t same_number = sale->same_number;
    bool is_proof = fs_v4_read_is_proof(read);

    sale->asking = (struct fs_ledger_queue){0};
    fs_v4_read_remember(read);
    fs_v4_expire(sale, &ops);
    if (ops.first && !settle_sale(read, &ops))
        fs_v4_plan_carry_out(read, &ops, is_proof, same_number);
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
    fs_v4_fail_all(&sale->asking);
    fs_v4_sale_touch(sale);
}

/* Home said "frozen" to these before the place was known anew: if it says so again, it is. */
static void ask_frozen(struct fs_ledger_queue *ops)
{
    struct fs_ledger_queue rest = {0};
    struct fs_ledger_op *state;

    while ((state = fs_ledger_queue_shift(ops)) != NULL) {
        if (((const struct fs_v4_op *)(const void *)state)->is_told_frozen)
            fs_v4_ask_home(state);
        else
            fs_ledger_queue_append(&rest, state);
    }
    *ops = rest;
}

static void on_placed(void *data, enum fs_v4_placed placed)
{
    struct fs_v4_sale *sale = data;

    fs_v4_expire(sale, &sale->asking);
    if (placed == FS_V4_ELSEWHERE)
        fs_v4_wait_all(sale, &sale->asking);
    else if (placed != FS_V4_PLACED)
        fs_v4_fail_all(&sale->asking);
    else
        ask_frozen(&sale->asking);
    if (sale->asking.first) {
        begin_read(sale);
        return;
    }
    sale->acting_count--;
    fs_v4_sale_touch(sale);
}

/* Requeue on the replacement sale. */
static void send_on(struct fs_v4_sale *retired)
{
    struct fs_v4_sale *sale = fs_v4_sale_take(retired->worker, retired->name);
    struct fs_ledger_op *state;

    if (!sale) {
        fs_v4_fail_all(&retired->waiting);
        return;
    }
    while ((state = fs_ledger_queue_shift(&retired->waiting)) != NULL) {
        struct fs_v4_op *op = (struct fs_v4_op *)(void *)state;

        op->is_asked = false;
        op->is_told_frozen = false;
        op->is_taken_for = false; /* what was not put before the move is void */
        op->transfer = NULL;
        op->read_number = 0;
        state->product = fs_v4_sale_home(sale, state->buyer);
        fs_v4_wait_here(sale, state);
    }
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
        fs_v4_fail_all(&sale->waiting);
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
        fs_v4_fail_all(&sale->asking);
    }
}
