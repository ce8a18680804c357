/* The default targets beside the figures.
 *
 * Purchases sold per second have a target, which only a run whose stock outlasts it can show: they
 * are checked where users do not think between purchases and the stock does not end.  Contention is
 * asked for at the request rate of the reference scenarios, so it is shown for each run and fails none.  A stress run goes
 * on until something gives: there the response time is what is looked for and no failure.  A sale that
 * is to sell out leaves no unit: "exactly 100 sold". */
#include "run/kpi.h"

#include <math.h>
#include <string.h>

struct kpi {
    const char *comparison;
    double target;
    const char *strategy; /* NULL: all */
    enum fs_figure figure;
    bool is_reported_only;
};

static const struct kpi kpis[] = {
    {">=", 100, "v1", FS_FIGURE_TPS_SOLD, false},
    {">=", 1000, "v4", FS_FIGURE_TPS_SOLD, false},
    {"<", 100, NULL, FS_FIGURE_LATENCY_P50, false},
    {"<", 500, NULL, FS_FIGURE_LATENCY_P99, false},
    {"<", 0.001, NULL, FS_FIGURE_ERROR_RATE, false},
    {"<", 0.3, "v1", FS_FIGURE_LOCK_CONTENTION, true},
    {"<", 0.3, "v2", FS_FIGURE_LOCK_CONTENTION, true},
};

const char *fs_threshold_status_name(enum fs_threshold_status status)
{
    switch (status) {
    case FS_THRESHOLD_PASS:
        return "pass";
    case FS_THRESHOLD_FAIL:
        return "fail";
    case FS_THRESHOLD_REPORTED:
        break;
    }
    return "reported";
}

bool fs_compare(double actual, const char *comparison, double target)
{
    if (isnan(actual))
        return false;
    if (strcmp(comparison, "<") == 0)
        return actual < target;
    if (strcmp(comparison, "<=") == 0)
        return actual <= target;
    if (strcmp(comparison, ">") == 0)
        return actual > target;
    if (strcmp(comparison, ">=") == 0)
        return actual >= target;
    return actual == target;
}

static bool scenario_has(const struct fs_scenario *scenario, const char *metric)
{
    for (size_t i = 0; i < scenario->threshold_count; i++)
        if (strcmp(scenario->thresholds[i].metric, metric) == 0)
            return true;
    return false;
}

/* Whether the run can show how many are sold in a second. */
static bool shows_throughput(const struct fs_scenario *scenario)
{
    return scenario->think_us_max == 0 && !scenario->sells_out &&
           scenario->executor == FS_EXECUTOR_CONSTANT_VUS && scenario->users > 1;
}

static bool applies(const struct kpi *kpi, const struct fs_summary *summary)
{
    if (kpi->strategy && strcmp(kpi->strategy, summary->subject->strategy) != 0)
        return false;
    if (kpi->figure == FS_FIGURE_TPS_SOLD && !shows_throughput(summary->scenario))
        return false;
    return !scenario_has(summary->scenario, fs_figure_column(kpi->figure));
}

static void decide(struct fs_check *check, bool is_reported_only)
{
    bool is_met = fs_compare(check->actual, check->comparison, check->target);

    if (is_reported_only || isnan(check->actual))
        check->status = FS_THRESHOLD_REPORTED;
    else
        check->status = is_met ? FS_THRESHOLD_PASS : FS_THRESHOLD_FAIL;
}

static struct fs_check *add(struct fs_check *checks, size_t *count,
                            const struct fs_summary *summary, const char *metric,
                            const char *comparison, double target)
{
    struct fs_check *check = &checks[(*count)++];
    enum fs_figure figure = fs_figure_find(metric);

    *check = (struct fs_check){.summary = summary, .target = target, .actual = NAN};
    snprintf(check->metric, sizeof(check->metric), "%s", metric);
    snprintf(check->comparison, sizeof(check->comparison), "%s", comparison);
    if (figure < FS_FIGURE_COUNT)
        check->actual = summary->median[figure];
    return check;
}

/* One wrong answer in any repetition is too many, also in one whose speed counts for nothing. */
static void add_accuracy(struct fs_check *checks, size_t *count, const struct fs_summary *summary)
{
    struct fs_check *check =
        add(checks, count, summary, fs_figure_column(FS_FIGURE_ACCURACY_OK), "==", 1);

    check->is_default = true;
    if (summary->violations > 0)
        check->actual = 0;
    else if (summary->audited_reps > 0 && summary->proven_reps == summary->audited_reps)
        check->actual = 1;
    else
        check->actual = NAN;
    decide(check, false);
}

/* Where demand reaches the stock all of it is sold, in each repetition: that buyers were told "busy"
 * and not "sold out" makes their answers true, and the sale no better. */
static void add_sold_out(struct fs_check *checks, size_t *count, const struct fs_summary *summary)
{
    const char *left = fs_figure_column(FS_FIGURE_LEFT);
    struct fs_check *check;

    if (!summary->scenario->sells_out || scenario_has(summary->scenario, left))
        return;
    check = add(checks, count, summary, left, "==", 0);
    check->is_default = true;
    check->actual = summary->max[FS_FIGURE_LEFT];
    decide(check, false);
}

size_t fs_checks_make(const struct fs_summary *summary, struct fs_check checks[FS_CHECKS_MAX])
{
    const struct fs_scenario *scenario = summary->scenario;
    bool is_stress = strcmp(scenario->name, "stress") == 0;
    size_t count = 0;

    add_accuracy(checks, &count, summary);
    add_sold_out(checks, &count, summary);
    for (size_t i = 0; i < sizeof(kpis) / sizeof(kpis[0]); i++) {
        struct fs_check *check;

        if (!applies(&kpis[i], summary))
            continue;
        check = add(checks, &count, summary, fs_figure_column(kpis[i].figure), kpis[i].comparison,
                    kpis[i].target);
        check->is_default = true;
        decide(check, kpis[i].is_reported_only || is_stress);
    }
    for (size_t i = 0; i < scenario->threshold_count; i++) {
        const struct fs_threshold *threshold = &scenario->thresholds[i];

        if (fs_figure_find(threshold->metric) == FS_FIGURE_ACCURACY_OK)
            continue; /* is asked of every run */
        decide(add(checks, &count, summary, threshold->metric, threshold->comparison,
                   threshold->value),
               threshold->reported_only);
    }
    return count;
}

void fs_checks_write_head(FILE *file)
{
    fputs("strategy,variant,scenario,metric,comparison,target,unit,actual,status,source\n", file);
}

void fs_check_write(FILE *file, const struct fs_check *check)
{
    struct fs_csv csv = {.file = file};
    enum fs_figure figure = fs_figure_find(check->metric);
    char target[32];

    snprintf(target, sizeof(target), "%.10g", check->target);
    fs_csv_text(&csv, check->summary->subject->strategy);
    fs_csv_text(&csv, check->summary->subject->variant);
    fs_csv_text(&csv, check->summary->scenario->name);
    fs_csv_text(&csv, check->metric);
    fs_csv_text(&csv, check->comparison);
    fs_csv_text(&csv, target);
    fs_csv_text(&csv, fs_figure_unit(check->metric));
    fs_csv_number(&csv, check->actual, figure < FS_FIGURE_COUNT ? fs_figure_digits(figure) : 3);
    fs_csv_text(&csv, fs_threshold_status_name(check->status));
    fs_csv_text(&csv, check->is_default ? "default" : "scenario");
    fs_csv_end(&csv);
}
