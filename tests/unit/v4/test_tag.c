/* Where shards are, and which is whose home. */
#include "tag.h"

#include "support/random.h"
#include "support/suite.h"

#define SHARDS 8u

/* Bit by bit, from the polynomial: not the code under test. */
static unsigned slot_of(const char *text, size_t len)
{
    unsigned long value = 0;

    for (size_t i = 0; i < len; i++) {
        value ^= (unsigned long)(unsigned char)text[i] << 8;
        for (int bit = 0; bit < 8; bit++) {
            value <<= 1;
            if (value & 0x10000)
                value ^= 0x11021;
        }
    }
    return (unsigned)(value % 16384);
}

static void slots_are_those_of_redis_cluster(void)
{
    FS_CHECK_INT(slot_of("123456789", 9), 0x31c3 % 16384); /* the specification's example */
}

static void shards_are_dealt_round_over_the_nodes(void)
{
    for (unsigned nodes = 1; nodes <= 5; nodes++)
        for (unsigned product = 0; product < 50; product++) {
            char name[FS_PRODUCT_LEN_MAX + 1];
            unsigned before = 0;

            snprintf(name, sizeof(name), "%.*s%u", (int)(product % 60),
                     "a-product-with-a-name-that-is-as-long-as-a-name-of-one-may-be", product);
            for (unsigned k = 0; k < SHARDS; k++) {
                char chars[FS_LEDGER_NAME_LEN_MAX];
                struct fs_text tag =
                    fs_v4_tag_write(chars, (struct fs_text){name, strlen(name)}, 0, k, nodes);
                unsigned node = slot_of(tag.data, tag.len) * nodes / 16384;

                if (k > 0)
                    FS_CHECK_INT(node, (before + 1) % nodes);
                before = node;
            }
        }
}

static void each_shard_has_a_name_of_its_own(void)
{
    char chars[SHARDS][FS_LEDGER_NAME_LEN_MAX];
    struct fs_text tags[SHARDS];

    for (unsigned k = 0; k < SHARDS; k++) {
        tags[k] = fs_v4_tag_write(chars[k], FS_LEDGER_TEXT("shoe"), 0, k, 3);
        FS_CHECK(memcmp(tags[k].data, "shoe/", 5) == 0);
        for (unsigned i = 0; i < k; i++)
            FS_CHECK(!fs_ledger_same(tags[i], tags[k]));
    }
}

static void on_one_node_a_shard_is_its_number(void)
{
    char chars[FS_LEDGER_NAME_LEN_MAX];
    struct fs_text tag = fs_v4_tag_write(chars, FS_LEDGER_TEXT("shoe"), 0, 7, 1);

    FS_CHECK_TEXT(tag.data, tag.len, "shoe/7");
}

static void a_home_never_changes(void)
{
    /* Kept in stores: another answer would lose sight of a buyer's orders. */
    FS_CHECK_INT(fs_v4_home_of(FS_LEDGER_TEXT("ann"), FS_LEDGER_TEXT("shoe"), SHARDS), 0);
    FS_CHECK_INT(fs_v4_home_of(FS_LEDGER_TEXT("user_10000"), FS_LEDGER_TEXT("shoe"), SHARDS), 1);
}

static void a_buyer_s_homes_are_on_one_node_whatever_the_product(void)
{
    for (unsigned nodes = 1; nodes <= SHARDS; nodes *= 2)
        for (unsigned product = 0; product < 50; product++) {
            char name[16];
            char chars[2][FS_LEDGER_NAME_LEN_MAX];
            struct fs_text text = {name, (size_t)snprintf(name, sizeof(name), "p%u", product)};
            struct fs_text shoe = FS_LEDGER_TEXT("shoe");
            struct fs_text ann = FS_LEDGER_TEXT("ann");
            struct fs_text tags[2] = {
                fs_v4_tag_write(chars[0], shoe, 0, fs_v4_home_of(ann, shoe, SHARDS), nodes),
                fs_v4_tag_write(chars[1], text, 0, fs_v4_home_of(ann, text, SHARDS), nodes)};

            FS_CHECK_INT(slot_of(tags[1].data, tags[1].len) * nodes / 16384,
                         slot_of(tags[0].data, tags[0].len) * nodes / 16384);
        }
}

static void buyers_are_spread_evenly(void)
{
    struct fs_random random = fs_random_start();
    unsigned counts[SHARDS] = {0};

    for (unsigned i = 0; i < 8000; i++) {
        char name[32];
        int len = snprintf(name, sizeof(name), "user_%" PRIu64, fs_random_below(&random, 1000000));

        counts[fs_v4_home_of((struct fs_text){name, (size_t)len}, FS_LEDGER_TEXT("shoe"),
                             SHARDS)]++;
    }
    for (unsigned k = 0; k < SHARDS; k++)
        FS_CHECK(counts[k] > 800 && counts[k] < 1200);
}

#define TESTS(T)                                            \
    T(slots_are_those_of_redis_cluster)                     \
    T(shards_are_dealt_round_over_the_nodes)                \
    T(each_shard_has_a_name_of_its_own)                     \
    T(on_one_node_a_shard_is_its_number)                    \
    T(a_home_never_changes)                                 \
    T(a_buyer_s_homes_are_on_one_node_whatever_the_product) \
    T(buyers_are_spread_evenly)

FS_SUITE("v4/tag", TESTS)
