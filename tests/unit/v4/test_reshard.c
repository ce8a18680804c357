/* v4: a closed sale is opened with another number of shards, and its store calls fail one by one, or its
 * server dies there; then every order is found and replayed, limits hold, and all units can be sold. */
#include "world.h"

#include <poll.h>

#define ASKED 24u
#define STOCK 40
#define RUNS_MAX 600u

const struct fs_strategy *flashsale_strategy_v4(void);

static struct fs_redis_server server;
static struct world worlds[3];
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

static void begin(struct world *world, const char *shards, uint64_t deadline_span_us)
{
    const struct fs_option option = {"shards", shards};
    const struct world_options options = {.strategy = flashsale_strategy_v4(),
                                          .option_list = &option,
                                          .option_count = 1,
                                          .deadline_span_us = deadline_span_us,
                                          .quiet = getenv("FS_LOUD") == NULL};

    world_open(world, &server, &options);
}

static void name_product(char product[32])
{
    snprintf(product, 32, "p%u", play_number);
}

static void name_order(char order[32], unsigned number)
{
    snprintf(order, 32, "p%uo%u", play_number, number);
}

static struct fs_request set_state(struct world *world, const char *product, int32_t state)
{
    struct fs_request request = {0};

    fs_request_change(&request, FS_CHANGE_UPDATE, product, 0);
    request.change.state = state;
    request.change.units_reset = -1;
    return world_ask(world, request);
}

static struct fs_request cancel(struct world *world, const char *product, const char *order)
{
    struct fs_request request = {0};

    fs_request_ref(&request, FS_OP_CANCEL, product, order, order);
    return world_ask(world, request);
}

/* Two units may be had by a buyer; each of ASKED has one, every fourth gave it back. */
static void make_sale(struct world *world, const char *product)
{
    struct fs_request create = {0};
    char order[32];

    fs_request_change(&create, FS_CHANGE_CREATE, product, STOCK);
    create.change.units_per_buyer_max = 2;
    FS_CHECK_INT(world_ask(world, create).outcome.verdict, FS_DONE);
    for (unsigned i = 0; i < ASKED; i++) {
        name_order(order, i);
        FS_CHECK_INT(world_buy(world, product, order, 1).outcome.verdict, FS_DONE);
        if (i % 4 == 0)
            FS_CHECK_INT(cancel(world, product, order).outcome.verdict, FS_DONE);
    }
    FS_CHECK_INT(set_state(world, product, FS_SALE_CLOSED).outcome.verdict, FS_DONE);
}

#define SOLD (ASKED - ASKED / 4)

static void check_orders(struct world *world, const char *product)
{
    char order[32];

    for (unsigned i = 0; i < ASKED; i++) {
        struct fs_request found;

        name_order(order, i);
        found = world_lookup(world, product, order);
        FS_CHECK_INT(found.outcome.verdict, FS_DONE);
        FS_CHECK_INT(found.found.status, i % 4 == 0 ? FS_ORDER_CANCELLED : FS_ORDER_SOLD);
    }
    FS_CHECK_INT(world_lookup(world, product, "nobody").outcome.verdict, FS_UNKNOWN);
    FS_CHECK_INT(world_count(world, product).sale.units_sold, SOLD);
}

/* Another order of the buyer of order number i. */
static struct fs_request buy_as(struct world *world, const char *product, unsigned i,
                                const char *name, uint32_t units)
{
    struct fs_request request = {0};
    char buyer[32];
    char order[32];

    name_order(buyer, i);
    snprintf(order, sizeof(order), "p%u%s", play_number, name);
    fs_request_purchase(&request, product, buyer, order, units);
    return world_ask(world, request);
}

/* The sale is open. */
static void check_open(struct world *world, const char *product)
{
    char order[32];
    struct fs_request again;
    int64_t left;

    check_orders(world, product);
    for (unsigned i = 0; i < ASKED; i++) {
        name_order(order, i);
        again = world_buy(world, product, order, 1);
        FS_CHECK_INT(again.outcome.verdict, FS_DONE);
        FS_CHECK(again.outcome.replayed);
    }
    FS_CHECK_INT(buy_as(world, product, 1, "more1", 2).outcome.verdict, FS_LIMIT_REACHED);
    FS_CHECK_INT(buy_as(world, product, 1, "more2", 1).outcome.verdict, FS_DONE);
    FS_CHECK_INT(buy_as(world, product, 1, "more3", 1).outcome.verdict, FS_LIMIT_REACHED);
    FS_CHECK_INT(buy_as(world, product, 4, "more4", 2).outcome.verdict, FS_DONE);
    name_order(order, 2);
    FS_CHECK_INT(cancel(world, product, order).outcome.verdict, FS_DONE);
    left = STOCK - SOLD - 2;
    FS_CHECK_INT(world_count(world, product).sale.units_left, left);
    for (unsigned i = 0; i < (unsigned)left; i++) {
        snprintf(order, sizeof(order), "p%urest%u", play_number, i);
        FS_CHECK_INT(world_buy(world, product, order, 1).outcome.verdict, FS_DONE);
    }
    snprintf(order, sizeof(order), "p%utoomuch", play_number);
    FS_CHECK_INT(world_buy(world, product, order, 1).outcome.verdict, FS_SOLD_OUT);
    world_check_audit(world, product, STOCK);
}

static int64_t key_count(const char *product)
{
    char command[96];
    redisReply *reply;
    int64_t count;

    snprintf(command, sizeof(command), "KEYS fs:{%s/*}:sale", product);
    reply = fs_redis_server_ask(&server, command);
    count = (int64_t)reply->elements;
    freeReplyObject(reply);
    return count;
}

/* Shards of which nothing but the mark is left: so that no change that comes late makes one there.  All but
 * shard 0's are removed in the end. */
static int64_t removed_count(const char *product)
{
    char command[128];
    redisReply *keys;
    int64_t count = 0;

    snprintf(command, sizeof(command), "KEYS fs:{%s/*}:sale", product);
    keys = fs_redis_server_ask(&server, command);
    for (size_t i = 0; i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        const char *shard = strrchr(key, '/');

        snprintf(command, sizeof(command), "HLEN %s", key);
        if (fs_redis_server_number(&server, command) != 1)
            continue;
        snprintf(command, sizeof(command), "HEXISTS %s frozen", key);
        FS_CHECK_INT(fs_redis_server_number(&server, command), 1);
        snprintf(command, sizeof(command), "TTL %s", key);
        FS_CHECK((fs_redis_server_number(&server, command) > 3600) == (shard[1] != '0'));
        count++;
    }
    freeReplyObject(keys);
    return count;
}

/* Opens it, however often that must be asked. */
static void open_sale(struct world *world, const char *product)
{
    enum fs_verdict said = FS_BUSY;

    for (unsigned i = 0; i < 40 && said != FS_DONE; i++) {
        said = set_state(world, product, FS_SALE_OPEN).outcome.verdict;
        if (said == FS_DONE)
            break;
        FS_CHECK(said == FS_UNAVAILABLE || said == FS_BUSY || said == FS_UNDETERMINED);
        poll(NULL, 0, 5);
    }
    FS_CHECK_INT(said, FS_DONE);
}

static void a_closed_sale_goes_on_with_the_shards_it_is_opened_with(void)
{
    static const struct {
        const char *option;
        int64_t count;
    } shards[] = {{"8", 8}, {"3", 3}, {"16", 16}, {"1", 1}, {"8", 8}};
    char product[32];
    int64_t marked;

    start_server();
    play_number = 1000;
    name_product(product);
    begin(&worlds[0], shards[0].option, 0);
    make_sale(&worlds[0], product);
    marked = 0;
    for (unsigned i = 1; i < sizeof(shards) / sizeof(shards[0]); i++) {
        begin(&worlds[1], shards[i].option, 0);
        check_orders(&worlds[1], product);
        FS_CHECK_INT(set_state(&worlds[1], product, FS_SALE_OPEN).outcome.verdict, FS_DONE);
        check_orders(&worlds[1], product);
        check_orders(&worlds[0], product); /* it knew the shards from before */
        world_check_audit(&worlds[0], product, SOLD);
        FS_CHECK_INT(set_state(&worlds[0], product, FS_SALE_CLOSED).outcome.verdict, FS_DONE);
        world_check_audit(&worlds[1], product, SOLD);
        marked += shards[i - 1].count;
        for (unsigned waited_ms = 0; /* the old shards are removed by and by, but for their marks */
             waited_ms < 10000 && removed_count(product) != marked; waited_ms += 5)
            poll(NULL, 0, 5);
        FS_CHECK_INT(removed_count(product), marked);
        FS_CHECK_INT(key_count(product), shards[i].count + marked);
        world_close(&worlds[1]);
    }
    FS_CHECK_INT(set_state(&worlds[0], product, FS_SALE_OPEN).outcome.verdict, FS_DONE);
    check_open(&worlds[0], product);
    world_close(&worlds[0]);
}

static void a_server_that_knew_the_old_shards_sells_from_the_new_ones(void)
{
    char product[32];

    start_server();
    play_number = 2000;
    name_product(product);
    begin(&worlds[0], "8", 0);
    make_sale(&worlds[0], product);
    begin(&worlds[1], "3", 0);
    FS_CHECK_INT(set_state(&worlds[1], product, FS_SALE_OPEN).outcome.verdict, FS_DONE);
    check_open(&worlds[0], product);
    world_check_audit(&worlds[1], product, STOCK);
    world_close(&worlds[1]);
    world_close(&worlds[0]);
}

static struct fs_request probe(struct world *world)
{
    struct fs_request request = {0};

    fs_request_read(&request, FS_OP_PROBE, "");
    return world_ask(world, request);
}

/* It sold from the old shards, and asks after its last sales there when it is asked whether it is ready. */
static void a_server_that_sells_nothing_misses_no_old_shard(void)
{
    char product[32];

    start_server();
    play_number = 4000;
    name_product(product);
    begin(&worlds[0], "8", 0);
    make_sale(&worlds[0], product);
    begin(&worlds[1], "3", 0);
    FS_CHECK_INT(set_state(&worlds[1], product, FS_SALE_OPEN).outcome.verdict, FS_DONE);
    for (unsigned i = 0; i < 40; i++)
        FS_CHECK_INT(probe(&worlds[0]).outcome.verdict, FS_DONE);
    FS_CHECK_INT((int64_t)atomic_load(&worlds[0].driver.host.sales_frozen), 0);
    check_open(&worlds[0], product);
    world_close(&worlds[1]);
    world_close(&worlds[0]);
}

/* Its last purchase there is lost, and ends while it waits to be asked for again. */
static void a_server_whose_last_answer_from_the_old_shards_was_lost_ends_well(void)
{
    struct world *late = &worlds[2];
    struct fs_request lost = {.abandoned = true};
    char product[32];
    int64_t sold = SOLD + 1;
    int64_t counted;

    start_server();
    play_number = 5000;
    name_product(product);
    begin(&worlds[0], "1", 0);
    make_sale(&worlds[0], product);
    begin(late, "1", 200000);
    FS_CHECK_INT(set_state(&worlds[0], product, FS_SALE_OPEN).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(late, product, "first", 1).outcome.verdict, FS_DONE);
    FS_CHECK_INT(set_state(&worlds[0], product, FS_SALE_CLOSED).outcome.verdict, FS_DONE);
    begin(&worlds[1], "2", 0);
    FS_CHECK_INT(set_state(&worlds[1], product, FS_SALE_OPEN).outcome.verdict, FS_DONE);
    fs_fake_store_inject(&late->fakes[0], FS_FAULT_LOST_BEFORE, late->fakes[0].call_count + 1,
                         late->fakes[0].call_count + 1, 0);
    fs_request_purchase(&lost, product, "second", "second", 1);
    fs_driver_ask(&late->driver, &lost);
    counted = world_count(late, product).sale.units_sold;
    fs_fake_store_inject(&late->fakes[0], FS_FAULT_LOST_BEFORE, late->fakes[0].call_count + 1,
                         UINT64_MAX, 0);
    fs_driver_settle(&late->driver);
    world_close(late);
    /* On a slow machine it was asked again before the calls were lost. */
    sold += world_lookup(&worlds[0], product, "second").outcome.verdict == FS_DONE;
    FS_CHECK(counted == SOLD + 1 || counted == sold);
    world_check_audit(&worlds[0], product, sold);
    world_close(&worlds[1]);
    world_close(&worlds[0]);
}

static void an_open_sale_keeps_its_shards(void)
{
    char product[32];

    start_server();
    play_number = 3000;
    name_product(product);
    begin(&worlds[0], "8", 0);
    make_sale(&worlds[0], product);
    FS_CHECK_INT(set_state(&worlds[0], product, FS_SALE_PAUSED).outcome.verdict, FS_DONE);
    begin(&worlds[1], "3", 0);
    FS_CHECK_INT(set_state(&worlds[1], product, FS_SALE_OPEN).outcome.verdict, FS_DONE);
    FS_CHECK_INT(key_count(product), 8);
    check_open(&worlds[1], product);
    world_check_audit(&worlds[0], product, STOCK);
    world_close(&worlds[1]);
    world_close(&worlds[0]);
}

static uint64_t play(enum fs_fault fault, uint64_t nth)
{
    struct world *world = &worlds[1];
    char product[32];
    uint64_t calls;

    name_product(product);
    make_sale(&worlds[0], product);
    calls = world->fakes[0].call_count;
    fs_fake_store_inject(&world->fakes[0], fault, calls + nth, calls + nth, 5);
    set_state(world, product, FS_SALE_OPEN);
    poll(NULL, 0, 20); /* what is removed in the end */
    world_count(world, product);
    calls = world->fakes[0].call_count - calls;
    fs_fake_store_inject(&world->fakes[0], FS_FAULT_NONE, 0, 0, 0);
    check_orders(&worlds[0], product);
    open_sale(world, product);
    check_open(nth % 2 == 0 ? &worlds[0] : world, product);
    play_number++;
    return calls;
}

static void torture(enum fs_fault fault)
{
    uint64_t failed = 0;
    uint64_t nth = 1;

    start_server();
    begin(&worlds[0], "3", 0);
    begin(&worlds[1], "2", 0);
    while (play(fault, nth) >= nth && nth < RUNS_MAX) {
        failed++;
        nth += EACH;
    }
    printf("%" PRIu64 " calls failed, each in a play of its own ", failed);
    FS_CHECK(failed >= 20 / EACH);
    world_close(&worlds[1]);
    world_close(&worlds[0]);
}

static void a_call_of_a_move_that_is_not_sent_loses_nothing(void)
{
    torture(FS_FAULT_NOT_SENT);
}

static void a_call_of_a_move_that_is_lost_before_it_ran_loses_nothing(void)
{
    torture(FS_FAULT_LOST_BEFORE);
}

static void a_call_of_a_move_that_is_lost_after_it_ran_loses_nothing(void)
{
    torture(FS_FAULT_LOST_AFTER);
}

static void a_late_answer_to_a_move_is_waited_for(void)
{
    torture(FS_FAULT_DELAYED);
}

/* As if ten seconds had gone by. */
static void end_lease(const char *product)
{
    char command[96];

    snprintf(command, sizeof(command), "EXISTS fs:{%s}:layout", product);
    FS_CHECK_INT(fs_redis_server_number(&server, command), 1);
    snprintf(command, sizeof(command), "HSET fs:{%s}:layout until 1", product);
    freeReplyObject(fs_redis_server_ask(&server, command));
}

/* From its nth call on a server that moves the sale reaches no store any more. */
static uint64_t die(enum fs_fault fault, uint64_t nth)
{
    struct world *dying = &worlds[2];
    char product[32];
    uint64_t calls;

    name_product(product);
    make_sale(&worlds[0], product);
    begin(dying, "5", 60000);
    fs_fake_store_inject(&dying->fakes[0], fault, nth, UINT64_MAX, 0);
    set_state(dying, product, FS_SALE_OPEN);
    fs_driver_settle(&dying->driver);
    poll(NULL, 0, 10);
    calls = dying->fakes[0].call_count;
    world_close(dying);
    check_orders(&worlds[0], product);
    check_orders(&worlds[1], product);
    end_lease(product);
    if (nth % 3 == 0)
        FS_CHECK_INT(cancel(&worlds[0], product, "nobody").outcome.verdict, FS_UNKNOWN);
    open_sale(&worlds[nth % 2], product);
    check_open(&worlds[nth / 2 % 2], product);
    play_number++;
    return calls;
}

static void servers_die(enum fs_fault fault)
{
    uint64_t died = 0;

    start_server();
    begin(&worlds[0], "3", 0);
    begin(&worlds[1], "2", 0);
    for (uint64_t nth = 1; nth <= 60; nth += EACH)
        died += die(fault, nth) >= nth;
    printf("%" PRIu64 " servers died, each at a call of its own ", died);
    FS_CHECK(died >= 30 / EACH);
    world_close(&worlds[1]);
    world_close(&worlds[0]);
}

static void what_a_server_that_died_was_moving_is_moved_by_another(void)
{
    servers_die(FS_FAULT_NOT_SENT);
}

static void what_a_dead_server_s_last_call_did_harms_nobody(void)
{
    servers_die(FS_FAULT_LOST_AFTER);
}

#define TESTS(T)                                                         \
    T(a_closed_sale_goes_on_with_the_shards_it_is_opened_with)           \
    T(a_server_that_knew_the_old_shards_sells_from_the_new_ones)         \
    T(a_server_that_sells_nothing_misses_no_old_shard)                   \
    T(a_server_whose_last_answer_from_the_old_shards_was_lost_ends_well) \
    T(an_open_sale_keeps_its_shards)                                     \
    T(a_call_of_a_move_that_is_not_sent_loses_nothing)                   \
    T(a_call_of_a_move_that_is_lost_before_it_ran_loses_nothing)         \
    T(a_call_of_a_move_that_is_lost_after_it_ran_loses_nothing)          \
    T(a_late_answer_to_a_move_is_waited_for)                             \
    T(what_a_server_that_died_was_moving_is_moved_by_another)            \
    T(what_a_dead_server_s_last_call_did_harms_nobody)

FS_SUITE("v4/reshard", TESTS)
