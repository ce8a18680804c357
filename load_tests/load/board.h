/* What the threads of a run have counted, second by second, where the calling thread can see it.
 *
 * A thread hands over a second when it is past; nothing is shared while it counts. */
#ifndef FS_BENCH_BOARD_H
#define FS_BENCH_BOARD_H

#include <pthread.h>

#include "load/load.h"

#define FS_BOARD_RING 8 /* seconds that may be open at once, for their percentiles */

/* What one thread counted in one second. */
struct fs_tally {
    uint64_t second; /* its index since the clock started */
    struct fs_load_second all;
    struct fs_load_second measured; /* the part of it without warm-up; sums only */
    uint64_t sent_measured;
    struct fs_latency latency; /* owned: purchases of this second */
};

int fs_tally_init(struct fs_tally *tally); /* -ENOMEM */
void fs_tally_dispose(struct fs_tally *tally);

struct fs_board {
    pthread_mutex_t mutex;
    uint32_t threads;
    struct fs_load_second *seconds; /* owned */
    size_t second_count, second_capacity;
    struct {
        uint64_t second; /* UINT64_MAX: free */
        uint32_t reports;
        struct fs_latency latency;
    } ring[FS_BOARD_RING]; /* owned */
    struct fs_load_progress totals;
    struct {
        uint64_t users, in_flight;
    } * gauges; /* owned: one a thread, as of its last hand-over */
    bool is_short_of_memory;
};

int fs_board_init(struct fs_board *board, uint32_t threads); /* -ENOMEM */
void fs_board_dispose(struct fs_board *board);

/* Adds a thread's second, with its gauges, and empties the tally for second next.  [any] */
void fs_board_add(struct fs_board *board, uint32_t thread, struct fs_tally *tally, uint64_t next);

/* Ends the seconds that not all threads have reached. */
void fs_board_finish(struct fs_board *board);

/* A copy of the sums so far, the percentiles of the last whole second.  [any] */
void fs_board_read(struct fs_board *board, struct fs_load_progress *progress);

#endif
