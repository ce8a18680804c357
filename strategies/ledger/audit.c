/* The conservation check: what the counters say against what the order records say.
 *
 * A sale of at most audit_max orders is audited by one script, at one instant.  A longer one would
 * stand still for too long; it is read in steps while it goes on selling, and is audited at the
 * instant of the first step all the same.  Its sequence is S then.  A record bears the sequence at
 * which it was sold and the one at which it was cancelled, so what it was at S can be told later: it
 * was there when it was sold by S, and cancelled when it was cancelled by S.  HSCAN gives every
 * record that was there when it began at least once; those it gives twice are told by a bit for each
 * sequence.  The shares of buyers bear no sequence: they are compared by the one script only. */
#include "ask.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "record.h"
#include "scripts.h"

struct counted {
    int64_t units_sold;
    int64_t orders_sold;
    int64_t orders_cancelled;
    int64_t buyers_difference; /* -1: not compared */
};

static void tell_term(struct fs_ledger_ask *state, const char *name, int64_t value)
{
    state->worker->ledger->host->tell_term(state->op, (struct fs_text){name, strlen(name)}, value);
}

static void tell_audit(struct fs_ledger_ask *state, const struct fs_ledger_sale *sale,
                       const struct counted *counted)
{
    const struct fs_sale_info *info = &sale->info;
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
    tell_term(state, "orders_sold", counted->orders_sold);
    tell_term(state, "orders_cancelled", counted->orders_cancelled);
    tell_term(state, "sold_by_orders", counted->units_sold);
    if (counted->buyers_difference >= 0)
        tell_term(state, "buyers_difference", counted->buyers_difference);
    tell_term(state, "sold_difference", info->units_sold - counted->units_sold);
    tell_term(state, "conservation_difference",
              info->units_initial + info->units_restocked - info->units_left - info->units_sold -
                  info->units_in_transit);
    tell_term(state, "frozen", sale->is_frozen);
    state->worker->ledger->host->complete(state->op, &outcome);
}

/* In steps */

struct fs_ledger_scan {
    struct fs_ledger_ask *ask; /* borrowed until complete */
    struct fs_ledger_sale sale;
    struct counted counted;
    uint64_t *bits; /* owned: sequences that were met */
    size_t cursor_len;
    char cursor[FS_LEDGER_NUMBER_SIZE];
};

static void scan_end(struct fs_ledger_scan *scan, const struct fs_reply *failed)
{
    if (failed)
        fs_ledger_ask_fail(scan->ask, failed);
    else
        tell_audit(scan->ask, &scan->sale, &scan->counted);
    free(scan->bits);
    free(scan);
}

static void count_record(struct fs_ledger_scan *scan, struct fs_text record)
{
    struct fs_order_info order;
    uint64_t cancel_sequence;
    uint64_t last = scan->sale.info.sequence;
    uint64_t bit;

    if (!fs_ledger_read_order(record, &order, &cancel_sequence) ||
        order.epoch != scan->sale.info.epoch || order.sequence > last)
        return;
    bit = UINT64_C(1) << order.sequence % 64;
    if (scan->bits[order.sequence / 64] & bit)
        return;
    scan->bits[order.sequence / 64] |= bit;
    if (order.status == FS_ORDER_CANCELLED && cancel_sequence <= last) {
        scan->counted.orders_cancelled++;
    } else {
        scan->counted.orders_sold++;
        scan->counted.units_sold += order.units;
    }
}

static void scan_step(struct fs_ledger_scan *scan);

static void step_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *ask = fs_ledger_ask_of(call);
    struct fs_ledger_scan *scan = ask->scan;
    const struct fs_reply *records;

    if (reply->kind != FS_REPLY_LIST || reply->item_count != 2 ||
        reply->items[0].kind != FS_REPLY_TEXT || reply->items[1].kind != FS_REPLY_LIST ||
        reply->items[0].text.len > FS_LEDGER_NUMBER_SIZE) {
        scan_end(scan, reply);
        return;
    }
    records = &reply->items[1];
    for (size_t i = 1; i < records->item_count; i += 2)
        if (records->items[i].kind == FS_REPLY_TEXT)
            count_record(scan, records->items[i].text);
    scan->cursor_len = reply->items[0].text.len;
    memcpy(scan->cursor, reply->items[0].text.data, scan->cursor_len);
    if (scan->cursor_len == 1 && scan->cursor[0] == '0')
        scan_end(scan, NULL);
    else
        scan_step(scan);
}

static void scan_step(struct fs_ledger_scan *scan)
{
    struct fs_ledger_ask *ask = scan->ask;
    struct fs_ledger_worker *worker = ask->worker;
    struct fs_ledger_keys keys;
    char count[FS_LEDGER_NUMBER_SIZE];
    struct fs_text argv[5] = {FS_LEDGER_TEXT("HSCAN")};

    fs_ledger_keys_init(&keys, worker->ledger->prefix, ask->product);
    argv[1] = keys.list[FS_LEDGER_KEY_ORDERS];
    argv[2] = (struct fs_text){scan->cursor, scan->cursor_len};
    argv[3] = FS_LEDGER_TEXT("COUNT");
    argv[4] = fs_ledger_number(count, FS_LEDGER_AUDIT_STEP);
    ask->trips++;
    ask->call.done = step_done;
    worker->ledger->host->store(worker->loop, &ask->call, argv[1], 0, 5, argv);
}

static void snapshot_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *ask = fs_ledger_ask_of(call);
    struct fs_ledger_sale sale;
    struct fs_ledger_scan *scan;

    if (reply->kind != FS_REPLY_LIST ||
        !fs_ledger_read_sale(reply->items, reply->item_count, &sale)) {
        fs_ledger_ask_fail(ask, reply);
        return;
    }
    if (sale.info.sequence > FS_LEDGER_AUDIT_SEQUENCE_MAX) {
        fs_ledger_ask_end(ask, FS_UNAVAILABLE);
        return;
    }
    scan = calloc(1, sizeof(*scan));
    if (scan)
        scan->bits = calloc(sale.info.sequence / 64 + 1, sizeof(*scan->bits));
    if (!scan || !scan->bits) {
        free(scan);
        fs_ledger_ask_end(ask, FS_UNAVAILABLE);
        return;
    }
    ask->scan = scan;
    scan->ask = ask;
    scan->sale = sale;
    scan->counted.buyers_difference = -1;
    scan->cursor[0] = '0';
    scan->cursor_len = 1;
    scan_step(scan);
}

static void take_snapshot(struct fs_ledger_ask *ask)
{
    struct fs_ledger_worker *worker = ask->worker;
    struct fs_ledger_keys keys;

    fs_ledger_keys_init(&keys, worker->ledger->prefix, ask->product);
    ask->trips++;
    ask->call.done = snapshot_done;
    worker->ledger->host->script(worker->loop, &ask->call, &fs_ledger_show, 0, 1, 1, keys.list);
}

/* By one script */

static void audit_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);
    const struct fs_reply *items = reply->items + FS_LEDGER_SALE_ITEMS;
    struct fs_ledger_sale sale;
    struct counted counted;

    if (reply->kind == FS_REPLY_NIL) {
        fs_ledger_ask_missing(state);
    } else if (reply->kind == FS_REPLY_LIST && reply->item_count == 1) {
        take_snapshot(state);
    } else if (reply->kind != FS_REPLY_LIST || reply->item_count != FS_LEDGER_SALE_ITEMS + 4 ||
               !fs_ledger_read_sale(reply->items, reply->item_count, &sale) ||
               !fs_ledger_read_integer(&items[0], &counted.units_sold) ||
               !fs_ledger_read_integer(&items[1], &counted.orders_sold) ||
               !fs_ledger_read_integer(&items[2], &counted.orders_cancelled) ||
               !fs_ledger_read_integer(&items[3], &counted.buyers_difference)) {
        fs_ledger_ask_fail(state, reply);
    } else {
        tell_audit(state, &sale, &counted);
    }
}

void fs_ledger_audit_sale(void *data, struct fs_op *op, void *state_data, struct fs_text product)
{
    struct fs_ledger_worker *worker = data;
    struct fs_ledger_ask *state = state_data;
    char number[FS_LEDGER_NUMBER_SIZE];
    struct fs_ledger_keys keys;
    struct fs_text argv[4];

    state->worker = worker;
    state->op = op;
    state->trips = 1;
    state->product = product;
    fs_ledger_keys_init(&keys, worker->ledger->prefix, product);
    argv[0] = keys.list[FS_LEDGER_KEY_SALE];
    argv[1] = keys.list[FS_LEDGER_KEY_ORDERS];
    argv[2] = keys.list[FS_LEDGER_KEY_BUYERS];
    argv[3] = fs_ledger_number(number, worker->ledger->audit_max);
    state->call.done = audit_done;
    worker->ledger->host->script(worker->loop, &state->call, &fs_ledger_audit, 0, 3, 4, argv);
}
