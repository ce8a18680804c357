/* v4 where stock is scarce and in fragments, so that every purchase moves units: its nth store call
 * fails, or its server dies there; then each answer is true, and all that is left can be sold. */
#include "world.h"

#include <poll.h>

#define ASKED 8u
#define STOCK 7
#define RUNS_MAX 400u

const struct fs_strategy *flashsale_strategy_v4(void);

static struct fs_redis_server server;
static struct world worlds[2];
static unsigned play_number;

static void stop_server(void)
{
    fs_redis_server_stop(&server);
}

static void start_server(void)
{
    static const char *const settings[] = {"--maxmemory-policy", "noeviction", NULL};

    if (server.pid == 0) {
        fs_redis_server_start(&server, settings);
        atexit(stop_server);
    }
    world_empty(&server);
}

static void begin(struct world *world, const char *shards, uint64_t deadline_span_us,
                  unsigned loop_count)
{
    const struct fs_option option = {"shards", shards};
    const struct world_options options = {.strategy = flashsale_strategy_v4(),
                                          .option_list = &option,
                                          .option_count = 1,
                                          .deadline_span_us = deadline_span_us,
                                          .loop_count = loop_count,
                                          .quiet = true};

    world_open(world, &server, &options);
}

static bool is_nothing_taken(enum fs_verdict verdict)
{
    return verdict == FS_SOLD_OUT || verdict == FS_BUSY || verdict == FS_UNAVAILABLE;
}

/* Of 1 to 3 units, by buyers of many homes. */
static void set_purchases(struct fs_request *requests, const char *product)
{
    for (unsigned i = 0; i < ASKED; i++) {
        char order[32];

        snprintf(order, sizeof(order), "p%uo%u", play_number, i);
        requests[i] = (struct fs_request){.loop = i};
        fs_request_purchase(&requests[i], product, order, order, 1 + i % 3);
    }
}

/* What was answered is so.  Returns the units sold. */
static int64_t check_truth(struct world *world, const struct fs_request *requests,
                           const char *product)
{
    int64_t units = 0;

    for (unsigned i = 0; i < ASKED; i++) {
        enum fs_verdict said = requests[i].outcome.verdict;
        struct fs_request found = world_lookup(world, product, requests[i].order);

        FS_CHECK_INT(requests[i].end_count, 1);
        if (said == FS_DONE)
            FS_CHECK_INT(found.outcome.verdict, FS_DONE);
        else if (is_nothing_taken(said))
            FS_CHECK_INT(found.outcome.verdict, FS_UNKNOWN);
        else
            FS_CHECK_INT(said, FS_UNDETERMINED);
        if (found.outcome.verdict == FS_DONE)
            units += found.found.units;
    }
    return units;
}

/* All that is left is sold, in one order of each size down to nothing; then nobody gets any. */
static void sell_the_rest(struct world *world, const char *product)
{
    int64_t left = world_count(world, product).sale.units_left;
    struct fs_request bought;
    char order[32];

    left += world_count(world, product).sale.units_in_transit;
    for (unsigned i = 0; left > 0 && i < ASKED; i++) {
        int64_t sold = world_count(world, product).sale.units_sold;

        snprintf(order, sizeof(order), "p%urest%u", play_number, i);
        bought = world_buy(world, product, order, (uint32_t)left);
        /* Units in transit are for orders that were begun, and go to them first. */
        FS_CHECK(bought.outcome.verdict == FS_DONE || bought.outcome.verdict == FS_SOLD_OUT);
        FS_CHECK(world_count(world, product).sale.units_sold > sold);
        left = STOCK - world_count(world, product).sale.units_sold;
    }
    FS_CHECK_INT(left, 0);
    snprintf(order, sizeof(order), "p%utoomany", play_number);
    FS_CHECK_INT(world_buy(world, product, order, 1).outcome.verdict, FS_SOLD_OUT);
    world_check_audit(world, product, STOCK);
}

/* Of a transfer FORGET may be under way when the last purchase has ended; a read comes behind it. */
static void wait_for_the_last_call(struct world *world, const char *product)
{
    poll(NULL, 0, 20);
    world_count(world, product);
}

static uint64_t play(void *data, enum fs_fault fault, uint64_t nth)
{
    struct world *world = data;
    struct fs_request requests[ASKED];
    char product[32];
    uint64_t calls_before;
    uint64_t calls;

    snprintf(product, sizeof(product), "p%u", play_number);
    FS_CHECK_INT(world_create(world, product, STOCK).outcome.verdict, FS_DONE);
    wait_for_the_last_call(world, product);
    calls_before = world->fakes[0].call_count;
    fs_fake_store_inject(&world->fakes[0], fault, calls_before + nth, calls_before + nth, 5);
    set_purchases(requests, product);
    fs_driver_run(&world->driver, requests, ASKED, 4);
    wait_for_the_last_call(world, product);
    calls = world->fakes[0].call_count - calls_before;
    fs_fake_store_inject(&world->fakes[0], FS_FAULT_NONE, 0, 0, 0);
    check_truth(world, requests, product);
    sell_the_rest(world, product);
    play_number++;
    return calls;
}

static void torture(enum fs_fault fault, unsigned loop_count)
{
    uint64_t failed;

    start_server();
    begin(&worlds[0], "3", 0, loop_count);
    failed = fs_torture_each_call(fault, RUNS_MAX, &worlds[0], play);
    printf("%" PRIu64 " calls failed, each in a play of its own ", failed);
    FS_CHECK(failed >= 10);
    world_close(&worlds[0]);
}

static void a_call_that_is_not_sent_takes_nothing(void)
{
    torture(FS_FAULT_NOT_SENT, 1);
}

static void a_call_that_is_refused_takes_nothing(void)
{
    torture(FS_FAULT_REFUSED, 1);
}

static void a_call_lost_before_it_ran_is_resolved(void)
{
    torture(FS_FAULT_LOST_BEFORE, 1);
}

static void a_call_lost_after_it_ran_is_resolved(void)
{
    torture(FS_FAULT_LOST_AFTER, 1);
}

static void a_late_answer_is_waited_for(void)
{
    torture(FS_FAULT_DELAYED, 1);
}

static void answers_out_of_order_meet_their_own_ops(void)
{
    torture(FS_FAULT_REORDERED, 1);
}

/* From its nth call on a server reaches no store any more, and ends; another one takes over. */
static uint64_t die(void *data, enum fs_fault fault, uint64_t nth)
{
    struct world *dying = &worlds[1];
    struct fs_request requests[ASKED];
    char product[32];
    uint64_t calls;

    (void)data;
    snprintf(product, sizeof(product), "p%u", play_number);
    FS_CHECK_INT(world_create(&worlds[0], product, STOCK).outcome.verdict, FS_DONE);
    begin(dying, "3", 60000, 1);
    fs_fake_store_inject(&dying->fakes[0], fault, nth, UINT64_MAX, 0);
    set_purchases(requests, product);
    fs_driver_run(&dying->driver, requests, ASKED, 4);
    fs_driver_settle(&dying->driver);
    world_close(dying);
    calls = dying->fakes[0].call_count;
    check_truth(&worlds[0], requests, product);
    sell_the_rest(&worlds[0], product);
    play_number++;
    return calls;
}

static void servers_die(enum fs_fault fault)
{
    uint64_t died = 0;

    start_server();
    begin(&worlds[0], "3", 0, 1);
    for (uint64_t nth = 1; nth <= 60; nth++)
        died += die(NULL, fault, nth) >= nth;
    printf("%" PRIu64 " servers died, each at a call of its own ", died);
    FS_CHECK(died >= 20);
    world_close(&worlds[0]);
}

static void what_a_dead_server_left_is_sold_by_another(void)
{
    servers_die(FS_FAULT_NOT_SENT);
}

static void what_ran_after_a_server_had_died_is_sold_once(void)
{
    servers_die(FS_FAULT_LOST_AFTER);
}

static void seven_units_over_sixteen_shards_are_sold_exactly(void)
{
    static const struct {
        uint32_t units;
        enum fs_verdict verdict;
    } asked[] = {{8, FS_SOLD_OUT}, {3, FS_DONE},     {5, FS_SOLD_OUT},
                 {2, FS_DONE},     {3, FS_SOLD_OUT}, {1, FS_DONE},
                 {2, FS_SOLD_OUT}, {1, FS_DONE},     {1, FS_SOLD_OUT}};
    struct world *world = &worlds[0];

    start_server();
    begin(world, "16", 0, 1);
    for (unsigned round = 0; round < 20; round++) {
        char product[16];

        snprintf(product, sizeof(product), "r%u", round);
        FS_CHECK_INT(world_create(world, product, 7).outcome.verdict, FS_DONE);
        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
            char order[32];

            snprintf(order, sizeof(order), "%so%zu", product, i);
            FS_CHECK_INT(world_buy(world, product, order, asked[i].units).outcome.verdict,
                         asked[i].verdict);
        }
        FS_CHECK_INT(world_count(world, product).sale.units_sold, 7);
        FS_CHECK_INT(world_count(world, product).sale.units_left, 0);
    }
    world_close(world);
}

static void a_server_with_another_number_of_shards_sells_from_those_there_are(void)
{
    start_server();
    begin(&worlds[0], "3", 0, 1);
    FS_CHECK_INT(world_create(&worlds[0], "shoe", 9).outcome.verdict, FS_DONE);
    begin(&worlds[1], "4", 0, 1);
    FS_CHECK_INT(world_count(&worlds[1], "shoe").sale.units_left, 9);
    for (unsigned i = 0; i < 9; i++) {
        struct fs_request found;
        char order[16];

        snprintf(order, sizeof(order), "o%u", i);
        FS_CHECK_INT(world_buy(&worlds[i % 2], "shoe", order, 1).outcome.verdict, FS_DONE);
        found = world_lookup(&worlds[1 - i % 2], "shoe", order);
        FS_CHECK_INT(found.outcome.verdict, FS_DONE);
    }
    FS_CHECK_INT(world_buy(&worlds[1], "shoe", "late", 1).outcome.verdict, FS_SOLD_OUT);
    FS_CHECK_INT(fs_redis_server_number(&server, "EXISTS fs:{shoe/3}:sale"), 0);
    world_close(&worlds[1]);
    world_check_audit(&worlds[0], "shoe", 9);
    world_close(&worlds[0]);
}

static void a_shard_that_forgot_what_it_acknowledged_sells_nothing(void)
{
    struct fs_request reset = {0};

    start_server();
    begin(&worlds[0], "1", 0, 1);
    FS_CHECK_INT(world_create(&worlds[0], "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&worlds[0], "shoe", "o1", 1).outcome.verdict, FS_DONE);
    freeReplyObject(fs_redis_server_ask(&server, "HDEL fs:{shoe/0}:orders o1"));
    FS_CHECK_INT(world_buy(&worlds[0], "shoe", "o2", 1).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(world_count(&worlds[0], "shoe").sale.state, FS_SALE_FROZEN);
    fs_request_change(&reset, FS_CHANGE_RESET, "shoe", 5);
    FS_CHECK_INT(world_ask(&worlds[0], reset).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&worlds[0], "shoe", "o2", 5).outcome.verdict, FS_DONE);
    world_close(&worlds[0]);
}

/* A shard as it is now, and back again: what a store has that lost its tail. */
static void copy_shard(const char *from, const char *to)
{
    static const char *const tables[] = {"sale", "orders", "buyers", "log"};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char command[128];

        snprintf(command, sizeof(command), "DEL fs:{%s}:%s", to, tables[i]);
        freeReplyObject(fs_redis_server_ask(&server, command));
        snprintf(command, sizeof(command), "COPY fs:{%s}:%s fs:{%s}:%s", from, tables[i], to,
                 tables[i]);
        freeReplyObject(fs_redis_server_ask(&server, command));
    }
}

static bool has_bought_at(unsigned shard, const char *buyer)
{
    char command[128];

    snprintf(command, sizeof(command), "HEXISTS fs:{shoe/%u}:buyers %s", shard, buyer);
    return fs_redis_server_number(&server, command) == 1;
}

/* Buys one unit each until somebody has whose home is shard 0; then until somebody has whose home is
 * shard 1, and has the store forget that last one.  Writes the buyer at shard 0. */
static void lose_a_sale_at_shard_1(struct world *world, char buyer[16])
{
    bool is_done = false;

    buyer[0] = '\0';
    for (unsigned i = 0; !is_done; i++) {
        char order[16];

        snprintf(order, sizeof(order), "b%u", i);
        copy_shard("shoe/1", "older");
        FS_CHECK_INT(world_buy(world, "shoe", order, 1).outcome.verdict, FS_DONE);
        if (!buyer[0] && has_bought_at(0, order))
            memcpy(buyer, order, sizeof(order));
        is_done = buyer[0] && has_bought_at(1, order);
    }
    copy_shard("older", "shoe/1");
}

/* It alone knows, and takes from the shard without anybody buying there. */
static void a_shard_that_forgot_what_it_acknowledged_gives_nothing(void)
{
    struct world *world = &worlds[0];
    struct fs_request large = {0};
    char buyer[16];

    start_server();
    begin(world, "2", 0, 1);
    FS_CHECK_INT(world_create(world, "shoe", 100).outcome.verdict, FS_DONE);
    lose_a_sale_at_shard_1(world, buyer);
    fs_request_purchase(&large, "shoe", buyer, "large", 50);
    FS_CHECK_INT(world_ask(world, large).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK_INT(fs_redis_server_number(&server, "HEXISTS fs:{shoe/1}:sale frozen"), 1);
    world_close(world);
}

static enum fs_verdict set_state(struct world *world, int32_t state)
{
    struct fs_request update = {0};

    fs_request_change(&update, FS_CHANGE_UPDATE, "shoe", 0);
    update.change.state = state;
    return world_ask(world, update).outcome.verdict;
}

/* Else what it has would be dealt anew, and nobody could miss anything any more. */
static void a_sale_that_forgot_what_it_acknowledged_is_not_moved(void)
{
    struct world *world = &worlds[0];
    char buyer[16];

    start_server();
    begin(&worlds[1], "2", 0, 1);
    FS_CHECK_INT(world_create(&worlds[1], "shoe", 100).outcome.verdict, FS_DONE);
    world_close(&worlds[1]);
    begin(world, "3", 0, 1);
    lose_a_sale_at_shard_1(world, buyer);
    FS_CHECK_INT(set_state(world, FS_SALE_CLOSED), FS_DONE);
    FS_CHECK_INT(set_state(world, FS_SALE_OPEN), FS_UNAVAILABLE);
    FS_CHECK_INT(fs_redis_server_number(&server, "HEXISTS fs:{shoe/1}:sale frozen"), 1);
    FS_CHECK_INT(world_count(world, "shoe").sale.state, FS_SALE_FROZEN);
    FS_CHECK_INT(fs_redis_server_number(&server, "HGET fs:{shoe}:layout shards"), 2);
    world_close(world);
}

/* As after a failover to a replica that had not heard of the last transfer: its units would be there
 * twice. */
static void a_shard_that_forgot_a_transfer_sells_nothing(void)
{
    struct world *world = &worlds[0];
    char order[16];

    start_server();
    begin(world, "2", 0, 1);
    FS_CHECK_INT(world_create(world, "shoe", 100).outcome.verdict, FS_DONE);
    for (unsigned i = 0; i < 9; i++) { /* larger than a fragment: units move */
        snprintf(order, sizeof(order), "o%u", i);
        FS_CHECK_INT(world_buy(world, "shoe", order, 11).outcome.verdict, FS_DONE);
    }
    freeReplyObject(fs_redis_server_ask(&server, "HSET fs:{shoe/0}:sale moves 0 left 5"));
    freeReplyObject(fs_redis_server_ask(&server, "HSET fs:{shoe/1}:sale moves 0 left 5"));
    for (unsigned i = 0; i < 6; i++) {
        snprintf(order, sizeof(order), "late%u", i);
        FS_CHECK_INT(world_buy(world, "shoe", order, 1).outcome.verdict, FS_UNAVAILABLE);
    }
    FS_CHECK_INT(world_count(world, "shoe").sale.state, FS_SALE_FROZEN);
    world_close(world);
}

/* Of a store that reads and does not write. */
static void check_is_not_asked_for_ever(struct world *world, const char *product, uint32_t units)
{
    uint64_t calls_before = world->fakes[0].call_count;
    char order[32];

    snprintf(order, sizeof(order), "%sfull", product);
    freeReplyObject(fs_redis_server_ask(&server, "CONFIG SET maxmemory 1"));
    FS_CHECK_INT(world_buy(world, product, order, units).outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK(world->fakes[0].call_count - calls_before < 20);
    freeReplyObject(fs_redis_server_ask(&server, "CONFIG SET maxmemory 0"));
    FS_CHECK_INT(world_buy(world, product, order, units).outcome.verdict, FS_DONE);
}

static void a_step_that_cannot_be_done_is_not_tried_until_the_deadline(void)
{
    struct world *world = &worlds[0];

    start_server();
    begin(world, "2", 3000000, 1);
    FS_CHECK_INT(world_create(world, "half", 10).outcome.verdict, FS_DONE);
    freeReplyObject(fs_redis_server_ask(&server, "HSET fs:{half/0}:sale fence 9"));
    poll(NULL, 0, 300); /* what is known of it is read anew: a change is half made */
    check_is_not_asked_for_ever(world, "half", 1);
    FS_CHECK_INT(world_create(world, "swept", 2).outcome.verdict, FS_DONE);
    check_is_not_asked_for_ever(world, "swept", 2);
    world_close(world);
}

/* What stands in the store may have been put there by anybody. */
static void a_layout_that_makes_no_sense_sells_nothing(void)
{
    static const char *const numbers[] = {"999999999999999999", "10000000000", "-1", "shoe", ""};
    char product[FS_PRODUCT_LEN_MAX + 1];
    char command[160];

    memset(product, 'p', FS_PRODUCT_LEN_MAX);
    product[FS_PRODUCT_LEN_MAX] = '\0';
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        enum fs_verdict said;

        start_server();
        snprintf(command, sizeof(command), "HSET fs:{%s}:layout shards 2 layout %s", product,
                 numbers[i][0] ? numbers[i] : "''");
        freeReplyObject(fs_redis_server_ask(&server, command));
        begin(&worlds[0], "2", 1000000, 1);
        said = world_buy(&worlds[0], product, "o1", 1).outcome.verdict;
        FS_CHECK(said == FS_UNAVAILABLE || said == FS_UNKNOWN);
        world_close(&worlds[0]);
    }
}

static void names_that_nobody_sells_leave_nothing_behind(void)
{
    start_server();
    begin(&worlds[0], "8", 0, 1);
    for (unsigned i = 0; i < 200; i++) {
        char product[16];

        snprintf(product, sizeof(product), "none%u", i);
        FS_CHECK_INT(world_buy(&worlds[0], product, "o1", 1).outcome.verdict, FS_UNKNOWN);
        FS_CHECK_INT(world_count(&worlds[0], product).outcome.verdict, FS_UNKNOWN);
    }
    FS_CHECK_INT(fs_redis_server_number(&server, "DBSIZE"), 0);
    world_close(&worlds[0]);
}

#define TESTS(T)                                                         \
    T(a_call_that_is_not_sent_takes_nothing)                             \
    T(a_call_that_is_refused_takes_nothing)                              \
    T(a_call_lost_before_it_ran_is_resolved)                             \
    T(a_call_lost_after_it_ran_is_resolved)                              \
    T(a_late_answer_is_waited_for)                                       \
    T(answers_out_of_order_meet_their_own_ops)                           \
    T(what_a_dead_server_left_is_sold_by_another)                        \
    T(what_ran_after_a_server_had_died_is_sold_once)                     \
    T(seven_units_over_sixteen_shards_are_sold_exactly)                  \
    T(a_server_with_another_number_of_shards_sells_from_those_there_are) \
    T(a_shard_that_forgot_what_it_acknowledged_sells_nothing)            \
    T(a_shard_that_forgot_what_it_acknowledged_gives_nothing)            \
    T(a_sale_that_forgot_what_it_acknowledged_is_not_moved)              \
    T(a_shard_that_forgot_a_transfer_sells_nothing)                      \
    T(a_step_that_cannot_be_done_is_not_tried_until_the_deadline)        \
    T(a_layout_that_makes_no_sense_sells_nothing)                        \
    T(names_that_nobody_sells_leave_nothing_behind)

FS_SUITE("v4/faults", TESTS)
