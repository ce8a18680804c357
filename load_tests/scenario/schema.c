/* The table of a scenario's keys, and one value between text and number. */
#include "scenario/schema.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define HERE(field) offsetof(struct fs_scenario, field)
#define SECOND_US 1e6
#define HOUR_US (3600 * SECOND_US)
#define DAY_US (24 * HOUR_US)
#define UNITS_MAX 1e9

static const struct fs_schema_key think_keys[] = {
    {"min", FS_SCHEMA_DURATION, HERE(think_us_min), 0, HOUR_US, NULL, 0},
    {"max", FS_SCHEMA_DURATION, HERE(think_us_max), 0, HOUR_US, NULL, 0},
};

static const struct fs_schema_key quantity_keys[] = {
    {"min", FS_SCHEMA_COUNT, HERE(quantity_min), 1, 65535, NULL, 0},
    {"max", FS_SCHEMA_COUNT, HERE(quantity_max), 1, 65535, NULL, 0},
};

static const struct fs_schema_key mix_keys[] = {
    {"purchase", FS_SCHEMA_WEIGHT, HERE(mix.purchase), 0, 1000000, NULL, 0},
    {"inventory", FS_SCHEMA_WEIGHT, HERE(mix.inventory), 0, 1000000, NULL, 0},
    {"cancel", FS_SCHEMA_WEIGHT, HERE(mix.cancel), 0, 1000000, NULL, 0},
    {"lookup", FS_SCHEMA_WEIGHT, HERE(mix.lookup), 0, 1000000, NULL, 0},
    {"restock", FS_SCHEMA_WEIGHT, HERE(mix.restock), 0, 1000000, NULL, 0},
};

static const struct fs_schema_key retry_keys[] = {
    {"doubled", FS_SCHEMA_SHARE, HERE(retry.share_doubled), 0, 1, NULL, 0},
    {"concurrent", FS_SCHEMA_SHARE, HERE(retry.share_concurrent), 0, 1, NULL, 0},
    {"cut", FS_SCHEMA_SHARE, HERE(retry.share_cut), 0, 1, NULL, 0},
    {"again", FS_SCHEMA_COUNT, HERE(retry.again_max), 0, 1000, NULL, 0},
    {"again_after", FS_SCHEMA_DURATION, HERE(retry.again_after_us), 0, HOUR_US, NULL, 0},
};

static const struct fs_schema_key top_keys[] = {
    {"name", FS_SCHEMA_TEXT, HERE(name), 0, FS_SCENARIO_NAME_SIZE, NULL, 0},
    {"description", FS_SCHEMA_TEXT, HERE(description), 0, FS_SCENARIO_TEXT_SIZE, NULL, 0},
    {"executor", FS_SCHEMA_EXECUTOR, HERE(executor), 0, 0, NULL, 0},
    {"stages", FS_SCHEMA_STAGES, 0, 0, 0, NULL, 0},
    {"iterations", FS_SCHEMA_COUNT, HERE(iterations), 1, 1000000, NULL, 0},
    {"users", FS_SCHEMA_COUNT, HERE(users), 1, FS_SCENARIO_USERS_MAX, NULL, 0},
    {"connections", FS_SCHEMA_COUNT, HERE(connections_max), 1, FS_SCENARIO_CONNECTIONS_MAX, NULL,
     0},
    {"think", FS_SCHEMA_RANGE, 0, 0, 0, think_keys, COUNT_OF(think_keys)},
    {"deadline", FS_SCHEMA_DURATION, HERE(deadline_us), 1000, HOUR_US, NULL, 0},
    {"time_max", FS_SCHEMA_DURATION, HERE(time_max_us), 100000, DAY_US, NULL, 0},
    {"mix", FS_SCHEMA_MAP, 0, 0, 0, mix_keys, COUNT_OF(mix_keys)},
    {"retry", FS_SCHEMA_MAP, 0, 0, 0, retry_keys, COUNT_OF(retry_keys)},
    {"products", FS_SCHEMA_PRODUCTS, 0, 1, FS_SCENARIO_PRODUCTS_MAX, NULL, 0},
    {"hot_share", FS_SCHEMA_SHARE, HERE(hot_share), 0, 1, NULL, 0},
    {"quantity", FS_SCHEMA_RANGE, 0, 0, 0, quantity_keys, COUNT_OF(quantity_keys)},
    {"stock", FS_SCHEMA_UNITS, HERE(stock), 0, UNITS_MAX, NULL, 0},
    {"per_user_max", FS_SCHEMA_UNITS, HERE(per_user_max), 0, UNITS_MAX, NULL, 0},
    {"restock_units", FS_SCHEMA_COUNT, HERE(restock_units), 1, 65535, NULL, 0},
    {"sells_out", FS_SCHEMA_BOOL, HERE(sells_out), 0, 0, NULL, 0},
    {"thresholds", FS_SCHEMA_THRESHOLDS, 0, 0, 0, NULL, 0},
    {"profiles", FS_SCHEMA_PROFILES, 0, 0, 0, NULL, 0},
};

#define STAGE(field) offsetof(struct fs_stage, field)

static const struct fs_schema_key stage_keys[] = {
    {"name", FS_SCHEMA_TEXT, STAGE(name), 0, FS_SCENARIO_NAME_SIZE, NULL, 0},
    {"ramp", FS_SCHEMA_DURATION, STAGE(ramp_us), 0, DAY_US, NULL, 0},
    {"hold", FS_SCHEMA_DURATION, STAGE(hold_us), 0, DAY_US, NULL, 0},
    {"target", FS_SCHEMA_NUMBER, STAGE(target), 0, 1e6, NULL, 0},
    {"warmup", FS_SCHEMA_BOOL, STAGE(warmup), 0, 0, NULL, 0},
};

static const struct fs_schema_key scale_keys[] = {
    {"time_scale", FS_SCHEMA_NUMBER, offsetof(struct fs_schema_scales, time), 0.0001, 100, NULL, 0},
    {"user_scale", FS_SCHEMA_NUMBER, offsetof(struct fs_schema_scales, users), 0.0001, 100, NULL,
     0},
};

static const char *const metrics[] = {
    "duration_s",
    "offered",
    "answered",
    "sold",
    "sold_units",
    "sold_out",
    "limit",
    "busy",
    "unavailable",
    "undetermined",
    "unexpected_4xx",
    "http_5xx",
    "timeout",
    "transport",
    "cut",
    "in_progress",
    "replayed",
    "offered_per_s",
    "answered_per_s",
    "tps_sold",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "latency_p999_ms",
    "latency_max_ms",
    "latency_mean_ms",
    "service_p50_ms",
    "service_p99_ms",
    "others_p50_ms",
    "others_p99_ms",
    "error_rate",
    "lock_attempts",
    "lock_contended",
    "lock_contention",
    "lock_wait_p99_ms",
    "accuracy_ok",
    "violations",
    "left",
    "sell_out_ms",
    "server_cpu_us_per_purchase",
    "redis_cpu_us_per_purchase",
    "generator_cpu_us_per_request",
    "store_commands_per_purchase",
    "store_batch_mean",
    "server_rss_mib_max",
    "server_rss_mib_start",
    "server_rss_mib_end",
    "loop_lag_p99_ms",
    "late_starts",
    "generator_busy",
    "slowdown",
    "recovery_s",
};

const struct fs_schema_key *fs_schema_keys(size_t *count)
{
    *count = COUNT_OF(top_keys);
    return top_keys;
}

const struct fs_schema_key *fs_schema_stage_keys(size_t *count)
{
    *count = COUNT_OF(stage_keys);
    return stage_keys;
}

const struct fs_schema_key *fs_schema_scale_keys(size_t *count)
{
    *count = COUNT_OF(scale_keys);
    return scale_keys;
}

const char *const *fs_schema_metrics(size_t *count)
{
    *count = COUNT_OF(metrics);
    return metrics;
}

/* Reads a plain decimal at the beginning of text, and gives what follows it. */
static int read_decimal(struct fs_text text, double *value, struct fs_text *rest)
{
    char copy[40];
    size_t len = 0;
    char *end;

    while (len < text.len && len < sizeof(copy) - 1 &&
           (fs_text_is_id((struct fs_text){text.data + len, 1}, 1) || text.data[len] == '.'))
        if (text.data[len] != '.' && (text.data[len] < '0' || text.data[len] > '9'))
            break;
        else
            len++;
    if (len == 0)
        return -EINVAL;
    memcpy(copy, text.data, len);
    copy[len] = '\0';
    *value = strtod(copy, &end);
    if (end != copy + len)
        return -EINVAL;
    *rest = (struct fs_text){text.data + len, text.len - len};
    return 0;
}

/* The parts of a kind's unit: what is written behind the number, and its worth. */
struct unit {
    const char *name;
    double factor;
};

static int read_with_unit(struct fs_text text, const struct unit *units, double *value)
{
    struct fs_text rest;

    if (read_decimal(text, value, &rest) != 0)
        return -EINVAL;
    for (; units->name; units++) {
        if (!fs_text_equals(rest, fs_text_of(units->name)))
            continue;
        *value *= units->factor;
        return 0;
    }
    return -EINVAL;
}

static int read_number(const struct fs_schema_key *key, struct fs_text text, double *value,
                       char problem[FS_SCHEMA_PROBLEM_SIZE])
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    static const struct unit shares[] = {{"%", 0.01}, {"", 1}, {NULL, 0}};
    static const struct unit times[] = {{"us", 1},   {"ms", 1e3},    {"s", 1e6},
                                        {"m", 60e6}, {"h", HOUR_US}, {NULL, 0}};
    const struct unit *units = key->kind == FS_SCHEMA_SHARE      ? shares
                               : key->kind == FS_SCHEMA_DURATION ? times
                                                                 : none;
    const char *form = key->kind == FS_SCHEMA_SHARE      ? "a share such as 30% or 0.3"
                       : key->kind == FS_SCHEMA_DURATION ? "a duration such as 30s or 100ms"
                       : key->kind == FS_SCHEMA_NUMBER   ? "a number"
                                                         : "a whole number";
    bool is_whole = key->kind == FS_SCHEMA_COUNT || key->kind == FS_SCHEMA_WEIGHT ||
                    key->kind == FS_SCHEMA_UNITS;

    if (key->kind == FS_SCHEMA_DURATION && fs_text_equals(text, FS_TEXT("0"))) {
        *value = 0;
    } else if (read_with_unit(text, units, value) != 0 || (is_whole && *value != floor(*value))) {
        snprintf(problem, FS_SCHEMA_PROBLEM_SIZE, "'%.*s' is not %s",
                 text.len > 60 ? 60 : (int)text.len, text.data, form);
        return -EINVAL;
    }
    if (*value >= key->min && *value <= key->max)
        return 0;
    if (key->kind == FS_SCHEMA_DURATION)
        snprintf(problem, FS_SCHEMA_PROBLEM_SIZE, "%.*s is %s %gs", (int)text.len, text.data,
                 *value < key->min ? "below" : "above",
                 (*value < key->min ? key->min : key->max) / SECOND_US);
    else
        snprintf(problem, FS_SCHEMA_PROBLEM_SIZE, "%.*s is %s %.10g", (int)text.len, text.data,
                 *value < key->min ? "below" : "above", *value < key->min ? key->min : key->max);
    return -EINVAL;
}

static int put_text(const struct fs_schema_key *key, char *field, struct fs_text text,
                    char problem[FS_SCHEMA_PROBLEM_SIZE])
{
    if (text.len >= (size_t)key->max) {
        snprintf(problem, FS_SCHEMA_PROBLEM_SIZE, "longer than %zu bytes", (size_t)key->max - 1);
        return -EINVAL;
    }
    if (memchr(text.data, '\0', text.len)) {
        snprintf(problem, FS_SCHEMA_PROBLEM_SIZE, "contains a NUL");
        return -EINVAL;
    }
    memcpy(field, text.data, text.len);
    field[text.len] = '\0';
    return 0;
}

static int put_bool(bool *field, struct fs_text text, char problem[FS_SCHEMA_PROBLEM_SIZE])
{
    if (fs_text_equals(text, FS_TEXT("true")) || fs_text_equals(text, FS_TEXT("false"))) {
        *field = text.data[0] == 't';
        return 0;
    }
    snprintf(problem, FS_SCHEMA_PROBLEM_SIZE, "'%.*s' is neither true nor false",
             text.len > 60 ? 60 : (int)text.len, text.data);
    return -EINVAL;
}

static int put_executor(enum fs_executor *field, struct fs_text text,
                        char problem[FS_SCHEMA_PROBLEM_SIZE])
{
    const char *nearest = NULL;
    size_t edits_min = 8;

    for (int i = FS_EXECUTOR_PER_VU_ITERATIONS; i <= FS_EXECUTOR_RAMPING_ARRIVAL_RATE; i++) {
        struct fs_text name = fs_text_of(fs_executor_name((enum fs_executor)i));
        size_t edits = fs_text_distance(text, name);

        if (edits == 0) {
            *field = (enum fs_executor)i;
            return 0;
        }
        if (edits < edits_min) {
            edits_min = edits;
            nearest = name.data;
        }
    }
    if (nearest)
        snprintf(problem, FS_SCHEMA_PROBLEM_SIZE, "unknown executor '%.*s'; did you mean '%s'?",
                 text.len > 60 ? 60 : (int)text.len, text.data, nearest);
    else
        snprintf(problem, FS_SCHEMA_PROBLEM_SIZE,
                 "unknown executor '%.*s'; there are per-vu-iterations, constant-vus, ramping-vus, "
                 "constant-arrival-rate, ramping-arrival-rate",
                 text.len > 30 ? 30 : (int)text.len, text.data);
    return -EINVAL;
}

int fs_schema_put(const struct fs_schema_key *key, void *record, struct fs_text text,
                  char problem[FS_SCHEMA_PROBLEM_SIZE])
{
    void *field = (char *)record + key->offset;
    double value;

    if (key->kind == FS_SCHEMA_TEXT)
        return put_text(key, field, text, problem);
    if (key->kind == FS_SCHEMA_BOOL)
        return put_bool(field, text, problem);
    if (key->kind == FS_SCHEMA_EXECUTOR)
        return put_executor(field, text, problem);
    if (read_number(key, text, &value, problem) != 0)
        return -EINVAL;
    if (key->kind == FS_SCHEMA_COUNT || key->kind == FS_SCHEMA_WEIGHT)
        *(uint32_t *)field = (uint32_t)value;
    else if (key->kind == FS_SCHEMA_UNITS)
        *(int64_t *)field = (int64_t)value;
    else if (key->kind == FS_SCHEMA_DURATION)
        *(uint64_t *)field = (uint64_t)llround(value);
    else
        *(double *)field = value;
    return 0;
}

/* Cuts what is separated by blanks from the beginning of *text. */
static struct fs_text cut_word(struct fs_text *text)
{
    struct fs_text word;
    size_t len = 0;

    while (text->len > 0 && text->data[0] == ' ') {
        text->data++;
        text->len--;
    }
    while (len < text->len && text->data[len] != ' ')
        len++;
    word = (struct fs_text){text->data, len};
    text->data += len;
    text->len -= len;
    return word;
}

int fs_schema_put_threshold(struct fs_threshold *threshold, struct fs_text metric,
                            struct fs_text text, char problem[FS_SCHEMA_PROBLEM_SIZE])
{
    static const char *const comparisons[] = {"<", "<=", ">", ">=", "=="};
    static const struct unit units[] = {{"", 1}, {"%", 0.01}, {NULL, 0}};
    struct fs_text rest = text;
    struct fs_text word = cut_word(&rest);

    *threshold = (struct fs_threshold){.reported_only = false};
    if (fs_text_equals(word, FS_TEXT("report"))) {
        threshold->reported_only = true;
        word = cut_word(&rest);
    }
    for (size_t i = 0; i < COUNT_OF(comparisons); i++)
        if (fs_text_equals(word, fs_text_of(comparisons[i])))
            memcpy(threshold->comparison, comparisons[i], strlen(comparisons[i]) + 1);
    word = cut_word(&rest);
    if (threshold->comparison[0] == '\0' || read_with_unit(word, units, &threshold->value) != 0 ||
        cut_word(&rest).len > 0) {
        snprintf(problem, FS_SCHEMA_PROBLEM_SIZE,
                 "'%.*s' is no threshold such as \"< 250\" or \"report < 30%%\"",
                 text.len > 60 ? 60 : (int)text.len, text.data);
        return -EINVAL;
    }
    memcpy(threshold->metric, metric.data, metric.len);
    return 0;
}
