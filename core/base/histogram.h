/* Counts of durations in fixed buckets, as Prometheus wants them.  One thread records, any reads. */
#ifndef FS_BASE_HISTOGRAM_H
#define FS_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"

#define FS_HISTOGRAM_BUCKETS_MAX 24

struct fs_histogram {
    const uint64_t *bounds; /* borrowed, constant: upper bounds, included, rising */
    size_t bound_count;
    struct fs_counter buckets[FS_HISTOGRAM_BUCKETS_MAX + 1]; /* the last: above every bound */
    struct fs_counter sum;
};

/* bounds: at most FS_HISTOGRAM_BUCKETS_MAX, borrowed for ever.  [main] */
void fs_histogram_init(struct fs_histogram *histogram, const uint64_t *bounds, size_t bound_count);

/* value: in the unit of the bounds.  [loop] */
void fs_histogram_record(struct fs_histogram *histogram, uint64_t value);

/* Adds what from counted to into; both have the same bounds.  [any], into the caller's own */
void fs_histogram_merge(struct fs_histogram *into, const struct fs_histogram *from);

#endif
