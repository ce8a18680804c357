/* Makes a failing plan smaller while it fails. */
#ifndef FS_TESTS_SIM_SHRINK_H
#define FS_TESTS_SIM_SHRINK_H

#include "sim/history.h"

/* Drops faults, happenings, clients and requests for as long as the run still fails, in processes of
 * their own. */
void sim_shrink(struct sim_plan *plan, const struct fs_strategy *type);

#endif
