/* A server that says what Redis would not: the link drops it, answers its calls, and lives on. */
#include "support/suite.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"

#define RUN_ID "0123456789012345678901234567890123456789"

static struct fs_link_fixture fixture;
static char dir[64];
static char url[128];
static int listener = -1;
static int peer = -1;

static void start_listening(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    fs_test_dir_make(dir);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/x.sock", dir);
    snprintf(url, sizeof(url), "unix:%s", address.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 64) != 0)
        abort();
}

static void stop_listening(void)
{
    if (peer >= 0)
        close(peer);
    peer = -1;
    close(listener);
    fs_test_dir_remove(dir);
}

static void say(const char *bytes)
{
    if (send(peer, bytes, strlen(bytes), MSG_NOSIGNAL) < 0)
        FS_CHECK(false);
}

static bool has_news(const void *fd)
{
    struct pollfd asked = {.fd = *(const int *)fd, .events = POLLIN};

    return poll(&asked, 1, 0) == 1;
}

/* Turns until the link has connected. */
static bool take_peer(void)
{
    peer = fs_link_turn_until(&fixture, has_news, &listener)
               ? accept4(listener, NULL, NULL, SOCK_CLOEXEC)
               : -1;
    return peer >= 0;
}

/* Turns until the link has asked something, and drops it. */
static bool take_question(void)
{
    char bytes[4096];

    return fs_link_turn_until(&fixture, has_news, &peer) && recv(peer, bytes, sizeof(bytes), 0) > 0;
}

/* Plays Redis until the connection is ready. */
static bool shake_hands(void)
{
    if (peer >= 0)
        close(peer);
    if (!take_peer() || !take_question())
        return false;
    say(":7\r\n$71\r\nredis_version:7.0.15\r\nrun_id:" RUN_ID "\r\n\r\n");
    if (!take_question())
        return false;
    if (fixture.redis->places.list[0]->connection.fence.client_id)
        say(":1\r\n");
    say("+OK\r\n+PONG\r\n");
    return fs_redis_poll_until_ready(&fixture.loop, fixture.store, FS_LINK_PATIENCE_MS);
}

static bool open_link(void)
{
    const struct fs_link_options options = {.urls = {url}};

    start_listening();
    fs_link_open(&fixture, &options, 0);
    return shake_hands();
}

static void what_redis_would_not_say_ends_the_connection_only(void)
{
    static const char *const rows[] = {
        "hello\r\n",       ":x\r\n",
        "*2000000000\r\n", "%1\r\n+a\r\n+b\r\n",
        "$-7\r\n",         "#t\r\n",
        ">1\r\n+x\r\n",    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        "_\r\n",           "HTTP/1.1 400 Bad Request\r\n\r\n",
    };
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_link());
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fs_link_command(&fixture, &asked, "INCR n", 0);
        FS_CHECK(take_question());
        say(rows[i]);
        fs_link_await(&fixture, &asked);
        FS_CHECK_INT(asked.kind, FS_REPLY_LOST);
        FS_CHECK_INT(asked.answer_count, 1);
        fixture.redis->places.list[0]->connection.failure_count = 0;
        FS_REQUIRE(shake_hands());
    }
    fs_link_close(&fixture);
    stop_listening();
}

static void a_reply_nobody_asked_for_ends_the_connection_only(void)
{
    static const char *const rows[] = {":1\r\n", "+OK\r\n", "*1\r\n:1\r\n", "$-1\r\n",
                                       "-ERR max number of clients reached\r\n"};

    FS_REQUIRE(open_link());
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        say(rows[i]);
        fs_link_turn_for(&fixture, 2);
        fixture.redis->places.list[0]->connection.failure_count = 0;
        FS_REQUIRE(shake_hands());
        FS_CHECK_INT(fixture.redis->places.list[0]->connection.ready_count, i + 2);
    }
    FS_CHECK_CONTAINS(fixture.log_text, "a reply came that nobody had asked for");
    fs_link_close(&fixture);
    stop_listening();
}

static void a_reply_without_end_is_dropped_at_its_bound(void)
{
    static char megabyte[1048577];
    struct fs_asked asked = {.then = NULL};
    unsigned sent = 0;

    FS_REQUIRE(open_link());
    memset(megabyte, 'x', sizeof(megabyte) - 1);
    fs_link_command(&fixture, &asked, "GET big", fs_clock_now_us() + 10000000);
    FS_CHECK(take_question());
    say("$500000000\r\n");
    while (asked.answer_count == 0 && sent < 64000000) {
        ssize_t len = send(peer, megabyte, sizeof(megabyte) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

        sent += len > 0 ? (unsigned)len : 0;
        fs_redis_poll_turn(&fixture.loop, fixture.store, 1);
    }
    FS_CHECK_INT(asked.kind, FS_REPLY_LOST);
    FS_CHECK(sent < 20000000);
    FS_CHECK_CONTAINS(fixture.log_text, "a reply is larger than 16 MiB");
    fs_link_close(&fixture);
    stop_listening();
}

static void what_is_no_redis_is_named_so(void)
{
    static const struct {
        const char *bytes, *part;
    } rows[] = {
        {":7\r\n$3\r\nabc\r\n", "what answers is no Redis: INFO has no run_id"},
        {"+OK\r\n", "what answers is no Redis: CLIENT ID is no number"},
        {"-ERR max number of clients reached\r\n", "max number of clients reached"},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error"},
    };

    const struct fs_link_options options = {.urls = {url}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start_listening();
        fs_link_open(&fixture, &options, 0);
        FS_REQUIRE(take_peer() && take_question());
        say(rows[i].bytes);
        fs_link_await_log(&fixture, rows[i].part);
        FS_CHECK_CONTAINS(fixture.log_text, rows[i].part);
        FS_CHECK(!fs_redis_is_ready(fixture.store));
        fs_link_close(&fixture);
        stop_listening();
    }
}

static void a_server_that_says_nothing_is_given_up_in_time(void)
{
    const struct fs_link_options options = {.urls = {url}, .connect_timeout_us = 50000};

    start_listening();
    FS_CHECK(!fs_link_open(&fixture, &options, 150));
    fs_link_await_log(&fixture, "no answer within 0.050 s");
    FS_CHECK_CONTAINS(fixture.log_text, "no answer within 0.050 s while connecting");
    fs_link_close(&fixture);
    stop_listening();
}

#define TESTS(T)                                         \
    T(what_redis_would_not_say_ends_the_connection_only) \
    T(a_reply_nobody_asked_for_ends_the_connection_only) \
    T(a_reply_without_end_is_dropped_at_its_bound)       \
    T(what_is_no_redis_is_named_so)                      \
    T(a_server_that_says_nothing_is_given_up_in_time)
FS_SUITE("store/hostile", TESTS)
