/* The same rules as scripts/results_report/analysis.py, which draws what is judged here. */
#include "run/trend.h"

#include <math.h>
#include <stdlib.h>

#include "run/summary.h"

#define SECONDS_MIN 20u  /* fewer: a tenth means nothing */
#define BACK_IN_A_ROW 3u /* one good second may be luck */
#define WATCHED_MIN 10u  /* the target of the recovery time */
#define CALM_FACTOR 2.0  /* of the P99 before */
#define CALM_US 5000.0   /* or so much more than it */
#define TOP_SHARE 0.98   /* of the most users */

static double known(uint64_t value_us, const struct fs_load_second *second)
{
    return second->latency_max_us > 0 ? (double)value_us : NAN;
}

/* Median of count seconds from begin on; NaN: none has any, or no memory. */
static double median_of(const struct fs_load_second *seconds, size_t begin, size_t count,
                        bool is_p99)
{
    double *values = calloc(count + 1, sizeof(*values));
    double found;

    if (!values)
        return NAN;
    for (size_t i = 0; i < count; i++) {
        const struct fs_load_second *second = &seconds[begin + i];

        values[i] = known(is_p99 ? second->latency_p99_us : second->latency_p50_us, second);
    }
    found = fs_median(values, count);
    free(values);
    return found;
}

static bool is_warmup(const struct fs_scenario *scenario, const struct fs_load_second *second)
{
    return second->stage < scenario->stage_count && scenario->stages[second->stage].warmup;
}

double fs_trend_slowdown(const struct fs_scenario *scenario, const struct fs_load_result *load)
{
    size_t begin = 0;
    size_t count, tenth;
    double first_us;

    while (begin < load->second_count && is_warmup(scenario, &load->seconds[begin]))
        begin++;
    count = load->second_count - begin;
    tenth = count / 10;
    if (count < SECONDS_MIN)
        return NAN;
    first_us = median_of(load->seconds, begin, tenth, false);
    if (!(first_us > 0))
        return NAN;
    return median_of(load->seconds, begin + count - tenth, tenth, false) / first_us - 1;
}

/* Where users rise and where they are last at their most. */
static bool find_spike(const struct fs_load_result *load, size_t *rise, size_t *high)
{
    uint64_t top = 0;
    uint64_t before = 0;

    for (size_t i = 0; i < load->second_count; i++)
        top = load->seconds[i].users > top ? load->seconds[i].users : top;
    *rise = *high = 0;
    while (*rise < load->second_count && 2 * load->seconds[*rise].users <= top)
        ++*rise;
    for (size_t i = 0; i < *rise; i++)
        before = load->seconds[i].users > before ? load->seconds[i].users : before;
    for (size_t i = 0; i < load->second_count; i++)
        if ((double)load->seconds[i].users >= TOP_SHARE * (double)top)
            *high = i;
    return top > 0 && *rise > 0 && *high + 1 < load->second_count && top >= 2 * before;
}

static bool is_good(const struct fs_load_second *second, double bound_us)
{
    if (second->errors > 0)
        return false;
    return second->latency_max_us > 0 ? (double)second->latency_p99_us <= bound_us
                                      : second->answered > 0;
}

double fs_trend_recovery_s(const struct fs_load_result *load)
{
    size_t rise, high, good = 0;
    double calm_us, bound_us;

    if (!find_spike(load, &rise, &high))
        return NAN;
    calm_us = median_of(load->seconds, 0, rise, true);
    bound_us = fmax(CALM_FACTOR * calm_us, calm_us + CALM_US);
    for (size_t i = high + 1; i < load->second_count; i++) {
        good = is_good(&load->seconds[i], bound_us) ? good + 1 : 0;
        if (good == BACK_IN_A_ROW || (good > 0 && i + 1 == load->second_count))
            return (double)(i + 1 - good - high);
    }
    return load->second_count - 1 - high >= WATCHED_MIN ? (double)(load->second_count - high) : NAN;
}
