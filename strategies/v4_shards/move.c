/* What the steps of a move share: what they ask, and how it ends. */
#include "move.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "scripts.h"
#include "tag.h"

struct fs_v4_reshard *fs_v4_move_of(struct fs_call *call)
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

struct fs_text fs_v4_move_mark(const struct fs_v4_reshard *reshard, char chars[FS_LEDGER_SEEN_SIZE])
{
    char data[FS_LEDGER_DATA_LEN_MAX];

    return fs_ledger_append(chars, fs_ledger_number(chars, (int64_t)reshard->number),
                            fs_v4_data_write(data, fs_v4_of(reshard->sale->worker), reshard->number,
                                             reshard->shard_count));
}

void fs_v4_move_tell(struct fs_v4_reshard *reshard, enum fs_v4_moved moved)
{
    if (reshard->asker)
        reshard->asker->moved = moved;
    reshard->asker = NULL;
}

void fs_v4_move_end(struct fs_v4_reshard *reshard)
{
    *reshard->at = reshard->next;
    if (reshard->next)
        reshard->next->at = reshard->at;
    fs_v4_sale_leave(reshard->sale);
    free(reshard);
}

void fs_v4_move_ask_layout(struct fs_v4_reshard *reshard, struct fs_text verb, int64_t value,
                           void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    reshard->call.done = done;
    reshard->renewed_us = fs_v4_host(reshard->sale->worker)->now_us();
    fs_v4_layout_ask(reshard->sale->worker, reshard->sale->name, &reshard->call, 0, verb, value,
                     reshard->shard_count, FS_V4_LEASE_MS);
}

void fs_v4_move_end_unmoved(struct fs_v4_reshard *reshard, enum fs_v4_moved moved)
{
    reshard->sale->is_checked = false; /* marks may be left on its shards */
    reshard->sale->is_suspect = true;
    fs_v4_move_tell(reshard, moved);
    fs_v4_move_end(reshard);
}

static void on_void(struct fs_call *call, const struct fs_reply *reply)
{
    (void)reply; /* else it is given up when its time is over */
    fs_v4_move_end_unmoved(fs_v4_move_of(call), FS_V4_MOVE_FAILED);
}

void fs_v4_move_fail(struct fs_v4_reshard *reshard, const char *why)
{
    const struct fs_host *host = fs_v4_host(reshard->sale->worker);

    host->log(host, FS_LOG_ERROR,
              "v4: %.*s could not be moved to %" PRIu32 " shards, and has those it had: %s",
              (int)reshard->sale->name.len, reshard->sale->name.data, reshard->shard_count, why);
    fs_v4_move_ask_layout(reshard, FS_LEDGER_TEXT("void"), (int64_t)reshard->number, on_void);
}

void fs_v4_move_ask_shard(struct fs_v4_reshard *reshard, const struct fs_script *script,
                          const struct fs_ledger_keys *keys, size_t argc,
                          const struct fs_text *rest,
                          void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    struct fs_v4_worker *worker = reshard->sale->worker;
    struct fs_text argv[40] = {keys->list[FS_LEDGER_KEY_SALE], keys->list[FS_LEDGER_KEY_ORDERS],
                               keys->list[FS_LEDGER_KEY_BUYERS], keys->list[FS_LEDGER_KEY_CHANGES]};

    memcpy(argv + 4, rest, argc * sizeof(*rest));
    reshard->call.done = done;
    fs_v4_host(worker)->script(worker->ledger.loop, &reshard->call, script, 0, 4, 4 + argc, argv);
}
