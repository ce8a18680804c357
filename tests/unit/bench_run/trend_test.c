/* Slow-down and recovery, from made-up seconds. */
#include "run/trend.h"

#include <math.h>

#include "support/suite.h"

#define SECONDS_MAX 128

struct seconds {
    struct fs_load_second list[SECONDS_MAX];
    struct fs_load_result load;
    struct fs_scenario scenario;
};

static void add(struct seconds *seconds, size_t count, uint64_t users, uint64_t p50_us,
                uint64_t p99_us)
{
    seconds->load.seconds = seconds->list;
    for (size_t i = 0; i < count && seconds->load.second_count < SECONDS_MAX; i++)
        seconds->list[seconds->load.second_count++] =
            (struct fs_load_second){.users = users,
                                    .answered = 100,
                                    .latency_p50_us = p50_us,
                                    .latency_p99_us = p99_us,
                                    .latency_max_us = p99_us};
}

static void a_slow_down_is_of_the_last_tenth_against_the_first_without_warm_up(void)
{
    struct seconds seconds = {
        .scenario = {.stages = {{.warmup = true}, {.warmup = false}}, .stage_count = 2}};

    add(&seconds, 10, 500, 9000, 9000); /* the warm-up is slow */
    for (size_t i = 0; i < 50; i++) {
        add(&seconds, 1, 500, 1000 + 10 * i, 5000);
        seconds.list[seconds.load.second_count - 1].stage = 1;
    }
    /* 1020 at first, 1470 at last */
    FS_CHECK(fabs(fs_trend_slowdown(&seconds.scenario, &seconds.load) - 0.4412) < 0.001);
    seconds.load.second_count = 29;
    FS_CHECK(isnan(fs_trend_slowdown(&seconds.scenario, &seconds.load)));
}

static void a_spike_is_over_when_three_seconds_in_a_row_are_good(void)
{
    struct seconds seconds = {.scenario = {.stage_count = 0}};
    size_t high;

    add(&seconds, 10, 10, 500, 1000);
    add(&seconds, 20, 1000, 5000, 90000);
    high = seconds.load.second_count - 1;
    add(&seconds, 2, 10, 500, 50000);
    add(&seconds, 2, 10, 500, 5900); /* within 5 ms of what it was */
    add(&seconds, 1, 10, 500, 6100);
    add(&seconds, 20, 10, 500, 5900);
    FS_CHECK(fs_trend_recovery_s(&seconds.load) == 6);
    seconds.list[high + 8].errors = 1;
    FS_CHECK(fs_trend_recovery_s(&seconds.load) == 9);
    for (size_t i = high + 6; i < high + 16; i++) /* neither is a server that says nothing back */
        seconds.list[i].answered = seconds.list[i].latency_max_us = 0;
    FS_CHECK(fs_trend_recovery_s(&seconds.load) == 16);
}

static void a_run_that_never_recovers_says_how_long_it_was_watched(void)
{
    struct seconds seconds = {.scenario = {.stage_count = 0}};

    add(&seconds, 10, 10, 500, 1000);
    add(&seconds, 20, 1000, 5000, 90000);
    add(&seconds, 9, 10, 500, 50000);
    FS_CHECK(isnan(fs_trend_recovery_s(&seconds.load)));
    add(&seconds, 21, 10, 500, 50000);
    FS_CHECK(fs_trend_recovery_s(&seconds.load) == 31);
}

static void without_a_spike_there_is_no_recovery(void)
{
    struct seconds flat = {.scenario = {.stage_count = 0}};
    struct seconds rising = {.scenario = {.stage_count = 0}};
    struct seconds none = {.scenario = {.stage_count = 0}};

    add(&flat, 60, 500, 500, 1000);
    FS_CHECK(isnan(fs_trend_recovery_s(&flat.load)));
    add(&rising, 10, 100, 500, 1000);
    add(&rising, 50, 1000, 500, 1000);
    FS_CHECK(isnan(fs_trend_recovery_s(&rising.load)));
    FS_CHECK(isnan(fs_trend_recovery_s(&none.load)));
    FS_CHECK(isnan(fs_trend_slowdown(&none.scenario, &none.load)));
}

#define TESTS(T)                                                          \
    T(a_slow_down_is_of_the_last_tenth_against_the_first_without_warm_up) \
    T(a_spike_is_over_when_three_seconds_in_a_row_are_good)               \
    T(a_run_that_never_recovers_says_how_long_it_was_watched)             \
    T(without_a_spike_there_is_no_recovery)
FS_SUITE("bench_run/trend", TESTS)
