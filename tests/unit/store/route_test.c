/* A link that follows a cluster: fakes that redirect as they are told, and a real cluster whose slots
 * move and whose primary dies. */
#include "support/suite.h"

#include "base/clock.h"
#include "fixture.h"
#include "support/fake_redis.h"
#include "support/redis_cluster.h"

static struct fs_link_fixture link;
static struct fs_redis_cluster cluster; /* of all tests that want one, until one kills a node */

static const struct fs_script incr = {
    "incr", "-- of the test\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])"};
static const struct fs_script incr_both = {
    "incr_both", "redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[2])"};

/* Fakes */

struct plan {
    struct fs_fake_redis *other; /* where it points to; NULL: to a port that nobody listens on */
    const char *word;            /* "MOVED", "ASK"; NULL: it answers */
    unsigned refusals;           /* that it gives before it answers */
    bool wants_asking;
    bool has_asking;
    unsigned run_count;
};

static struct fs_fake_redis fakes[2];
static struct plan plans[2];

static int put_slots(char *into, size_t size, int port)
{
    return snprintf(into, size,
                    "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$2\r\nid\r\n",
                    port);
}

static void answer(struct fs_fake_redis *fake, size_t count, char **words,
                   char text[FS_FAKE_REDIS_ANSWER_SIZE])
{
    struct plan *plan = fake->data;
    bool had_asking = plan->has_asking;

    plan->has_asking = false;
    if (strcmp(words[0], "CLUSTER") == 0 && strcmp(words[1], "INFO") == 0) {
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE,
                 "$43\r\ncluster_state:ok\r\ncluster_current_epoch:5\r\n\r\n");
    } else if (strcmp(words[0], "CLUSTER") == 0 && strcmp(words[1], "SLOTS") == 0) {
        put_slots(text, FS_FAKE_REDIS_ANSWER_SIZE, fakes[0].port);
    } else if (strcmp(words[0], "CLUSTER") == 0) {
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "$2\r\nid\r\n");
    } else if (strcmp(words[0], "CONFIG") == 0) {
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "-ERR no\r\n");
    } else if (strcmp(words[0], "EVAL") == 0) {
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, ":1\r\n");
    } else if (strcmp(words[0], "ASKING") == 0) {
        plan->has_asking = true;
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "+OK\r\n");
    } else if (plan->refusals > 0 || (plan->wants_asking && !had_asking)) {
        plan->refusals -= plan->refusals > 0;
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, "-%s 1 127.0.0.1:%d\r\n", plan->word,
                 plan->other ? plan->other->port : 1);
    } else {
        (void)count;
        snprintf(text, FS_FAKE_REDIS_ANSWER_SIZE, ":%u\r\n", ++plan->run_count);
    }
}

static bool open_fakes(const struct plan *first, const struct plan *second)
{
    struct fs_link_options options = {.urls = {NULL}};

    plans[0] = *first;
    plans[1] = *second;
    for (size_t i = 0; i < 2; i++) {
        fakes[i].answer = answer;
        fakes[i].data = &plans[i];
        fs_fake_redis_start(&fakes[i]);
    }
    options.urls[0] = fakes[0].url;
    return fs_link_open_found(&link, &options, FS_LINK_PATIENCE_MS);
}

static void close_fakes(void)
{
    fs_link_close(&link);
    fs_fake_redis_stop(&fakes[0]);
    fs_fake_redis_stop(&fakes[1]);
}

static void a_moved_command_is_run_once_by_the_node_it_was_sent_to(void)
{
    const struct plan first = {.other = &fakes[1], .word = "MOVED", .refusals = 1};
    const struct plan second = {.other = NULL};
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_fakes(&first, &second));
    fs_link_ask(&link, &asked, "INCR n");
    FS_CHECK_INT(asked.kind, FS_REPLY_INTEGER);
    FS_CHECK_INT(asked.answer_count, 1);
    FS_CHECK(!asked.was_early);
    FS_CHECK_INT(plans[0].run_count, 0);
    FS_CHECK_INT(plans[1].run_count, 1);
    close_fakes();
}

static void an_asked_command_has_asking_before_it_and_the_map_stays(void)
{
    const struct plan first = {.other = &fakes[1], .word = "ASK", .refusals = 1};
    const struct plan second = {.other = &fakes[0], .word = "MOVED", .wants_asking = true};
    struct fs_asked asked = {.then = NULL};

    FS_REQUIRE(open_fakes(&first, &second));
    fs_link_ask(&link, &asked, "INCR n");
    FS_CHECK_INT(asked.integer, 1);
    FS_CHECK_INT(plans[1].run_count, 1);
    fs_link_ask(&link, &asked, "INCR n"); /* the next one goes to the owner again */
    FS_CHECK_INT(asked.kind, FS_REPLY_INTEGER);
    FS_CHECK_INT(plans[0].run_count, 1);
    close_fakes();
}

static void a_circle_of_redirections_ends_as_not_run(void)
{
    const struct plan first = {.other = &fakes[1], .word = "MOVED", .refusals = 100000};
    const struct plan second = {.other = &fakes[0], .word = "MOVED", .refusals = 100000};
    struct fs_asked asked = {.then = NULL};
    uint64_t begun_us;

    FS_REQUIRE(open_fakes(&first, &second));
    begun_us = fs_clock_now_us();
    fs_link_command(&link, &asked, "INCR n", begun_us + 10000000);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.kind, FS_REPLY_REFUSED);
    FS_CHECK_CONTAINS(asked.text, "did not run");
    FS_CHECK(fs_clock_now_us() - begun_us < 5000000);
    FS_CHECK(atomic_load(&fakes[0].asked_count) + atomic_load(&fakes[1].asked_count) < 120);
    FS_CHECK_INT(plans[0].run_count + plans[1].run_count, 0);
    close_fakes();
}

static void a_node_that_is_not_there_is_waited_for_until_the_deadline(void)
{
    const struct plan first = {.other = NULL, .word = "ASK", .refusals = 100000};
    const struct plan second = {.other = NULL};
    struct fs_asked asked = {.then = NULL};
    uint64_t begun_us;

    FS_REQUIRE(open_fakes(&first, &second));
    begun_us = fs_clock_now_us();
    fs_link_command(&link, &asked, "INCR n", begun_us + 200000);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.kind, FS_REPLY_REFUSED);
    FS_CHECK(asked.answered_at_us >= begun_us + 200000);
    FS_CHECK(asked.answered_at_us < begun_us + 400000);
    close_fakes();
}

static void what_is_parked_at_the_end_goes_with_the_link(void)
{
    const struct plan first = {.other = NULL, .word = "ASK", .refusals = 100000};
    const struct plan second = {.other = NULL};
    struct fs_asked asked[3] = {{.then = NULL}};

    FS_REQUIRE(open_fakes(&first, &second));
    for (size_t i = 0; i < 3; i++)
        fs_link_command(&link, &asked[i], "INCR n", 0);
    fs_link_turn_for(&link, 50);
    FS_CHECK_INT(asked[0].answer_count, 0);
    close_fakes();
}

static void many_redirected_at_once_are_each_answered_once(void)
{
    enum { COUNT = 500 };
    const struct plan first = {.other = &fakes[1], .word = "MOVED", .refusals = 100000};
    const struct plan second = {.other = NULL};
    static struct fs_asked asked[COUNT];
    unsigned answered = 0;

    FS_REQUIRE(open_fakes(&first, &second));
    for (size_t i = 0; i < COUNT; i++)
        fs_link_command(&link, &asked[i], "INCR n", 0);
    for (size_t i = 0; i < COUNT; i++) {
        fs_link_await(&link, &asked[i]);
        answered += asked[i].kind == FS_REPLY_INTEGER && asked[i].answer_count == 1;
    }
    FS_CHECK_INT(answered, COUNT);
    FS_CHECK_INT(plans[1].run_count, COUNT);
    for (unsigned i = 0; i < link.redis->places.count; i++)
        FS_CHECK_INT(link.redis->places.list[i]->connection.in_flight, 0);
    close_fakes();
}

/* A real cluster */

static void stop_cluster(void)
{
    fs_redis_cluster_stop(&cluster);
}

static bool open_cluster(void)
{
    struct fs_link_options options = {.urls = {NULL}};

    if (cluster.count == 0) {
        fs_redis_cluster_start(&cluster, 3, 1);
        atexit(stop_cluster);
    }
    options.urls[0] = cluster.nodes[2].tcp_url;
    return fs_link_open_found(&link, &options, FS_LINK_PATIENCE_MS);
}

static long long number_at(unsigned node, const char *line)
{
    return fs_redis_server_number(&cluster.nodes[node], line);
}

static void commands_go_to_the_nodes_that_have_their_slots(void)
{
    struct fs_asked asked = {.then = NULL};
    char line[64];
    unsigned used = 0;

    FS_REQUIRE(open_cluster());
    FS_CHECK_INT(link.redis->places.count, 3);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(line, sizeof(line), "SET {%u}:key %u", i, i);
        fs_link_ask(&link, &asked, line);
        FS_CHECK_STR(asked.text, "OK");
    }
    for (unsigned i = 0; i < 3; i++)
        used += number_at(i, "DBSIZE") > 10;
    FS_CHECK_INT(used, 3);
    for (unsigned i = 0; i < 3; i++)
        freeReplyObject(fs_redis_server_ask(&cluster.nodes[i], "FLUSHALL"));
    fs_link_close(&link);
}

/* The slot goes to and fro, with its keys, while commands on them are under way all the time. */
static void a_slot_that_moves_loses_no_command_and_runs_none_twice(void)
{
    static struct fs_asked asked[8];
    struct fs_text key = {"{a}:n", 5};
    unsigned slot = fs_topology_slot(key);
    unsigned owner;
    unsigned asked_count = 0;
    long long highest = 0;

    FS_REQUIRE(open_cluster());
    owner = fs_redis_cluster_owner(&cluster, 0, slot);
    fs_link_ask(&link, &asked[0], "SET {a}:n 0");
    for (unsigned round = 0; round < 12; round++) {
        unsigned target = (owner + 1) % 3;

        for (unsigned step = 0; step < 4; step++) {
            for (size_t i = 0; i < 8; i++)
                fs_link_script(&link, &asked[i], &incr, 1, "{a}:n 1", 0);
            asked_count += 8;
            link.store->type->flush(link.store);
            if (step == 0)
                fs_redis_cluster_open_slot(&cluster, slot, owner, target);
            else if (step == 1)
                fs_redis_cluster_move_key(&cluster, "{a}:n", owner, target);
            else if (step == 2)
                fs_redis_cluster_close_slot(&cluster, slot, target);
            for (size_t i = 0; i < 8; i++) {
                fs_link_await(&link, &asked[i]);
                FS_CHECK_INT(asked[i].kind, FS_REPLY_INTEGER);
                FS_CHECK_INT(asked[i].answer_count, 1);
                highest = asked[i].integer > highest ? asked[i].integer : highest;
            }
        }
        owner = target;
    }
    FS_CHECK_INT(highest, asked_count);
    FS_CHECK_INT(number_at(owner, "GET {a}:n"), asked_count);
    fs_link_close(&link);
}

static void a_script_that_the_other_node_does_not_know_is_sent_by_source_with_asking(void)
{
    struct fs_asked asked = {.then = NULL};
    unsigned slot = fs_topology_slot((struct fs_text){"{b}:n", 5});
    unsigned owner;
    unsigned target;

    FS_REQUIRE(open_cluster());
    owner = fs_redis_cluster_owner(&cluster, 0, slot);
    target = (owner + 1) % 3;
    fs_link_script(&link, &asked, &incr, 1, "{b}:n 5", 0);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.integer, 5);
    freeReplyObject(fs_redis_server_ask(&cluster.nodes[target], "SCRIPT FLUSH"));
    fs_redis_cluster_open_slot(&cluster, slot, owner, target);
    fs_redis_cluster_move_key(&cluster, "{b}:n", owner, target);
    fs_link_script(&link, &asked, &incr, 1, "{b}:n 2", 0);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.kind, FS_REPLY_INTEGER);
    FS_CHECK_INT(asked.integer, 7);
    fs_redis_cluster_close_slot(&cluster, slot, target);
    fs_link_close(&link);
}

static void keys_on_both_nodes_are_waited_for(void)
{
    struct fs_asked asked = {.then = NULL};
    unsigned slot = fs_topology_slot((struct fs_text){"{c}:n", 5});
    uint64_t begun_us;
    unsigned owner;
    unsigned target;

    FS_REQUIRE(open_cluster());
    owner = fs_redis_cluster_owner(&cluster, 0, slot);
    target = (owner + 1) % 3;
    fs_link_script(&link, &asked, &incr_both, 2, "{c}:n {c}:m", 0);
    fs_link_await(&link, &asked);
    fs_redis_cluster_open_slot(&cluster, slot, owner, target);
    fs_redis_cluster_move_key(&cluster, "{c}:n", owner, target);
    begun_us = fs_clock_now_us();
    fs_link_script(&link, &asked, &incr_both, 2, "{c}:n {c}:m", begun_us + 150000);
    fs_link_await(&link, &asked); /* FS_REPLY_LOST: it was being tried at the deadline */
    FS_CHECK(asked.kind == FS_REPLY_REFUSED || asked.kind == FS_REPLY_LOST);
    FS_CHECK(asked.answered_at_us >= begun_us + 100000);
    fs_link_script(&link, &asked, &incr_both, 2, "{c}:n {c}:m", 0);
    fs_link_turn_for(&link, 50);
    FS_CHECK_INT(asked.answer_count, 0);
    fs_redis_cluster_move_key(&cluster, "{c}:m", owner, target);
    fs_link_await(&link, &asked);
    FS_CHECK_INT(asked.integer, 2); /* the refused one did not run */
    fs_redis_cluster_close_slot(&cluster, slot, target);
    fs_link_close(&link);
}

static void a_promoted_replica_is_found_and_the_dead_node_rests(void)
{
    struct fs_asked asked = {.then = NULL};
    const struct fs_text key = {"{1}:n", 5}; /* of a slot of the first primary's range, or moved */
    unsigned slot = fs_topology_slot(key);
    unsigned owner;
    unsigned promoted;
    uint64_t until_us;

    FS_REQUIRE(open_cluster());
    owner = 0; /* it has the replica */
    while (fs_redis_cluster_owner(&cluster, 0, slot) != owner)
        slot = (slot + 1) % FS_STORE_SLOT_COUNT;
    promoted = fs_redis_cluster_kill(&cluster, slot, owner);
    FS_CHECK_INT(promoted, 3);
    until_us = fs_clock_now_us() + 10000000;
    do { /* the nodes agree a moment after the promotion that the cluster is whole again */
        fs_link_ask(&link, &asked, "SET {1}:n 1");
        fs_link_turn_for(&link, 5);
    } while (strcmp(asked.text, "OK") != 0 && fs_clock_now_us() < until_us);
    FS_CHECK_STR(asked.text, "OK");
    while (!fs_redis_is_ready(link.store) && fs_clock_now_us() < until_us)
        fs_link_turn_for(&link, 5);
    FS_CHECK(fs_redis_is_ready(link.store)); /* nobody waits for the dead one any more */
    fs_link_close(&link);
}

static void addresses_that_do_not_belong_together_are_refused(void)
{
    static struct fs_redis_server alone;
    struct fs_link_options options = {.urls = {NULL}};
    char url[96];

    fs_redis_server_start(&alone, (const char *const[]){"--maxmemory-policy", "noeviction", NULL});
    options.urls[0] = alone.tcp_url;
    options.urls[1] = cluster.nodes[1].tcp_url;
    FS_CHECK(!fs_link_open_found(&link, &options, 0));
    FS_CHECK_CONTAINS(link.log_text, "name nodes of one cluster, or independent servers");
    snprintf(url, sizeof(url), "%s/3", cluster.nodes[1].tcp_url);
    options = (struct fs_link_options){.urls = {url}};
    FS_CHECK(!fs_link_open_found(&link, &options, 0));
    FS_CHECK_CONTAINS(link.log_text, "database 0 only");
    fs_redis_server_stop(&alone);
}

static void a_replica_that_may_not_be_trusted_is_named_at_the_start(void)
{
    FS_REQUIRE(open_cluster());
    fs_link_close(&link);
    FS_CHECK(!strstr(link.log_text, "may be promoted"));
    freeReplyObject(
        fs_redis_server_ask(&cluster.nodes[3], "CONFIG SET maxmemory-policy allkeys-lru"));
    /* A node names a replica once it has heard how far that one is. */
    for (int tries = 0; tries < 100 && !strstr(link.log_text, "may be promoted"); tries++) {
        FS_REQUIRE(open_cluster());
        fs_link_close(&link);
        poll(NULL, 0, strstr(link.log_text, "may be promoted") ? 0 : 100);
    }
    FS_CHECK_CONTAINS(link.log_text, "a replica that may be promoted: Redis at 127.0.0.1");
    FS_CHECK_CONTAINS(link.log_text, "may drop orders");
    freeReplyObject(
        fs_redis_server_ask(&cluster.nodes[3], "CONFIG SET maxmemory-policy noeviction"));
}

static void set_on_all(const char *line)
{
    for (unsigned i = 0; i < cluster.count; i++)
        freeReplyObject(fs_redis_server_ask(&cluster.nodes[i], line));
}

/* Nodes hear of each other's names by and by. */
static bool await_names(void)
{
    for (int tries = 0; tries < 500; tries++) {
        unsigned named = 0;

        for (unsigned i = 0; i < 3; i++) {
            redisReply *reply = fs_redis_server_ask(&cluster.nodes[i], "CLUSTER SLOTS");

            for (size_t k = 0; k < reply->elements; k++)
                named += strcmp(reply->element[k]->element[2]->element[0]->str, "localhost") != 0;
            freeReplyObject(reply);
        }
        if (named == 0)
            return true;
        poll(NULL, 0, 20);
    }
    return false;
}

static void nodes_that_announce_names_are_found_and_followed(void)
{
    struct fs_asked asked = {.then = NULL};
    unsigned slot = fs_topology_slot((struct fs_text){"{d}:n", 5});
    unsigned owner;

    FS_REQUIRE(open_cluster());
    fs_link_close(&link);
    set_on_all("CONFIG SET cluster-announce-hostname localhost");
    set_on_all("CONFIG SET cluster-preferred-endpoint-type hostname");
    FS_REQUIRE(await_names());
    FS_REQUIRE(open_cluster());
    FS_CHECK_STR(link.redis->places.list[0]->host, "localhost");
    owner = fs_redis_cluster_owner(&cluster, 0, slot);
    for (unsigned i = 0; i < 3; i++) {
        unsigned target = (owner + 1) % 3;

        fs_redis_cluster_open_slot(&cluster, slot, owner, target);
        fs_link_ask(&link, &asked, "INCR {d}:n"); /* ASK names localhost */
        FS_CHECK_INT(asked.integer, 2 * i + 1);
        if (i > 0)
            fs_redis_cluster_move_key(&cluster, "{d}:n", owner, target);
        fs_redis_cluster_close_slot(&cluster, slot, target);
        fs_link_ask(&link, &asked, "INCR {d}:n"); /* and so does MOVED */
        FS_CHECK_INT(asked.integer, 2 * i + 2);
        owner = target;
    }
    FS_CHECK_INT(link.redis->places.count, 3);
    fs_link_close(&link);
    set_on_all("CONFIG SET cluster-preferred-endpoint-type ip");
}

static void a_cluster_without_slots_is_refused(void)
{
    static struct fs_redis_server empty;
    struct fs_link_options options = {.urls = {NULL}, .start_timeout_us = 300000};
    char bus[16];

    snprintf(bus, sizeof(bus), "%d", fs_test_free_port());
    fs_redis_server_start(
        &empty, (const char *const[]){"--cluster-enabled", "yes", "--cluster-port", bus, NULL});
    options.urls[0] = empty.tcp_url;
    FS_CHECK(!fs_link_open_found(&link, &options, 0));
    FS_CHECK_CONTAINS(link.log_text, "redis-cli --cluster");
    fs_redis_server_stop(&empty);
}

static void a_first_address_that_is_dead_does_not_matter(void)
{
    struct fs_link_options options = {.urls = {"redis://127.0.0.1:1", NULL}};

    options.urls[1] = cluster.nodes[1].tcp_url;
    FS_CHECK(fs_link_open_found(&link, &options, FS_LINK_PATIENCE_MS));
    fs_link_close(&link);
}

#define TESTS(T)                                                                \
    T(a_moved_command_is_run_once_by_the_node_it_was_sent_to)                   \
    T(an_asked_command_has_asking_before_it_and_the_map_stays)                  \
    T(a_circle_of_redirections_ends_as_not_run)                                 \
    T(a_node_that_is_not_there_is_waited_for_until_the_deadline)                \
    T(what_is_parked_at_the_end_goes_with_the_link)                             \
    T(many_redirected_at_once_are_each_answered_once)                           \
    T(commands_go_to_the_nodes_that_have_their_slots)                           \
    T(a_slot_that_moves_loses_no_command_and_runs_none_twice)                   \
    T(a_script_that_the_other_node_does_not_know_is_sent_by_source_with_asking) \
    T(keys_on_both_nodes_are_waited_for)                                        \
    T(addresses_that_do_not_belong_together_are_refused)                        \
    T(a_replica_that_may_not_be_trusted_is_named_at_the_start)                  \
    T(nodes_that_announce_names_are_found_and_followed)                         \
    T(a_cluster_without_slots_is_refused)                                       \
    T(a_promoted_replica_is_found_and_the_dead_node_rests)                      \
    T(a_first_address_that_is_dead_does_not_matter)
FS_SUITE("store/route", TESTS)
