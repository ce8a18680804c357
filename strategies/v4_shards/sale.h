/* The sales that a worker knows, each with its shards. */
#ifndef FS_V4_SALE_H
#define FS_V4_SALE_H

#include "v4.h"

/* Finds or makes the sale and its shards; NULL: no memory.  It stays until a turn ends in which
 * nothing needs it and no shard was ever answered for.  [loop] */
struct fs_v4_sale *fs_v4_sale_take(struct fs_v4_worker *worker, struct fs_text name);

/* Retires the sale, whose shards are elsewhere, and puts one of that layout in its place, which has been
 * looked up just now.  What waits here goes there.  False: no memory, nothing is changed.  [loop] */
bool fs_v4_sale_replace(struct fs_v4_sale *sale, uint64_t layout, uint32_t shard_count);

/* The home shard of a buyer. */
struct fs_ledger_product *fs_v4_sale_home(const struct fs_v4_sale *sale, struct fs_text buyer);

/* Marks the sale for this turn's end.  [loop] */
void fs_v4_sale_touch(struct fs_v4_sale *sale);

/* Between these the sale stays.  The second touches it.  [loop] */
void fs_v4_sale_use(struct fs_v4_sale *sale);
void fs_v4_sale_leave(struct fs_v4_sale *sale);

/* The sale of a shard's product. */
struct fs_v4_sale *fs_v4_sale_of(const struct fs_ledger_product *product);

unsigned fs_v4_sale_shard_count(const struct fs_v4_sale *sale);
unsigned fs_v4_sale_shard_of(const struct fs_v4_sale *sale,
                             const struct fs_ledger_product *product); /* one of its */

/* Lets go of the sale if nothing needs it. */
void fs_v4_sale_let_go(struct fs_v4_sale *sale);

/* After the last op.  [main] */
void fs_v4_sales_dispose(struct fs_v4_worker *worker);

#endif
