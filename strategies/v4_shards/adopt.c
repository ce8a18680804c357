/* Finishes a change of a sale, whoever began it. */
#include "adopt.h"

#include <stddef.h>
#include <stdlib.h>

#include "scripts.h"

struct adopting;

struct step {
    struct fs_call call;
    struct adopting *all;
};

struct adopting {
    struct fs_v4_sale *sale; /* used */
    void (*done)(void *data);
    void *data;
    unsigned pending_count;
    bool has_failed;
    struct step steps[];
};

int64_t fs_v4_deal(int64_t total, unsigned shard, unsigned shard_count)
{
    return total / shard_count + (shard < total % shard_count ? 1 : 0);
}

static void on_step(struct fs_call *call, const struct fs_reply *reply)
{
    struct step *step = (struct step *)(void *)((char *)call - offsetof(struct step, call));
    struct adopting *all = step->all;
    const struct fs_host *host = fs_v4_host(all->sale->worker);

    if (reply->kind == FS_REPLY_ERROR)
        host->log(host, FS_LOG_ERROR, "v4: a shard of %.*s could not take a change over: %.*s",
                  (int)all->sale->name.len, all->sale->name.data, (int)reply->text.len,
                  reply->text.data);
    all->has_failed = all->has_failed || reply->kind != FS_REPLY_INTEGER;
    if (--all->pending_count > 0)
        return;
    if (all->has_failed && all->sale->is_gathering)
        all->sale->is_failing = true;
    all->done(all->data);
    fs_v4_sale_leave(all->sale);
    free(all);
}

static void send_step(struct step *step, const struct fs_v4_read *read, unsigned shard,
                      uint64_t deadline_us)
{
    struct fs_v4_sale *sale = read->sale;
    unsigned count = fs_v4_sale_shard_count(sale);
    size_t key_count;
    const struct fs_ledger_product *product = sale->shards[shard].product;
    const struct fs_v4_view *truth = &read->views[0];
    const struct fs_sale_info *info = &truth->sale.info;
    const int64_t values[] = {
        (int64_t)info->epoch,
        (int64_t)truth->fence,
        fs_v4_deal(truth->total, shard, count),
        info->units_per_buyer_max,
        info->units_per_order_max,
        info->opens_at_ms,
        info->closes_at_ms,
        truth->state,
        (int64_t)count,
    };
    const struct fs_ledger *ledger = sale->worker->ledger.ledger;
    struct fs_text manifest = fs_ledger_manifest_of(ledger->host, &product->keys);
    char numbers[9][FS_LEDGER_NUMBER_SIZE];
    char manifest_key[FS_LEDGER_KEY_LEN_MAX];
    struct fs_text argv[15] = {product->keys.list[FS_LEDGER_KEY_SALE],
                               product->keys.list[FS_LEDGER_KEY_BUYERS]};
    size_t argc = 2;

    if (manifest.len > 0)
        argv[argc++] = fs_ledger_key_write(manifest_key, ledger->prefix, "manifest");
    key_count = argc;
    for (unsigned i = 0; i < 9; i++)
        argv[argc++] = fs_ledger_number(numbers[i], values[i]);
    argv[argc++] = product->data;
    argv[argc++] = manifest;
    argv[argc++] = read->is_reset ? FS_LEDGER_TEXT("1") : FS_LEDGER_TEXT("0");
    step->call.done = on_step;
    fs_v4_host(sale->worker)
        ->script(sale->worker->ledger.loop, &step->call, &fs_v4_adopt, deadline_us, key_count, argc,
                 argv);
}

unsigned fs_v4_adopt_begin(const struct fs_v4_read *read, uint64_t deadline_us,
                           void (*done)(void *data), void *data)
{
    unsigned count = fs_v4_sale_shard_count(read->sale);
    unsigned behind_count = 0;
    unsigned at = 0;
    struct adopting *all;

    for (unsigned k = 1; k < count; k++)
        behind_count += fs_v4_read_is_behind(read, k);
    if (behind_count == 0)
        return 0;
    all = calloc(1, sizeof(*all) + behind_count * sizeof(all->steps[0]));
    if (!all)
        return 0;
    all->sale = read->sale;
    all->done = done;
    all->data = data;
    all->pending_count = behind_count;
    fs_v4_sale_use(all->sale);
    for (unsigned k = 1; k < count; k++)
        if (fs_v4_read_is_behind(read, k)) {
            all->steps[at].all = all;
            send_step(&all->steps[at++], read, k, deadline_us);
        }
    return behind_count; /* NOLINT(clang-analyzer-unix.Malloc): on_step frees all with the last one */
}
