/* The link when Redis or the way to it fails: what is said of each call, and how it comes back. */
#include "support/suite.h"

#include <inttypes.h>

#include "base/clock.h"
#include "fixture.h"
#include "store/request.h"
#include "support/random.h"

#define CUT_ROUNDS 100 /* FS_ROUNDS in the environment asks for more */
#define LATE_ROUNDS 1000
#define DEADLINES 5u

static struct fs_redis_server server;
static struct fs_redis_proxy proxy;
static struct fs_link_fixture link;

static bool open_through_proxy(const struct fs_link_options *given)
{
    struct fs_link_options options = *given;

    fs_redis_server_start(&server, NULL);
    fs_redis_proxy_start(&proxy, server.dir, server.socket);
    options.urls[0] = proxy.url;
    return fs_link_open(&link, &options, FS_LINK_PATIENCE_MS);
}

static void close_all(void)
{
    fs_link_close(&link);
    if (proxy.listen_fd > 0)
        fs_redis_proxy_stop(&proxy);
    proxy.listen_fd = 0;
    fs_redis_server_stop(&server);
}

static bool open_straight(struct fs_link_options *options)
{
    fs_redis_server_start(&server, NULL);
    options->urls[0] = server.unix_url;
    return fs_link_open(&link, options, FS_LINK_PATIENCE_MS);
}

/* Rounds need no pauses that grow. */
static bool come_back(void)
{
    link.redis->places.list[0]->connection.failure_count = 0;
    return fs_redis_poll_until_ready(&link.loop, link.store, FS_LINK_PATIENCE_MS);
}

static unsigned cut_rounds(void)
{
    const char *given = getenv("FS_ROUNDS");

    return given ? (unsigned)strtoul(given, NULL, 10) : CUT_ROUNDS;
}

/* One call a round, cut at one place; returns how many ran. */
static long long cut(enum fs_proxy_fault fault)
{
    const struct fs_link_options options = {.urls = {NULL}};
    struct fs_asked asked = {.then = NULL};
    long long sold;

    if (!open_through_proxy(&options))
        return -2;
    for (unsigned i = 0; i < cut_rounds(); i++) {
        fs_redis_proxy_fault(&proxy, fault);
        fs_link_ask(&link, &asked, "INCR n");
        FS_CHECK_INT(asked.kind, FS_REPLY_LOST);
        FS_CHECK_INT(asked.answer_count, 1);
        if (!come_back())
            return -2;
    }
    FS_CHECK_INT(proxy.struck_count, cut_rounds());
    FS_CHECK_INT(link.redis->places.list[0]->connection.in_flight, 0);
    fs_link_ask(&link, &asked, "INCRBY other 5");
    FS_CHECK_INT(asked.integer, 5);
    sold = fs_redis_server_number(&server, "GET n");
    close_all();
    return sold;
}

static void a_call_cut_before_execution_is_lost_and_did_not_run(void)
{
    FS_CHECK_INT(cut(FS_PROXY_CUT_BEFORE), -1);
}

static void a_call_cut_after_execution_is_lost_and_did_run(void)
{
    FS_CHECK_INT(cut(FS_PROXY_CUT_AFTER), cut_rounds());
}

static void a_call_cut_inside_its_answer_is_lost_and_did_run(void)
{
    FS_CHECK_INT(cut(FS_PROXY_CUT_INSIDE), cut_rounds());
}

static void a_call_whose_bytes_never_left_is_not_sent(void)
{
    struct fs_link_options options = {.urls = {NULL}};
    struct fs_asked asked[3] = {{.then = NULL}};

    FS_REQUIRE(open_straight(&options));
    for (int i = 0; i < 3; i++)
        fs_link_command(&link, &asked[i], "INCR n", 0);
    fs_connection_fail(&link.redis->places.list[0]->connection, "the test wants it");
    for (int i = 0; i < 3; i++) {
        fs_link_await(&link, &asked[i]);
        FS_CHECK_INT(asked[i].kind, FS_REPLY_NOT_SENT);
        FS_CHECK(!asked[i].was_early);
    }
    FS_REQUIRE(come_back());
    FS_CHECK_INT(fs_redis_server_number(&server, "EXISTS n"), 0);
    close_all();
}

static void a_dead_redis_answers_in_the_next_turn(void)
{
    struct fs_link_options options = {.urls = {NULL}};
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_straight(&options));
    fs_redis_server_kill(&server);
    fs_link_turn_for(&link, 50);
    for (int i = 0; i < 100; i++) {
        unsigned turns_before = link.turn_count;

        fs_link_ask(&link, &asked, "INCR n");
        FS_CHECK_INT(asked.kind, FS_REPLY_NOT_SENT);
        FS_CHECK(!asked.was_early);
        FS_CHECK(link.turn_count - turns_before <= 1);
    }
    FS_CHECK(!fs_redis_is_ready(link.store));
    FS_CHECK_CONTAINS(link.log_text, "connecting again");
    close_all();
}

static void it_is_back_within_a_second_of_redis(void)
{
    struct fs_link_options options = {.urls = {NULL}};
    struct fs_asked asked = {.then = NULL};
    uint64_t longest_us = 0;

    FS_REQUIRE(open_straight(&options));
    for (int i = 0; i < 5; i++) {
        uint64_t back_at_us;
        uint64_t took_us;

        fs_redis_server_kill(&server);
        fs_link_turn_for(&link, 1200);
        fs_redis_server_restart(&server);
        back_at_us = fs_clock_now_us();
        FS_REQUIRE(fs_redis_poll_until_ready(&link.loop, link.store, FS_LINK_PATIENCE_MS));
        took_us = fs_clock_now_us() - back_at_us;
        longest_us = took_us > longest_us ? took_us : longest_us;
        fs_link_ask(&link, &asked, "INCR n");
        FS_CHECK_INT(asked.kind, FS_REPLY_INTEGER);
    }
    printf("longest %" PRIu64 " us ", longest_us);
    FS_CHECK(longest_us < 1000000);
    FS_CHECK_INT(fs_counter_read(&link.metrics.store_reconnects), 5);
    FS_CHECK_CONTAINS(link.log_text, "connected again");
    close_all();
}

/* Asks of a Redis that stands still; 0: the store's own deadline.  Returns how late the answer was for a
 * deadline after span_us: the middle one of some, since a busy machine may be late itself. */
static uint64_t lateness_us(uint64_t span_us, bool has_deadline)
{
    uint64_t late_us[DEADLINES];

    for (size_t i = 0; i < DEADLINES; i++) {
        uint64_t asked_at_us = fs_clock_now_us();
        struct fs_asked asked = {.then = NULL};
        uint64_t took_us;
        size_t at = i;

        fs_link_command(&link, &asked, "INCR n", has_deadline ? asked_at_us + span_us : 0);
        fs_link_await(&link, &asked);
        FS_CHECK_INT(asked.kind, FS_REPLY_LOST);
        took_us = asked.answered_at_us - asked_at_us;
        FS_CHECK(took_us >= span_us);
        for (; at > 0 && late_us[at - 1] > took_us - span_us; at--)
            late_us[at] = late_us[at - 1];
        late_us[at] = took_us - span_us;
    }
    return late_us[DEADLINES / 2];
}

static void a_call_past_its_deadline_is_lost_in_time(void)
{
    struct fs_link_options options = {.urls = {NULL}, .command_timeout_us = 80000};
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_straight(&options));
    fs_redis_server_pause(&server);
    FS_CHECK(lateness_us(80000, false) < 50000); /* the store's own */
    FS_CHECK(lateness_us(30000, true) < 50000);
    fs_redis_server_resume(&server);
    fs_link_command(&link, &asked, "INCR n", fs_clock_now_us() + 10000000);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.integer, 2 * DEADLINES + 1); /* all had reached Redis */
    FS_CHECK_INT(link.redis->places.list[0]->connection.in_flight, 0);
    fs_link_command(&link, &asked, "INCR n", fs_clock_now_us() - 1);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.kind, FS_REPLY_NOT_SENT);
    close_all();
}

static bool has_nothing_under_way(const void *data)
{
    const struct fs_link_fixture *asked = data;

    return asked->redis->places.list[0]->connection.in_flight == 0;
}

static void a_store_that_hangs_is_dropped_and_what_was_under_way_is_bounded(void)
{
    struct fs_link_options options = {.urls = {NULL},
                                      .command_timeout_us = 100000,
                                      .stall_timeout_us = 1000000,
                                      .connect_timeout_us = 100000,
                                      .in_flight_max = 16};
    static struct fs_asked asked[64];
    unsigned sent = 0;

    FS_REQUIRE(open_straight(&options));
    fs_redis_server_pause(&server);
    for (int i = 0; i < 64; i++)
        fs_link_command(&link, &asked[i], "INCR n", 0);
    for (int i = 0; i < 64; i++) {
        fs_link_await(&link, &asked[i]);
        sent += asked[i].kind == FS_REPLY_LOST;
    }
    FS_CHECK_INT(sent, 16);
    FS_CHECK_INT(link.redis->places.list[0]->connection.in_flight, 16);
    FS_CHECK(fs_link_turn_until(&link, has_nothing_under_way, &link));
    FS_CHECK_CONTAINS(link.log_text, "had no answer for 1.000 s");
    fs_redis_server_resume(&server);
    FS_REQUIRE(fs_redis_poll_until_ready(&link.loop, link.store, FS_LINK_PATIENCE_MS));
    fs_link_command(&link, &asked[0], "INCR n", fs_clock_now_us() + 1000000);
    fs_link_await(&link, &asked[0]);
    FS_CHECK_INT(asked[0].kind, FS_REPLY_INTEGER);
    close_all();
}

/* On a busy machine a deadline may pass before the turn that would have sent. */
static bool is_late(enum fs_reply_kind kind)
{
    return kind == FS_REPLY_LOST || kind == FS_REPLY_NOT_SENT;
}

static void late_replies_never_reach_a_wrong_call(void)
{
    const struct fs_link_options options = {.urls = {NULL}};
    struct fs_random random = fs_random_start();
    static struct fs_asked asked[8];
    char lines[8][48];
    unsigned number = 0, late = 0, answered = 0;

    FS_REQUIRE(open_through_proxy(&options));
    for (int round = 0; round < LATE_ROUNDS; round++) {
        unsigned count = 1 + (unsigned)fs_random_below(&random, 8);
        bool is_delayed = fs_random_below(&random, 2) == 0;

        if (is_delayed)
            fs_redis_proxy_fault(&proxy, FS_PROXY_DELAY);
        for (unsigned i = 0; i < count; i++) {
            uint64_t span_us = 200 + fs_random_below(&random, 3000);

            snprintf(lines[i], sizeof(lines[i]), "ECHO call-%u", ++number);
            fs_link_command(&link, &asked[i], lines[i], fs_clock_now_us() + span_us);
        }
        if (fs_random_below(&random, 2) == 0)
            fs_link_turn_for(&link, 1);
        fs_redis_proxy_release(&proxy);
        for (unsigned i = 0; i < count; i++) {
            fs_link_await(&link, &asked[i]);
            if (asked[i].kind == FS_REPLY_TEXT)
                FS_CHECK_STR(asked[i].text, lines[i] + strlen("ECHO "));
            else
                FS_CHECK(is_late(asked[i].kind));
            late += asked[i].kind != FS_REPLY_TEXT;
            answered += asked[i].kind == FS_REPLY_TEXT;
        }
    }
    printf("%u late, %u in time ", late, answered);
    FS_CHECK(late > LATE_ROUNDS / 10);
    FS_CHECK(answered > LATE_ROUNDS / 10);
    FS_CHECK(fs_link_turn_until(&link, has_nothing_under_way, &link));
    FS_CHECK_INT(link.redis->places.list[0]->connection.ready_count, 1);
    close_all();
}

/* Twice as many bytes as one reply may have, and no call that still waits for them. */
static void memory_of_late_replies_is_used_again(void)
{
    const struct fs_link_options options = {.urls = {NULL}};
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_through_proxy(&options));
    fs_link_ask(&link, &asked, "SETRANGE big 60000 x");
    for (int i = 0; i < 600; i++) {
        fs_redis_proxy_fault(&proxy, FS_PROXY_DELAY);
        fs_link_command(&link, &asked, "GET big", fs_clock_now_us() + 1000);
        fs_link_await(&link, &asked);
        fs_redis_proxy_release(&proxy);
        FS_CHECK(is_late(asked.kind));
        while (link.redis->places.list[0]->connection.in_flight > 0)
            fs_redis_poll_turn(&link.loop, link.store, 5);
    }
    FS_CHECK_INT(link.redis->places.list[0]->connection.ready_count, 1);
    FS_CHECK(link.redis->places.list[0]->connection.reader.arenas[0].len < 200000);
    close_all();
}

/* A copy of a call stays with the proxy when its connection is dropped, and is let go after the next
 * connection has asked.  Returns the counter that the copy would raise. */
static long long let_go_of_an_old_copy(bool is_fenced)
{
    const struct fs_link_options options = {
        .urls = {NULL}, .command_timeout_us = 20000, .stall_timeout_us = 50000};
    uint64_t until_us = fs_clock_now_us() + FS_LINK_PATIENCE_MS * UINT64_C(1000);
    struct fs_asked asked = {.then = NULL};
    long long value;

    if (!open_through_proxy(&options))
        return -2;
    fs_redis_proxy_fault(&proxy, FS_PROXY_HOLD);
    fs_link_ask(&link, &asked, "INCR stale");
    FS_CHECK_INT(asked.kind, FS_REPLY_LOST);
    FS_CHECK(fs_redis_proxy_held(&proxy) > 0);
    if (!is_fenced)
        link.redis->places.list[0]->connection.fence.client_id = 0;
    while (link.redis->places.list[0]->connection.ready_count == 1)
        fs_link_turn_for(&link, 5);
    do /* what the retry sees: it did not run.  Its own answer may come too late on a busy machine */
        fs_link_ask(&link, &asked, "GET stale");
    while (is_late(asked.kind) && fs_clock_now_us() < until_us);
    FS_CHECK_INT(asked.kind, FS_REPLY_NIL);
    fs_redis_proxy_release(&proxy);
    for (int i = 0; i < 20; i++) {
        fs_link_turn_for(&link, 2);
        fs_link_ask(&link, &asked, "PING");
    }
    value = fs_redis_server_number(&server, "GET stale");
    close_all();
    return value;
}

static void a_new_connection_fences_off_what_the_old_one_left(void)
{
    for (int i = 0; i < 10; i++)
        FS_CHECK_INT(let_go_of_an_old_copy(true), -1);
}

static void without_the_fence_an_old_copy_would_run(void)
{
    FS_CHECK_INT(let_go_of_an_old_copy(false), 1);
}

static void pauses_of_redis_are_survived(void)
{
    struct fs_link_options options = {.urls = {NULL}, .command_timeout_us = 100000};
    struct fs_random random = fs_random_start();
    static struct fs_asked asked[32];

    FS_REQUIRE(open_straight(&options));
    for (int round = 0; round < 8; round++) {
        int pause_ms = 50 + (int)fs_random_below(&random, 400);
        uint64_t resumed_at_us;

        fs_redis_server_pause(&server);
        for (int i = 0; i < 32; i++)
            fs_link_command(&link, &asked[i], "INCR n", 0);
        fs_link_turn_for(&link, pause_ms);
        fs_redis_server_resume(&server);
        resumed_at_us = fs_clock_now_us();
        for (int i = 0; i < 32; i++) {
            fs_link_await(&link, &asked[i]);
            FS_CHECK_INT(asked[i].answer_count, 1);
            FS_CHECK(asked[i].kind == FS_REPLY_LOST || asked[i].kind == FS_REPLY_INTEGER);
        }
        do
            fs_link_ask(&link, &asked[0], "PING");
        while (asked[0].kind != FS_REPLY_TEXT && fs_clock_now_us() - resumed_at_us < 5000000);
        FS_CHECK(fs_clock_now_us() - resumed_at_us < 1000000);
    }
    FS_CHECK_INT(fs_redis_server_number(&server, "GET n"), 8 * 32);
    close_all();
}

static bool rewrite_is_running(void)
{
    redisReply *reply = fs_redis_server_ask(&server, "INFO persistence");
    bool is_running = strstr(reply->str, "aof_rewrite_in_progress:1") != NULL ||
                      strstr(reply->str, "aof_rewrite_scheduled:1") != NULL;

    freeReplyObject(reply);
    return is_running;
}

static void a_redis_that_is_loading_is_tried_again(void)
{
    static const char *const settings[] = {"--appendonly",
                                           "yes",
                                           "--appendfsync",
                                           "always",
                                           "--key-load-delay",
                                           "3000",
                                           "--loading-process-events-interval-bytes",
                                           "1024",
                                           NULL};
    struct fs_link_options options = {.urls = {NULL}};
    struct fs_asked asked = {.then = NULL};

    fs_redis_server_start(&server, settings);
    options.urls[0] = server.unix_url;
    FS_REQUIRE(fs_link_open(&link, &options, FS_LINK_PATIENCE_MS));
    for (int i = 0; i < 100; i++)
        fs_link_ask(&link, &asked, "INCR kept");
    freeReplyObject(fs_redis_server_ask(&server, "DEBUG POPULATE 500"));
    freeReplyObject(fs_redis_server_ask(&server, "BGREWRITEAOF"));
    do
        fs_link_turn_for(&link, 20);
    while (rewrite_is_running());
    fs_redis_server_kill(&server);
    fs_link_turn_for(&link, 20);
    fs_redis_server_restart_loading(&server);
    FS_REQUIRE(fs_redis_poll_until_ready(&link.loop, link.store, FS_LINK_PATIENCE_MS));
    FS_CHECK_CONTAINS(link.log_text, "Redis is not ready: LOADING");
    fs_link_ask(&link, &asked, "GET kept");
    FS_CHECK_STR(asked.text, "100");
    close_all();
}

static void a_link_may_close_with_calls_under_way(void)
{
    struct fs_link_options options = {.urls = {NULL}};
    static struct fs_asked asked[10];

    FS_REQUIRE(open_straight(&options));
    fs_redis_server_pause(&server);
    for (int i = 0; i < 10; i++)
        fs_link_command(&link, &asked[i], "INCR n", 0);
    link.store->type->flush(link.store);
    fs_redis_server_resume(&server);
    close_all();
    for (int i = 0; i < 10; i++)
        FS_CHECK_INT(asked[i].answer_count, 0);
}

#define TESTS(T)                                                       \
    T(a_call_cut_before_execution_is_lost_and_did_not_run)             \
    T(a_call_cut_after_execution_is_lost_and_did_run)                  \
    T(a_call_cut_inside_its_answer_is_lost_and_did_run)                \
    T(a_call_whose_bytes_never_left_is_not_sent)                       \
    T(a_dead_redis_answers_in_the_next_turn)                           \
    T(it_is_back_within_a_second_of_redis)                             \
    T(a_call_past_its_deadline_is_lost_in_time)                        \
    T(a_store_that_hangs_is_dropped_and_what_was_under_way_is_bounded) \
    T(late_replies_never_reach_a_wrong_call)                           \
    T(memory_of_late_replies_is_used_again)                            \
    T(a_new_connection_fences_off_what_the_old_one_left)               \
    T(without_the_fence_an_old_copy_would_run)                         \
    T(pauses_of_redis_are_survived)                                    \
    T(a_redis_that_is_loading_is_tried_again)                          \
    T(a_link_may_close_with_calls_under_way)
FS_SUITE("store/fault", TESTS)
