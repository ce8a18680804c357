/* A wall clock that a test moves: preloaded into the program under test, it adds the number of
 * microseconds that the file named by FS_CLOCK_SHIM holds.  The monotonic clock is left alone. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t offset_us(void)
{
    static _Atomic(const volatile int64_t *) shared;
    const char *path;
    void *memory;
    int fd;

    if (shared)
        return *shared;
    path = getenv("FS_CLOCK_SHIM");
    fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    memory = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        return 0;
    shared = memory;
    return *shared;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now)
{
    static _Atomic(int (*)(clockid_t, struct timespec *)) real;
    int64_t us;
    int rc;

    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    rc = real(clock, now);
    if (rc != 0 || clock != CLOCK_REALTIME)
        return rc;
    us = (int64_t)now->tv_sec * 1000000 + now->tv_nsec / 1000 + offset_us();
    now->tv_sec = us / 1000000;
    now->tv_nsec = us % 1000000 * 1000;
    return 0;
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict now,
                                                        void *restrict zone)
{
    struct timespec precise;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

__attribute__((visibility("default"))) time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
