/* Clocks and chance of the world, in place of the system's.
 *
 * The strategies and the layers of core read them by these names, and the program's own definitions
 * come before libc's, for shared objects too.  The monotonic clock is the world's; the wall clock is
 * that of the server whose turn it is. */
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "sim/world.h"

static const struct sim_world
    *current_world; /* one world at a time: libc's functions have no other way */
static const struct sim_server *current_server;
static struct fs_random chance;

void sim_clock_begin(struct sim_world *world)
{
    current_world = world;
    current_server = NULL;
    if (world)
        chance = (struct fs_random){world->plan->seed ^ UINT64_C(0x5851f42d4c957f2d)};
}

void sim_clock_set(struct sim_world *world, const struct sim_server *server)
{
    current_world = world;
    current_server = server;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *out)
{
    int64_t now_us = current_world ? (int64_t)current_world->now_us : 0;

    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        now_us += SIM_BEGIN_UNIX_US - (int64_t)SIM_BEGIN_US +
                  (current_server ? current_server->skew_us : 0);
    out->tv_sec = (time_t)(now_us / 1000000);
    out->tv_nsec = (long)(now_us % 1000000) * 1000;
    return 0;
}

__attribute__((visibility("default"))) ssize_t getrandom(void *data, size_t len, unsigned flags)
{
    unsigned char *bytes = data;

    (void)flags;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(fs_random_u64(&chance) >> 24);
    return (ssize_t)len;
}
