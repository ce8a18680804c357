/* Replaying the journal, and recomputing the counters from the orders. */
#include "ledger.h"

/* What a record says, as the query that led to it. */
static void query_of(const struct fs_v1_ledger *ledger, const struct fs_v1_record *record,
                     struct fs_v1_query *query)
{
    *query = (struct fs_v1_query){
        .product = fs_v1_record_product(record),
        .order = fs_v1_record_order(record),
        .units = record->units,
        .now_ms = record->time_ms,
    };
    if (record->type != FS_V1_RECORD_CHANGED)
        query->buyer = fs_v1_record_buyer(record);
    fs_v1_ledger_hash(ledger, query);
}

static const char *replay_sold(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                               uint32_t slot, const struct fs_v1_record *record)
{
    const struct fs_v1_sale *sale = &ledger->sales[slot];

    if (record->epoch != sale->epoch)
        return "it sells in another epoch than the sale is in";
    if (record->units == 0 || sale->units_left - record->units != record->units_left ||
        record->units_left < 0)
        return "its units do not follow what was left";
    if (query->order.len == 0 ||
        fs_v1_ledger_find_order(ledger, query->order_hash, false, query->order) != FS_V1_NO_SLOT)
        return "its order was sold before";
    if (ledger->order_count == ledger->orders_max)
        return "there are more orders than orders_max: raise the option";
    fs_v1_apply_sold(ledger, query, slot,
                     fs_v1_ledger_find_buyer(ledger, query->buyer_hash, slot, query->buyer),
                     record);
    return NULL;
}

static const char *replay_cancelled(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                                    uint32_t slot, const struct fs_v1_record *record)
{
    const struct fs_v1_sale *sale = &ledger->sales[slot];
    uint32_t at = fs_v1_ledger_find_order(ledger, query->order_hash, false, query->order);
    struct fs_v1_order *order;

    if (at == FS_V1_NO_SLOT)
        return "it cancels an order that was never sold";
    order = &ledger->orders[at];
    if (order->sale != slot || order->entry != FS_V1_ENTRY_SOLD || order->epoch != sale->epoch ||
        order->epoch != record->epoch)
        return "it cancels an order that cannot be cancelled";
    if (order->units != record->units || sale->units_left + record->units != record->units_left)
        return "its units do not follow what was left";
    fs_v1_apply_cancelled(ledger, order, record);
    return NULL;
}

static const char *replay_changed(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                                  uint32_t slot, const struct fs_v1_record *record)
{
    static const struct fs_v1_sale none = {0};
    const struct fs_v1_sale *sale = slot == FS_V1_NO_SLOT ? &none : &ledger->sales[slot];
    const struct fs_v1_terms *terms = &record->terms;
    uint64_t epochs = terms->kind == FS_CHANGE_UPDATE ? 0 : 1;

    if (terms->kind < FS_CHANGE_CREATE || terms->kind > FS_CHANGE_UPDATE ||
        terms->state > FS_SALE_CLOSED || terms->state == 0 || query->product.len == 0)
        return "it is no change that can be made";
    if (terms->kind == FS_CHANGE_CREATE ? slot != FS_V1_NO_SLOT
                                        : terms->kind == FS_CHANGE_UPDATE && slot == FS_V1_NO_SLOT)
        return "it creates a sale that is there, or changes one that is not";
    if (record->epoch != sale->epoch + epochs ||
        record->units_left != fs_v1_units_after(sale, terms) || record->units_left < 0)
        return "its epoch or units do not follow the sale";
    if (query->order.len > 0 &&
        fs_v1_ledger_find_order(ledger, query->order_hash, true, query->order) != FS_V1_NO_SLOT)
        return "this change was made before";
    if (query->order.len > 0 && ledger->order_count == ledger->orders_max)
        return "there are more orders than orders_max: raise the option";
    if (slot == FS_V1_NO_SLOT && ledger->sale_count == ledger->sales_max)
        return "there are more sales than sales_max: raise the option";
    fs_v1_apply_changed(ledger, query, slot, record);
    return NULL;
}

const char *fs_v1_ledger_replay(struct fs_v1_ledger *ledger, const struct fs_v1_record *record)
{
    struct fs_v1_query query;
    uint32_t slot;

    query_of(ledger, record, &query);
    slot = fs_v1_ledger_find_sale(ledger, query.product_hash, query.product);
    if (record->sequence != (slot == FS_V1_NO_SLOT ? 0 : ledger->sales[slot].sequence) + 1)
        return "its sequence does not follow the sale's";
    if (record->type == FS_V1_RECORD_CHANGED)
        return replay_changed(ledger, &query, slot, record);
    if (slot == FS_V1_NO_SLOT)
        return "its sale was never created";
    if (record->type == FS_V1_RECORD_SOLD)
        return replay_sold(ledger, &query, slot, record);
    if (record->type == FS_V1_RECORD_CANCELLED)
        return replay_cancelled(ledger, &query, slot, record);
    return "it is of a kind that has no place there";
}

/* Adds up the orders of one sale's epoch, for each of its buyers too. */
static void add_up(struct fs_v1_ledger *ledger, uint32_t slot, struct fs_v1_audit *audit)
{
    const struct fs_v1_sale *sale = &ledger->sales[slot];

    for (uint32_t i = 0; i < ledger->buyer_count; i++)
        ledger->buyers[i].units_found = 0;
    for (uint32_t i = 0; i < ledger->order_count; i++) {
        const struct fs_v1_order *order = &ledger->orders[i];

        if (order->sale != slot || order->epoch != sale->epoch ||
            order->entry == FS_V1_ENTRY_CHANGE)
            continue;
        if (order->entry == FS_V1_ENTRY_CANCELLED) {
            audit->orders_cancelled++;
            continue;
        }
        audit->orders_sold++;
        audit->sold_by_orders += order->units;
        ledger->buyers[order->buyer].units_found += order->units;
    }
    for (uint32_t i = 0; i < ledger->buyer_count; i++) {
        const struct fs_v1_buyer *buyer = &ledger->buyers[i];
        int64_t units = buyer->epoch == sale->epoch ? buyer->units : 0;

        if (buyer->sale == slot)
            audit->buyers_difference += units > buyer->units_found ? units - buyer->units_found
                                                                   : buyer->units_found - units;
    }
}

bool fs_v1_ledger_audit(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                        struct fs_v1_audit *audit)
{
    uint32_t slot = fs_v1_ledger_find_sale(ledger, query->product_hash, query->product);

    if (slot == FS_V1_NO_SLOT)
        return false;
    *audit = (struct fs_v1_audit){0};
    fs_v1_sale_tell(&ledger->sales[slot], query->now_ms, &audit->sale);
    add_up(ledger, slot, audit);
    return true;
}

/* One walk for all sales: a walk for each would take minutes with a thousand of them. */
static const char *compare_sales(const struct fs_v1_ledger *ledger, const int64_t *sold)
{
    for (uint32_t i = 0; i < ledger->sale_count; i++) {
        const struct fs_v1_sale *sale = &ledger->sales[i];

        if (sold[i] != sale->units_sold)
            return "a sale's units sold differ from its orders";
        if (sale->units_left < 0 || sale->units_sold < 0 ||
            sale->units_initial + sale->units_restocked != sale->units_left + sale->units_sold)
            return "a sale's units do not add up";
    }
    return NULL;
}

const char *fs_v1_ledger_check(struct fs_v1_ledger *ledger)
{
    size_t bytes = ledger->sales_max * sizeof(int64_t);
    int64_t *sold = fs_v1_reserve(bytes);
    const char *problem;

    if (!sold)
        return "there is no memory to recompute the counters";
    for (uint32_t i = 0; i < ledger->buyer_count; i++)
        ledger->buyers[i].units_found = 0;
    for (uint32_t i = 0; i < ledger->order_count; i++) {
        const struct fs_v1_order *order = &ledger->orders[i];

        if (order->entry != FS_V1_ENTRY_SOLD || order->epoch != ledger->sales[order->sale].epoch)
            continue;
        sold[order->sale] += order->units;
        ledger->buyers[order->buyer].units_found += order->units;
    }
    problem = compare_sales(ledger, sold);
    for (uint32_t i = 0; i < ledger->buyer_count && !problem; i++) {
        const struct fs_v1_buyer *buyer = &ledger->buyers[i];
        bool current = buyer->epoch == ledger->sales[buyer->sale].epoch;

        if ((current ? buyer->units : 0) != buyer->units_found)
            problem = "a buyer's units differ from their orders";
    }
    fs_v1_release(sold, bytes);
    return problem;
}
