/* What several keys of a scenario must be to each other. */
#ifndef FS_BENCH_SCENARIO_CHECK_H
#define FS_BENCH_SCENARIO_CHECK_H

#include "scenario/scenario.h"

/* Puts the defaults of what the file leaves out and may leave out. */
void fs_scenario_defaults(struct fs_scenario *scenario);

/* Returns NULL, or what is wrong; *key is the key that it is about. */
const char *fs_scenario_check(const struct fs_scenario *scenario, const char **key);

#endif
