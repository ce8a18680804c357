/* How long a link waits before it connects again: longer after each failure, short after a success. */
#include "support/suite.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "fixture.h"

#define CUTS 40u

static struct fs_redis_server server;
static struct fs_link_fixture link;

static struct fs_connection *the_connection(void)
{
    return &link.redis->places.list[0]->connection;
}

static bool open_straight(void)
{
    const struct fs_link_options options = {.urls = {server.unix_url}};

    fs_redis_server_start(&server, NULL);
    return fs_link_open(&link, &options, FS_LINK_PATIENCE_MS);
}

static void close_all(void)
{
    fs_link_close(&link);
    fs_redis_server_stop(&server);
}

/* From the other end, as a proxy or a restart does it. */
static void cut_connection(void)
{
    FS_CHECK_INT(shutdown(the_connection()->watch.fd, SHUT_RDWR), 0);
    fs_link_turn_for(&link, 1);
}

static void check_waits_stay_short(unsigned served_ms)
{
    struct fs_asked asked = {.then = NULL};
    uint32_t failures_max = 0;

    FS_REQUIRE(open_straight());
    for (unsigned i = 0; i < CUTS; i++) {
        if (served_ms > 0)
            fs_link_turn_for(&link, (int)served_ms);
        else
            fs_link_ask(&link, &asked, "INCR n");
        cut_connection();
        if (the_connection()->failure_count > failures_max)
            failures_max = the_connection()->failure_count;
        FS_REQUIRE(fs_redis_poll_until_ready(&link.loop, link.store, FS_LINK_PATIENCE_MS));
    }
    FS_CHECK_INT(failures_max, 1); /* so each wait was at most 10 ms */
    if (served_ms == 0)
        FS_CHECK_INT(asked.integer, CUTS);
    close_all();
}

static void a_connection_that_answered_is_made_again_at_once(void)
{
    check_waits_stay_short(0);
}

static void a_connection_that_lasted_is_made_again_at_once(void)
{
    check_waits_stay_short(25);
}

static void waits_grow_while_nobody_answers(void)
{
    uint64_t until_us;

    FS_REQUIRE(open_straight());
    fs_redis_server_kill(&server);
    until_us = fs_clock_now_us() + 3000000;
    while (the_connection()->failure_count < 6 && fs_clock_now_us() < until_us)
        fs_link_turn_for(&link, 10);
    FS_CHECK(the_connection()->failure_count >= 6);
    close_all();
}

#define TESTS(T)                                        \
    T(a_connection_that_answered_is_made_again_at_once) \
    T(a_connection_that_lasted_is_made_again_at_once)   \
    T(waits_grow_while_nobody_answers)

FS_SUITE("unit/store/backoff", TESTS)
