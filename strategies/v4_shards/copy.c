/* Copies the hashes of the old shards, field by field, to where their buyers are at home from now on:
 * HSCAN, one script to each new shard, and again.  The old shards do not change meanwhile, so that a scan
 * meets every field, some of them twice. */
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "ledger/record.h"
#include "move.h"
#include "scripts.h"
#include "tag.h"

#define COPY_HEAD 4u /* two keys, number, epoch */

static const enum fs_ledger_key tables[] = {FS_LEDGER_KEY_ORDERS, FS_LEDGER_KEY_BUYERS,
                                            FS_LEDGER_KEY_CHANGES};
#define TABLE_COUNT (sizeof(tables) / sizeof(tables[0]))

static void scan(struct fs_v4_reshard *reshard);

/* The new shard of a field; shard_count: it is none of ours. */
static unsigned home_of(const struct fs_v4_reshard *reshard, const struct fs_reply *field,
                        const struct fs_reply *value)
{
    struct fs_order_info info;
    uint64_t cancel_sequence;
    struct fs_text buyer = field->text;

    if (field->kind != FS_REPLY_TEXT || value->kind != FS_REPLY_TEXT)
        return reshard->shard_count;
    if (tables[reshard->table] == FS_LEDGER_KEY_CHANGES)
        return 0;
    if (tables[reshard->table] == FS_LEDGER_KEY_ORDERS) {
        if (!fs_ledger_read_order(value->text, &info, &cancel_sequence))
            return reshard->shard_count;
        buyer = info.buyer;
    }
    return fs_v4_home_of(buyer, reshard->sale->name, reshard->shard_count);
}

static void next_table(struct fs_v4_reshard *reshard)
{
    reshard->cursor_len = 0;
    if (++reshard->table < TABLE_COUNT)
        return;
    reshard->table = 0;
    reshard->shard++;
}

static void on_renewed(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = fs_v4_move_of(call);
    struct fs_v4_layout layout;

    if (!fs_v4_layout_read(reply, &layout) || !layout.is_done)
        fs_v4_move_fail(reshard, "it took too long, and was given up");
    else
        scan(reshard);
}

static void go_on(struct fs_v4_reshard *reshard)
{
    const struct fs_host *host = fs_v4_host(reshard->sale->worker);
    uint64_t now_us = host->now_us();

    if (reshard->is_failed) {
        fs_v4_move_fail(reshard, "a store did not take an order");
        return;
    }
    if (reshard->cursor_len == 1 && reshard->cursor[0] == '0')
        next_table(reshard);
    if (now_us - reshard->renewed_us < FS_V4_RENEW_US) {
        scan(reshard);
        return;
    }
    reshard->renewed_us = now_us;
    reshard->call.done = on_renewed;
    fs_v4_layout_ask(reshard->sale->worker, reshard->sale->name, &reshard->call, 0,
                     FS_LEDGER_TEXT("renew"), (int64_t)reshard->number, FS_V4_LEASE_MS, 0);
}

static void on_copied(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_copy *copy =
        (struct fs_v4_copy *)(void *)((char *)call - offsetof(struct fs_v4_copy, call));
    struct fs_v4_reshard *reshard = copy->reshard;

    if (reply->kind != FS_REPLY_INTEGER || reply->integer != 1)
        reshard->is_failed = true;
    if (--reshard->pending_count == 0)
        go_on(reshard);
}

static void send_copy(struct fs_v4_reshard *reshard, unsigned home, struct fs_text *argv,
                      size_t argc)
{
    struct fs_v4_worker *worker = reshard->sale->worker;
    enum fs_ledger_key table = tables[reshard->table];
    struct fs_ledger_keys keys;
    char number[FS_LEDGER_NUMBER_SIZE];
    char mark[FS_LEDGER_SEEN_SIZE];

    fs_v4_move_keys(reshard, reshard->number, home, reshard->shard_count, &keys);
    argv[0] = keys.list[FS_LEDGER_KEY_SALE];
    argv[1] = keys.list[table];
    argv[2] = fs_v4_move_mark(reshard, mark);
    argv[3] = table == FS_LEDGER_KEY_ORDERS ? fs_ledger_number(number, (int64_t)reshard->sum.epoch)
                                            : FS_LEDGER_TEXT("");
    reshard->pending_count++;
    reshard->copies[home].reshard = reshard;
    reshard->copies[home].call.done = on_copied;
    fs_v4_host(worker)->script(worker->ledger.loop, &reshard->copies[home].call, &fs_v4_copy, 0, 2,
                               argc, argv);
}

/* False: no memory, or something that is no record. */
static bool copy_fields(struct fs_v4_reshard *reshard, const struct fs_reply *list)
{
    struct fs_text *argv = malloc((COPY_HEAD + list->item_count) * sizeof(*argv));
    bool is_ours = argv != NULL;

    for (size_t i = 0; is_ours && i < list->item_count; i += 2)
        is_ours = home_of(reshard, &list->items[i], &list->items[i + 1]) < reshard->shard_count;
    for (unsigned home = 0; is_ours && home < reshard->shard_count; home++) {
        size_t argc = COPY_HEAD;

        for (size_t i = 0; i < list->item_count; i += 2) {
            if (home_of(reshard, &list->items[i], &list->items[i + 1]) != home)
                continue;
            argv[argc++] = list->items[i].text;
            argv[argc++] = list->items[i + 1].text;
        }
        if (argc > COPY_HEAD)
            send_copy(reshard, home, argv, argc);
    }
    free(argv);
    return is_ours;
}

static void on_scanned(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = fs_v4_move_of(call);
    const struct fs_reply *cursor = reply->items;

    if (reply->kind != FS_REPLY_LIST || reply->item_count != 2 || cursor->kind != FS_REPLY_TEXT ||
        cursor->text.len == 0 || cursor->text.len > sizeof(reshard->cursor) ||
        reply->items[1].kind != FS_REPLY_LIST || reply->items[1].item_count % 2 != 0) {
        fs_v4_move_fail(reshard, "the store did not say what it has");
        return;
    }
    reshard->cursor_len = cursor->text.len;
    memcpy(reshard->cursor, cursor->text.data, cursor->text.len);
    if (!copy_fields(reshard, &reply->items[1]))
        fs_v4_move_fail(reshard, "an order could not be read");
    else if (reshard->pending_count == 0)
        go_on(reshard);
}

static void scan(struct fs_v4_reshard *reshard)
{
    const struct fs_v4_sale *sale = reshard->sale;
    struct fs_v4_worker *worker = sale->worker;
    struct fs_text argv[5] = {FS_LEDGER_TEXT("HSCAN")};

    if (reshard->shard == sale->shard_count) {
        fs_v4_build_end(reshard);
        return;
    }
    argv[1] = sale->shards[reshard->shard].product->keys.list[tables[reshard->table]];
    argv[2] = reshard->cursor_len > 0 ? (struct fs_text){reshard->cursor, reshard->cursor_len}
                                      : FS_LEDGER_TEXT("0");
    argv[3] = FS_LEDGER_TEXT("COUNT");
    argv[4] = FS_LEDGER_TEXT("256");
    reshard->call.done = on_scanned;
    fs_v4_host(worker)->store(worker->ledger.loop, &reshard->call, argv[1], 0, 5, argv);
}

void fs_v4_copy_begin(struct fs_v4_reshard *reshard)
{
    reshard->shard = 0;
    reshard->table = 0;
    reshard->cursor_len = 0;
    scan(reshard);
}
