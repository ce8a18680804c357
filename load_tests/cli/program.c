/* Dispatches subcommands; prints help and suggestions. */
#include "cli/program.h"

#include <string.h>

#include "cli/choose.h"
#include "cli/measure_command.h"
#include "cli/scripts.h"
#include "cli/suggest.h"
#include "run/run.h"

struct command {
    const char *name;
    const char *usage;
    const char *help;
    enum fs_bench_command bit;
};

static const struct command commands[] = {
    {"run", "run [-s SCENARIO|all]... [--strategy v1,v2,v3,v4] [--reps N] [OPTION]...",
     "Loads each strategy with each scenario, checks that every answer was true, and compares.",
     FS_BENCH_RUN},
    {"cost", "cost [--strategy LIST] [--reps N] [OPTION]...",
     "CPU microseconds of one purchase, server and Redis apart, against the null strategy.",
     FS_BENCH_COST},
    {"list", "list [--profile P] [--json]", "Lists the scenarios.", FS_BENCH_LIST},
    {"validate", "validate FILE...", "Checks scenarios without running them.", FS_BENCH_VALIDATE},
    {"report", "report DIR|PREFIX [OPTION]...",
     "Draws plots and writes report.md and report.html, from a results folder or Locust's CSV.",
     FS_BENCH_REPORT},
    {"compare", "compare A B [--fail-on EXPR]... [--json]",
     "Compares two results folders; says \"~\" where noise explains the difference.",
     FS_BENCH_COMPARE},
    {"help", "help [COMMAND]", "Says what a command does.", FS_BENCH_HELP},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int refuse(const char *typed, FILE *err)
{
    const char *words[COMMAND_COUNT];
    const char *nearest;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        words[i] = commands[i].name;
    nearest = fs_cli_suggest(typed, words, COMMAND_COUNT);
    if (nearest)
        return fs_bench_usage(err, "there is no command %s; did you mean %s?", typed, nearest);
    return fs_bench_usage(err, "there is no command %s", typed);
}

static void print_command(FILE *out, const struct command *command)
{
    fprintf(out, "usage: flashsale bench %s\n\n%s\n\n", command->usage, command->help);
    fs_bench_options_print(out, command->bit);
}

static int print_help(const char *name, FILE *out, FILE *err)
{
    if (name && !find(name))
        return refuse(name, err);
    if (name) {
        print_command(out, find(name));
        return FS_EXIT_FINE;
    }
    fputs(
        "flashsale bench: the same load on every strategy, and whether every answer was true.\n\n",
        out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  flashsale bench %s\n      %s\n", commands[i].usage, commands[i].help);
    fputs("\nExit codes: 0 fine, 1 run-time failure, 2 usage or configuration, 3 measurement "
          "invalid,\n98 accuracy violated (wins), 99 threshold crossed.\n",
          out);
    return FS_EXIT_FINE;
}

static int carry_out(const struct command *command, int argc, char **argv, FILE *out, FILE *err)
{
    struct fs_bench_options options;
    int rc = fs_bench_options_read(argc - 1, argv + 1, command->bit, err, &options);

    if (rc != 0)
        return rc;
    if (options.is_help) {
        print_command(out, command);
        return FS_EXIT_FINE;
    }
    switch (command->bit) {
    case FS_BENCH_RUN:
        return fs_bench_run_command(&options, argv, out, err);
    case FS_BENCH_COST:
        return fs_bench_cost_command(&options, argv, out, err);
    case FS_BENCH_LIST:
        return options.operand_count > 0
                   ? fs_bench_usage(err, "list does not take \"%s\"", options.operands[0])
                   : fs_bench_list(&options, out, err);
    case FS_BENCH_VALIDATE:
        return fs_bench_validate(&options, out, err);
    default:
        return print_help(options.operand_count > 0 ? options.operands[0] : NULL, out, err);
    }
}

int fs_bench_program(int argc, char **argv, FILE *out, FILE *err)
{
    const struct command *command;

    if (argc < 2) {
        print_help(NULL, err, err);
        return FS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help(NULL, out, err);
    command = find(argv[1]);
    if (!command)
        return refuse(argv[1], err);
    /* The scripts know their own options, --help too. */
    if (command->bit == FS_BENCH_REPORT)
        return fs_bench_become_script("analyze_results.py", argc - 1, argv + 1, err);
    if (command->bit == FS_BENCH_COMPARE)
        return fs_bench_become_script("bench_compare.py", argc - 1, argv + 1, err);
    return carry_out(command, argc, argv, out, err);
}
