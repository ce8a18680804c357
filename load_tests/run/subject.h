/* What is compared: a strategy with its options, a row of the matrix. */
#ifndef FS_BENCH_SUBJECT_H
#define FS_BENCH_SUBJECT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define FS_SUBJECTS_MAX 64u
#define FS_SUBJECT_OPTIONS_MAX 8u
#define FS_SUBJECT_ERROR_SIZE 512u
#define FS_RUN_ERROR_SIZE 768u /* bytes of a sentence about a run, with the NUL */

struct fs_subject {
    char strategy[64];      /* "v3", or the name of a shared object without its ending */
    char variant[128];      /* "textbook", "nodes=1", "" */
    char program[PATH_MAX]; /* what --strategy is given: a name or a path */
    char folder[192];       /* below cells/: "v2+textbook" */
    unsigned nodes;         /* private Redis servers; 0: as many as suit the strategy */
    unsigned workers;       /* event loops; 0: as many as the server has cores */
    char options[FS_SUBJECT_OPTIONS_MAX][128]; /* "batch_max=1" */
    size_t option_count;
    bool is_bare; /* no flashsale at all: the yardstick of costs, tests/bench/bare_h2o.c */
};

/* Reads a list such as "v1,v2:mode=textbook,v4:nodes=1,./mine.so".  test_dir: where the strategies of
 * tests lie, looked at for names that are not v1 to v4; borrowed.  bare is the program bare_h2o in the
 * folder above.  On failure *error is a sentence.
 * Returns 0, -EINVAL or -E2BIG. */
int fs_subjects_read(const char *list, const char *test_dir,
                     struct fs_subject subjects[FS_SUBJECTS_MAX], size_t *count,
                     char error[FS_SUBJECT_ERROR_SIZE]);

/* "v2" or "v2 textbook", for people. */
const char *fs_subject_title(const struct fs_subject *subject, char text[256]);

#endif
