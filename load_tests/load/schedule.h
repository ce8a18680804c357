/* The clock of an open model: when the n-th request of a scenario starts.
 *
 * The rate is a line of straight pieces; requests start where its integral passes whole numbers. */
#ifndef FS_BENCH_SCHEDULE_H
#define FS_BENCH_SCHEDULE_H

#include "scenario/scenario.h"

/* One straight piece. */
struct fs_schedule_piece {
    double begin_us, length_us;
    double rate, slope;  /* requests per us at its begin, and what is added to it per us */
    double count_before; /* of requests, at its begin */
};

struct fs_schedule {
    struct fs_schedule_piece pieces[2 * FS_SCENARIO_STAGES_MAX];
    size_t piece_count;
    uint64_t count; /* requests in all */
    uint64_t end_us;
};

void fs_schedule_init(struct fs_schedule *schedule, const struct fs_scenario *scenario);

/* When request n (from 0, below count) starts, microseconds since the first stage began.
 * hint: the piece to begin the search at, kept by the caller; n may not be lower than at its last use. */
uint64_t fs_schedule_time_us(const struct fs_schedule *schedule, uint64_t n, size_t *hint);

#endif
