/* One repetition: a fresh server, its stock, the load, the audit, and its folder of results. */
#ifndef FS_BENCH_CELL_H
#define FS_BENCH_CELL_H

#include "run/run.h"

/* Runs it and fills in the record; what failed is told there.  Appends to timeseries.
 * Returns 0, or a negative errno when not even its folder can be written. */
int fs_cell_run(struct fs_run *run, struct fs_record *record, FILE *timeseries);

/* cells/<strategy>/<scenario>/rep-<n>, below the results folder. */
void fs_cell_path(const struct fs_record *record, char path[PATH_MAX]);

#endif
