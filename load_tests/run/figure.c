/* The columns of runs.csv and accuracy.csv. */
#include "run/figure.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

struct column {
    const char *name;
    int digits;
};

#define FIGURE_COLUMN(name, column, digits) [FS_FIGURE_##name] = {column, digits},
static const struct column columns[FS_FIGURE_COUNT] = {FS_FIGURES(FIGURE_COLUMN)};

void fs_record_init(struct fs_record *record, const struct fs_subject *subject,
                    const struct fs_scenario *scenario, uint32_t rep, uint32_t order)
{
    memset(record, 0, sizeof(*record));
    record->subject = subject;
    record->scenario = scenario;
    record->rep = rep;
    record->order = order;
    for (size_t i = 0; i < FS_FIGURE_COUNT; i++)
        record->values[i] = NAN;
}

const char *fs_figure_column(enum fs_figure figure)
{
    return columns[figure].name;
}

int fs_figure_digits(enum fs_figure figure)
{
    return columns[figure].digits;
}

enum fs_figure fs_figure_find(const char *column)
{
    size_t i = 0;

    while (i < FS_FIGURE_COUNT && strcmp(columns[i].name, column) != 0)
        i++;
    return (enum fs_figure)i;
}

const char *fs_figure_suggest(const char *typed)
{
    size_t nearest = strlen(typed) / 3 + 2;
    const char *found = NULL;

    for (size_t i = 0; i < FS_FIGURE_COUNT; i++) {
        size_t edits = fs_text_distance(fs_text_of(typed), fs_text_of(columns[i].name));

        if (edits < nearest) {
            nearest = edits;
            found = columns[i].name;
        }
    }
    return found;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

const char *fs_figure_unit(const char *column)
{
    static const struct {
        const char *end;
        const char *unit;
    } units[] = {{"_ms", "ms"}, {"_per_s", "/s"},    {"tps_sold", "/s"},
                 {"_s", "s"},   {"_purchase", "us"}, {"_us_per_request", "us"}};

    if (strcmp(column, "store_commands_per_purchase") == 0)
        return "";
    if (strstr(column, "_mib"))
        return "MiB";
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (ends_with(column, units[i].end))
            return units[i].unit;
    return "";
}

static void add_figures(struct fs_csv *csv, const struct fs_record *record, size_t from,
                        size_t until)
{
    for (size_t i = from; i < until; i++)
        fs_csv_number(csv, record->values[i], columns[i].digits);
}

void fs_records_write_head(FILE *file)
{
    fputs("schema_version,strategy,variant,scenario,profile,rep,order,started_at", file);
    for (size_t i = 0; i < FS_FIGURE_COUNT; i++) {
        if (i == FS_FIGURE_OFFERED)
            fputs(",valid,invalid_reason", file);
        if (i == FS_FIGURE_NODES)
            fputs(",durability", file);
        fprintf(file, ",%s", columns[i].name);
    }
    fputc('\n', file);
}

static void begin_row(struct fs_csv *csv, const struct fs_record *record)
{
    fs_csv_text(csv, record->subject->strategy);
    fs_csv_text(csv, record->subject->variant);
    fs_csv_text(csv, record->scenario->name);
}

void fs_record_write(FILE *file, const struct fs_record *record)
{
    struct fs_csv csv = {.file = file};
    char started[FS_CLOCK_TEXT_SIZE] = "";

    if (record->started_wall_ms > 0)
        fs_clock_format(record->started_wall_ms, started);
    fs_csv_integer(&csv, FS_RESULTS_SCHEMA);
    begin_row(&csv, record);
    fs_csv_text(&csv, fs_profile_name(record->scenario->profile));
    fs_csv_integer(&csv, record->rep);
    fs_csv_integer(&csv, record->order);
    fs_csv_text(&csv, started);
    add_figures(&csv, record, 0, FS_FIGURE_OFFERED);
    fs_csv_integer(&csv, fs_record_is_valid(record));
    fs_csv_text(&csv, record->was_run ? record->invalid : record->failure);
    add_figures(&csv, record, FS_FIGURE_OFFERED, FS_FIGURE_NODES);
    fs_csv_text(&csv, record->durability);
    add_figures(&csv, record, FS_FIGURE_NODES, FS_FIGURE_COUNT);
    fs_csv_end(&csv);
}

void fs_accuracy_write_head(FILE *file)
{
    fputs("strategy,variant,scenario,rep,ok", file);
    for (int kind = FS_VIOLATION_OVERSOLD; kind < FS_VIOLATION_KINDS; kind++)
        fprintf(file, ",%s", fs_violation_kind_name((enum fs_violation_kind)kind));
    fputs(",stock,restocked,sold_acknowledged,sold_resolved,sold_ledger,left,in_transit,"
          "unknown_left,first_offender\n",
          file);
}

/* 1: every answer was true; NaN: nobody knows, since it was not audited, or by its answers alone. */
static double verdict_of(const struct fs_record *record)
{
    if (record->is_audited && record->audit.violations_total > 0)
        return 0;
    return fs_record_is_proven(record) ? 1 : NAN;
}

/* A run that was not audited proves nothing: its cells are empty, as are those of ledgers that were
 * not read. */
void fs_accuracy_write(FILE *file, const struct fs_record *record)
{
    const struct fs_audit_report *audit = &record->audit;
    const double unread = audit->ledgers_unread > 0 ? NAN : 0;
    const double terms[] = {(double)audit->stock,
                            (double)audit->restocked,
                            (double)audit->sold_acknowledged,
                            (double)audit->sold_resolved,
                            (double)audit->sold_ledger + unread,
                            (double)audit->left + unread,
                            (double)audit->in_transit + unread,
                            (double)audit->unknown_left};
    struct fs_csv csv = {.file = file};

    begin_row(&csv, record);
    fs_csv_integer(&csv, record->rep);
    fs_csv_number(&csv, verdict_of(record), 0);
    for (int kind = FS_VIOLATION_OVERSOLD; kind < FS_VIOLATION_KINDS; kind++)
        fs_csv_number(&csv, record->is_audited ? (double)audit->violations[kind] : NAN, 0);
    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
        fs_csv_number(&csv, record->is_audited ? terms[i] : NAN, 0);
    fs_csv_text(&csv,
                record->is_audited && audit->offender_count > 0 ? audit->offenders[0].text : "");
    fs_csv_end(&csv);
}
