/* Two processes that buy under the lock and are stopped for longer than its lease. */
#ifndef FS_TESTS_V2_STOPS_H
#define FS_TESTS_V2_STOPS_H

#include "ledger/world.h"

#define STOPS_STOCK 10000

struct stops_result {
    unsigned stop_count;
    int64_t units_sold; /* by the order records */
    int64_t answered;   /* purchases answered as sold, over both processes */
    int64_t undetermined;
    uint64_t locks_lost; /* as the processes counted them */
};

/* Stops the processes stop_count times, or until more than the stock is sold, and lets them buy until
 * nothing is left. */
struct stops_result stops_play(const struct fs_strategy *strategy, const char *mode,
                               unsigned stop_count, uint64_t seed);

#endif
