/* Keeps sales: a table by name.  The shards are products of the ledger below. */
#include "sale.h"

#include <assert.h>
#include <stdlib.h>

#include "stock.h"
#include "tag.h"

static size_t bucket_of(struct fs_text name)
{
    return fs_ledger_hash(name) & (FS_V4_SALE_BUCKETS - 1);
}

unsigned fs_v4_sale_shard_of(const struct fs_v4_sale *sale, const struct fs_ledger_product *product)
{
    unsigned shard = 0;

    while (sale->shards[shard].product != product)
        shard++;
    return shard;
}

unsigned fs_v4_sale_shard_count(const struct fs_v4_sale *sale)
{
    return sale->shard_count;
}

struct fs_v4_sale *fs_v4_sale_of(const struct fs_ledger_product *product)
{
    struct fs_v4_sale *sale;

    memcpy(&sale, product->extra, sizeof(sale));
    return sale;
}

struct fs_text fs_v4_data_write(char chars[FS_LEDGER_DATA_LEN_MAX], const struct fs_v4 *v4,
                                uint64_t layout, uint32_t shard_count)
{
    char number[FS_LEDGER_NUMBER_SIZE];
    struct fs_text id = v4->ledger.data_id;

    assert(id.len <= FS_LEDGER_DATA_LEN_MAX - 16);
    if (id.len > 0)
        memcpy(chars, id.data, id.len);
    id = fs_ledger_append(chars, (struct fs_text){chars, id.len},
                          fs_ledger_number(number, (int64_t)layout));
    return fs_ledger_append(chars, id, fs_ledger_number(number, shard_count));
}

static bool take_shards(struct fs_v4_sale *sale)
{
    struct fs_v4_worker *worker = sale->worker;
    unsigned shard_count = fs_v4_sale_shard_count(sale);

    for (unsigned k = 0; k < shard_count; k++) {
        char chars[FS_LEDGER_NAME_LEN_MAX];
        struct fs_text tag = fs_v4_tag_write(chars, sale->name, sale->layout, k,
                                             fs_v4_ranges(fs_v4_of(worker), shard_count));
        struct fs_ledger_product *product = fs_ledger_product_take(&worker->ledger, tag);

        if (!product)
            return false;
        sale->shards[k].product = product;
    }
    for (unsigned k = 0; k < shard_count; k++) {
        struct fs_ledger_product *product = sale->shards[k].product;

        memcpy(product->extra, &sale, sizeof(sale));
        product->told_name = sale->name;
        product->data =
            fs_v4_data_write(product->data_chars, fs_v4_of(worker), sale->layout, shard_count);
        product->is_part = true;
        product->is_kept = true;
    }
    return true;
}

/* Of two sales that were looked for in layout 0, with other numbers of shards, the later one has the
 * shards that both name. */
static void free_sale(struct fs_v4_sale *sale)
{
    for (unsigned k = 0; k < sale->shard_count; k++) {
        struct fs_ledger_product *product = sale->shards[k].product;

        if (!product || (product->is_kept && fs_v4_sale_of(product) != sale))
            continue;
        product->is_kept = false;
        if (sale->is_retired) { /* it is gone, and not lost */
            product->seen_epoch = 0;
            fs_ledger_forget(sale->worker->ledger.ledger, product->name);
        }
        fs_ledger_product_touch(product);
    }
    if (sale->stock)
        fs_v4_stock_give(fs_v4_of(sale->worker), sale->stock);
    if (sale->successor)
        fs_v4_sale_leave(sale->successor);
    free(sale);
}

static struct fs_v4_sale *make_sale(struct fs_v4_worker *worker, struct fs_text name,
                                    uint64_t layout, uint32_t shard_count)
{
    struct fs_v4_sale *sale = calloc(1, sizeof(*sale) + shard_count * sizeof(sale->shards[0]));

    if (!sale)
        return NULL;
    assert(name.len <= FS_PRODUCT_LEN_MAX);
    memcpy(sale->name_chars, name.data, name.len);
    sale->name = (struct fs_text){sale->name_chars, name.len};
    sale->worker = worker;
    sale->layout = layout;
    sale->shard_count = shard_count;
    sale->stock = fs_v4_stock_take(fs_v4_of(worker), sale->name, layout, shard_count);
    if (!sale->stock || !take_shards(sale)) {
        free_sale(sale);
        return NULL;
    }
    return sale;
}

/* The list that holds the sale: its bucket, or the retired ones. */
static struct fs_v4_sale **list_of(const struct fs_v4_sale *sale)
{
    struct fs_v4_worker *worker = sale->worker;

    return sale->is_retired ? &worker->retired : &worker->buckets[bucket_of(sale->name)];
}

static void put_in(struct fs_v4_sale *sale)
{
    struct fs_v4_sale **list = list_of(sale);

    sale->next_in_bucket = *list;
    *list = sale;
}

static void put_out(struct fs_v4_sale *sale)
{
    struct fs_v4_sale **at = list_of(sale);

    while (*at != sale)
        at = &(*at)->next_in_bucket;
    *at = sale->next_in_bucket;
}

struct fs_v4_sale *fs_v4_sale_take(struct fs_v4_worker *worker, struct fs_text name)
{
    struct fs_v4_sale *sale = worker->buckets[bucket_of(name)];

    while (sale && !fs_ledger_same(sale->name, name))
        sale = sale->next_in_bucket;
    if (sale)
        return sale;
    sale = make_sale(worker, name, 0, fs_v4_of(worker)->shard_count);
    if (sale)
        put_in(sale);
    return sale;
}

bool fs_v4_sale_replace(struct fs_v4_sale *sale, uint64_t layout, uint32_t shard_count)
{
    struct fs_v4_sale *next = make_sale(sale->worker, sale->name, layout, shard_count);

    assert(!sale->is_retired);
    if (!next)
        return false;
    next->is_checked = true;
    next->has_layout = true;
    put_out(sale);
    put_in(next);
    /* Ops that still wait here name shards that may be the next one's. */
    sale->successor = next;
    fs_v4_sale_use(next);
    sale->is_retired = true;
    put_in(sale);
    fs_v4_sale_touch(sale);
    return true;
}

struct fs_ledger_product *fs_v4_sale_home(const struct fs_v4_sale *sale, struct fs_text buyer)
{
    return sale->shards[fs_v4_home_of(buyer, sale->name, sale->shard_count)].product;
}

void fs_v4_sale_touch(struct fs_v4_sale *sale)
{
    if (sale->is_dirty)
        return;
    sale->is_dirty = true;
    sale->next_dirty = sale->worker->dirty;
    sale->worker->dirty = sale;
}

void fs_v4_sale_use(struct fs_v4_sale *sale)
{
    sale->user_count++;
}

void fs_v4_sale_leave(struct fs_v4_sale *sale)
{
    assert(sale->user_count > 0);
    sale->user_count--;
    fs_v4_sale_touch(sale);
}

void fs_v4_sale_let_go(struct fs_v4_sale *sale)
{
    if (sale->user_count > 0 || sale->waiting.first || sale->is_gathering || sale->is_dirty)
        return;
    for (unsigned k = 0; k < fs_v4_sale_shard_count(sale); k++) {
        const struct fs_ledger_product *product = sale->shards[k].product;

        if (product->queue.first || product->in_flight > 0 || product->is_waiting ||
            (product->seen_epoch > 0 && !sale->is_retired))
            return;
    }
    put_out(sale);
    free_sale(sale);
}

static void dispose_list(struct fs_v4_worker *worker, struct fs_v4_sale **list)
{
    while (*list) {
        struct fs_v4_sale *sale = *list;

        assert(!sale->waiting.first && !sale->is_gathering);
        *list = sale->next_in_bucket;
        fs_v4_stock_give(fs_v4_of(worker), sale->stock);
        free(sale);
    }
}

void fs_v4_sales_dispose(struct fs_v4_worker *worker)
{
    for (size_t i = 0; i < FS_V4_SALE_BUCKETS; i++)
        dispose_list(worker, &worker->buckets[i]);
    dispose_list(worker, &worker->retired);
}
