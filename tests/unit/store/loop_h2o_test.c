/* The link on h2o's own loop, as the server runs it. */
#include "support/suite.h"

#include <signal.h>

#include "base/clock.h"
#include "fixture.h"
#include "store/loop_h2o.h"

static struct fs_redis_server server;
static struct fs_topology topology;
static struct fs_metrics metrics;
static struct fs_log quiet;
static struct fs_redis_store *redis;
static struct fs_loop_h2o poller;
static h2o_loop_t *loop;

static void drop_line(void *data, enum fs_log_level level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
}

/* The worker's turn, without HTTP. */
static void turn(int wait_ms)
{
    struct fs_store *store = &redis->store;
    uint64_t due_us = store->type->next_due_us(store);
    uint64_t now_us = fs_clock_now_us();

    if (due_us <= now_us)
        wait_ms = 0;
    else if (due_us - now_us < (uint64_t)wait_ms * 1000)
        wait_ms = (int)((due_us - now_us + 999) / 1000);
    h2o_evloop_run(loop, wait_ms);
    if (store->type->next_due_us(store) != UINT64_MAX)
        store->type->expire(store, fs_clock_now_us());
    store->type->flush(store);
}

static bool until_ready(int ms)
{
    uint64_t until_us = fs_clock_now_us() + (uint64_t)ms * 1000;

    while (!fs_redis_store_is_ready(redis) && fs_clock_now_us() < until_us)
        turn(10);
    return fs_redis_store_is_ready(redis);
}

static bool open_link(const char *url)
{
    const struct fs_redis_store_options options = {.topology = &topology,
                                                   .poller = &poller.poller,
                                                   .metrics = &metrics,
                                                   .log = &quiet,
                                                   .command_timeout_us = 10000000,
                                                   .connect_timeout_us = 10000000,
                                                   .stall_timeout_us = 5000000,
                                                   .in_flight_max = 4096};
    struct fs_error error;

    (void)signal(SIGPIPE, SIG_IGN);
    fs_log_init(&quiet, FS_LOG_DEBUG, FS_LOG_TEXT, drop_line, NULL);
    fs_metrics_init(&metrics);
    loop = h2o_evloop_create();
    fs_loop_h2o_init(&poller, loop);
    return fs_topology_add(&topology, url, &error) == 0 &&
           fs_topology_resolve(&topology, NULL, NULL, &error) == 0 &&
           fs_redis_store_create(&options, &redis) == 0 && until_ready(FS_LINK_PATIENCE_MS);
}

static void close_link(void)
{
    fs_redis_store_destroy(redis);
    fs_topology_dispose(&topology);
    h2o_evloop_run(loop, 0); /* frees what was closed */
    h2o_evloop_destroy(loop);
    fs_redis_server_stop(&server);
}

struct count {
    struct fs_call call;
    int64_t last;
    unsigned answered;
    enum fs_reply_kind kind;
};

static void on_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct count *count = FS_CONTAINER_OF(call, struct count, call);

    count->answered++;
    count->kind = reply->kind;
    count->last = reply->integer;
}

static void bring(struct count *count)
{
    const struct fs_text words[] = {{"INCR", 4}, {"n", 1}};

    *count = (struct count){.call.done = on_done};
    redis->store.type->command(&redis->store, &count->call, words[1], 0, 2, words);
}

static void thousands_of_commands_are_answered(void)
{
    static struct count counts[100];
    unsigned total = 0;

    fs_redis_server_start(&server, NULL);
    FS_REQUIRE(open_link(server.unix_url));
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 100; i++)
            bring(&counts[i]);
        redis->store.type->flush(&redis->store);
        while (counts[99].answered == 0)
            turn(100);
        for (int i = 0; i < 100; i++)
            total += counts[i].answered;
        FS_CHECK_INT(counts[99].last, (round + 1) * 100);
    }
    FS_CHECK_INT(total, 10000);
    FS_CHECK_INT(fs_redis_server_number(&server, "GET n"), 10000);
    close_link();
}

/* One read is more than a socket holds, so writing has to wait for it. */
static void what_a_socket_does_not_take_at_once_follows(void)
{
    static char big[6000000];
    struct count count = {.call.done = on_done};
    const struct fs_text words[] = {{"SETRANGE", 8}, {"big", 3}, {"0", 1}, {big, sizeof(big)}};

    fs_redis_server_start(&server, NULL);
    FS_REQUIRE(open_link(server.tcp_url));
    memset(big, 'x', sizeof(big));
    fs_redis_server_pause(&server); /* else it might read as fast as this writes */
    redis->store.type->command(&redis->store, &count.call, words[1], 0, 4, words);
    redis->store.type->flush(&redis->store);
    FS_CHECK(redis->places.list[0]->connection.is_blocked);
    fs_redis_server_resume(&server);
    while (count.answered == 0)
        turn(100);
    FS_CHECK_INT(count.last, sizeof(big));
    FS_CHECK(!redis->places.list[0]->connection.is_blocked);
    close_link();
}

static void it_comes_back_after_redis_has_died(void)
{
    struct count count;

    fs_redis_server_start(&server, NULL);
    FS_REQUIRE(open_link(server.tcp_url));
    for (int i = 0; i < 3; i++) {
        uint64_t until_us = fs_clock_now_us() + 300000;

        fs_redis_server_kill(&server);
        while (fs_clock_now_us() < until_us)
            turn(20);
        bring(&count);
        while (count.answered == 0)
            turn(20);
        FS_CHECK_INT(count.kind, FS_REPLY_NOT_SENT);
        fs_redis_server_restart(&server);
        FS_REQUIRE(until_ready(FS_LINK_PATIENCE_MS));
        bring(&count);
        redis->store.type->flush(&redis->store);
        while (count.answered == 0)
            turn(20);
        FS_CHECK_INT(count.last, 1);
    }
    close_link();
}

#define TESTS(T)                                   \
    T(thousands_of_commands_are_answered)          \
    T(what_a_socket_does_not_take_at_once_follows) \
    T(it_comes_back_after_redis_has_died)
FS_SUITE("store/loop_h2o", TESTS)
