/* What this process knows of the units of a sale, shard by shard: for `remaining`, which home alone
 * cannot tell, and for the metric.  Nothing is decided by it.
 *
 * All workers share it.  Each answer of a shard is newer or older than another of it, by epoch,
 * sequence and moves; the newest counts.  Units that are being asked of a shard are taken as gone, so
 * that no sale is told units that another one takes at the same time. */
#ifndef FS_V4_STOCK_H
#define FS_V4_STOCK_H

#include "v4.h"

#define FS_V4_REFRESH_US 100000u /* while purchases come, all shards are read as often */
#define FS_V4_TRUST_US 250000u   /* and a purchase waits for a READ when the last is older */
#define FS_V4_LOOK_US 50000u     /* for so long at most */
#define FS_V4_EARLY_US 20000u    /* before the deadline of an op its READ is given up */
#define FS_V4_BLIND_US 2000000u  /* but not again so soon when one has failed */

/* Finds or makes what is known of a sale in one layout; NULL: no memory.  Given back with give().  [any] */
struct fs_v4_stock *fs_v4_stock_take(struct fs_v4 *v4, struct fs_text name, uint64_t layout,
                                     uint32_t shard_count);
void fs_v4_stock_give(struct fs_v4 *v4, struct fs_v4_stock *stock);

/* A shard as it was read, or as a step left it.  [any] */
void fs_v4_stock_note(const struct fs_v4_sale *sale, unsigned shard, struct fs_v4_mark mark,
                      int64_t units_left);

/* A shard as a decision left it, which says nothing of moves.  [any] */
void fs_v4_stock_decided(const struct fs_v4_sale *sale, unsigned shard, uint64_t epoch,
                         uint64_t sequence, int64_t units_left);

/* All shards were asked at begin_us; is_whole: and answered.  [any] */
void fs_v4_stock_looked(const struct fs_v4_sale *sale, uint64_t begin_us, bool is_whole);

/* Units are being asked of a shard, until they are no more.  [any] */
void fs_v4_stock_ask(const struct fs_v4_sale *sale, unsigned shard, int64_t units);
void fs_v4_stock_answer(const struct fs_v4_sale *sale, unsigned shard, int64_t units);

/* Units of the newest epoch that are left on all shards but one, less what is being asked of them.
 * [any] */
struct fs_v4_elsewhere fs_v4_stock_elsewhere(const struct fs_v4_sale *sale, unsigned shard);

/* Too long ago to be told.  [any] */
bool fs_v4_stock_is_stale(const struct fs_v4_sale *sale, uint64_t now_us);

/* True for one of all workers, each time that a READ is due.  [any] */
bool fs_v4_stock_is_due(const struct fs_v4_sale *sale, uint64_t now_us);

#endif
