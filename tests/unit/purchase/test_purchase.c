/* The names of orders, and how outcomes are counted. */
#include "support/suite.h"

#include <openssl/crypto.h>

#include "base/limits.h"
#include "purchase/purchase.h"

#define NAMES 20000u

/* What OpenSSL allocates, since it is the only one below fs_order_name() that could. */
static size_t allocation_count;

static void *counting_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    allocation_count++;
    return malloc(size);
}

static void *counting_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    allocation_count++;
    return realloc(memory, size);
}

static void counting_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

static struct fs_order_id name(struct fs_order_namer *namer, struct fs_text buyer,
                               struct fs_text key, struct fs_text product)
{
    struct fs_order_id id = {{0}};

    FS_CHECK_INT(fs_order_name(namer, buyer, key, product, &id), 0);
    return id;
}

static bool is_same(const struct fs_order_id *a, const struct fs_order_id *b)
{
    return fs_text_equals(fs_order_id_name(a), fs_order_id_name(b));
}

/* First in the list: CRYPTO_set_mem_functions() works only before OpenSSL's first allocation. */
static void naming_an_order_allocates_nothing(void)
{
    struct fs_order_namer *namer;
    struct fs_order_id id;

    FS_REQUIRE(CRYPTO_set_mem_functions(counting_malloc, counting_realloc, counting_free) == 1);
    OPENSSL_free(OPENSSL_malloc(1));
    FS_CHECK_INT(allocation_count, 1); /* it does count */
    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    id = name(namer, FS_TEXT("ann"), FS_TEXT("warm-up"), FS_TEXT("shoe"));
    allocation_count = 0;
    for (unsigned i = 0; i < 1000; i++) {
        id = name(namer, FS_TEXT("ann"), fs_order_id_name(&id), FS_TEXT("shoe"));
        id = name(namer, FS_TEXT("ann"), FS_TEXT(""), FS_TEXT("shoe"));
    }
    FS_CHECK_INT(allocation_count, 0);
    fs_order_namer_destroy(namer);
}

static void the_same_buyer_and_key_name_the_same_order(void)
{
    struct fs_order_namer *namers[2];
    struct fs_order_id first, again, elsewhere;

    FS_REQUIRE(fs_order_namer_create(&namers[0]) == 0);
    FS_REQUIRE(fs_order_namer_create(&namers[1]) == 0);
    first = name(namers[0], FS_TEXT("ann"), FS_TEXT("k1"), FS_TEXT("shoe"));
    again = name(namers[1], FS_TEXT("ann"), FS_TEXT("k1"), FS_TEXT("shoe"));
    elsewhere = name(namers[1], FS_TEXT("ann"), FS_TEXT("k1"), FS_TEXT("sock"));
    FS_CHECK(memcmp(first.text, again.text, sizeof(first.text)) == 0);
    FS_CHECK(is_same(&first, &elsewhere));
    FS_CHECK(memcmp(first.text, elsewhere.text, sizeof(first.text)) != 0);
    fs_order_namer_destroy(namers[0]);
    fs_order_namer_destroy(namers[1]);
}

static void another_buyer_or_key_names_another_order(void)
{
    struct fs_order_namer *namer;
    struct fs_order_id ids[6];

    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    ids[0] = name(namer, FS_TEXT("ann"), FS_TEXT("k1"), FS_TEXT("shoe"));
    ids[1] = name(namer, FS_TEXT("ann"), FS_TEXT("k2"), FS_TEXT("shoe"));
    ids[2] = name(namer, FS_TEXT("bob"), FS_TEXT("k1"), FS_TEXT("shoe"));
    ids[3] = name(namer, FS_TEXT("annk"), FS_TEXT("1"), FS_TEXT("shoe"));
    ids[4] = name(namer, FS_TEXT("an"), FS_TEXT("nk1"), FS_TEXT("shoe"));
    ids[5] = name(namer, FS_TEXT(""), FS_TEXT("annk1"), FS_TEXT("shoe"));
    for (unsigned i = 0; i < 6; i++)
        for (unsigned j = 0; j < i; j++)
            FS_CHECK(!is_same(&ids[i], &ids[j]));
    fs_order_namer_destroy(namer);
}

/* A change here would make every retry that crosses an upgrade a second purchase. */
static void the_name_of_an_order_never_changes(void)
{
    struct fs_order_namer *namer;
    struct fs_order_id id;

    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    id = name(namer, FS_TEXT("user_1"), FS_TEXT("checkout-7"), FS_TEXT("10"));
    FS_CHECK_TEXT(id.text, sizeof(id.text), "auwca2lyz6tpmqv42kmstjpyrmuonefm");
    fs_order_namer_destroy(namer);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct fs_order_id));
}

static void without_a_key_every_order_has_a_name_of_its_own(void)
{
    static struct fs_order_id ids[NAMES];
    struct fs_order_namer *namer;
    unsigned same = 0;

    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    for (unsigned i = 0; i < NAMES; i++)
        ids[i] = name(namer, FS_TEXT("ann"), FS_TEXT(""), FS_TEXT("shoe"));
    qsort(ids, NAMES, sizeof(ids[0]), compare_ids);
    for (unsigned i = 1; i < NAMES; i++)
        same += is_same(&ids[i - 1], &ids[i]);
    FS_CHECK_INT(same, 0);
    fs_order_namer_destroy(namer);
}

static void an_id_finds_its_product_and_hardly_another(void)
{
    struct fs_order_namer *namer;
    struct fs_order_id id;
    unsigned matches = 0;

    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    id = name(namer, FS_TEXT("ann"), FS_TEXT(""), FS_TEXT("500"));
    for (unsigned i = 0; i < FS_PRODUCTS_MAX; i++) {
        char product[16];

        snprintf(product, sizeof(product), "%u", i);
        matches +=
            fs_order_id_matches((struct fs_text){id.text, sizeof(id.text)}, fs_text_of(product));
    }
    FS_CHECK_INT(matches, 1);
    FS_CHECK(fs_order_id_matches((struct fs_text){id.text, sizeof(id.text)}, FS_TEXT("500")));
    FS_CHECK(!fs_order_id_matches((struct fs_text){id.text, 31}, FS_TEXT("500")));
    fs_order_namer_destroy(namer);
}

static void only_what_looks_like_an_id_is_valid(void)
{
    static const char *const bad[] = {
        "",
        "abc",
        "abcdefghijklmnopqrstuvwxyz23456",   /* 31 */
        "abcdefghijklmnopqrstuvwxyz2345672", /* 33 */
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "abcdefghijklmnopqrstuvwxyz234568",
        "abcdefghijklmnopqrstuvwxyz23456/",
        "abcdefghijklmnopqrstuvwxyz23456\xc3",
    };
    struct fs_order_namer *namer;
    struct fs_order_id id;

    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    id = name(namer, FS_TEXT("ann"), FS_TEXT("k"), FS_TEXT("shoe"));
    FS_CHECK(fs_order_id_is_valid((struct fs_text){id.text, sizeof(id.text)}));
    FS_CHECK(fs_order_id_is_valid(FS_TEXT("abcdefghijklmnopqrstuvwxyz234567")));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        FS_CHECK(!fs_order_id_is_valid(fs_text_of(bad[i])));
    fs_order_namer_destroy(namer);
}

static void the_name_is_what_a_strategy_takes(void)
{
    struct fs_order_namer *namer;
    struct fs_order_id id;
    struct fs_text text;

    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    id = name(namer, FS_TEXT("ann"), FS_TEXT("k"), FS_TEXT("shoe"));
    text = fs_order_id_name(&id);
    FS_CHECK_INT(text.len, FS_ORDER_NAME_LEN);
    FS_CHECK(text.len <= FS_ORDER_LEN_MAX);
    fs_order_namer_destroy(namer);
}

static void each_verdict_of_a_purchase_is_counted_as_itself(void)
{
    static const struct {
        enum fs_verdict verdict;
        enum fs_purchase_result result;
    } cases[] = {
        {FS_DONE, FS_RESULT_SOLD},
        {FS_SOLD_OUT, FS_RESULT_SOLD_OUT},
        {FS_LIMIT_REACHED, FS_RESULT_LIMIT},
        {FS_TOO_MANY, FS_RESULT_INVALID},
        {FS_CLOSED, FS_RESULT_CLOSED},
        {FS_UNKNOWN, FS_RESULT_UNKNOWN_PRODUCT},
        {FS_KEY_REUSED, FS_RESULT_KEY_REUSED},
        {FS_IN_PROGRESS, FS_RESULT_IN_PROGRESS},
        {FS_BUSY, FS_RESULT_BUSY},
        {FS_UNAVAILABLE, FS_RESULT_UNAVAILABLE},
        {FS_UNDETERMINED, FS_RESULT_UNDETERMINED},
    };
    struct fs_outcome replayed = {.verdict = FS_DONE, .replayed = true};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fs_outcome outcome = {.verdict = cases[i].verdict};

        FS_CHECK_INT(fs_purchase_result_of(&outcome), cases[i].result);
    }
    FS_CHECK_INT(fs_purchase_result_of(&replayed), FS_RESULT_REPLAYED);
}

#define TESTS(T)                                       \
    T(naming_an_order_allocates_nothing)               \
    T(the_same_buyer_and_key_name_the_same_order)      \
    T(another_buyer_or_key_names_another_order)        \
    T(the_name_of_an_order_never_changes)              \
    T(without_a_key_every_order_has_a_name_of_its_own) \
    T(an_id_finds_its_product_and_hardly_another)      \
    T(only_what_looks_like_an_id_is_valid)             \
    T(the_name_is_what_a_strategy_takes)               \
    T(each_verdict_of_a_purchase_is_counted_as_itself)

FS_SUITE("purchase/purchase", TESTS)
