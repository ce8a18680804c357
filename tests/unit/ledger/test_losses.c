/* A store that lost what was acknowledged: the whole sale, its last sales or cancels, or half of what a
 * script did.  Nothing is sold from it until a reset.
 *
 * Compiled once for each strategy and mode, as test_faults.c is. */
#include "world.h"

const struct fs_strategy *TESTED(void);

static struct fs_redis_server server;
static struct world world;

static const struct fs_option mode_option[] = {{TESTED_OPTION, TESTED_VALUE}};

static struct world_options options_of_test(void)
{
    return (struct world_options){.strategy = TESTED(),
                                  .option_list = mode_option,
                                  .option_count = mode_option[0].value ? 1 : 0,
                                  .quiet = true};
}

static void stop_server(void)
{
    fs_redis_server_stop(&server);
}

static void begin(void)
{
    static const char *const settings[] = {"--maxmemory-policy", "noeviction", NULL};
    struct world_options options = options_of_test();

    if (server.pid == 0) {
        fs_redis_server_start(&server, settings);
        atexit(stop_server);
    }
    world_empty(&server);
    world_open(&world, &server, &options);
}

static void a_store_that_forgot_what_it_acknowledged_sells_nothing(void)
{
    struct fs_request reset = {0};

    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE);
    freeReplyObject(fs_redis_server_ask(&server, "HDEL fs:{shoe}:orders o1"));
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.state, FS_SALE_FROZEN);
    fs_request_change(&reset, FS_CHANGE_RESET, "shoe", 5);
    FS_CHECK_INT(world_ask(&world, reset).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_DONE);
    world_empty(&server);
    FS_CHECK_INT(world_buy(&world, "shoe", "o3", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_ask(&world, reset).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.epoch, 3);
    FS_CHECK_INT(world_buy(&world, "shoe", "o3", 1).outcome.verdict, FS_DONE);
    world_close(&world);
}

/* The sale as it is now, and back again: what a store has that lost its tail. */
static void copy_sale(const char *from, const char *to)
{
    static const char *const tables[] = {"sale", "orders", "buyers", "log"};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char command[128];

        snprintf(command, sizeof(command), "COPY fs:{%s}:%s fs:{%s}:%s REPLACE", from, tables[i],
                 to, tables[i]);
        freeReplyObject(fs_redis_server_ask(&server, command));
    }
}

static void a_store_that_forgot_a_cancel_sells_nothing(void)
{
    struct fs_request cancel = {0};

    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_DONE);
    copy_sale("shoe", "older");
    fs_request_ref(&cancel, FS_OP_CANCEL, "shoe", "o1", "o1");
    FS_CHECK_INT(world_ask(&world, cancel).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_DONE); /* a replay */
    copy_sale("older", "shoe");
    FS_CHECK_INT(world_buy(&world, "shoe", "o3", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.state, FS_SALE_FROZEN);
    world_close(&world);
}

/* It was sold, as its buyer was told: it is not for a lookup to say that it never was. */
static void an_order_that_was_acknowledged_and_lost_is_not_unknown(void)
{
    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE);
    copy_sale("shoe", "older");
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_lookup(&world, "shoe", "o3").outcome.verdict, FS_UNKNOWN);
    copy_sale("older", "shoe");
    FS_CHECK_INT(world_lookup(&world, "shoe", "o1").outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_lookup(&world, "shoe", "o2").outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.state, FS_SALE_FROZEN);
    FS_CHECK_INT((int64_t)atomic_load(&world.driver.host.sales_frozen), 1);
    world_close(&world);
}

/* An operator was told that there are more units. */
static void a_store_that_forgot_a_change_sells_nothing(void)
{
    static struct world other;
    struct world_options options = options_of_test();
    struct fs_request update = {0};

    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE);
    copy_sale("shoe", "older");
    fs_request_change(&update, FS_CHANGE_UPDATE, "shoe", 0);
    update.change.units_add = 5;
    FS_CHECK_INT(world_ask(&world, update).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE); /* a replay */
    copy_sale("older", "shoe");
    world_open(&other, &server, &options);
    FS_CHECK_INT(world_buy(&other, "shoe", "o2", 1).outcome.verdict, FS_DONE); /* it cannot know */
    copy_sale("older", "shoe");
    FS_CHECK_INT(world_buy(&world, "shoe", "o3", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_buy(&other, "shoe", "o4", 1).outcome.verdict, FS_UNAVAILABLE);
    world_close(&other);
    world_close(&world);
}

/* Who told a decision again has acknowledged it, too. */
static void a_store_that_forgot_what_was_told_again_sells_nothing(void)
{
    static struct world other;
    struct world_options options = options_of_test();
    struct fs_request told;

    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    copy_sale("shoe", "older");
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE);
    world_close(&world);
    world_open(&other, &server, &options);
    told = world_buy(&other, "shoe", "o1", 1);
    FS_CHECK_INT(told.outcome.verdict, FS_DONE);
    FS_CHECK(told.outcome.replayed);
    freeReplyObject(fs_redis_server_ask(&server, "DEL fs:{shoe}:orders fs:{shoe}:buyers"));
    copy_sale("older", "shoe");
    FS_CHECK_INT(world_buy(&other, "shoe", "o2", 1).outcome.verdict, FS_UNAVAILABLE);
    world_close(&other);
}

static enum fs_verdict read_verdict(struct world *asked, enum fs_op_kind kind)
{
    struct fs_request request = {0};

    fs_request_read(&request, kind, kind == FS_OP_LIST ? "" : "shoe");
    return world_ask(asked, request).outcome.verdict;
}

static struct fs_request change_of(enum fs_change_kind kind, int64_t units)
{
    struct fs_request change = {0};

    fs_request_change(&change, kind, "shoe", units);
    return change;
}

/* Neither is it unknown, nor does it hide the other sales. */
static void check_reads_say_lost(struct world *asked)
{
    struct fs_request count = world_count(asked, "shoe");
    struct fs_request list = {0};

    FS_CHECK_INT(count.outcome.verdict, FS_DONE);
    FS_CHECK_INT(count.sale.state, FS_SALE_LOST);
    FS_CHECK_INT(count.sale.units_left, -1);
    FS_CHECK_INT(count.trouble.state, FS_SALE_LOST);
    FS_CHECK(count.trouble.reason.len > 0 && count.trouble.since_ms > 0);
    fs_request_read(&list, FS_OP_LIST, "");
    list = world_ask(asked, list);
    FS_CHECK_INT(list.outcome.verdict, FS_DONE);
    FS_CHECK_INT((int64_t)list.row_count, 1);
    FS_CHECK_INT(list.trouble.state, FS_SALE_LOST);
}

/* What stands in the store is read as it is, also by a process that did not see it freeze. */
static void a_frozen_sale_says_why_and_since_when(void)
{
    static struct world other;
    struct world_options options = options_of_test();
    struct fs_request count, update;

    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE);
    freeReplyObject(fs_redis_server_ask(&server, "HDEL fs:{shoe}:orders o1"));
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_UNAVAILABLE);
    world_open(&other, &server, &options);
    count = world_count(&other, "shoe");
    FS_CHECK_INT(count.sale.state, FS_SALE_FROZEN);
    FS_CHECK_INT(count.sale.units_left, 8);
    FS_CHECK_INT(count.trouble.state, FS_SALE_FROZEN);
    FS_CHECK_TEXT(count.reason, count.trouble.reason.len,
                  "the store has lost orders or changes that were acknowledged");
    FS_CHECK(count.trouble.since_ms > 0);
    update = change_of(FS_CHANGE_UPDATE, 0);
    update.change.state = FS_SALE_OPEN;
    update = world_ask(&other, update);
    FS_CHECK_INT(update.outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(update.trouble.state, FS_SALE_FROZEN);
    freeReplyObject(fs_redis_server_ask(&server, "HSET fs:{shoe}:sale frozen ERR@5000"));
    world_close(&other);
    world_open(&other, &server, &options);
    count = world_count(&other, "shoe");
    FS_CHECK_TEXT(count.reason, count.trouble.reason.len, "ERR");
    FS_CHECK_INT(count.trouble.since_ms, 5000);
    world_close(&other);
    world_close(&world);
}

static void a_lost_sale_is_told_as_lost_and_sells_nothing_until_it_is_reset(void)
{
    struct fs_request update;
    struct fs_request cancel = {0};

    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE);
    world_empty(&server);
    check_reads_say_lost(&world);
    FS_CHECK_INT(atomic_load(&world.driver.host.sales_frozen), 1);
    FS_CHECK_INT(read_verdict(&world, FS_OP_AUDIT), FS_UNAVAILABLE);
    FS_CHECK_INT(world_lookup(&world, "shoe", "o1").outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_UNAVAILABLE);
    fs_request_ref(&cancel, FS_OP_CANCEL, "shoe", "o1", "o1");
    FS_CHECK_INT(world_ask(&world, cancel).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_CLOSED);
    update = change_of(FS_CHANGE_UPDATE, 0);
    update.change.units_add = 5;
    FS_CHECK_INT(world_ask(&world, update).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(world_count(&world, "sock").outcome.verdict, FS_UNKNOWN);
    FS_CHECK_INT(world_ask(&world, change_of(FS_CHANGE_RESET, 9)).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.epoch, 2);
    FS_CHECK_INT(atomic_load(&world.driver.host.sales_frozen), 0);
    FS_CHECK_INT(read_verdict(&world, FS_OP_LIST), FS_DONE);
    FS_CHECK_INT(world_lookup(&world, "shoe", "o1").outcome.verdict, FS_UNKNOWN);
    world_close(&world);
}

/* Who only looked at it knows it, too. */
static void a_sale_that_was_read_is_missed(void)
{
    static struct world other;
    struct world_options options = options_of_test();

    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    world_open(&other, &server, &options);
    FS_CHECK_INT(world_count(&other, "shoe").outcome.verdict, FS_DONE);
    world_empty(&server);
    check_reads_say_lost(&other);
    FS_CHECK_INT(world_buy(&other, "shoe", "o1", 1).outcome.verdict, FS_UNAVAILABLE);
    world_close(&other);
    world_close(&world);
}

static void a_frozen_sale_takes_a_reset_or_another_state_and_no_more(void)
{
    struct fs_request update;

    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE);
    freeReplyObject(fs_redis_server_ask(&server, "HDEL fs:{shoe}:orders o1"));
    FS_CHECK_INT(atomic_load(&world.driver.host.sales_frozen), 0);
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(atomic_load(&world.driver.host.sales_frozen), 1);
    FS_CHECK_INT(world_lookup(&world, "shoe", "o1").outcome.verdict, FS_UNAVAILABLE);
    update = change_of(FS_CHANGE_UPDATE, 0);
    update.change.units_add = 5;
    FS_CHECK_INT(world_ask(&world, update).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(world_ask(&world, update).outcome.state, FS_SALE_FROZEN);
    update = change_of(FS_CHANGE_UPDATE, 0);
    update.change.units_per_buyer_max = 2;
    FS_CHECK_INT(world_ask(&world, update).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_EXISTS);
    FS_CHECK_INT(world_count(&world, "shoe").sale.units_restocked, 0);
    update = change_of(FS_CHANGE_UPDATE, 0);
    update.change.state = FS_SALE_CLOSED;
    FS_CHECK_INT(world_ask(&world, update).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.state, FS_SALE_FROZEN);
    update = change_of(FS_CHANGE_RESET, 5);
    update.change.state = FS_SALE_OPEN;
    FS_CHECK_INT(world_ask(&world, update).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_DONE);
    world_close(&world);
}

static enum fs_verdict probe(struct world *asked)
{
    struct fs_request request = {0};

    fs_request_read(&request, FS_OP_PROBE, "");
    return world_ask(asked, request).outcome.verdict;
}

/* It alone knows of the order that was lost, and nobody buys from it any more. */
static void a_readiness_check_notices_that_the_store_went_back(void)
{
    static struct world other;
    struct world_options options = options_of_test();

    begin();
    world_open(&other, &server, &options);
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_create(&world, "sock", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "sock", "o2", 1).outcome.verdict, FS_DONE);
    FS_CHECK_INT(probe(&world), FS_DONE);
    freeReplyObject(fs_redis_server_ask(&server, "HDEL fs:{shoe}:orders o1"));
    FS_CHECK_INT(probe(&other), FS_DONE);
    FS_CHECK_INT(world_buy(&other, "shoe", "o3", 1).outcome.verdict, FS_DONE); /* it cannot know */
    for (unsigned sale = 0; sale < 2; sale++)
        FS_CHECK_INT(probe(&world), FS_DONE);
    FS_CHECK_INT(world_buy(&other, "shoe", "o4", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_count(&other, "shoe").sale.state, FS_SALE_FROZEN);
    FS_CHECK_INT(world_buy(&other, "sock", "o4", 1).outcome.verdict, FS_DONE);
    FS_CHECK_INT(probe(&world), FS_DONE);
    world_close(&other);
    world_close(&world);
}

static void a_script_that_fails_pauses_the_sale(void)
{
    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    freeReplyObject(fs_redis_server_ask(&server, "SET fs:{shoe}:orders broken"));
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_UNDETERMINED);
    freeReplyObject(fs_redis_server_ask(&server, "DEL fs:{shoe}:orders"));
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.state, FS_SALE_FROZEN);
    world_check_audit(&world, "shoe", 0);
    world_close(&world);
}

/* The store fails a script, and then does not answer the one that pauses the sale. */
static void a_script_that_fails_pauses_the_sale_however_often_that_is_asked(void)
{
    const uint64_t pause_call = TESTED_TRIPS == 1 ? 2 : 3; /* the lock comes first */
    uint64_t calls;

    begin();
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    freeReplyObject(fs_redis_server_ask(&server, "SET fs:{shoe}:orders broken"));
    calls = world.fakes[0].call_count;
    fs_fake_store_inject(&world.fakes[0], FS_FAULT_LOST_BEFORE, calls + pause_call,
                         calls + pause_call + 2, 0);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_UNDETERMINED);
    fs_fake_store_inject(&world.fakes[0], FS_FAULT_NONE, 0, 0, 0);
    freeReplyObject(fs_redis_server_ask(&server, "DEL fs:{shoe}:orders"));
    FS_CHECK_INT(world_buy(&world, "shoe", "o2", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.state, FS_SALE_FROZEN);
    world_close(&world);
}

#define TESTS(T)                                                       \
    T(a_store_that_forgot_what_it_acknowledged_sells_nothing)          \
    T(a_store_that_forgot_a_cancel_sells_nothing)                      \
    T(an_order_that_was_acknowledged_and_lost_is_not_unknown)          \
    T(a_store_that_forgot_a_change_sells_nothing)                      \
    T(a_store_that_forgot_what_was_told_again_sells_nothing)           \
    T(a_frozen_sale_says_why_and_since_when)                           \
    T(a_lost_sale_is_told_as_lost_and_sells_nothing_until_it_is_reset) \
    T(a_sale_that_was_read_is_missed)                                  \
    T(a_frozen_sale_takes_a_reset_or_another_state_and_no_more)        \
    T(a_readiness_check_notices_that_the_store_went_back)              \
    T(a_script_that_fails_pauses_the_sale)                             \
    T(a_script_that_fails_pauses_the_sale_however_often_that_is_asked)

FS_SUITE("strategy on a Redis that forgets", TESTS)
