/* Moves a closed sale to another number of shards: READ, begin, mark the old shards, READ, make the new
 * ones, copy (copy.c), compare, flip, remove what does not count.  README.md says why a crash anywhere
 * loses nothing.  A step that is not answered as it should be gives the move up: it is begun anew. */
#include "reshard.h"

#include <inttypes.h>
#include <stdlib.h>

#include "adopt.h"
#include "decide.h"
#include "move.h"
#include "scripts.h"

#define MARK_STAYS_S 86400                   /* longer than any command is under way */
#define TRIES_MAX 4u                         /* READs that find a change half made */
#define SEQUENCE_EVEN INT64_C(1000000000000) /* above it a sale's sequence may fall with a move */

static void mark_shard(struct fs_v4_reshard *reshard);
static void clear_shard(struct fs_v4_reshard *reshard);

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

/* Removing what does not count */

static void on_dropped(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = fs_v4_move_of(call);

    if (!fs_v4_layout_read(reply, &reshard->layout) || reshard->layout.old_shard_count == 0) {
        fs_v4_move_end(reshard);
        return;
    }
    reshard->shard = 0;
    clear_shard(reshard);
}

static void on_cleared(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = fs_v4_move_of(call);

    if (reply->kind != FS_REPLY_LIST)
        fs_v4_move_end(reshard); /* the next move finds it in the list */
    else if (++reshard->shard < reshard->layout.old_shard_count)
        clear_shard(reshard);
    else
        fs_v4_move_ask_layout(reshard, FS_LEDGER_TEXT("drop"), (int64_t)reshard->layout.old,
                              on_dropped);
}

/* Shard 0 first: who finds it gone asks where the sale is.  The marks stay, so that no change that comes late
 * makes a shard there; shard 0's for ever, since a sale is made there. */
static void clear_shard(struct fs_v4_reshard *reshard)
{
    struct fs_ledger_keys keys;
    char numbers[2][FS_LEDGER_NUMBER_SIZE];
    char data[FS_LEDGER_DATA_LEN_MAX];
    const struct fs_text rest[] = {
        FS_LEDGER_TEXT("clear"), fs_ledger_number(numbers[0], (int64_t)reshard->layout.next),
        fs_ledger_number(numbers[1], reshard->shard == 0 ? 0 : MARK_STAYS_S),
        fs_v4_data_write(data, fs_v4_of(reshard->sale->worker), reshard->layout.old,
                         reshard->layout.old_shard_count)};

    fs_v4_move_keys(reshard, reshard->layout.old, reshard->shard, reshard->layout.old_shard_count,
                    &keys);
    fs_v4_move_ask_shard(reshard, &fs_v4_mark, &keys, 4, rest, on_cleared);
}

/* Flip */

static void on_flip(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = fs_v4_move_of(call);
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
    fs_v4_move_tell(reshard, FS_V4_MOVED);
    reshard->shard = 0;
    if (reshard->layout.old_shard_count > 0)
        clear_shard(reshard);
    else
        fs_v4_move_end(reshard);
}

void fs_v4_move_flip(struct fs_v4_reshard *reshard)
{
    fs_v4_move_ask_layout(reshard, FS_LEDGER_TEXT("flip"), (int64_t)reshard->number, on_flip);
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
    fs_v4_build_begin(reshard);
}

static void on_marked(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = fs_v4_move_of(call);

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
    struct fs_text rest[7] = {FS_LEDGER_TEXT("mark"),
                              fs_ledger_number(numbers[0], (int64_t)reshard->number),
                              fs_ledger_number(numbers[1], (int64_t)reshard->sum.epoch),
                              fs_ledger_number(numbers[2], (int64_t)reshard->fence)};
    size_t argc = 4;

    argc += fs_v4_decide_witness(product, reshard->sum.epoch, numbers[3], &rest[argc]);
    rest[argc++] = product->data;
    fs_v4_move_ask_shard(reshard, &fs_v4_mark, &product->keys, argc, rest, on_marked);
}

static void on_begun(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = fs_v4_move_of(call);
    struct fs_v4_layout layout;

    if (!fs_v4_layout_read(reply, &layout)) {
        fs_v4_move_end_unmoved(reshard, FS_V4_MOVE_FAILED);
    } else if (!layout.is_done) {
        fs_v4_move_end_unmoved(reshard, FS_V4_MOVED); /* by somebody else */
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
        fs_v4_move_end_unmoved(reshard, FS_V4_MOVE_FAILED);
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
        fs_v4_move_ask_layout(reshard, FS_LEDGER_TEXT("begin"), (int64_t)reshard->sale->layout,
                              on_begun);
    else
        fs_v4_move_end_unmoved(reshard, is_there ? FS_V4_MOVE_NOT_CLOSED : FS_V4_MOVE_FAILED);
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
