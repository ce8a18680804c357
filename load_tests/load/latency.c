/* A high dynamic range histogram: the counts of values that agree in their first 11 bits, so that any
 * duration from 1 us to an hour is told within one part in a thousand. */
#include "load/latency.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUB_BITS 11u
#define SUB_COUNT (1u << SUB_BITS)
#define SUB_HALF (SUB_COUNT / 2)
#define BUCKETS 22u /* the highest holds FS_LATENCY_US_MAX */
#define COUNTS ((size_t)(BUCKETS + 1) * SUB_HALF)
#define TICKS_PER_HALF_DISTANCE 5.0

static size_t index_of(uint64_t us)
{
    unsigned bucket = 64u - SUB_BITS - (unsigned)__builtin_clzll(us | (SUB_COUNT - 1));

    return (size_t)bucket * SUB_HALF + (size_t)(us >> bucket);
}

static unsigned bucket_of(size_t index)
{
    return index < SUB_COUNT ? 0 : (unsigned)(index / SUB_HALF) - 1;
}

/* The lowest value that is counted at index. */
static uint64_t low_of(size_t index)
{
    unsigned bucket = bucket_of(index);

    return (uint64_t)(index - (size_t)bucket * SUB_HALF) << bucket;
}

static uint64_t high_of(size_t index)
{
    return low_of(index) + (UINT64_C(1) << bucket_of(index)) - 1;
}

int fs_latency_init(struct fs_latency *latency)
{
    uint64_t *counts = calloc(COUNTS, sizeof(*counts));

    if (!counts)
        return -ENOMEM;
    *latency = (struct fs_latency){.counts = counts, .min_us = UINT64_MAX};
    return 0;
}

void fs_latency_dispose(struct fs_latency *latency)
{
    free(latency->counts);
    *latency = (struct fs_latency){.min_us = UINT64_MAX};
}

void fs_latency_reset(struct fs_latency *latency)
{
    if (latency->total > 0) {
        size_t first = index_of(latency->min_us);

        memset(&latency->counts[first], 0,
               (index_of(latency->max_us) - first + 1) * sizeof(*latency->counts));
    }
    *latency = (struct fs_latency){.counts = latency->counts, .min_us = UINT64_MAX};
}

void fs_latency_record(struct fs_latency *latency, uint64_t us)
{
    if (us > FS_LATENCY_US_MAX)
        us = FS_LATENCY_US_MAX;
    latency->counts[index_of(us)]++;
    latency->total++;
    latency->sum_us += (double)us;
    if (us < latency->min_us)
        latency->min_us = us;
    if (us > latency->max_us)
        latency->max_us = us;
}

void fs_latency_merge(struct fs_latency *into, const struct fs_latency *from)
{
    if (from->total == 0)
        return;
    for (size_t i = index_of(from->min_us); i <= index_of(from->max_us); i++)
        into->counts[i] += from->counts[i];
    into->total += from->total;
    into->sum_us += from->sum_us;
    if (from->min_us < into->min_us)
        into->min_us = from->min_us;
    if (from->max_us > into->max_us)
        into->max_us = from->max_us;
}

static uint64_t value_at(const struct fs_latency *latency, size_t index)
{
    uint64_t high = high_of(index);

    return high < latency->max_us ? high : latency->max_us;
}

uint64_t fs_latency_percentile(const struct fs_latency *latency, double percentile)
{
    /* 99.9 / 100 is a little more than it should be. */
    double wanted = ceil(percentile / 100.0 * (double)latency->total - 1e-6);
    uint64_t rank = wanted < 1.0 ? 1 : (uint64_t)wanted;
    uint64_t seen = 0;
    size_t i;

    if (latency->total == 0)
        return 0;
    if (rank > latency->total)
        rank = latency->total;
    for (i = index_of(latency->min_us); i < COUNTS; i++) {
        seen += latency->counts[i];
        if (seen >= rank)
            break;
    }
    return value_at(latency, i);
}

double fs_latency_mean(const struct fs_latency *latency)
{
    return latency->total > 0 ? latency->sum_us / (double)latency->total : 0.0;
}

static double deviation_us(const struct fs_latency *latency)
{
    double mean = fs_latency_mean(latency);
    double squares = 0.0;

    if (latency->total == 0)
        return 0.0;
    for (size_t i = index_of(latency->min_us); i <= index_of(latency->max_us); i++) {
        uint64_t width = high_of(i) - low_of(i) + 1;
        double middle = (double)low_of(i) + (double)width / 2;

        squares += (middle - mean) * (middle - mean) * (double)latency->counts[i];
    }
    return sqrt(squares / (double)latency->total);
}

/* The next level that is printed: five of them each time that what is left has halved. */
static double level_after(double level)
{
    double halvings = floor(log2(100.0 / (100.0 - level))) + 1.0;

    return level + 100.0 / (TICKS_PER_HALF_DISTANCE * exp2(halvings));
}

static void write_rows(const struct fs_latency *latency, FILE *file)
{
    double level = 0.0;
    uint64_t seen = 0;

    for (size_t i = index_of(latency->min_us); seen < latency->total; i++) {
        if (latency->counts[i] == 0)
            continue;
        seen += latency->counts[i];
        while (100.0 * (double)seen / (double)latency->total >= level && level < 100.0) {
            fprintf(file, "%12.3f %2.12f %10llu %14.2f\n", (double)value_at(latency, i) / 1e3,
                    level / 100.0, (unsigned long long)seen, 100.0 / (100.0 - level));
            level = level_after(level);
            if (seen == latency->total)
                break;
        }
    }
    fprintf(file, "%12.3f %2.12f %10llu\n", (double)latency->max_us / 1e3, 1.0,
            (unsigned long long)seen);
}

int fs_latency_write_hgrm(const struct fs_latency *latency, FILE *file)
{
    fprintf(file, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    if (latency->total > 0)
        write_rows(latency, file);
    fprintf(file, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", fs_latency_mean(latency) / 1e3,
            deviation_us(latency) / 1e3);
    fprintf(file, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)latency->max_us / 1e3,
            (unsigned long long)latency->total);
    fprintf(file, "#[Buckets = %12u, SubBuckets     = %12u]\n", BUCKETS, SUB_COUNT);
    return ferror(file) ? -EIO : 0;
}
