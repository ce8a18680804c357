/* v4 on a store that lost a sale, a shard of it, or only what it acknowledged last: nothing is made anew
 * of what is gone, reads are unavailable, and changes are refused until a reset. */
#include "world.h"

#include "homes.h"

#define SHARDS 3u
#define STOCK 9

const struct fs_strategy *flashsale_strategy_v4(void);

static struct fs_redis_server server;
static struct world world;
static struct world other;

static void stop_server(void)
{
    fs_redis_server_stop(&server);
}

static void open_world(struct world *opened, const char *shards)
{
    const struct fs_option option = {"shards", shards};
    const struct world_options options = {.strategy = flashsale_strategy_v4(),
                                          .option_list = &option,
                                          .option_count = 1,
                                          .deadline_span_us = 3000000,
                                          .quiet = getenv("FS_LOUD") == NULL};

    world_open(opened, &server, &options);
}

static void begin(void)
{
    static const char *const settings[] = {"--maxmemory-policy", "noeviction", NULL};

    if (server.pid == 0) {
        fs_redis_server_start(&server, settings);
        atexit(stop_server);
    }
    world_empty(&server);
    open_world(&world, "3");
    FS_CHECK_INT(world_create(&world, "shoe", STOCK).outcome.verdict, FS_DONE);
}

static void tell_redis(const char *command)
{
    freeReplyObject(fs_redis_server_ask(&server, command));
}

static enum fs_verdict buy_at(unsigned shard, unsigned number)
{
    char buyer[16];

    name_buyer(buyer, shard, SHARDS, number);
    return world_buy(&world, "shoe", buyer, 1).outcome.verdict;
}

static enum fs_verdict look_up_at(unsigned shard, unsigned number)
{
    char buyer[16];

    name_buyer(buyer, shard, SHARDS, number);
    return world_lookup(&world, "shoe", buyer).outcome.verdict;
}

static enum fs_verdict cancel_at(unsigned shard, unsigned number)
{
    struct fs_request request = {0};
    char buyer[16];

    name_buyer(buyer, shard, SHARDS, number);
    fs_request_ref(&request, FS_OP_CANCEL, "shoe", buyer, buyer);
    return world_ask(&world, request).outcome.verdict;
}

static enum fs_verdict read_verdict(struct world *asked, enum fs_op_kind kind)
{
    struct fs_request request = {0};

    fs_request_read(&request, kind, kind == FS_OP_COUNT || kind == FS_OP_AUDIT ? "shoe" : "");
    return world_ask(asked, request).outcome.verdict;
}

static struct fs_request change_of(enum fs_change_kind kind, int64_t units)
{
    struct fs_request change = {0};

    fs_request_change(&change, kind, "shoe", units);
    return change;
}

static struct fs_request restock(struct world *asked)
{
    struct fs_request update = change_of(FS_CHANGE_UPDATE, 0);

    update.change.units_add = 5;
    return world_ask(asked, update);
}

static enum fs_verdict set_state(int32_t state)
{
    struct fs_request update = change_of(FS_CHANGE_UPDATE, 0);

    update.change.state = state;
    return world_ask(&world, update).outcome.verdict;
}

static unsigned sales_frozen(const struct world *asked)
{
    return (unsigned)atomic_load(&asked->driver.host.sales_frozen);
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
    FS_CHECK_INT(list.row_count, 1);
    FS_CHECK_INT(list.trouble.state, FS_SALE_LOST);
    FS_CHECK_INT(read_verdict(asked, FS_OP_AUDIT), FS_UNAVAILABLE);
}

static void check_reset_helps(uint64_t epoch)
{
    struct fs_request reset = change_of(FS_CHANGE_RESET, STOCK);
    int64_t sold = 0;

    reset.change.state = FS_SALE_OPEN;
    FS_CHECK_INT(world_ask(&world, reset).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.epoch, epoch);
    FS_CHECK_INT(world_count(&world, "shoe").sale.units_left, STOCK);
    FS_CHECK_INT(sales_frozen(&world), 0);
    FS_CHECK_INT(read_verdict(&world, FS_OP_LIST), FS_DONE);
    for (unsigned i = 0; i < STOCK + 3; i++) {
        char order[16];
        enum fs_verdict said;

        snprintf(order, sizeof(order), "new%u", i);
        said = world_buy(&world, "shoe", order, 1).outcome.verdict;
        FS_CHECK(said == FS_DONE || said == FS_SOLD_OUT);
        sold += said == FS_DONE;
    }
    FS_CHECK_INT(sold, STOCK);
    world_check_audit(&world, "shoe", STOCK);
}

static void a_lost_sale_is_told_as_lost_and_sells_nothing_until_it_is_reset(void)
{
    begin();
    FS_CHECK_INT(buy_at(0, 0), FS_DONE);
    world_empty(&server);
    FS_CHECK_INT(read_verdict(&world, FS_OP_COUNT), FS_DONE);
    FS_CHECK_INT(sales_frozen(&world), 1); /* sales, not shards */
    check_reads_say_lost(&world);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        FS_CHECK_INT(look_up_at(shard, 0), FS_UNAVAILABLE);
        FS_CHECK_INT(buy_at(shard, 1), FS_UNAVAILABLE);
        FS_CHECK_INT(cancel_at(shard, 0), FS_UNAVAILABLE);
    }
    FS_CHECK_INT(world_create(&world, "shoe", STOCK).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(restock(&world).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(set_state(FS_SALE_PAUSED), FS_CLOSED);
    FS_CHECK_INT(sales_frozen(&world), 1);
    FS_CHECK_INT(world_count(&world, "sock").outcome.verdict, FS_UNKNOWN);
    check_reset_helps(2);
    FS_CHECK_INT(look_up_at(0, 0), FS_UNKNOWN);
    world_close(&world);
}

/* The first that is asked of a lost sale is each of them in turn. */
static void whatever_is_asked_first_of_a_lost_sale_finds_it_lost(void)
{
    for (unsigned first = 0; first < 9; first++) {
        enum fs_verdict said;

        begin();
        FS_CHECK_INT(read_verdict(&world, FS_OP_COUNT), FS_DONE);
        world_empty(&server);
        if (first < 3)
            said = buy_at(first, 0);
        else if (first < 5)
            said = look_up_at(first % SHARDS, 0);
        else if (first == 5)
            said = cancel_at(2, 0);
        else
            said = read_verdict(&world, first == 6   ? FS_OP_COUNT
                                        : first == 7 ? FS_OP_LIST
                                                     : FS_OP_AUDIT);
        FS_CHECK_INT(said, first == 6 || first == 7 ? FS_DONE : FS_UNAVAILABLE);
        FS_CHECK_INT(sales_frozen(&world), 1);
        check_reset_helps(2);
        world_close(&world);
    }
}

/* Who only looked at it knows it, too. */
static void a_sale_that_was_read_is_missed(void)
{
    begin();
    open_world(&other, "3");
    FS_CHECK_INT(world_count(&other, "shoe").outcome.verdict, FS_DONE);
    world_empty(&server);
    check_reads_say_lost(&other);
    FS_CHECK_INT(world_buy(&other, "shoe", "o1", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(restock(&other).outcome.verdict, FS_CLOSED);
    world_close(&other);
    world_close(&world);
}

static void lose_shard(const char *shard)
{
    static const char *const tables[] = {"sale", "orders", "buyers", "changes", "log"};
    char command[64];

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        snprintf(command, sizeof(command), "DEL fs:{shoe/%s}:%s", shard, tables[i]);
        tell_redis(command);
    }
}

/* As when one of several servers comes back empty: what was sold there would be dealt a second time. */
static void a_lost_shard_is_not_dealt_anew(void)
{
    for (unsigned lost = 0; lost < SHARDS; lost++) {
        char name[8];
        char command[64];

        begin();
        for (unsigned shard = 0; shard < SHARDS; shard++)
            FS_CHECK_INT(buy_at(shard, 0), FS_DONE);
        snprintf(name, sizeof(name), "%u", lost);
        lose_shard(name);
        check_reads_say_lost(&world);
        FS_CHECK_INT(restock(&world).outcome.verdict, FS_CLOSED);
        FS_CHECK_INT(set_state(FS_SALE_PAUSED), FS_CLOSED);
        FS_CHECK_INT(buy_at(lost, 1), FS_UNAVAILABLE);
        FS_CHECK_INT(look_up_at(lost, 0), FS_UNAVAILABLE);
        FS_CHECK_INT(cancel_at(lost, 0), FS_UNAVAILABLE);
        FS_CHECK_INT(look_up_at((lost + 1) % SHARDS, 0), FS_DONE);
        /* Two each are left on the others; without shard 0 nobody knows the sale to move them. */
        for (unsigned i = 1; i <= 5; i++)
            FS_CHECK_INT(buy_at((lost + 1) % SHARDS, i),
                         i < (lost == 0 ? 3 : 5) ? FS_DONE : FS_UNAVAILABLE);
        snprintf(command, sizeof(command), "EXISTS fs:{shoe/%u}:sale", lost);
        FS_CHECK_INT(fs_redis_server_number(&server, command), 0);
        FS_CHECK_INT(sales_frozen(&world), 1);
        check_reset_helps(2);
        world_close(&world);
    }
}

static void a_shard_of_an_earlier_epoch_is_not_dealt_anew(void)
{
    begin();
    FS_CHECK_INT(read_verdict(&world, FS_OP_COUNT), FS_DONE);
    tell_redis("COPY fs:{shoe/1}:sale fs:{older}:sale REPLACE");
    FS_CHECK_INT(world_ask(&world, change_of(FS_CHANGE_RESET, STOCK)).outcome.verdict, FS_DONE);
    for (unsigned shard = 0; shard < SHARDS; shard++)
        FS_CHECK_INT(buy_at(shard, 0), FS_DONE);
    tell_redis("COPY fs:{older}:sale fs:{shoe/1}:sale REPLACE");
    check_reads_say_lost(&world);
    FS_CHECK_INT(restock(&world).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(buy_at(1, 1), FS_UNAVAILABLE);
    FS_CHECK_INT(fs_redis_server_number(&server, "HGET fs:{shoe/1}:sale epoch"), 1);
    check_reset_helps(3);
    world_close(&world);
}

/* Shard 1 has lost the order that it acknowledged last. */
static void a_sale_with_a_frozen_shard_takes_a_reset_or_another_state_and_no_more(void)
{
    struct fs_request update;
    char buyer[16];
    char command[64];

    begin();
    FS_CHECK_INT(buy_at(1, 0), FS_DONE);
    FS_CHECK_INT(buy_at(1, 1), FS_DONE);
    name_buyer(buyer, 1, SHARDS, 1);
    snprintf(command, sizeof(command), "HDEL fs:{shoe/1}:orders %s", buyer);
    tell_redis(command);
    FS_CHECK_INT(look_up_at(1, 0), FS_DONE);
    FS_CHECK_INT(look_up_at(1, 1), FS_UNAVAILABLE); /* it was acknowledged */
    FS_CHECK_INT(buy_at(1, 2), FS_UNAVAILABLE);
    FS_CHECK_INT(sales_frozen(&world), 1);
    FS_CHECK_INT(look_up_at(1, 0), FS_DONE);
    FS_CHECK_INT(look_up_at(1, 1), FS_UNAVAILABLE);
    FS_CHECK_INT(look_up_at(0, 0), FS_UNKNOWN);
    FS_CHECK_INT(cancel_at(1, 0), FS_UNAVAILABLE);
    FS_CHECK_INT(read_verdict(&world, FS_OP_COUNT), FS_DONE);
    FS_CHECK_INT(read_verdict(&world, FS_OP_LIST), FS_DONE);
    FS_CHECK_INT(read_verdict(&world, FS_OP_AUDIT), FS_DONE);
    update = restock(&world);
    FS_CHECK_INT(update.outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(update.outcome.state, FS_SALE_FROZEN);
    update = change_of(FS_CHANGE_UPDATE, 0);
    update.change.units_per_buyer_max = 2;
    FS_CHECK_INT(world_ask(&world, update).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(world_create(&world, "shoe", STOCK).outcome.verdict, FS_EXISTS);
    FS_CHECK_INT(world_count(&world, "shoe").sale.units_restocked, 0);
    FS_CHECK_INT(set_state(FS_SALE_CLOSED), FS_DONE);
    FS_CHECK_INT(world_count(&world, "shoe").sale.state, FS_SALE_FROZEN);
    open_world(&other, "2"); /* it would have other shards, and a frozen sale is not moved */
    update = change_of(FS_CHANGE_UPDATE, 0);
    update.change.state = FS_SALE_OPEN;
    FS_CHECK_INT(world_ask(&other, update).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(sales_frozen(&other), 1);
    world_close(&other);
    check_reset_helps(2);
    world_close(&world);
}

/* The sale was moved, so that its shards' names are not those a server would look for. */
static void a_moved_sale_whose_place_is_lost_takes_a_reset(void)
{
    struct fs_request open = change_of(FS_CHANGE_UPDATE, 0);

    begin();
    FS_CHECK_INT(buy_at(0, 0), FS_DONE);
    FS_CHECK_INT(set_state(FS_SALE_CLOSED), FS_DONE);
    open_world(&other, "2");
    open.change.state = FS_SALE_OPEN;
    FS_CHECK_INT(world_ask(&other, open).outcome.verdict, FS_DONE);
    world_close(&other);
    FS_CHECK_INT(world_count(&world, "shoe").sale.units_left, STOCK - 1);
    tell_redis("DEL fs:{shoe}:layout fs:{shoe/1/0}:sale");
    check_reads_say_lost(&world);
    FS_CHECK_INT(sales_frozen(&world), 1);
    FS_CHECK_INT(restock(&world).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(set_state(FS_SALE_PAUSED), FS_CLOSED);
    FS_CHECK_INT(world_create(&world, "shoe", STOCK).outcome.verdict, FS_CLOSED);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 1).outcome.verdict, FS_UNAVAILABLE);
    check_reset_helps(2);
    world_close(&world);
}

/* It alone knows of the order that was lost, and nobody buys from it any more. */
static void a_readiness_check_notices_that_a_shard_went_back(void)
{
    char buyer[16];
    char command[64];

    begin();
    open_world(&other, "3");
    FS_CHECK_INT(buy_at(1, 0), FS_DONE);
    FS_CHECK_INT(read_verdict(&world, FS_OP_PROBE), FS_DONE);
    name_buyer(buyer, 1, SHARDS, 0);
    snprintf(command, sizeof(command), "HDEL fs:{shoe/1}:orders %s", buyer);
    tell_redis(command);
    for (unsigned i = 0; i < 4; i++)
        FS_CHECK_INT(read_verdict(&world, FS_OP_PROBE), FS_DONE);
    FS_CHECK_INT(sales_frozen(&world), 1);
    name_buyer(buyer, 1, SHARDS, 1);
    FS_CHECK_INT(world_buy(&other, "shoe", buyer, 1).outcome.verdict, FS_UNAVAILABLE);
    world_close(&other);
    world_close(&world);
}

#define TESTS(T)                                                             \
    T(a_lost_sale_is_told_as_lost_and_sells_nothing_until_it_is_reset)       \
    T(whatever_is_asked_first_of_a_lost_sale_finds_it_lost)                  \
    T(a_sale_that_was_read_is_missed)                                        \
    T(a_lost_shard_is_not_dealt_anew)                                        \
    T(a_shard_of_an_earlier_epoch_is_not_dealt_anew)                         \
    T(a_sale_with_a_frozen_shard_takes_a_reset_or_another_state_and_no_more) \
    T(a_moved_sale_whose_place_is_lost_takes_a_reset)                        \
    T(a_readiness_check_notices_that_a_shard_went_back)

FS_SUITE("v4/losses", TESTS)
