/* Random numbers for tests that can be run again: the seed is printed, and taken from the
 * environment variable FS_SEED when that is set. */
#ifndef FS_TESTS_SUPPORT_RANDOM_H
#define FS_TESTS_SUPPORT_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct fs_random {
    uint64_t state;
};

/* Splitmix64, public domain, by Sebastiano Vigna. */
static inline uint64_t fs_random_u64(struct fs_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* From 0 to count - 1. */
static inline uint64_t fs_random_below(struct fs_random *random, uint64_t count)
{
    return fs_random_u64(random) % count;
}

/* Prints what it starts from, in the words that repeat it. */
static inline struct fs_random fs_random_start(void)
{
    const char *given = getenv("FS_SEED");
    struct timespec now;
    uint64_t seed;

    clock_gettime(CLOCK_REALTIME, &now);
    seed = given ? strtoull(given, NULL, 0)
                 : (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    printf("FS_SEED=%" PRIu64 " ", seed);
    fflush(stdout);
    return (struct fs_random){seed};
}

#endif
