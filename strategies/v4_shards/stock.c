/* Keeps what is known of sales, in a list guarded by the strategy's mutex: it is walked when a worker
 * meets a sale for the first time, and the mutex is held for a few additions. */
#include "stock.h"

#include <assert.h>
#include <stdlib.h>

struct known {
    struct fs_v4_mark mark;
    int64_t units_left;
    int64_t units_asked;
};

struct fs_v4_stock {
    /* constant after take */
    uint64_t layout;
    uint32_t shard_count;
    size_t name_len;
    char name[FS_PRODUCT_LEN_MAX];

    /* guarded by the strategy's mutex */
    struct fs_v4_stock *next;
    uint32_t user_count;
    uint64_t due_us;
    uint64_t trusted_until_us;
    struct known shards[];
};

static bool is_of(const struct fs_v4_stock *stock, struct fs_text name, uint64_t layout,
                  uint32_t shard_count)
{
    return stock->layout == layout && stock->shard_count == shard_count &&
           fs_ledger_same((struct fs_text){stock->name, stock->name_len}, name);
}

struct fs_v4_stock *fs_v4_stock_take(struct fs_v4 *v4, struct fs_text name, uint64_t layout,
                                     uint32_t shard_count)
{
    struct fs_v4_stock *stock;

    assert(name.len <= FS_PRODUCT_LEN_MAX);
    pthread_mutex_lock(&v4->mutex);
    stock = v4->stocks;
    while (stock && !is_of(stock, name, layout, shard_count))
        stock = stock->next;
    if (!stock) {
        stock = calloc(1, sizeof(*stock) + shard_count * sizeof(stock->shards[0]));
        if (stock) {
            stock->layout = layout;
            stock->shard_count = shard_count;
            stock->name_len = name.len;
            memcpy(stock->name, name.data, name.len);
            stock->next = v4->stocks;
            v4->stocks = stock;
        }
    }
    if (stock)
        stock->user_count++;
    pthread_mutex_unlock(&v4->mutex);
    return stock;
}

void fs_v4_stock_give(struct fs_v4 *v4, struct fs_v4_stock *stock)
{
    pthread_mutex_lock(&v4->mutex);
    assert(stock->user_count > 0);
    if (--stock->user_count == 0) {
        struct fs_v4_stock **at = &v4->stocks;

        while (*at != stock)
            at = &(*at)->next;
        *at = stock->next;
        free(stock);
    }
    pthread_mutex_unlock(&v4->mutex);
}

/* Takes the mutex. */
static struct fs_v4_stock *lock(const struct fs_v4_sale *sale)
{
    pthread_mutex_lock(&fs_v4_of(sale->worker)->mutex);
    return sale->stock;
}

static void unlock(const struct fs_v4_sale *sale)
{
    pthread_mutex_unlock(&fs_v4_of(sale->worker)->mutex);
}

static bool is_newer(struct fs_v4_mark mark, struct fs_v4_mark than)
{
    if (mark.epoch != than.epoch)
        return mark.epoch > than.epoch;
    if (mark.sequence != than.sequence)
        return mark.sequence > than.sequence;
    return mark.moves > than.moves;
}

void fs_v4_stock_note(const struct fs_v4_sale *sale, unsigned shard, struct fs_v4_mark mark,
                      int64_t units_left)
{
    struct known *known = &lock(sale)->shards[shard];

    if (is_newer(mark, known->mark)) {
        known->mark = mark;
        known->units_left = units_left;
    }
    unlock(sale);
}

void fs_v4_stock_decided(const struct fs_v4_sale *sale, unsigned shard, uint64_t epoch,
                         uint64_t sequence, int64_t units_left)
{
    struct known *known = &lock(sale)->shards[shard];
    uint64_t moves = epoch == known->mark.epoch ? known->mark.moves : 0;
    const struct fs_v4_mark mark = {epoch, sequence, moves};

    if (is_newer(mark, known->mark)) {
        known->mark = mark;
        known->units_left = units_left;
    }
    unlock(sale);
}

void fs_v4_stock_looked(const struct fs_v4_sale *sale, uint64_t begin_us, bool is_whole)
{
    struct fs_v4_stock *stock = lock(sale);
    uint64_t until_us = begin_us + (is_whole ? FS_V4_TRUST_US : FS_V4_BLIND_US);

    if (until_us > stock->trusted_until_us)
        stock->trusted_until_us = until_us;
    if (begin_us + FS_V4_REFRESH_US > stock->due_us)
        stock->due_us = begin_us + FS_V4_REFRESH_US;
    unlock(sale);
}

void fs_v4_stock_ask(const struct fs_v4_sale *sale, unsigned shard, int64_t units)
{
    lock(sale)->shards[shard].units_asked += units;
    unlock(sale);
}

void fs_v4_stock_answer(const struct fs_v4_sale *sale, unsigned shard, int64_t units)
{
    fs_v4_stock_ask(sale, shard, -units);
}

struct fs_v4_elsewhere fs_v4_stock_elsewhere(const struct fs_v4_sale *sale, unsigned shard)
{
    const struct fs_v4_stock *stock = lock(sale);
    const uint32_t count = sale->shard_count;
    struct fs_v4_elsewhere elsewhere = {0};

    for (uint32_t k = 0; k < count; k++)
        if (stock->shards[k].mark.epoch > elsewhere.epoch)
            elsewhere.epoch = stock->shards[k].mark.epoch;
    if (stock->shards[shard].mark.epoch == elsewhere.epoch)
        elsewhere.moves = stock->shards[shard].mark.moves;
    for (uint32_t k = 0; k < count; k++) {
        const struct known *known = &stock->shards[k];

        if (k != shard && known->mark.epoch == elsewhere.epoch &&
            known->units_left > known->units_asked)
            elsewhere.units += known->units_left - known->units_asked;
    }
    unlock(sale);
    return elsewhere;
}

bool fs_v4_stock_is_stale(const struct fs_v4_sale *sale, uint64_t now_us)
{
    bool is_stale = lock(sale)->trusted_until_us <= now_us;

    unlock(sale);
    return is_stale;
}

bool fs_v4_stock_is_due(const struct fs_v4_sale *sale, uint64_t now_us)
{
    struct fs_v4_stock *stock = lock(sale);
    bool is_due = stock->due_us <= now_us;

    if (is_due)
        stock->due_us = now_us + FS_V4_REFRESH_US;
    unlock(sale);
    return is_due;
}
