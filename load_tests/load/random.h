/* The generator's random numbers: a stream for each user, so that a seed gives each user the same
 * requests however many threads there are. */
#ifndef FS_BENCH_RANDOM_H
#define FS_BENCH_RANDOM_H

#include <stdint.h>

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

static inline struct fs_random fs_random_of(uint64_t seed, uint64_t stream)
{
    struct fs_random random = {seed};

    random.state = fs_random_u64(&random) ^ stream * UINT64_C(0xd1342543de82ef95);
    return random;
}

/* From 0 up to, not including, 1. */
static inline double fs_random_unit(struct fs_random *random)
{
    return (double)(fs_random_u64(random) >> 11) * 0x1p-53;
}

/* From min to max, both included. */
static inline uint64_t fs_random_between(struct fs_random *random, uint64_t min, uint64_t max)
{
    return min + (uint64_t)(fs_random_unit(random) * (double)(max - min + 1));
}

#endif
