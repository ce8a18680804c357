/* Moves a closed sale to another number of shards: READ, begin, mark the old shards, READ, make the new
 * ones, copy (copy.c), compare, flip, remove what does not count.  README.md says why a crash anywhere
 * loses nothing.  A step that is not answered as it should be gives the move up: it is begun anew. */
#include "reshard.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "adopt.h"
#include "decide.h"
#include "move.h"
#include "scripts.h"
#include "tag.h"

#define TRIES_MAX 4u                         /* READs that find a change half made */
#define SEQUENCE_EVEN INT64_C(1000000000000) /* above it a sale's sequence may fall with a move */

static void begin_shard(struct fs_v4_reshard *reshard);
static void mark_shard(struct fs_v4_reshard *reshard);
static void end_shard(struct fs_v4_reshard *reshard);
static void clear_shard(struct fs_v4_reshard *reshard);

static struct fs_v4_reshard *reshard_of(struct fs_call *call)
{
    return (struct fs_v4_reshard *)(void *)((char *)call - offsetof(struct fs_v4_reshard, call));
}

void fs_v4_move_keys(const struct fs_v4_reshard *reshard, uint64_t layout, unsigned shard,
                     uint32_t shard_count, struct fs_ledger_keys *keys)
{
    const struct fs_v4_sale *sale = reshard->sale;
    const struct fs_v4 *v4 = fs_v4_of(sale->worker);
    char chars[FS_LEDGER_NAME_LEN_MAX];

    fs_ledger_keys_init(
        keys, sale->worker->ledger.ledger->prefix,
        fs_v4_tag_write(chars, sale->name, layout, shard, fs_v4_ranges(v4, shard_count)));
}

/* Tells the asker, if it is still there. */
static void tell(struct fs_v4_reshard *reshard, enum fs_v4_moved moved)
{
    if (reshard->asker)
        reshard->asker->moved = moved;
    reshard->asker = NULL;
}

static void destroy(struct fs_v4_reshard *reshard)
{
    *reshard->at = reshard->next;
    if (reshard->next)
        reshard->next->at = reshard->at;
    fs_v4_sale_leave(reshard->sale);
    free(reshard);
}

void fs_v4_reshard_leave(struct fs_v4_worker *worker, const struct fs_v4_ask *asker)
{
    for (struct fs_v4_reshard *reshard = worker->reshards; reshard; reshard = reshard->next)
        if (reshard->asker == asker)
            reshard->asker = NULL;
}

void fs_v4_reshards_dispose(struct fs_v4_worker *worker)
{
    while (worker->reshards) {
        struct fs_v4_reshard *reshard = worker->reshards;

        worker->reshards = reshard->next;
        fs_v4_sale_leave(reshard->sale);
        free(reshard);
    }
}

/* Asks place.lua for this move. */
static void ask_layout(struct fs_v4_reshard *reshard, struct fs_text verb, int64_t value,
                       void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    reshard->call.done = done;
    reshard->renewed_us = fs_v4_host(reshard->sale->worker)->now_us();
    fs_v4_layout_ask(reshard->sale->worker, reshard->sale->name, &reshard->call, 0, verb, value,
                     reshard->shard_count, FS_V4_LEASE_MS);
}

static void end_unmoved(struct fs_v4_reshard *reshard, enum fs_v4_moved moved)
{
    reshard->sale->is_checked = false; /* marks may be left on its shards */
    reshard->sale->is_suspect = true;
    tell(reshard, moved);
    destroy(reshard);
}

static void on_void(struct fs_call *call, const struct fs_reply *reply)
{
    (void)reply; /* else it is given up when its time is over */
    end_unmoved(reshard_of(call), FS_V4_MOVE_FAILED);
}

void fs_v4_move_fail(struct fs_v4_reshard *reshard, const char *why)
{
    const struct fs_host *host = fs_v4_host(reshard->sale->worker);

    host->log(host, FS_LOG_ERROR,
              "v4: %.*s could not be moved to %" PRIu32 " shards, and has those it had: %s",
              (int)reshard->sale->name.len, reshard->sale->name.data, reshard->shard_count, why);
    ask_layout(reshard, FS_LEDGER_TEXT("void"), (int64_t)reshard->number, on_void);
}

/* Removing what does not count */

static void on_dropped(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = reshard_of(call);

    if (!fs_v4_layout_read(reply, &reshard->layout) || reshard->layout.old_shard_count == 0) {
        destroy(reshard);
        return;
    }
    reshard->shard = 0;
    clear_shard(reshard);
}

static void on_cleared(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = reshard_of(call);

    if (reply->kind != FS_REPLY_LIST)
        destroy(reshard); /* the next move finds it in the list */
    else if (++reshard->shard < reshard->layout.old_shard_count)
        clear_shard(reshard);
    else
        ask_layout(reshard, FS_LEDGER_TEXT("drop"), (int64_t)reshard->layout.old, on_dropped);
}

/* Sends mark.lua, or build.lua, to one shard: words and what follows them. */
static void ask_shard(struct fs_v4_reshard *reshard, const struct fs_script *script,
                      const struct fs_ledger_keys *keys, size_t argc, const struct fs_text *rest,
                      void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    struct fs_v4_worker *worker = reshard->sale->worker;
    struct fs_text argv[40] = {keys->list[FS_LEDGER_KEY_SALE], keys->list[FS_LEDGER_KEY_ORDERS],
                               keys->list[FS_LEDGER_KEY_BUYERS], keys->list[FS_LEDGER_KEY_CHANGES]};

    memcpy(argv + 4, rest, argc * sizeof(*rest));
    reshard->call.done = done;
    fs_v4_host(worker)->script(worker->ledger.loop, &reshard->call, script, 0, 4, 4 + argc, argv);
}

/* Shard 0 first: who finds it gone asks where the sale is.  Its mark stays, so that no change that comes
 * late makes a sale there. */
static void clear_shard(struct fs_v4_reshard *reshard)
{
    struct fs_ledger_keys keys;
    char number[FS_LEDGER_NUMBER_SIZE];
    const struct fs_text rest[] = {FS_LEDGER_TEXT("clear"),
                                   fs_ledger_number(number, (int64_t)reshard->layout.next),
                                   reshard->shard == 0 ? FS_LEDGER_TEXT("1") : FS_LEDGER_TEXT("0")};

    fs_v4_move_keys(reshard, reshard->layout.old, reshard->shard, reshard->layout.old_shard_count,
                    &keys);
    ask_shard(reshard, &fs_v4_mark, &keys, 3, rest, on_cleared);
}

/* Flip */

static void on_flip(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = reshard_of(call);
    struct fs_v4_sale *sale = reshard->sale;
    const struct fs_host *host = fs_v4_host(sale->worker);

    if (!fs_v4_layout_read(reply, &reshard->layout) || !reshard->layout.is_done) {
        fs_v4_move_fail(reshard, "the new shards could not be made those that count");
        return;
    }
    host->log(host, FS_LOG_INFO, "v4: %.*s was moved from %" PRIu32 " to %" PRIu32 " shards",
              (int)sale->name.len, sale->name.data, sale->shard_count, reshard->shard_count);
    if (!sale->is_retired)
        sale->is_checked = false; /* asked for where it is by whoever comes next */
    tell(reshard, FS_V4_MOVED);
    reshard->shard = 0;
    if (reshard->layout.old_shard_count > 0)
        clear_shard(reshard);
    else
        destroy(reshard);
}

static void on_ended(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = reshard_of(call);
    struct fs_v4_tally *after = &reshard->after;
    const struct fs_v4_tally *before = &reshard->before;

    if (reply->kind != FS_REPLY_LIST || reply->item_count != 5 || reply->items[0].integer != 1) {
        fs_v4_move_fail(reshard, "a new shard could not be ended");
        return;
    }
    after->sold += reply->items[1].integer;
    after->orders += reply->items[2].integer;
    after->buyers += reply->items[3].integer;
    after->changes += reply->items[4].integer;
    if (++reshard->shard < reshard->shard_count)
        end_shard(reshard);
    else if (after->sold != before->sold || after->orders != before->orders ||
             after->buyers != before->buyers || after->changes != before->changes)
        fs_v4_move_fail(reshard, "its orders do not add up: audit it");
    else
        ask_layout(reshard, FS_LEDGER_TEXT("flip"), (int64_t)reshard->number, on_flip);
}

static void end_shard(struct fs_v4_reshard *reshard)
{
    struct fs_ledger_keys keys;
    char number[FS_LEDGER_NUMBER_SIZE];
    const struct fs_text rest[] = {FS_LEDGER_TEXT("end"),
                                   fs_ledger_number(number, (int64_t)reshard->number)};

    fs_v4_move_keys(reshard, reshard->number, reshard->shard, reshard->shard_count, &keys);
    ask_shard(reshard, &fs_v4_build, &keys, 2, rest, on_ended);
}

void fs_v4_copy_done(struct fs_v4_reshard *reshard)
{
    reshard->shard = 0;
    end_shard(reshard);
}

/* The new shards */

static void on_begun_shard(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = reshard_of(call);

    if (reply->kind != FS_REPLY_LIST || reply->item_count != 5 || reply->items[0].integer != 1)
        fs_v4_move_fail(reshard, "a new shard could not be made");
    else if (++reshard->shard < reshard->shard_count)
        begin_shard(reshard);
    else
        fs_v4_copy_begin(reshard);
}

static void begin_shard(struct fs_v4_reshard *reshard)
{
    const struct fs_sale_info *sum = &reshard->sum;
    unsigned shard = reshard->shard;
    uint32_t count = reshard->shard_count;
    const struct {
        struct fs_text name;
        int64_t value;
    } fields[] = {
        {FS_LEDGER_TEXT("epoch"), (int64_t)sum->epoch},
        {FS_LEDGER_TEXT("seq"), (int64_t)reshard->sequence},
        {FS_LEDGER_TEXT("state"), reshard->state},
        {FS_LEDGER_TEXT("initial"), fs_v4_deal(reshard->total, shard, count)},
        {FS_LEDGER_TEXT("restocked"), shard == 0 ? sum->units_restocked : 0},
        {FS_LEDGER_TEXT("left"), fs_v4_deal(sum->units_left + sum->units_in_transit, shard, count)},
        {FS_LEDGER_TEXT("sold"), 0},
        {FS_LEDGER_TEXT("per_buyer"), sum->units_per_buyer_max},
        {FS_LEDGER_TEXT("per_order"), sum->units_per_order_max},
        {FS_LEDGER_TEXT("opens"), sum->opens_at_ms},
        {FS_LEDGER_TEXT("closes"), sum->closes_at_ms},
        {FS_LEDGER_TEXT("fence"), (int64_t)reshard->fence},
        {FS_LEDGER_TEXT("moves"), 1},
        {FS_LEDGER_TEXT("shards"), count},
        {FS_LEDGER_TEXT("total"), reshard->total}, /* of shard 0 alone */
    };
    size_t field_count = sizeof(fields) / sizeof(fields[0]) - (shard == 0 ? 0 : 1);
    struct fs_ledger_keys keys;
    char numbers[1 + sizeof(fields) / sizeof(fields[0])][FS_LEDGER_NUMBER_SIZE];
    struct fs_text rest[2 + 2 * sizeof(fields) / sizeof(fields[0])];
    size_t argc = 0;

    rest[argc++] = FS_LEDGER_TEXT("begin");
    rest[argc++] = fs_ledger_number(numbers[0], (int64_t)reshard->number);
    for (size_t i = 0; i < field_count; i++) {
        rest[argc++] = fields[i].name;
        rest[argc++] = fs_ledger_number(numbers[1 + i], fields[i].value);
    }
    fs_v4_move_keys(reshard, reshard->number, shard, count, &keys);
    ask_shard(reshard, &fs_v4_build, &keys, argc, rest, on_begun_shard);
}

/* The old shards */

/* No record of an old shard has a sequence above it, so that those to come are known from them; and the
 * sale's, the sum, does not fall. */
static uint64_t sequence_of(const struct fs_v4_read *read, uint32_t shard_count)
{
    uint64_t sequence = 0;
    uint64_t sum = 0;

    for (unsigned k = 0; k < fs_v4_sale_shard_count(read->sale); k++) {
        uint64_t own = read->views[k].sale.info.sequence;

        sum += own;
        sequence = own > sequence ? own : sequence;
    }
    sum = sum / shard_count + 1;
    return sum > sequence && sum < (uint64_t)SEQUENCE_EVEN ? sum : sequence;
}

static void on_second_read(struct fs_v4_read *read)
{
    struct fs_v4_reshard *reshard = read->data;
    const struct fs_v4_view *truth = &read->views[0];
    bool is_marked = read->is_whole;

    for (unsigned k = 0; k < fs_v4_sale_shard_count(read->sale); k++)
        is_marked = is_marked && read->views[k].is_moved &&
                    read->views[k].moved_by == reshard->number &&
                    read->views[k].sale.info.epoch == truth->sale.info.epoch;
    if (is_marked) {
        reshard->sum = fs_v4_read_sum(read);
        reshard->sum.opens_at_ms = truth->sale.info.opens_at_ms;
        reshard->state = truth->state;
        reshard->total = truth->total;
        reshard->fence = truth->fence;
        reshard->sequence = sequence_of(read, reshard->shard_count);
        reshard->before.sold = reshard->sum.units_sold;
    }
    fs_v4_read_end(read);
    if (!is_marked || reshard->sum.units_initial != reshard->total ||
        reshard->sum.units_initial + reshard->sum.units_restocked !=
            reshard->sum.units_left + reshard->sum.units_sold + reshard->sum.units_in_transit) {
        fs_v4_move_fail(reshard, is_marked ? "its units do not add up: audit it"
                                           : "a shard is not as it was left");
        return;
    }
    reshard->shard = 0;
    begin_shard(reshard);
}

static void on_marked(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = reshard_of(call);

    if (reply->kind != FS_REPLY_LIST || reply->item_count != 4 || reply->items[0].integer != 1) {
        fs_v4_move_fail(reshard, "a shard is frozen, is not closed any more, or did not answer");
        return;
    }
    reshard->before.orders += reply->items[1].integer;
    reshard->before.buyers += reply->items[2].integer;
    reshard->before.changes += reply->items[3].integer;
    if (++reshard->shard < reshard->sale->shard_count)
        mark_shard(reshard);
    else if (!fs_v4_read_begin(reshard->sale, 0, on_second_read, reshard))
        fs_v4_move_fail(reshard, "no memory");
}

static void mark_shard(struct fs_v4_reshard *reshard)
{
    struct fs_ledger_product *product = reshard->sale->shards[reshard->shard].product;
    char numbers[4][FS_LEDGER_NUMBER_SIZE];
    struct fs_text rest[6] = {FS_LEDGER_TEXT("mark"),
                              fs_ledger_number(numbers[0], (int64_t)reshard->number),
                              fs_ledger_number(numbers[1], (int64_t)reshard->sum.epoch),
                              fs_ledger_number(numbers[2], (int64_t)reshard->fence)};
    size_t argc = 4;

    argc += fs_v4_decide_witness(product, reshard->sum.epoch, numbers[3], &rest[argc]);
    ask_shard(reshard, &fs_v4_mark, &product->keys, argc, rest, on_marked);
}

static void on_begun(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = reshard_of(call);
    struct fs_v4_layout layout;

    if (!fs_v4_layout_read(reply, &layout)) {
        end_unmoved(reshard, FS_V4_MOVE_FAILED);
    } else if (!layout.is_done) {
        end_unmoved(reshard, FS_V4_MOVED); /* by somebody else */
    } else {
        reshard->number = layout.next;
        mark_shard(reshard);
    }
}

static void on_first_read(struct fs_v4_read *read);

static void on_adopted(void *data)
{
    struct fs_v4_reshard *reshard = data;

    if (!fs_v4_read_begin(reshard->sale, 0, on_first_read, reshard))
        end_unmoved(reshard, FS_V4_MOVE_FAILED);
}

/* A change that is half made is finished first. */
static void on_first_read(struct fs_v4_read *read)
{
    struct fs_v4_reshard *reshard = read->data;
    const struct fs_v4_view *truth = &read->views[0];
    bool is_there = read->is_whole && truth->is_there;
    bool is_closed = is_there && truth->state == FS_SALE_CLOSED;

    reshard->sum.epoch = truth->sale.info.epoch;
    reshard->fence = truth->fence;
    if (is_closed && reshard->try_count++ < TRIES_MAX &&
        fs_v4_adopt_begin(read, 0, on_adopted, reshard) > 0) {
        fs_v4_read_end(read);
        return;
    }
    fs_v4_read_end(read);
    if (is_closed)
        ask_layout(reshard, FS_LEDGER_TEXT("begin"), (int64_t)reshard->sale->layout, on_begun);
    else
        end_unmoved(reshard, is_there ? FS_V4_MOVE_NOT_CLOSED : FS_V4_MOVE_FAILED);
}

bool fs_v4_reshard_begin(struct fs_v4_sale *sale, uint32_t shard_count, struct fs_v4_ask *asker)
{
    struct fs_v4_worker *worker = sale->worker;
    struct fs_v4_reshard *reshard = calloc(1, sizeof(*reshard));

    if (!reshard)
        return false;
    reshard->sale = sale;
    reshard->shard_count = shard_count;
    reshard->asker = asker;
    if (!fs_v4_read_begin(sale, 0, on_first_read, reshard)) {
        free(reshard);
        return false;
    }
    reshard->next = worker->reshards;
    reshard->at = &worker->reshards;
    if (reshard->next)
        reshard->next->at = &reshard->next;
    worker->reshards = reshard;
    fs_v4_sale_use(sale);
    return true;
}
