/* What a sale allows: shares, units per order, state and window. */
#include "conformance/conformance.h"

#define AT_ONCE 128u

void a_buyer_gets_exactly_their_share(void)
{
    REQUIRE_DONE(create_limited("shoe", 100, 3, 0));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 2));
    CHECK_VERDICT(buy("shoe", "ann", "o2", 2), FS_LIMIT_REACHED);
    REQUIRE_DONE(buy("shoe", "ann", "o3", 1));
    CHECK_VERDICT(buy("shoe", "ann", "o4", 1), FS_LIMIT_REACHED);
    CHECK_VERDICT(buy("shoe", "bob", "o5", 4), FS_LIMIT_REACHED);
    REQUIRE_DONE(buy("shoe", "bob", "o6", 3));
    check_units("shoe", 94, 6);
}

void a_buyer_who_asks_at_once_gets_exactly_their_share(void)
{
    static struct fs_request requests[AT_ONCE];
    struct fs_tally result;

    REQUIRE_DONE(create_limited("shoe", 1000, 5, 0));
    for (unsigned i = 0; i < AT_ONCE; i++) {
        char order[16];

        snprintf(order, sizeof(order), "o%u", i);
        requests[i] = (struct fs_request){.loop = i};
        fs_request_purchase(&requests[i], "shoe", "ann", order, 1);
    }
    run(requests, AT_ONCE, AT_ONCE);
    result = tally(requests, AT_ONCE);
    FS_CHECK_INT(result.sold, 5);
    FS_CHECK_INT(result.refused[FS_LIMIT_REACHED], AT_ONCE - 5);
    check_units("shoe", 995, 5);
}

void the_share_of_one_buyer_is_not_anothers(void)
{
    REQUIRE_DONE(create_limited("shoe", 100, 2, 0));
    REQUIRE_DONE(create_limited("sock", 100, 2, 0));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 2));
    REQUIRE_DONE(buy("shoe", "ann2", "o2", 2));
    REQUIRE_DONE(buy("sock", "ann", "o3", 2));
    CHECK_VERDICT(buy("sock", "ann", "o4", 1), FS_LIMIT_REACHED);
}

static void set_share(int64_t units)
{
    struct fs_request update = {0};

    fs_request_change(&update, FS_CHANGE_UPDATE, "shoe", 0);
    update.change.units_per_buyer_max = units;
    REQUIRE_DONE(ask(update));
}

void a_changed_share_applies_at_once(void)
{
    REQUIRE_DONE(create_limited("shoe", 100, 2, 0));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 2));
    set_share(3);
    REQUIRE_DONE(buy("shoe", "ann", "o2", 1));
    set_share(1);
    CHECK_VERDICT(buy("shoe", "ann", "o3", 1), FS_LIMIT_REACHED);
    set_share(0);
    REQUIRE_DONE(buy("shoe", "ann", "o4", 50));
}

void an_order_above_the_units_per_order_is_too_many(void)
{
    REQUIRE_DONE(create_limited("shoe", 100, 0, 3));
    CHECK_VERDICT(buy("shoe", "ann", "o1", 4), FS_TOO_MANY);
    REQUIRE_DONE(buy("shoe", "ann", "o2", 3));
    REQUIRE_DONE(buy("shoe", "ann", "o3", 3));
    check_units("shoe", 94, 6);
}

static void check_closed(enum fs_sale_state expected)
{
    static unsigned attempt;
    char order[16];
    struct fs_request refused;

    snprintf(order, sizeof(order), "closed%u", attempt++);
    refused = buy("shoe", "ann", order, 1);
    CHECK_VERDICT(refused, FS_CLOSED);
    FS_CHECK_INT(refused.outcome.state, expected);
    FS_CHECK_INT(count("shoe").sale.state, expected);
}

void a_paused_sale_sells_nothing(void)
{
    REQUIRE_DONE(create("shoe", 10));
    REQUIRE_DONE(set_state("shoe", FS_SALE_PAUSED));
    check_closed(FS_SALE_PAUSED);
    REQUIRE_DONE(set_state("shoe", FS_SALE_OPEN));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 1));
    check_units("shoe", 9, 1);
}

void a_closed_sale_sells_nothing(void)
{
    REQUIRE_DONE(create("shoe", 10));
    REQUIRE_DONE(set_state("shoe", FS_SALE_CLOSED));
    check_closed(FS_SALE_CLOSED);
    REQUIRE_DONE(set_state("shoe", FS_SALE_OPEN));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 1));
}

void a_sale_opens_by_its_window(void)
{
    struct fs_request update = {0};

    REQUIRE_DONE(create("shoe", 10));
    fs_request_change(&update, FS_CHANGE_UPDATE, "shoe", 0);
    update.change.opens_at_ms = wall_ms_now() + 60000;
    REQUIRE_DONE(ask(update));
    check_closed(FS_SALE_NOT_OPEN);
    update.change.opens_at_ms = wall_ms_now() + 150;
    REQUIRE_DONE(ask(update));
    sleep_ms(200);
    FS_CHECK_INT(count("shoe").sale.state, FS_SALE_OPEN);
    REQUIRE_DONE(buy("shoe", "ann", "o1", 1));
}

void a_sale_closes_by_its_window(void)
{
    struct fs_request update = {0};

    REQUIRE_DONE(create("shoe", 10));
    fs_request_change(&update, FS_CHANGE_UPDATE, "shoe", 0);
    update.change.opens_at_ms = wall_ms_now() - 1000;
    update.change.closes_at_ms = wall_ms_now() + 60000;
    REQUIRE_DONE(ask(update));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 1));
    update.change.closes_at_ms = wall_ms_now() + 150;
    REQUIRE_DONE(ask(update));
    sleep_ms(200);
    check_closed(FS_SALE_CLOSED);
    update.change.closes_at_ms = 0;
    REQUIRE_DONE(ask(update));
    REQUIRE_DONE(buy("shoe", "ann", "o2", 1));
}
