/* A link that follows a sentinel: which server it believes in, and when it asks again. */
#include "support/suite.h"

#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "fixture.h"
#include "support/fake_redis.h"

static struct fs_link_fixture link;
static struct fs_fake_redis sentinel;
static struct fs_fake_redis servers[2];
static char url[96];

/* What the sentinel and the servers are told to say. */
static struct {
    atomic_uint primary; /* index in servers that the sentinel names */
    atomic_bool is_silent;
    atomic_bool is_readonly[2];
} plan;

static void answer_as_sentinel(struct fs_fake_redis *fake, size_t count, char **words,
                               char text[FS_FAKE_REDIS_ANSWER_SIZE])
{
    char port[16];
    int len = snprintf(port, sizeof(port), "%d", servers[atomic_load(&plan.primary)].port);

    (void)fake;
    if (count < 3 || strcmp(words[2], "mymaster") != 0)
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "*-1\r\n");
    else if (!atomic_load(&plan.is_silent))
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", len,
                 port);
}

static void answer_as_server(struct fs_fake_redis *fake, size_t count, char **words,
                             char text[FS_FAKE_REDIS_ANSWER_SIZE])
{
    unsigned index = fake == &servers[1];

    (void)count;
    if (strcmp(words[0], "INCR") == 0 && atomic_load(&plan.is_readonly[index]))
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "-READONLY You can't write\r\n");
    else if (strcmp(words[0], "INCR") == 0)
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, ":%u\r\n", index);
    else if (strcmp(words[0], "EVAL") == 0)
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, ":1\r\n");
    else
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "-ERR not here\r\n");
}

static void start_fakes(void)
{
    atomic_store(&plan.primary, 0);
    atomic_store(&plan.is_silent, false);
    for (size_t i = 0; i < 2; i++) {
        atomic_store(&plan.is_readonly[i], false);
        servers[i].answer = answer_as_server;
        servers[i].is_alone = true;
        fs_fake_redis_start(&servers[i]);
    }
    sentinel.answer = answer_as_sentinel;
    fs_fake_redis_start(&sentinel);
    snprintf(url, sizeof(url), "sentinel://127.0.0.1:%d/mymaster", sentinel.port);
}

static bool open_link(void)
{
    const struct fs_link_options options = {.urls = {url}, .start_timeout_us = 5000000};

    start_fakes();
    return fs_link_open_found(&link, &options, FS_LINK_PATIENCE_MS);
}

static void close_all(void)
{
    fs_link_close(&link);
    for (size_t i = 0; i < 2; i++)
        fs_fake_redis_stop(&servers[i]);
    fs_fake_redis_stop(&sentinel);
}

/* Which server runs a command; -1: none. */
static int asked_server(void)
{
    struct fs_asked asked = {.then = NULL};

    fs_link_ask(&link, &asked, "INCR n");
    return asked.kind == FS_REPLY_INTEGER ? (int)asked.integer : -1;
}

/* Until that server runs a command; the microseconds it took, UINT64_MAX: more than 10 s. */
static uint64_t until_server(int index)
{
    uint64_t begun_us = fs_clock_now_us();

    while (fs_clock_now_us() - begun_us < 10000000) {
        if (asked_server() == index)
            return fs_clock_now_us() - begun_us;
        fs_link_turn_for(&link, 2);
    }
    return UINT64_MAX;
}

static void the_server_that_the_sentinel_names_is_used(void)
{
    FS_REQUIRE(open_link());
    FS_CHECK_INT(asked_server(), 0);
    FS_CHECK_INT(atomic_load(&servers[1].accepted_count), 0);
    close_all();
}

static void another_primary_is_gone_to_though_the_first_still_answers(void)
{
    FS_REQUIRE(open_link());
    FS_CHECK_INT(asked_server(), 0);
    atomic_store(&plan.primary, 1);
    FS_CHECK(until_server(1) < 5000000); /* the sentinel is asked every second */
    FS_CHECK_INT(link.redis->places.list[0]->node.port, servers[1].port);
    close_all();
}

static bool was_asked_since(const void *data)
{
    return atomic_load(&sentinel.asked_count) != *(const unsigned *)data;
}

static void a_refused_write_asks_the_sentinel_at_once(void)
{
    unsigned asked_before;
    uint64_t took_us;

    FS_REQUIRE(open_link());
    asked_before = atomic_load(&sentinel.asked_count);
    FS_CHECK(fs_link_turn_until(&link, was_asked_since, &asked_before)); /* by itself, just now */
    atomic_store(&plan.is_readonly[0], true);
    atomic_store(&plan.primary, 1);
    took_us = until_server(1);
    FS_CHECK(took_us < 900000);
    close_all();
}

static void who_says_that_it_is_a_replica_is_not_believed(void)
{
    const struct fs_link_options options = {.urls = {url}, .start_timeout_us = 1000000};

    start_fakes();
    atomic_store(&servers[0].is_replica, true);
    FS_CHECK(!fs_link_open_found(&link, &options, 2000));
    FS_CHECK(fs_link_await_log(&link, "which the sentinels name for mymaster, is a replica"));
    atomic_store(&servers[0].is_replica, false);
    FS_REQUIRE(fs_link_open_found(&link, &options, FS_LINK_PATIENCE_MS));
    atomic_store(&servers[1].is_replica, true); /* the sentinel names it too early */
    atomic_store(&plan.primary, 1);
    for (int i = 0; i < 15; i++) {
        FS_CHECK_INT(asked_server(), 0);
        fs_link_turn_for(&link, 100);
    }
    atomic_store(&servers[1].is_replica, false);
    FS_CHECK(until_server(1) < 5000000);
    close_all();
}

static void a_lost_connection_is_not_made_anew_before_the_sentinel_was_asked(void)
{
    unsigned accepted;

    FS_REQUIRE(open_link());
    FS_CHECK_INT(asked_server(), 0);
    atomic_store(&plan.is_silent, true);
    fs_link_turn_for(&link, 700); /* what asked before has given up */
    accepted = atomic_load(&servers[0].accepted_count);
    fs_connection_fail(&link.redis->places.list[0]->connection, "the test wants it");
    fs_link_turn_for(&link, 500);
    FS_CHECK_INT(asked_server(), -1);
    FS_CHECK_INT(atomic_load(&servers[0].accepted_count), accepted);
    atomic_store(&plan.primary, 1);
    atomic_store(&plan.is_silent, false);
    FS_CHECK(until_server(1) < 5000000);
    FS_CHECK_INT(atomic_load(&servers[0].accepted_count), accepted);
    close_all();
}

static struct fs_fake_redis others[2];
static atomic_uint named_by_others;

static void answer_as_other(struct fs_fake_redis *fake, size_t count, char **words,
                            char text[FS_FAKE_REDIS_ANSWER_SIZE])
{
    char port[16];
    int len = snprintf(port, sizeof(port), "%d", servers[atomic_load(&named_by_others)].port);

    (void)fake;
    (void)count;
    (void)words;
    snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", len, port);
}

/* One of three is cut off from the others, and was asked first. */
static void a_minority_of_the_sentinels_is_not_believed(void)
{
    static char three[160];
    const struct fs_link_options options = {.urls = {three}, .start_timeout_us = 5000000};

    start_fakes();
    atomic_store(&named_by_others, 0);
    for (size_t i = 0; i < 2; i++) {
        others[i].answer = answer_as_other;
        fs_fake_redis_start(&others[i]);
    }
    snprintf(three, sizeof(three), "sentinel://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/mymaster",
             sentinel.port, others[0].port, others[1].port);
    FS_REQUIRE(fs_link_open_found(&link, &options, FS_LINK_PATIENCE_MS));
    FS_CHECK_INT(asked_server(), 0);
    atomic_store(&plan.primary, 1);
    for (int i = 0; i < 15; i++) {
        FS_CHECK_INT(asked_server(), 0);
        fs_link_turn_for(&link, 100);
    }
    atomic_store(&named_by_others, 1);
    FS_CHECK(until_server(1) < 5000000);
    fs_fake_redis_stop(&others[0]); /* of the two that are left, both are needed */
    atomic_store(&named_by_others, 0);
    FS_CHECK(
        fs_link_await_log(&link, "1 of 3 sentinels name the same primary for mymaster, and 2"));
    FS_CHECK_INT(asked_server(), 1);
    close_all();
    fs_fake_redis_stop(&others[1]);
}

static void after_a_pause_of_the_process_the_sentinels_are_asked_before_a_write(void)
{
    const struct timespec pause = {.tv_sec = 3, .tv_nsec = 200000000};

    FS_REQUIRE(open_link());
    FS_CHECK_INT(asked_server(), 0);
    atomic_store(&plan.is_silent, true);
    nanosleep(&pause, NULL); /* the loop does not turn meanwhile */
    fs_link_turn_for(&link, 1);
    FS_CHECK_INT(asked_server(), -1);
    FS_CHECK(fs_link_await_log(&link, "this process stood still for 3."));
    atomic_store(&plan.is_silent, false);
    FS_CHECK(until_server(0) < 5000000);
    close_all();
}

#define TESTS(T)                                                        \
    T(the_server_that_the_sentinel_names_is_used)                       \
    T(another_primary_is_gone_to_though_the_first_still_answers)        \
    T(a_refused_write_asks_the_sentinel_at_once)                        \
    T(who_says_that_it_is_a_replica_is_not_believed)                    \
    T(a_lost_connection_is_not_made_anew_before_the_sentinel_was_asked) \
    T(a_minority_of_the_sentinels_is_not_believed)                      \
    T(after_a_pause_of_the_process_the_sentinels_are_asked_before_a_write)
FS_SUITE("store/follow", TESTS)
