/* buckets.csv: the run in steps of 10 ms, for runs that a row a second cannot show. */
#ifndef FS_BENCH_BUCKETS_H
#define FS_BENCH_BUCKETS_H

#include "load/load.h"
#include "run/figure.h"

#define FS_BUCKETS_SECONDS_MAX 10u /* longer runs have timeseries.csv alone */

/* Units that an operation took by its response; negative: gave back.  orders: from fs_orders_sort(). */
struct fs_sold_order;
int64_t fs_units_taken(const struct fs_operation *operation, const struct fs_sold_order *orders,
                       size_t order_count);

/* The orders sold, by id, to find how many units a cancel gave back; malloc'd.  NULL: no memory. */
struct fs_sold_order *fs_orders_sort(const struct fs_history *history, size_t *count);

/* Writes <folder>/buckets.csv where the run was short.  Returns 0 or a negative errno. */
int fs_buckets_write(const char *folder, const struct fs_record *record,
                     const struct fs_load_result *load);

#endif
