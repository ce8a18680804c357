/* Sorts values into buckets.  A bucket counts only its own values; the scrape adds them up. */
#include "base/histogram.h"

#include <assert.h>

void fs_histogram_init(struct fs_histogram *histogram, const uint64_t *bounds, size_t bound_count)
{
    assert(bound_count <= FS_HISTOGRAM_BUCKETS_MAX);
    for (size_t i = 1; i < bound_count; i++)
        assert(bounds[i - 1] < bounds[i]);
    histogram->bounds = bounds;
    histogram->bound_count = bound_count;
    for (size_t i = 0; i <= FS_HISTOGRAM_BUCKETS_MAX; i++)
        fs_counter_set(&histogram->buckets[i], 0);
    fs_counter_set(&histogram->sum, 0);
}

void fs_histogram_record(struct fs_histogram *histogram, uint64_t value)
{
    size_t low = 0;
    size_t high = histogram->bound_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (value <= histogram->bounds[middle])
            high = middle;
        else
            low = middle + 1;
    }
    fs_counter_add(&histogram->buckets[low], 1);
    fs_counter_add(&histogram->sum, value);
}

void fs_histogram_merge(struct fs_histogram *into, const struct fs_histogram *from)
{
    assert(into->bounds == from->bounds && into->bound_count == from->bound_count);
    for (size_t i = 0; i <= from->bound_count; i++)
        fs_counter_add(&into->buckets[i], fs_counter_read(&from->buckets[i]));
    fs_counter_add(&into->sum, fs_counter_read(&from->sum));
}
