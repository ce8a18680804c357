/* run and cost: what measures. */
#ifndef FS_BENCH_CLI_MEASURE_COMMAND_H
#define FS_BENCH_CLI_MEASURE_COMMAND_H

#include "cli/options.h"

/* argv: the whole command, for the manifest.  Return an exit code. */
int fs_bench_run_command(const struct fs_bench_options *options, char *const *argv, FILE *out,
                         FILE *err);
int fs_bench_cost_command(const struct fs_bench_options *options, char *const *argv, FILE *out,
                          FILE *err);

#endif
