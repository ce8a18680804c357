/* Orders: decided once, kept, cancelled once. */
#include "conformance/conformance.h"

#define AT_ONCE 50u
#define MANY 2000u

/* No step is atomic over all that the store holds. */
static bool has_many_slots(void)
{
    const struct fs_driver_store *store = fs_conformance_settings()->store;

    return store && (store->node_count > 1 || store->is_cluster);
}

void the_same_order_at_once_is_one_sale(void)
{
    static struct fs_request requests[AT_ONCE];
    const struct fs_outcome *first = NULL;
    struct fs_tally result;

    REQUIRE_DONE(create("shoe", 100));
    for (unsigned i = 0; i < AT_ONCE; i++) {
        requests[i] = (struct fs_request){.loop = i};
        fs_request_purchase(&requests[i], "shoe", "ann", "o1", 2);
    }
    run(requests, AT_ONCE, AT_ONCE);
    result = tally(requests, AT_ONCE);
    FS_CHECK_INT(result.sold, 1);
    FS_CHECK_INT(result.sold + result.replayed + result.refused[FS_IN_PROGRESS], AT_ONCE);
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (requests[i].outcome.verdict == FS_DONE && !requests[i].outcome.replayed)
            first = &requests[i].outcome;
    for (unsigned i = 0; first && i < AT_ONCE; i++) {
        if (requests[i].outcome.verdict != FS_DONE)
            continue;
        FS_CHECK_INT(requests[i].outcome.sequence, first->sequence);
        FS_CHECK_INT(requests[i].outcome.units_left, first->units_left);
    }
    check_units("shoe", 98, 2);
}

void a_replay_answers_the_first_decision(void)
{
    struct fs_request first;
    struct fs_request again;

    REQUIRE_DONE(create("shoe", 100));
    first = buy("shoe", "ann", "o1", 2);
    CHECK_VERDICT(first, FS_DONE);
    FS_CHECK(!first.outcome.replayed);
    FS_CHECK_INT(first.outcome.epoch, 1);
    REQUIRE_DONE(buy("shoe", "bob", "o2", 5));
    again = buy("shoe", "ann", "o1", 2);
    CHECK_VERDICT(again, FS_DONE);
    FS_CHECK(again.outcome.replayed);
    FS_CHECK_INT(again.outcome.units_left, first.outcome.units_left);
    FS_CHECK_INT(again.outcome.sequence, first.outcome.sequence);
    FS_CHECK_INT(again.outcome.epoch, first.outcome.epoch);
    FS_REQUIRE(again.has_order);
    FS_CHECK_INT(again.found.units, 2);
    FS_CHECK_INT(again.found.status, FS_ORDER_SOLD);
    check_units("shoe", 93, 7);
}

void a_replay_is_answered_when_nothing_is_sold_any_more(void)
{
    REQUIRE_DONE(create_limited("shoe", 2, 2, 2));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 2));
    FS_CHECK(buy("shoe", "ann", "o1", 2).outcome.replayed);
    REQUIRE_DONE(set_state("shoe", FS_SALE_CLOSED));
    FS_CHECK(buy("shoe", "ann", "o1", 2).outcome.replayed);
    check_units("shoe", 0, 2);
}

void an_order_for_other_units_is_refused(void)
{
    REQUIRE_DONE(create("shoe", 100));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 2));
    CHECK_VERDICT(buy("shoe", "ann", "o1", 3), FS_KEY_REUSED);
    CHECK_VERDICT(buy("shoe", "ann", "o1", 1), FS_KEY_REUSED);
    check_units("shoe", 98, 2);
}

void an_order_for_another_product_is_refused(void)
{
    const struct fs_conformance_settings *settings = fs_conformance_settings();

    REQUIRE_DONE(create("shoe", 100));
    REQUIRE_DONE(create("sock", 100));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 2));
    if (has_many_slots() && (!settings->is_sharded || settings->is_apart)) {
        /* There an order's name is decided once for each product. */
        CHECK_VERDICT(buy("sock", "ann", "o1", 2), FS_DONE);
        FS_CHECK(buy("sock", "ann", "o1", 2).outcome.replayed);
        check_units("sock", 98, 2);
        return;
    }
    CHECK_VERDICT(buy("sock", "ann", "o1", 2), FS_KEY_REUSED);
    check_units("sock", 100, 0);
}

void an_order_of_another_buyer_is_refused(void)
{
    const struct fs_conformance_settings *settings = fs_conformance_settings();

    REQUIRE_DONE(create("shoe", 100));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 2));
    if (settings->is_sharded && has_many_slots()) {
        /* Buyers live on nodes of their own: there an order's name is decided once for each. */
        CHECK_VERDICT(buy("shoe", "ann", "o1", 2), FS_DONE);
        check_units("shoe", 98, 2);
        return;
    }
    CHECK_VERDICT(buy("shoe", "bob", "o1", 2), FS_KEY_REUSED);
    check_units("shoe", 98, 2);
}

void a_refusal_is_not_remembered(void)
{
    struct fs_request sold;

    REQUIRE_DONE(create_limited("shoe", 1, 2, 3));
    CHECK_VERDICT(buy("shoe", "ann", "o1", 2), FS_SOLD_OUT);
    REQUIRE_DONE(restock("shoe", 10));
    sold = buy("shoe", "ann", "o1", 2);
    CHECK_VERDICT(sold, FS_DONE);
    FS_CHECK(!sold.outcome.replayed);
    CHECK_VERDICT(buy("shoe", "ann", "o2", 1), FS_LIMIT_REACHED);
    REQUIRE_DONE(cancel("shoe", "ann", "o1"));
    sold = buy("shoe", "ann", "o2", 1);
    CHECK_VERDICT(sold, FS_DONE);
    FS_CHECK(!sold.outcome.replayed);
    REQUIRE_DONE(set_state("shoe", FS_SALE_PAUSED));
    CHECK_VERDICT(buy("shoe", "bob", "o3", 1), FS_CLOSED);
    REQUIRE_DONE(set_state("shoe", FS_SALE_OPEN));
    CHECK_VERDICT(buy("shoe", "bob", "o3", 1), FS_DONE);
}

void a_lookup_tells_the_order(void)
{
    int64_t before_ms = wall_ms_now();
    struct fs_request sold;
    struct fs_request found;

    REQUIRE_DONE(create("shoe", 100));
    CHECK_VERDICT(lookup("shoe", "ann", "o1"), FS_UNKNOWN);
    sold = buy("shoe", "ann", "o1", 4);
    CHECK_VERDICT(sold, FS_DONE);
    found = lookup("shoe", "ann", "o1");
    CHECK_VERDICT(found, FS_DONE);
    FS_REQUIRE(found.has_order);
    FS_CHECK_INT(found.found.units, 4);
    FS_CHECK_INT(found.found.status, FS_ORDER_SOLD);
    FS_CHECK_INT(found.found.epoch, 1);
    FS_CHECK_INT(found.found.sequence, sold.outcome.sequence);
    FS_CHECK_INT(found.found.units_left, sold.outcome.units_left);
    FS_CHECK(found.found.sold_at_ms >= before_ms - 1);
    FS_CHECK(found.found.sold_at_ms <= wall_ms_now() + 1);
    FS_CHECK_INT(found.found.cancelled_at_ms, 0);
    REQUIRE_DONE(cancel("shoe", "ann", "o1"));
    found = lookup("shoe", "ann", "o1");
    FS_CHECK_INT(found.found.status, FS_ORDER_CANCELLED);
    FS_CHECK(found.found.cancelled_at_ms >= before_ms - 1);
    FS_CHECK_INT(found.found.sequence, sold.outcome.sequence);
}

void an_order_is_unknown_to_another_buyer(void)
{
    REQUIRE_DONE(create("shoe", 100));
    REQUIRE_DONE(create("sock", 100));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 4));
    CHECK_VERDICT(lookup("shoe", "bob", "o1"), FS_UNKNOWN);
    CHECK_VERDICT(cancel("shoe", "bob", "o1"), FS_UNKNOWN);
    CHECK_VERDICT(lookup("sock", "ann", "o1"), FS_UNKNOWN);
    CHECK_VERDICT(cancel("sock", "ann", "o1"), FS_UNKNOWN);
    CHECK_VERDICT(cancel("shoe", "ann", "o2"), FS_UNKNOWN);
    check_units("shoe", 96, 4);
}

void a_cancelled_order_gives_its_units_back(void)
{
    struct fs_request cancelled;

    REQUIRE_DONE(create("shoe", 4));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 4));
    CHECK_VERDICT(buy("shoe", "bob", "o2", 1), FS_SOLD_OUT);
    cancelled = cancel("shoe", "ann", "o1");
    CHECK_VERDICT(cancelled, FS_DONE);
    FS_CHECK(!cancelled.outcome.replayed);
    FS_REQUIRE(cancelled.has_order);
    FS_CHECK_INT(cancelled.found.status, FS_ORDER_CANCELLED);
    check_units("shoe", 4, 0);
    cancelled = cancel("shoe", "ann", "o1");
    CHECK_VERDICT(cancelled, FS_DONE);
    FS_CHECK(cancelled.outcome.replayed);
    check_units("shoe", 4, 0);
    REQUIRE_DONE(buy("shoe", "bob", "o3", 4));
    check_units("shoe", 0, 4);
}

void a_cancelled_order_gives_its_share_back(void)
{
    REQUIRE_DONE(create_limited("shoe", 100, 3, 0));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 3));
    CHECK_VERDICT(buy("shoe", "ann", "o2", 1), FS_LIMIT_REACHED);
    REQUIRE_DONE(cancel("shoe", "ann", "o1"));
    REQUIRE_DONE(cancel("shoe", "ann", "o1"));
    REQUIRE_DONE(buy("shoe", "ann", "o3", 3));
    CHECK_VERDICT(buy("shoe", "ann", "o4", 1), FS_LIMIT_REACHED);
}

void an_order_cancelled_at_once_is_cancelled_once(void)
{
    static struct fs_request requests[AT_ONCE];
    struct fs_tally result;

    REQUIRE_DONE(create("shoe", 10));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 3));
    for (unsigned i = 0; i < AT_ONCE; i++) {
        requests[i] = (struct fs_request){.loop = i};
        fs_request_ref(&requests[i], FS_OP_CANCEL, "shoe", "ann", "o1");
    }
    run(requests, AT_ONCE, AT_ONCE);
    result = tally(requests, AT_ONCE);
    FS_CHECK_INT(result.sold, 1); /* here: cancelled, and not replayed */
    FS_CHECK_INT(result.replayed, AT_ONCE - 1);
    check_units("shoe", 10, 0);
}

void a_cancelled_order_is_not_sold_again(void)
{
    struct fs_request again;

    REQUIRE_DONE(create("shoe", 10));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 3));
    REQUIRE_DONE(cancel("shoe", "ann", "o1"));
    again = buy("shoe", "ann", "o1", 3);
    CHECK_VERDICT(again, FS_DONE);
    FS_CHECK(again.outcome.replayed);
    FS_REQUIRE(again.has_order);
    FS_CHECK_INT(again.found.status, FS_ORDER_CANCELLED);
    check_units("shoe", 10, 0);
}

void an_order_of_an_earlier_epoch_is_kept_but_not_cancelled(void)
{
    struct fs_request found;

    REQUIRE_DONE(create("shoe", 10));
    REQUIRE_DONE(buy("shoe", "ann", "o1", 3));
    REQUIRE_DONE(buy("shoe", "bob", "o2", 2));
    REQUIRE_DONE(cancel("shoe", "bob", "o2"));
    REQUIRE_DONE(reset("shoe", 20));
    found = lookup("shoe", "ann", "o1");
    CHECK_VERDICT(found, FS_DONE);
    FS_CHECK_INT(found.found.epoch, 1);
    FS_CHECK_INT(found.found.status, FS_ORDER_SOLD);
    CHECK_VERDICT(cancel("shoe", "ann", "o1"), FS_NOT_CANCELLABLE);
    FS_CHECK(cancel("shoe", "bob", "o2").outcome.replayed);
    found = buy("shoe", "ann", "o1", 3);
    CHECK_VERDICT(found, FS_DONE);
    FS_CHECK(found.outcome.replayed);
    FS_CHECK_INT(found.outcome.epoch, 1);
    check_units("shoe", 20, 0);
}

void each_record_raises_the_sequence_by_one(void)
{
    struct fs_request sold;
    struct fs_request cancelled;
    uint64_t sequence;

    REQUIRE_DONE(create_limited("shoe", 10, 3, 0));
    sequence = count("shoe").sale.sequence;
    FS_CHECK(sequence > 0);
    sold = buy("shoe", "ann", "o1", 3);
    if (!fs_conformance_settings()->is_sharded)
        FS_CHECK_INT(sold.outcome.sequence, sequence + 1);
    CHECK_VERDICT(buy("shoe", "ann", "o2", 1), FS_LIMIT_REACHED);
    CHECK_VERDICT(buy("shoe", "ann", "o1", 2), FS_KEY_REUSED);
    FS_CHECK(buy("shoe", "ann", "o1", 3).outcome.replayed);
    FS_CHECK_INT(count("shoe").sale.sequence, sequence + 1);
    cancelled = cancel("shoe", "ann", "o1");
    FS_CHECK_INT(cancelled.outcome.sequence, sold.outcome.sequence + 1);
    FS_CHECK(cancel("shoe", "ann", "o1").outcome.replayed);
    FS_CHECK_INT(count("shoe").sale.sequence, sequence + 2);
    FS_CHECK_INT(restock("shoe", 1).sale.sequence, sequence + 3);
    if (fs_conformance_settings()->is_sharded) {
        REQUIRE_DONE(buy("shoe", "bob", "o3", 1));
        FS_CHECK_INT(count("shoe").sale.sequence, sequence + 4);
        return;
    }
    FS_CHECK_INT(buy("shoe", "bob", "o3", 1).outcome.sequence, sequence + 4);
}

static int compare_sequences(const void *a, const void *b)
{
    const struct fs_request *left = a;
    const struct fs_request *right = b;

    return (left->outcome.sequence > right->outcome.sequence) -
           (left->outcome.sequence < right->outcome.sequence);
}

void each_decision_has_a_sequence_of_its_own(void)
{
    static struct fs_request requests[MANY];
    uint64_t sequence;
    size_t wrong = 0;

    REQUIRE_DONE(create("shoe", MANY));
    sequence = count("shoe").sale.sequence;
    for (unsigned i = 0; i < MANY; i++) {
        char name[16];

        snprintf(name, sizeof(name), "o%u", i);
        requests[i] = (struct fs_request){.loop = i};
        fs_request_purchase(&requests[i], "shoe", name, name, 1);
    }
    run(requests, MANY, 64);
    FS_CHECK_INT(tally(requests, MANY).sold, MANY);
    FS_CHECK_INT(count("shoe").sale.sequence, sequence + MANY);
    if (fs_conformance_settings()->is_sharded)
        return;
    qsort(requests, MANY, sizeof(requests[0]), compare_sequences);
    for (unsigned i = 0; i < MANY; i++)
        wrong += requests[i].outcome.sequence != sequence + 1 + i;
    FS_CHECK_INT(wrong, 0);
}
