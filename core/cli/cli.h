/* The command line, apart from serving: that is main.c's, to show how the library is embedded. */
#ifndef FS_CLI_CLI_H
#define FS_CLI_CLI_H

#include <stdio.h>

#include <flashsale/flashsale.h>

enum fs_cli_exit { FS_CLI_FINE = 0, FS_CLI_FAILED = 1, FS_CLI_USAGE = 2 };

/* Where a command reads and writes; borrowed. */
struct fs_cli_io {
    FILE *out;
    FILE *err;
    char *const *environment; /* NULL-ended, as environ */
};

/* Carries out argv.  When it says to serve, nothing is done yet: *serve is set to the settings, given
 * to the caller, who starts the server; else it is NULL.  Returns the exit code. */
int fs_cli_run(int argc, char **argv, const struct fs_cli_io *io, struct fs_settings **serve);

#endif
