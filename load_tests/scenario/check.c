/* The rules between keys: what no value can break alone. */
#include "scenario/check.h"

#include <string.h>

void fs_scenario_defaults(struct fs_scenario *scenario)
{
    *scenario = (struct fs_scenario){
        .iterations = 1,
        .deadline_us = 10000000,
        .time_max_us = 60000000,
        .mix = {.purchase = 1},
        .retry = {.again_after_us = 50000},
        .products = {"1"},
        .product_count = 1,
        .quantity_min = 1,
        .quantity_max = 1,
        .stock = -1,
        .restock_units = 1,
    };
}

static const char *check_stages(const struct fs_scenario *scenario)
{
    bool is_ramping = scenario->executor == FS_EXECUTOR_RAMPING_VUS ||
                      scenario->executor == FS_EXECUTOR_RAMPING_ARRIVAL_RATE;
    bool is_measured = false;
    double target_max = 0.0;

    if (scenario->executor == FS_EXECUTOR_PER_VU_ITERATIONS)
        return scenario->stage_count == 0 ? NULL
                                          : "per-vu-iterations has no stages: it ends when all "
                                            "users are done";
    if (scenario->stage_count == 0)
        return "this executor needs stages";
    for (size_t i = 0; i < scenario->stage_count; i++) {
        const struct fs_stage *stage = &scenario->stages[i];

        if (stage->ramp_us + stage->hold_us == 0)
            return "a stage needs a ramp or a hold";
        if (!is_ramping && stage->ramp_us > 0)
            return "a ramp needs the executor ramping-vus or ramping-arrival-rate";
        if (!fs_scenario_is_open_model(scenario) && stage->target > scenario->users)
            return "a stage's target is more than the users that there are";
        is_measured |= !stage->warmup;
        target_max = stage->target > target_max ? stage->target : target_max;
    }
    if (!is_measured)
        return "all stages are warm-up: nothing would be measured";
    return target_max > 0 ? NULL : "no stage has a target: nothing would be sent";
}

/* Results lie in a folder of this name. */
static bool is_name(const char *name)
{
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < ' ' || *at == '/' || *at == 0x7f)
            return false;
    return name[0] != '\0' && name[0] != '.';
}

const char *fs_scenario_check(const struct fs_scenario *scenario, const char **key)
{
    const struct fs_mix *mix = &scenario->mix;

    *key = "name";
    if (!is_name(scenario->name))
        return "it names a folder: no slash, no control characters, no point in front";
    *key = "executor";
    if (scenario->executor == 0)
        return "missing";
    *key = "users";
    if (scenario->users == 0)
        return "missing";
    *key = "stock";
    if (scenario->stock < 0)
        return "missing: units of each product";
    *key = "stages";
    if (check_stages(scenario))
        return check_stages(scenario);
    *key = "think";
    if (scenario->think_us_min > scenario->think_us_max)
        return "min is above max";
    if (fs_scenario_is_open_model(scenario) && scenario->think_us_max > 0)
        return "an arrival rate has no think time: the clock says when a request starts";
    *key = "quantity";
    if (scenario->quantity_min > scenario->quantity_max)
        return "min is above max";
    *key = "mix";
    if (mix->purchase + mix->inventory + mix->cancel + mix->lookup + mix->restock == 0)
        return "all weights are 0";
    *key = "hot_share";
    if (scenario->hot_share > 0 && scenario->product_count < 2)
        return "one product cannot be hotter than others: name two or more";
    *key = "sells_out";
    if (scenario->sells_out && mix->purchase == 0)
        return "nothing is bought";
    return NULL;
}
