/* What is read out of a server's own audit, and how an order's id is computed. */
#include "audit/ledger.h"

#include <errno.h>

#include "audit/resolve.h"
#include "purchase/purchase.h"
#include "support/suite.h"

static int parse(const char *text, struct fs_ledger_terms *terms)
{
    json_t *answer = json_loads(text, 0, NULL);
    int rc = fs_ledger_parse(answer, terms);

    json_decref(answer);
    return rc;
}

static void the_terms_of_a_ledger_are_read(void)
{
    struct fs_ledger_terms terms;

    FS_REQUIRE(
        parse("{\"product_id\":1,\"sound\":true,\"terms\":{\"epoch\":2,\"units_initial\":100,"
              "\"units_restocked\":5,\"units_left\":3,\"units_sold\":101,"
              "\"units_in_transit\":1,\"orders_sold\":90,\"orders_cancelled\":7,"
              "\"sold_difference\":0,\"shard_0_left\":3}}",
              &terms) == 0);
    FS_CHECK(terms.known && terms.consistent);
    FS_CHECK_INT(terms.initial, 100);
    FS_CHECK_INT(terms.restocked, 5);
    FS_CHECK_INT(terms.left, 3);
    FS_CHECK_INT(terms.sold, 101);
    FS_CHECK_INT(terms.in_transit, 1);
    FS_CHECK_INT(terms.orders, 90);
    FS_CHECK_INT(terms.orders_cancelled, 7);
}

static void terms_that_a_strategy_need_not_have_are_not_told(void)
{
    struct fs_ledger_terms terms;

    FS_REQUIRE(parse("{\"sound\":false,\"terms\":{\"units_initial\":1,\"units_restocked\":0,"
                     "\"units_left\":-1,\"units_sold\":2}}",
                     &terms) == 0);
    FS_CHECK(terms.known && !terms.consistent);
    FS_CHECK_INT(terms.left, -1);
    FS_CHECK_INT(terms.in_transit, 0);
    FS_CHECK_INT(terms.orders, -1);
    FS_CHECK_INT(terms.orders_cancelled, -1);
}

static void what_lacks_a_term_is_no_ledger(void)
{
    struct fs_ledger_terms terms = {.left = 42};

    FS_CHECK_INT(parse("{\"sound\":true,\"terms\":{}}", &terms), -EINVAL);
    FS_CHECK_INT(parse("{\"terms\":{\"units_initial\":1,\"units_restocked\":0,\"units_left\":0,"
                       "\"units_sold\":1}}",
                       &terms),
                 -EINVAL);
    FS_CHECK_INT(parse("{\"sound\":true,\"terms\":{\"units_initial\":1.5,\"units_restocked\":0,"
                       "\"units_left\":0,\"units_sold\":1}}",
                       &terms),
                 -EINVAL);
    FS_CHECK_INT(parse("[]", &terms), -EINVAL);
    FS_CHECK_INT(terms.left, 42);
}

static void the_id_of_an_order_follows_from_buyer_key_and_product(void)
{
    struct fs_order_namer *namer;
    char first[FS_ORDER_ID_SIZE];
    char again[FS_ORDER_ID_SIZE];
    char other[FS_ORDER_ID_SIZE];

    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    FS_CHECK_INT(fs_resolve_order_id(namer, 6, "a-key", "1", first), 0);
    FS_CHECK_INT(fs_resolve_order_id(namer, 6, "a-key", "1", again), 0);
    FS_CHECK_INT(fs_resolve_order_id(namer, 7, "a-key", "1", other), 0);
    fs_order_namer_destroy(namer);
    FS_CHECK_INT(strlen(first), FS_ORDER_ID_LEN);
    FS_CHECK_STR(first, again);
    FS_CHECK(strcmp(first, other) != 0);
}

#define TESTS(T)                                        \
    T(the_terms_of_a_ledger_are_read)                   \
    T(terms_that_a_strategy_need_not_have_are_not_told) \
    T(what_lacks_a_term_is_no_ledger)                   \
    T(the_id_of_an_order_follows_from_buyer_key_and_product)
FS_SUITE("bench/audit-ledger", TESTS)
