/* A sum that changes at known instants, and its least value in any span of time. */
#ifndef FS_AUDIT_TIMELINE_H
#define FS_AUDIT_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

struct fs_timeline_step {
    uint64_t at_us; /* in force from this microsecond on */
    int64_t units;  /* while it is built: change; then: value */
};

struct fs_timeline {
    int64_t first; /* before the first step */
    struct fs_timeline_step *steps;
    size_t count;
    size_t capacity;
    int64_t *least; /* of a complete tree whose leaves are first and the steps' values */
    size_t leaf_count;
};

void fs_timeline_init(struct fs_timeline *timeline, int64_t first);
void fs_timeline_dispose(struct fs_timeline *timeline);

/* Changes the sum from at_us on; UINT64_MAX: never.  -ENOMEM. */
int fs_timeline_add(struct fs_timeline *timeline, uint64_t at_us, int64_t units);

/* After the last add and before the first question: O(n log n).  -ENOMEM. */
int fs_timeline_build(struct fs_timeline *timeline);

/* Least value at any instant from from_us to to_us, both included: O(log n). */
int64_t fs_timeline_least(const struct fs_timeline *timeline, uint64_t from_us, uint64_t to_us);

#endif
