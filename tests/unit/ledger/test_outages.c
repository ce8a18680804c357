/* A strategy while its Redis is killed, and while the way to it breaks at a known place.
 *
 * Compiled once for each strategy and mode: TESTED is its table, TESTED_OPTION and TESTED_VALUE an
 * option of it or NULL, TESTED_TRIPS the commands that a purchase takes. */
#include "world.h"

#include "base/clock.h"
#include "support/redis_proxy.h"

const struct fs_strategy *TESTED(void);

#define SERVERS 2u
#define ORDERS 1500u
#define STOCK 2500
#define AT_ONCE 8u
#define KILLS_DEFAULT 6u
#define FAULTS_DEFAULT 100u
#ifndef TESTED_TRIPS
#define TESTED_TRIPS 1u /* commands that a purchase takes: each is struck in turn */
#endif

static struct fs_redis_server server;
static struct world worlds[SERVERS];

static unsigned count_from(const char *name, unsigned otherwise)
{
    const char *given = getenv(name); /* more by night */

    return given ? (unsigned)strtoul(given, NULL, 10) : otherwise;
}

static void stop_server(void)
{
    fs_redis_server_stop(&server);
}

static void begin(void)
{
    static const char *const settings[] = {
        "--maxmemory-policy", "noeviction", "--appendonly", "yes", "--appendfsync", "always", NULL};

    if (server.pid == 0) {
        fs_redis_server_start(&server, settings);
        atexit(stop_server);
    }
    world_empty(&server);
}

static void open_world(struct world *world, uint64_t deadline_span_us, const char *url)
{
    static const struct fs_option option[] = {{TESTED_OPTION, TESTED_VALUE}};
    const struct world_options options = {.strategy = TESTED(),
                                          .option_list = option,
                                          .option_count = option[0].value ? 1 : 0,
                                          .deadline_span_us = deadline_span_us,
                                          .url = url,
                                          .quiet = true};

    world_open(world, &server, &options);
}

/* One server's orders, asked for again and again until each is decided. */
struct crowd {
    struct world *world;
    unsigned index;
    bool is_sold[ORDERS];
    bool is_refused[ORDERS];
    unsigned asked_again;
    _Atomic bool is_decided; /* all of them */
};

static void name_order(char order[32], const struct crowd *crowd, unsigned number)
{
    snprintf(order, 32, "s%uo%u", crowd->index, number);
}

static unsigned set_round(struct crowd *crowd, struct fs_request *requests, unsigned *numbers)
{
    unsigned count = 0;

    for (unsigned i = 0; i < ORDERS && count < AT_ONCE; i++) {
        char order[32];

        if (crowd->is_sold[i] || crowd->is_refused[i])
            continue;
        name_order(order, crowd, i);
        requests[count] = (struct fs_request){0};
        fs_request_purchase(&requests[count], "shoe", order, order, 1);
        numbers[count++] = i;
    }
    return count;
}

static void *bring(void *data)
{
    struct crowd *crowd = data;
    struct fs_request requests[AT_ONCE];
    unsigned numbers[AT_ONCE];
    unsigned count;

    while ((count = set_round(crowd, requests, numbers)) > 0) {
        unsigned again = 0;

        fs_driver_run(&crowd->world->driver, requests, count, AT_ONCE);
        for (unsigned i = 0; i < count; i++) {
            enum fs_verdict verdict = requests[i].outcome.verdict;

            crowd->is_sold[numbers[i]] = verdict == FS_DONE;
            crowd->is_refused[numbers[i]] = verdict == FS_SOLD_OUT;
            again += verdict != FS_DONE && verdict != FS_SOLD_OUT;
        }
        crowd->asked_again += again;
        poll(NULL, 0, again > 0 ? 5 : 1); /* so that the sale outlasts the kills */
    }
    atomic_store(&crowd->is_decided, true);
    return NULL;
}

static void check_crowd(struct crowd *crowd, unsigned *sold)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < ORDERS; i++) {
        char order[32];
        enum fs_verdict found;

        name_order(order, crowd, i);
        found = world_lookup(crowd->world, "shoe", order).outcome.verdict;
        wrong += found != (crowd->is_sold[i] ? FS_DONE : FS_UNKNOWN);
        *sold += crowd->is_sold[i];
    }
    FS_CHECK_INT(wrong, 0);
}

static void nothing_acknowledged_is_lost_when_redis_is_killed(void)
{
    static struct crowd crowds[SERVERS];
    pthread_t threads[SERVERS];
    unsigned kills = count_from("FS_KILLS", KILLS_DEFAULT);
    unsigned struck = 0;
    unsigned sold = 0;

    begin();
    for (unsigned i = 0; i < SERVERS; i++) {
        open_world(&worlds[i], 3000000, NULL);
        memset(&crowds[i], 0, sizeof(crowds[i]));
        crowds[i].world = &worlds[i];
        crowds[i].index = i;
    }
    FS_CHECK_INT(world_create(&worlds[0], "shoe", STOCK).outcome.verdict, FS_DONE);
    for (unsigned i = 0; i < SERVERS; i++)
        FS_REQUIRE(pthread_create(&threads[i], NULL, bring, &crowds[i]) == 0);
    for (unsigned i = 0; i < kills; i++) {
        poll(NULL, 0, 10);
        struck += !atomic_load(&crowds[0].is_decided) && !atomic_load(&crowds[1].is_decided);
        fs_redis_server_kill(&server);
        fs_redis_server_restart(&server);
    }
    for (unsigned i = 0; i < SERVERS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < SERVERS; i++)
        check_crowd(&crowds[i], &sold);
    printf("%u kills in the sale, %u answers without a decision ", struck,
           crowds[0].asked_again + crowds[1].asked_again);
    FS_CHECK(struck >= 2);
    FS_CHECK_INT(sold, STOCK);
    world_check_audit(&worlds[0], "shoe", STOCK);
    for (unsigned i = 0; i < SERVERS; i++)
        world_close(&worlds[i]);
}

/* Whether the answer is what the order's record says. */
static bool is_true(const struct fs_request *bought, const struct fs_request *found)
{
    switch (bought->outcome.verdict) {
    case FS_DONE:
        return found->outcome.verdict == FS_DONE;
    case FS_BUSY:
    case FS_UNAVAILABLE:
        return found->outcome.verdict == FS_UNKNOWN;
    case FS_UNDETERMINED:
        return found->outcome.verdict == FS_DONE || found->outcome.verdict == FS_UNKNOWN;
    default:
        return false;
    }
}

static struct fs_request lookup_when_back(struct world *world, const char *order)
{
    uint64_t until_us = fs_clock_now_us() + 20000000;
    struct fs_request found;

    do {
        found = world_lookup(world, "shoe", order);
    } while ((found.outcome.verdict == FS_UNAVAILABLE || found.timed_out) &&
             fs_clock_now_us() < until_us && poll(NULL, 0, 2) == 0);
    return found;
}

/* A way to Redis of its own, and time: for what must be done at the first attempt. */
static void open_patient(void)
{
    open_world(&worlds[1], 10000000, NULL);
    FS_CHECK_INT(world_create(&worlds[1], "shoe", 100000).outcome.verdict, FS_DONE);
}

static void break_the_way(enum fs_proxy_fault fault, uint64_t deadline_span_us)
{
    static struct fs_redis_proxy proxy;
    unsigned faults = count_from("FS_FAULTS", FAULTS_DEFAULT);
    unsigned verdicts[FS_VERDICT_COUNT] = {0};
    unsigned untrue = 0;
    unsigned sold = 0;

    begin();
    fs_redis_proxy_start(&proxy, server.dir, server.socket);
    open_patient();
    open_world(&worlds[0], deadline_span_us, proxy.url);
    for (unsigned i = 0; i < faults; i++) {
        struct fs_request bought;
        struct fs_request found;
        char order[32];

        snprintf(order, sizeof(order), "o%u", i);
        fs_redis_proxy_fault_after(&proxy, fault, i % TESTED_TRIPS);
        bought = world_buy(&worlds[0], "shoe", order, 1);
        fs_redis_proxy_fault(&proxy, FS_PROXY_NONE);
        fs_redis_proxy_release(&proxy);
        fs_driver_settle(&worlds[0].driver);
        found = lookup_when_back(&worlds[0], order);
        untrue += !is_true(&bought, &found) || bought.outcome.replayed; /* it was asked once */
        verdicts[bought.outcome.verdict]++;
        sold += found.outcome.verdict == FS_DONE;
    }
    printf("%u faults: %u sold, %u undetermined, %u not tried ", faults, verdicts[FS_DONE],
           verdicts[FS_UNDETERMINED], verdicts[FS_BUSY] + verdicts[FS_UNAVAILABLE]);
    FS_CHECK_INT(untrue, 0);
    world_check_audit(&worlds[1], "shoe", sold);
    world_close(&worlds[0]);
    world_close(&worlds[1]);
    fs_redis_proxy_stop(&proxy);
}

static void an_answer_cut_off_is_resolved(void)
{
    break_the_way(FS_PROXY_CUT_AFTER, 3000000);
}

static void an_ask_cut_off_is_resolved(void)
{
    break_the_way(FS_PROXY_CUT_BEFORE, 3000000);
}

static void an_answer_cut_in_two_is_resolved(void)
{
    break_the_way(FS_PROXY_CUT_INSIDE, 3000000);
}

static void an_answer_after_the_deadline_is_told_by_lookup(void)
{
    break_the_way(FS_PROXY_DELAY, 60000);
}

/* Asks until the order is decided: a busy machine may take longer than one deadline. */
static bool buy_at_last(const char *order)
{
    for (unsigned i = 0; i < 50; i++)
        if (world_buy(&worlds[0], "shoe", order, 1).outcome.verdict == FS_DONE)
            return true;
    return false;
}

/* A store that stood still reads what was asked long ago; who asked was told "undetermined". */
static void what_redis_reads_after_the_deadline_is_not_sold(void)
{
    unsigned sold = 0;

    begin();
    open_patient();
    open_world(&worlds[0], 100000, NULL);
    for (unsigned i = 0; i < 10; i++) {
        struct fs_request bought;
        char order[32];

        snprintf(order, sizeof(order), "before%u", i); /* by its answer the clock is known */
        sold += buy_at_last(order);
        snprintf(order, sizeof(order), "late%u", i);
        fs_redis_server_pause(&server);
        bought = world_buy(&worlds[0], "shoe", order, 1);
        poll(NULL, 0, 20);
        fs_redis_server_resume(&server);
        FS_CHECK(bought.outcome.verdict == FS_UNDETERMINED || bought.outcome.verdict == FS_BUSY);
        FS_CHECK_INT(lookup_when_back(&worlds[0], order).outcome.verdict, FS_UNKNOWN);
    }
    FS_CHECK_INT(sold, 10);
    world_check_audit(&worlds[1], "shoe", sold);
    world_close(&worlds[0]);
    world_close(&worlds[1]);
}

#define TESTS(T)                                         \
    T(nothing_acknowledged_is_lost_when_redis_is_killed) \
    T(an_answer_cut_off_is_resolved)                     \
    T(an_ask_cut_off_is_resolved)                        \
    T(an_answer_cut_in_two_is_resolved)                  \
    T(an_answer_after_the_deadline_is_told_by_lookup)    \
    T(what_redis_reads_after_the_deadline_is_not_sold)

FS_SUITE("strategy on Redis with outages", TESTS)
