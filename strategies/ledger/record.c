/* Takes apart what decide.lua writes and sale.lua reads.  Everything is checked: what stands in the
 * store may have been put there by anyone. */
#include "record.h"

#include "limits.h"
#include "text.h"

/* Where in the list of sale.lua. */
enum {
    EPOCH,
    SEQ,
    STATE,
    INITIAL,
    RESTOCKED,
    LEFT,
    SOLD,
    PER_BUYER,
    PER_ORDER,
    OPENS,
    CLOSES,
    FROZEN,
    NOW
};

static enum fs_sale_state state_at(const struct fs_sale_info *info, int64_t now_ms)
{
    if (info->state != FS_SALE_OPEN)
        return info->state;
    if (info->opens_at_ms > now_ms)
        return FS_SALE_NOT_OPEN;
    if (info->closes_at_ms != 0 && info->closes_at_ms <= now_ms)
        return FS_SALE_CLOSED;
    return FS_SALE_OPEN;
}

/* "moved|number" and "building|number": a move, which ends by itself, and no trouble. */
static bool is_of_move(struct fs_text mark)
{
    static const char *const words[] = {"moved|", "building|"};
    int64_t number;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i]);

        if (mark.len > len && memcmp(mark.data, words[i], len) == 0)
            return fs_ledger_read_number((struct fs_text){mark.data + len, mark.len - len},
                                         &number) &&
                   number > 0;
    }
    return false;
}

/* "why@Unix ms", or "why" alone as older versions wrote it. */
static void read_reason(struct fs_ledger_sale *sale, struct fs_text mark)
{
    const struct fs_text behind = FS_LEDGER_TEXT("behind");
    const char *at = memrchr(mark.data, '@', mark.len);

    sale->frozen_at_ms = 0;
    if (at &&
        fs_ledger_read_number((struct fs_text){at + 1, (size_t)(mark.data + mark.len - at) - 1},
                              &sale->frozen_at_ms))
        mark.len = (size_t)(at - mark.data);
    if (fs_ledger_same(mark, behind))
        mark = FS_LEDGER_TEXT("the store has lost orders or changes that were acknowledged");
    sale->reason_len = (uint8_t)(mark.len < sizeof(sale->reason) ? mark.len : sizeof(sale->reason));
    memcpy(sale->reason, mark.data, sale->reason_len);
}

static enum fs_sale_state frozen_state(const struct fs_ledger_sale *sale, struct fs_text mark)
{
    if (!is_of_move(mark))
        return FS_SALE_FROZEN;
    return sale->info.state == FS_SALE_OPEN ? FS_SALE_PAUSED : state_at(&sale->info, sale->now_ms);
}

bool fs_ledger_read_sale(const struct fs_reply *items, size_t count, struct fs_ledger_sale *sale)
{
    int64_t numbers[NOW + 1] = {0};

    if (count < FS_LEDGER_SALE_ITEMS || items[FROZEN].kind != FS_REPLY_TEXT)
        return false;
    for (unsigned i = 0; i <= NOW; i++)
        if (i != FROZEN && (!fs_ledger_read_integer(&items[i], &numbers[i]) ||
                            numbers[i] < (i == RESTOCKED ? -FS_LEDGER_STORED_MAX : 0) ||
                            numbers[i] > FS_LEDGER_STORED_MAX))
            return false; /* fewer than were there at first: units were taken out */
    if (numbers[STATE] < FS_SALE_OPEN || numbers[STATE] > FS_SALE_CLOSED)
        return false;
    sale->now_ms = numbers[NOW];
    sale->is_frozen = items[FROZEN].text.len > 0;
    sale->info = (struct fs_sale_info){
        .state = (enum fs_sale_state)numbers[STATE],
        .epoch = (uint64_t)numbers[EPOCH],
        .sequence = (uint64_t)numbers[SEQ],
        .units_initial = numbers[INITIAL],
        .units_restocked = numbers[RESTOCKED],
        .units_left = numbers[LEFT],
        .units_sold = numbers[SOLD],
        .units_per_buyer_max = numbers[PER_BUYER],
        .units_per_order_max = numbers[PER_ORDER],
        .opens_at_ms = numbers[OPENS],
        .closes_at_ms = numbers[CLOSES],
    };
    sale->reason_len = 0;
    sale->frozen_at_ms = 0;
    if (sale->is_frozen)
        read_reason(sale, items[FROZEN].text);
    sale->info.state = sale->is_frozen ? frozen_state(sale, items[FROZEN].text)
                                       : state_at(&sale->info, sale->now_ms);
    return true;
}

struct fs_sale_info fs_ledger_lost_sale(struct fs_text product)
{
    return (struct fs_sale_info){.product = product,
                                 .state = FS_SALE_LOST,
                                 .units_initial = -1,
                                 .units_restocked = -1,
                                 .units_left = -1,
                                 .units_sold = -1,
                                 .units_in_transit = -1,
                                 .units_per_buyer_max = -1,
                                 .units_per_order_max = -1};
}

/* Takes the part before the next "|" off rest. */
static bool take_part(struct fs_text *rest, struct fs_text *part)
{
    const char *bar = rest->len > 0 ? memchr(rest->data, '|', rest->len) : NULL;

    if (!bar)
        return false;
    *part = (struct fs_text){rest->data, (size_t)(bar - rest->data)};
    rest->data = bar + 1;
    rest->len -= part->len + 1;
    return true;
}

bool fs_ledger_read_order(struct fs_text record, struct fs_order_info *order,
                          uint64_t *cancel_sequence)
{
    struct fs_text part;
    int64_t numbers[6]; /* units, epoch, sequence, units left, sold, cancelled */
    int64_t cancelled_by = 0;
    bool is_cancelled;

    if (!take_part(&record, &part) || part.len == 0)
        return false;
    is_cancelled = part.data[0] == 'C';
    if (!is_cancelled && (part.data[0] != 'S' || part.len != 1))
        return false;
    part.data++;
    part.len--;
    if (is_cancelled && (!fs_ledger_read_number(part, &cancelled_by) || cancelled_by < 1))
        return false;
    for (unsigned i = 0; i < 6; i++)
        if (!take_part(&record, &part) || !fs_ledger_read_number(part, &numbers[i]) ||
            numbers[i] < 0)
            return false;
    if (numbers[0] < 1 || numbers[0] > UINT32_MAX || record.len > FS_BUYER_LEN_MAX)
        return false;
    *cancel_sequence = (uint64_t)cancelled_by;
    *order = (struct fs_order_info){
        .buyer = record,
        .units = (uint32_t)numbers[0],
        .status = is_cancelled ? FS_ORDER_CANCELLED : FS_ORDER_SOLD,
        .epoch = (uint64_t)numbers[1],
        .sequence = (uint64_t)numbers[2],
        .units_left = numbers[3],
        .sold_at_ms = numbers[4],
        .cancelled_at_ms = numbers[5],
    };
    return true;
}
