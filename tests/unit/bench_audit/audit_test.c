/* The audit against simulated runs: a right server is never accused, whatever is cut, lost or crossed;
 * a wrong one is, and of what it did. */
#include "sim.h"

#include "support/suite.h"

#define KIND(name) (1u << FS_VIOLATION_##name)

#define RIGHT_ROUNDS 3000 /* unless FS_ROUNDS says another number */
#define BUG_ROUNDS 40

static long right_rounds(void)
{
    const char *given = getenv("FS_ROUNDS");

    return given ? strtol(given, NULL, 10) : RIGHT_ROUNDS;
}

static unsigned kinds_of(const struct fs_audit_report *report)
{
    unsigned kinds = 0;

    for (int kind = 1; kind < FS_VIOLATION_KINDS; kind++)
        if (report->violations[kind] > 0)
            kinds |= 1u << kind;
    return kinds;
}

static void print_report(const struct fs_audit_report *report)
{
    for (size_t i = 0; i < report->offender_count; i++)
        printf("\n    %s: %s", fs_violation_kind_name(report->offenders[i].kind),
               report->offenders[i].text);
}

/* Stock is scarce or plenty, time dense or wide, the net good or bad. */
static struct fs_sim_options draw(struct fs_random *random)
{
    struct fs_sim_options options = {
        .products = 1 + (uint32_t)fs_random_below(random, 3),
        .users = 1 + (uint32_t)fs_random_below(random, 60),
        .attempts = 1 + (uint32_t)fs_random_below(random, 400),
        .stock = (int64_t)fs_random_below(random, 150),
        .quantity_max = 1 + (uint32_t)fs_random_below(random, 3),
        .per_user_max = (int64_t)fs_random_below(random, 3) * 2,
        .span_us = 1 + (uint32_t)fs_random_below(random, fs_random_below(random, 2) ? 50 : 5000),
        .duration_us = 1 + (uint32_t)fs_random_below(random, 60),
        .unknown = (uint32_t)(fs_random_below(random, 3) * fs_random_below(random, 250)),
        .busy = (uint32_t)(fs_random_below(random, 2) * fs_random_below(random, 200)),
        .doubled = (uint32_t)(fs_random_below(random, 2) * fs_random_below(random, 500)),
        .again = (uint32_t)fs_random_below(random, 700),
        .cancelled = (uint32_t)(fs_random_below(random, 2) * fs_random_below(random, 500)),
        .looked_up = (uint32_t)fs_random_below(random, 200),
        .restocks = (uint32_t)(fs_random_below(random, 2) * fs_random_below(random, 50)),
        .unresolved = (uint32_t)(fs_random_below(random, 3) * fs_random_below(random, 500)),
        .verified = (uint32_t)fs_random_below(random, 1001),
        .sells_out = fs_random_below(random, 2) == 0,
    };
    return options;
}

static void a_right_server_is_never_accused(void)
{
    struct fs_random random = fs_random_start();
    long count = right_rounds();
    uint64_t operations = 0;
    uint64_t open = 0;

    for (long i = 0; i < count; i++) {
        uint64_t seed = random.state;
        struct fs_sim_options options = draw(&random);
        struct fs_audit_report report;
        struct fs_sim_run run;

        FS_REQUIRE(fs_sim_run(&options, &random, &run) == 0);
        report = fs_sim_audit(&run);
        operations += run.history.count;
        open += report.unknown_left;
        if (report.violations_total > 0) {
            printf("\n    round %ld, FS_SEED=%" PRIu64 " FS_ROUNDS=1", i, seed);
            print_report(&report);
        }
        fs_sim_run_dispose(&run);
        FS_REQUIRE(report.violations_total == 0);
    }
    printf("%ld runs, %" PRIu64 " requests, %" PRIu64 " answers left open ", count, operations,
           open);
}

/* A run in which each bug has its chance and nothing else hides it. */
static struct fs_sim_options plain(enum fs_sim_bug bug)
{
    return (struct fs_sim_options){.bug = bug,
                                   .products = 1,
                                   .users = 20,
                                   .attempts = 400,
                                   .stock = 1000,
                                   .quantity_max = 1,
                                   .span_us = 100000,
                                   .duration_us = 300,
                                   .verified = 1000};
}

struct expected {
    unsigned always; /* kinds that are reported whenever the bug showed */
    unsigned also;   /* kinds that it may bring along */
};

static void check_bug(struct fs_sim_options options, struct expected expected)
{
    struct fs_random random = fs_random_start();
    int count = BUG_ROUNDS;
    int shown = 0;

    for (int i = 0; i < count; i++) {
        struct fs_audit_report report;
        struct fs_sim_run run;
        unsigned always; /* a bug that had no chance is not seen */
        unsigned kinds;

        FS_REQUIRE(fs_sim_run(&options, &random, &run) == 0);
        report = fs_sim_audit(&run);
        kinds = kinds_of(&report);
        shown += run.bugs_shown > 0;
        always = run.bugs_shown > 0 ? expected.always : 0;
        if ((kinds & always) != always || (kinds & ~(always | expected.also)) != 0) {
            printf("\n    bug shown %u times", (unsigned)run.bugs_shown);
            print_report(&report);
        }
        fs_sim_run_dispose(&run);
        FS_CHECK_INT(kinds & always, always);
        FS_REQUIRE((kinds & ~(always | expected.also)) == 0);
    }
    FS_CHECK(shown > count / 2);
}

static void one_unit_too_many_is_oversold(void)
{
    struct fs_sim_options options = plain(FS_SIM_SELLS_ONE_TOO_MANY);

    options.stock = 100;
    check_bug(options, (struct expected){KIND(OVERSOLD), 0});
}

static void one_unit_too_many_is_oversold_without_a_ledger(void)
{
    struct fs_sim_options options = plain(FS_SIM_SELLS_ONE_TOO_MANY);
    struct fs_random random = fs_random_start();
    struct fs_audit_report report;
    struct fs_sim_run run;

    options.stock = 100;
    FS_REQUIRE(fs_sim_run(&options, &random, &run) == 0);
    run.ledgers[0].known = false;
    report = fs_sim_audit(&run);
    fs_sim_run_dispose(&run);
    FS_CHECK_INT(report.violations[FS_VIOLATION_OVERSOLD], 1);
    FS_CHECK_INT(report.violations_total, 1);
    FS_CHECK_INT(report.ledgers_unread, 1);
    FS_CHECK_INT(report.left, -1);
}

static void a_key_that_is_forgotten_is_a_duplicate(void)
{
    struct fs_sim_options options = plain(FS_SIM_FORGETS_KEYS);

    options.stock = 4000;
    options.doubled = 300;
    check_bug(options, (struct expected){KIND(DUPLICATE_ORDER), 0});
}

static void a_key_that_is_forgotten_behind_lost_answers_is_a_duplicate(void)
{
    struct fs_sim_options options = plain(FS_SIM_FORGETS_KEYS);

    options.stock = 4000;
    options.unknown = 200;
    options.again = 900;
    check_bug(options, (struct expected){KIND(DUPLICATE_ORDER), 0});
}

static void a_lost_write_is_a_lost_order(void)
{
    check_bug(plain(FS_SIM_LOSES_WRITES), (struct expected){KIND(LOST_ORDER), 0});
}

static void a_lost_write_is_a_lost_order_by_the_ledger_alone(void)
{
    struct fs_sim_options options = plain(FS_SIM_LOSES_WRITES);

    options.verified = 0;
    check_bug(options, (struct expected){KIND(LOST_ORDER), 0});
}

static void a_skipped_shard_is_undersold(void)
{
    struct fs_sim_options options = plain(FS_SIM_SKIPS_A_SHARD);

    options.stock = 100;
    check_bug(options, (struct expected){KIND(UNDERSOLD) | KIND(FALSE_REFUSAL), 0});
}

static void a_refusal_with_enough_left_is_false(void)
{
    check_bug(plain(FS_SIM_REFUSES_EARLY), (struct expected){KIND(FALSE_REFUSAL), 0});
}

static void a_refusal_by_the_limit_with_room_left_is_false(void)
{
    struct fs_sim_options options = plain(FS_SIM_REFUSES_BY_LIMIT);

    options.per_user_max = 400;
    check_bug(options, (struct expected){KIND(FALSE_REFUSAL), 0});
}

static void more_than_the_limit_is_seen(void)
{
    struct fs_sim_options options = plain(FS_SIM_FORGETS_LIMITS);

    options.per_user_max = 4;
    check_bug(options, (struct expected){KIND(LIMIT), 0});
}

static void units_returned_twice_are_not_conserved(void)
{
    struct fs_sim_options options = plain(FS_SIM_RETURNS_TWICE);

    options.cancelled = 300;
    check_bug(options, (struct expected){KIND(CONSERVATION), 0});
}

static void a_cancel_that_was_not_made_is_seen(void)
{
    struct fs_sim_options options = plain(FS_SIM_FORGETS_CANCELS);

    options.cancelled = 300;
    check_bug(options, (struct expected){KIND(LOST_ORDER) | KIND(UNASKED_ORDER), 0});
}

static void an_order_cancelled_by_nobody_is_lost(void)
{
    check_bug(plain(FS_SIM_CANCELS_BY_ITSELF), (struct expected){KIND(LOST_ORDER), 0});
}

static void a_replay_without_a_mark_is_seen(void)
{
    struct fs_sim_options options = plain(FS_SIM_REPLAYS_UNMARKED);

    options.doubled = 300;
    check_bug(options, (struct expected){KIND(REPLAY), 0});
}

static void a_replay_with_another_order_is_seen(void)
{
    struct fs_sim_options options = plain(FS_SIM_REPLAYS_OTHER_ORDER);

    options.doubled = 300;
    check_bug(options, (struct expected){KIND(REPLAY), 0});
}

static void a_replay_with_the_remaining_of_now_is_seen(void)
{
    struct fs_sim_options options = plain(FS_SIM_REPLAYS_OF_NOW);

    options.doubled = 300;
    check_bug(options, (struct expected){KIND(REPLAY), 0});
}

static void a_replay_of_nothing_is_seen(void)
{
    check_bug(plain(FS_SIM_MARKS_FIRST), (struct expected){KIND(REPLAY), 0});
}

static void a_retry_of_what_was_sold_is_not_refused(void)
{
    struct fs_sim_options options = plain(FS_SIM_REFUSES_REPLAYS);

    options.again = 600;
    check_bug(options, (struct expected){KIND(REPLAY) | KIND(FALSE_REFUSAL), 0});
}

static void one_order_for_two_purchases_is_seen(void)
{
    check_bug(plain(FS_SIM_SELLS_TWO_KEYS_ONE_ORDER), (struct expected){KIND(DUPLICATE_ORDER), 0});
}

static void metrics_that_count_wrong_are_seen(void)
{
    struct fs_sim_options options = plain(FS_SIM_MISCOUNTS_SOLD);

    options.stock = 200;
    options.doubled = 300;
    check_bug(options, (struct expected){KIND(METRICS), 0});
    options.bug = FS_SIM_MISCOUNTS_SOLD_OUT;
    check_bug(options, (struct expected){KIND(METRICS), 0});
    options.bug = FS_SIM_MISCOUNTS_REPLAYS;
    check_bug(options, (struct expected){KIND(METRICS), 0});
}

static void an_order_that_nobody_asked_for_is_seen(void)
{
    check_bug(plain(FS_SIM_SELLS_BY_ITSELF), (struct expected){KIND(UNASKED_ORDER), 0});
}

static void a_restock_that_was_not_made_is_not_conserved(void)
{
    struct fs_sim_options options = plain(FS_SIM_LOSES_RESTOCKS);

    options.restocks = 100;
    check_bug(options, (struct expected){KIND(CONSERVATION), 0});
}

static void an_acknowledged_order_that_is_not_found_is_lost(void)
{
    struct fs_sim_options options = plain(FS_SIM_FINDS_NO_ORDERS);

    options.looked_up = 300;
    check_bug(options, (struct expected){KIND(LOST_ORDER), 0});
}

/* Each bug again where answers are lost and requests cross: it may hide, but nothing else is reported
 * than what can come of it. */
static void bugs_are_found_on_a_bad_net_too(void)
{
    static const enum fs_sim_bug bugs[] = {FS_SIM_SELLS_ONE_TOO_MANY, FS_SIM_LOSES_WRITES,
                                           FS_SIM_SKIPS_A_SHARD, FS_SIM_REFUSES_EARLY,
                                           FS_SIM_FORGETS_KEYS};
    struct fs_random random = fs_random_start();

    for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
        struct fs_sim_options options = plain(bugs[i]);
        int found = 0;

        options.stock = 250;
        options.unknown = 30;
        options.again = 300;
        options.doubled = 200;
        options.busy = 50;
        for (int round = 0; round < 20; round++) {
            struct fs_sim_run run;

            FS_REQUIRE(fs_sim_run(&options, &random, &run) == 0);
            found += fs_sim_audit(&run).violations_total > 0;
            fs_sim_run_dispose(&run);
        }
        FS_CHECK(found >= 15);
    }
}

#define TESTS(T)                                                  \
    T(a_right_server_is_never_accused)                            \
    T(one_unit_too_many_is_oversold)                              \
    T(one_unit_too_many_is_oversold_without_a_ledger)             \
    T(a_key_that_is_forgotten_is_a_duplicate)                     \
    T(a_key_that_is_forgotten_behind_lost_answers_is_a_duplicate) \
    T(a_lost_write_is_a_lost_order)                               \
    T(a_lost_write_is_a_lost_order_by_the_ledger_alone)           \
    T(a_skipped_shard_is_undersold)                               \
    T(a_refusal_with_enough_left_is_false)                        \
    T(a_refusal_by_the_limit_with_room_left_is_false)             \
    T(more_than_the_limit_is_seen)                                \
    T(units_returned_twice_are_not_conserved)                     \
    T(a_cancel_that_was_not_made_is_seen)                         \
    T(an_order_cancelled_by_nobody_is_lost)                       \
    T(a_replay_without_a_mark_is_seen)                            \
    T(a_replay_with_another_order_is_seen)                        \
    T(a_replay_with_the_remaining_of_now_is_seen)                 \
    T(a_replay_of_nothing_is_seen)                                \
    T(a_retry_of_what_was_sold_is_not_refused)                    \
    T(one_order_for_two_purchases_is_seen)                        \
    T(metrics_that_count_wrong_are_seen)                          \
    T(an_order_that_nobody_asked_for_is_seen)                     \
    T(a_restock_that_was_not_made_is_not_conserved)               \
    T(an_acknowledged_order_that_is_not_found_is_lost)            \
    T(bugs_are_found_on_a_bad_net_too)
FS_SUITE("bench/audit", TESTS)
