/* The least value of a sum over a span, against a walk over all of it. */
#include "audit/timeline.h"

#include "support/random.h"
#include "support/suite.h"

#define SPAN_US 60u

static void the_least_of_a_span_is_what_a_walk_finds(void)
{
    struct fs_random random = fs_random_start();

    for (int round = 0; round < 300; round++) {
        size_t count = fs_random_below(&random, 40);
        int64_t values[SPAN_US];
        struct fs_timeline timeline;

        for (size_t i = 0; i < SPAN_US; i++)
            values[i] = 7;
        fs_timeline_init(&timeline, 7);
        for (size_t i = 0; i < count; i++) {
            uint64_t at_us = fs_random_below(&random, SPAN_US);
            int64_t units = (int64_t)fs_random_below(&random, 9) - 4;

            FS_REQUIRE(fs_timeline_add(&timeline, at_us, units) == 0);
            for (size_t t = at_us; t < SPAN_US; t++)
                values[t] += units;
        }
        FS_REQUIRE(fs_timeline_build(&timeline) == 0);
        for (uint64_t from = 0; from < SPAN_US; from++) {
            int64_t least = values[from];

            for (uint64_t to = from; to < SPAN_US; to++) {
                least = values[to] < least ? values[to] : least;
                if (fs_timeline_least(&timeline, from, to) != least)
                    FS_CHECK_INT(fs_timeline_least(&timeline, from, to), least);
            }
        }
        fs_timeline_dispose(&timeline);
    }
}

static void an_empty_timeline_is_what_it_began_with(void)
{
    struct fs_timeline timeline;

    fs_timeline_init(&timeline, -3);
    FS_REQUIRE(fs_timeline_add(&timeline, UINT64_MAX, 5) == 0); /* never */
    FS_REQUIRE(fs_timeline_build(&timeline) == 0);
    FS_CHECK_INT(fs_timeline_least(&timeline, 0, UINT64_MAX), -3);
    fs_timeline_dispose(&timeline);
}

#define TESTS(T)                                \
    T(the_least_of_a_span_is_what_a_walk_finds) \
    T(an_empty_timeline_is_what_it_began_with)
FS_SUITE("bench/audit-timeline", TESTS)
