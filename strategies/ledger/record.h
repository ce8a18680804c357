/* Reads what the scripts answer: sales and order records. */
#ifndef FS_LEDGER_RECORD_H
#define FS_LEDGER_RECORD_H

#include <flashsale/strategy.h>

#include "limits.h"

struct fs_ledger_sale {
    struct fs_sale_info info; /* without its product */
    bool is_frozen;       /* it does not sell: told as FS_SALE_FROZEN, or as FS_SALE_PAUSED while
                             it is being moved */
    int64_t now_ms;       /* the store's clock when it was read */
    int64_t frozen_at_ms; /* 0: not known */
    uint8_t reason_len;   /* why it is frozen */
    char reason[FS_LEDGER_REASON_LEN_MAX];
};

/* How many items sale.lua gives. */
#define FS_LEDGER_SALE_ITEMS 13u

/* The items of sale.lua.  False: they are not what they should be; *sale is then undefined. */
bool fs_ledger_read_sale(const struct fs_reply *items, size_t count, struct fs_ledger_sale *sale);

/* A sale of which nothing is known but that the store has lost it. */
struct fs_sale_info fs_ledger_lost_sale(struct fs_text product);

/* An order record, see decide.lua.  buyer points into record; product and order are left empty.
 * False: it is no record. */
bool fs_ledger_read_order(struct fs_text record, struct fs_order_info *order,
                          uint64_t *cancel_sequence);

#endif
