/* What the tests of the engine have in common. */
#include "trial.h"

#include <stdlib.h>

struct fs_trial *fs_trial_create(void)
{
    struct fs_trial *trial = calloc(1, sizeof(*trial));

    if (!trial || !(trial->scenario = calloc(1, sizeof(*trial->scenario))))
        exit(2);
    *trial->scenario = (struct fs_scenario){.executor = FS_EXECUTOR_PER_VU_ITERATIONS,
                                            .iterations = 1,
                                            .users = 20,
                                            .connections_max = 20,
                                            .deadline_us = 3000000,
                                            .time_max_us = 20000000,
                                            .mix = {.purchase = 1},
                                            .retry = {.again_after_us = 1000},
                                            .products = {"1", "2"},
                                            .product_count = 1,
                                            .quantity_min = 1,
                                            .quantity_max = 1,
                                            .restock_units = 5,
                                            .stock = 1000000};
    trial->options = (struct fs_load_options){.threads = 1, .seed = 42, .stop = &trial->stop};
    return trial;
}

struct fs_target fs_trial_target(const struct fs_fake_shop *shop)
{
    struct fs_target target = {.host = "127.0.0.1",
                               .port = shop->port,
                               .admin_host = "127.0.0.1",
                               .admin_port = shop->port,
                               .admin_token = "token-of-admin",
                               .password = "pass\"word"};

    return target;
}

void fs_trial_run(struct fs_trial *trial, void (*progress)(void *, const struct fs_load_progress *))
{
    struct fs_target target;

    fs_fake_shop_start(&trial->shop);
    target = fs_trial_target(&trial->shop);
    trial->rc = fs_load_run(trial->scenario, &target, &trial->options, progress, trial,
                            &trial->result, trial->error);
    fs_fake_shop_stop(&trial->shop);
}

void fs_trial_destroy(struct fs_trial *trial)
{
    if (trial->rc == 0)
        fs_load_result_dispose(&trial->result);
    fs_fake_shop_dispose(&trial->shop);
    free(trial->scenario);
    free(trial);
}

void fs_trial_stage(struct fs_trial *trial, enum fs_executor executor, struct fs_stage first,
                    struct fs_stage second)
{
    trial->scenario->executor = executor;
    trial->scenario->stages[0] = first;
    trial->scenario->stages[1] = second;
    trial->scenario->stage_count = second.hold_us + second.ramp_us > 0 ? 2 : 1;
}

uint64_t fs_trial_answers(const struct fs_trial *trial, enum fs_answer answer)
{
    return trial->result.totals.answers[answer];
}

size_t fs_trial_count_again(const struct fs_history *history)
{
    size_t count = 0;

    for (size_t i = 0; i < history->count; i++)
        count += fs_history_at(history, i)->again;
    return count;
}
