/* A step function with a range minimum: a sorted array for "which step holds at t", and over its
 * values a complete binary tree of minima, in the layout of a heap. */
#include "audit/timeline.h"

#include <errno.h>
#include <stdlib.h>

void fs_timeline_init(struct fs_timeline *timeline, int64_t first)
{
    *timeline = (struct fs_timeline){.first = first};
}

void fs_timeline_dispose(struct fs_timeline *timeline)
{
    free(timeline->steps);
    free(timeline->least);
    *timeline = (struct fs_timeline){0};
}

int fs_timeline_add(struct fs_timeline *timeline, uint64_t at_us, int64_t units)
{
    if (at_us == UINT64_MAX || units == 0)
        return 0;
    if (timeline->count == timeline->capacity) {
        size_t capacity = timeline->capacity ? 2 * timeline->capacity : 64;
        struct fs_timeline_step *grown =
            reallocarray(timeline->steps, capacity, sizeof(*timeline->steps));

        if (!grown)
            return -ENOMEM;
        timeline->steps = grown;
        timeline->capacity = capacity;
    }
    timeline->steps[timeline->count++] = (struct fs_timeline_step){at_us, units};
    return 0;
}

static int by_time(const void *left, const void *right)
{
    const struct fs_timeline_step *a = left;
    const struct fs_timeline_step *b = right;

    return (a->at_us > b->at_us) - (a->at_us < b->at_us);
}

/* One step an instant: what happens in one microsecond has no order. */
static void sum_up(struct fs_timeline *timeline)
{
    int64_t value = timeline->first;
    size_t kept = 0;

    for (size_t i = 0; i < timeline->count; i++) {
        value += timeline->steps[i].units;
        if (kept == 0 || timeline->steps[kept - 1].at_us != timeline->steps[i].at_us)
            kept++;
        timeline->steps[kept - 1] = (struct fs_timeline_step){timeline->steps[i].at_us, value};
    }
    timeline->count = kept;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int fs_timeline_build(struct fs_timeline *timeline)
{
    size_t leaves = timeline->count + 1;

    if (timeline->count > 1)
        qsort(timeline->steps, timeline->count, sizeof(*timeline->steps), by_time);
    sum_up(timeline);
    timeline->least = calloc(2 * leaves, sizeof(*timeline->least));
    if (!timeline->least)
        return -ENOMEM;
    leaves = timeline->count + 1;
    timeline->leaf_count = leaves;
    timeline->least[leaves] = timeline->first;
    for (size_t i = 0; i < timeline->count; i++)
        timeline->least[leaves + 1 + i] = timeline->steps[i].units;
    for (size_t i = leaves - 1; i > 0; i--)
        timeline->least[i] = lesser(timeline->least[2 * i], timeline->least[2 * i + 1]);
    return 0;
}

/* How many steps have come by at_us: the leaf that holds then. */
static size_t leaf_at(const struct fs_timeline *timeline, uint64_t at_us)
{
    size_t low = 0;
    size_t high = timeline->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (timeline->steps[middle].at_us <= at_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t fs_timeline_least(const struct fs_timeline *timeline, uint64_t from_us, uint64_t to_us)
{
    size_t low = timeline->leaf_count + leaf_at(timeline, from_us);
    size_t high = timeline->leaf_count + leaf_at(timeline, to_us) + 1;
    int64_t least = INT64_MAX;

    for (; low < high; low /= 2, high /= 2) {
        if (low & 1)
            least = lesser(least, timeline->least[low++]);
        if (high & 1)
            least = lesser(least, timeline->least[--high]);
    }
    return least;
}
