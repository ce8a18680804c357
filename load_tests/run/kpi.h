/* Thresholds: the default targets for every run, and each scenario's own. */
#ifndef FS_BENCH_KPI_H
#define FS_BENCH_KPI_H

#include "run/summary.h"

enum fs_threshold_status { FS_THRESHOLD_PASS = 1, FS_THRESHOLD_FAIL, FS_THRESHOLD_REPORTED };

/* A row of thresholds.csv. */
struct fs_check {
    const struct fs_summary *summary; /* borrowed */
    char metric[FS_SCENARIO_NAME_SIZE];
    char comparison[3];
    double target;
    double actual; /* NaN: unknown */
    enum fs_threshold_status status;
    bool is_default; /* one of the default targets; else of the scenario */
};

#define FS_CHECKS_MAX (FS_SCENARIO_THRESHOLDS_MAX + 16u) /* of one summary */

/* "pass" */
const char *fs_threshold_status_name(enum fs_threshold_status status);

/* actual comparison target; false when actual is not known. */
bool fs_compare(double actual, const char *comparison, double target);

/* Checks one summary by its medians; accuracy by all repetitions.  A scenario's own threshold stands
 * in for the default target of the same metric.  Without a valid repetition nothing is known: such rows are
 * reported, not failed, and the run is invalid by itself.  Returns how many checks there are. */
size_t fs_checks_make(const struct fs_summary *summary, struct fs_check checks[FS_CHECKS_MAX]);

void fs_checks_write_head(FILE *file);
void fs_check_write(FILE *file, const struct fs_check *check);

#endif
