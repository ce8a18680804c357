/* Medians of valid repetitions, a row a strategy. */
#include "cli/table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <jansson.h>

#include "run/json_file.h"

struct column {
    const char *title;
    enum fs_figure figure;
    int width;
    int digits;
    double factor; /* shown is value * factor */
};

static const struct column columns[] = {
    {"sold/s", FS_FIGURE_TPS_SOLD, 9, 0, 1},
    {"answ/s", FS_FIGURE_ANSWERED_RATE, 9, 0, 1},
    {"p50 ms", FS_FIGURE_LATENCY_P50, 8, 2, 1},
    {"p95 ms", FS_FIGURE_LATENCY_P95, 8, 2, 1},
    {"p99 ms", FS_FIGURE_LATENCY_P99, 8, 2, 1},
    {"p99.9", FS_FIGURE_LATENCY_P999, 8, 2, 1},
    {"err %", FS_FIGURE_ERROR_RATE, 6, 2, 100},
    {"lock %", FS_FIGURE_LOCK_CONTENTION, 6, 1, 100},
    {"srv us", FS_FIGURE_SERVER_COST, 7, 1, 1},
    {"redis us", FS_FIGURE_REDIS_COST, 8, 1, 1},
    {"cmd/buy", FS_FIGURE_STORE_COMMANDS, 7, 2, 1},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))
#define TITLE_WIDTH 18
#define OFFENDERS_SHOWN 5u /* of a repetition; result.json has more */

static void print_head(FILE *out, const struct fs_scenario *scenario)
{
    fprintf(out, "\n%s, profile %s with %" PRIu32 " users: %s\n", scenario->name,
            fs_profile_name(scenario->profile), scenario->users, scenario->description);
    fprintf(out, "%-*s", TITLE_WIDTH, "strategy");
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        fprintf(out, " %*s", columns[i].width, columns[i].title);
    fprintf(out, "  %-9s %-12s %s\n", "accuracy", "durability", "thresholds");
}

static const char *accuracy_of(const struct fs_summary *summary)
{
    if (summary->audited_reps == 0)
        return "unknown";
    if (summary->violations > 0)
        return "VIOLATED";
    return summary->proven_reps == summary->audited_reps ? "exact" : "answers";
}

static void print_verdicts(FILE *out, const struct fs_run *run, const struct fs_summary *summary)
{
    unsigned passed = 0;
    unsigned failed = 0;

    for (size_t i = 0; i < run->check_count; i++)
        if (run->checks[i].summary == summary) {
            passed += run->checks[i].status == FS_THRESHOLD_PASS;
            failed += run->checks[i].status == FS_THRESHOLD_FAIL;
        }
    fprintf(out, "%u of %u pass%s\n", passed, passed + failed,
            summary->valid_reps < summary->reps ? "; not all repetitions are valid" : "");
}

static void print_row(FILE *out, const struct fs_run *run, const struct fs_summary *summary)
{
    char title[256];

    fprintf(out, "%-*s", TITLE_WIDTH, fs_subject_title(summary->subject, title));
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        double value = summary->median[columns[i].figure] * columns[i].factor;

        if (isnan(value))
            fprintf(out, " %*s", columns[i].width, "-");
        else
            fprintf(out, " %*.*f", columns[i].width, columns[i].digits, value);
    }
    fprintf(out, "  %-9s %-12s ", accuracy_of(summary),
            summary->durability[0] != '\0' ? summary->durability : "-");
    print_verdicts(out, run, summary);
}

static void print_scenarios(FILE *out, const struct fs_run *run)
{
    for (size_t i = 0; i < run->summary_count; i++) {
        if (i == 0 || run->summaries[i].scenario != run->summaries[i - 1].scenario)
            print_head(out, run->summaries[i].scenario);
        print_row(out, run, &run->summaries[i]);
    }
}

static bool is_worse(const struct fs_check *check, const struct fs_check *than)
{
    bool is_failed = check->status == FS_THRESHOLD_FAIL;

    if (is_failed != (than->status == FS_THRESHOLD_FAIL))
        return is_failed;
    return check->comparison[0] == '<' ? check->actual > than->actual
                                       : check->actual < than->actual;
}

/* The same KPI of one strategy over all scenarios: the worst is what counts. */
static const struct fs_check *worst_of(const struct fs_run *run, const struct fs_check *first,
                                       unsigned *count)
{
    const struct fs_check *worst = NULL;

    *count = 0;
    for (size_t i = 0; i < run->check_count; i++) {
        const struct fs_check *check = &run->checks[i];

        if (!check->is_default || check->summary->subject != first->summary->subject ||
            strcmp(check->metric, first->metric) != 0 || isnan(check->actual))
            continue;
        ++*count;
        if (!worst || is_worse(check, worst))
            worst = check;
    }
    return worst;
}

static bool is_first_of_kind(const struct fs_run *run, size_t index)
{
    const struct fs_check *check = &run->checks[index];

    for (size_t i = 0; i < index; i++)
        if (run->checks[i].is_default &&
            run->checks[i].summary->subject == check->summary->subject &&
            strcmp(run->checks[i].metric, check->metric) == 0)
            return false;
    return check->is_default;
}

static void print_kpi(FILE *out, const struct fs_run *run, const struct fs_check *check)
{
    unsigned count;
    const struct fs_check *worst = worst_of(run, check, &count);
    char title[256];

    if (!worst)
        return;
    fprintf(out, "  %-*s %-16s %2s %-6g  worst %10.4g %-3s in %-10s of %2u  %s\n", TITLE_WIDTH,
            fs_subject_title(worst->summary->subject, title), worst->metric, worst->comparison,
            worst->target, worst->actual, fs_figure_unit(worst->metric),
            worst->summary->scenario->name, count, fs_threshold_status_name(worst->status));
}

static bool has_known_kpi(const struct fs_run *run)
{
    for (size_t i = 0; i < run->check_count; i++)
        if (run->checks[i].is_default && !isnan(run->checks[i].actual))
            return true;
    return false;
}

static void print_kpis(FILE *out, const struct fs_run *run)
{
    if (!has_known_kpi(run))
        return;
    fputs("\nDefault targets, each with its worst scenario\n", out);
    for (size_t k = 0; k < run->subject_count; k++)
        for (size_t i = 0; i < run->check_count; i++)
            if (run->checks[i].summary->subject == &run->subjects[k] && is_first_of_kind(run, i))
                print_kpi(out, run, &run->checks[i]);
}

static void print_failed_checks(FILE *out, const struct fs_run *run)
{
    for (size_t i = 0; i < run->check_count; i++) {
        const struct fs_check *check = &run->checks[i];
        char title[256];

        if (check->status == FS_THRESHOLD_FAIL)
            fprintf(out, "  %s %s: %s is %.6g%s, not %s %.6g (%s)\n",
                    fs_subject_title(check->summary->subject, title),
                    check->summary->scenario->name, check->metric, check->actual,
                    fs_figure_unit(check->metric), check->comparison, check->target,
                    check->is_default ? "default" : "scenario");
    }
}

static void print_offenders(FILE *out, const struct fs_record *record)
{
    for (size_t i = 0;
         record->is_audited && i < record->audit.offender_count && i < OFFENDERS_SHOWN; i++)
        fprintf(out, "    %s: %s\n", fs_violation_kind_name(record->audit.offenders[i].kind),
                record->audit.offenders[i].text);
}

static bool has_trouble(const struct fs_record *record)
{
    return !record->was_run || record->invalid[0] != '\0' || record->unproven[0] != '\0' ||
           (record->is_audited && record->audit.violations_total > 0);
}

static void print_troubles(FILE *out, const struct fs_run *run)
{
    bool has_any = false;

    for (size_t i = 0; i < run->check_count; i++)
        has_any = has_any || run->checks[i].status == FS_THRESHOLD_FAIL;
    for (size_t i = 0; i < run->record_count; i++)
        has_any = has_any || has_trouble(&run->records[i]);
    if (!has_any)
        return;
    fputs("\nProblems\n", out);
    for (size_t i = 0; i < run->record_count; i++) {
        const struct fs_record *record = &run->records[i];
        char title[256];

        if (!has_trouble(record))
            continue;
        fprintf(out, "  %s %s rep %" PRIu32 ": ", fs_subject_title(record->subject, title),
                record->scenario->name, record->rep);
        if (!record->was_run)
            fprintf(out, "failed: %s\n", record->failure);
        else if (record->invalid[0] != '\0')
            fprintf(out, "invalid: %s\n", record->invalid);
        else if (record->unproven[0] != '\0' && record->audit.violations_total == 0)
            fprintf(out, "accuracy not proven: %s\n", record->unproven);
        else
            fprintf(out, "%" PRIu64 " wrong answers or units\n", record->audit.violations_total);
        print_offenders(out, record);
    }
    print_failed_checks(out, run);
}

void fs_table_print(FILE *out, const struct fs_run *run)
{
    print_scenarios(out, run);
    print_kpis(out, run);
    print_troubles(out, run);
    if (run->was_stopped)
        fputs("\nStopped early: the figures are of what was run until then.\n", out);
}

static json_t *cell_of(const struct fs_summary *summary)
{
    json_t *figures = json_object();

    for (size_t i = 0; i < FS_FIGURE_COUNT; i++)
        json_object_set_new(figures, fs_figure_column((enum fs_figure)i),
                            fs_json_number(summary->median[i]));
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:o}", "strategy",
                     summary->subject->strategy, "variant", summary->subject->variant, "scenario",
                     summary->scenario->name, "reps", (int)summary->reps, "valid_reps",
                     (int)summary->valid_reps, "accuracy", accuracy_of(summary), "durability",
                     summary->durability, "median", figures);
}

static json_t *check_of(const struct fs_check *check)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s}", "strategy",
                     check->summary->subject->strategy, "variant", check->summary->subject->variant,
                     "scenario", check->summary->scenario->name, "metric", check->metric,
                     "comparison", check->comparison, "target", fs_json_number(check->target),
                     "actual", fs_json_number(check->actual), "status",
                     fs_threshold_status_name(check->status), "source",
                     check->is_default ? "default" : "scenario");
}

void fs_table_print_json(FILE *out, const struct fs_run *run, int exit_code)
{
    json_t *cells = json_array();
    json_t *checks = json_array();
    json_t *whole;

    for (size_t i = 0; i < run->summary_count; i++)
        json_array_append_new(cells, cell_of(&run->summaries[i]));
    for (size_t i = 0; i < run->check_count; i++)
        json_array_append_new(checks, check_of(&run->checks[i]));
    whole = json_pack("{s:s, s:i, s:b, s:o, s:o}", "folder", run->folder, "exit_code", exit_code,
                      "stopped_early", run->was_stopped, "cells", cells, "thresholds", checks);
    json_dumpf(whole, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    fputc('\n', out);
    json_decref(whole);
}
