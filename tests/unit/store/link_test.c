/* The link on a real Redis that does what it should. */
#include "support/suite.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "fixture.h"
#include "support/random.h"

static const struct fs_script echo_script = {
    .name = "echo", .source = "return {KEYS[1], ARGV[1], 7, false, {redis.call('INCR', KEYS[1])}}"};
static const struct fs_script count_script = {
    .name = "count", .source = "return redis.call('INCRBY', KEYS[1], ARGV[1])"};
static const struct fs_script failing_script = {
    .name = "failing",
    .source = "redis.call('SET', KEYS[1], 1); return redis.call('LPUSH', KEYS[1], 1)"};

static struct fs_redis_server server;
static struct fs_link_fixture link;

static bool open_plain(void)
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

static void answers_carry_what_redis_said(void)
{
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_plain());
    fs_link_ask(&link, &asked, "SET a hello");
    FS_CHECK_INT(asked.kind, FS_REPLY_TEXT);
    FS_CHECK_STR(asked.text, "OK");
    fs_link_ask(&link, &asked, "GET a");
    FS_CHECK_INT(asked.kind, FS_REPLY_TEXT);
    FS_CHECK_STR(asked.text, "hello");
    fs_link_ask(&link, &asked, "GET nothing");
    FS_CHECK_INT(asked.kind, FS_REPLY_NIL);
    fs_link_ask(&link, &asked, "INCR n");
    FS_CHECK_INT(asked.kind, FS_REPLY_INTEGER);
    FS_CHECK_INT(asked.integer, 1);
    fs_link_ask(&link, &asked, "MGET a nothing n");
    FS_CHECK_INT(asked.kind, FS_REPLY_LIST);
    FS_CHECK_INT(asked.item_count, 3);
    fs_link_ask(&link, &asked, "LPUSH a x");
    FS_CHECK_INT(asked.kind, FS_REPLY_ERROR);
    FS_CHECK_CONTAINS(asked.text, "WRONGTYPE");
    FS_CHECK_INT(asked.answer_count, 1);
    FS_CHECK(!asked.was_early);
    close_all();
}

static void answers_over_tcp_are_the_same(void)
{
    struct fs_link_options options = {.urls = {server.tcp_url}};
    struct fs_asked asked = {.then = NULL};
    int value = 0;
    socklen_t len = sizeof(value);

    fs_redis_server_start(&server, NULL);
    FS_REQUIRE(fs_link_open(&link, &options, FS_LINK_PATIENCE_MS));
    fs_link_ask(&link, &asked, "INCRBY a 41");
    FS_CHECK_INT(asked.integer, 41);
    FS_CHECK(getsockopt(link.loop.watches[0]->fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len) == 0);
    FS_CHECK_INT(value, 1);
    close_all();
}

static void calls_are_answered_in_their_order_and_never_inside_the_call(void)
{
    static struct fs_asked asked[500];
    char line[32];

    FS_REQUIRE(open_plain());
    for (int i = 0; i < 500; i++) {
        snprintf(line, sizeof(line), "INCRBY n %d", i);
        asked[i].then = NULL;
        fs_link_command(&link, &asked[i], line, 0);
    }
    fs_link_await(&link, &asked[499]);
    for (int i = 0, sum = 0; i < 500; i++) {
        sum += i;
        FS_CHECK_INT(asked[i].integer, sum);
        FS_CHECK_INT(asked[i].order, i + 1);
        FS_CHECK_INT(asked[i].answer_count, 1);
        FS_CHECK(!asked[i].was_early);
    }
    close_all();
}

static void one_turn_is_one_write(void)
{
    struct fs_connection *connection;
    static struct fs_asked asked[200];
    uint64_t before;

    FS_REQUIRE(open_plain());
    connection = &link.redis->places.list[0]->connection;
    before = connection->write_count;
    for (int i = 0; i < 200; i++)
        fs_link_command(&link, &asked[i], "INCR n", 0);
    FS_CHECK_INT(connection->write_count - before, 0);
    link.store->type->flush(link.store);
    FS_CHECK_INT(connection->write_count - before, 1);
    fs_link_await(&link, &asked[199]);
    FS_CHECK_INT(asked[199].integer, 200);
    FS_CHECK_INT(connection->write_count - before, 1);
    close_all();
}

static struct fs_asked second;
static void ask_again(struct fs_asked *asked)
{
    if (asked != &second)
        fs_link_command(asked->link, &second, "INCR n", 0);
}

static void done_may_ask_again(void)
{
    struct fs_asked asked = {.then = ask_again};

    FS_REQUIRE(open_plain());
    second.then = NULL;
    fs_link_ask(&link, &asked, "INCR n");
    FS_CHECK_INT(second.answer_count, 0);
    fs_link_await(&link, &second);
    FS_CHECK_INT(second.integer, 2);
    close_all();
}

static void scripts_run_by_digest_and_return_lists(void)
{
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_plain());
    fs_link_script(&link, &asked, &echo_script, 1, "k v", 0);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.kind, FS_REPLY_LIST);
    FS_CHECK_INT(asked.item_count, 5);
    fs_link_script(&link, &asked, &count_script, 1, "n 5", 0);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.integer, 5);
    close_all();
}

static void a_forgotten_script_is_sent_by_source_and_answered_once(void)
{
    static struct fs_asked asked[10];
    long long evals;

    FS_REQUIRE(open_plain());
    fs_link_script(&link, &asked[0], &count_script, 1, "n 1", 0);
    fs_link_await(&link, &asked[0]);
    freeReplyObject(fs_redis_server_ask(&server, "SCRIPT FLUSH"));
    freeReplyObject(fs_redis_server_ask(&server, "CONFIG RESETSTAT"));
    for (int i = 0; i < 10; i++)
        fs_link_script(&link, &asked[i], &count_script, 1, "n 1", 0);
    fs_link_await(&link, &asked[9]);
    for (int i = 0; i < 10; i++) {
        FS_CHECK_INT(asked[i].kind, FS_REPLY_INTEGER);
        FS_CHECK_INT(asked[i].integer, i + 2);
        FS_CHECK_INT(asked[i].answer_count, 1);
    }
    evals = fs_redis_server_number(&server, "GET n");
    FS_CHECK_INT(evals, 11);
    FS_CHECK_INT(link.redis->places.list[0]->connection.in_flight, 0);
    close_all();
}

static void scripts_are_known_to_a_new_connection_before_its_first_call(void)
{
    struct fs_asked asked = {.then = NULL};
    redisReply *reply;

    FS_REQUIRE(open_plain());
    fs_link_script(&link, &asked, &count_script, 1, "n 1", 0);
    fs_link_await(&link, &asked);
    freeReplyObject(fs_redis_server_ask(&server, "SCRIPT FLUSH"));
    freeReplyObject(fs_redis_server_ask(&server, "CLIENT KILL TYPE normal"));
    fs_link_turn_for(&link, 5);
    FS_REQUIRE(fs_redis_poll_until_ready(&link.loop, link.store, FS_LINK_PATIENCE_MS));
    freeReplyObject(fs_redis_server_ask(&server, "CONFIG RESETSTAT"));
    fs_link_script(&link, &asked, &count_script, 1, "n 1", 0);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.integer, 2);
    reply = fs_redis_server_ask(&server, "INFO commandstats");
    FS_CHECK(strstr(reply->str, "cmdstat_evalsha:calls=1") != NULL);
    FS_CHECK(strstr(reply->str, "cmdstat_eval:") == NULL);
    freeReplyObject(reply);
    close_all();
}

static void an_error_inside_a_script_may_be_half_executed(void)
{
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_plain());
    fs_link_script(&link, &asked, &failing_script, 1, "k", 0);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.kind, FS_REPLY_ERROR);
    FS_CHECK_INT(fs_redis_server_number(&server, "GET k"), 1);
    close_all();
}

static void a_full_redis_refuses_before_anything_is_changed(void)
{
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_plain());
    freeReplyObject(fs_redis_server_ask(&server, "CONFIG SET maxmemory 1"));
    fs_link_script(&link, &asked, &failing_script, 1, "k", 0);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.kind, FS_REPLY_REFUSED);
    FS_CHECK_CONTAINS(asked.text, "OOM");
    freeReplyObject(fs_redis_server_ask(&server, "CONFIG SET maxmemory 0"));
    FS_CHECK_INT(fs_redis_server_number(&server, "EXISTS k"), 0);
    freeReplyObject(fs_redis_server_ask(&server, "REPLICAOF 127.0.0.1 1"));
    fs_link_ask(&link, &asked, "INCR k");
    FS_CHECK_INT(asked.kind, FS_REPLY_REFUSED);
    FS_CHECK_CONTAINS(asked.text, "READONLY");
    close_all();
}

static void log_in_and_database_are_those_of_the_url(void)
{
    static const char *const settings[] = {"--requirepass", "p@ss:w/rd", NULL};
    struct fs_asked asked = {.then = NULL};
    char url[160];
    redisReply *reply;
    const struct fs_link_options options = {.urls = {url}};

    fs_redis_server_start(&server, settings);
    freeReplyObject(fs_redis_server_ask(&server, "AUTH p@ss:w/rd"));
    freeReplyObject(fs_redis_server_ask(&server, "ACL SETUSER ann on >b%20b ~* +@all"));
    snprintf(url, sizeof(url), "redis://ann:b%%2520b@127.0.0.1:%d/3", server.port);
    FS_REQUIRE(fs_link_open(&link, &options, FS_LINK_PATIENCE_MS));
    fs_link_ask(&link, &asked, "ACL WHOAMI");
    FS_CHECK_STR(asked.text, "ann");
    fs_link_ask(&link, &asked, "SET here 1");
    fs_link_close(&link);
    snprintf(url, sizeof(url), "redis://:p%%40ss%%3Aw%%2Frd@127.0.0.1:%d", server.port);
    FS_REQUIRE(fs_link_open(&link, &options, FS_LINK_PATIENCE_MS));
    fs_link_ask(&link, &asked, "EXISTS here");
    FS_CHECK_INT(asked.integer, 0);
    reply = fs_redis_server_ask(&server, "SELECT 3");
    freeReplyObject(reply);
    FS_CHECK_INT(fs_redis_server_number(&server, "EXISTS here"), 1);
    close_all();
}

static bool has_failed_thrice(const void *data)
{
    const struct fs_link_fixture *tried = data;

    return tried->redis->places.list[0]->connection.failure_count >= 3;
}

static void a_wrong_password_is_said_once_and_never_shown(void)
{
    static const char *const settings[] = {"--requirepass", "right", NULL};
    char url[160];
    const struct fs_link_options options = {.urls = {url}};
    const char *first;

    fs_redis_server_start(&server, settings);
    snprintf(url, sizeof(url), "redis://:wrongsecret@127.0.0.1:%d", server.port);
    FS_CHECK(!fs_link_open(&link, &options, 0));
    FS_CHECK(fs_link_turn_until(&link, has_failed_thrice, &link));
    first = strstr(link.log_text, "refuses the log-in");
    FS_CHECK_CONTAINS(link.log_text, "refuses the log-in (check user and password of its URL)");
    FS_CHECK(!first || !strstr(first + 1, "refuses the log-in"));
    FS_CHECK(!strstr(link.log_text, "wrongsecret"));
    close_all();
}

static void commands_that_would_change_the_connection_are_not_sent(void)
{
    static const char *const lines[] = {"SUBSCRIBE a",      "monitor", "MULTI",
                                        "SELECT 1",         "QUIT",    "HELLO 3",
                                        "CLIENT REPLY OFF", "reset"};
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_plain());
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        fs_link_ask(&link, &asked, lines[i]);
        FS_CHECK_INT(asked.kind, FS_REPLY_NOT_SENT);
    }
    fs_link_ask(&link, &asked, "INCR n");
    FS_CHECK_INT(asked.integer, 1);
    close_all();
}

static void keys_go_to_the_node_of_their_hash_tag(void)
{
    static struct fs_redis_server others[3];
    struct fs_link_options options = {.urls = {NULL}};
    struct fs_asked asked = {.then = NULL};
    char line[64];
    long long total = 0;

    for (int i = 0; i < 3; i++)
        options.urls[i] = fs_redis_server_start(&others[i], NULL)->unix_url;
    FS_REQUIRE(fs_link_open(&link, &options, FS_LINK_PATIENCE_MS));
    FS_CHECK_INT(link.store->type->node_count(link.store), 3);
    for (int i = 0; i < 60; i++) {
        snprintf(line, sizeof(line), "SET fs:{%d}:sale %d", i, i);
        fs_link_ask(&link, &asked, line);
        snprintf(line, sizeof(line), "APPEND fs:{%d}:orders x", i);
        fs_link_ask(&link, &asked, line);
    }
    for (int i = 0; i < 3; i++) {
        long long count = fs_redis_server_number(&others[i], "DBSIZE");

        FS_CHECK(count > 10);
        FS_CHECK_INT(count % 2, 0); /* both keys of a product on one node */
        total += count;
        fs_redis_server_stop(&others[i]);
    }
    FS_CHECK_INT(total, 120);
    fs_link_close(&link);
}

static void what_is_under_way_is_bounded(void)
{
    struct fs_link_options options = {.urls = {server.unix_url}, .in_flight_max = 8};
    static struct fs_asked asked[20];

    fs_redis_server_start(&server, NULL);
    FS_REQUIRE(fs_link_open(&link, &options, FS_LINK_PATIENCE_MS));
    for (int i = 0; i < 20; i++)
        fs_link_command(&link, &asked[i], "INCR n", 0);
    fs_link_await(&link, &asked[7]);
    for (int i = 0; i < 20; i++)
        FS_CHECK_INT(asked[i].kind, i < 8 ? FS_REPLY_INTEGER : FS_REPLY_NOT_SENT);
    FS_CHECK_INT(fs_redis_server_number(&server, "GET n"), 8);
    close_all();
}

static void large_commands_and_replies_pass_whole(void)
{
    static char line[3000000];
    struct fs_asked asked = {.then = NULL};
    size_t len = 2900000;

    FS_REQUIRE(open_plain());
    memcpy(line, "SET big ", 8);
    memset(line + 8, 'x', len);
    line[8 + len] = '\0';
    fs_link_ask(&link, &asked, line);
    FS_CHECK_STR(asked.text, "OK");
    FS_CHECK_INT(fs_redis_server_number(&server, "STRLEN big"), len);
    fs_link_ask(&link, &asked, "GET big");
    FS_CHECK_INT(asked.kind, FS_REPLY_TEXT);
    FS_CHECK_INT(strspn(asked.text, "x"), FS_ASKED_TEXT_SIZE - 1);
    close_all();
}

static void metrics_count_commands_and_connections(void)
{
    struct fs_asked asked = {.then = NULL};
    uint64_t recorded = 0;

    FS_REQUIRE(open_plain());
    for (int i = 0; i < 5; i++)
        fs_link_ask(&link, &asked, "INCR n");
    for (size_t i = 0; i <= link.metrics.store_command_us.bound_count; i++)
        recorded += fs_counter_read(&link.metrics.store_command_us.buckets[i]);
    FS_CHECK_INT(recorded, 5);
    FS_CHECK_INT(fs_counter_read(&link.metrics.store_reconnects), 0);
    freeReplyObject(fs_redis_server_ask(&server, "CLIENT KILL TYPE normal"));
    fs_link_turn_for(&link, 5);
    FS_REQUIRE(fs_redis_poll_until_ready(&link.loop, link.store, FS_LINK_PATIENCE_MS));
    FS_CHECK_INT(fs_counter_read(&link.metrics.store_reconnects), 1);
    FS_CHECK_INT(fs_counter_read(&link.metrics.store_in_flight), 0);
    close_all();
}

#define TESTS(T)                                                   \
    T(answers_carry_what_redis_said)                               \
    T(answers_over_tcp_are_the_same)                               \
    T(calls_are_answered_in_their_order_and_never_inside_the_call) \
    T(one_turn_is_one_write)                                       \
    T(done_may_ask_again)                                          \
    T(scripts_run_by_digest_and_return_lists)                      \
    T(a_forgotten_script_is_sent_by_source_and_answered_once)      \
    T(scripts_are_known_to_a_new_connection_before_its_first_call) \
    T(an_error_inside_a_script_may_be_half_executed)               \
    T(a_full_redis_refuses_before_anything_is_changed)             \
    T(log_in_and_database_are_those_of_the_url)                    \
    T(a_wrong_password_is_said_once_and_never_shown)               \
    T(commands_that_would_change_the_connection_are_not_sent)      \
    T(keys_go_to_the_node_of_their_hash_tag)                       \
    T(what_is_under_way_is_bounded)                                \
    T(large_commands_and_replies_pass_whole)                       \
    T(metrics_count_commands_and_connections)
FS_SUITE("store/link", TESTS)
