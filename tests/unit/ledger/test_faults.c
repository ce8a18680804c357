/* A strategy on Redis whose nth store call fails: for every n and every way of failing, each answer
 * is true, nothing is sold twice, and what is left can be sold.
 *
 * Compiled once for each strategy and mode: TESTED is its table, TESTED_OPTION and
 * TESTED_VALUE an option of it or NULL. */
#include "world.h"

#include <signal.h>
#include <unistd.h>

#include "support/random.h"

const struct fs_strategy *TESTED(void);

#define ASKED 12u
#define STOCK 7
#define RUNS_MAX 200u

static struct fs_redis_server server;
static struct world world;
static unsigned play_number;

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

static void begin(uint64_t deadline_span_us, unsigned loop_count)
{
    static const char *const settings[] = {"--maxmemory-policy", "noeviction", NULL};
    struct world_options options = options_of_test();

    if (server.pid == 0) {
        fs_redis_server_start(&server, settings);
        atexit(stop_server);
    }
    world_empty(&server);
    options.deadline_span_us = deadline_span_us;
    options.loop_count = loop_count;
    world_open(&world, &server, &options);
}

static bool is_nothing_taken(enum fs_verdict verdict)
{
    return verdict == FS_SOLD_OUT || verdict == FS_BUSY || verdict == FS_UNAVAILABLE;
}

/* What was answered is so: by lookup, which asks Redis. */
static void check_truth(const struct fs_request *requests, const char *product)
{
    for (unsigned i = 0; i < ASKED; i++) {
        enum fs_verdict said = requests[i].outcome.verdict;
        struct fs_request found = world_lookup(&world, product, requests[i].order);

        FS_CHECK_INT(requests[i].end_count, 1);
        if (said == FS_DONE)
            FS_CHECK_INT(found.outcome.verdict, FS_DONE);
        else if (is_nothing_taken(said))
            FS_CHECK_INT(found.outcome.verdict, FS_UNKNOWN);
        else
            FS_CHECK_INT(said, FS_UNDETERMINED);
    }
}

static void set_purchases(struct fs_request *requests, const char *product)
{
    for (unsigned i = 0; i < ASKED; i++) {
        char order[32];

        snprintf(order, sizeof(order), "p%uo%u", play_number, i);
        requests[i] = (struct fs_request){.loop = i};
        fs_request_purchase(&requests[i], product, order, order, 1);
    }
}

static unsigned sold_among(const struct fs_request *requests)
{
    unsigned sold = 0;

    for (unsigned i = 0; i < ASKED; i++)
        sold += requests[i].outcome.verdict == FS_DONE;
    return sold;
}

static uint64_t play(void *data, enum fs_fault fault, uint64_t nth)
{
    struct fs_request requests[ASKED];
    struct fs_request cancelled = {0};
    char product[32];
    uint64_t calls_before;
    uint64_t calls;

    (void)data;
    snprintf(product, sizeof(product), "p%u", play_number);
    FS_CHECK_INT(world_create(&world, product, STOCK).outcome.verdict, FS_DONE);
    calls_before = world.fakes[0].call_count;
    fs_fake_store_inject(&world.fakes[0], fault, calls_before + nth, calls_before + nth, 5);
    set_purchases(requests, product);
    fs_driver_run(&world.driver, requests, ASKED, 4);
    fs_request_ref(&cancelled, FS_OP_CANCEL, product, requests[0].order, requests[0].order);
    fs_driver_ask(&world.driver, &cancelled);
    calls = world.fakes[0].call_count - calls_before;
    fs_fake_store_inject(&world.fakes[0], FS_FAULT_NONE, 0, 0, 0);
    if (cancelled.outcome.verdict != FS_DONE) /* its order was not sold, or it was not asked for */
        check_truth(requests, product);
    fs_driver_ask(&world.driver, &cancelled);
    set_purchases(requests, product); /* again: what was not sold and is left, is sold now */
    fs_driver_run(&world.driver, requests, ASKED, 4);
    FS_CHECK_INT(sold_among(requests), STOCK + (cancelled.outcome.verdict == FS_DONE));
    world_check_audit(&world, product, STOCK);
    play_number++;
    return calls;
}

static void torture(enum fs_fault fault)
{
    uint64_t failed;

    begin(0, 1);
    failed = fs_torture_each_call(fault, RUNS_MAX, NULL, play);
    printf("%" PRIu64 " calls failed, each in a play of its own ", failed);
    FS_CHECK(failed >= 3);
    world_close(&world);
}

static void a_call_that_is_not_sent_takes_nothing(void)
{
    torture(FS_FAULT_NOT_SENT);
}

static void a_call_that_is_refused_takes_nothing(void)
{
    torture(FS_FAULT_REFUSED);
}

static void a_call_lost_before_it_ran_is_resolved(void)
{
    torture(FS_FAULT_LOST_BEFORE);
}

static void a_call_lost_after_it_ran_is_resolved(void)
{
    torture(FS_FAULT_LOST_AFTER);
}

static void a_late_answer_is_waited_for(void)
{
    torture(FS_FAULT_DELAYED);
}

static void answers_out_of_order_meet_their_own_ops(void)
{
    torture(FS_FAULT_REORDERED);
}

/* A lost answer, asked again: the client sees a decision, not the trouble. */
static void a_lost_answer_is_asked_again_until_it_is_known(void)
{
    struct fs_request bought;
    uint64_t first;

    begin(0, 1);
    FS_CHECK_INT(world_create(&world, "shoe", 2).outcome.verdict, FS_DONE);
    for (unsigned lost = 1; lost <= 4; lost++) {
        char order[16];

        snprintf(order, sizeof(order), "o%u", lost);
        first = world.fakes[0].call_count + 1;
        fs_fake_store_inject(&world.fakes[0], lost % 2 ? FS_FAULT_LOST_AFTER : FS_FAULT_LOST_BEFORE,
                             first, first + lost, 0);
        bought = world_buy(&world, "shoe", order, 1);
        FS_CHECK_INT(bought.outcome.verdict, lost <= 2 ? FS_DONE : FS_SOLD_OUT);
        FS_CHECK(bought.outcome.store_trips >= 2);
        FS_CHECK(!bought.outcome.replayed); /* its client asked once */
        bought = world_buy(&world, "shoe", order, 1);
        FS_CHECK_INT(bought.outcome.verdict, lost <= 2 ? FS_DONE : FS_SOLD_OUT);
        FS_CHECK_INT(bought.outcome.replayed, lost <= 2);
    }
    world_check_audit(&world, "shoe", 2);
    world_close(&world);
}

/* The answer to a second request is lost on its way, not that to the first. */
static void a_second_request_is_a_replay_also_when_its_answer_was_lost(void)
{
    struct fs_request bought;

    begin(0, 1);
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK(!world_buy(&world, "shoe", "o1", 1).outcome.replayed);
    for (unsigned run = 0; run < 6; run++) {
        uint64_t struck = world.fakes[0].call_count + 1 + run;

        fs_fake_store_inject(&world.fakes[0], FS_FAULT_LOST_AFTER, struck, struck, 0);
        bought = world_buy(&world, "shoe", "o1", 1);
        FS_CHECK_INT(bought.outcome.verdict, FS_DONE);
        FS_CHECK(bought.outcome.replayed);
    }
    world_check_audit(&world, "shoe", 1);
    world_close(&world);
}

/* Two at once with one key, and each call's answer lost in turn: one order, and one of the two is told
 * that it is the first. */
static void of_two_requests_with_one_key_one_is_the_first_whatever_is_lost(void)
{
    struct fs_request requests[2];

    begin(0, 1);
    FS_CHECK_INT(world_create(&world, "shoe", 100).outcome.verdict, FS_DONE);
    for (unsigned run = 0; run < 12; run++) {
        uint64_t struck = world.fakes[0].call_count + 1 + run / 2;
        char order[16];

        snprintf(order, sizeof(order), "o%u", run);
        fs_fake_store_inject(&world.fakes[0], run % 2 ? FS_FAULT_LOST_AFTER : FS_FAULT_LOST_BEFORE,
                             struck, struck, 0);
        for (unsigned i = 0; i < 2; i++) {
            requests[i] = (struct fs_request){0};
            fs_request_purchase(&requests[i], "shoe", order, order, 1);
        }
        fs_driver_run(&world.driver, requests, 2, 2);
        FS_CHECK_INT(requests[0].outcome.verdict, FS_DONE);
        FS_CHECK_INT(requests[1].outcome.verdict, FS_DONE);
        FS_CHECK_INT(requests[0].outcome.replayed + requests[1].outcome.replayed, 1);
    }
    world_check_audit(&world, "shoe", 12);
    world_close(&world);
}

static void a_cancel_whose_answer_was_lost_is_told_as_the_first(void)
{
    struct fs_request cancelled = {0};
    uint64_t struck;

    begin(0, 1);
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    FS_CHECK_INT(world_buy(&world, "shoe", "o1", 2).outcome.verdict, FS_DONE);
    struck = world.fakes[0].call_count + 1;
    fs_fake_store_inject(&world.fakes[0], FS_FAULT_LOST_AFTER, struck, struck + 1, 0);
    fs_request_ref(&cancelled, FS_OP_CANCEL, "shoe", "o1", "o1");
    fs_driver_ask(&world.driver, &cancelled);
    FS_CHECK_INT(cancelled.outcome.verdict, FS_DONE);
    FS_CHECK(!cancelled.outcome.replayed);
    fs_driver_ask(&world.driver, &cancelled);
    FS_CHECK(cancelled.outcome.replayed);
    world_check_audit(&world, "shoe", 0);
    world_close(&world);
}

static void *bring_all(void *requests)
{
    fs_driver_run(&world.driver, requests, ASKED, ASKED);
    return NULL;
}

static void what_stays_lost_is_undetermined_and_told_by_lookup(void)
{
    struct fs_request bought;
    struct fs_request found;

    begin(150000, 1);
    FS_CHECK_INT(world_create_at_last(&world, "shoe", 9).outcome.verdict, FS_DONE);
    for (unsigned run = 0; run < 2; run++) {
        const char *order = run == 0 ? "executed" : "dropped";

        fs_fake_store_inject(&world.fakes[0], run == 0 ? FS_FAULT_LOST_AFTER : FS_FAULT_LOST_BEFORE,
                             0, UINT64_MAX, 0);
        bought = world_buy(&world, "shoe", order, 1);
        fs_driver_settle(&world.driver);
        fs_fake_store_inject(&world.fakes[0], FS_FAULT_NONE, 0, 0, 0);
        FS_CHECK(bought.outcome.verdict == FS_UNDETERMINED || bought.outcome.verdict == FS_BUSY);
        found = world_lookup_at_last(&world, "shoe", order);
        if (run == 1 || bought.outcome.verdict == FS_BUSY)
            FS_CHECK_INT(found.outcome.verdict, FS_UNKNOWN);
    }
    world_close(&world);
}

static void sleep_past_the_deadline(int number)
{
    (void)number;
    usleep(250000);
}

/* The loop sleeps over the deadline as on a machine that has no time for it, and Redis stands still:
 * the strategy comes too late to say anything, and each answer is true all the same. */
static void who_only_waited_is_told_busy_however_late_the_loop_is(void)
{
    struct sigaction sleeps = {.sa_handler = sleep_past_the_deadline};
    const char *option = mode_option[0].name;
    bool decides_one = option && strcmp(option, "ops_per_lock") != 0;
    unsigned verdicts[FS_VERDICT_COUNT] = {0};
    struct fs_request requests[ASKED];
    pthread_t thread;

    begin(300000, 1);
    FS_CHECK_INT(world_create_at_last(&world, "shoe", 100).outcome.verdict, FS_DONE);
    sigaction(SIGUSR1, &sleeps, NULL);
    play_number = 0;
    set_purchases(requests, "shoe");
    fs_redis_server_pause(&server);
    FS_REQUIRE(pthread_create(&thread, NULL, bring_all, requests) == 0);
    poll(NULL, 0, 200);
    pthread_kill(world.driver.loops[0].thread, SIGUSR1);
    pthread_join(thread, NULL);
    fs_redis_server_resume(&server);
    fs_driver_settle(&world.driver);
    for (unsigned i = 0; i < ASKED; i++) {
        enum fs_verdict verdict = requests[i].outcome.verdict;

        verdicts[verdict]++;
        if (verdict == FS_BUSY)
            FS_CHECK_INT(world_lookup_at_last(&world, "shoe", requests[i].order).outcome.verdict,
                         FS_UNKNOWN);
    }
    FS_CHECK_INT(verdicts[FS_BUSY] + verdicts[FS_UNDETERMINED], ASKED);
    if (decides_one)
        FS_CHECK(verdicts[FS_UNDETERMINED] <= 1);
    world_close(&world);
}

static void a_store_that_is_away_answers_unavailable_at_once(void)
{
    struct fs_request requests[ASKED];

    begin(0, 1);
    FS_CHECK_INT(world_create(&world, "shoe", 9).outcome.verdict, FS_DONE);
    fs_fake_store_inject(&world.fakes[0], FS_FAULT_NOT_SENT, 0, UINT64_MAX, 0);
    play_number = 0;
    set_purchases(requests, "shoe");
    fs_driver_run(&world.driver, requests, ASKED, ASKED);
    for (unsigned i = 0; i < ASKED; i++) {
        FS_CHECK_INT(requests[i].outcome.verdict, FS_UNAVAILABLE);
        FS_CHECK(requests[i].ended_at_us - requests[i].asked_at_us < 1000000);
    }
    FS_CHECK_INT(world_count(&world, "shoe").outcome.verdict, FS_UNAVAILABLE);
    fs_fake_store_inject(&world.fakes[0], FS_FAULT_NONE, 0, 0, 0);
    fs_driver_run(&world.driver, requests, ASKED, ASKED);
    FS_CHECK_INT(world_count(&world, "shoe").sale.units_left, 0);
    world_close(&world);
}

static void exactly_all_units_are_sold_whatever_the_stock(void)
{
    static const int64_t stocks[] = {1, 100, 10000};
    struct fs_random random = fs_random_start();

    begin(0, 2);
    for (unsigned round = 0; round < 30; round++) {
        int64_t stock = stocks[round % 3];
        size_t asked = stock == 10000 ? EXACT_ASKED : 400;
        struct fs_request *requests = calloc(asked, sizeof(*requests));
        int64_t sold = 0;
        char product[16];

        if (stock == 10000 && asked < 10000)
            stock = 1000;
        snprintf(product, sizeof(product), "r%u", round);
        FS_CHECK_INT(world_create(&world, product, stock).outcome.verdict, FS_DONE);
        for (size_t i = 0; i < asked; i++) {
            char order[48];

            snprintf(order, sizeof(order), "%so%zu", product, i);
            requests[i].loop = (unsigned)fs_random_below(&random, 2);
            fs_request_purchase(&requests[i], product, order, order, 1);
        }
        fs_driver_run(&world.driver, requests, asked, 32);
        for (size_t i = 0; i < asked; i++)
            sold += requests[i].outcome.verdict == FS_DONE;
        FS_CHECK_INT(sold, stock < (int64_t)asked ? stock : (int64_t)asked);
        world_check_audit(&world, product, sold);
        free(requests);
    }
    world_close(&world);
}

static void names_that_nobody_sells_leave_nothing_behind(void)
{
    begin(0, 1);
    for (unsigned i = 0; i < 200; i++) {
        char product[16];

        snprintf(product, sizeof(product), "none%u", i);
        FS_CHECK_INT(world_buy(&world, product, "o1", 1).outcome.verdict, FS_UNKNOWN);
    }
    FS_CHECK_INT(fs_redis_server_number(&server, "DBSIZE"), 0);
    world_close(&world);
}

#define TESTS(T)                                                      \
    T(a_call_that_is_not_sent_takes_nothing)                          \
    T(a_call_that_is_refused_takes_nothing)                           \
    T(a_call_lost_before_it_ran_is_resolved)                          \
    T(a_call_lost_after_it_ran_is_resolved)                           \
    T(a_late_answer_is_waited_for)                                    \
    T(answers_out_of_order_meet_their_own_ops)                        \
    T(a_lost_answer_is_asked_again_until_it_is_known)                 \
    T(a_second_request_is_a_replay_also_when_its_answer_was_lost)     \
    T(of_two_requests_with_one_key_one_is_the_first_whatever_is_lost) \
    T(a_cancel_whose_answer_was_lost_is_told_as_the_first)            \
    T(what_stays_lost_is_undetermined_and_told_by_lookup)             \
    T(who_only_waited_is_told_busy_however_late_the_loop_is)          \
    T(a_store_that_is_away_answers_unavailable_at_once)               \
    T(exactly_all_units_are_sold_whatever_the_stock)                  \
    T(names_that_nobody_sells_leave_nothing_behind)

FS_SUITE("strategy on Redis with faults", TESTS)
