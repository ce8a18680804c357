/* The command line of flashsale-bench. */
#ifndef FS_BENCH_CLI_OPTIONS_H
#define FS_BENCH_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "run/server.h"
#include "scenario/scenario.h"

#define FS_BENCH_WORDS_MAX 64u /* of a repeatable option */

enum fs_bench_command {
    FS_BENCH_RUN = 1 << 0,
    FS_BENCH_COST = 1 << 1,
    FS_BENCH_LIST = 1 << 2,
    FS_BENCH_VALIDATE = 1 << 3,
    FS_BENCH_REPORT = 1 << 4,
    FS_BENCH_COMPARE = 1 << 5,
    FS_BENCH_HELP = 1 << 6
};

/* All texts are borrowed from argv. */
struct fs_bench_options {
    const char *scenarios[FS_BENCH_WORDS_MAX]; /* names or paths; none: all */
    size_t scenario_count;
    const char *strategies[FS_BENCH_WORDS_MAX]; /* lists */
    size_t strategy_count;
    const char *redis[FS_BENCH_WORDS_MAX];
    size_t redis_count;
    const char *target;
    const char *admin;
    const char *token_file;
    const char *out;      /* where results folders are made */
    const char *name;     /* of the results folder */
    const char *work_dir; /* where data folders are made */
    const char *cores;
    const char *password;
    const char *program; /* the flashsale to measure */
    enum fs_profile profile;
    uint32_t reps;        /* 0: as the command likes it */
    uint32_t connections; /* of cost; 0: as it likes */
    uint64_t seed;
    bool is_json;
    bool has_progress;
    bool makes_report;
    bool may_audit;
    bool is_help;
    char **operands;
    int operand_count;
};

/* Reads argv from argv[1] on, for one command.  What is wrong is said on err.  Returns 0 or exit code 2. */
int fs_bench_options_read(int argc, char **argv, enum fs_bench_command command, FILE *err,
                          struct fs_bench_options *options);

void fs_bench_options_print(FILE *out, unsigned command);

/* Says "flashsale bench: what" with a hint at the help.  Returns exit code 2. */
int fs_bench_usage(FILE *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says "flashsale bench: what".  Returns exit code 1. */
int fs_bench_fail(FILE *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
