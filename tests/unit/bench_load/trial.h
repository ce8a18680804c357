/* One run of the engine against a fake shop: its scenario, its script, its figures. */
#ifndef FS_TESTS_TRIAL_H
#define FS_TESTS_TRIAL_H

#include "fake_shop.h"
#include "load/load.h"

struct fs_trial {
    struct fs_scenario *scenario; /* owned */
    struct fs_fake_shop shop;
    struct fs_load_options options;
    struct fs_load_result result;
    atomic_bool stop;
    char error[FS_SCENARIO_ERROR_SIZE];
    int rc;
};

/* 20 users who buy one unit each, once; the test changes what it is about. */
struct fs_trial *fs_trial_create(void);

/* The shop as the engine's target. */
struct fs_target fs_trial_target(const struct fs_fake_shop *shop);

/* Starts the shop, runs, and stops it.  progress may be NULL; its data is the trial. */
void fs_trial_run(struct fs_trial *trial,
                  void (*progress)(void *, const struct fs_load_progress *));
void fs_trial_destroy(struct fs_trial *trial);

/* One stage, or two when the second takes any time. */
void fs_trial_stage(struct fs_trial *trial, enum fs_executor executor, struct fs_stage first,
                    struct fs_stage second);

uint64_t fs_trial_answers(const struct fs_trial *trial, enum fs_answer answer);

/* Requests that were not the first of their attempt. */
size_t fs_trial_count_again(const struct fs_history *history);

#endif
