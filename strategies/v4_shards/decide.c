/* Sends a batch to a home with what is left elsewhere, so that a purchase is told the units left of the
 * whole sale, and takes note of what it left. */
#include "decide.h"

#include <assert.h>

#include "read.h"
#include "stock.h"

static struct fs_v4_op *op_of(struct fs_ledger_op *state)
{
    return (struct fs_v4_op *)(void *)state;
}

static int64_t units_of(const struct fs_ledger_op *first)
{
    int64_t units = 0;

    for (const struct fs_ledger_op *state = first; state; state = state->next)
        units += state->units;
    return units;
}

static size_t put(char *chars, size_t len, struct fs_text text)
{
    assert(len + text.len <= FS_V4_EXTRA_SIZE);
    if (text.len > 0)
        memcpy(chars + len, text.data, text.len);
    return len + text.len;
}

struct fs_text fs_v4_decide_extra(char chars[FS_V4_EXTRA_SIZE], struct fs_v4_elsewhere elsewhere,
                                  struct fs_text more)
{
    char number[FS_LEDGER_NUMBER_SIZE];
    size_t len = put(chars, 0, FS_LEDGER_TEXT("|"));

    len = put(chars, len, fs_ledger_number(number, (int64_t)elsewhere.epoch));
    len = put(chars, len, FS_LEDGER_TEXT("|"));
    len = put(chars, len, fs_ledger_number(number, elsewhere.units));
    len = put(chars, len, FS_LEDGER_TEXT("|"));
    len = put(chars, len, fs_ledger_number(number, (int64_t)elsewhere.moves));
    return (struct fs_text){chars, put(chars, len, more)};
}

size_t fs_v4_decide_witness(struct fs_ledger_product *shard, uint64_t epoch,
                            char number[FS_LEDGER_NUMBER_SIZE], struct fs_text argv[2])
{
    fs_ledger_share_seen(shard);
    argv[0] = FS_LEDGER_TEXT("0");
    argv[1] = FS_LEDGER_TEXT("");
    if (shard->seen_epoch == epoch && shard->witness_sequence > 0) {
        argv[0] = fs_ledger_number(number, (int64_t)shard->witness_sequence);
        argv[1] = (struct fs_text){shard->witness, shard->witness_len};
    }
    return 2;
}

static void on_refresh(struct fs_v4_read *read)
{
    fs_v4_read_end(read); /* its answers have been noted */
}

void fs_v4_decide_clock(const struct fs_v4_sale *sale, unsigned shard)
{
    const struct fs_ledger_product *first = sale->shards[0].product;
    struct fs_ledger_product *product = sale->shards[shard].product;
    const struct fs_host *host = fs_v4_host(sale->worker);
    int64_t shift_ms = first->clock_offset_ms - product->clock_offset_ms;

    if (shard == 0 || !first->has_clock || !product->has_clock)
        return; /* as it was */
    product->clock_shift_ms = shift_ms > FS_V4_SKEW_MS || shift_ms < -FS_V4_SKEW_MS ? shift_ms : 0;
    if (product->is_shift_told || (shift_ms < FS_V4_SKEW_TOLD_MS && shift_ms > -FS_V4_SKEW_TOLD_MS))
        return;
    product->is_shift_told = true;
    host->log(
        host, FS_LOG_WARNING,
        "v4: the clock of the store of shard %u of %.*s differs by %lld ms from that of shard "
        "0, which judges the sale's window: set the stores' clocks by NTP",
        shard, (int)sale->name.len, sale->name.data, (long long)-shift_ms);
}

void fs_v4_decide_send(struct fs_ledger_product *home, struct fs_ledger_op *first, uint32_t count,
                       const struct fs_script *script, struct fs_text more,
                       struct fs_v4_transfer *transfer,
                       void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    struct fs_v4_sale *sale = fs_v4_sale_of(home);
    unsigned shard = fs_v4_sale_shard_of(sale, home);
    struct fs_ledger_batch_kind kind = {.script = script};
    struct fs_v4_elsewhere elsewhere = {0};
    char extra[FS_V4_EXTRA_SIZE];

    if (fs_v4_sale_shard_count(sale) > 1) {
        elsewhere = fs_v4_stock_elsewhere(sale, shard);
        fs_v4_stock_ask(sale, shard, units_of(first));
        if (fs_v4_stock_is_due(sale, fs_v4_host(sale->worker)->now_us()))
            fs_v4_read_begin(sale, 0, on_refresh, NULL);
    }
    for (struct fs_ledger_op *state = first; state; state = state->next) {
        op_of(state)->read_number = sale->read_number;
        op_of(state)->transfer = transfer;
        op_of(state)->is_asked = true;
    }
    op_of(first)->elsewhere = elsewhere;
    fs_v4_decide_clock(sale, shard);
    kind.owner = fs_v4_decide_extra(extra, elsewhere, more);
    fs_ledger_batch_send(home, first, count, &kind, done);
}

/* The last sale or cancel of the batch says what is left now. */
static void note(const struct fs_v4_sale *sale, unsigned shard, struct fs_ledger_op *first,
                 const struct fs_ledger_decision *decisions, uint64_t epoch)
{
    const struct fs_v4_elsewhere *elsewhere = &op_of(first)->elsewhere;
    struct fs_ledger_decision last = {0};

    for (struct fs_ledger_op *state = first; state; state = state->next, decisions++)
        if (decisions->code == FS_DONE)
            last = *decisions;
    if (elsewhere->epoch == epoch)
        last.units_left -= elsewhere->units;
    if (last.code == FS_DONE)
        fs_v4_stock_decided(sale, shard, epoch, (uint64_t)last.sequence, last.units_left);
}

void fs_v4_decide_answer(struct fs_ledger_op *first, const struct fs_reply *reply)
{
    struct fs_v4_sale *sale = fs_v4_sale_of(first->product);
    unsigned shard = fs_v4_sale_shard_of(sale, first->product);

    if (fs_v4_sale_shard_count(sale) > 1) {
        const struct fs_ledger_decision *decisions = fs_ledger_batch_decisions(first, reply);

        fs_v4_stock_answer(sale, shard, units_of(first));
        if (decisions)
            note(sale, shard, first, decisions,
                 (uint64_t)reply->items[FS_LEDGER_REPLY_EPOCH].integer);
    }
    fs_ledger_batch_answer(first, reply);
}
