/* What is kept of each repetition. */
#include "run/cell_files.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "run/buckets.h"
#include "run/json_file.h"
#include "run/whole_file.h"

static const enum fs_answer shown[] = {FS_ANSWER_SOLD_OUT, FS_ANSWER_LIMIT, FS_ANSWER_BUSY,
                                       FS_ANSWER_UNAVAILABLE, FS_ANSWER_UNDETERMINED};

#define SHOWN_COUNT (sizeof(shown) / sizeof(shown[0]))

void fs_timeseries_write_head(FILE *file)
{
    fputs("strategy,variant,scenario,rep,second,stage,users,in_flight,offered,answered,sold_units,"
          "sold,sold_out,limit,busy,unavailable,undetermined,errors,latency_p50_ms,latency_p99_ms,"
          "latency_max_ms,stock_left\n",
          file);
}

/* Units left at the end of each second, by the answers; malloc'd.  NULL: no memory. */
static int64_t *stock_by_second(const struct fs_record *record, const struct fs_load_result *load)
{
    int64_t left = record->scenario->stock * (int64_t)record->scenario->product_count;
    int64_t *seconds = calloc(load->second_count + 1, sizeof(*seconds));
    bool has_cancels = record->scenario->mix.cancel > 0;
    struct fs_sold_order *orders = NULL;
    size_t order_count = 0;

    if (!seconds)
        return NULL;
    if (has_cancels)
        orders = fs_orders_sort(&load->history, &order_count);
    for (size_t i = 0; i < load->history.count; i++) {
        const struct fs_operation *operation = fs_history_at(&load->history, i);
        size_t second = operation->answered_us / 1000000;

        seconds[second < load->second_count ? second : load->second_count] +=
            fs_units_taken(operation, orders, order_count);
    }
    for (size_t i = 0; i < load->second_count; i++)
        seconds[i] = left -= seconds[i];
    free(orders);
    return seconds;
}

static const char *stage_name(const struct fs_scenario *scenario, size_t stage)
{
    return stage < scenario->stage_count ? scenario->stages[stage].name : "";
}

void fs_timeseries_write(FILE *file, const struct fs_record *record,
                         const struct fs_load_result *load)
{
    int64_t *left = stock_by_second(record, load);
    struct fs_csv csv = {.file = file};

    for (size_t i = 0; i < load->second_count; i++) {
        const struct fs_load_second *second = &load->seconds[i];
        const uint64_t counts[] = {second->users,    second->in_flight,  second->offered,
                                   second->answered, second->sold_units, second->sold};
        bool has_latency = second->latency_max_us > 0;

        fs_csv_text(&csv, record->subject->strategy);
        fs_csv_text(&csv, record->subject->variant);
        fs_csv_text(&csv, record->scenario->name);
        fs_csv_integer(&csv, record->rep);
        fs_csv_integer(&csv, (int64_t)i);
        fs_csv_text(&csv, stage_name(record->scenario, second->stage));
        for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
            fs_csv_integer(&csv, (int64_t)counts[k]);
        for (size_t k = 0; k < SHOWN_COUNT; k++)
            fs_csv_integer(&csv, (int64_t)second->answers[shown[k]]);
        fs_csv_integer(&csv, (int64_t)second->errors);
        fs_csv_number(&csv, has_latency ? (double)second->latency_p50_us / 1e3 : NAN, 3);
        fs_csv_number(&csv, has_latency ? (double)second->latency_p99_us / 1e3 : NAN, 3);
        fs_csv_number(&csv, has_latency ? (double)second->latency_max_us / 1e3 : NAN, 3);
        fs_csv_number(&csv, left ? (double)left[i] : NAN, 0);
        fs_csv_end(&csv);
    }
    free(left);
}

static int write_hgrm(const char *folder, const char *name, const struct fs_latency *latency)
{
    struct fs_whole_file whole;
    int rc = fs_whole_file_open(&whole, folder, name);
    int written;

    if (rc != 0)
        return rc;
    written = fs_latency_write_hgrm(latency, whole.file);
    rc = fs_whole_file_close(&whole);
    return written != 0 ? written : rc;
}

int fs_cell_write_latencies(const char *folder, const struct fs_load_result *load)
{
    int rc = write_hgrm(folder, "latency.hgrm", &load->latency);

    return rc != 0 ? rc : write_hgrm(folder, "service.hgrm", &load->service);
}

static json_t *figures_of(const struct fs_record *record)
{
    json_t *figures = json_object();

    for (size_t i = 0; i < FS_FIGURE_COUNT; i++)
        json_object_set_new(figures, fs_figure_column((enum fs_figure)i),
                            fs_json_number(record->values[i]));
    return figures;
}

static json_t *audit_of(const struct fs_audit_report *audit)
{
    json_t *violations = json_object();
    json_t *offenders = json_array();

    for (int kind = FS_VIOLATION_OVERSOLD; kind < FS_VIOLATION_KINDS; kind++)
        json_object_set_new(violations, fs_violation_kind_name((enum fs_violation_kind)kind),
                            json_integer((json_int_t)audit->violations[kind]));
    for (size_t i = 0; i < audit->offender_count; i++)
        json_array_append_new(offenders, json_pack("{s:s, s:s}", "kind",
                                                   fs_violation_kind_name(audit->offenders[i].kind),
                                                   "text", audit->offenders[i].text));
    return json_pack("{s:b, s:o, s:o, s:I, s:I}", "ok", audit->violations_total == 0, "violations",
                     violations, "offenders", offenders, "unknown_left",
                     (json_int_t)audit->unknown_left, "ledgers_unread",
                     (json_int_t)audit->ledgers_unread);
}

static json_t *generator_of(const struct fs_load_result *load)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:b}", "connects", (json_int_t)load->connects,
        "connects_failed", (json_int_t)load->connects_failed, "late_starts",
        (json_int_t)load->late_starts, "late_limit_us", (json_int_t)load->late_limit_us, "busy_max",
        fs_json_number(load->busy_max), "waited_max", fs_json_number(load->waited_max),
        "warmup_requests", (json_int_t)load->warmup_requests, "requests_kept",
        (json_int_t)load->history.count, "stopped_early", load->stopped_early);
}

int fs_cell_write_result(const char *folder, const struct fs_record *record,
                         const struct fs_load_result *load, uint64_t seed)
{
    char started[FS_CLOCK_TEXT_SIZE] = "";
    json_t *object;

    if (record->started_wall_ms > 0)
        fs_clock_format(record->started_wall_ms, started);
    object =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:I, s:b, s:s, s:s, s:s, s:o}",
                  "schema_version", FS_RESULTS_SCHEMA, "strategy", record->subject->strategy,
                  "variant", record->subject->variant, "scenario", record->scenario->name,
                  "profile", fs_profile_name(record->scenario->profile), "rep", (int)record->rep,
                  "order", (int)record->order, "started_at", started, "seed", (json_int_t)seed,
                  "valid", fs_record_is_valid(record), "invalid_reason", record->invalid, "failure",
                  record->failure, "durability", record->durability, "figures", figures_of(record));
    if (object && record->is_audited)
        json_object_set_new(object, "audit", audit_of(&record->audit));
    if (object && load)
        json_object_set_new(object, "generator", generator_of(load));
    return fs_json_write(folder, "result.json", object);
}

/* Each "field:value" of INFO; numbers as numbers. */
static json_t *info_of(const char *info)
{
    json_t *object = json_object();
    char *copy = strdup(info ? info : "");
    char *save = NULL;

    for (char *line = copy ? strtok_r(copy, "\r\n", &save) : NULL; line;
         line = strtok_r(NULL, "\r\n", &save)) {
        char *colon = strchr(line, ':');
        char *end;
        double number;

        if (line[0] == '#' || !colon)
            continue;
        *colon = '\0';
        number = strtod(colon + 1, &end);
        json_object_set_new(object, line,
                            end != colon + 1 && *end == '\0' ? fs_json_number(number)
                                                             : json_string(colon + 1));
    }
    free(copy);
    return object;
}

int fs_cell_write_redis(const char *folder, char *const *before, char *const *after, size_t count)
{
    json_t *nodes = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(nodes, json_pack("{s:o, s:o}", "before", info_of(before[i]), "after",
                                               info_of(after[i])));
    return fs_json_write(folder, "redis.info.json", nodes);
}
