/* Which scenarios are meant: by name, by path, or all that there are. */
#ifndef FS_BENCH_CLI_CHOOSE_H
#define FS_BENCH_CLI_CHOOSE_H

#include "cli/options.h"

struct fs_chosen {
    struct fs_scenario *scenarios; /* owned */
    size_t count;
};

/* Reads and checks all before anything starts; words: names, paths (with a slash or ending in .yaml)
 * or all; none: all.  What is wrong is said on err, every file's mistake.  Returns 0 or an exit code;
 * dispose in any case. */
int fs_choose_scenarios(struct fs_chosen *chosen, const char *const *words, size_t count,
                        enum fs_profile profile, FILE *err);
void fs_chosen_dispose(struct fs_chosen *chosen);

/* list: what there is.  validate: the files of operands.  Return an exit code. */
int fs_bench_list(const struct fs_bench_options *options, FILE *out, FILE *err);
int fs_bench_validate(const struct fs_bench_options *options, FILE *out, FILE *err);

#endif
