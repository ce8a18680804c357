/* flashsale-bench as a function. */
#ifndef FS_BENCH_CLI_PROGRAM_H
#define FS_BENCH_CLI_PROGRAM_H

#include <stdio.h>

/* Carries out argv.  Returns the exit code. */
int fs_bench_program(int argc, char **argv, FILE *out, FILE *err);

#endif
