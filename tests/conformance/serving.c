/* What a strategy owes to the server: clients that leave, deadlines, options, restarts. */
#include "conformance/conformance.h"

#define MANY 2000u

static struct fs_request requests[MANY];

static void set_purchases(size_t request_count)
{
    for (size_t i = 0; i < request_count; i++) {
        char name[16];

        snprintf(name, sizeof(name), "o%zu", i);
        requests[i] = (struct fs_request){.loop = (unsigned)i};
        fs_request_purchase(&requests[i], "shoe", name, name, 1);
    }
}

static size_t sold_by_lookup(size_t request_count)
{
    static struct fs_request lookups[MANY];
    size_t sold = 0;

    for (size_t i = 0; i < request_count; i++) {
        lookups[i] = (struct fs_request){.loop = (unsigned)i};
        fs_request_ref(&lookups[i], FS_OP_LOOKUP, "shoe", requests[i].buyer, requests[i].order);
    }
    run(lookups, request_count, 64);
    for (size_t i = 0; i < request_count; i++)
        sold += lookups[i].outcome.verdict == FS_DONE;
    return sold;
}

void an_abandoned_purchase_is_decided_all_the_same(void)
{
    const size_t asked = 400;
    size_t sold_and_told;

    REQUIRE_DONE(create("shoe", 300));
    set_purchases(asked);
    for (size_t i = 0; i < asked; i += 2)
        requests[i].abandoned = true;
    run(requests, asked, 64);
    fs_driver_settle(server());
    sold_and_told = tally(requests, asked).sold;
    FS_CHECK(sold_and_told <= 200);
    FS_CHECK_INT(sold_by_lookup(asked), 300);
    check_units("shoe", 0, 300);
}

/* With a deadline that passes while the strategy decides, an answer is "undetermined" and the order
 * itself tells the truth. */
void what_was_not_answered_in_time_is_told_by_lookup(void)
{
    const size_t asked = 1000;
    struct fs_request created = {0};
    struct fs_tally result;
    size_t sold;

    restart(200);
    /* The creation has no more time than the purchases, so it may have to be asked for again. */
    for (int i = 0; i < 1000 && created.outcome.verdict != FS_DONE; i++) {
        created = (struct fs_request){0};
        fs_request_change(&created, FS_CHANGE_CREATE, "shoe", 600);
        fs_driver_ask(server(), &created);
        if (created.outcome.verdict == FS_EXISTS)
            break;
    }
    set_purchases(asked);
    run(requests, asked, 64);
    fs_driver_settle(server());
    result = tally(requests, asked);
    restart(FS_CONFORMANCE_DEADLINE_US);
    if (count("shoe").outcome.verdict == FS_UNKNOWN) {
        const char *class = fs_driver_durability(server());

        FS_CHECK_STR(class, "memory");
        return;
    }
    sold = sold_by_lookup(asked);
    FS_CHECK(sold >= result.sold);
    FS_CHECK(sold <= 600);
    check_units("shoe", 600 - (int64_t)sold, (int64_t)sold);
    set_purchases(asked); /* the same orders again: sold exactly, none twice */
    run(requests, asked, 64);
    FS_CHECK_INT(tally(requests, asked).replayed, sold);
    check_units("shoe", 0, 600);
}

void a_probe_answers(void)
{
    struct fs_request probe = {0};

    fs_request_read(&probe, FS_OP_PROBE, "");
    CHECK_VERDICT(ask(probe), FS_DONE);
}

void the_durability_class_has_a_name(void)
{
    static const char *const classes[] = {"memory",     "journal", "aof-everysec",
                                          "aof-always", "replica", "the store's"};
    const char *class = fs_driver_durability(server());
    bool is_known = false;

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        is_known = is_known || strcmp(classes[i], class) == 0;
    FS_CHECK(is_known);
}

void an_unknown_option_is_refused(void)
{
    const struct fs_option option = {"no_such_option", "1"};
    struct fs_driver_config config = server()->config;
    struct fs_driver refused;

    config.option_list = &option;
    config.option_count = 1;
    config.quiet = true;
    FS_CHECK_INT(fs_driver_open(&refused, &config), -22); /* EINVAL */
}

/* What each loop of a server is to do, brought by a thread of its own. */
struct crowd {
    struct fs_driver *driver;
    struct fs_request requests[MANY];
};

static void *bring_crowd(void *data)
{
    struct crowd *crowd = data;

    fs_driver_run(crowd->driver, crowd->requests, MANY, 64);
    return NULL;
}

/* Half of the orders are asked of both servers. */
void two_servers_on_one_store_sell_exactly(void)
{
    static struct fs_driver second;
    static struct crowd crowds[2];
    const int64_t stock = 2000;
    size_t sold = 0;
    pthread_t thread;

    if (!fs_conformance_settings()->store)
        return;
    open_second(&second);
    REQUIRE_DONE(create("shoe", stock));
    crowds[0].driver = server();
    crowds[1].driver = &second;
    for (unsigned c = 0; c < 2; c++)
        for (size_t i = 0; i < MANY; i++) {
            size_t order = c == 1 && i % 2 == 0 ? MANY + i : i;
            char name[16];

            snprintf(name, sizeof(name), "o%zu", order);
            crowds[c].requests[i] = (struct fs_request){.loop = (unsigned)i};
            fs_request_purchase(&crowds[c].requests[i], "shoe", name, name, 1);
        }
    FS_REQUIRE(pthread_create(&thread, NULL, bring_crowd, &crowds[1]) == 0);
    bring_crowd(&crowds[0]);
    pthread_join(thread, NULL);
    for (unsigned c = 0; c < 2; c++) {
        struct fs_tally result = tally(crowds[c].requests, MANY);

        sold += result.sold;
        FS_CHECK_INT(result.sold + result.replayed + result.refused[FS_SOLD_OUT], MANY);
    }
    FS_CHECK_INT(sold, stock);
    close_second(&second);
    check_units("shoe", 0, stock);
}

void two_servers_in_one_process_do_not_meet(void)
{
    static struct fs_driver second;
    struct fs_request request = {0};

    if (fs_conformance_settings()->store)
        return; /* they are to meet there */
    open_second(&second);
    REQUIRE_DONE(create("shoe", 5));
    fs_request_read(&request, FS_OP_COUNT, "shoe");
    fs_driver_ask(&second, &request);
    CHECK_VERDICT(request, FS_UNKNOWN);
    request = (struct fs_request){0};
    fs_request_change(&request, FS_CHANGE_CREATE, "shoe", 9);
    fs_driver_ask(&second, &request);
    CHECK_VERDICT(request, FS_DONE);
    REQUIRE_DONE(buy("shoe", "ann", "o1", 5));
    request = (struct fs_request){0};
    fs_request_purchase(&request, "shoe", "ann", "o1", 9);
    fs_driver_ask(&second, &request);
    CHECK_VERDICT(request, FS_DONE);
    FS_CHECK(!request.outcome.replayed);
    close_second(&second);
    check_units("shoe", 0, 5);
}

static bool is_kept(void)
{
    return strcmp(fs_driver_durability(server()), "memory") != 0;
}

void a_restart_keeps_what_the_class_promises(void)
{
    struct fs_request change = {0};
    struct fs_request before;
    struct fs_request first;
    struct fs_request again;

    REQUIRE_DONE(create_limited("shoe", 10, 4, 3));
    first = buy("shoe", "ann", "o1", 3);
    REQUIRE_DONE(buy("shoe", "bob", "o2", 2));
    REQUIRE_DONE(cancel("shoe", "bob", "o2"));
    fs_request_change(&change, FS_CHANGE_UPDATE, "shoe", 5);
    snprintf(change.order, sizeof(change.order), "c1");
    REQUIRE_DONE(ask(change));
    REQUIRE_DONE(create("sock", 1));
    REQUIRE_DONE(reset("sock", 2));
    REQUIRE_DONE(set_state("sock", FS_SALE_PAUSED));
    before = count("shoe");
    restart(FS_CONFORMANCE_DEADLINE_US);
    if (!is_kept()) {
        CHECK_VERDICT(count("shoe"), FS_UNKNOWN);
        CHECK_VERDICT(lookup("shoe", "ann", "o1"), FS_UNKNOWN);
        return;
    }
    again = count("shoe");
    CHECK_VERDICT(again, FS_DONE);
    again.sale.product = before.sale.product;
    FS_CHECK_INT(again.sale.units_left, before.sale.units_left);
    FS_CHECK_INT(again.sale.units_sold, before.sale.units_sold);
    FS_CHECK_INT(again.sale.units_restocked, before.sale.units_restocked);
    FS_CHECK_INT(again.sale.units_per_buyer_max, 4);
    FS_CHECK_INT(again.sale.units_per_order_max, 3);
    FS_CHECK_INT(again.sale.sequence, before.sale.sequence);
    FS_CHECK_INT(count("sock").sale.state, FS_SALE_PAUSED);
    FS_CHECK_INT(count("sock").sale.epoch, 2);
    again = buy("shoe", "ann", "o1", 3);
    FS_CHECK(again.outcome.replayed);
    FS_CHECK_INT(again.outcome.sequence, first.outcome.sequence);
    FS_CHECK_INT(again.outcome.units_left, first.outcome.units_left);
    CHECK_VERDICT(buy("shoe", "ann", "o3", 2), FS_LIMIT_REACHED);
    FS_CHECK(cancel("shoe", "bob", "o2").outcome.replayed);
    FS_CHECK(ask(change).outcome.replayed);
    again = buy("shoe", "ann", "o4", 1);
    CHECK_VERDICT(again, FS_DONE);
    if (!fs_conformance_settings()->is_sharded)
        FS_CHECK_INT(again.outcome.sequence, before.sale.sequence + 1);
    FS_CHECK_INT(count("shoe").sale.sequence, before.sale.sequence + 1);
    REQUIRE_DONE(cancel("shoe", "ann", "o1"));
    check_units("shoe", 14, 1);
}

void a_restart_keeps_thousands_of_orders(void)
{
    REQUIRE_DONE(create("shoe", 1500));
    set_purchases(MANY);
    run(requests, MANY, 64);
    FS_CHECK_INT(tally(requests, MANY).sold, 1500);
    restart(FS_CONFORMANCE_DEADLINE_US);
    if (!is_kept()) {
        CHECK_VERDICT(count("shoe"), FS_UNKNOWN);
        return;
    }
    check_units("shoe", 0, 1500);
    FS_CHECK_INT(sold_by_lookup(MANY), 1500);
}
