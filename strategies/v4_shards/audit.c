/* Audit: READ, the sums of each shard's order records, READ again: exact when both READs agree. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "adopt.h"
#include "ask.h"
#include "ledger/scripts.h"

#define ROUNDS_MAX 20u

struct counted {
    struct fs_call call;
    struct fs_v4_ask *state;
    int64_t units_sold, orders_sold, orders_cancelled, buyers_difference;
    bool is_counted;
};

struct fs_v4_audit {
    unsigned counted_count; /* one shard after the other, so that buyers come between */
    struct counted shards[];
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
    struct counted all = {0};
    int64_t sold_difference = 0;
    int64_t frozen = 0;

    for (unsigned k = 0; k < fs_v4_sale_shard_count(read->sale); k++) {
        const struct counted *shard = &audit->shards[k];

        all.units_sold += shard->units_sold;
        all.orders_sold += shard->orders_sold;
        all.orders_cancelled += shard->orders_cancelled;
        all.buyers_difference += shard->buyers_difference;
        sold_difference += llabs(read->views[k].sale.info.units_sold - shard->units_sold);
        frozen += read->views[k].sale.is_frozen;
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

static void on_audit_second(struct fs_v4_read *read)
{
    struct fs_v4_ask *state = read->data;
    const struct fs_host *host = state->ask.worker->ledger->host;
    struct fs_v4_sale *sale = state->sale;

    if (!read->is_whole) {
        fs_v4_read_end(read);
        end_audit(state, FS_UNAVAILABLE);
    } else if (fs_v4_read_is_same(state->before, read)) {
        const struct fs_sale_info sum = fs_v4_read_sum(read);
        const struct fs_outcome outcome = {.verdict = FS_DONE,
                                           .store_trips = state->ask.trips,
                                           .units_left = sum.units_left,
                                           .epoch = sum.epoch,
                                           .sequence = sum.sequence};

        tell_audit(state, read);
        fs_v4_read_end(read);
        end_audit(state, FS_DONE);
        host->complete(state->ask.op, &outcome);
        fs_v4_sale_leave(sale);
    } else if (++state->round_count < ROUNDS_MAX) {
        fs_v4_ask_drop(state);
        on_audit_first(read);
    } else {
        fs_v4_read_end(read);
        host->log(host, FS_LOG_WARNING,
                  "v4: %.*s sells too fast to be audited at one instant: pause it",
                  (int)state->ask.product.len, state->ask.product.data);
        end_audit(state, FS_UNAVAILABLE);
    }
}

static void on_counted(struct fs_call *call, const struct fs_reply *reply);

static void count_next(struct fs_v4_ask *state)
{
    const struct fs_ledger *ledger = state->ask.worker->ledger;
    unsigned k = state->audit->counted_count;
    struct counted *shard = &state->audit->shards[k];
    const struct fs_ledger_keys *keys = &state->sale->shards[k].product->keys;
    char number[FS_LEDGER_NUMBER_SIZE];
    const struct fs_text argv[] = {keys->list[FS_LEDGER_KEY_SALE], keys->list[FS_LEDGER_KEY_ORDERS],
                                   keys->list[FS_LEDGER_KEY_BUYERS],
                                   fs_ledger_number(number, ledger->audit_max)};

    shard->state = state;
    shard->call.done = on_counted;
    ledger->host->script(state->ask.worker->loop, &shard->call, &fs_ledger_audit, 0, 3, 4, argv);
}

static void on_counted(struct fs_call *call, const struct fs_reply *reply)
{
    struct counted *shard =
        (struct counted *)(void *)((char *)call - offsetof(struct counted, call));
    struct fs_v4_ask *state = shard->state;
    struct fs_v4_audit *audit = state->audit;
    const struct fs_reply *items = reply->items + FS_LEDGER_SALE_ITEMS;
    const struct fs_host *host = state->ask.worker->ledger->host;
    bool is_whole = true;

    shard->is_counted = reply->kind == FS_REPLY_LIST &&
                        reply->item_count == FS_LEDGER_SALE_ITEMS + 4 &&
                        fs_ledger_read_integer(&items[0], &shard->units_sold) &&
                        fs_ledger_read_integer(&items[1], &shard->orders_sold) &&
                        fs_ledger_read_integer(&items[2], &shard->orders_cancelled) &&
                        fs_ledger_read_integer(&items[3], &shard->buyers_difference);
    if (reply->kind == FS_REPLY_LIST && reply->item_count == 1)
        host->log(host, FS_LOG_WARNING,
                  "v4: a shard of %.*s has more than audit_max orders: raise it to audit the sale, "
                  "whose shards stand still meanwhile, about 4 us for each order",
                  (int)state->ask.product.len, state->ask.product.data);
    if (++audit->counted_count < fs_v4_sale_shard_count(state->sale)) {
        count_next(state);
        return;
    }
    for (unsigned k = 0; k < fs_v4_sale_shard_count(state->sale); k++)
        is_whole = is_whole && audit->shards[k].is_counted;
    if (!is_whole)
        end_audit(state, FS_UNAVAILABLE);
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
    state->ask.trips += 2;
    count_next(state);
}

void fs_v4_audit_sale(void *worker, struct fs_op *op, void *state_data, struct fs_text product)
{
    struct fs_v4_ask *state = fs_v4_ask_begin(worker, op, state_data, product, 0);

    if (state)
        fs_v4_ask_read(state, on_audit_first);
}
