/* The tables of the ledger: reserving them, finding and adding entries, and telling of them. */
#include "ledger.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "limits.h"

int fs_v1_ledger_init(struct fs_v1_ledger *ledger, uint32_t orders_max, uint32_t sales_max)
{
    int error;

    *ledger = (struct fs_v1_ledger){.orders_max = orders_max, .sales_max = sales_max};
    error = fs_v1_hash_key_init(&ledger->key);
    if (error)
        return error;
    ledger->sales = fs_v1_reserve(sales_max * sizeof(*ledger->sales));
    ledger->sales_sorted = fs_v1_reserve(sales_max * sizeof(*ledger->sales_sorted));
    ledger->buyers = fs_v1_reserve(orders_max * sizeof(*ledger->buyers));
    ledger->orders = fs_v1_reserve(orders_max * sizeof(*ledger->orders));
    if (!ledger->sales || !ledger->sales_sorted || !ledger->buyers || !ledger->orders ||
        fs_v1_index_init(&ledger->sale_index, sales_max) != 0 ||
        fs_v1_index_init(&ledger->buyer_index, orders_max) != 0 ||
        fs_v1_index_init(&ledger->order_index, orders_max) != 0) {
        fs_v1_ledger_dispose(ledger);
        return -ENOMEM;
    }
    return 0;
}

void fs_v1_ledger_dispose(struct fs_v1_ledger *ledger)
{
    fs_v1_index_dispose(&ledger->order_index);
    fs_v1_index_dispose(&ledger->buyer_index);
    fs_v1_index_dispose(&ledger->sale_index);
    fs_v1_release(ledger->orders, ledger->orders_max * sizeof(*ledger->orders));
    fs_v1_release(ledger->buyers, ledger->orders_max * sizeof(*ledger->buyers));
    fs_v1_release(ledger->sales_sorted, ledger->sales_max * sizeof(*ledger->sales_sorted));
    fs_v1_release(ledger->sales, ledger->sales_max * sizeof(*ledger->sales));
    *ledger = (struct fs_v1_ledger){0};
}

void fs_v1_ledger_hash(const struct fs_v1_ledger *ledger, struct fs_v1_query *query)
{
    uint64_t product = fs_v1_hash(&ledger->key, query->product.data, query->product.len);

    query->product_hash = product;
    if (query->order.len > 0) {
        query->order_hash = fs_v1_hash(&ledger->key, query->order.data, query->order.len);
        fs_v1_index_prefetch(&ledger->order_index, query->order_hash);
    }
    if (query->buyer.len > 0) {
        /* One index holds the buyers of all sales; rotated, or a buyer named like the product would
         * always hash to 0. */
        query->buyer_hash = fs_v1_hash(&ledger->key, query->buyer.data, query->buyer.len) ^
                            (product << 1 | product >> 63);
        fs_v1_index_prefetch(&ledger->buyer_index, query->buyer_hash);
    }
}

static bool same(const char *data, size_t len, struct fs_text text)
{
    return len == text.len && memcmp(data, text.data, len) == 0;
}

uint32_t fs_v1_ledger_find_sale(const struct fs_v1_ledger *ledger, uint64_t hash,
                                struct fs_text product)
{
    struct fs_v1_probe probe = fs_v1_index_probe(&ledger->sale_index, hash);

    for (;;) {
        uint32_t slot = fs_v1_index_next(&ledger->sale_index, &probe);

        if (slot == FS_V1_NO_SLOT ||
            same(ledger->sales[slot].product, ledger->sales[slot].product_len, product))
            return slot;
    }
}

uint32_t fs_v1_ledger_find_buyer(const struct fs_v1_ledger *ledger, uint64_t hash, uint32_t sale,
                                 struct fs_text name)
{
    struct fs_v1_probe probe = fs_v1_index_probe(&ledger->buyer_index, hash);

    for (;;) {
        uint32_t slot = fs_v1_index_next(&ledger->buyer_index, &probe);

        if (slot == FS_V1_NO_SLOT)
            return slot;
        if (ledger->buyers[slot].sale == sale &&
            same(ledger->buyers[slot].name, ledger->buyers[slot].name_len, name))
            return slot;
    }
}

uint32_t fs_v1_ledger_find_order(const struct fs_v1_ledger *ledger, uint64_t hash, bool is_change,
                                 struct fs_text name)
{
    struct fs_v1_probe probe = fs_v1_index_probe(&ledger->order_index, hash);

    for (;;) {
        uint32_t slot = fs_v1_index_next(&ledger->order_index, &probe);

        if (slot == FS_V1_NO_SLOT)
            return slot;
        if ((ledger->orders[slot].entry == FS_V1_ENTRY_CHANGE) == is_change &&
            same(ledger->orders[slot].name, ledger->orders[slot].name_len, name))
            return slot;
    }
}

/* Product ids sort by bytes, a shorter one before those it begins. */
static int compare_products(const struct fs_v1_sale *a, const struct fs_v1_sale *b)
{
    size_t len = a->product_len < b->product_len ? a->product_len : b->product_len;
    int order = memcmp(a->product, b->product, len);

    return order != 0 ? order : (int)a->product_len - (int)b->product_len;
}

uint32_t fs_v1_ledger_add_sale(struct fs_v1_ledger *ledger, uint64_t hash, struct fs_text product)
{
    uint32_t slot = ledger->sale_count++;
    struct fs_v1_sale *sale = &ledger->sales[slot];
    uint32_t at = slot;

    assert(slot < ledger->sales_max && product.len <= sizeof(sale->product));
    sale->product_len = (uint8_t)product.len;
    memcpy(sale->product, product.data, product.len);
    for (; at > 0; at--) {
        if (compare_products(&ledger->sales[ledger->sales_sorted[at - 1]], sale) < 0)
            break;
        ledger->sales_sorted[at] = ledger->sales_sorted[at - 1];
    }
    ledger->sales_sorted[at] = (uint16_t)slot;
    fs_v1_index_put(&ledger->sale_index, hash, slot);
    return slot;
}

uint32_t fs_v1_ledger_add_buyer(struct fs_v1_ledger *ledger, uint64_t hash, uint32_t sale,
                                struct fs_text name)
{
    uint32_t slot = ledger->buyer_count++;
    struct fs_v1_buyer *buyer = &ledger->buyers[slot];

    assert(slot < ledger->orders_max && name.len <= sizeof(buyer->name));
    buyer->sale = sale;
    buyer->name_len = (uint8_t)name.len;
    memcpy(buyer->name, name.data, name.len);
    fs_v1_index_put(&ledger->buyer_index, hash, slot);
    return slot;
}

uint32_t fs_v1_ledger_add_order(struct fs_v1_ledger *ledger, uint64_t hash, struct fs_text name)
{
    uint32_t slot = ledger->order_count++;
    struct fs_v1_order *order = &ledger->orders[slot];

    assert(slot < ledger->orders_max && name.len > 0 && name.len <= sizeof(order->name));
    order->name_len = (uint8_t)name.len;
    memcpy(order->name, name.data, name.len);
    fs_v1_index_put(&ledger->order_index, hash, slot);
    return slot;
}

/* The state in force: an open sale sells only within its window. */
static enum fs_sale_state state_at(const struct fs_v1_sale *sale, int64_t now_ms)
{
    if (sale->state != FS_SALE_OPEN)
        return sale->state;
    if (sale->closes_at_ms > 0 && now_ms >= sale->closes_at_ms)
        return FS_SALE_CLOSED;
    return now_ms < sale->opens_at_ms ? FS_SALE_NOT_OPEN : FS_SALE_OPEN;
}

void fs_v1_sale_tell(const struct fs_v1_sale *sale, int64_t now_ms, struct fs_sale_info *info)
{
    *info = (struct fs_sale_info){
        .product = {sale->product, sale->product_len},
        .state = state_at(sale, now_ms),
        .epoch = sale->epoch,
        .sequence = sale->sequence,
        .units_initial = sale->units_initial,
        .units_restocked = sale->units_restocked,
        .units_left = sale->units_left,
        .units_sold = sale->units_sold,
        .units_per_buyer_max = sale->units_per_buyer_max,
        .units_per_order_max = sale->units_per_order_max,
        .opens_at_ms = sale->opens_at_ms,
        .closes_at_ms = sale->closes_at_ms,
    };
}

void fs_v1_ledger_count(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                        struct fs_v1_decision *decision)
{
    uint32_t slot = fs_v1_ledger_find_sale(ledger, query->product_hash, query->product);

    if (slot == FS_V1_NO_SLOT) {
        decision->outcome = (struct fs_outcome){.verdict = FS_UNKNOWN, .units_left = -1};
        return;
    }
    fs_v1_sale_tell(&ledger->sales[slot], query->now_ms, &decision->sale);
    decision->outcome = (struct fs_outcome){
        .verdict = FS_DONE,
        .units_left = decision->sale.units_left,
        .epoch = decision->sale.epoch,
        .sequence = decision->sale.sequence,
    };
}

void fs_v1_ledger_list(const struct fs_v1_ledger *ledger, int64_t now_ms, struct fs_sale_info *rows)
{
    for (uint32_t i = 0; i < ledger->sale_count; i++)
        fs_v1_sale_tell(&ledger->sales[ledger->sales_sorted[i]], now_ms, &rows[i]);
}
