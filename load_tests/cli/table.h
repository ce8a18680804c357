/* The comparison as people read it, and as JSON. */
#ifndef FS_BENCH_CLI_TABLE_H
#define FS_BENCH_CLI_TABLE_H

#include "run/run.h"

/* Strategies side by side for each scenario; the default targets with pass or fail; problems. */
void fs_table_print(FILE *out, const struct fs_run *run);

/* {folder, exit_code, cells: [...], thresholds: [...]}. */
void fs_table_print_json(FILE *out, const struct fs_run *run, int exit_code);

#endif
