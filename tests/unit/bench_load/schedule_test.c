/* The clock of an open model, and what users draw. */
#include "load/schedule.h"

#include "load/shopper.h"
#include "support/suite.h"

static struct fs_scenario scenario_of(size_t count, const struct fs_stage *stages)
{
    struct fs_scenario scenario = {.executor = FS_EXECUTOR_RAMPING_ARRIVAL_RATE,
                                   .stage_count = count,
                                   .product_count = 10,
                                   .quantity_min = 1,
                                   .quantity_max = 3,
                                   .think_us_min = 5,
                                   .think_us_max = 15,
                                   .mix = {.purchase = 7, .inventory = 3}};

    memcpy(scenario.stages, stages, count * sizeof(*stages));
    for (size_t i = 0; i < 10; i++)
        snprintf(scenario.products[i], sizeof(scenario.products[i]), "%zu", i + 1);
    return scenario;
}

static void a_constant_rate_starts_requests_evenly(void)
{
    const struct fs_stage stage = {.hold_us = 2000000, .target = 1000};
    struct fs_scenario scenario = scenario_of(1, &stage);
    struct fs_schedule schedule;
    size_t hint = 0;

    fs_schedule_init(&schedule, &scenario);
    FS_CHECK_INT(schedule.count, 2000);
    FS_CHECK_INT(schedule.end_us, 2000000);
    for (uint64_t n = 0; n < 2000; n++) {
        uint64_t at_us = fs_schedule_time_us(&schedule, n, &hint);

        FS_CHECK(at_us + 1 >= n * 1000 && at_us <= n * 1000);
    }
}

/* Against the integral, summed in small steps. */
static void ramps_start_as_many_requests_as_their_area(void)
{
    const struct fs_stage stages[] = {{.ramp_us = 1000000, .hold_us = 500000, .target = 400},
                                      {.hold_us = 700000, .target = 0},
                                      {.ramp_us = 300000, .target = 50},
                                      {.ramp_us = 900000, .hold_us = 100000, .target = 3000}};
    struct fs_scenario scenario = scenario_of(4, stages);
    struct fs_schedule schedule;
    uint64_t before_us = 0, n = 0;
    size_t hint = 0, stage;
    double area = 0;

    fs_schedule_init(&schedule, &scenario);
    for (uint64_t t = 0; t < fs_scenario_duration_us(&scenario); t += 10) {
        area += fs_scenario_target(&scenario, t + 5, &stage) * 10e-6;
        for (; (double)n + 0.5 < area && n < schedule.count; n++) {
            uint64_t at_us = fs_schedule_time_us(&schedule, n, &hint);

            FS_CHECK(at_us >= before_us);
            FS_CHECK(at_us <= t);
            before_us = at_us;
        }
    }
    FS_CHECK(area - (double)schedule.count < 1.01 && (double)schedule.count < area + 0.01);
    FS_CHECK(n + 1 >= schedule.count);
}

static void no_request_starts_while_the_rate_is_nothing(void)
{
    const struct fs_stage stages[] = {{.hold_us = 100000, .target = 100},
                                      {.hold_us = 1000000, .target = 0},
                                      {.hold_us = 100000, .target = 100}};
    struct fs_scenario scenario = scenario_of(3, stages);
    struct fs_schedule schedule;
    size_t hint = 0;

    fs_schedule_init(&schedule, &scenario);
    FS_CHECK_INT(schedule.count, 20);
    for (uint64_t n = 0; n < 20; n++) {
        uint64_t at_us = fs_schedule_time_us(&schedule, n, &hint);

        FS_CHECK(n < 10 ? at_us < 100000 : at_us >= 1100000 && at_us < 1200000);
    }
}

static bool same(const struct fs_choice *a, const struct fs_choice *b)
{
    return a->kind == b->kind && a->product == b->product && a->quantity == b->quantity &&
           a->is_doubled == b->is_doubled && a->is_concurrent == b->is_concurrent &&
           a->is_cut == b->is_cut && a->think_us == b->think_us;
}

static void a_seed_gives_each_user_the_same_choices(void)
{
    const struct fs_stage stage = {.hold_us = 1, .target = 1};
    struct fs_scenario scenario = scenario_of(1, &stage);
    struct fs_random first = fs_random_of(7, 3);
    struct fs_random second = fs_random_of(7, 3);
    struct fs_random other_user = fs_random_of(7, 4);
    struct fs_random other_seed = fs_random_of(8, 3);
    size_t differ_user = 0, differ_seed = 0;

    for (size_t i = 0; i < 200; i++) {
        struct fs_choice a = fs_choice_draw(&scenario, &first, true);
        struct fs_choice b = fs_choice_draw(&scenario, &second, true);
        struct fs_choice c = fs_choice_draw(&scenario, &other_user, true);
        struct fs_choice d = fs_choice_draw(&scenario, &other_seed, true);

        FS_CHECK(same(&a, &b));
        differ_user += !same(&a, &c);
        differ_seed += !same(&a, &d);
    }
    FS_CHECK(differ_user > 100);
    FS_CHECK(differ_seed > 100);
}

static void choices_follow_the_weights_and_bounds(void)
{
    enum { DRAWS = 100000 };
    const struct fs_stage stage = {.hold_us = 1, .target = 1};
    struct fs_scenario scenario = scenario_of(1, &stage);
    struct fs_random random = fs_random_of(1, 1);
    uint32_t purchases = 0, hot = 0, doubled = 0, concurrent = 0, cut = 0, quantities[4] = {0};

    scenario.hot_share = 0.9;
    scenario.retry.share_doubled = 0.3;
    scenario.retry.share_concurrent = 0.5;
    scenario.retry.share_cut = 0.1;
    for (size_t i = 0; i < DRAWS; i++) {
        struct fs_choice choice = fs_choice_draw(&scenario, &random, true);

        purchases += choice.kind == FS_OPERATION_PURCHASE;
        hot += choice.product == 0;
        doubled += choice.is_doubled;
        concurrent += choice.is_concurrent;
        cut += choice.is_cut;
        FS_REQUIRE(choice.quantity >= 1 && choice.quantity <= 3 && choice.product < 10);
        FS_CHECK(!choice.is_concurrent || choice.is_doubled);
        FS_CHECK(!choice.is_cut || !choice.is_doubled);
        FS_CHECK(choice.think_us >= 5 && choice.think_us <= 15);
        quantities[choice.quantity]++;
    }
    FS_CHECK(purchases > DRAWS * 0.69 && purchases < DRAWS * 0.71);
    FS_CHECK(hot > DRAWS * 0.89 && hot < DRAWS * 0.91);
    FS_CHECK(doubled > DRAWS * 0.26 && doubled < DRAWS * 0.28); /* of the nine in ten not cut */
    FS_CHECK(concurrent * 100 > doubled * 48 && concurrent * 100 < doubled * 52);
    FS_CHECK(cut > DRAWS * 0.095 && cut < DRAWS * 0.105);
    for (size_t i = 1; i <= 3; i++)
        FS_CHECK(quantities[i] > DRAWS * 0.32 && quantities[i] < DRAWS * 0.35);
}

#define TESTS(T)                                   \
    T(a_constant_rate_starts_requests_evenly)      \
    T(ramps_start_as_many_requests_as_their_area)  \
    T(no_request_starts_while_the_rate_is_nothing) \
    T(a_seed_gives_each_user_the_same_choices)     \
    T(choices_follow_the_weights_and_bounds)

FS_SUITE("bench_load/schedule", TESTS)
