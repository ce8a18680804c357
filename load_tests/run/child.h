/* One process of ours: started, watched, stopped by its pid, and gone when we are. */
#ifndef FS_BENCH_CHILD_H
#define FS_BENCH_CHILD_H

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/* What Ctrl-C changes, and what a second one must end at once. */
struct fs_interrupt {
    atomic_bool is_wanted;      /* stop gently: the run ends early and is still reported */
    _Atomic pid_t child;        /* the server that runs now; 0: none */
    char work_folder[PATH_MAX]; /* removed at the end of the program; constant once runs begin */
};

struct fs_child {
    pid_t pid;                      /* 0: none */
    int status;                     /* as of waitpid(2), once it has ended */
    struct fs_interrupt *interrupt; /* borrowed */
};

struct fs_child_options {
    char *const *argv;       /* argv[0] is a path */
    const char *output_path; /* stdout; appended to */
    const char *error_path;  /* stderr; may be the same file */
    const cpu_set_t *cores;  /* NULL: any */
    struct fs_interrupt *interrupt;
};

/* Starts it in a process group of its own, so that a terminal's Ctrl-C reaches us alone; it is killed
 * when the calling thread ends, whatever ends it.  Returns 0 or a negative errno: of exec(2) too. */
int fs_child_start(struct fs_child *child, const struct fs_child_options *options);

/* Whether it has ended by now; reaps it. */
bool fs_child_has_ended(struct fs_child *child);

/* SIGTERM, and SIGKILL when it has not ended after timeout_ms.  Returns 0; -ETIMEDOUT when it had to be
 * killed.  A child that ended before is fine. */
int fs_child_stop(struct fs_child *child, unsigned timeout_ms);

/* Waits for its end, at most timeout_ms; then it is killed.  Returns its exit code, or -ETIMEDOUT, or
 * -EINTR when a signal ended it. */
int fs_child_wait(struct fs_child *child, unsigned timeout_ms);

void fs_pause_ms(unsigned ms);

#endif
