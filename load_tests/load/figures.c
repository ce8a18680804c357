/* The figures of a run out of what its threads have seen, and whether they may be believed. */
#include "load/figures.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LATE_MAX 5u          /* starts: in a short run one hiccup is more than the share */
#define LATE_SHARE_MAX 0.001 /* of the starts */
#define BUSY_MAX 0.9         /* of a core */
#define WAITED_MAX 0.33      /* of the time: Redis may share its core by intention */
#define WAITED_SPAN_US_MIN \
    500000u /* of less a few slices are the share; in a closed loop nothing else shows it */
#define BUSY_SPAN_US_MIN \
    1000000u /* a shorter burst may fill a core: latencies are then too high, not too low */

/* The time up to end_us that was not warm-up. */
static uint64_t measured_until(const struct fs_scenario *scenario, uint64_t end_us)
{
    uint64_t begin_us = 0;
    uint64_t sum_us = 0;

    for (size_t i = 0; i < scenario->stage_count; i++) {
        const struct fs_stage *stage = &scenario->stages[i];
        uint64_t stage_end_us = begin_us + stage->ramp_us + stage->hold_us;
        uint64_t until_us = stage_end_us < end_us ? stage_end_us : end_us;

        if (!stage->warmup && until_us > begin_us)
            sum_us += until_us - begin_us;
        begin_us = stage_end_us;
    }
    return sum_us;
}

void fs_figures_rate(const struct fs_load_worker *workers, uint32_t count,
                     struct fs_load_result *result)
{
    uint64_t offered = 0, answered = 0, sold = 0, drain_us = 0, last_us = 0;
    uint64_t start_us = workers[0].start_us;
    double seconds;

    for (uint32_t i = 0; i < count; i++) {
        const struct fs_load_worker *worker = &workers[i];

        offered += worker->window_offered;
        answered += worker->window_answered;
        sold += worker->window_sold;
        drain_us = worker->drain_us > drain_us ? worker->drain_us : drain_us;
        last_us = worker->last_answer_us > last_us ? worker->last_answer_us : last_us;
    }
    if (workers[0].scenario->executor == FS_EXECUTOR_PER_VU_ITERATIONS)
        result->measured_us = last_us > start_us ? last_us - start_us : 0;
    else
        result->measured_us =
            measured_until(workers[0].scenario, drain_us > start_us ? drain_us - start_us : 0);
    seconds = (double)result->measured_us / 1e6;
    if (seconds <= 0)
        return;
    result->offered_per_s = (double)offered / seconds;
    result->answered_per_s = (double)answered / seconds;
    result->sold_per_s = (double)sold / seconds;
}

int fs_figures_merge(struct fs_load_worker *workers, uint32_t count, struct fs_load_result *result)
{
    for (uint32_t i = 0; i < count; i++) {
        struct fs_load_worker *worker = &workers[i];
        double wall = worker->cpu_wall_us > 0 ? (double)worker->cpu_wall_us : INFINITY;
        double busy = (double)worker->cpu_us / wall;
        double waited = (double)worker->waited_us / wall;

        fs_latency_merge(&result->latency, &worker->latency);
        fs_latency_merge(&result->service, &worker->service);
        fs_latency_merge(&result->latency_others, &worker->others);
        if (fs_history_append(&result->history, &worker->history) != 0)
            return -ENOMEM;
        result->warmup_requests += worker->warmup_requests;
        result->late_starts += worker->late_starts;
        result->unfinished += worker->unfinished;
        result->late_limit_us = worker->late_limit_us;
        result->busy_max = fmax(busy, result->busy_max);
        result->waited_max = fmax(waited, result->waited_max);
        result->cpu_us += worker->cpu_us;
        result->connects += worker->wires.connects;
        result->connects_failed += worker->wires.connects_failed;
    }
    return 0;
}

void fs_figures_find_sell_out(const struct fs_scenario *scenario, struct fs_load_result *result)
{
    int64_t units = 0;

    if (scenario->mix.cancel > 0 || scenario->mix.restock > 0)
        return;
    for (size_t i = 0; i < result->second_count; i++)
        units += (int64_t)result->seconds[i].sold_units;
    if (units == 0 || units < scenario->stock * (int64_t)scenario->product_count)
        return;
    for (size_t i = 0; i < result->history.count; i++) {
        const struct fs_operation *operation = fs_history_at(&result->history, i);

        if (operation->kind == FS_OPERATION_PURCHASE && operation->answer == FS_ANSWER_OK &&
            !operation->replayed && operation->answered_us > result->sold_out_us)
            result->sold_out_us = operation->answered_us;
    }
}

void fs_figures_judge(struct fs_load_result *result, bool is_short_of_memory, int connect_error)
{
    double late_share =
        result->totals.sent > 0 ? (double)result->late_starts / (double)result->totals.sent : 0;

    if (is_short_of_memory)
        snprintf(result->invalid, sizeof(result->invalid),
                 "memory ran out: the history has gaps, so nothing can be audited");
    else if (result->totals.offered == 0)
        snprintf(result->invalid, sizeof(result->invalid),
                 "no request was due in the measured time: nothing was measured");
    else if (result->connects_failed > 0)
        snprintf(result->invalid, sizeof(result->invalid),
                 "%llu of %llu connections failed on the generator's side: %s",
                 (unsigned long long)result->connects_failed, (unsigned long long)result->connects,
                 strerror(connect_error));
    else if (late_share > LATE_SHARE_MAX && result->late_starts > LATE_MAX)
        snprintf(result->invalid, sizeof(result->invalid),
                 "%.2f %% of the requests started more than %llu ms late, by the generator's fault "
                 "(at most %.1f %%): it had too little CPU",
                 100 * late_share, (unsigned long long)result->late_limit_us / 1000,
                 100 * LATE_SHARE_MAX);
    else if (result->busy_max > BUSY_MAX && result->measured_us >= BUSY_SPAN_US_MIN)
        snprintf(result->invalid, sizeof(result->invalid),
                 "a thread of the generator was %.0f %% busy (at most %.0f %%): the generator was "
                 "the limit, not the server",
                 100 * result->busy_max, 100 * BUSY_MAX);
    else if (result->waited_max > WAITED_MAX && result->measured_us >= WAITED_SPAN_US_MIN)
        snprintf(result->invalid, sizeof(result->invalid),
                 "a thread of the generator was ready and had no processor %.0f %% of the time (at "
                 "most %.0f %%): others on this machine had it",
                 100 * result->waited_max, 100 * WAITED_MAX);
}
