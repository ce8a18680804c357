/* Where things lie: in a build tree beside this program, or installed. */
#ifndef FS_BENCH_CLI_PLACES_H
#define FS_BENCH_CLI_PLACES_H

#include <limits.h>

/* The flashsale program: beside this one, or in PATH.  "" when there is none. */
void fs_place_program(char path[PATH_MAX]);

/* The folder of scenarios; $FLASHSALE_SCENARIOS, the sources this was built from, or installed.
 * "" when there is none. */
void fs_place_scenarios(char path[PATH_MAX]);

/* tests/strategies beside this program; it need not be there. */
void fs_place_test_strategies(char path[PATH_MAX]);

/* A script by its file name, in the sources or installed; "" when there is none. */
void fs_place_script(const char *name, char path[PATH_MAX]);

#endif
