/* Dispatches subcommands; prints help and suggestions. */
#include "cli/cli.h"

#include <string.h>

#include "cli/commands.h"
#include "cli/suggest.h"

struct command {
    const char *name;
    const char *usage;
    const char *help;
    unsigned bit; /* of enum fs_cli_command_bit */
    int operand_count_max;
    int (*run)(const struct fs_cli_options *options,
               const struct fs_cli_io *io); /* NULL: serve, bench */
};

static int help(const struct fs_cli_options *options, const struct fs_cli_io *io);

static const struct command commands[] = {
    {"serve", "[serve] [OPTION]...",
     "Serves until SIGTERM or SIGINT; SIGHUP reloads.  This is what flashsale does by itself.",
     FS_CLI_SERVE, 0, NULL},
    {"check-config", "check-config [-c FILE] [--probe] [OPTION]...",
     "Checks the configuration, and prints each value with where it comes from.", FS_CLI_CHECK, 0,
     fs_cli_check_config},
    {"strategies", "strategies [--json]", "Lists the strategies that are here.", FS_CLI_STRATEGIES,
     0, fs_cli_strategies},
    {"stock",
     "stock list | show ID | set ID N [--reset] | add ID N | pause ID | open ID | close ID | "
     "limits ID A B | window ID O C | delete ID [--force] | audit ID  [OPTION]...",
     "Looks at the sales of a running server and changes them; set needs --reset for one that is "
     "there.",
     FS_CLI_STOCK, 4, fs_cli_stock},
    {"healthcheck", "healthcheck [OPTION]...",
     "Asks a running server whether it is ready: exit code 0 or 1.", FS_CLI_HEALTH, 0,
     fs_cli_healthcheck},
    {"doctor", "doctor [-c FILE] [--json] [OPTION]...",
     "Looks at machine, settings and Redis servers, and says what to change: exit code 1 when a "
     "sale would fail.",
     FS_CLI_DOCTOR, 0, fs_cli_doctor},
    {"bench", "bench run | cost | list | validate | report | compare  [OPTION]...",
     "Loads the strategies and compares them; 'flashsale bench help' says more.", FS_CLI_BENCH, 0,
     NULL},
    {"version", "version [--json]", "Says which version this is.", FS_CLI_VERSION, 0,
     fs_cli_version},
    {"help", "help [COMMAND]", "Says what a command does.", FS_CLI_HELP, 1, help},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int refuse(const char *typed, const struct fs_cli_io *io)
{
    const char *words[COMMAND_COUNT];
    const char *nearest;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        words[i] = commands[i].name;
    nearest = fs_cli_suggest(typed, words, COMMAND_COUNT);
    if (nearest)
        return fs_cli_usage(io, "there is no command %s; did you mean %s?", typed, nearest);
    return fs_cli_usage(io, "there is no command %s", typed);
}

static void print_command(FILE *out, const struct command *command)
{
    fprintf(out, "usage: flashsale %s\n\n%s\n\n", command->usage, command->help);
    fs_cli_options_print(out, command->bit);
}

static void print_all(FILE *out)
{
    fputs("flashsale: a thousand buyers, a hundred units, exactly a hundred sold.\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  flashsale %s\n      %s\n", commands[i].usage, commands[i].help);
    fputs("\nOptions of serve:\n", out);
    fs_cli_options_print(out, FS_CLI_SERVE);
    fputs("\nExit codes: 0 fine, 1 run-time failure, 2 usage or configuration.\n", out);
}

static int help(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    const struct command *command;

    if (options->operand_count == 0) {
        print_all(io->out);
        return FS_CLI_FINE;
    }
    command = find(options->operands[0]);
    if (!command)
        return refuse(options->operands[0], io);
    print_command(io->out, command);
    return FS_CLI_FINE;
}

static int run(const struct command *command, const struct fs_cli_options *options,
               const struct fs_cli_io *io)
{
    if (options->is_help && command->run != help) {
        print_command(io->out, command);
        return FS_CLI_FINE;
    }
    if (options->operand_count > command->operand_count_max)
        return fs_cli_usage(io, "%s does not take \"%s\"", command->name,
                            options->operands[command->operand_count_max]);
    return command->run ? command->run(options, io) : FS_CLI_FINE;
}

int fs_cli_run(int argc, char **argv, const struct fs_cli_io *io, struct fs_settings **serve)
{
    const struct command *command = &commands[0];
    struct fs_cli_options options;
    int skipped = 0;
    int rc;

    *serve = NULL;
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        command = find("version");
    else if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        command = find("help");
    else if (argc > 1 && argv[1][0] != '-' && !(command = find(argv[1])))
        return refuse(argv[1], io);
    if (command->bit == FS_CLI_BENCH) /* knows its own options */
        return fs_cli_bench(argv + 1, io);
    if (argc > 1 && (argv[1][0] != '-' || command != &commands[0]))
        skipped = 1;
    rc = fs_cli_options_read(argc - skipped, argv + skipped, command->bit, io, &options);
    if (rc != 0)
        return rc;
    rc = run(command, &options, io);
    if (rc == FS_CLI_FINE && !command->run && !options.is_help) {
        *serve = options.settings;
        options.settings = NULL;
    }
    fs_cli_options_dispose(&options);
    return rc;
}
