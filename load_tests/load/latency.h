/* Durations in microseconds with 3 significant digits: a high dynamic range histogram.
 *
 * Source: HdrHistogram's bucketing (sub-buckets of 2048 per power of two), Gil Tene.  One thread records. */
#ifndef FS_BENCH_LATENCY_H
#define FS_BENCH_LATENCY_H

#include <stdint.h>
#include <stdio.h>

#define FS_LATENCY_US_MAX 3600000000ull /* an hour; longer is counted as this */

struct fs_latency {
    uint64_t *counts; /* owned */
    uint64_t total;
    uint64_t min_us, max_us; /* exact; min_us is UINT64_MAX when empty */
    double sum_us;
};

int fs_latency_init(struct fs_latency *latency); /* -ENOMEM */
void fs_latency_dispose(struct fs_latency *latency);
void fs_latency_reset(struct fs_latency *latency);
void fs_latency_record(struct fs_latency *latency, uint64_t us);
void fs_latency_merge(struct fs_latency *into, const struct fs_latency *from);

/* percentile: 0 to 100.  The highest value that is equal to the found one within 3 digits; 0 when empty. */
uint64_t fs_latency_percentile(const struct fs_latency *latency, double percentile);
double fs_latency_mean(const struct fs_latency *latency);

/* The percentile distribution as HdrHistogram's plotter reads it (.hgrm), values in milliseconds.
 * Returns 0 or -EIO. */
int fs_latency_write_hgrm(const struct fs_latency *latency, FILE *file);

#endif
