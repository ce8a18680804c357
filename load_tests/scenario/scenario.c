/* What a scenario asks for at a moment. */
#include "scenario/scenario.h"

uint64_t fs_scenario_duration_us(const struct fs_scenario *scenario)
{
    uint64_t sum_us = 0;

    if (scenario->executor == FS_EXECUTOR_PER_VU_ITERATIONS)
        return scenario->time_max_us;
    for (size_t i = 0; i < scenario->stage_count; i++)
        sum_us += scenario->stages[i].ramp_us + scenario->stages[i].hold_us;
    return sum_us;
}

double fs_scenario_target(const struct fs_scenario *scenario, uint64_t elapsed_us, size_t *stage)
{
    uint64_t left_us = elapsed_us;
    double before = 0.0;

    if (scenario->executor == FS_EXECUTOR_PER_VU_ITERATIONS) {
        *stage = elapsed_us < scenario->time_max_us ? 0 : 1;
        return *stage == 0 ? (double)scenario->users : 0.0;
    }
    for (size_t i = 0; i < scenario->stage_count; i++) {
        const struct fs_stage *now = &scenario->stages[i];

        *stage = i;
        if (left_us < now->ramp_us)
            return before + (now->target - before) * (double)left_us / (double)now->ramp_us;
        left_us -= now->ramp_us;
        if (left_us < now->hold_us)
            return now->target;
        left_us -= now->hold_us;
        before = now->target;
    }
    *stage = scenario->stage_count;
    return 0.0;
}

bool fs_scenario_is_open_model(const struct fs_scenario *scenario)
{
    return scenario->executor == FS_EXECUTOR_CONSTANT_ARRIVAL_RATE ||
           scenario->executor == FS_EXECUTOR_RAMPING_ARRIVAL_RATE;
}

const char *fs_executor_name(enum fs_executor executor)
{
    static const char *const names[] = {
        [FS_EXECUTOR_PER_VU_ITERATIONS] = "per-vu-iterations",
        [FS_EXECUTOR_CONSTANT_VUS] = "constant-vus",
        [FS_EXECUTOR_RAMPING_VUS] = "ramping-vus",
        [FS_EXECUTOR_CONSTANT_ARRIVAL_RATE] = "constant-arrival-rate",
        [FS_EXECUTOR_RAMPING_ARRIVAL_RATE] = "ramping-arrival-rate",
    };

    return names[executor];
}

const char *fs_profile_name(enum fs_profile profile)
{
    static const char *const names[] = {
        [FS_PROFILE_SMOKE] = "smoke",
        [FS_PROFILE_CI] = "ci",
        [FS_PROFILE_FULL] = "full",
    };

    return names[profile];
}
