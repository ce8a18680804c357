/* The conservation check: what the counters say against what the order records say. */
#include <stddef.h>
#include <stdlib.h>

#include "ask.h"
#include "count.h"

struct audit {
    struct fs_ledger_counter counter;
    struct fs_ledger_ask *ask; /* borrowed until complete */
    struct fs_ledger_keys keys;
};

static void tell_term(struct fs_ledger_ask *state, const char *name, int64_t value)
{
    state->worker->ledger->host->tell_term(state->op, (struct fs_text){name, strlen(name)}, value);
}

static void tell_audit(struct fs_ledger_ask *state, const struct fs_ledger_count *count)
{
    const struct fs_sale_info *info = &count->sale.info;
    const struct fs_outcome outcome = {
        .verdict = FS_DONE,
        .store_trips = state->trips,
        .units_left = info->units_left,
        .epoch = info->epoch,
        .sequence = info->sequence,
    };

    tell_term(state, "epoch", (int64_t)info->epoch);
    tell_term(state, "sequence", (int64_t)info->sequence);
    tell_term(state, "units_initial", info->units_initial);
    tell_term(state, "units_restocked", info->units_restocked);
    tell_term(state, "units_left", info->units_left);
    tell_term(state, "units_sold", info->units_sold);
    tell_term(state, "units_in_transit", info->units_in_transit);
    tell_term(state, "orders_sold", count->orders_sold);
    tell_term(state, "orders_cancelled", count->orders_cancelled);
    tell_term(state, "sold_by_orders", count->units_sold);
    if (count->buyers_difference >= 0)
        tell_term(state, "buyers_difference", count->buyers_difference);
    tell_term(state, "sold_difference", info->units_sold - count->units_sold);
    tell_term(state, "conservation_difference",
              info->units_initial + info->units_restocked - info->units_left - info->units_sold -
                  info->units_in_transit);
    tell_term(state, "frozen", count->sale.is_frozen);
    state->worker->ledger->host->complete(state->op, &outcome);
}

static void on_counted(struct fs_ledger_counter *counter, enum fs_ledger_counted counted,
                       const struct fs_reply *reply)
{
    struct audit *audit =
        (struct audit *)(void *)((char *)counter - offsetof(struct audit, counter));
    struct fs_ledger_ask *state = audit->ask;

    state->trips = counter->trips;
    if (counted == FS_LEDGER_COUNTED)
        tell_audit(state, &counter->count);
    else if (counted == FS_LEDGER_COUNTED_NONE)
        fs_ledger_ask_missing(state);
    else if (reply)
        fs_ledger_ask_fail(state, reply);
    else
        fs_ledger_ask_end(state, FS_UNAVAILABLE);
    free(audit);
}

void fs_ledger_audit_sale(void *data, struct fs_op *op, void *state_data, struct fs_text product)
{
    struct fs_ledger_worker *worker = data;
    struct fs_ledger_ask *state = state_data;
    struct audit *audit = calloc(1, sizeof(*audit));

    state->worker = worker;
    state->op = op;
    state->product = product;
    if (!audit) {
        fs_ledger_ask_end(state, FS_UNAVAILABLE);
        return;
    }
    audit->ask = state;
    audit->counter.done = on_counted;
    fs_ledger_keys_init(&audit->keys, worker->ledger->prefix, product);
    fs_ledger_count_begin(&audit->counter, worker, &audit->keys);
}
