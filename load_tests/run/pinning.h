/* Which cores the server, Redis and the generator may use, so that they measure and not disturb each
 * other. */
#ifndef FS_BENCH_PINNING_H
#define FS_BENCH_PINNING_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FS_CORES_MAX 256

struct fs_cores {
    cpu_set_t set;
    char text[64]; /* "0", "0-3,5" or "any" */
    int list[FS_CORES_MAX];
    size_t count; /* 0: any */
};

struct fs_pinning {
    struct fs_cores server;
    struct fs_cores redis;
    struct fs_cores generator;
};

/* What suits this machine: with one core nobody is pinned; with two or three the server has the first,
 * the generator the last, and Redis any; with more Redis has the last but one. */
void fs_pinning_choose(struct fs_pinning *pinning);

/* Reads "SERVER/REDIS/GENERATOR", each a list such as 0-2,4 or any; or "none".
 * Returns 0 or -EINVAL: no such list, or a core that we may not use. */
int fs_pinning_read(const char *text, struct fs_pinning *pinning);

/* All threads of a process, and what it starts later.  Failure only costs exactness and is told by
 * the result: 0 or a negative errno.  Does nothing for any. */
int fs_pin_process(pid_t pid, const struct fs_cores *cores);

#endif
