/* Calls that wait for a time: a heap that lives in the calls' own reserved words, so that waiting
 * allocates nothing and cannot fail. */
#ifndef FS_STRATEGY_TIMERS_H
#define FS_STRATEGY_TIMERS_H

#include <flashsale/strategy.h>

struct fs_timers {
    struct fs_call *first; /* due first; NULL: none waits */
    uint64_t next_number;  /* of two due at once the older goes first */
};

void fs_timers_init(struct fs_timers *timers); /* [main] */

/* call stays in place until it is taken.  due_us: monotonic.  [loop] */
void fs_timers_add(struct fs_timers *timers, struct fs_call *call, uint64_t due_us);

/* Takes out the first that is due at now_us and whose number is below number_end; NULL: none.  With
 * next_number as it was when the taking began, what is added meanwhile stays.  [loop] */
struct fs_call *fs_timers_take(struct fs_timers *timers, uint64_t now_us, uint64_t number_end);

/* Monotonic microseconds; UINT64_MAX: none waits.  [loop] */
uint64_t fs_timers_next_due_us(const struct fs_timers *timers);

#endif
