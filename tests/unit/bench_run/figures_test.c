/* Rows, medians, thresholds, exit codes: from made-up figures. */
#include "run/figure.h"

#include <math.h>

#include "run/kpi.h"
#include "run/run.h"
#include "run/summary.h"
#include "support/suite.h"

static const struct fs_subject v1 = {.strategy = "v1", .folder = "v1"};
static const struct fs_subject v2 = {
    .strategy = "v2", .variant = "textbook", .folder = "v2+textbook"};

static const struct fs_scenario throughput = {
    .name = "throughput",
    .profile = FS_PROFILE_CI,
    .executor = FS_EXECUTOR_CONSTANT_VUS,
    .users = 64,
    .product_count = 1,
    .thresholds = {{.metric = "latency_p99_ms", .comparison = "<", .value = 250}},
    .threshold_count = 1,
};

/* A valid, accurate repetition with these figures. */
static struct fs_record make(const struct fs_subject *subject, uint32_t rep, double sold_per_s,
                             double p99_ms)
{
    struct fs_record record;

    fs_record_init(&record, subject, &throughput, rep, rep);
    record.was_run = true;
    record.is_audited = true;
    record.values[FS_FIGURE_TPS_SOLD] = sold_per_s;
    record.values[FS_FIGURE_LATENCY_P50] = p99_ms / 2;
    record.values[FS_FIGURE_LATENCY_P99] = p99_ms;
    record.values[FS_FIGURE_ERROR_RATE] = 0;
    return record;
}

/* What write puts into a file, as text; freed by the caller. */
static char *written(void (*write)(FILE *file, const void *data), const void *data)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);

    if (!file)
        return NULL;
    write(file, data);
    fclose(file);
    return text;
}

static size_t count_of(const char *text, char c)
{
    size_t count = 0;

    for (; *text; text++)
        count += *text == c;
    return count;
}

static void write_cells(FILE *file, const void *data)
{
    struct fs_csv csv = {.file = file};

    (void)data;
    fs_csv_text(&csv, "plain");
    fs_csv_text(&csv, "a, \"b\"\nc");
    fs_csv_text(&csv, NULL);
    fs_csv_integer(&csv, -7);
    fs_csv_number(&csv, 1.25, 1);
    fs_csv_number(&csv, NAN, 1);
    fs_csv_number(&csv, INFINITY, 1);
    fs_csv_end(&csv);
    fs_csv_text(&csv, "next");
    fs_csv_end(&csv);
}

static void cells_are_quoted_where_needed_and_empty_when_unknown(void)
{
    char *text = written(write_cells, NULL);

    FS_CHECK_STR(text, "plain,\"a, \"\"b\"\"\nc\",,-7,1.2,,\nnext\n");
    free(text);
}

static void write_head_and_row(FILE *file, const void *data)
{
    fs_records_write_head(file);
    fs_record_write(file, data);
}

static void a_row_of_runs_has_as_many_cells_as_its_head(void)
{
    struct fs_record record = make(&v2, 3, 1234.5, 6.789);
    char *text = written(write_head_and_row, &record);
    char *row = text ? strchr(text, '\n') : NULL;

    FS_REQUIRE(row != NULL);
    *row++ = '\0';
    FS_CHECK_INT(count_of(row, ','), count_of(text, ','));
    FS_CHECK_CONTAINS(text, "schema_version,strategy,variant,scenario,profile,rep,order,started_at,"
                            "duration_s,users,connections,valid,invalid_reason,offered,");
    FS_CHECK_CONTAINS(text, ",loop_lag_p99_ms,durability,nodes,late_starts,generator_busy");
    FS_CHECK_CONTAINS(row, "1,v2,textbook,throughput,ci,3,3,,");
    FS_CHECK_CONTAINS(row, ",1234.5,");
    FS_CHECK_CONTAINS(row, ",6.789,");
    free(text);
}

static void write_accuracy(FILE *file, const void *data)
{
    fs_accuracy_write_head(file);
    fs_accuracy_write(file, data);
}

static void a_run_that_was_not_audited_has_empty_cells_for_accuracy(void)
{
    struct fs_record record = make(&v1, 1, 10, 1);
    char *text;

    record.is_audited = false;
    text = written(write_accuracy, &record);
    FS_CHECK_CONTAINS(text, "v1,,throughput,1,,,,");
    free(text);
    record.is_audited = true;
    record.audit.stock = 100;
    text = written(write_accuracy, &record);
    FS_CHECK_CONTAINS(text, "v1,,throughput,1,1,0,0,0,0,0,0,0,0,0,0,0,100,");
    free(text);
}

static void a_ledger_that_was_not_read_leaves_its_cells_empty(void)
{
    struct fs_record record = make(&v1, 1, 10, 1);
    char *text;

    record.audit.ledgers_unread = 1;
    record.audit.stock = 100;
    record.audit.sold_acknowledged = 7;
    record.audit.sold_ledger = record.audit.left = record.audit.in_transit = -1;
    text = written(write_accuracy, &record);
    FS_CHECK_CONTAINS(text, "v1,,throughput,1,,0,0,0,0,0,0,0,0,0,0,0,100,0,7,0,,,,0,");
    free(text);
    record.audit.violations_total = record.audit.violations[FS_VIOLATION_REPLAY] = 1;
    text = written(write_accuracy, &record);
    FS_CHECK_CONTAINS(text, "v1,,throughput,1,0,0,0,0,0,0,0,0,0,0,1,0,100,0,7,0,,,,0,");
    free(text);
}

static void every_column_is_found_by_its_name(void)
{
    for (int i = 0; i < FS_FIGURE_COUNT; i++) {
        enum fs_figure figure = (enum fs_figure)i;

        FS_CHECK_INT(fs_figure_find(fs_figure_column(figure)), figure);
    }
    FS_CHECK_INT(fs_figure_find("latency_p98_ms"), FS_FIGURE_COUNT);
    FS_CHECK_STR(fs_figure_suggest("latency_p98_ms"), "latency_p95_ms");
    FS_CHECK(fs_figure_suggest("nonsense_entirely") == NULL);
    FS_CHECK_STR(fs_figure_unit("latency_p99_ms"), "ms");
    FS_CHECK_STR(fs_figure_unit("server_cpu_us_per_purchase"), "us");
    FS_CHECK_STR(fs_figure_unit("store_commands_per_purchase"), "");
    FS_CHECK_STR(fs_figure_unit("tps_sold"), "/s");
}

static void a_median_leaves_out_what_is_unknown(void)
{
    double odd[] = {9, NAN, 1, 5};
    double even[] = {4, 1, 3, 2};
    double none[] = {NAN};

    FS_CHECK(fs_median(odd, 4) == 5);
    FS_CHECK(fs_median(even, 4) == 2.5);
    FS_CHECK(isnan(fs_median(none, 1)));
    FS_CHECK(isnan(fs_median(none, 0)));
}

static void a_summary_counts_valid_repetitions_only(void)
{
    struct fs_record records[] = {make(&v1, 1, 100, 1), make(&v1, 2, 300, 3), make(&v1, 3, 200, 2),
                                  make(&v1, 4, 9e9, 9e9), make(&v2, 1, 7, 7)};
    struct fs_summary summary;

    snprintf(records[3].invalid, sizeof(records[3].invalid), "the generator was busy");
    FS_REQUIRE(fs_summary_make(&summary, &v1, &throughput, records, 5) == 0);
    FS_CHECK_INT(summary.reps, 4);
    FS_CHECK_INT(summary.valid_reps, 3);
    FS_CHECK(summary.median[FS_FIGURE_TPS_SOLD] == 200);
    FS_CHECK(summary.min[FS_FIGURE_TPS_SOLD] == 100);
    FS_CHECK(summary.max[FS_FIGURE_TPS_SOLD] == 300);
    FS_CHECK(isnan(summary.median[FS_FIGURE_LOCK_CONTENTION]));
}

static const struct fs_check *find_check(const struct fs_check *checks, size_t count,
                                         const char *metric)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(checks[i].metric, metric) == 0)
            return &checks[i];
    return NULL;
}

static size_t check_all(struct fs_record *records, size_t count, struct fs_summary *summary,
                        struct fs_check checks[FS_CHECKS_MAX])
{
    if (fs_summary_make(summary, records[0].subject, &throughput, records, count) != 0)
        return 0;
    return fs_checks_make(summary, checks);
}

static void the_scenarios_threshold_stands_in_for_the_plans(void)
{
    struct fs_record record = make(&v1, 1, 200, 300);
    struct fs_check checks[FS_CHECKS_MAX];
    struct fs_summary summary;
    size_t count = check_all(&record, 1, &summary, checks);
    const struct fs_check *p99 = find_check(checks, count, "latency_p99_ms");
    const struct fs_check *p50 = find_check(checks, count, "latency_p50_ms");

    FS_REQUIRE(p99 != NULL && p50 != NULL);
    FS_CHECK(p99->target == 250 && !p99->is_default);
    FS_CHECK_INT(p99->status, FS_THRESHOLD_FAIL); /* 300 ms would pass the default of 500 */
    FS_CHECK(p50->target == 100 && p50->is_default);
    FS_CHECK_INT(p50->status, FS_THRESHOLD_FAIL);
}

static void v1_must_sell_a_hundred_a_second(void)
{
    struct fs_record record = make(&v1, 1, 99.9, 1);
    struct fs_check checks[FS_CHECKS_MAX];
    struct fs_summary summary;
    size_t count = check_all(&record, 1, &summary, checks);

    FS_REQUIRE(find_check(checks, count, "tps_sold") != NULL);
    FS_CHECK_INT(find_check(checks, count, "tps_sold")->status, FS_THRESHOLD_FAIL);
    record.values[FS_FIGURE_TPS_SOLD] = 100;
    count = check_all(&record, 1, &summary, checks);
    FS_CHECK_INT(find_check(checks, count, "tps_sold")->status, FS_THRESHOLD_PASS);
    record.subject = &v2; /* v2 has no default target there */
    count = check_all(&record, 1, &summary, checks);
    FS_CHECK(find_check(checks, count, "tps_sold") == NULL);
}

static void contention_is_reported_and_fails_nobody(void)
{
    struct fs_record record = make(&v2, 1, 99, 1);
    struct fs_check checks[FS_CHECKS_MAX];
    struct fs_summary summary;
    size_t count;

    record.values[FS_FIGURE_LOCK_CONTENTION] = 0.9;
    count = check_all(&record, 1, &summary, checks);
    FS_REQUIRE(find_check(checks, count, "lock_contention") != NULL);
    FS_CHECK_INT(find_check(checks, count, "lock_contention")->status, FS_THRESHOLD_REPORTED);
}

static void without_a_valid_repetition_nothing_passes_and_nothing_fails(void)
{
    struct fs_record record = make(&v1, 1, 1, 9000);
    struct fs_check checks[FS_CHECKS_MAX];
    struct fs_summary summary;
    size_t count;

    record.is_audited = false;
    snprintf(record.invalid, sizeof(record.invalid), "the generator was busy");
    count = check_all(&record, 1, &summary, checks);
    FS_CHECK(count > 3);
    for (size_t i = 0; i < count; i++)
        FS_CHECK_INT(checks[i].status, FS_THRESHOLD_REPORTED);
}

static void a_violation_in_an_invalid_repetition_is_one(void)
{
    struct fs_record records[] = {make(&v1, 1, 200, 1), make(&v1, 2, 200, 1)};
    struct fs_check checks[FS_CHECKS_MAX];
    struct fs_summary summary;
    size_t count;

    records[1].audit.violations_total = records[1].audit.violations[FS_VIOLATION_OVERSOLD] = 1;
    snprintf(records[1].invalid, sizeof(records[1].invalid), "the generator was busy");
    count = check_all(records, 2, &summary, checks);
    FS_REQUIRE(find_check(checks, count, "accuracy_ok") != NULL);
    FS_CHECK_INT(find_check(checks, count, "accuracy_ok")->status, FS_THRESHOLD_FAIL);
}

/* Answers that agree with each other do not show what the store holds. */
static void without_its_ledger_no_run_is_proven_accurate(void)
{
    struct fs_record records[] = {make(&v1, 1, 200, 1), make(&v1, 2, 200, 1)};
    struct fs_check checks[FS_CHECKS_MAX];
    struct fs_summary summary;
    size_t count;

    records[1].audit.ledgers_unread = 1;
    count = check_all(records, 2, &summary, checks);
    FS_REQUIRE(find_check(checks, count, "accuracy_ok") != NULL);
    FS_CHECK_INT(find_check(checks, count, "accuracy_ok")->status, FS_THRESHOLD_REPORTED);
    records[0].audit.violations_total = records[0].audit.violations[FS_VIOLATION_OVERSOLD] = 1;
    count = check_all(records, 2, &summary, checks);
    FS_CHECK_INT(find_check(checks, count, "accuracy_ok")->status, FS_THRESHOLD_FAIL);
}

/* "Busy" is a true answer, and a sale that ends with it is still not sold out. */
static void a_sale_that_is_to_sell_out_leaves_nothing_in_any_repetition(void)
{
    struct fs_record records[] = {make(&v1, 1, 200, 1), make(&v1, 2, 200, 1), make(&v1, 3, 200, 1)};
    struct fs_scenario rush = throughput;
    struct fs_check checks[FS_CHECKS_MAX];
    struct fs_summary summary;
    size_t count;

    FS_CHECK(find_check(checks, check_all(records, 3, &summary, checks), "left") == NULL);
    rush.sells_out = true;
    for (size_t i = 0; i < 3; i++) {
        records[i].scenario = &rush;
        records[i].values[FS_FIGURE_LEFT] = 0;
    }
    FS_REQUIRE(fs_summary_make(&summary, &v1, &rush, records, 3) == 0);
    count = fs_checks_make(&summary, checks);
    FS_REQUIRE(find_check(checks, count, "left") != NULL);
    FS_CHECK_INT(find_check(checks, count, "left")->status, FS_THRESHOLD_PASS);
    records[1].values[FS_FIGURE_LEFT] = 2;
    FS_REQUIRE(fs_summary_make(&summary, &v1, &rush, records, 3) == 0);
    count = fs_checks_make(&summary, checks);
    FS_CHECK_INT(find_check(checks, count, "left")->status, FS_THRESHOLD_FAIL);
    FS_CHECK(find_check(checks, count, "left")->actual == 2);
}

static void comparisons_hold_as_written(void)
{
    FS_CHECK(fs_compare(1, "<", 2) && !fs_compare(2, "<", 2));
    FS_CHECK(fs_compare(2, "<=", 2) && !fs_compare(2.1, "<=", 2));
    FS_CHECK(fs_compare(3, ">", 2) && !fs_compare(2, ">", 2));
    FS_CHECK(fs_compare(2, ">=", 2) && !fs_compare(1.9, ">=", 2));
    FS_CHECK(fs_compare(2, "==", 2) && !fs_compare(2.5, "==", 2));
    FS_CHECK(!fs_compare(NAN, "<", 2) && !fs_compare(NAN, ">=", 2));
}

static void exit_codes_are_accuracy_then_threshold_then_failure_then_invalid(void)
{
    struct fs_record records[] = {make(&v1, 1, 200, 1), make(&v1, 2, 200, 1)};
    struct fs_check failed = {.status = FS_THRESHOLD_FAIL};
    struct fs_run run = {.records = records, .record_count = 2};

    FS_CHECK_INT(fs_run_exit(&run), FS_EXIT_FINE);
    snprintf(records[0].unproven, sizeof(records[0].unproven), "the ledger was not read");
    FS_CHECK_INT(fs_run_exit(&run), FS_EXIT_INVALID);
    records[0].unproven[0] = '\0';
    snprintf(records[0].invalid, sizeof(records[0].invalid), "late");
    FS_CHECK_INT(fs_run_exit(&run), FS_EXIT_INVALID);
    records[1].was_run = false;
    FS_CHECK_INT(fs_run_exit(&run), FS_EXIT_FAILED);
    run.was_stopped = true; /* before the last one could begin */
    FS_CHECK_INT(fs_run_exit(&run), FS_EXIT_INVALID);
    records[0].was_run = false;
    FS_CHECK_INT(fs_run_exit(&run), FS_EXIT_FAILED);
    records[0].was_run = true;
    run.was_stopped = false;
    run.checks = &failed;
    run.check_count = 1;
    FS_CHECK_INT(fs_run_exit(&run), FS_EXIT_THRESHOLD);
    records[0].audit.violations_total = 1;
    FS_CHECK_INT(fs_run_exit(&run), FS_EXIT_ACCURACY);
    run.record_count = run.check_count = 0;
    FS_CHECK_INT(fs_run_exit(&run), FS_EXIT_FAILED);
}

#define TESTS(T)                                                   \
    T(cells_are_quoted_where_needed_and_empty_when_unknown)        \
    T(a_row_of_runs_has_as_many_cells_as_its_head)                 \
    T(a_run_that_was_not_audited_has_empty_cells_for_accuracy)     \
    T(a_ledger_that_was_not_read_leaves_its_cells_empty)           \
    T(every_column_is_found_by_its_name)                           \
    T(a_median_leaves_out_what_is_unknown)                         \
    T(a_summary_counts_valid_repetitions_only)                     \
    T(the_scenarios_threshold_stands_in_for_the_plans)             \
    T(v1_must_sell_a_hundred_a_second)                             \
    T(contention_is_reported_and_fails_nobody)                     \
    T(without_a_valid_repetition_nothing_passes_and_nothing_fails) \
    T(a_violation_in_an_invalid_repetition_is_one)                 \
    T(without_its_ledger_no_run_is_proven_accurate)                \
    T(a_sale_that_is_to_sell_out_leaves_nothing_in_any_repetition) \
    T(comparisons_hold_as_written)                                 \
    T(exit_codes_are_accuracy_then_threshold_then_failure_then_invalid)
FS_SUITE("bench_run/figures", TESTS)
