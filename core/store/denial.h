/* Commands that Redis refused for want of a permission: counted, and logged once in a while. */
#ifndef FS_STORE_DENIAL_H
#define FS_STORE_DENIAL_H

#include "base/log.h"
#include "metrics/metrics.h"

#define FS_DENIAL_SIZE 256u

/* Of one loop.  [loop] */
struct fs_denial {
    uint64_t logged_us;        /* 0: none ever */
    char text[FS_DENIAL_SIZE]; /* node and error, as logged last */
};

/* Counts the error, and logs it: at most once in 10 s the same text. */
void fs_denial_note(struct fs_denial *denial, struct fs_metrics *metrics, struct fs_log *log,
                    unsigned node, const char *name, struct fs_text error);

#endif
