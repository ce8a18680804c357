/* Changes to sales: creating, restocking, pausing, a new epoch. */
#include "ledger.h"

#include <assert.h>
#include <string.h>

#include "limits.h"

/* A sale with nothing asked for: open, no limits, no window. */
static const struct fs_v1_sale new_sale = {.state = FS_SALE_OPEN};

/* What a change asks for, so that the same name for something else is noticed.  The key is fixed,
 * since the digest outlives the process; nobody gains by a collision with themselves. */
static uint64_t digest_of(struct fs_text product, const struct fs_v1_terms *terms)
{
    static const struct fs_v1_hash_key fixed = {0, 0};
    uint64_t parts[2] = {fs_v1_hash(&fixed, product.data, product.len), 0};
    const uint64_t values[8] = {
        (uint64_t)terms->units_reset,
        (uint64_t)terms->units_add,
        (uint64_t)terms->units_per_buyer_max,
        (uint64_t)terms->units_per_order_max,
        (uint64_t)terms->opens_at_ms,
        (uint64_t)terms->closes_at_ms,
        (uint64_t)terms->state,
        (uint64_t)terms->kind,
    };

    for (unsigned i = 0; i < 8; i++) {
        parts[1] = values[i];
        parts[0] = fs_v1_hash(&fixed, parts, sizeof(parts));
    }
    return parts[0];
}

static bool is_new_epoch(const struct fs_v1_terms *terms)
{
    return terms->kind != FS_CHANGE_UPDATE;
}

int64_t fs_v1_units_after(const struct fs_v1_sale *sale, const struct fs_v1_terms *terms)
{
    int64_t added = terms->units_add;
    int64_t units = terms->units_reset > 0 ? terms->units_reset : 0;

    if (units > FS_V1_UNITS_MAX || added > FS_V1_UNITS_MAX)
        return -1;
    if (is_new_epoch(terms))
        return units;
    /* What was ever in the sale is bounded, and with it every counter. */
    if (sale->units_initial + sale->units_restocked + added > FS_V1_UNITS_MAX)
        return -1;
    return added < -sale->units_left ? FS_V1_UNITS_NOT_LEFT : sale->units_left + added;
}

static void set(int64_t *value, int64_t asked)
{
    if (asked >= 0)
        *value = asked;
}

void fs_v1_apply_changed(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                         uint32_t slot, const struct fs_v1_record *record)
{
    const struct fs_v1_terms *terms = &record->terms;
    struct fs_v1_sale *sale;
    struct fs_v1_order *order;

    if (slot == FS_V1_NO_SLOT) {
        slot = fs_v1_ledger_add_sale(ledger, query->product_hash, query->product);
        ledger->sales[slot].state = new_sale.state;
    }
    sale = &ledger->sales[slot];
    if (is_new_epoch(terms)) {
        sale->units_initial = record->units_left;
        sale->units_restocked = 0;
        sale->units_sold = 0;
    } else {
        sale->units_restocked += record->units_left - sale->units_left;
    }
    sale->units_left = record->units_left;
    sale->epoch = record->epoch;
    sale->sequence = record->sequence;
    sale->position = record->position;
    set(&sale->units_per_buyer_max, terms->units_per_buyer_max);
    set(&sale->units_per_order_max, terms->units_per_order_max);
    set(&sale->opens_at_ms, terms->opens_at_ms);
    set(&sale->closes_at_ms, terms->closes_at_ms);
    if (terms->state >= 0)
        sale->state = (enum fs_sale_state)terms->state;
    assert(sale->units_initial + sale->units_restocked == sale->units_left + sale->units_sold);
    if (query->order.len == 0)
        return;
    order = &ledger->orders[fs_v1_ledger_add_order(ledger, query->order_hash, query->order)];
    order->position = record->position;
    order->epoch = record->epoch;
    order->sequence = record->sequence;
    order->units_left = record->units_left;
    order->made_at_ms = record->time_ms;
    order->digest = digest_of(query->product, terms);
    order->buyer = FS_V1_NO_SLOT;
    order->sale = (uint16_t)slot;
    order->entry = FS_V1_ENTRY_CHANGE;
}

/* This change was made before: say so, and tell of the sale as it is now. */
static void replay_change(const struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                          const struct fs_v1_terms *terms, const struct fs_v1_order *made,
                          struct fs_v1_decision *decision)
{
    const struct fs_v1_sale *sale = &ledger->sales[made->sale];

    decision->position = made->position;
    if (made->digest != digest_of(query->product, terms)) {
        decision->outcome = (struct fs_outcome){.verdict = FS_KEY_REUSED, .units_left = -1};
        return;
    }
    decision->position = sale->position; /* made->position or behind it: it tells of the sale */
    fs_v1_sale_tell(sale, query->now_ms, &decision->sale);
    decision->outcome = (struct fs_outcome){
        .verdict = FS_DONE,
        .replayed = true,
        .units_left = made->units_left,
        .epoch = made->epoch,
        .sequence = made->sequence,
    };
}

static void terms_of(const struct fs_sale_change *change, struct fs_v1_terms *terms)
{
    *terms = (struct fs_v1_terms){
        .units_reset = change->units_reset,
        .units_add = change->units_add,
        .units_per_buyer_max = change->units_per_buyer_max,
        .units_per_order_max = change->units_per_order_max,
        .opens_at_ms = change->opens_at_ms,
        .closes_at_ms = change->closes_at_ms,
        .state = change->state > 0 ? change->state : -1,
        .kind = (int32_t)change->kind,
    };
}

/* Whether there is room for what the change adds, and a number for its units. */
static enum fs_v1_trouble trouble_of(const struct fs_v1_ledger *ledger,
                                     const struct fs_v1_query *query, uint32_t slot,
                                     int64_t units_left)
{
    if (slot == FS_V1_NO_SLOT && ledger->sale_count == ledger->sales_max)
        return FS_V1_SALES_FULL;
    if (query->order.len > 0 && ledger->order_count == ledger->orders_max)
        return FS_V1_ORDERS_FULL;
    return units_left < 0 ? FS_V1_UNITS_TOO_MANY : FS_V1_NO_TROUBLE;
}

static void write_change(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                         const struct fs_v1_terms *terms, uint32_t slot, int64_t units_left,
                         const struct fs_v1_room *room)
{
    const struct fs_v1_sale *sale = slot == FS_V1_NO_SLOT ? &new_sale : &ledger->sales[slot];
    struct fs_v1_record *record = room->record;

    *record = (struct fs_v1_record){
        .position = room->position,
        .sequence = sale->sequence + 1,
        .epoch = sale->epoch + (is_new_epoch(terms) ? 1 : 0),
        .time_ms = query->now_ms,
        .units_left = units_left,
        .type = FS_V1_RECORD_CHANGED,
        .product_len = (uint8_t)query->product.len,
        .order_len = (uint8_t)query->order.len,
    };
    memcpy(record->product, query->product.data, query->product.len);
    if (query->order.len > 0)
        memcpy(record->order, query->order.data, query->order.len);
    record->terms = *terms;
    fs_v1_apply_changed(ledger, query, slot, record);
}

void fs_v1_ledger_change(struct fs_v1_ledger *ledger, const struct fs_v1_query *query,
                         const struct fs_sale_change *change, const struct fs_v1_room *room,
                         struct fs_v1_decision *decision)
{
    struct fs_outcome *outcome = &decision->outcome;
    struct fs_v1_terms terms;
    int64_t units_left;
    uint32_t slot;

    assert(change->kind >= FS_CHANGE_CREATE && change->kind <= FS_CHANGE_UPDATE &&
           change->state <= FS_SALE_CLOSED);
    terms_of(change, &terms);
    if (query->order.len > 0) {
        slot = fs_v1_ledger_find_order(ledger, query->order_hash, true, query->order);
        if (slot != FS_V1_NO_SLOT) {
            replay_change(ledger, query, &terms, &ledger->orders[slot], decision);
            return;
        }
    }
    *outcome = (struct fs_outcome){.units_left = -1};
    slot = fs_v1_ledger_find_sale(ledger, query->product_hash, query->product);
    if (slot == FS_V1_NO_SLOT && change->kind == FS_CHANGE_UPDATE) {
        outcome->verdict = FS_UNKNOWN;
        return;
    }
    if (slot != FS_V1_NO_SLOT && change->kind == FS_CHANGE_CREATE) {
        outcome->verdict = FS_EXISTS;
        decision->position = ledger->sales[slot].position;
        return;
    }
    units_left =
        fs_v1_units_after(slot == FS_V1_NO_SLOT ? &new_sale : &ledger->sales[slot], &terms);
    if (units_left == FS_V1_UNITS_NOT_LEFT) {
        outcome->verdict = FS_SOLD_OUT;
        decision->position = ledger->sales[slot].position;
        return;
    }
    decision->trouble = trouble_of(ledger, query, slot, units_left);
    if (decision->trouble != FS_V1_NO_TROUBLE || !room->record) {
        outcome->verdict = decision->trouble == FS_V1_SALES_FULL   ? FS_TOO_MANY
                           : decision->trouble != FS_V1_NO_TROUBLE ? FS_UNAVAILABLE
                                                                   : FS_BUSY;
        if (outcome->verdict == FS_TOO_MANY) /* rests on the newest sale being there */
            decision->position = ledger->sales[ledger->sale_count - 1].position;
        return;
    }
    write_change(ledger, query, &terms, slot, units_left, room);
    slot = fs_v1_ledger_find_sale(ledger, query->product_hash, query->product);
    fs_v1_sale_tell(&ledger->sales[slot], query->now_ms, &decision->sale);
    *outcome = (struct fs_outcome){
        .verdict = FS_DONE,
        .units_left = decision->sale.units_left,
        .epoch = decision->sale.epoch,
        .sequence = decision->sale.sequence,
    };
    decision->wrote = true;
    decision->position = room->position;
}
