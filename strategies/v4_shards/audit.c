/* Audit: READ, count each shard at an instant of its own, READ again.
 *
 * A purchase or a cancel changes one shard, and what it takes from left it adds to sold: whatever is
 * sold between the instants, the sums over the shards obey the conservation rule.  All else that changes
 * a shard, transfers first of all, raises its moves.  So when both READs find the same epochs and moves,
 * then the shards as they were counted, and the transfers as they were read, are those of a sale that
 * could have been found at one instant.  The sale goes on selling meanwhile. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "adopt.h"
#include "ask.h"
#include "ledger/count.h"

#define ROUNDS_MAX 20u

struct fs_v4_audit {
    struct fs_ledger_counter counter;
    struct fs_v4_ask *state;
    unsigned counted_count; /* one shard after the other, so that buyers come between */
    struct fs_ledger_count shards[];
};

static void on_audit_first(struct fs_v4_read *read);

static void end_audit(struct fs_v4_ask *state, enum fs_verdict verdict)
{
    fs_v4_ask_drop(state);
    free(state->audit);
    state->audit = NULL;
    if (verdict != FS_DONE)
        fs_v4_ask_end(state, verdict);
}

static void tell(struct fs_v4_ask *state, const char *name, int64_t value)
{
    state->ask.worker->ledger->host->tell_term(state->ask.op, (struct fs_text){name, strlen(name)},
                                               value);
}

static void tell_shards(struct fs_v4_ask *state, const struct fs_v4_read *read)
{
    unsigned count = fs_v4_sale_shard_count(read->sale);
    char name[64];

    for (unsigned k = 0; k < count; k++) {
        const struct fs_sale_info *info = &read->views[k].sale.info;

        snprintf(name, sizeof(name), "shard_%u_left", k);
        tell(state, name, info->units_left);
        snprintf(name, sizeof(name), "shard_%u_sold", k);
        tell(state, name, info->units_sold);
        for (unsigned d = 0; d < count; d++) {
            if (!read->views[k].out[d].is_pending)
                continue;
            snprintf(name, sizeof(name), "transfer_%u_to_%u", k, d);
            tell(state, name, fs_v4_read_transit(read, k, d));
        }
    }
}

/* All that can be sold lies on the joint shard, or is on its way there. */
static bool is_joint(const struct fs_v4_read *read)
{
    unsigned count = fs_v4_sale_shard_count(read->sale);
    int64_t left = read->views[0].sale.info.units_left;
    int64_t elsewhere = 0;

    for (unsigned k = 1; k < count; k++) {
        elsewhere += read->views[k].sale.info.units_left;
        left += fs_v4_read_transit(read, k, 0);
    }
    return count > 1 && left > 0 && elsewhere == 0;
}

static void tell_audit(struct fs_v4_ask *state, const struct fs_v4_read *read)
{
    const struct fs_v4_audit *audit = state->audit;
    const struct fs_sale_info sum = fs_v4_read_sum(read);
    struct fs_ledger_count all = {0};
    bool is_compared = true;
    int64_t sold_difference = 0;
    int64_t frozen = 0;

    for (unsigned k = 0; k < fs_v4_sale_shard_count(read->sale); k++) {
        const struct fs_ledger_count *shard = &audit->shards[k];

        all.units_sold += shard->units_sold;
        all.orders_sold += shard->orders_sold;
        all.orders_cancelled += shard->orders_cancelled;
        all.buyers_difference += shard->buyers_difference;
        is_compared = is_compared && shard->buyers_difference >= 0;
        sold_difference += llabs(shard->sale.info.units_sold - shard->units_sold);
        frozen += shard->sale.is_frozen;
    }
    tell(state, "epoch", (int64_t)sum.epoch);
    tell(state, "sequence", (int64_t)sum.sequence);
    tell(state, "units_initial", sum.units_initial);
    tell(state, "units_restocked", sum.units_restocked);
    tell(state, "units_left", sum.units_left);
    tell(state, "units_sold", sum.units_sold);
    tell(state, "units_in_transit", sum.units_in_transit);
    tell(state, "orders_sold", all.orders_sold);
    tell(state, "orders_cancelled", all.orders_cancelled);
    tell(state, "sold_by_orders", all.units_sold);
    if (is_compared)
        tell(state, "buyers_difference", all.buyers_difference);
    tell(state, "sold_difference", sold_difference);
    tell(state, "dealt_difference", sum.units_initial - read->views[0].total);
    tell(state, "conservation_difference",
         sum.units_initial + sum.units_restocked - sum.units_left - sum.units_sold -
             sum.units_in_transit);
    tell(state, "frozen", frozen);
    tell(state, "joint_phase", is_joint(read));
    tell_shards(state, read);
}

/* Whether something but purchases and cancels changed a shard between the READs, or the shard that was
 * counted was not the one that they found. */
static bool has_moved(const struct fs_v4_ask *state, const struct fs_v4_read *read)
{
    bool has_moved = state->before->sale != read->sale;

    for (unsigned k = 0; !has_moved && k < fs_v4_sale_shard_count(read->sale); k++) {
        const struct fs_v4_view *before = &state->before->views[k];
        const struct fs_v4_view *after = &read->views[k];

        has_moved = before->moves != after->moves ||
                    before->sale.info.epoch != after->sale.info.epoch ||
                    before->sale.info.epoch != state->audit->shards[k].sale.info.epoch;
    }
    return has_moved;
}

static void on_audit_second(struct fs_v4_read *read)
{
    struct fs_v4_ask *state = read->data;
    const struct fs_host *host = state->ask.worker->ledger->host;
    struct fs_v4_sale *sale = state->sale;

    if (!read->is_whole) {
        fs_v4_read_end(read);
        end_audit(state, FS_UNAVAILABLE);
    } else if (has_moved(state, read)) {
        if (++state->round_count < ROUNDS_MAX) {
            fs_v4_ask_drop(state);
            on_audit_first(read);
            return;
        }
        fs_v4_read_end(read);
        host->log(host, FS_LOG_WARNING,
                  "v4: stock of %.*s moves between its shards too often to be audited: pause it",
                  (int)state->ask.product.len, state->ask.product.data);
        end_audit(state, FS_UNAVAILABLE);
    } else {
        struct fs_outcome outcome = {.verdict = FS_DONE, .store_trips = state->ask.trips};
        struct fs_sale_info sum;

        for (unsigned k = 0; k < fs_v4_sale_shard_count(sale); k++)
            read->views[k].sale = state->audit->shards[k].sale;
        sum = fs_v4_read_sum(read);
        outcome.units_left = sum.units_left;
        outcome.epoch = sum.epoch;
        outcome.sequence = sum.sequence;
        tell_audit(state, read);
        fs_v4_read_end(read);
        end_audit(state, FS_DONE);
        host->complete(state->ask.op, &outcome);
        fs_v4_sale_leave(sale);
    }
}

static void count_next(struct fs_v4_ask *state)
{
    struct fs_v4_audit *audit = state->audit;

    fs_ledger_count_begin(&audit->counter, state->ask.worker,
                          &state->sale->shards[audit->counted_count].product->keys);
}

static void on_counted(struct fs_ledger_counter *counter, enum fs_ledger_counted counted,
                       const struct fs_reply *reply)
{
    struct fs_v4_audit *audit =
        (struct fs_v4_audit *)(void *)((char *)counter - offsetof(struct fs_v4_audit, counter));
    struct fs_v4_ask *state = audit->state;

    (void)reply;
    state->ask.trips += counter->trips;
    if (counted != FS_LEDGER_COUNTED) {
        end_audit(state, FS_UNAVAILABLE);
        return;
    }
    audit->shards[audit->counted_count] = counter->count;
    if (++audit->counted_count < fs_v4_sale_shard_count(state->sale))
        count_next(state);
    else
        fs_v4_ask_read(state, on_audit_second);
}

static void on_audit_adopted(void *data)
{
    struct fs_v4_ask *state = data;

    fs_v4_ask_read(state, on_audit_first);
}

static void on_audit_first(struct fs_v4_read *read)
{
    struct fs_v4_ask *state = read->data;
    struct fs_v4_sale *sale = read->sale;
    unsigned count = fs_v4_sale_shard_count(sale);
    bool is_lost = fs_v4_read_tell_lost(read) || fs_v4_read_is_headless(read);

    if (is_lost || !read->is_whole || !read->views[0].is_there) {
        bool is_unknown = !is_lost && read->views[0].is_answered && !read->views[0].is_there;

        fs_v4_read_end(read);
        end_audit(state, is_unknown ? FS_UNKNOWN : FS_UNAVAILABLE);
        return;
    }
    if (fs_v4_adopt_begin(read, 0, on_audit_adopted, state) > 0) {
        fs_v4_read_end(read);
        return;
    }
    free(state->audit);
    state->before = read;
    state->audit = calloc(1, sizeof(*state->audit) + count * sizeof(state->audit->shards[0]));
    if (!state->audit) {
        end_audit(state, FS_UNAVAILABLE);
        return;
    }
    state->audit->state = state;
    state->audit->counter.done = on_counted;
    state->ask.trips += 2;
    count_next(state);
}

void fs_v4_audit_sale(void *worker, struct fs_op *op, void *state_data, struct fs_text product)
{
    struct fs_v4_ask *state = fs_v4_ask_begin(worker, op, state_data, product, 0);

    if (state)
        fs_v4_ask_read(state, on_audit_first);
}
