/* Takes the answer of decide.lua apart.  Everything is checked: whoever answers may have another
 * script in mind. */
#include "decision.h"

#include "ledger.h"
#include "record.h"

static bool has_record(char letter)
{
    return letter >= 'a' && letter <= 'z';
}

/* False: there is no such letter. */
static bool read_code(char letter, int64_t *code)
{
    switch (letter) {
    case 'D':
    case 'd':
        *code = FS_DONE;
        return true;
    case 'r':
        *code = FS_DONE + FS_LEDGER_REPLAYED;
        return true;
    case 'S':
        *code = FS_SOLD_OUT;
        return true;
    case 'L':
        *code = FS_LIMIT_REACHED;
        return true;
    case 'M':
        *code = FS_TOO_MANY;
        return true;
    case 'U':
        *code = FS_UNKNOWN;
        return true;
    case 'K':
        *code = FS_KEY_REUSED;
        return true;
    case 'n':
        *code = FS_NOT_CANCELLABLE;
        return true;
    case FS_LEDGER_LETTER_FROZEN:
        *code = FS_LEDGER_FROZEN;
        return true;
    case 'T':
        *code = FS_LEDGER_LATE;
        return true;
    default:
        *code = FS_LEDGER_STATE + (letter - '0');
        return letter >= '0' + FS_SALE_OPEN && letter <= '0' + FS_SALE_NOT_OPEN;
    }
}

bool fs_ledger_reply_is_whole(const struct fs_reply *reply, uint32_t count)
{
    struct fs_text codes;
    size_t record_count = 0;

    if (reply->kind != FS_REPLY_LIST || reply->item_count < FS_LEDGER_REPLY_RECORDS)
        return false;
    for (size_t i = 0; i < reply->item_count; i++)
        if (reply->items[i].kind != (i < FS_LEDGER_REPLY_CODES ? FS_REPLY_INTEGER : FS_REPLY_TEXT))
            return false;
    codes = reply->items[FS_LEDGER_REPLY_CODES].text;
    for (size_t i = 0; i < codes.len; i++)
        record_count += has_record(codes.data[i]);
    return codes.len == count && reply->item_count == FS_LEDGER_REPLY_RECORDS + record_count;
}

/* What the record of a cancel, of a dry run or of a replay says of the op. */
static bool apply_record(const struct fs_ledger_op *op, struct fs_ledger_decision *decision,
                         int64_t *sequence, int64_t *units_left)
{
    struct fs_order_info info;
    uint64_t cancel_sequence;

    if (!fs_ledger_read_order(decision->record, &info, &cancel_sequence))
        return decision->code !=
               FS_DONE; /* of others it may be anything that stands in the store */
    if (decision->code == FS_DONE) {
        *sequence += 1;
        *units_left += op->units > 0 ? -(int64_t)info.units : (int64_t)info.units;
        decision->sequence = *sequence;
        decision->units_left = *units_left;
    } else if (decision->code == FS_DONE + FS_LEDGER_REPLAYED && op->units > 0) {
        decision->sequence = (int64_t)info.sequence;
        decision->units_left = info.units_left;
    } else {
        decision->sequence = (int64_t)(cancel_sequence > 0 ? cancel_sequence : info.sequence);
    }
    return true;
}

bool fs_ledger_reply_read(const struct fs_reply *reply, const struct fs_ledger_op *first,
                          struct fs_ledger_decision *decisions)
{
    const char *letter = reply->items[FS_LEDGER_REPLY_CODES].text.data;
    const struct fs_reply *record = reply->items + FS_LEDGER_REPLY_RECORDS;
    int64_t sequence = reply->items[FS_LEDGER_REPLY_SEQUENCE].integer;
    int64_t units_left = reply->items[FS_LEDGER_REPLY_LEFT].integer;

    for (const struct fs_ledger_op *op = first; op; op = op->next, letter++, decisions++) {
        if (!read_code(*letter, &decisions->code))
            return false;
        decisions->record = has_record(*letter) ? record++->text : (struct fs_text){NULL, 0};
        if (*letter == 'D') {
            sequence++;
            units_left -= op->units;
        }
        decisions->sequence = sequence;
        decisions->units_left = units_left;
        if (has_record(*letter) && !apply_record(op, decisions, &sequence, &units_left))
            return false;
    }
    return true;
}
