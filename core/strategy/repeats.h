/* Log lines of a strategy that repeat: a store that refuses every command brings one line each, and the
 * first of them says all. */
#ifndef FS_STRATEGY_REPEATS_H
#define FS_STRATEGY_REPEATS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define FS_REPEATS_LINES 32u         /* different lines that are remembered */
#define FS_REPEATS_SPAN_US 10000000u /* a line is written once in it */

struct fs_repeats {
    pthread_mutex_t mutex;
    struct {
        uint64_t hash;
        uint64_t written_us; /* 0: free */
        uint32_t held_back;  /* since then */
    } lines[FS_REPEATS_LINES];
};

void fs_repeats_init(struct fs_repeats *repeats); /* nothing is to be released.  [main] */

/* Whether the line is to be written now; then *held_back says how often it was not since the last time.
 * [any] */
bool fs_repeats_may_write(struct fs_repeats *repeats, const char *line, uint64_t now_us,
                          uint32_t *held_back);

#endif
