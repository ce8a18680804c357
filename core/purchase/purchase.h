/* The rules of a purchase that hold before any strategy is asked, and the names of orders. */
#ifndef FS_PURCHASE_PURCHASE_H
#define FS_PURCHASE_PURCHASE_H

#include <stdbool.h>

#include "base/text.h"
#include "metrics/metrics.h"

/* An order id as clients see it: order name (26 characters) and product tag (6), base32. */
#define FS_ORDER_NAME_LEN 26u
#define FS_ORDER_ID_LEN 32u

struct fs_order_id {
    char text[FS_ORDER_ID_LEN]; /* not NUL-terminated; [a-z2-7] */
};

/* Makes order names; one for each loop.  Holds random bytes for the next names, so that not every
 * one takes a system call; nothing is allocated per purchase. */
struct fs_order_namer;

int fs_order_namer_create(struct fs_order_namer **namer); /* 0, -ENOMEM.  [main] */
void fs_order_namer_destroy(struct fs_order_namer *namer);

/* With a key: SHA-256 over buyer and key, cut to 128 bits, so the same buyer and key always name the
 * same order, on every server, whatever the product.  Without (len 0): 128 random bits.  The product
 * tag is 30 bits of a hash of the product: it finds the product of an order id in a list of products,
 * and is not a name.  Returns 0, or -EIO when the random source fails.  [loop] */
int fs_order_name(struct fs_order_namer *namer, struct fs_text buyer, struct fs_text key,
                  struct fs_text product, struct fs_order_id *id);

/* The end of the window of a sale that was deleted: no operator can ask for it, and every strategy keeps
 * it.  Its orders stay; a reset makes it a sale again, in a later epoch. */
#define FS_SALE_DELETED_MS 1

static inline bool fs_sale_is_deleted(const struct fs_sale_info *sale)
{
    return sale->closes_at_ms == FS_SALE_DELETED_MS;
}

/* The part of the id that the strategy is given. */
static inline struct fs_text fs_order_id_name(const struct fs_order_id *id)
{
    return (struct fs_text){id->text, FS_ORDER_NAME_LEN};
}

bool fs_order_id_is_valid(struct fs_text text);

/* Whether product can be the one that id was made for.  [any] */
bool fs_order_id_matches(struct fs_text id, struct fs_text product);

/* The result label of a verdict of purchase().  [any] */
enum fs_purchase_result fs_purchase_result_of(const struct fs_outcome *outcome);

#endif
