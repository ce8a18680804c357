/* Each command by itself.  All return an exit code. */
#ifndef FS_CLI_COMMANDS_H
#define FS_CLI_COMMANDS_H

#include "cli/options.h"

int fs_cli_check_config(const struct fs_cli_options *options, const struct fs_cli_io *io);
int fs_cli_doctor(const struct fs_cli_options *options, const struct fs_cli_io *io);
int fs_cli_strategies(const struct fs_cli_options *options, const struct fs_cli_io *io);
int fs_cli_stock(const struct fs_cli_options *options, const struct fs_cli_io *io);
int fs_cli_healthcheck(const struct fs_cli_options *options, const struct fs_cli_io *io);
int fs_cli_version(const struct fs_cli_options *options, const struct fs_cli_io *io);

/* Becomes flashsale-bench with argv, of which argv[0] is passed over.  Returns only when that cannot
 * be. */
int fs_cli_bench(char **argv, const struct fs_cli_io *io);

#endif
