/* v4 at a request's deadline: who was only waiting is told that nothing was taken, who was asked for is
 * told that nobody knows. */
#include "world.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "homes.h"

#define ASKED 12u
#define SHARDS 2u
#define SPAN_US 300000u
#define LONG_MS 400u /* past every deadline */

const struct fs_strategy *flashsale_strategy_v4(void);

static struct fs_redis_server server;
static struct world world;

static void stop_server(void)
{
    fs_redis_server_stop(&server);
}

static void begin(void)
{
    static const char *const settings[] = {"--maxmemory-policy", "noeviction", NULL};
    static const struct fs_option option_list[] = {{"shards", "2"}, {"batch_max", "1"}};
    const struct world_options options = {.strategy = flashsale_strategy_v4(),
                                          .option_list = option_list,
                                          .option_count = 2,
                                          .deadline_span_us = SPAN_US,
                                          .quiet = true};

    if (server.pid == 0) {
        fs_redis_server_start(&server, settings);
        atexit(stop_server);
    }
    world_empty(&server);
    world_open(&world, &server, &options);
}

static struct fs_request buy_at(unsigned shard, unsigned number)
{
    char buyer[16];

    name_buyer(buyer, shard, SHARDS, number);
    return world_buy(&world, "shoe", buyer, 1);
}

static bool is_nothing_taken(enum fs_verdict verdict)
{
    return verdict == FS_BUSY || verdict == FS_UNAVAILABLE;
}

static void sleep_past_the_deadline(int number)
{
    (void)number;
    usleep(250000);
}

struct bringing {
    struct fs_request *requests;
    size_t count;
};

static void *bring(void *data)
{
    const struct bringing *bringing = data;

    fs_driver_run(&world.driver, bringing->requests, bringing->count, ASKED);
    return NULL;
}

/* The loop sleeps over the deadline, as on a machine that has no time for it. */
static void bring_to_a_late_loop(struct fs_request *requests, size_t count)
{
    struct sigaction sleeps = {.sa_handler = sleep_past_the_deadline};
    struct bringing bringing = {requests, count};
    pthread_t thread;

    sigaction(SIGUSR1, &sleeps, NULL);
    FS_REQUIRE(pthread_create(&thread, NULL, bring, &bringing) == 0);
    poll(NULL, 0, 200);
    pthread_kill(world.driver.loops[0].thread, SIGUSR1);
    pthread_join(thread, NULL);
}

/* Redis stands still: of each home one purchase was sent, the others wait behind it. */
static void who_waits_for_a_home_that_hangs_is_told_busy_however_late_the_loop_is(void)
{
    unsigned verdicts[FS_VERDICT_COUNT] = {0};
    struct fs_request requests[ASKED] = {0};

    begin();
    FS_CHECK_INT(world_create_at_last(&world, "shoe", 100).outcome.verdict, FS_DONE);
    for (unsigned i = 0; i < ASKED; i++) {
        char buyer[16];

        name_buyer(buyer, i % SHARDS, SHARDS, i / SHARDS);
        fs_request_purchase(&requests[i], "shoe", buyer, buyer, 1);
    }
    FS_CHECK_INT(world_count(&world, "shoe").outcome.verdict, FS_DONE); /* knows what is left */
    fs_redis_server_pause(&server);
    bring_to_a_late_loop(requests, ASKED);
    fs_redis_server_resume(&server);
    fs_driver_settle(&world.driver);
    for (unsigned i = 0; i < ASKED; i++) {
        enum fs_verdict verdict = requests[i].outcome.verdict;

        verdicts[verdict]++;
        if (is_nothing_taken(verdict))
            FS_CHECK_INT(world_lookup_at_last(&world, "shoe", requests[i].order).outcome.verdict,
                         FS_UNKNOWN);
    }
    printf("%u busy, %u undetermined ", verdicts[FS_BUSY], verdicts[FS_UNDETERMINED]);
    FS_CHECK_INT(verdicts[FS_BUSY] + verdicts[FS_UNDETERMINED], ASKED);
    FS_CHECK(verdicts[FS_UNDETERMINED] <= SHARDS);
    world_close(&world);
}

/* Calls from number nth of this purchase on are answered too late.  Home has none; the calls are DECIDE,
 * READ of two shards, TAKE, PUT. */
static struct fs_request buy_with_late_answers(uint64_t nth, unsigned number)
{
    uint64_t first;
    struct fs_request bought;

    FS_CHECK_INT(world_count(&world, "shoe").outcome.verdict, FS_DONE);
    first = world.fakes[0].call_count + nth;
    fs_fake_store_inject(&world.fakes[0], FS_FAULT_DELAYED, first, UINT64_MAX, LONG_MS);
    bought = buy_at(1, number);
    fs_driver_settle(&world.driver);
    fs_fake_store_inject(&world.fakes[0], FS_FAULT_NONE, 0, 0, 0);
    poll(NULL, 0, LONG_MS); /* for what nobody waits for any more */
    return bought;
}

static void who_home_is_short_for_is_asked_only_while_units_are_being_taken(void)
{
    static const struct {
        uint64_t nth;
        bool is_asked;
    } calls[] = {{1, true}, {2, false}, {3, false}, {4, true}, {5, true}};

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct fs_request bought;

        begin();
        FS_CHECK_INT(world_create_at_last(&world, "shoe", 1).outcome.verdict, FS_DONE);
        bought = buy_with_late_answers(calls[i].nth, 0);
        if (calls[i].is_asked)
            FS_CHECK_INT(bought.outcome.verdict, FS_UNDETERMINED);
        else
            FS_CHECK(is_nothing_taken(bought.outcome.verdict));
        if (!calls[i].is_asked)
            FS_CHECK_INT(world_lookup_at_last(&world, "shoe", bought.order).outcome.verdict,
                         FS_UNKNOWN);
        world_close(&world);
    }
}

/* Home says in the end that it has none, so that the ask that was lost took nothing; what is left
 * elsewhere is frozen. */
static void who_was_asked_in_vain_and_only_waits_is_told_so(void)
{
    struct fs_request bought;
    uint64_t first;

    begin();
    FS_CHECK_INT(world_create_at_last(&world, "shoe", 1).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_count(&world, "shoe").outcome.verdict, FS_DONE);
    freeReplyObject(fs_redis_server_ask(&server, "HSET fs:{shoe/0}:sale frozen behind"));
    first = world.fakes[0].call_count + 1;
    fs_fake_store_inject(&world.fakes[0], FS_FAULT_LOST_BEFORE, first, first, 0);
    bought = buy_at(1, 0);
    FS_CHECK_INT(bought.outcome.verdict, FS_UNAVAILABLE);
    FS_CHECK(!bought.timed_out);
    world_close(&world);
}

/* As a server leaves it that moves the sale at this moment. */
static void begin_a_move(void)
{
    static const char *const commands[] = {
        "HSET fs:{shoe}:layout next 1 moving 1 to 3 until 99999999999999",
        "HSET fs:{shoe/0}:sale frozen moved|1", "HSET fs:{shoe/1}:sale frozen moved|1"};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        freeReplyObject(fs_redis_server_ask(&server, commands[i]));
}

/* It believes that the sale is where it was, and is told by shard 0 that it is being moved. */
static void a_change_that_waits_for_a_move_is_told_busy(void)
{
    for (unsigned is_reset = 0; is_reset < 2; is_reset++) {
        struct fs_request update = {0};
        struct fs_request change = {0};

        begin();
        FS_CHECK_INT(world_create_at_last(&world, "shoe", 9).outcome.verdict, FS_DONE);
        fs_request_change(&update, FS_CHANGE_UPDATE, "shoe", 0);
        update.change.state = FS_SALE_CLOSED;
        FS_CHECK_INT(world_ask(&world, update).outcome.verdict, FS_DONE);
        begin_a_move();
        fs_request_change(&change, is_reset ? FS_CHANGE_RESET : FS_CHANGE_UPDATE, "shoe", 5);
        fs_driver_ask(&world.driver, &change);
        FS_CHECK_INT(change.outcome.verdict, FS_BUSY);
        fs_driver_settle(&world.driver);
        FS_CHECK(is_nothing_taken(buy_at(0, 0).outcome.verdict));
        world_close(&world);
    }
}

/* Of a store that hangs nobody sees what it has lost; the sale is paused all the same. */
static void a_change_does_not_wait_for_what_a_store_has_lost(void)
{
    struct fs_request update = {0};
    uint64_t first;

    for (unsigned shard = 0; shard < SHARDS; shard++) {
        begin();
        FS_CHECK_INT(world_create_at_last(&world, "shoe", 9).outcome.verdict, FS_DONE);
        first = world.fakes[0].call_count + 1;
        fs_fake_store_inject(&world.fakes[0], FS_FAULT_DELAYED, first + shard, first + shard,
                             LONG_MS);
        fs_request_change(&update, FS_CHANGE_UPDATE, "shoe", 0);
        update.change.state = FS_SALE_PAUSED;
        FS_CHECK_INT(world_ask(&world, update).outcome.verdict, FS_DONE);
        FS_CHECK_INT(world_count(&world, "shoe").sale.state, FS_SALE_PAUSED);
        poll(NULL, 0, LONG_MS);
        world_close(&world);
    }
}

#define TESTS(T)                                                             \
    T(who_waits_for_a_home_that_hangs_is_told_busy_however_late_the_loop_is) \
    T(who_home_is_short_for_is_asked_only_while_units_are_being_taken)       \
    T(who_was_asked_in_vain_and_only_waits_is_told_so)                       \
    T(a_change_that_waits_for_a_move_is_told_busy)                           \
    T(a_change_does_not_wait_for_what_a_store_has_lost)

FS_SUITE("v4/waits", TESTS)
