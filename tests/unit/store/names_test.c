/* A link to a server that is called by a name, and what it does when the name moves. */
#include "support/suite.h"

#include <netdb.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "fixture.h"
#include "support/fake_redis.h"

#define SECOND_US 1000000u

static struct fs_link_fixture link;
static struct fs_fake_redis servers[2]; /* at 127.0.0.1 and 127.0.0.2, of one port */

/* What the resolver of the test says. */
static struct {
    atomic_uint first;  /* index of the server whose address comes first */
    atomic_bool is_two; /* the other's follows */
    atomic_bool is_gone;
    atomic_uint hang_ms;
    atomic_uint asked_count;
} names;

static int look_up(void *data, const char *host, struct fs_addresses *found)
{
    unsigned hang_ms = atomic_load(&names.hang_ms);
    const struct timespec hang = {.tv_sec = hang_ms / 1000,
                                  .tv_nsec = (long)(hang_ms % 1000) * 1000000};
    unsigned first = atomic_load(&names.first);

    (void)data;
    atomic_fetch_add(&names.asked_count, 1);
    if (strcmp(host, "redis.test") != 0 || atomic_load(&names.is_gone))
        return EAI_NONAME;
    nanosleep(&hang, NULL);
    found->count = atomic_load(&names.is_two) ? 2 : 1;
    for (unsigned i = 0; i < found->count; i++)
        snprintf(found->list[i], sizeof(found->list[i]), "127.0.0.%u", (first + i) % 2 + 1);
    return 0;
}

static void answer_as_server(struct fs_fake_redis *fake, size_t count, char **words,
                             char text[FS_FAKE_REDIS_ANSWER_SIZE])
{
    (void)count;
    if (strcmp(words[0], "INCR") == 0)
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, ":%d\r\n", fake == &servers[1]);
    else if (strcmp(words[0], "EVAL") == 0)
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, ":1\r\n");
    else
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "-ERR not here\r\n");
}

static void start_server(unsigned index, int port)
{
    servers[index] = (struct fs_fake_redis){.answer = answer_as_server,
                                            .is_alone = true,
                                            .loopback = (uint8_t)(index + 1),
                                            .wanted_port = port};
    fs_fake_redis_start(&servers[index]);
}

static bool open_link(void)
{
    static char url[64];
    const struct fs_link_options options = {
        .urls = {url}, .start_timeout_us = 2 * SECOND_US, .lookup = look_up};

    memset(&names, 0, sizeof(names));
    start_server(0, 0);
    start_server(1, servers[0].port);
    snprintf(url, sizeof(url), "redis://redis.test:%d", servers[0].port);
    return fs_link_open_found(&link, &options, FS_LINK_PATIENCE_MS);
}

static void close_all(void)
{
    fs_link_close(&link);
    for (size_t i = 0; i < 2; i++)
        fs_fake_redis_stop(&servers[i]);
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

    while (fs_clock_now_us() - begun_us < 10 * SECOND_US) {
        if (asked_server() == index)
            return fs_clock_now_us() - begun_us;
        fs_link_turn_for(&link, 2);
    }
    return UINT64_MAX;
}

/* The old server is gone, as with a pod that was started elsewhere.  Fifty moves at night, ten by day. */
static void every_move_is_followed_within_a_second(void)
{
    const char *profile = getenv("FS_PROFILE");
    const unsigned move_count = profile && strcmp(profile, "nightly") == 0 ? 50 : 10;
    uint64_t slowest_us = 0;
    unsigned in_time = 0;

    FS_REQUIRE(open_link());
    FS_CHECK_INT(asked_server(), 0);
    for (unsigned i = 1; i <= move_count; i++) {
        uint64_t took_us;

        fs_fake_redis_stop(&servers[(i + 1) % 2]);
        fs_link_turn_for(&link, 5);
        atomic_store(&names.first, i % 2);
        took_us = until_server((int)(i % 2));
        in_time += took_us < SECOND_US;
        slowest_us = took_us > slowest_us ? took_us : slowest_us;
        start_server((i + 1) % 2, servers[i % 2].port);
    }
    printf("%u of %u within a second, the slowest after %.3f s\n", in_time, move_count,
           (double)slowest_us / 1e6);
    FS_CHECK_INT(in_time, move_count);
    close_all();
}

static void a_name_is_followed_though_its_old_server_still_answers(void)
{
    FS_REQUIRE(open_link());
    for (unsigned i = 1; i <= 4; i++) {
        atomic_store(&names.first, i % 2);
        FS_CHECK(until_server((int)(i % 2)) < SECOND_US);
    }
    FS_CHECK(fs_link_await_log(&link, "its name has moved from 127.0.0.1 to 127.0.0.2"));
    close_all();
}

static void a_connection_that_is_being_made_to_the_old_address_is_given_up(void)
{
    FS_REQUIRE(open_link());
    atomic_store(&names.hang_ms, 300); /* so that the old address is tried meanwhile */
    fs_fake_redis_stop(&servers[0]);
    atomic_store(&names.first, 1);
    FS_CHECK(until_server(1) < SECOND_US);
    start_server(0, servers[1].port);
    close_all();
}

static void a_resolver_that_hangs_delays_neither_a_reconnect_nor_the_end(void)
{
    uint64_t begun_us;

    FS_REQUIRE(open_link());
    atomic_store(&names.hang_ms, 5000);
    fs_link_turn_for(&link, 700); /* a look has begun, and hangs */
    fs_connection_fail(&link.redis->places.list[0]->connection, "the test wants it");
    FS_CHECK_INT(asked_server(), -1);
    FS_CHECK(until_server(0) < SECOND_US);
    begun_us = fs_clock_now_us();
    close_all();
    FS_CHECK(fs_clock_now_us() - begun_us < SECOND_US);
}

static void a_name_that_is_gone_for_a_while_keeps_its_last_address(void)
{
    FS_REQUIRE(open_link());
    atomic_store(&names.is_gone, true);
    FS_CHECK(fs_link_await_log(&link, "redis.test cannot be looked up"));
    fs_connection_fail(&link.redis->places.list[0]->connection, "the test wants it");
    FS_CHECK_INT(asked_server(), -1);
    FS_CHECK(until_server(0) < SECOND_US);
    atomic_store(&names.is_gone, false);
    FS_CHECK(fs_link_await_log(&link, "redis.test can be looked up again"));
    close_all();
}

static bool were_asked(const void *data)
{
    return atomic_load(&names.asked_count) >= *(const unsigned *)data;
}

static void addresses_in_another_order_move_nothing(void)
{
    unsigned wanted;

    FS_REQUIRE(open_link());
    atomic_store(&names.is_two, true);
    for (unsigned i = 0; i < 3; i++) {
        atomic_store(&names.first, i % 2);
        wanted = atomic_load(&names.asked_count) + 2;
        FS_CHECK(fs_link_turn_until(&link, were_asked, &wanted));
        FS_CHECK_INT(asked_server(), 0);
    }
    FS_CHECK_INT(link.redis->places.list[0]->connection.ready_count, 1);
    close_all();
}

static void a_name_that_is_not_there_yet_is_waited_for_at_the_start(void)
{
    const struct fs_link_options options = {
        .urls = {"redis://redis.test:1"}, .start_timeout_us = 300000, .lookup = look_up};
    uint64_t begun_us = fs_clock_now_us();

    memset(&names, 0, sizeof(names));
    atomic_store(&names.is_gone, true);
    FS_CHECK(!fs_link_open_found(&link, &options, 100));
    FS_CHECK(fs_link_await_log(&link, "the Redis server redis.test:1 has no address"));
    FS_CHECK(fs_clock_now_us() - begun_us >= 300000);
    FS_CHECK(atomic_load(&names.asked_count) > 3);
    fs_link_close(&link);
}

/* A node of a cluster that announces a name: its place goes with the name's address. */
static void a_place_goes_with_the_name_of_its_node(void)
{
    const struct fs_node seed = {.port = 0};
    struct fs_cluster_node node = {.host = "node.test", .address = "127.0.0.1"};
    struct fs_place *place;
    unsigned at;

    FS_REQUIRE(open_link());
    node.port = servers[0].port;
    at = fs_places_take(&link.redis->places, &seed, &node, fs_clock_now_us());
    FS_REQUIRE(at != FS_PLACE_NONE);
    place = link.redis->places.list[at];
    snprintf(node.address, sizeof(node.address), "127.0.0.2");
    FS_CHECK_INT(fs_places_take(&link.redis->places, &seed, &node, fs_clock_now_us()), at);
    FS_CHECK_STR(place->node.at.list[0], "127.0.0.2");
    node.address[0] = '\0'; /* a redirection by the name alone */
    FS_CHECK_INT(fs_places_take(&link.redis->places, &seed, &node, fs_clock_now_us()), at);
    FS_CHECK_STR(place->node.at.list[0], "127.0.0.2");
    close_all();
}

#define TESTS(T)                                                      \
    T(every_move_is_followed_within_a_second)                         \
    T(a_name_is_followed_though_its_old_server_still_answers)         \
    T(a_connection_that_is_being_made_to_the_old_address_is_given_up) \
    T(a_resolver_that_hangs_delays_neither_a_reconnect_nor_the_end)   \
    T(a_name_that_is_gone_for_a_while_keeps_its_last_address)         \
    T(addresses_in_another_order_move_nothing)                        \
    T(a_name_that_is_not_there_yet_is_waited_for_at_the_start)        \
    T(a_place_goes_with_the_name_of_its_node)
FS_SUITE("store/names", TESTS)
