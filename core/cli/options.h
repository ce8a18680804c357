/* The options of all commands: one table, so that help, parsing and suggestions agree. */
#ifndef FS_CLI_OPTIONS_H
#define FS_CLI_OPTIONS_H

#include <stdbool.h>

#include "cli/cli.h"

/* Who takes an option, as bits. */
enum fs_cli_command_bit {
    FS_CLI_SERVE = 1 << 0,
    FS_CLI_CHECK = 1 << 1,
    FS_CLI_STRATEGIES = 1 << 2,
    FS_CLI_STOCK = 1 << 3,
    FS_CLI_HEALTH = 1 << 4,
    FS_CLI_VERSION = 1 << 5,
    FS_CLI_HELP = 1 << 6,
    FS_CLI_DOCTOR = 1 << 7,
    FS_CLI_BENCH = 1 << 8
};

struct fs_cli_options {
    struct fs_settings *settings; /* owned; environment, file and flags are in it */
    const char *admin;            /* borrowed from argv; NULL: as configured */
    const char *token_file;       /* borrowed from argv; NULL: as configured */
    const char *strategy_dir;     /* borrowed from argv; NULL: the build's own */
    bool is_json;
    bool is_probe;
    const char *key;           /* borrowed from argv: Idempotency-Key; NULL: one is made */
    const char *operator_name; /* borrowed from argv; NULL: $FLASHSALE_OPERATOR or $USER */
    bool is_reset;
    bool is_forced;
    bool is_help;
    char **operands; /* borrowed from argv: what is left */
    int operand_count;
};

/* Reads argv from argv[1] on; command: whose options these are.  What is wrong is said on io->err.
 * Returns 0 or FS_CLI_USAGE (FS_CLI_FAILED without memory), nothing being owned then. */
int fs_cli_options_read(int argc, char **argv, unsigned command, const struct fs_cli_io *io,
                        struct fs_cli_options *options);
void fs_cli_options_dispose(struct fs_cli_options *options);

/* Writes the options of a command, one a line. */
void fs_cli_options_print(FILE *out, unsigned command);

/* Says "flashsale: what" on io->err, with a hint at the help.  Returns FS_CLI_USAGE. */
int fs_cli_usage(const struct fs_cli_io *io, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says "flashsale: what".  Returns FS_CLI_FAILED. */
int fs_cli_fail(const struct fs_cli_io *io, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value of a variable, or NULL when it is unset or empty. */
const char *fs_cli_variable(const struct fs_cli_io *io, const char *name);

#endif
