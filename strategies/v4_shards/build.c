/* The new shards of a sale that is moved: made before anything is copied to them; ended, and compared with
 * the old ones, behind it. */
#include "adopt.h"
#include "move.h"
#include "scripts.h"

static void begin_shard(struct fs_v4_reshard *reshard);

static void on_begun_shard(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = fs_v4_move_of(call);

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
    char mark[FS_LEDGER_SEEN_SIZE];
    char data[FS_LEDGER_DATA_LEN_MAX];
    char numbers[1 + sizeof(fields) / sizeof(fields[0])][FS_LEDGER_NUMBER_SIZE];
    struct fs_text rest[4 + 2 * sizeof(fields) / sizeof(fields[0])];
    size_t argc = 0;

    rest[argc++] = FS_LEDGER_TEXT("begin");
    rest[argc++] = fs_v4_move_mark(reshard, mark);
    rest[argc++] = FS_LEDGER_TEXT("data");
    rest[argc++] = fs_v4_data_write(data, fs_v4_of(reshard->sale->worker), reshard->number, count);
    for (size_t i = 0; i < field_count; i++) {
        rest[argc++] = fields[i].name;
        rest[argc++] = fs_ledger_number(numbers[1 + i], fields[i].value);
    }
    fs_v4_move_keys(reshard, reshard->number, shard, count, &keys);
    fs_v4_move_ask_shard(reshard, &fs_v4_build, &keys, argc, rest, on_begun_shard);
}

void fs_v4_build_begin(struct fs_v4_reshard *reshard)
{
    reshard->shard = 0;
    begin_shard(reshard);
}

static void end_shard(struct fs_v4_reshard *reshard);

static void on_ended(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_reshard *reshard = fs_v4_move_of(call);
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
        fs_v4_move_flip(reshard);
}

static void end_shard(struct fs_v4_reshard *reshard)
{
    struct fs_ledger_keys keys;
    char mark[FS_LEDGER_SEEN_SIZE];
    const struct fs_text rest[] = {FS_LEDGER_TEXT("end"), fs_v4_move_mark(reshard, mark)};

    fs_v4_move_keys(reshard, reshard->number, reshard->shard, reshard->shard_count, &keys);
    fs_v4_move_ask_shard(reshard, &fs_v4_build, &keys, 2, rest, on_ended);
}

void fs_v4_build_end(struct fs_v4_reshard *reshard)
{
    reshard->shard = 0;
    end_shard(reshard);
}
