/* What a cluster says of itself, read from hand-made replies. */
#include "support/suite.h"

#include <errno.h>

#include "base/text.h"
#include "store/cluster.h"

#define TEXT(literal)                                                   \
    {                                                                   \
        .kind = FS_REPLY_TEXT, .text = { literal, sizeof(literal) - 1 } \
    }
#define NUMBER(value)                                \
    {                                                \
        .kind = FS_REPLY_INTEGER, .integer = (value) \
    }
#define LIST(array)                                                                               \
    {                                                                                             \
        .kind = FS_REPLY_LIST, .items = (array), .item_count = sizeof(array) / sizeof((array)[0]) \
    }

static struct fs_cluster_map map;
static struct fs_error error;

static int read_one(const struct fs_reply *primary, const struct fs_reply *replica, int64_t first,
                    int64_t last)
{
    const struct fs_reply range[] = {NUMBER(first), NUMBER(last), *primary,
                                     replica ? *replica : (struct fs_reply){0}};
    const struct fs_reply ranges[] = {
        {.kind = FS_REPLY_LIST, .items = range, .item_count = replica ? 4 : 3}};
    const struct fs_reply slots = LIST(ranges);

    return fs_cluster_map_read(&slots, "10.0.0.9", &map, &error);
}

static void primaries_slots_and_replicas_are_read(void)
{
    const struct fs_reply a[] = {TEXT("10.0.0.1"), NUMBER(7000), TEXT("id1")};
    const struct fs_reply b[] = {TEXT("10.0.0.2"), NUMBER(7001), TEXT("id2")};
    const struct fs_reply c[] = {TEXT("10.0.0.3"), NUMBER(7002), TEXT("id3")};
    const struct fs_reply one[] = {NUMBER(0), NUMBER(99), LIST(a), LIST(c)};
    const struct fs_reply two[] = {NUMBER(100), NUMBER(16382), LIST(b), LIST(c)};
    const struct fs_reply three[] = {NUMBER(16383), NUMBER(16383), LIST(a)};
    const struct fs_reply ranges[] = {LIST(one), LIST(two), LIST(three)};
    const struct fs_reply slots = LIST(ranges);

    FS_REQUIRE(fs_cluster_map_read(&slots, "10.0.0.9", &map, &error) == 0);
    FS_CHECK_INT(map.node_count, 2);
    FS_CHECK_INT(map.replica_count, 1);
    FS_CHECK_INT(map.owners[0], 1);
    FS_CHECK_INT(map.owners[99], 1);
    FS_CHECK_INT(map.owners[100], 2);
    FS_CHECK_INT(map.owners[16382], 2);
    FS_CHECK_INT(map.owners[16383], 1);
    FS_CHECK_STR(map.nodes[1].address, "10.0.0.2");
    FS_CHECK_INT(map.nodes[1].port, 7001);
    FS_CHECK_INT(fs_cluster_map_hole(&map), FS_STORE_SLOT_COUNT);
}

static void a_node_without_an_address_is_where_it_was_asked(void)
{
    const struct fs_reply nil[] = {{.kind = FS_REPLY_NIL}, NUMBER(7000)};
    const struct fs_reply empty[] = {TEXT(""), NUMBER(7000)};
    const struct fs_reply unknown[] = {TEXT("?"), NUMBER(7000)};
    const struct fs_reply nodes[] = {LIST(nil), LIST(empty), LIST(unknown)};

    for (size_t i = 0; i < 3; i++) {
        FS_CHECK_INT(read_one(&nodes[i], NULL, 0, 0), 0);
        FS_CHECK_STR(map.nodes[0].host, "10.0.0.9");
        FS_CHECK_STR(map.nodes[0].address, "10.0.0.9");
    }
}

static void an_announced_name_keeps_the_address_behind_it(void)
{
    const struct fs_reply details[] = {TEXT("ip"), TEXT("10.0.0.1")};
    const struct fs_reply named[] = {TEXT("redis-1"), NUMBER(7000), TEXT("id"), LIST(details)};
    const struct fs_reply bare[] = {TEXT("redis-2"), NUMBER(7001), TEXT("id")};
    const struct fs_reply primary = LIST(named);
    const struct fs_reply replica = LIST(bare);

    FS_CHECK_INT(read_one(&primary, &replica, 0, 16383), 0);
    FS_CHECK_STR(map.nodes[0].host, "redis-1");
    FS_CHECK_STR(map.nodes[0].address, "10.0.0.1");
    FS_CHECK_STR(map.replicas[0].host, "redis-2");
    FS_CHECK_STR(map.replicas[0].address, "");
}

static void slots_that_nobody_serves_are_named(void)
{
    const struct fs_reply a[] = {TEXT("10.0.0.1"), NUMBER(7000)};
    const struct fs_reply primary = LIST(a);

    FS_CHECK_INT(read_one(&primary, NULL, 0, 16000), 0);
    FS_CHECK_INT(fs_cluster_map_hole(&map), 16001);
}

static void what_makes_no_sense_is_refused(void)
{
    const struct fs_reply good[] = {TEXT("10.0.0.1"), NUMBER(7000)};
    const struct fs_reply no_port[] = {TEXT("10.0.0.1"), NUMBER(0)};
    const struct fs_reply huge_port[] = {TEXT("10.0.0.1"), NUMBER(70000)};
    const struct fs_reply short_node[] = {TEXT("10.0.0.1")};
    const struct fs_reply with_nul[] = {TEXT("10.0\0.1"), NUMBER(7000)};
    const struct fs_reply fine = LIST(good);
    const struct fs_reply bad[] = {LIST(no_port), LIST(huge_port), LIST(short_node), LIST(with_nul),
                                   NUMBER(1)};
    const struct fs_reply no_list = NUMBER(1);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        FS_CHECK_INT(read_one(&bad[i], NULL, 0, 1), -EPROTO);
    FS_CHECK_INT(read_one(&fine, NULL, -1, 1), -EPROTO);
    FS_CHECK_INT(read_one(&fine, NULL, 5, 4), -EPROTO);
    FS_CHECK_INT(read_one(&fine, NULL, 0, 16384), -EPROTO);
    FS_CHECK_INT(fs_cluster_map_read(&no_list, "10.0.0.9", &map, &error), -EPROTO);
    FS_CHECK_INT(read_one(&fine, NULL, 0, 16383), 0);
}

static void redirections_are_read(void)
{
    struct fs_redirect redirect;

    FS_REQUIRE(fs_redirect_read(FS_TEXT("MOVED 3999 127.0.0.1:6381"), &redirect));
    FS_CHECK_INT(redirect.kind, FS_REDIRECT_MOVED);
    FS_CHECK_INT(redirect.slot, 3999);
    FS_CHECK_TEXT(redirect.host.data, redirect.host.len, "127.0.0.1");
    FS_CHECK_INT(redirect.port, 6381);
    FS_REQUIRE(fs_redirect_read(FS_TEXT("ASK 16383 ::1:7000"), &redirect));
    FS_CHECK_INT(redirect.kind, FS_REDIRECT_ASK);
    FS_CHECK_TEXT(redirect.host.data, redirect.host.len, "::1");
    FS_REQUIRE(fs_redirect_read(FS_TEXT("MOVED 1 :7000"), &redirect));
    FS_CHECK_INT(redirect.host.len, 0);
    FS_REQUIRE(fs_redirect_read(FS_TEXT("MOVED 1 ?:7000"), &redirect));
    FS_CHECK_INT(redirect.host.len, 0);
    FS_REQUIRE(fs_redirect_read(FS_TEXT("TRYAGAIN Multiple keys request during rehashing of slot"),
                                &redirect));
    FS_CHECK_INT(redirect.kind, FS_REDIRECT_TRYAGAIN);
}

static void other_errors_are_no_redirections(void)
{
    static const char *const rows[] = {"",
                                       "MOVED",
                                       "MOVED x 127.0.0.1:1",
                                       "MOVED 16384 127.0.0.1:1",
                                       "MOVED 1 127.0.0.1",
                                       "MOVED 1 127.0.0.1:0",
                                       "MOVED 1 127.0.0.1:65536",
                                       "ASKING",
                                       "CLUSTERDOWN The cluster is down",
                                       "TRYAGAINST 1"};
    struct fs_redirect redirect;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        FS_CHECK(!fs_redirect_read(fs_text_of(rows[i]), &redirect));
}

#define TESTS(T)                                       \
    T(primaries_slots_and_replicas_are_read)           \
    T(a_node_without_an_address_is_where_it_was_asked) \
    T(an_announced_name_keeps_the_address_behind_it)   \
    T(slots_that_nobody_serves_are_named)              \
    T(what_makes_no_sense_is_refused)                  \
    T(redirections_are_read)                           \
    T(other_errors_are_no_redirections)
FS_SUITE("store/cluster", TESTS)
