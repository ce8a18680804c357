/* Answers that wait for a replica: a primary and a replica that is stopped, resumed and killed. */
#include "support/suite.h"

#include "base/clock.h"
#include "fixture.h"

#define ROUNDS 200

static struct fs_redis_server primary;
static struct fs_redis_server replica;
static struct fs_redis_proxy proxy;
static struct fs_link_fixture link;

/* As long as a busy machine needs, where a test is not about time. */
#define PATIENT .command_timeout_us = 20000000, .stall_timeout_us = 60000000

/* A replica that has its data is counted when it has acknowledged for the first time. */
static bool await_replica(void)
{
    for (int tries = 0; tries < 20; tries++)
        if (fs_redis_server_number(&primary, "WAIT 1 1000") == 1)
            return true;
    return false;
}

static bool open_pair(struct fs_link_options *options, bool with_proxy)
{
    static const char *const settings[] = {"--repl-diskless-sync-delay", "0", NULL};
    char port[16];

    fs_redis_server_start(&primary, settings);
    snprintf(port, sizeof(port), "%d", primary.port);
    fs_redis_server_start(&replica, (const char *const[]){"--replicaof", "127.0.0.1", port, NULL});
    options->urls[0] = primary.unix_url;
    options->wait_replicas = 1;
    if (with_proxy) {
        fs_redis_proxy_start(&proxy, primary.dir, primary.socket);
        options->urls[0] = proxy.url;
    }
    return await_replica() && fs_link_open(&link, options, FS_LINK_PATIENCE_MS);
}

static void close_pair(void)
{
    fs_link_close(&link);
    if (proxy.listen_fd > 0)
        fs_redis_proxy_stop(&proxy);
    proxy.listen_fd = 0;
    fs_redis_server_stop(&replica);
    fs_redis_server_stop(&primary);
}

static unsigned in_flight(void)
{
    return link.redis->places.list[0]->connection.in_flight;
}

static void what_is_answered_is_at_the_replica(void)
{
    struct fs_link_options options = {.urls = {NULL}, PATIENT};
    struct fs_asked asked = {.then = NULL};
    unsigned missing = 0;

    FS_REQUIRE(open_pair(&options, false));
    for (int i = 1; i <= ROUNDS; i++) {
        fs_link_ask(&link, &asked, "INCR n");
        FS_CHECK_INT(asked.kind, FS_REPLY_INTEGER);
        FS_CHECK_INT(asked.integer, i);
        missing += fs_redis_server_number(&replica, "GET n") < i;
    }
    FS_CHECK_INT(missing, 0);
    close_pair();
}

static void many_at_once_are_answered_in_order_and_once(void)
{
    enum { COUNT = 900 };
    static struct fs_asked asked[COUNT];
    struct fs_link_options options = {.urls = {NULL}, PATIENT};
    unsigned right = 0;

    FS_REQUIRE(open_pair(&options, false));
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            fs_link_command(&link, &asked[i], "INCR n", 0);
            if (i % 100 == 0) /* some while the replica is waited for */
                fs_redis_poll_turn(&link.loop, link.store, 0);
        }
        for (size_t i = 0; i < COUNT; i++) {
            fs_link_await(&link, &asked[i]);
            right +=
                asked[i].answer_count == 1 && asked[i].integer == (int64_t)(round * COUNT + i + 1);
        }
    }
    FS_CHECK_INT(right, 3 * COUNT);
    FS_CHECK_INT(fs_redis_server_number(&replica, "GET n"), 3 * COUNT);
    FS_CHECK_INT(in_flight(), 0);
    close_pair();
}

static void what_a_stopped_replica_does_not_have_is_lost_and_then_answered(void)
{
    struct fs_link_options options = {.urls = {NULL}, .command_timeout_us = 200000};
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_pair(&options, false));
    fs_link_ask(&link, &asked, "INCR n");
    fs_redis_server_pause(&replica);
    for (unsigned i = 0; i < 3; i++) {
        fs_link_ask(&link, &asked, "INCR n");
        FS_CHECK_INT(asked.kind, FS_REPLY_LOST);
    }
    fs_link_ask(&link, &asked, "GET n"); /* what it would tell is not safe either */
    FS_CHECK_INT(asked.kind, FS_REPLY_LOST);
    fs_redis_server_resume(&replica);
    for (int tries = 0; tries < 50 && asked.kind == FS_REPLY_LOST; tries++)
        fs_link_ask(&link, &asked, "INCR n");
    FS_CHECK_INT(asked.kind, FS_REPLY_INTEGER);
    FS_CHECK(asked.integer >= 2);
    FS_CHECK_INT(fs_redis_server_number(&replica, "GET n"), asked.integer);
    FS_CHECK_INT(link.redis->places.list[0]->connection.ready_count, 1);
    close_pair();
}

static void what_redis_refuses_needs_no_replica(void)
{
    struct fs_link_options options = {.urls = {NULL}, .command_timeout_us = 1000000};
    struct fs_asked asked = {.then = NULL};
    uint64_t begun_us;

    FS_REQUIRE(open_pair(&options, false));
    freeReplyObject(fs_redis_server_ask(&primary, "CONFIG SET min-replicas-to-write 1"));
    fs_redis_server_kill(&replica);
    do {
        begun_us = fs_clock_now_us();
        fs_link_ask(&link, &asked, "INCR n");
    } while (asked.kind == FS_REPLY_LOST); /* until the primary has noticed */
    FS_CHECK_INT(asked.kind, FS_REPLY_REFUSED);
    FS_CHECK_CONTAINS(asked.text, "NOREPLICAS");
    FS_CHECK(asked.answered_at_us - begun_us < 900000); /* a WAIT takes a second */
    close_pair();
}

static bool has_ten(const void *data)
{
    (void)data;
    return fs_redis_server_number(&primary, "GET n") == 10;
}

static void what_waits_when_the_connection_ends_is_lost_once(void)
{
    struct fs_link_options options = {.urls = {NULL}};
    struct fs_asked asked[10] = {{.then = NULL}};

    FS_REQUIRE(open_pair(&options, true));
    fs_redis_server_pause(&replica);
    for (size_t i = 0; i < 10; i++)
        fs_link_command(&link, &asked[i], "INCR n", 0);
    /* executed by the primary; its answer is kept back */
    FS_REQUIRE(fs_link_turn_until(&link, has_ten, NULL));
    fs_link_turn_for(&link, 50);
    FS_CHECK_INT(asked[0].answer_count, 0);
    fs_connection_fail(&link.redis->places.list[0]->connection, "the test wants it");
    for (size_t i = 0; i < 10; i++) {
        fs_link_await(&link, &asked[i]);
        FS_CHECK_INT(asked[i].kind, FS_REPLY_LOST);
        FS_CHECK_INT(asked[i].answer_count, 1);
    }
    FS_CHECK_INT(in_flight(), 0);
    fs_redis_server_resume(&replica);
    FS_REQUIRE(fs_redis_poll_until_ready(&link.loop, link.store, FS_LINK_PATIENCE_MS));
    for (int tries = 0; tries < 50 && asked[0].kind == FS_REPLY_LOST; tries++)
        fs_link_ask(&link, &asked[0], "GET n");
    FS_CHECK_STR(asked[0].text, "10");
    close_pair();
}

static void a_link_that_is_closed_meanwhile_forgets_them(void)
{
    struct fs_link_options options = {.urls = {NULL}};
    struct fs_asked asked[10] = {{.then = NULL}};

    FS_REQUIRE(open_pair(&options, false));
    fs_redis_server_pause(&replica);
    for (size_t i = 0; i < 10; i++)
        fs_link_command(&link, &asked[i], "INCR n", 0);
    fs_link_turn_for(&link, 30);
    FS_CHECK_INT(asked[0].answer_count, 0);
    close_pair();
}

#define TESTS(T)                                                      \
    T(what_is_answered_is_at_the_replica)                             \
    T(many_at_once_are_answered_in_order_and_once)                    \
    T(what_a_stopped_replica_does_not_have_is_lost_and_then_answered) \
    T(what_redis_refuses_needs_no_replica)                            \
    T(what_waits_when_the_connection_ends_is_lost_once)               \
    T(a_link_that_is_closed_meanwhile_forgets_them)
FS_SUITE("store/confirm", TESTS)
