/* Reads all shards and takes the answers apart. */
#include "read.h"

#include <stddef.h>
#include <stdlib.h>

#include "ledger/batch.h"
#include "scripts.h"
#include "stock.h"

#define FIXED_ITEMS (FS_LEDGER_SALE_ITEMS + 4) /* moves, fence, total, shards */

static bool take_part(struct fs_text *rest, char mark, struct fs_text *part)
{
    const char *end = rest->len > 0 ? memchr(rest->data, mark, rest->len) : NULL;

    if (!end)
        return false;
    *part = (struct fs_text){rest->data, (size_t)(end - rest->data)};
    rest->data = end + 1;
    rest->len -= part->len + 1;
    return true;
}

bool fs_v4_out_parse(struct fs_text text, struct fs_v4_out *out)
{
    struct fs_text rest = text;
    struct fs_text parts[5];
    int64_t numbers[5];

    for (unsigned i = 0; i < 5; i++)
        if (!take_part(&rest, '|', &parts[i]) || !fs_ledger_read_number(parts[i], &numbers[i]) ||
            numbers[i] < 0 || numbers[i] > FS_LEDGER_STORED_MAX)
            return false;
    *out = (struct fs_v4_out){.epoch = (uint64_t)numbers[0],
                              .number = (uint64_t)numbers[1],
                              .is_pending = numbers[2] == 1,
                              .units = numbers[3],
                              .text = text,
                              .named = rest,
                              .deadline = parts[4]};
    return true;
}

bool fs_v4_named_next(struct fs_text *named, struct fs_text *order, struct fs_text *buyer,
                      struct fs_text *units)
{
    return take_part(named, '\0', order) && take_part(named, '\0', buyer) &&
           take_part(named, '\0', units);
}

static bool parse_in(struct fs_text text, struct fs_v4_in *in)
{
    struct fs_text epoch_text, number_text;
    int64_t epoch;
    int64_t number;

    if (!take_part(&text, '|', &epoch_text) || !take_part(&text, '|', &number_text) ||
        !fs_ledger_read_number(epoch_text, &epoch) ||
        !fs_ledger_read_number(number_text, &number) || epoch < 0 || number < 0)
        return false;
    *in = (struct fs_v4_in){(uint64_t)epoch, (uint64_t)number};
    return true;
}

/* An empty text: 0. */
static bool read_field(const struct fs_reply *item, int64_t *value)
{
    *value = 0;
    return item->kind == FS_REPLY_TEXT &&
           (item->text.len == 0 || (fs_ledger_read_number(item->text, value) && *value >= 0 &&
                                    *value <= FS_LEDGER_STORED_MAX));
}

static bool parse_transfers(struct fs_v4_view *view, const struct fs_reply *items, unsigned count)
{
    size_t len = 0;
    char *at;

    for (unsigned k = 0; k < 2 * count; k++) {
        if (items[k].kind != FS_REPLY_TEXT)
            return false;
        len += items[k].text.len;
    }
    view->out = calloc(count, sizeof(*view->out));
    view->in = calloc(count, sizeof(*view->in));
    at = view->chars = malloc(len + 1);
    if (!view->out || !view->in || !view->chars)
        return false;
    for (unsigned k = 0; k < count; k++) {
        struct fs_text out = items[2 * (size_t)k].text;
        struct fs_text in = items[2 * (size_t)k + 1].text;

        if (out.len > 0) {
            memcpy(at, out.data, out.len);
            if (!fs_v4_out_parse((struct fs_text){at, out.len}, &view->out[k]))
                return false;
            at += out.len;
        }
        if (in.len > 0 && !parse_in(in, &view->in[k]))
            return false;
    }
    return true;
}

/* A mark that is written otherwise is of no move: the shard is frozen. */
static void parse_moved(struct fs_v4_view *view, struct fs_text frozen)
{
    const struct fs_text word = FS_LEDGER_TEXT("moved|");
    int64_t number;

    if (frozen.len <= word.len || memcmp(frozen.data, word.data, word.len) != 0)
        return;
    frozen.data += word.len;
    frozen.len -= word.len;
    view->is_moved = fs_ledger_read_number(frozen, &number) && number > 0;
    view->moved_by = view->is_moved ? (uint64_t)number : 0;
}

static bool parse_view(struct fs_v4_view *view, const struct fs_reply *reply, unsigned count)
{
    int64_t fields[4];

    if (reply->item_count != FIXED_ITEMS + 2 * (size_t)count ||
        !fs_ledger_read_sale(reply->items, FS_LEDGER_SALE_ITEMS, &view->sale))
        return false;
    if (!fs_ledger_read_integer(&reply->items[2], &view->state))
        return false;
    for (unsigned i = 0; i < 4; i++)
        if (!read_field(&reply->items[FS_LEDGER_SALE_ITEMS + i], &fields[i]))
            return false;
    parse_moved(view, reply->items[FS_LEDGER_SALE_ITEMS - 2].text);
    view->moves = (uint64_t)fields[0];
    view->fence = (uint64_t)fields[1];
    view->total = fields[2];
    view->shard_count = fields[3];
    view->is_there = parse_transfers(view, reply->items + FIXED_ITEMS, count);
    return view->is_there;
}

static struct fs_v4_mark mark_of(const struct fs_v4_view *view)
{
    if (!view->is_there)
        return (struct fs_v4_mark){0};
    return (struct fs_v4_mark){view->sale.info.epoch, view->sale.info.sequence, view->moves};
}

/* The clocks of homes are known before the first purchase. */
static void note_view(const struct fs_v4_view *view)
{
    const struct fs_v4_read *read = view->read;
    unsigned shard = (unsigned)(view - read->views);
    struct fs_ledger_product *product = read->sale->shards[shard].product;

    if (!view->is_there)
        return;
    fs_v4_stock_note(read->sale, shard, mark_of(view), view->sale.info.units_left);
    fs_ledger_batch_epoch(product, view->sale.info.epoch);
    fs_ledger_batch_clock(product, view->sale.now_ms - (int64_t)(read->begin_us / 1000));
    if (!view->is_moved)
        fs_ledger_note_sale(product->worker->ledger, product->name, &view->sale);
}

static void on_view(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_view *view =
        (struct fs_v4_view *)(void *)((char *)call - offsetof(struct fs_v4_view, call));
    struct fs_v4_read *read = view->read;
    const struct fs_host *host = fs_v4_host(read->sale->worker);
    unsigned count = fs_v4_sale_shard_count(read->sale);

    if (reply->kind == FS_REPLY_NIL)
        view->is_answered = true;
    else if (reply->kind == FS_REPLY_LIST)
        view->is_answered = parse_view(view, reply, count);
    else if (reply->kind == FS_REPLY_ERROR)
        host->log(host, FS_LOG_ERROR, "v4: the store answers a read with: %.*s",
                  (int)reply->text.len, reply->text.data);
    note_view(view);
    if (--read->pending_count > 0)
        return;
    read->is_whole = true;
    for (unsigned k = 0; k < count; k++)
        read->is_whole = read->is_whole && read->views[k].is_answered;
    fs_v4_stock_looked(read->sale, read->begin_us, read->is_whole);
    read->done(read);
}

struct fs_v4_read *fs_v4_read_begin(struct fs_v4_sale *sale, uint64_t deadline_us,
                                    void (*done)(struct fs_v4_read *read), void *data)
{
    unsigned count = fs_v4_sale_shard_count(sale);
    struct fs_v4_worker *worker = sale->worker;
    struct fs_v4_read *read = calloc(1, sizeof(*read) + count * sizeof(read->views[0]));
    char number[FS_LEDGER_NUMBER_SIZE];
    struct fs_text argv[3] = {{0}};

    if (!read)
        return NULL;
    read->sale = sale;
    read->done = done;
    read->data = data;
    read->pending_count = count;
    read->begin_us = fs_v4_host(worker)->now_us();
    read->begin_number = sale->read_number;
    read->next = worker->reads;
    read->at = &worker->reads;
    if (read->next)
        read->next->at = &read->next;
    worker->reads = read;
    fs_v4_sale_use(sale);
    argv[1] = fs_ledger_number(number, count);
    for (unsigned k = 0; k < count; k++) {
        argv[0] = sale->shards[k].product->keys.list[FS_LEDGER_KEY_SALE];
        argv[2] = sale->shards[k].product->data;
        read->views[k].read = read;
        read->views[k].epoch_known = sale->shards[k].product->seen_epoch;
        read->views[k].call.done = on_view;
        fs_v4_host(worker)->script(worker->ledger.loop, &read->views[k].call, &fs_v4_read,
                                   deadline_us, 1, 3, argv);
    }
    return read;
}

void fs_v4_read_end(struct fs_v4_read *read)
{
    for (unsigned k = 0; k < fs_v4_sale_shard_count(read->sale); k++) {
        free(read->views[k].out);
        free(read->views[k].in);
        free(read->views[k].chars);
    }
    *read->at = read->next;
    if (read->next)
        read->next->at = read->at;
    fs_v4_sale_leave(read->sale);
    free(read);
}

void fs_v4_reads_dispose(struct fs_v4_worker *worker)
{
    struct fs_v4_read *next;

    for (struct fs_v4_read *read = worker->reads; read; read = next) {
        next = read->next;
        fs_v4_read_end(read);
    }
}

int64_t fs_v4_read_transit(const struct fs_v4_read *read, unsigned from, unsigned to)
{
    const struct fs_v4_view *donor = &read->views[from];
    const struct fs_v4_view *home = &read->views[to];
    const struct fs_v4_out *out;
    uint64_t put;

    if (!donor->is_there)
        return 0;
    out = &donor->out[to];
    if (!out->is_pending || out->epoch != donor->sale.info.epoch)
        return 0;
    if (!home->is_there)
        return out->units;
    put = home->in[from].epoch == out->epoch ? home->in[from].number : 0;
    return home->sale.info.epoch <= out->epoch && out->number > put ? out->units : 0;
}

struct fs_sale_info fs_v4_read_sum(const struct fs_v4_read *read)
{
    unsigned count = fs_v4_sale_shard_count(read->sale);
    struct fs_sale_info sum = read->views[0].sale.info;

    sum.product = read->sale->name;
    for (unsigned k = 0; k < count; k++) {
        const struct fs_sale_info *info = &read->views[k].sale.info;

        if (k > 0) {
            sum.sequence += info->sequence;
            sum.units_restocked += info->units_restocked;
            sum.units_left += info->units_left;
            sum.units_sold += info->units_sold;
            sum.units_initial += info->units_initial;
        }
        for (unsigned d = 0; d < count; d++)
            sum.units_in_transit += fs_v4_read_transit(read, k, d);
    }
    return sum;
}

static bool is_same_mark(struct fs_v4_mark a, struct fs_v4_mark b)
{
    return a.epoch == b.epoch && a.sequence == b.sequence && a.moves == b.moves;
}

bool fs_v4_read_is_proof(const struct fs_v4_read *read)
{
    const struct fs_v4_sale *sale = read->sale;
    bool is_same = sale->has_memory && read->is_whole && read->begin_number == sale->read_number;

    for (unsigned k = 0; is_same && k < fs_v4_sale_shard_count(sale); k++)
        is_same = is_same_mark(mark_of(&read->views[k]), sale->shards[k].mark);
    return is_same;
}

bool fs_v4_read_is_same(const struct fs_v4_read *first, const struct fs_v4_read *second)
{
    bool is_same = first->is_whole && second->is_whole && first->sale == second->sale;

    for (unsigned k = 0; is_same && k < fs_v4_sale_shard_count(first->sale); k++)
        is_same = is_same_mark(mark_of(&first->views[k]), mark_of(&second->views[k]));
    return is_same;
}

void fs_v4_read_remember(const struct fs_v4_read *read)
{
    struct fs_v4_sale *sale = read->sale;
    bool is_same = fs_v4_read_is_proof(read);

    for (unsigned k = 0; k < fs_v4_sale_shard_count(sale); k++)
        sale->shards[k].mark = mark_of(&read->views[k]);
    sale->has_memory = read->is_whole;
    sale->read_number++;
    if (!is_same)
        sale->same_number = sale->read_number;
}

bool fs_v4_read_is_suspect(const struct fs_v4_read *read)
{
    const struct fs_v4_view *truth = &read->views[0];
    bool is_suspect = truth->is_answered && !truth->is_there && read->sale->has_layout;

    for (unsigned k = 0; k < fs_v4_sale_shard_count(read->sale); k++)
        is_suspect = is_suspect || read->views[k].is_moved;
    return is_suspect;
}

bool fs_v4_read_is_lost(const struct fs_v4_read *read, unsigned shard)
{
    const struct fs_v4_view *truth = &read->views[0];
    const struct fs_v4_view *view = &read->views[shard];
    uint64_t epoch = view->is_there ? view->sale.info.epoch : 0;

    if (!view->is_answered || view->epoch_known <= epoch)
        return false;
    /* After a reset it is made anew, whatever became of it. */
    return shard == 0 || !truth->is_there || truth->sale.info.epoch <= view->epoch_known;
}

bool fs_v4_read_tell_lost(const struct fs_v4_read *read)
{
    struct fs_v4_sale *sale = read->sale;
    bool is_lost = false;

    for (unsigned k = 0; k < sale->shard_count; k++)
        if (fs_v4_read_is_lost(read, k)) {
            is_lost = true;
            fs_ledger_is_lost(sale->worker->ledger.ledger, sale->shards[k].product->name);
        }
    return is_lost;
}

bool fs_v4_read_is_headless(const struct fs_v4_read *read)
{
    const struct fs_v4_view *truth = &read->views[0];
    bool is_elsewhere = false;

    for (unsigned k = 1; k < fs_v4_sale_shard_count(read->sale); k++)
        is_elsewhere = is_elsewhere || read->views[k].is_there;
    return truth->is_answered && !truth->is_there && is_elsewhere;
}

bool fs_v4_read_is_frozen(const struct fs_v4_read *read)
{
    bool is_frozen = false;

    for (unsigned k = 0; k < fs_v4_sale_shard_count(read->sale); k++) {
        const struct fs_v4_view *view = &read->views[k];

        is_frozen = is_frozen || (view->is_there && view->sale.is_frozen && !view->is_moved);
    }
    return is_frozen;
}

bool fs_v4_read_is_behind(const struct fs_v4_read *read, unsigned shard)
{
    const struct fs_v4_view *truth = &read->views[0];
    const struct fs_v4_view *view = &read->views[shard];

    if (shard == 0 || !truth->is_there || !view->is_answered || truth->is_moved ||
        fs_v4_read_is_lost(read, shard) ||
        truth->shard_count != (int64_t)fs_v4_sale_shard_count(read->sale))
        return false;
    return !view->is_there || view->sale.info.epoch < truth->sale.info.epoch ||
           (view->sale.info.epoch == truth->sale.info.epoch && view->fence < truth->fence);
}
