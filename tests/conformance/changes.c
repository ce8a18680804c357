/* Creating sales and changing them. */
#include "conformance/conformance.h"

void a_product_that_was_not_created_is_unknown(void)
{
    struct fs_request audited = {0};

    fs_request_read(&audited, FS_OP_AUDIT, "none");
    CHECK_VERDICT(buy("none", "ann", "o1", 1), FS_UNKNOWN);
    CHECK_VERDICT(count("none"), FS_UNKNOWN);
    CHECK_VERDICT(restock("none", 1), FS_UNKNOWN);
    CHECK_VERDICT(cancel("none", "ann", "o1"), FS_UNKNOWN);
    CHECK_VERDICT(lookup("none", "ann", "o1"), FS_UNKNOWN);
    CHECK_VERDICT(ask(audited), FS_UNKNOWN);
}

void a_created_sale_is_told_as_it_was_created(void)
{
    int64_t now_ms = wall_ms_now();
    struct fs_request created = {0};
    struct fs_request counted;

    fs_request_change(&created, FS_CHANGE_CREATE, "shoe", 100);
    created.change.units_per_buyer_max = 5;
    created.change.units_per_order_max = 3;
    created.change.opens_at_ms = now_ms - 60000;
    created.change.closes_at_ms = now_ms + 60000;
    created.change.state = FS_SALE_PAUSED;
    created = ask(created);
    CHECK_VERDICT(created, FS_DONE);
    counted = count("shoe");
    CHECK_VERDICT(counted, FS_DONE);
    for (int i = 0; i < 2; i++) {
        const struct fs_sale_info *sale = i == 0 ? &created.sale : &counted.sale;

        FS_CHECK_INT(sale->state, FS_SALE_PAUSED);
        FS_CHECK_INT(sale->epoch, 1);
        FS_CHECK_INT(sale->units_initial, 100);
        FS_CHECK_INT(sale->units_restocked, 0);
        FS_CHECK_INT(sale->units_left, 100);
        FS_CHECK_INT(sale->units_sold, 0);
        FS_CHECK_INT(sale->units_in_transit, 0);
        FS_CHECK_INT(sale->units_per_buyer_max, 5);
        FS_CHECK_INT(sale->units_per_order_max, 3);
        FS_CHECK_INT(sale->opens_at_ms, now_ms - 60000);
        FS_CHECK_INT(sale->closes_at_ms, now_ms + 60000);
    }
}

void a_new_sale_has_no_limits_and_is_open(void)
{
    struct fs_request created = create("shoe", 7);

    CHECK_VERDICT(created, FS_DONE);
    FS_CHECK_INT(created.sale.state, FS_SALE_OPEN);
    FS_CHECK_INT(created.sale.units_per_buyer_max, 0);
    FS_CHECK_INT(created.sale.units_per_order_max, 0);
    FS_CHECK_INT(created.sale.opens_at_ms, 0);
    FS_CHECK_INT(created.sale.closes_at_ms, 0);
    CHECK_VERDICT(buy("shoe", "ann", "o1", 7), FS_DONE);
}

void creating_a_sale_that_is_there_changes_nothing(void)
{
    REQUIRE_DONE(create("shoe", 10));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 4));
    CHECK_VERDICT(create("shoe", 99), FS_EXISTS);
    check_units("shoe", 6, 4);
    FS_CHECK_INT(count("shoe").sale.epoch, 1);
}

void an_update_changes_only_what_it_names(void)
{
    struct fs_request update = {0};
    struct fs_request counted;

    REQUIRE_DONE(create_limited("shoe", 10, 5, 3));
    fs_request_change(&update, FS_CHANGE_UPDATE, "shoe", 0);
    update.change.units_per_order_max = 2;
    REQUIRE_DONE(ask(update));
    counted = count("shoe");
    FS_CHECK_INT(counted.sale.units_per_order_max, 2);
    FS_CHECK_INT(counted.sale.units_per_buyer_max, 5);
    FS_CHECK_INT(counted.sale.state, FS_SALE_OPEN);
    FS_CHECK_INT(counted.sale.epoch, 1);
    REQUIRE_DONE(set_state("shoe", FS_SALE_PAUSED));
    counted = count("shoe");
    FS_CHECK_INT(counted.sale.state, FS_SALE_PAUSED);
    FS_CHECK_INT(counted.sale.units_per_order_max, 2);
    check_units("shoe", 10, 0);
}

void a_restock_adds_units(void)
{
    struct fs_request restocked;

    REQUIRE_DONE(create("shoe", 1));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 1));
    CHECK_VERDICT(buy("shoe", "bob", "o2", 1), FS_SOLD_OUT);
    restocked = restock("shoe", 3);
    CHECK_VERDICT(restocked, FS_DONE);
    FS_CHECK_INT(restocked.sale.units_initial, 1);
    FS_CHECK_INT(restocked.sale.units_restocked, 3);
    REQUIRE_DONE(buy("shoe", "bob", "o3", 3));
    check_units("shoe", 0, 4);
}

static struct fs_request named_restock(const char *name, int64_t units)
{
    struct fs_request change = {0};

    fs_request_change(&change, FS_CHANGE_UPDATE, "shoe", units);
    snprintf(change.order, sizeof(change.order), "%s", name);
    return ask(change);
}

void the_same_change_is_made_once(void)
{
    struct fs_request again;

    REQUIRE_DONE(create("shoe", 1));
    REQUIRE_DONE(named_restock("c1", 5));
    again = named_restock("c1", 5);
    CHECK_VERDICT(again, FS_DONE);
    FS_CHECK(again.outcome.replayed);
    check_units("shoe", 6, 0);
    REQUIRE_DONE(named_restock("c2", 5));
    check_units("shoe", 11, 0);
}

void the_name_of_a_change_is_not_used_for_another(void)
{
    REQUIRE_DONE(create("shoe", 1));
    REQUIRE_DONE(named_restock("c1", 5));
    CHECK_VERDICT(named_restock("c1", 6), FS_KEY_REUSED);
    check_units("shoe", 6, 0);
}

void a_reset_creates_a_sale_that_is_not_there(void)
{
    struct fs_request created = reset("shoe", 3);

    CHECK_VERDICT(created, FS_DONE);
    FS_CHECK_INT(created.sale.epoch, 1);
    FS_CHECK_INT(created.sale.state, FS_SALE_OPEN);
    check_units("shoe", 3, 0);
}

void a_reset_starts_a_new_epoch_with_its_own_units(void)
{
    struct fs_request again;
    uint64_t sequence;

    REQUIRE_DONE(create_limited("shoe", 10, 0, 4));
    REQUIRE_DONE(restock("shoe", 2));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 4));
    sequence = count("shoe").sale.sequence;
    again = reset("shoe", 5);
    CHECK_VERDICT(again, FS_DONE);
    FS_CHECK_INT(again.sale.epoch, 2);
    FS_CHECK_INT(again.sale.units_initial, 5);
    FS_CHECK_INT(again.sale.units_restocked, 0);
    FS_CHECK_INT(again.sale.units_per_order_max, 4);
    FS_CHECK(again.sale.sequence > sequence);
    check_units("shoe", 5, 0);
    REQUIRE_DONE(buy("shoe", "ann", "o2", 4));
    REQUIRE_DONE(buy("shoe", "bob", "o3", 1));
    CHECK_VERDICT(buy("shoe", "cyd", "o4", 1), FS_SOLD_OUT);
}

void a_reset_gives_each_buyer_a_new_share(void)
{
    REQUIRE_DONE(create_limited("shoe", 10, 2, 0));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 2));
    CHECK_VERDICT(buy("shoe", "ann", "o2", 1), FS_LIMIT_REACHED);
    REQUIRE_DONE(reset("shoe", 10));
    REQUIRE_DONE(buy("shoe", "ann", "o3", 2));
    CHECK_VERDICT(buy("shoe", "ann", "o4", 1), FS_LIMIT_REACHED);
}

void sales_are_listed_in_the_order_of_their_ids(void)
{
    static const char *const sorted[] = {"a", "a-b", "b", "b1", "b2", "c_d"};
    struct fs_driver_row rows[8];
    struct fs_request list = {.rows = rows, .row_capacity = 8};

    for (size_t i = 0; i < 6; i++)
        REQUIRE_DONE(create(sorted[(i * 5 + 3) % 6], (int64_t)i));
    fs_request_read(&list, FS_OP_LIST, "");
    list = ask(list);
    CHECK_VERDICT(list, FS_DONE);
    FS_REQUIRE(list.row_count == 6);
    for (size_t i = 0; i < 6; i++) {
        FS_CHECK_STR(rows[i].name, sorted[i]);
        FS_CHECK_INT(sorted[(rows[i].sale.units_left * 5 + 3) % 6] == sorted[i], true);
    }
}

void the_longest_texts_are_kept_whole(void)
{
    char product[FS_PRODUCT_LEN_MAX + 1];
    char buyer[FS_BUYER_LEN_MAX + 1];
    char order[FS_ORDER_LEN_MAX + 1];
    struct fs_request found;

    memset(product, 'p', sizeof(product));
    memset(buyer, 'b', sizeof(buyer));
    memset(order, 'o', sizeof(order));
    product[FS_PRODUCT_LEN_MAX] = buyer[FS_BUYER_LEN_MAX] = order[FS_ORDER_LEN_MAX] = '\0';
    memcpy(buyer, "\xc3\xbc \"'\\\r\n\x01\xff{}:", 13);
    REQUIRE_DONE(create(product, 10));
    REQUIRE_DONE(buy(product, buyer, order, 2));
    found = lookup(product, buyer, order);
    CHECK_VERDICT(found, FS_DONE);
    FS_CHECK_INT(found.found.units, 2);
    product[FS_PRODUCT_LEN_MAX - 1] = 'q';
    CHECK_VERDICT(count(product), FS_UNKNOWN);
    product[FS_PRODUCT_LEN_MAX - 1] = 'p';
    buyer[FS_BUYER_LEN_MAX - 1] = 'c';
    CHECK_VERDICT(lookup(product, buyer, order), FS_UNKNOWN);
}
