/* Repetitions taken together: median, least and greatest of each figure. */
#ifndef FS_BENCH_SUMMARY_H
#define FS_BENCH_SUMMARY_H

#include <stddef.h>

#include "run/figure.h"

/* A row of summary.csv. */
struct fs_summary {
    const struct fs_subject *subject;   /* borrowed, as are the records' */
    const struct fs_scenario *scenario; /* borrowed */
    uint32_t reps;
    uint32_t valid_reps;
    uint32_t audited_reps;
    uint32_t proven_reps; /* of these, with all ledgers read */
    uint64_t violations;  /* of all repetitions, valid or not: a wrong answer is one at any speed */
    char durability[32];
    double median[FS_FIGURE_COUNT]; /* of the valid ones; NaN: unknown in all */
    double min[FS_FIGURE_COUNT];
    double max[FS_FIGURE_COUNT];
};

/* Median of count values in place, NaN left out; NaN: there is none.  The mean of the two middle ones
 * for an even count. */
double fs_median(double *values, size_t count);

/* Of all records of one subject and scenario.  Returns 0 or -ENOMEM. */
int fs_summary_make(struct fs_summary *summary, const struct fs_subject *subject,
                    const struct fs_scenario *scenario, const struct fs_record *records,
                    size_t record_count);

void fs_summary_write_head(FILE *file);
void fs_summary_write(FILE *file, const struct fs_summary *summary);

#endif
