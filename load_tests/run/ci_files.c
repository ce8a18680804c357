/* What continuous integration reads: junit.xml, and lists for github-action-benchmark. */
#include <math.h>
#include <string.h>

#include "run/json_file.h"
#include "run/results.h"
#include "run/whole_file.h"

static void put_escaped(FILE *file, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '&':
            fputs("&amp;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        default: /* XML has no place for other control characters */
            fputc((unsigned char)*text < 0x20 && *text != '\n' ? ' ' : *text, file);
        }
}

/* <kind message="..."> with the text escaped. */
static void put_outcome(FILE *file, const char *kind, const char *type, const char *text)
{
    fprintf(file, "      <%s type=\"%s\" message=\"", kind, type);
    put_escaped(file, text);
    fputs("\"/>\n", file);
}

static bool is_of(const struct fs_record *record, const struct fs_summary *summary)
{
    return record->subject == summary->subject && record->scenario == summary->scenario;
}

static double seconds_of(const struct fs_run *run, const struct fs_summary *summary)
{
    double sum = 0;

    for (size_t i = 0; i < run->record_count; i++)
        if (is_of(&run->records[i], summary) && run->records[i].was_run)
            sum += run->records[i].values[FS_FIGURE_DURATION];
    return sum;
}

static bool has_failure(const struct fs_run *run, const struct fs_summary *summary,
                        const char **why)
{
    for (size_t i = 0; i < run->record_count; i++)
        if (is_of(&run->records[i], summary) && !run->records[i].was_run) {
            *why = run->records[i].failure;
            return true;
        }
    return false;
}

static const char *why_invalid(const struct fs_run *run, const struct fs_summary *summary)
{
    for (size_t i = 0; i < run->record_count; i++)
        if (is_of(&run->records[i], summary) && run->records[i].invalid[0] != '\0')
            return run->records[i].invalid;
    return "no repetition was valid";
}

static const char *first_offender(const struct fs_run *run, const struct fs_summary *summary)
{
    for (size_t i = 0; i < run->record_count; i++)
        if (is_of(&run->records[i], summary) && run->records[i].is_audited &&
            run->records[i].audit.offender_count > 0)
            return run->records[i].audit.offenders[0].text;
    return "";
}

static void begin_case(FILE *file, const struct fs_summary *summary, const char *what,
                       double seconds)
{
    char title[256];

    fputs("    <testcase classname=\"", file);
    put_escaped(file, fs_subject_title(summary->subject, title));
    fprintf(file, "\" name=\"");
    put_escaped(file, summary->scenario->name);
    fprintf(file, ": %s\" time=\"%.3f\">\n", what, seconds);
}

static void write_accuracy_case(const struct fs_run *run, FILE *file,
                                const struct fs_summary *summary)
{
    const char *why = "";
    char text[512];

    begin_case(file, summary, "accuracy", seconds_of(run, summary));
    if (has_failure(run, summary, &why)) {
        put_outcome(file, "error", "not run", why);
    } else if (summary->audited_reps == 0) {
        put_outcome(file, "skipped", "not audited", "nothing was audited");
    } else if (summary->violations == 0 && summary->proven_reps < summary->audited_reps) {
        put_outcome(file, "skipped", "not proven", "not all ledgers were read");
    } else if (summary->violations > 0) {
        snprintf(text, sizeof(text), "%llu violations; %s", (unsigned long long)summary->violations,
                 first_offender(run, summary));
        put_outcome(file, "failure", "accuracy", text);
    }
    fputs("    </testcase>\n", file);
}

static void write_threshold_case(const struct fs_run *run, FILE *file,
                                 const struct fs_summary *summary)
{
    begin_case(file, summary, "thresholds", 0);
    if (summary->valid_reps == 0)
        put_outcome(file, "skipped", "invalid", why_invalid(run, summary));
    for (size_t i = 0; i < run->check_count; i++) {
        const struct fs_check *check = &run->checks[i];
        char text[256];

        if (check->summary != summary || check->status != FS_THRESHOLD_FAIL ||
            fs_figure_find(check->metric) == FS_FIGURE_ACCURACY_OK)
            continue;
        snprintf(text, sizeof(text), "%s is %.6g, not %s %.6g", check->metric, check->actual,
                 check->comparison, check->target);
        put_outcome(file, "failure", "threshold", text);
    }
    fputs("    </testcase>\n", file);
}

int fs_results_write_junit(const struct fs_run *run)
{
    struct fs_whole_file whole;
    int rc = fs_whole_file_open(&whole, run->folder, "junit.xml");

    if (rc != 0)
        return rc;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"",
          whole.file);
    put_escaped(whole.file, run->name);
    fprintf(whole.file, "\" tests=\"%zu\">\n", 2 * run->summary_count);
    for (size_t i = 0; i < run->summary_count; i++) {
        write_accuracy_case(run, whole.file, &run->summaries[i]);
        write_threshold_case(run, whole.file, &run->summaries[i]);
    }
    fputs("  </testsuite>\n</testsuites>\n", whole.file);
    return fs_whole_file_close(&whole);
}

static void add_benchmarks(const struct fs_run *run, json_t *list, const enum fs_figure *figures,
                           size_t count)
{
    for (size_t i = 0; i < run->summary_count; i++)
        for (size_t k = 0; k < count; k++) {
            const struct fs_summary *summary = &run->summaries[i];
            const char *column = fs_figure_column(figures[k]);
            double value = summary->median[figures[k]];
            char name[512];
            char range[64];
            char title[256];

            if (isnan(value))
                continue;
            snprintf(name, sizeof(name), "%s %s %s", fs_subject_title(summary->subject, title),
                     summary->scenario->name, column);
            snprintf(range, sizeof(range), "%.3f to %.3f", summary->min[figures[k]],
                     summary->max[figures[k]]);
            json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s}", "name", name, "unit",
                                                  fs_figure_unit(column), "value",
                                                  fs_json_number(value), "range", range));
        }
}

int fs_results_write_github(const struct fs_run *run)
{
    static const enum fs_figure bigger[] = {FS_FIGURE_TPS_SOLD, FS_FIGURE_ANSWERED_RATE};
    static const enum fs_figure smaller[] = {FS_FIGURE_LATENCY_P50, FS_FIGURE_LATENCY_P99,
                                             FS_FIGURE_SERVER_COST, FS_FIGURE_REDIS_COST};
    json_t *bigger_list = json_array();
    json_t *smaller_list = json_array();

    add_benchmarks(run, bigger_list, bigger, sizeof(bigger) / sizeof(bigger[0]));
    add_benchmarks(run, smaller_list, smaller, sizeof(smaller) / sizeof(smaller[0]));
    return fs_json_write(run->folder, "github-benchmark.json",
                         json_pack("{s:o, s:o}", "customBiggerIsBetter", bigger_list,
                                   "customSmallerIsBetter", smaller_list));
}
