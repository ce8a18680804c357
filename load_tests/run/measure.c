/* Counts, percentiles, locks, costs.
 *
 * Costs are CPU time over answered purchases between two instants of the load after its warm-up, so
 * that neither the start of a server nor the log-ins are in them.  Metrics are differences of two
 * scrapes, which lie around log-in, warm-up and load: ratios of them are taken with counts of the same
 * scrapes. */
#include "run/measure.h"

#include <math.h>

#include "run/trend.h"

static const enum fs_answer answered_kinds[] = {
    FS_ANSWER_OK,          FS_ANSWER_SOLD_OUT,       FS_ANSWER_LIMIT,
    FS_ANSWER_BUSY,        FS_ANSWER_UNAVAILABLE,    FS_ANSWER_UNDETERMINED,
    FS_ANSWER_IN_PROGRESS, FS_ANSWER_UNEXPECTED_4XX, FS_ANSWER_5XX,
};

static const struct {
    enum fs_answer answer;
    enum fs_figure figure;
} counts[] = {
    {FS_ANSWER_SOLD_OUT, FS_FIGURE_SOLD_OUT},
    {FS_ANSWER_LIMIT, FS_FIGURE_LIMIT},
    {FS_ANSWER_BUSY, FS_FIGURE_BUSY},
    {FS_ANSWER_UNAVAILABLE, FS_FIGURE_UNAVAILABLE},
    {FS_ANSWER_UNDETERMINED, FS_FIGURE_UNDETERMINED},
    {FS_ANSWER_UNEXPECTED_4XX, FS_FIGURE_UNEXPECTED_4XX},
    {FS_ANSWER_5XX, FS_FIGURE_HTTP_5XX},
    {FS_ANSWER_TIMEOUT, FS_FIGURE_TIMEOUT},
    {FS_ANSWER_TRANSPORT, FS_FIGURE_TRANSPORT},
    {FS_ANSWER_CUT, FS_FIGURE_CUT},
    {FS_ANSWER_IN_PROGRESS, FS_FIGURE_IN_PROGRESS},
};

uint64_t fs_purchases_answered(const struct fs_load_progress *progress)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof(answered_kinds) / sizeof(answered_kinds[0]); i++)
        sum += progress->answers[answered_kinds[i]];
    return sum;
}

/* NaN instead of a division by nothing. */
static double ratio(double of, double by)
{
    return by > 0 ? of / by : NAN;
}

static void set_counts(const struct fs_load_result *load, double *values)
{
    const struct fs_load_progress *totals = &load->totals;
    double seconds = (double)load->measured_us / 1e6;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        values[counts[i].figure] = (double)totals->answers[counts[i].answer];
    values[FS_FIGURE_REPLAYED] = (double)totals->replayed;
    values[FS_FIGURE_SOLD] = (double)totals->sold;
    values[FS_FIGURE_SOLD_UNITS] = (double)totals->sold_units;
    values[FS_FIGURE_DURATION] = seconds;
    values[FS_FIGURE_OFFERED] = (double)totals->offered;
    values[FS_FIGURE_ANSWERED] = (double)totals->answered;
    values[FS_FIGURE_OFFERED_RATE] = load->offered_per_s;
    values[FS_FIGURE_ANSWERED_RATE] = load->answered_per_s;
    values[FS_FIGURE_TPS_SOLD] = load->sold_per_s;
    values[FS_FIGURE_ERROR_RATE] = ratio((double)totals->errors, (double)totals->offered);
    if (load->sold_out_us > 0)
        values[FS_FIGURE_SELL_OUT] = (double)load->sold_out_us / 1e3;
}

static void set_latency(const struct fs_latency *latency, double *values, enum fs_figure figure,
                        double percentile)
{
    if (latency->total > 0)
        values[figure] = (double)fs_latency_percentile(latency, percentile) / 1e3;
}

static void set_latencies(const struct fs_load_result *load, double *values)
{
    const struct fs_latency *latency = &load->latency;

    set_latency(latency, values, FS_FIGURE_LATENCY_P50, 50);
    set_latency(latency, values, FS_FIGURE_LATENCY_P95, 95);
    set_latency(latency, values, FS_FIGURE_LATENCY_P99, 99);
    set_latency(latency, values, FS_FIGURE_LATENCY_P999, 99.9);
    if (latency->total > 0) {
        values[FS_FIGURE_LATENCY_MAX] = (double)latency->max_us / 1e3;
        values[FS_FIGURE_LATENCY_MEAN] = fs_latency_mean(latency) / 1e3;
    }
    set_latency(&load->service, values, FS_FIGURE_SERVICE_P50, 50);
    set_latency(&load->service, values, FS_FIGURE_SERVICE_P99, 99);
    set_latency(&load->latency_others, values, FS_FIGURE_OTHERS_P50, 50);
    set_latency(&load->latency_others, values, FS_FIGURE_OTHERS_P99, 99);
}

/* An attempt ends with the lock or is given up; it is contended when it found the lock taken. */
static void set_locks(const struct fs_measured *measured, double *values)
{
    const struct fs_prom_page *before = measured->before;
    const struct fs_prom_page *after = measured->after;
    double attempts = fs_prom_delta(before, after, "lock_acquired_total", NULL) +
                      fs_prom_delta(before, after, "lock_failed_total", NULL);
    double contended = fs_prom_delta(before, after, "lock_contended_total", NULL);

    if (!(attempts > 0)) /* a strategy without a lock has no contention to show */
        return;
    values[FS_FIGURE_LOCK_ATTEMPTS] = attempts;
    values[FS_FIGURE_LOCK_CONTENDED] = contended;
    values[FS_FIGURE_LOCK_CONTENTION] = fmin(ratio(contended, attempts), 1);
    values[FS_FIGURE_LOCK_WAIT_P99] =
        fs_prom_quantile(before, after, "lock_wait_seconds", 0.99) * 1e3;
}

static double outcomes(const struct fs_measured *measured)
{
    return fs_prom_delta(measured->before, measured->after, "purchase_outcomes_total", NULL);
}

static void set_store(const struct fs_measured *measured, double *values)
{
    double commands = fs_prom_delta(measured->before, measured->after,
                                    "store_command_duration_seconds_count", NULL);
    double batches =
        fs_prom_delta(measured->before, measured->after, "store_batch_size_count", NULL);
    double in_batches =
        fs_prom_delta(measured->before, measured->after, "store_batch_size_sum", NULL);

    values[FS_FIGURE_LOOP_LAG] = fs_prom_quantile(measured->before, measured->after,
                                                  "flashsale_loop_turn_duration_seconds", 0.99) *
                                 1e3;
    if (commands > 0)
        values[FS_FIGURE_STORE_COMMANDS] = ratio(commands, outcomes(measured));
    if (batches > 0)
        values[FS_FIGURE_STORE_BATCH] = ratio(in_batches, batches);
}

/* Of a server elsewhere its own counters tell, which include the log-ins. */
static double cost_elsewhere(const struct fs_measured *measured)
{
    double seconds =
        fs_prom_delta(measured->before, measured->after, "process_cpu_seconds_total", NULL);

    return ratio(seconds * 1e6, outcomes(measured));
}

/* The first point comes a little after the warm-up's end: what was answered before is taken away by
 * its share of the time. */
static double purchases_between(const struct fs_measured *measured)
{
    double span_us = (double)measured->load->measured_us;
    double missed_us = (double)measured->first.after_us;

    if (!measured->first.is_known || !measured->last.is_known || span_us <= missed_us)
        return 0;
    return (double)measured->last.purchases * (1 - missed_us / span_us);
}

static void set_costs(const struct fs_measured *measured, double *values)
{
    const struct fs_cost_point *first = &measured->first;
    const struct fs_cost_point *last = &measured->last;
    double purchases = purchases_between(measured);
    bool is_known = purchases > 0;

    if (!measured->has_server_cpu)
        values[FS_FIGURE_SERVER_COST] = cost_elsewhere(measured);
    else if (is_known)
        values[FS_FIGURE_SERVER_COST] =
            ratio((double)(last->server_cpu_us - first->server_cpu_us), purchases);
    if (is_known && measured->node_count > 0 && measured->has_redis_cpu)
        values[FS_FIGURE_REDIS_COST] =
            ratio((double)(last->redis_cpu_us - first->redis_cpu_us), purchases);
    values[FS_FIGURE_GENERATOR_COST] =
        ratio((double)measured->load->cpu_us, (double)measured->load->totals.answered);
}

void fs_measure(const struct fs_measured *measured, struct fs_record *record)
{
    const struct fs_scenario *scenario = record->scenario;
    const struct fs_load_result *load = measured->load;
    double *values = record->values;

    values[FS_FIGURE_USERS] = scenario->users;
    values[FS_FIGURE_CONNECTIONS] =
        scenario->connections_max < scenario->users ? scenario->connections_max : scenario->users;
    values[FS_FIGURE_STOCK] = (double)scenario->stock * (double)scenario->product_count;
    set_counts(load, values);
    set_latencies(load, values);
    set_locks(measured, values);
    set_store(measured, values);
    set_costs(measured, values);
    values[FS_FIGURE_SERVER_RSS_MAX] = measured->sampled.server_rss_mib_max;
    values[FS_FIGURE_SERVER_RSS_START] = measured->sampled.server_rss_mib_start;
    values[FS_FIGURE_SERVER_RSS_END] = measured->sampled.server_rss_mib_end;
    values[FS_FIGURE_NODES] = (double)measured->node_count;
    values[FS_FIGURE_LATE_STARTS] = (double)load->late_starts;
    values[FS_FIGURE_GENERATOR_BUSY] = load->busy_max;
    values[FS_FIGURE_SLOWDOWN] = fs_trend_slowdown(scenario, load);
    values[FS_FIGURE_RECOVERY] = fs_trend_recovery_s(load);
}

static int64_t delta_of(const struct fs_prom_page *before, const struct fs_prom_page *after,
                        const char *label)
{
    double delta = fs_prom_delta(before, after, "purchase_outcomes_total", label);

    return isnan(delta) ? -1 : (int64_t)llround(delta);
}

void fs_measure_metrics(const struct fs_prom_page *before, const struct fs_prom_page *after,
                        struct fs_metrics_delta *delta)
{
    delta->purchases_sold = delta_of(before, after, "outcome=\"sold\"");
    delta->purchases_replayed = delta_of(before, after, "outcome=\"replayed\"");
    delta->purchases_sold_out = delta_of(before, after, "outcome=\"sold_out\"");
    delta->purchases_limit = delta_of(before, after, "outcome=\"limit\"");
    delta->purchases_busy = delta_of(before, after, "outcome=\"busy\"");
}
