/* Commands that are Python: report and compare. */
#ifndef FS_BENCH_CLI_SCRIPTS_H
#define FS_BENCH_CLI_SCRIPTS_H

#include <stdio.h>

/* Becomes the script with these arguments (argv[0] is not passed on), by $FLASHSALE_PYTHON or
 * /usr/bin/python3.  Returns only when that cannot be: exit code 1, after saying what is missing. */
int fs_bench_become_script(const char *script, int argc, char **argv, FILE *err);

/* Runs the script on a folder and waits for it.  Returns its exit code, or 1. */
int fs_bench_run_script(const char *script, const char *folder, FILE *err);

#endif
