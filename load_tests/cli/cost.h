/* bench cost: CPU of server and Redis for one purchase, as ratios of one run. */
#ifndef FS_BENCH_CLI_COST_H
#define FS_BENCH_CLI_COST_H

#include "run/run.h"

/* What is measured unless told otherwise: bare and null where the build has them, v1 to v4. */
void fs_cost_subjects(char *list, size_t size);

/* Users who buy one unit after the other without a pause, over as many connections, from a stock that
 * lasts; 1 s, 4 s or 10 s by profile. */
void fs_cost_scenario(struct fs_scenario *scenario, uint32_t connections, enum fs_profile profile);

/* Prints the table, and writes cost.csv and cost.md to the results folder.  Returns an exit code: 3
 * when purchases failed or a repetition was invalid. */
int fs_cost_report(const struct fs_run *run, bool is_json, FILE *out, FILE *err);

#endif
