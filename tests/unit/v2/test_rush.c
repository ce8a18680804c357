/* A thousand for a hundred: the rush ends soon after the last unit is sold, and every refusal is true. */
#include "ledger/world.h"

#include <inttypes.h>
#include <stdlib.h>

const struct fs_strategy *flashsale_strategy_v2(void);

#define BUYERS 1000u
#define STOCK 100

static struct fs_redis_server server;
static struct world world;
static struct fs_request requests[BUYERS];

static void stop_server(void)
{
    fs_redis_server_stop(&server);
}

static void begin(unsigned loop_count)
{
    static const char *const settings[] = {
        "--maxmemory-policy", "noeviction", "--appendonly", "yes", "--appendfsync", "always", NULL};
    const struct world_options options = {.strategy = flashsale_strategy_v2(),
                                          .loop_count = loop_count,
                                          .deadline_span_us = 30000000,
                                          .quiet = true};

    if (server.pid == 0) {
        fs_redis_server_start(&server, settings);
        atexit(stop_server);
    }
    world_empty(&server);
    world_open(&world, &server, &options);
}

static struct fs_request *add(unsigned *count, const char *order, uint32_t units)
{
    struct fs_request *request = &requests[(*count)++];

    *request = (struct fs_request){0};
    if (units > 0)
        fs_request_purchase(request, "shoe", "ann", order, units);
    else
        fs_request_ref(request, FS_OP_CANCEL, "shoe", "ann", order);
    return request;
}

static uint64_t calls(unsigned loop_count)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < loop_count; i++)
        sum += world.fakes[i].call_count;
    return sum;
}

/* What a lock each would cost is a thousand times two calls. */
static void a_rush_ends_soon_after_the_last_unit(void)
{
    for (unsigned loops = 1; loops <= 2; loops++) {
        unsigned verdicts[FS_VERDICT_COUNT] = {0};
        uint64_t took_us = 0;
        uint64_t called;

        begin(loops);
        FS_CHECK_INT(world_create(&world, "shoe", STOCK).outcome.verdict, FS_DONE);
        for (unsigned i = 0; i < BUYERS; i++) {
            char order[16];

            snprintf(order, sizeof(order), "o%u", i);
            requests[i] = (struct fs_request){.loop = i % loops};
            fs_request_purchase(&requests[i], "shoe", order, order, 1);
        }
        called = calls(loops);
        fs_driver_run(&world.driver, requests, BUYERS, BUYERS);
        called = calls(loops) - called;
        for (unsigned i = 0; i < BUYERS; i++) {
            verdicts[requests[i].outcome.verdict]++;
            if (requests[i].ended_at_us - requests[i].asked_at_us > took_us)
                took_us = requests[i].ended_at_us - requests[i].asked_at_us;
        }
        printf("%u loops: %" PRIu64 " calls, %" PRIu64 " us ", loops, called, took_us);
        FS_CHECK_INT(verdicts[FS_DONE], STOCK);
        FS_CHECK_INT(verdicts[FS_SOLD_OUT], BUYERS - STOCK);
        if (loops == 1)
            FS_CHECK(called <= 2 * STOCK + 10);
        world_check_audit(&world, "shoe", STOCK);
        world_close(&world);
    }
}

static void check_sold(unsigned count, const char *expected)
{
    fs_driver_run(&world.driver, requests, count, count);
    for (unsigned i = 0; i < count; i++)
        FS_CHECK_INT(requests[i].outcome.verdict, expected[i] == 's' ? FS_DONE : FS_SOLD_OUT);
}

static void what_is_read_without_the_lock_refuses_only_what_is_not_left(void)
{
    static const uint32_t units[] = {3, 3, 1, 2, 3, 1, 1, 1};
    unsigned count = 0;

    begin(1);
    FS_CHECK_INT(world_create(&world, "shoe", 2).outcome.verdict, FS_DONE);
    for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        char order[16];

        snprintf(order, sizeof(order), "o%u", i);
        add(&count, order, units[i]);
    }
    check_sold(count, "..s..s..");
    world_check_audit(&world, "shoe", 2);
    world_close(&world);
}

static void replays_and_cancels_between_refusals_are_what_they_are(void)
{
    unsigned count = 0;

    begin(1);
    FS_CHECK_INT(world_create(&world, "shoe", 1).outcome.verdict, FS_DONE);
    add(&count, "o1", 1);
    check_sold(count, "s");
    count = 0;
    add(&count, "n1", 1);
    add(&count, "n2", 1);
    add(&count, "o1", 1);
    add(&count, "n3", 1);
    add(&count, "o1", 0);
    add(&count, "n4", 1);
    add(&count, "o1", 0);
    add(&count, "n5", 1);
    check_sold(count, "..s.sss.");
    FS_CHECK(requests[2].outcome.replayed);
    FS_CHECK(!requests[4].outcome.replayed && !requests[5].outcome.replayed);
    FS_CHECK(requests[6].outcome.replayed);
    world_check_audit(&world, "shoe", 1);
    world_close(&world);
}

static void a_sale_that_is_closed_answers_all_who_wait_by_one_read(void)
{
    struct fs_request closed = {0};
    unsigned count = 0;
    uint64_t called;

    begin(1);
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    fs_request_change(&closed, FS_CHANGE_UPDATE, "shoe", 0);
    closed.change.state = FS_SALE_CLOSED;
    FS_CHECK_INT(world_ask(&world, closed).outcome.verdict, FS_DONE);
    for (unsigned i = 0; i < 200; i++) {
        char order[16];

        snprintf(order, sizeof(order), "o%u", i);
        add(&count, order, 1);
    }
    called = calls(1);
    fs_driver_run(&world.driver, requests, count, count);
    FS_CHECK_INT(calls(1) - called, 3);
    for (unsigned i = 0; i < count; i++)
        FS_CHECK_INT(requests[i].outcome.verdict, FS_CLOSED);
    world_close(&world);
}

#define TESTS(T)                                                   \
    T(a_rush_ends_soon_after_the_last_unit)                        \
    T(what_is_read_without_the_lock_refuses_only_what_is_not_left) \
    T(replays_and_cancels_between_refusals_are_what_they_are)      \
    T(a_sale_that_is_closed_answers_all_who_wait_by_one_read)

FS_SUITE("v2/rush", TESTS)
