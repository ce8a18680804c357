/* Asks for the layout, and follows it. */
#include "place.h"

#include <stddef.h>
#include <stdlib.h>

#include "scripts.h"

#define LAYOUT_ITEMS 7u
#define NUMBER_MAX INT64_C(9999999999) /* of a layout: a name of a shard has room for ten digits */

struct place;

struct unmark {
    struct fs_call call;
    struct place *place;
};

struct place {
    struct fs_call call;
    struct fs_v4_sale *sale; /* used */
    void (*done)(void *data, enum fs_v4_placed placed);
    void *data;
    uint64_t deadline_us;
    uint32_t pending_count;
    bool is_failed;
    struct unmark unmarks[];
};

void fs_v4_layout_ask(struct fs_v4_worker *worker, struct fs_text name, struct fs_call *call,
                      uint64_t deadline_us, struct fs_text verb, int64_t value, int64_t second,
                      int64_t third)
{
    struct fs_ledger_keys keys;
    char numbers[3][FS_LEDGER_NUMBER_SIZE];
    struct fs_text argv[6];

    fs_ledger_keys_init(&keys, worker->ledger.ledger->prefix, name);
    argv[0] = keys.list[FS_LEDGER_KEY_LAYOUT];
    argv[1] = verb;
    argv[2] = fs_ledger_number(numbers[0], value);
    argv[3] = fs_ledger_number(numbers[1], second);
    argv[4] = fs_ledger_number(numbers[2], third);
    argv[5] = worker->ledger.ledger->data_id;
    fs_v4_host(worker)->script(worker->ledger.loop, call, &fs_v4_place, deadline_us, 1, 6, argv);
}

bool fs_v4_layout_read(const struct fs_reply *reply, struct fs_v4_layout *layout)
{
    if (reply->kind != FS_REPLY_LIST || reply->item_count != LAYOUT_ITEMS)
        return false;
    for (unsigned i = 0; i < LAYOUT_ITEMS; i++)
        if (reply->items[i].kind != FS_REPLY_INTEGER || reply->items[i].integer < 0)
            return false;
    *layout = (struct fs_v4_layout){
        .is_done = reply->items[0].integer == 1,
        .number = (uint64_t)reply->items[1].integer,
        .shard_count = (uint32_t)reply->items[2].integer,
        .moving = (uint64_t)reply->items[3].integer,
        .next = (uint64_t)reply->items[4].integer,
        .old = (uint64_t)reply->items[5].integer,
        .old_shard_count = (uint32_t)reply->items[6].integer,
    };
    return layout->number <= NUMBER_MAX && layout->moving <= NUMBER_MAX &&
           layout->next <= NUMBER_MAX && layout->old <= NUMBER_MAX &&
           reply->items[2].integer <= FS_V4_SHARDS_MAX &&
           reply->items[6].integer <= FS_V4_SHARDS_MAX;
}

static void end(struct place *place, enum fs_v4_placed placed)
{
    struct fs_v4_sale *sale = place->sale;

    place->done(place->data, placed);
    fs_v4_sale_leave(sale);
    free(place);
}

static void on_unmark(struct fs_call *call, const struct fs_reply *reply)
{
    struct unmark *unmark = (struct unmark *)(void *)((char *)call - offsetof(struct unmark, call));
    struct place *place = unmark->place;

    place->is_failed = place->is_failed || reply->kind != FS_REPLY_LIST;
    if (--place->pending_count > 0)
        return;
    if (!place->is_failed && !place->sale->is_retired) {
        place->sale->is_checked = true;
        place->sale->is_suspect = false;
    }
    end(place, place->sale->is_retired ? FS_V4_ELSEWHERE
               : place->is_failed      ? FS_V4_UNPLACED
                                       : FS_V4_PLACED);
}

/* Nobody moves the sale, and it is here: every mark up to the last number was left by a move that was
 * given up.  One of a later move is not touched. */
static void unmark_all(struct place *place, uint64_t next)
{
    struct fs_v4_sale *sale = place->sale;
    char number[FS_LEDGER_NUMBER_SIZE];

    place->pending_count = sale->shard_count;
    for (unsigned k = 0; k < sale->shard_count; k++) {
        const struct fs_ledger_keys *keys = &sale->shards[k].product->keys;
        const struct fs_text argv[] = {
            keys->list[FS_LEDGER_KEY_SALE],   keys->list[FS_LEDGER_KEY_ORDERS],
            keys->list[FS_LEDGER_KEY_BUYERS], keys->list[FS_LEDGER_KEY_CHANGES],
            FS_LEDGER_TEXT("unmark"),         fs_ledger_number(number, (int64_t)next),
            sale->shards[k].product->data,
        };

        place->unmarks[k].place = place;
        place->unmarks[k].call.done = on_unmark;
        fs_v4_host(sale->worker)
            ->script(sale->worker->ledger.loop, &place->unmarks[k].call, &fs_v4_mark,
                     place->deadline_us, 4, 7, argv);
    }
}

static void on_layout(struct fs_call *call, const struct fs_reply *reply)
{
    struct place *place = (struct place *)(void *)((char *)call - offsetof(struct place, call));
    struct fs_v4_sale *sale = place->sale;
    const struct fs_host *host = fs_v4_host(sale->worker);
    struct fs_v4_layout layout;

    if (!fs_v4_layout_read(reply, &layout)) {
        if (reply->kind == FS_REPLY_ERROR)
            host->log(host, FS_LOG_ERROR, "v4: the place of %.*s could not be read: %.*s",
                      (int)sale->name.len, sale->name.data, (int)reply->text.len, reply->text.data);
        end(place, FS_V4_UNPLACED);
        return;
    }
    sale->has_layout = layout.shard_count > 0;
    if (sale->is_retired) {
        end(place, FS_V4_ELSEWHERE);
    } else if (!sale->has_layout && sale->layout > 0) {
        for (unsigned k = 0; k < sale->shard_count; k++)
            fs_ledger_is_lost(sale->worker->ledger.ledger, sale->shards[k].product->name);
        end(place, FS_V4_LOST);
    } else if (sale->has_layout &&
               (layout.number != sale->layout || layout.shard_count != sale->shard_count)) {
        end(place, fs_v4_sale_replace(sale, layout.number, layout.shard_count) ? FS_V4_ELSEWHERE
                                                                               : FS_V4_UNPLACED);
    } else if (layout.moving > 0) {
        end(place, FS_V4_MOVING);
    } else if (sale->is_suspect && sale->has_layout) {
        unmark_all(place, layout.next);
    } else {
        sale->is_checked = true;
        end(place, FS_V4_PLACED);
    }
}

bool fs_v4_place_begin(struct fs_v4_sale *sale, uint64_t deadline_us, bool is_claim,
                       void (*done)(void *data, enum fs_v4_placed placed), void *data)
{
    struct place *place = calloc(1, sizeof(*place) + sale->shard_count * sizeof(place->unmarks[0]));

    if (!place)
        return false;
    place->sale = sale;
    place->done = done;
    place->data = data;
    place->deadline_us = deadline_us;
    place->call.done = on_layout;
    fs_v4_sale_use(sale);
    fs_v4_layout_ask(sale->worker, sale->name, &place->call, deadline_us,
                     is_claim ? FS_LEDGER_TEXT("claim") : FS_LEDGER_TEXT("read"), sale->shard_count,
                     (int64_t)sale->layout, 0);
    return true;
}
