/* The options of v1:
 *
 *     durability    journal (default) | memory
 *     orders_max    1 to 16777216 (default 1000000): orders and named changes that are remembered
 *     sales_max     1 to 1000 (default 1000)
 *     segment_size  64KiB to 1GiB (default 64MiB): of one file of the journal; B, KiB, MiB, GiB
 *     repair        none (default) | cut-last-batch: see recovery.h */
#ifndef FS_V1_OPTIONS_H
#define FS_V1_OPTIONS_H

#include <flashsale/strategy.h>

struct fs_v1_options {
    bool is_durable;
    bool may_cut_last_batch;
    uint32_t orders_max;
    uint32_t sales_max;
    uint64_t segment_size; /* bytes, a multiple of the record's size */
};

/* Returns 0, or -EINVAL after logging what is wrong and what there is. */
int fs_v1_options_read(const struct fs_host *host, const struct fs_options *given,
                       struct fs_v1_options *options);

#endif
