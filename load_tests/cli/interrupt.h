/* Ctrl-C: once stops gently, twice at once. */
#ifndef FS_BENCH_CLI_INTERRUPT_H
#define FS_BENCH_CLI_INTERRUPT_H

#include "run/child.h"

/* Blocks SIGINT and SIGTERM and starts a thread that takes them, for the rest of the program: the
 * first sets is_wanted; the second kills the child, removes the work folder and ends the program with
 * code 130.  interrupt: borrowed for ever.  Returns 0 or a negative errno.  [main], before other threads */
int fs_interrupt_watch(struct fs_interrupt *interrupt);

#endif
