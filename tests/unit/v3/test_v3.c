/* What is v3's own: batches as they are sent, and audits of sales that go on selling. */
#include "ledger/market.h"

const struct fs_strategy *flashsale_strategy_v3(void);

#define ORDERS 4000u
#define AUDITS 40u

static struct fs_redis_server server;
static struct world world;
static struct fs_request requests[ORDERS];

static void stop_server(void)
{
    fs_redis_server_stop(&server);
}

static void begin(const char *option, const char *value)
{
    static const char *const settings[] = {"--maxmemory-policy", "noeviction", NULL};
    const struct fs_option given = {option, value};
    const struct world_options options = {.strategy = flashsale_strategy_v3(),
                                          .option_list = &given,
                                          .option_count = 1,
                                          .quiet = true};

    if (server.pid == 0) {
        fs_redis_server_start(&server, settings);
        atexit(stop_server);
    }
    world_empty(&server);
    world_open(&world, &server, &options);
}

static void set_purchases(unsigned count, const char *product)
{
    for (unsigned i = 0; i < count; i++) {
        char order[16];

        snprintf(order, sizeof(order), "o%u", i);
        requests[i] = (struct fs_request){0};
        fs_request_purchase(&requests[i], product, order, order, 1);
    }
}

static uint64_t batches(void)
{
    const struct fs_histogram *sizes = &world.driver.loops[0].metrics.store_batch;
    uint64_t count = 0;

    for (size_t i = 0; i <= sizes->bound_count; i++)
        count += fs_counter_read(&sizes->buckets[i]);
    return count;
}

static void what_one_turn_brings_is_one_batch_of_each_product(void)
{
    begin("batch_max", "64");
    FS_CHECK_INT(world_create(&world, "shoe", 1000).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_create(&world, "sock", 1000).outcome.verdict, FS_DONE);
    set_purchases(64, "shoe");
    for (unsigned i = 0; i < 64; i += 2)
        memcpy(requests[i].product, "sock", sizeof("sock"));
    fs_driver_run(&world.driver, requests, 64, 64);
    FS_CHECK_INT(batches(), 2);
    FS_CHECK_INT(world_count(&world, "shoe").sale.units_sold, 32);
    FS_CHECK_INT(world_count(&world, "sock").sale.units_sold, 32);
    world_close(&world);
}

static void more_than_a_batch_holds_goes_out_in_several(void)
{
    begin("batch_max", "10");
    FS_CHECK_INT(world_create(&world, "shoe", 1000).outcome.verdict, FS_DONE);
    set_purchases(95, "shoe");
    fs_driver_run(&world.driver, requests, 95, 95);
    FS_CHECK_INT(batches(), 10);
    world_check_audit(&world, "shoe", 95);
    world_close(&world);
}

static void ops_gather_while_batches_are_on_their_way(void)
{
    begin("batches", "1");
    FS_CHECK_INT(world_create(&world, "shoe", ORDERS).outcome.verdict, FS_DONE);
    set_purchases(ORDERS, "shoe");
    fs_driver_run(&world.driver, requests, ORDERS, 128);
    FS_CHECK(batches() <= ORDERS / 64); /* as many as came meanwhile, not one by one */
    world_check_audit(&world, "shoe", ORDERS);
    world_close(&world);
}

/* Another server audits in steps, at an instant in the midst of purchases and cancels. */
static void a_sale_that_sells_is_audited_as_of_one_instant(void)
{
    static struct world auditor;
    const struct fs_option option = {"audit_max", "1"};
    const struct world_options options = {
        .strategy = flashsale_strategy_v3(), .option_list = &option, .option_count = 1};

    begin("batch_max", "4");
    world_open(&auditor, &server, &options);
    FS_CHECK_INT(world_create(&world, "shoe", ORDERS / 2).outcome.verdict, FS_DONE);
    market_sell_and_audit(&world, &auditor, ORDERS, AUDITS);
    world_close(&auditor);
    world_check_audit(&world, "shoe", world_count(&world, "shoe").sale.units_sold);
    world_close(&world);
}

static void an_audit_finds_what_was_tampered_with(void)
{
    static const struct {
        const char *command;
        const char *difference;
        int64_t value;
    } cases[] = {
        {"HDEL fs:{shoe}:orders o7", "sold_difference", 1},
        {"HINCRBY fs:{shoe}:sale left 3", "conservation_difference", -3},
        {"HINCRBY fs:{shoe}:sale sold 2", "sold_difference", 2},
        {"HINCRBY fs:{shoe}:buyers o3 5", "buyers_difference", 5},
        {"HDEL fs:{shoe}:buyers o3", "buyers_difference", 1},
    };
    struct fs_driver_row rows[MARKET_ROWS];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (unsigned in_steps = 0; in_steps < 2; in_steps++) {
            struct fs_request audited;
            bool is_told = !in_steps || cases[i].difference[0] != 'b';

            begin("audit_max", in_steps ? "1" : "1000");
            FS_CHECK_INT(world_create(&world, "shoe", 20).outcome.verdict, FS_DONE);
            set_purchases(10, "shoe");
            fs_driver_run(&world.driver, requests, 10, 1);
            freeReplyObject(fs_redis_server_ask(&server, cases[i].command));
            audited = market_audit(&world, "shoe", rows);
            FS_CHECK_INT(market_term(&audited, cases[i].difference),
                         is_told ? cases[i].value : INT64_MIN);
            world_close(&world);
        }
}

#define TESTS(T)                                         \
    T(what_one_turn_brings_is_one_batch_of_each_product) \
    T(more_than_a_batch_holds_goes_out_in_several)       \
    T(ops_gather_while_batches_are_on_their_way)         \
    T(a_sale_that_sells_is_audited_as_of_one_instant)    \
    T(an_audit_finds_what_was_tampered_with)

FS_SUITE("v3", TESTS)
