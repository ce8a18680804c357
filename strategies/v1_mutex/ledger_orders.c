/* Orders: selling, cancelling, looking up.  All checks come before the first write. */
#include "ledger.h"

#include <assert.h>
#include <string.h>

static void tell_order(const struct fs_v1_ledger *ledger, const struct fs_v1_order *order,
                       struct fs_order_info *info)
{
    const struct fs_v1_sale *sale = &ledger->sales[order->sale];
    const struct fs_v1_buyer *buyer = &ledger->buyers[order->buyer];

    *info = (struct fs_order_info){
        .product = {sale->product, sale->product_len},
        .buyer = {buyer->name, buyer->name_len},
        .order = {order->name, order->name_len},
        .units = order->units,
        .status = order->entry == FS_V1_ENTRY_SOLD ? FS_ORDER_SOLD : FS_ORDER_CANCELLED,
        .epoch = order->epoch,
        .sequence = order->sequence,
        .units_left = order->units_left,
        .sold_at_ms = order->made_at_ms,
        .cancelled_at_ms = order->cancelled_at_ms,
    };
}

static bool is_of(const struct fs_v1_ledger *ledger, const struct fs_v1_order *order,
                  const struct fs_v1_query *query)
{
    const struct fs_v1_sale *sale = &ledger->sales[order->sale];
    const struct fs_v1_buyer *buyer = &ledger->buyers[order->buyer];

    return sale->product_len == query->product.len && buyer->name_len == query->buyer.len &&
           memcmp(sale->product, query->product.data, query->product.len) == 0 &&
           memcmp(buyer->name, query->buyer.data, query->buyer.len) == 0;
}

/* The order that the query names, FS_V1_NO_SLOT when it is unknown or another's. */
static uint32_t find_own_order(const struct fs_v1_ledger *ledger, const struct fs_v1_query *query)
{
    uint32_t slot = fs_v1_ledger_find_order(ledger, query->order_hash, false, query->order);

    if (slot == FS_V1_NO_SLOT || !is_of(ledger, &ledger->orders[slot], query))
        return FS_V1_NO_SLOT;
    return slot;
}

static void begin_record(struct fs_v1_record *record, enum fs_v1_record_type type,
                         const struct fs_v1_sale *sale, const struct fs_v1_query *query,
                         uint64_t position)
{
    *record = (struct fs_v1_record){
        .position = position,
        .sequence = sale->sequence + 1,
        .epoch = sale->epoch,
        .time_ms = query->now_ms,
        .type = (uint8_t)type,
        .product_len = (uint8_t)query->product.len,
        .buyer_len = (uint8_t)query->buyer.len,
        .order_len = (uint8_t)query->order.len,
    };
    memcpy(record->product, query->product.data, query->product.len);
    memcpy(record->buyer, query->buyer.data, query->buyer.len);
    memcpy(record->order, query->order.data, query->order.len);
}

void fs_v1_apply_sold(struct fs_v1_ledger *ledger, const struct fs_v1_query *query, uint32_t sale,
                      uint32_t buyer, const struct fs_v1_record *record)
{
    struct fs_v1_sale *seller = &ledger->sales[sale];
    struct fs_v1_order *order;
    struct fs_v1_buyer *taker;

    if (buyer == FS_V1_NO_SLOT)
        buyer = fs_v1_ledger_add_buyer(ledger, query->buyer_hash, sale, query->buyer);
    taker = &ledger->buyers[buyer];
    if (taker->epoch != seller->epoch) {
        taker->epoch = seller->epoch; /* a new epoch, a new share */
        taker->units = 0;
    }
    taker->units += record->units;
    order = &ledger->orders[fs_v1_ledger_add_order(ledger, query->order_hash, query->order)];
    order->position = record->position;
    order->epoch = record->epoch;
    order->sequence = record->sequence;
    order->units_left = record->units_left;
    order->made_at_ms = record->time_ms;
    order->units = record->units;
    order->buyer = buyer;
    order->sale = (uint16_t)sale;
    order->entry = FS_V1_ENTRY_SOLD;
    seller->units_left -= record->units;
    seller->units_sold += record->units;
    seller->sequence = record->sequence;
    seller->position = record->position;
    assert(seller->units_left == record->units_left && seller->units_left >= 0);
}

void fs_v1_apply_cancelled(struct fs_v1_ledger *ledger, struct fs_v1_order *order,
                           const struct fs_v1_record *record)
{
    struct fs_v1_sale *sale = &ledger->sales[order->sale];
    struct fs_v1_buyer *buyer = &ledger->buyers[order->buyer];

    order->entry = FS_V1_ENTRY_CANCELLED;
    order->cancelled_at_ms = record->time_ms;
    order->cancel_sequence = record->sequence;
    order->position = record->position;
    buyer->units -= order->units;
    sale->units_left += order->units;
    sale->units_sold -= order->units;
    sale->sequence = record->sequence;
    sale->position = record->position;
    assert(buyer->epoch == sale->epoch && buyer->units >= 0 && sale->units_sold >= 0);
}

/* The first decision again, or the sentence that this order is spent on something else. */
static void replay_purchase(const struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                            const struct fs_v1_order *order, struct fs_v1_decision *decision)
{
    decision->position = order->position;
    if (!is_of(ledger, order, query) || order->units != query->units) {
        decision->outcome = (struct fs_outcome){.verdict = FS_KEY_REUSED, .units_left = -1};
        return;
    }
    tell_order(ledger, order, &decision->order);
    decision->outcome = (struct fs_outcome){
        .verdict = FS_DONE,
        .replayed = true,
        .units_left = order->units_left,
        .epoch = order->epoch,
        .sequence = order->sequence,
    };
}

static int64_t units_had(const struct fs_v1_ledger *ledger, uint32_t buyer, uint64_t epoch)
{
    if (buyer == FS_V1_NO_SLOT || ledger->buyers[buyer].epoch != epoch)
        return 0;
    return ledger->buyers[buyer].units;
}

/* Why this purchase may not be; FS_DONE: it may. */
static enum fs_verdict judge(const struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                             const struct fs_sale_info *sale, uint32_t buyer)
{
    int64_t units = query->units;

    if (sale->state != FS_SALE_OPEN)
        return FS_CLOSED;
    if (sale->units_per_order_max > 0 && units > sale->units_per_order_max)
        return FS_TOO_MANY;
    if (sale->units_per_buyer_max > 0 &&
        units_had(ledger, buyer, sale->epoch) + units > sale->units_per_buyer_max)
        return FS_LIMIT_REACHED;
    return units > sale->units_left ? FS_SOLD_OUT : FS_DONE;
}

void fs_v1_ledger_purchase(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                           const struct fs_v1_room *room, struct fs_v1_decision *decision)
{
    struct fs_outcome *outcome = &decision->outcome;
    struct fs_sale_info info;
    uint32_t slot = fs_v1_ledger_find_order(ledger, query->order_hash, false, query->order);
    uint32_t sale, buyer;

    if (slot != FS_V1_NO_SLOT) {
        replay_purchase(ledger, query, &ledger->orders[slot], decision);
        return;
    }
    sale = fs_v1_ledger_find_sale(ledger, query->product_hash, query->product);
    if (sale == FS_V1_NO_SLOT) {
        *outcome = (struct fs_outcome){.verdict = FS_UNKNOWN, .units_left = -1};
        return;
    }
    buyer = fs_v1_ledger_find_buyer(ledger, query->buyer_hash, sale, query->buyer);
    fs_v1_sale_tell(&ledger->sales[sale], query->now_ms, &info);
    *outcome = (struct fs_outcome){
        .verdict = judge(ledger, query, &info, buyer),
        .units_left = info.units_left,
        .epoch = info.epoch,
        .sequence = info.sequence,
    };
    if (outcome->verdict == FS_CLOSED)
        outcome->state = info.state;
    if (outcome->verdict != FS_DONE) {
        decision->position = ledger->sales[sale].position;
        return;
    }
    if (ledger->order_count == ledger->orders_max) {
        outcome->verdict = FS_UNAVAILABLE;
        decision->trouble = FS_V1_ORDERS_FULL;
        return;
    }
    if (!room->record) {
        outcome->verdict = FS_BUSY;
        return;
    }
    begin_record(room->record, FS_V1_RECORD_SOLD, &ledger->sales[sale], query, room->position);
    room->record->units = query->units;
    room->record->units_left = info.units_left - query->units;
    fs_v1_apply_sold(ledger, query, sale, buyer, room->record);
    outcome->units_left = room->record->units_left;
    outcome->sequence = room->record->sequence;
    decision->wrote = true;
    decision->position = room->position;
}

void fs_v1_ledger_cancel(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                         const struct fs_v1_room *room, struct fs_v1_decision *decision)
{
    uint32_t slot = find_own_order(ledger, query);
    struct fs_outcome *outcome = &decision->outcome;
    struct fs_v1_order *order;
    struct fs_v1_sale *sale;

    *outcome = (struct fs_outcome){.verdict = FS_UNKNOWN, .units_left = -1};
    if (slot == FS_V1_NO_SLOT)
        return;
    order = &ledger->orders[slot];
    sale = &ledger->sales[order->sale];
    outcome->epoch = order->epoch;
    outcome->sequence = order->sequence;
    if (order->entry == FS_V1_ENTRY_CANCELLED) {
        outcome->verdict = FS_DONE;
        outcome->replayed = true;
        outcome->sequence = order->cancel_sequence;
    } else if (order->epoch != sale->epoch) {
        outcome->verdict = FS_NOT_CANCELLABLE;
    } else if (!room->record) {
        outcome->verdict = FS_BUSY;
        return;
    } else {
        begin_record(room->record, FS_V1_RECORD_CANCELLED, sale, query, room->position);
        room->record->units = order->units;
        room->record->units_left = sale->units_left + order->units;
        fs_v1_apply_cancelled(ledger, order, room->record);
        outcome->verdict = FS_DONE;
        outcome->units_left = sale->units_left;
        outcome->sequence = sale->sequence;
        decision->wrote = true;
    }
    decision->position = outcome->verdict == FS_NOT_CANCELLABLE ? sale->position : order->position;
    tell_order(ledger, order, &decision->order);
}

void fs_v1_ledger_lookup(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                         struct fs_v1_decision *decision)
{
    uint32_t slot = find_own_order(ledger, query);
    const struct fs_v1_order *order;

    decision->outcome = (struct fs_outcome){.verdict = FS_UNKNOWN, .units_left = -1};
    if (slot == FS_V1_NO_SLOT)
        return;
    order = &ledger->orders[slot];
    tell_order(ledger, order, &decision->order);
    decision->position = order->position;
    decision->outcome = (struct fs_outcome){
        .verdict = FS_DONE,
        .units_left = order->units_left,
        .epoch = order->epoch,
        .sequence = order->sequence,
    };
}
