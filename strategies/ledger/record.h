/* Reads what the scripts answer: sales and order records. */
#ifndef FS_LEDGER_RECORD_H
#define FS_LEDGER_RECORD_H

#include <flashsale/strategy.h>

struct fs_ledger_sale {
    struct fs_sale_info info; /* without its product */
    bool is_frozen;           /* told as FS_SALE_PAUSED: it does not sell */
    int64_t now_ms;           /* the store's clock when it was read */
};

/* How many items sale.lua gives. */
#define FS_LEDGER_SALE_ITEMS 13u

/* The items of sale.lua.  False: they are not what they should be; *sale is then undefined. */
bool fs_ledger_read_sale(const struct fs_reply *items, size_t count, struct fs_ledger_sale *sale);

/* An order record, see decide.lua.  buyer points into record; product and order are left empty.
 * False: it is no record. */
bool fs_ledger_read_order(struct fs_text record, struct fs_order_info *order,
                          uint64_t *cancel_sequence);

#endif
