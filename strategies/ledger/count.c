/* Counts by audit.lua, and in steps where that would take too long. */
#include "count.h"

#include <stddef.h>
#include <stdlib.h>

#include "scripts.h"

/* Hashes of the names that were met, in a table that is never more than two thirds full.  Order names
 * are digests: of ten million, two have the same hash once in
 * 100,000 audits. */
struct fs_ledger_names_met {
    size_t size;
    size_t room; /* names that may still come */
    uint64_t hashes[];
};

static struct fs_ledger_names_met *names_met(uint64_t name_count)
{
    size_t size = (size_t)name_count + (size_t)name_count / 2 + 1;
    struct fs_ledger_names_met *met = calloc(1, sizeof(*met) + size * sizeof(met->hashes[0]));

    if (met) {
        met->size = size;
        met->room = (size_t)name_count;
    }
    return met;
}

/* Whether it is met for the first time. */
static bool meet(struct fs_ledger_names_met *met, struct fs_text name)
{
    uint64_t hash = fs_ledger_hash(name) | 1; /* 0: nothing is there */
    size_t at = (size_t)(hash % met->size);

    while (met->hashes[at] != 0) {
        if (met->hashes[at] == hash)
            return false;
        at = at + 1 < met->size ? at + 1 : 0;
    }
    if (met->room == 0)
        return false;
    met->room--;
    met->hashes[at] = hash;
    return true;
}

static struct fs_ledger_counter *counter_of(struct fs_call *call)
{
    return (struct fs_ledger_counter *)(void *)((char *)call -
                                                offsetof(struct fs_ledger_counter, call));
}

static void end(struct fs_ledger_counter *counter, enum fs_ledger_counted counted,
                const struct fs_reply *reply)
{
    free(counter->met);
    counter->met = NULL;
    counter->done(counter, counted, reply);
}

/* In steps */

static void count_record(struct fs_ledger_counter *counter, struct fs_text name,
                         struct fs_text record)
{
    struct fs_ledger_count *count = &counter->count;
    struct fs_order_info order;
    uint64_t cancel_sequence;
    uint64_t last = count->sale.info.sequence;

    if (!fs_ledger_read_order(record, &order, &cancel_sequence) ||
        order.epoch != count->sale.info.epoch || order.sequence > last || !meet(counter->met, name))
        return;
    if (order.status == FS_ORDER_CANCELLED && cancel_sequence <= last) {
        count->orders_cancelled++;
    } else {
        count->orders_sold++;
        count->units_sold += order.units;
    }
}

static void step(struct fs_ledger_counter *counter);

static void on_step(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_counter *counter = counter_of(call);
    const struct fs_reply *records;

    if (reply->kind != FS_REPLY_LIST || reply->item_count != 2 ||
        reply->items[0].kind != FS_REPLY_TEXT || reply->items[1].kind != FS_REPLY_LIST ||
        reply->items[0].text.len > FS_LEDGER_NUMBER_SIZE) {
        end(counter, FS_LEDGER_COUNTED_NOT, reply);
        return;
    }
    records = &reply->items[1];
    for (size_t i = 1; i < records->item_count; i += 2)
        if (records->items[i - 1].kind == FS_REPLY_TEXT && records->items[i].kind == FS_REPLY_TEXT)
            count_record(counter, records->items[i - 1].text, records->items[i].text);
    counter->cursor_len = reply->items[0].text.len;
    memcpy(counter->cursor, reply->items[0].text.data, counter->cursor_len);
    if (counter->cursor_len == 1 && counter->cursor[0] == '0')
        end(counter, FS_LEDGER_COUNTED, NULL);
    else
        step(counter);
}

static void step(struct fs_ledger_counter *counter)
{
    struct fs_ledger_worker *worker = counter->worker;
    char count[FS_LEDGER_NUMBER_SIZE];
    const struct fs_text argv[] = {FS_LEDGER_TEXT("HSCAN"), counter->orders_key,
                                   (struct fs_text){counter->cursor, counter->cursor_len},
                                   FS_LEDGER_TEXT("COUNT"),
                                   fs_ledger_number(count, FS_LEDGER_AUDIT_STEP)};

    counter->trips++;
    counter->call.done = on_step;
    worker->ledger->host->store(worker->loop, &counter->call, counter->orders_key, 0,
                                sizeof(argv) / sizeof(argv[0]), argv);
}

static void begin_steps(struct fs_ledger_counter *counter, int64_t record_count)
{
    counter->met =
        record_count <= FS_LEDGER_AUDIT_RECORDS_MAX ? names_met((uint64_t)record_count) : NULL;
    if (!counter->met) {
        end(counter, FS_LEDGER_COUNTED_NOT, NULL);
        return;
    }
    counter->count.buyers_difference = -1;
    counter->cursor[0] = '0';
    counter->cursor_len = 1;
    step(counter);
}

/* By one script */

static void on_audit(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_counter *counter = counter_of(call);
    struct fs_ledger_count *count = &counter->count;
    const struct fs_reply *items =
        reply->kind == FS_REPLY_LIST ? reply->items + FS_LEDGER_SALE_ITEMS : NULL;
    int64_t record_count;

    if (reply->kind == FS_REPLY_NIL)
        end(counter, FS_LEDGER_COUNTED_NONE, NULL);
    else if (reply->kind != FS_REPLY_LIST || reply->item_count <= FS_LEDGER_SALE_ITEMS ||
             !fs_ledger_read_sale(reply->items, reply->item_count, &count->sale))
        end(counter, FS_LEDGER_COUNTED_NOT, reply);
    else if (reply->item_count == FS_LEDGER_SALE_ITEMS + 1 &&
             fs_ledger_read_integer(&items[0], &record_count) && record_count >= 0)
        begin_steps(counter, record_count);
    else if (reply->item_count == FS_LEDGER_SALE_ITEMS + 4 &&
             fs_ledger_read_integer(&items[0], &count->units_sold) &&
             fs_ledger_read_integer(&items[1], &count->orders_sold) &&
             fs_ledger_read_integer(&items[2], &count->orders_cancelled) &&
             fs_ledger_read_integer(&items[3], &count->buyers_difference))
        end(counter, FS_LEDGER_COUNTED, NULL);
    else
        end(counter, FS_LEDGER_COUNTED_NOT, reply);
}

void fs_ledger_count_begin(struct fs_ledger_counter *counter, struct fs_ledger_worker *worker,
                           const struct fs_ledger_keys *keys)
{
    char number[FS_LEDGER_NUMBER_SIZE];
    const struct fs_text argv[] = {keys->list[FS_LEDGER_KEY_SALE], keys->list[FS_LEDGER_KEY_ORDERS],
                                   keys->list[FS_LEDGER_KEY_BUYERS],
                                   fs_ledger_number(number, worker->ledger->audit_max)};

    counter->worker = worker;
    counter->orders_key = keys->list[FS_LEDGER_KEY_ORDERS];
    counter->trips = 1;
    counter->count = (struct fs_ledger_count){0};
    counter->met = NULL;
    counter->call.done = on_audit;
    worker->ledger->host->script(worker->loop, &counter->call, &fs_ledger_audit, 0, 3,
                                 sizeof(argv) / sizeof(argv[0]), argv);
}
