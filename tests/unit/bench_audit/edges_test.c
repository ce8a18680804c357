/* Where exactly an accusation begins: histories of a few requests, microsecond by microsecond. */
#include "audit/audit.h"

#include "support/suite.h"

struct run {
    struct fs_scenario scenario;
    struct fs_history history;
    struct fs_ledger_terms ledger;
    struct fs_metrics_delta metrics;
    struct fs_resolved resolved[4];
    size_t resolved_count;
    bool stock_unknown;
};

static void begin(struct run *run, int64_t stock)
{
    *run = (struct run){.metrics = {-1, -1, -1, -1, -1}};
    run->scenario.stock = stock;
    run->scenario.product_count = 1;
    snprintf(run->scenario.products[0], sizeof(run->scenario.products[0]), "1");
    fs_history_init(&run->history);
}

/* quantity units, of user 0; an attempt's order is named after it. */
static struct fs_operation *add(struct run *run, enum fs_operation_kind kind, uint64_t attempt,
                                enum fs_answer answer, uint64_t sent_us, uint64_t answered_us,
                                uint16_t quantity)
{
    struct fs_operation *operation = fs_history_add(&run->history);

    if (!operation)
        abort();
    *operation = (struct fs_operation){.kind = (uint8_t)kind,
                                       .attempt = attempt,
                                       .answer = (uint8_t)answer,
                                       .sent_us = sent_us,
                                       .answered_us = answered_us,
                                       .quantity = quantity,
                                       .remaining = -1};
    if (answer == FS_ANSWER_OK || kind == FS_OPERATION_CANCEL)
        snprintf(operation->order_id, sizeof(operation->order_id), "order-%d", (int)attempt);
    return operation;
}

static struct fs_operation *buy(struct run *run, uint64_t attempt, enum fs_answer answer,
                                uint64_t sent_us, uint64_t answered_us)
{
    return add(run, FS_OPERATION_PURCHASE, attempt, answer, sent_us, answered_us, 1);
}

static struct fs_audit_report end(struct run *run)
{
    const struct fs_audit_input input = {.scenario = &run->scenario,
                                         .history = &run->history,
                                         .ledgers = &run->ledger,
                                         .metrics = &run->metrics,
                                         .resolved = run->resolved,
                                         .resolved_count = run->resolved_count,
                                         .stock_unknown = run->stock_unknown};
    struct fs_audit_report report;

    if (fs_audit_run(&input, &report) != 0)
        abort();
    fs_history_dispose(&run->history);
    return report;
}

static void a_refusal_that_ends_before_the_sale_was_sent_is_false(void)
{
    for (uint64_t sent_us = 9; sent_us <= 11; sent_us++) {
        struct run run;
        struct fs_audit_report report;

        begin(&run, 1);
        buy(&run, 1, FS_ANSWER_OK, sent_us, 20);
        buy(&run, 2, FS_ANSWER_SOLD_OUT, 5, 10);
        report = end(&run);
        FS_CHECK_INT(report.violations[FS_VIOLATION_FALSE_REFUSAL], sent_us == 11);
        FS_CHECK_INT(report.violations_total, sent_us == 11);
    }
}

static void a_refusal_sent_after_a_cancel_was_answered_is_false(void)
{
    for (uint64_t sent_us = 29; sent_us <= 31; sent_us++) {
        struct run run;
        struct fs_audit_report report;

        begin(&run, 1);
        buy(&run, 1, FS_ANSWER_OK, 5, 10);
        add(&run, FS_OPERATION_CANCEL, 1, FS_ANSWER_OK, 20, 30, 0);
        buy(&run, 2, FS_ANSWER_SOLD_OUT, sent_us, 40);
        report = end(&run);
        FS_CHECK_INT(report.violations[FS_VIOLATION_FALSE_REFUSAL], sent_us == 31);
        FS_CHECK_INT(report.violations_total, sent_us == 31);
    }
}

static void a_refusal_is_false_only_for_what_was_left(void)
{
    for (uint16_t quantity = 1; quantity <= 3; quantity++) {
        struct run run;
        struct fs_audit_report report;

        begin(&run, 2);
        add(&run, FS_OPERATION_PURCHASE, 1, FS_ANSWER_SOLD_OUT, 5, 10, quantity);
        report = end(&run);
        FS_CHECK_INT(report.violations[FS_VIOLATION_FALSE_REFUSAL], quantity <= 2);
    }
}

static void an_open_purchase_may_have_taken_the_last_unit(void)
{
    struct run run;
    struct fs_audit_report report;

    begin(&run, 1);
    buy(&run, 1, FS_ANSWER_TIMEOUT, 5, 10);
    buy(&run, 2, FS_ANSWER_SOLD_OUT, 20, 30);
    report = end(&run);
    FS_CHECK_INT(report.violations_total, 0);
    FS_CHECK_INT(report.unknown_left, 1);
}

static void an_open_purchase_that_lookup_does_not_find_took_nothing(void)
{
    struct run run;
    struct fs_audit_report report;

    begin(&run, 1);
    buy(&run, 1, FS_ANSWER_TIMEOUT, 5, 10);
    buy(&run, 2, FS_ANSWER_SOLD_OUT, 20, 30);
    run.resolved[run.resolved_count++] =
        (struct fs_resolved){.attempt = 1, .status = FS_RESOLVED_NONE};
    report = end(&run);
    FS_CHECK_INT(report.violations[FS_VIOLATION_FALSE_REFUSAL], 1);
    FS_CHECK_INT(report.violations_total, 1);
    FS_CHECK_INT(report.unknown_left, 0);
}

static void a_purchase_that_was_never_sent_took_nothing(void)
{
    struct run run;
    struct fs_audit_report report;

    begin(&run, 1);
    buy(&run, 1, FS_ANSWER_TRANSPORT, 0, 10);
    buy(&run, 2, FS_ANSWER_SOLD_OUT, 20, 30);
    report = end(&run);
    FS_CHECK_INT(report.violations[FS_VIOLATION_FALSE_REFUSAL], 1);
    FS_CHECK_INT(report.unknown_left, 0);
}

/* Nothing was looked up, but the ledger knows that the open ones took nothing. */
static void what_is_left_at_the_end_proves_a_refusal_false(void)
{
    struct run run;
    struct fs_audit_report report;

    begin(&run, 2);
    buy(&run, 1, FS_ANSWER_TIMEOUT, 5, 10);
    buy(&run, 2, FS_ANSWER_CUT, 5, 10);
    buy(&run, 3, FS_ANSWER_SOLD_OUT, 20, 30);
    run.ledger = (struct fs_ledger_terms){
        .known = true, .consistent = true, .initial = 2, .left = 2, .orders = 0};
    run.scenario.sells_out = true;
    report = end(&run);
    FS_CHECK_INT(report.violations[FS_VIOLATION_FALSE_REFUSAL], 1);
    FS_CHECK_INT(report.violations[FS_VIOLATION_UNDERSOLD], 2);
    FS_CHECK_INT(report.violations_total, 3);
}

/* It came back when everybody had been refused. */
static void units_left_by_a_late_cancel_are_not_undersold(void)
{
    struct run run;
    struct fs_audit_report report;

    begin(&run, 1);
    buy(&run, 1, FS_ANSWER_OK, 5, 10);
    buy(&run, 2, FS_ANSWER_SOLD_OUT, 20, 30);
    add(&run, FS_OPERATION_CANCEL, 1, FS_ANSWER_OK, 40, 50, 0);
    run.ledger = (struct fs_ledger_terms){
        .known = true, .consistent = true, .initial = 1, .left = 1, .orders_cancelled = 1};
    run.scenario.sells_out = true;
    report = end(&run);
    FS_CHECK_INT(report.violations_total, 0);
    FS_CHECK_CONTAINS(report.note, "demand did not reach");
}

/* At the end the sum is right; in between two had the only unit. */
static void oversold_for_a_moment_is_oversold(void)
{
    for (uint64_t cancelled_us = 20; cancelled_us <= 21; cancelled_us++) {
        struct run run;
        struct fs_audit_report report;

        begin(&run, 1);
        buy(&run, 1, FS_ANSWER_OK, 5, 10);
        buy(&run, 2, FS_ANSWER_OK, 15, 20);
        add(&run, FS_OPERATION_CANCEL, 1, FS_ANSWER_OK, cancelled_us, 30, 0);
        report = end(&run);
        FS_CHECK_INT(report.violations[FS_VIOLATION_OVERSOLD], cancelled_us == 21);
        FS_CHECK_INT(report.violations_total, cancelled_us == 21);
    }
}

static void a_replay_answered_before_the_first_was_sent_is_none(void)
{
    for (uint64_t sent_us = 10; sent_us <= 11; sent_us++) {
        struct run run;
        struct fs_audit_report report;

        begin(&run, 1);
        buy(&run, 1, FS_ANSWER_OK, 5, 10)->replayed = true;
        buy(&run, 1, FS_ANSWER_OK, sent_us, 20);
        report = end(&run);
        FS_CHECK_INT(report.violations[FS_VIOLATION_REPLAY], sent_us == 11);
        FS_CHECK_INT(report.violations_total, sent_us == 11);
    }
}

static void where_nobody_put_the_stock_only_answers_are_judged(void)
{
    struct run run;
    struct fs_audit_report report;

    begin(&run, 1);
    buy(&run, 1, FS_ANSWER_OK, 5, 10);
    buy(&run, 2, FS_ANSWER_OK, 5, 10);
    buy(&run, 3, FS_ANSWER_SOLD_OUT, 1, 2);
    buy(&run, 4, FS_ANSWER_OK, 5, 10)->replayed = true;
    run.metrics.purchases_sold = 7;
    run.stock_unknown = true;
    report = end(&run);
    FS_CHECK_INT(report.violations[FS_VIOLATION_REPLAY], 1);
    FS_CHECK_INT(report.violations_total, 1);
}

static void an_order_that_is_kept_with_other_terms_is_lost(void)
{
    static const struct {
        int64_t units;
        const char *product;
        uint64_t lost;
    } kept[] = {{1, "1", 0}, {0, "", 0}, {2, "1", 1}, {1, "2", 1}};

    for (size_t i = 0; i < 4; i++) {
        struct run run;
        struct fs_audit_report report;

        begin(&run, 5);
        buy(&run, 1, FS_ANSWER_OK, 5, 10);
        run.resolved[run.resolved_count++] =
            (struct fs_resolved){.attempt = 1, .status = FS_RESOLVED_SOLD, .units = kept[i].units};
        snprintf(run.resolved[0].product, sizeof(run.resolved[0].product), "%s", kept[i].product);
        report = end(&run);
        FS_CHECK_INT(report.violations[FS_VIOLATION_LOST_ORDER], kept[i].lost);
        FS_CHECK_INT(report.violations_total, kept[i].lost);
    }
}

static void buyers_are_shown_what_is_left_with_or_without_what_is_on_its_way(void)
{
    for (int64_t shown = 1; shown <= 5; shown++) {
        struct run run;
        struct fs_audit_report report;

        begin(&run, 5);
        buy(&run, 1, FS_ANSWER_OK, 5, 10);
        run.ledger = (struct fs_ledger_terms){.known = true,
                                              .consistent = true,
                                              .initial = 5,
                                              .left = 2,
                                              .in_transit = 2,
                                              .sold = 1,
                                              .orders = 1,
                                              .orders_cancelled = -1,
                                              .is_shown = true,
                                              .shown = shown};
        report = end(&run);
        FS_CHECK_INT(report.violations[FS_VIOLATION_CONSERVATION], shown < 2 || shown > 4);
        FS_CHECK_INT(report.violations_total, shown < 2 || shown > 4);
    }
}

/* A 429 comes before it is a purchase, so it may be counted as busy or not at all. */
static void limits_and_busy_answers_are_counted_as_they_were_told(void)
{
    for (int64_t counted = 0; counted <= 3; counted++) {
        struct run run;
        struct fs_audit_report report;

        begin(&run, 5);
        buy(&run, 1, FS_ANSWER_BUSY, 5, 10)->status = 503;
        buy(&run, 2, FS_ANSWER_BUSY, 5, 10)->status = 429;
        buy(&run, 3, FS_ANSWER_UNAVAILABLE, 5, 10)->status = 503;
        run.metrics.purchases_busy = counted;
        run.metrics.purchases_limit = counted;
        report = end(&run);
        FS_CHECK_INT(report.violations[FS_VIOLATION_METRICS],
                     (counted < 1 || counted > 2) + (counted > 0));
    }
}

static void the_first_offenders_by_time_are_kept(void)
{
    struct run run;
    struct fs_audit_report report;

    begin(&run, 1000);
    for (uint64_t i = 0; i < 2 * FS_AUDIT_OFFENDERS_MAX; i++) /* the latest first */
        buy(&run, i + 1, FS_ANSWER_SOLD_OUT, 1000000 * (100 - i), 1000000 * (100 - i) + 1);
    report = end(&run);
    FS_CHECK_INT(report.violations_total, 2 * FS_AUDIT_OFFENDERS_MAX);
    FS_CHECK_INT(report.offender_count, FS_AUDIT_OFFENDERS_MAX);
    FS_CHECK_CONTAINS(report.offenders[0].text, "between 61.000 s");
    FS_CHECK_CONTAINS(report.offenders[FS_AUDIT_OFFENDERS_MAX - 1].text, "between 80.000 s");
}

static void a_history_of_nothing_is_fine(void)
{
    struct run run;
    struct fs_audit_report report;

    begin(&run, 5);
    report = end(&run);
    FS_CHECK_INT(report.violations_total, 0);
    FS_CHECK_INT(report.stock, 5);
    FS_CHECK_INT(report.left, -1);
}

#define TESTS(T)                                                        \
    T(a_refusal_that_ends_before_the_sale_was_sent_is_false)            \
    T(a_refusal_sent_after_a_cancel_was_answered_is_false)              \
    T(a_refusal_is_false_only_for_what_was_left)                        \
    T(an_open_purchase_may_have_taken_the_last_unit)                    \
    T(an_open_purchase_that_lookup_does_not_find_took_nothing)          \
    T(a_purchase_that_was_never_sent_took_nothing)                      \
    T(what_is_left_at_the_end_proves_a_refusal_false)                   \
    T(units_left_by_a_late_cancel_are_not_undersold)                    \
    T(oversold_for_a_moment_is_oversold)                                \
    T(a_replay_answered_before_the_first_was_sent_is_none)              \
    T(where_nobody_put_the_stock_only_answers_are_judged)               \
    T(an_order_that_is_kept_with_other_terms_is_lost)                   \
    T(buyers_are_shown_what_is_left_with_or_without_what_is_on_its_way) \
    T(limits_and_busy_answers_are_counted_as_they_were_told)            \
    T(the_first_offenders_by_time_are_kept)                             \
    T(a_history_of_nothing_is_fine)
FS_SUITE("bench/audit-edges", TESTS)
