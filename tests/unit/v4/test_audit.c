/* Audits of v4: while a sale sells, by one script a shard and in steps, and of sales that were moved. */
#include "market.h"

#define ORDERS 2000u
#define AUDITS 20u
#define UNITS 1400 /* of four orders two are kept */

const struct fs_strategy *flashsale_strategy_v4(void);

static struct fs_redis_server server;
static struct world world;
static struct fs_request requests[ORDERS];

static void stop_server(void)
{
    fs_redis_server_stop(&server);
}

static void begin(struct world *begun, const char *shards, const char *audit_max)
{
    static const char *const settings[] = {"--maxmemory-policy", "noeviction", NULL};
    const struct fs_option given[] = {{"shards", shards}, {"audit_max", audit_max}};
    const struct world_options options = {.strategy = flashsale_strategy_v4(),
                                          .option_list = given,
                                          .option_count = 2,
                                          .quiet = true};

    if (server.pid == 0) {
        fs_redis_server_start(&server, settings);
        atexit(stop_server);
    }
    if (begun == &world)
        world_empty(&server);
    world_open(begun, &server, &options);
}

static void set_purchases(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char order[16];

        snprintf(order, sizeof(order), "o%u", i);
        requests[i] = (struct fs_request){0};
        fs_request_purchase(&requests[i], "shoe", order, order, 1);
    }
}

static void audit_while_it_sells(const char *audit_max)
{
    static struct world auditor;

    begin(&world, "3", "100000");
    begin(&auditor, "3", audit_max);
    FS_CHECK_INT(world_create(&world, "shoe", UNITS).outcome.verdict, FS_DONE);
    market_sell_and_audit(&world, &auditor, ORDERS, AUDITS);
    world_close(&auditor);
    world_check_audit(&world, "shoe", world_count(&world, "shoe").sale.units_sold);
    world_close(&world);
}

static void a_sale_that_sells_is_audited(void)
{
    audit_while_it_sells("100000");
}

static void a_sale_that_sells_is_audited_in_steps(void)
{
    audit_while_it_sells("1");
}

static struct fs_request set_state(struct world *asked, int32_t state)
{
    struct fs_request request = {0};

    fs_request_change(&request, FS_CHANGE_UPDATE, "shoe", 0);
    request.change.state = state;
    request.change.units_reset = -1;
    return world_ask(asked, request);
}

/* Orders of several old shards, with equal sequences, come to lie on one new shard. */
static void a_sale_that_was_moved_is_audited_in_steps(void)
{
    static struct world mover;
    struct fs_driver_row rows[MARKET_ROWS];
    struct fs_request audited;

    begin(&world, "5", "100000");
    FS_CHECK_INT(world_create(&world, "shoe", ORDERS).outcome.verdict, FS_DONE);
    set_purchases(900);
    fs_driver_run(&world.driver, requests, 900, 16);
    FS_CHECK_INT(set_state(&world, FS_SALE_CLOSED).outcome.verdict, FS_DONE);
    begin(&mover, "2", "1");
    FS_CHECK_INT(set_state(&mover, FS_SALE_OPEN).outcome.verdict, FS_DONE);
    audited = market_audit(&mover, "shoe", rows);
    FS_CHECK_INT(audited.outcome.verdict, FS_DONE);
    FS_CHECK_INT(market_term(&audited, "shard_2_left"), INT64_MIN);
    FS_CHECK_INT(market_term(&audited, "sold_by_orders"), 900);
    FS_CHECK_INT(market_term(&audited, "orders_sold"), 900);
    FS_CHECK_INT(market_term(&audited, "sold_difference"), 0);
    FS_CHECK_INT(market_term(&audited, "conservation_difference"), 0);
    world_close(&mover);
    world_close(&world);
}

static void an_audit_finds_what_was_tampered_with(void)
{
    static const struct {
        const char *command;
        const char *difference;
        int64_t value;
    } cases[] = {
        {"HDEL fs:{shoe/0}:orders o7", "sold_difference", 1},
        {"HINCRBY fs:{shoe/0}:sale left 3", "conservation_difference", -3},
        {"HINCRBY fs:{shoe/0}:sale sold 2", "sold_difference", 2},
        {"HINCRBY fs:{shoe/0}:buyers o3 5", "buyers_difference", 5},
        {"HINCRBY fs:{shoe/0}:sale total 4", "dealt_difference", -4},
    };
    struct fs_driver_row rows[MARKET_ROWS];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (unsigned in_steps = 0; in_steps < 2; in_steps++) {
            struct fs_request audited;
            bool is_told = !in_steps || cases[i].difference[0] != 'b';

            begin(&world, "1", in_steps ? "1" : "1000");
            FS_CHECK_INT(world_create(&world, "shoe", 20).outcome.verdict, FS_DONE);
            set_purchases(10);
            fs_driver_run(&world.driver, requests, 10, 1);
            freeReplyObject(fs_redis_server_ask(&server, cases[i].command));
            audited = market_audit(&world, "shoe", rows);
            FS_CHECK_INT(market_term(&audited, cases[i].difference),
                         is_told ? cases[i].value : INT64_MIN);
            world_close(&world);
        }
}

#define TESTS(T)                                 \
    T(a_sale_that_sells_is_audited)              \
    T(a_sale_that_sells_is_audited_in_steps)     \
    T(a_sale_that_was_moved_is_audited_in_steps) \
    T(an_audit_finds_what_was_tampered_with)

FS_SUITE("v4/audit", TESTS)
