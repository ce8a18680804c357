/* Addresses of Redis servers, and slots of keys. */
#include "support/suite.h"

#include "base/text.h"
#include "store/topology.h"

static struct fs_topology topology;
static struct fs_error error;

static const struct fs_node *add(const char *url)
{
    fs_topology_dispose(&topology);
    error.text[0] = '\0';
    return fs_topology_add(&topology, url, &error) == 0 ? &topology.nodes[0] : NULL;
}

static void addresses_are_read_as_written(void)
{
    static const struct {
        const char *url, *name, *host, *path, *user, *password;
        int port;
        unsigned database;
    } rows[] = {
        {"redis://localhost", "localhost:6379", "localhost", NULL, NULL, NULL, 6379, 0},
        {"redis://10.0.0.1:7000/", "10.0.0.1:7000", "10.0.0.1", NULL, NULL, NULL, 7000, 0},
        {"redis://db:7000/15", "db:7000", "db", NULL, NULL, NULL, 7000, 15},
        {"redis://:secret@db:1", "db:1", "db", NULL, NULL, "secret", 1, 0},
        {"redis://ann:se:cret@db:1", "db:1", "db", NULL, "ann", "se:cret", 1, 0},
        {"redis://a%40b:p%2Fq%25@db:1/2", "db:1", "db", NULL, "a@b", "p/q%", 1, 2},
        {"redis://ann:a@b@db:65535", "db:65535", "db", NULL, "ann", "a@b", 65535, 0},
        {"redis://[::1]:7000/3", "[::1]:7000", "::1", NULL, NULL, NULL, 7000, 3},
        {"redis://[fe80::1]", "[fe80::1]:6379", "fe80::1", NULL, NULL, NULL, 6379, 0},
        {"unix:/run/redis.sock", "unix:/run/redis.sock", NULL, "/run/redis.sock", NULL, NULL, 0, 0},
        {"unix:/run/redis.sock?db=4", "unix:/run/redis.sock", NULL, "/run/redis.sock", NULL, NULL,
         0, 4},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct fs_node *node = add(rows[i].url);

        FS_CHECK_STR(error.text, "");
        FS_REQUIRE(node != NULL);
        FS_CHECK_STR(node->name, rows[i].name);
        FS_CHECK_STR(node->host ? node->host : "-", rows[i].host ? rows[i].host : "-");
        FS_CHECK_STR(node->path ? node->path : "-", rows[i].path ? rows[i].path : "-");
        FS_CHECK_STR(node->user ? node->user : "-", rows[i].user ? rows[i].user : "-");
        FS_CHECK_STR(node->password ? node->password : "-",
                     rows[i].password ? rows[i].password : "-");
        FS_CHECK_INT(node->port, rows[i].port);
        FS_CHECK_INT(node->database, rows[i].database);
    }
    fs_topology_dispose(&topology);
}

static void sentinels_are_read_with_the_name_of_their_primary(void)
{
    const struct fs_node *node =
        add("sentinel://ann:secret@s1:1,[::1],s3/mymaster/3"); /* the log-in is the server's */

    FS_REQUIRE(node && node->sentinels);
    FS_CHECK_STR(node->sentinels->master, "mymaster");
    FS_CHECK_INT(node->sentinels->count, 3);
    FS_CHECK_STR(node->sentinels->list[0].host, "s1");
    FS_CHECK_INT(node->sentinels->list[0].port, 1);
    FS_CHECK_STR(node->sentinels->list[1].host, "::1");
    FS_CHECK_INT(node->sentinels->list[2].port, 26379);
    FS_CHECK_STR(node->password, "secret");
    FS_CHECK_INT(node->database, 3);
    FS_CHECK(!strstr(node->name, "secret"));
    node = add("redis-sentinel://s1/m");
    FS_REQUIRE(node && node->sentinels);
    FS_CHECK_STR(node->sentinels->master, "m");
    fs_topology_move(&topology.nodes[topology.node_count - 1], "10.0.0.1", 7000);
    FS_CHECK_STR(node->name, "10.0.0.1:7000");
    FS_CHECK_STR(node->at.list[0], "10.0.0.1");
    fs_topology_dispose(&topology);
}

static void what_is_no_address_is_refused_with_a_sentence(void)
{
    static const struct {
        const char *url, *part;
    } rows[] = {
        {"", "a Redis server is named redis://"},
        {"http://db:1", "a Redis server is named redis://"},
        {"rediss://db:1", "a Redis server is named redis://"},
        {"redis://", "a Redis server is named by host:port"},
        {"redis://:7000", "a Redis server is named by host:port"},
        {"redis://db:0", "must be from 1 to 65535, not '0'"},
        {"redis://db:65536", "must be from 1 to 65535"},
        {"redis://db:", "must be from 1 to 65535"},
        {"redis://db:7000x", "must be from 1 to 65535"},
        {"redis://db:7000/x", "the database of db:7000 must be a number"},
        {"redis://db:7000/-1", "the database of db:7000 must be a number"},
        {"redis://ann@db:7000", "user:password@"},
        {"redis://ann:%4@db:7000", "begins a code such as %40"},
        {"redis://ann:%00@db:7000", "begins a code such as %40"},
        {"redis://ann:%zz@db:7000", "begins a code such as %40"},
        {"redis://[::1:7000", "[::1]:6379"},
        {"redis://[::1]x", "[::1]:6379"},
        {"redis://[::1]:", "host:port"},
        {"sentinel://", "sentinels are named sentinel://"},
        {"sentinel://s:1", "sentinels are named sentinel://"},
        {"sentinel://s:1/", "sentinels are named sentinel://"},
        {"sentinel:///m", "named by host:port"},
        {"sentinel://s:1,/m", "named by host:port"},
        {"sentinel://s:0/m", "must be from 1 to 65535"},
        {"sentinel://s:1/m/x", "must be a number"},
        {"sentinel://a,b,c,d,e,f,g,h,i/m", "more than 8 sentinels"},
        {"unix:", "absolute path"},
        {"unix:redis.sock", "absolute path"},
        {"unix:/a?x=1", "only ?db=number"},
        {"unix:/a?db=", "must be a number"},
    };
    char url[256] = "unix:/";

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        FS_CHECK(add(rows[i].url) == NULL);
        FS_CHECK_CONTAINS(error.text, rows[i].part);
        FS_CHECK(!strstr(error.text, "ann"));
    }
    memset(url + 6, 'a', 107);
    FS_CHECK(add(url) == NULL);
    FS_CHECK_CONTAINS(error.text, "at most 107 bytes, this one 108");
    url[6 + 106] = '\0';
    FS_CHECK(add(url) != NULL);
    fs_topology_dispose(&topology);
}

static void more_servers_than_the_limit_are_refused(void)
{
    fs_topology_dispose(&topology);
    for (unsigned i = 0; i < FS_STORE_NODES_MAX; i++)
        FS_CHECK_INT(fs_topology_add(&topology, "redis://127.0.0.1:1", &error), 0);
    FS_CHECK(fs_topology_add(&topology, "redis://127.0.0.1:1", &error) != 0);
    FS_CHECK_CONTAINS(error.text, "more than 64");
    fs_topology_dispose(&topology);
}

static void names_become_numeric_addresses(void)
{
    FS_REQUIRE(add("redis://localhost:1") != NULL);
    FS_CHECK_INT(fs_topology_resolve(&topology, NULL, NULL, &error), 0);
    FS_CHECK(topology.nodes[0].at.count >= 1);
    FS_CHECK(strcmp(topology.nodes[0].at.list[0], "127.0.0.1") == 0 ||
             strcmp(topology.nodes[0].at.list[0], "::1") == 0);
    FS_REQUIRE(add("redis://no-such-host.invalid:1") != NULL);
    FS_CHECK(fs_topology_resolve(&topology, NULL, NULL, &error) != 0);
    FS_CHECK_CONTAINS(error.text, "no-such-host.invalid:1 has no address");
    fs_topology_dispose(&topology);
}

/* Checked against CLUSTER KEYSLOT of Redis 7.0.15. */
static void slots_are_those_of_redis_cluster(void)
{
    static const struct {
        const char *key;
        unsigned slot;
    } rows[] = {
        {"123456789", 12739},    {"foo", 12182},          {"bar", 5061},   {"", 0},
        {"foo{bar}{zap}", 5061}, {"fs:{bar}:sale", 5061}, {"{bar}", 5061}, {"x}{bar}", 5061},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        FS_CHECK_INT(fs_topology_slot(fs_text_of(rows[i].key)), rows[i].slot);
    /* An empty tag, and one that never ends, are none. */
    FS_CHECK(fs_topology_slot(FS_TEXT("foo{}{bar}")) != 5061);
    FS_CHECK(fs_topology_slot(FS_TEXT("foo{bar")) != 5061);
    FS_CHECK_INT(fs_topology_slot(FS_TEXT("foo{{bar}}zap")), fs_topology_slot(FS_TEXT("{bar")));
}

static void slots_are_dealt_to_nodes_in_equal_ranges(void)
{
    unsigned counts[3] = {0};
    char key[32];

    fs_topology_dispose(&topology);
    for (int i = 0; i < 3; i++)
        fs_topology_add(&topology, "redis://127.0.0.1:1", &error);
    for (int i = 0; i < 30000; i++) {
        int len = snprintf(key, sizeof(key), "fs:{%d}:sale", i);
        unsigned node = fs_topology_node_of(&topology, (struct fs_text){key, (size_t)len});

        FS_REQUIRE(node < 3);
        counts[node]++;
    }
    for (int i = 0; i < 3; i++)
        FS_CHECK(counts[i] > 9500 && counts[i] < 10500);
    fs_topology_dispose(&topology);
}

#define TESTS(T)                                         \
    T(addresses_are_read_as_written)                     \
    T(sentinels_are_read_with_the_name_of_their_primary) \
    T(what_is_no_address_is_refused_with_a_sentence)     \
    T(more_servers_than_the_limit_are_refused)           \
    T(names_become_numeric_addresses)                    \
    T(slots_are_those_of_redis_cluster)                  \
    T(slots_are_dealt_to_nodes_in_equal_ranges)
FS_SUITE("store/topology", TESTS)
