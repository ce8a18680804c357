/* What the figures were measured on: machine, programs, sources. */
#ifndef FS_BENCH_MACHINE_H
#define FS_BENCH_MACHINE_H

#include <jansson.h>

/* {cpu_model, cores, memory_mib, governor}; null where the machine does not tell. */
json_t *fs_machine_describe(void);

/* {flashsale, h2o, hiredis, redis, kernel, compiler}; program: of the server, "" for none. */
json_t *fs_machine_versions(const char *program);

/* The commit of the sources that this program was built from, cut to 12 digits, "unknown" without
 * git; and whether files had been changed since. */
void fs_machine_commit(char sha[16], int *is_dirty);

/* The first line that a command prints, without its newline; "" when it cannot be run.  argv[0] is
 * looked for in PATH. */
void fs_machine_first_line(char *const *argv, char *line, size_t size);

#endif
