/* Two processes that buy under the lock and are stopped for longer than its lease. */
#ifndef FS_TESTS_V2_STOPS_H
#define FS_TESTS_V2_STOPS_H

#include "ledger/world.h"

#define STOPS_STOCK 100000 /* not sold before the stops end */

struct stops_result {
    unsigned stop_count;
    int64_t units_sold;   /* by the order records */
    int64_t answered;     /* units answered as sold, over both processes */
    int64_t undetermined; /* units without a known outcome */
    uint64_t locks_lost;  /* as the processes counted them */
};

/* Stops the processes stop_count times, and on until they have lost lost_min locks (at most half a
 * minute), and lets them buy until nothing is left. */
struct stops_result stops_play(const struct fs_strategy *strategy, const char *mode,
                               unsigned stop_count, uint64_t lost_min, uint64_t seed);

#endif
