/* What several repetitions say together.  Histograms are never averaged: the median repetition's
 * percentile is shown, with the spread beside it. */
#include "run/summary.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double fs_median(double *values, size_t count)
{
    size_t known = 0;

    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            values[known++] = values[i];
    if (known == 0)
        return NAN;
    qsort(values, known, sizeof(*values), compare);
    return known % 2 == 1 ? values[known / 2] : (values[known / 2 - 1] + values[known / 2]) / 2;
}

static bool is_of(const struct fs_record *record, const struct fs_summary *summary)
{
    return record->subject == summary->subject && record->scenario == summary->scenario;
}

static void count_reps(struct fs_summary *summary, const struct fs_record *records,
                       size_t record_count)
{
    for (size_t i = 0; i < record_count; i++) {
        if (!is_of(&records[i], summary))
            continue;
        summary->reps++;
        summary->valid_reps += fs_record_is_valid(&records[i]);
        summary->audited_reps += records[i].is_audited;
        summary->proven_reps += fs_record_is_proven(&records[i]);
        summary->violations += records[i].is_audited ? records[i].audit.violations_total : 0;
        if (records[i].durability[0] != '\0')
            memcpy(summary->durability, records[i].durability, sizeof(summary->durability));
    }
}

static void sum_up(struct fs_summary *summary, size_t figure, const struct fs_record *records,
                   size_t record_count, double *values)
{
    size_t count = 0;

    for (size_t i = 0; i < record_count; i++)
        if (is_of(&records[i], summary) && fs_record_is_valid(&records[i]) &&
            !isnan(records[i].values[figure]))
            values[count++] = records[i].values[figure];
    summary->median[figure] = fs_median(values, count);
    summary->min[figure] = count > 0 ? values[0] : NAN;
    summary->max[figure] = count > 0 ? values[count - 1] : NAN;
}

int fs_summary_make(struct fs_summary *summary, const struct fs_subject *subject,
                    const struct fs_scenario *scenario, const struct fs_record *records,
                    size_t record_count)
{
    double *values = calloc(record_count + 1, sizeof(*values));

    if (!values)
        return -ENOMEM;
    memset(summary, 0, sizeof(*summary));
    summary->subject = subject;
    summary->scenario = scenario;
    count_reps(summary, records, record_count);
    for (size_t figure = 0; figure < FS_FIGURE_COUNT; figure++)
        sum_up(summary, figure, records, record_count, values);
    free(values);
    return 0;
}

void fs_summary_write_head(FILE *file)
{
    fputs("strategy,variant,scenario,profile,reps,valid_reps", file);
    for (size_t i = 0; i < FS_FIGURE_COUNT; i++) {
        const char *column = fs_figure_column((enum fs_figure)i);

        fprintf(file, ",%s_median,%s_min,%s_max", column, column, column);
    }
    fputc('\n', file);
}

void fs_summary_write(FILE *file, const struct fs_summary *summary)
{
    struct fs_csv csv = {.file = file};

    fs_csv_text(&csv, summary->subject->strategy);
    fs_csv_text(&csv, summary->subject->variant);
    fs_csv_text(&csv, summary->scenario->name);
    fs_csv_text(&csv, fs_profile_name(summary->scenario->profile));
    fs_csv_integer(&csv, summary->reps);
    fs_csv_integer(&csv, summary->valid_reps);
    for (size_t i = 0; i < FS_FIGURE_COUNT; i++) {
        int digits = fs_figure_digits((enum fs_figure)i);

        fs_csv_number(&csv, summary->median[i], digits);
        fs_csv_number(&csv, summary->min[i], digits);
        fs_csv_number(&csv, summary->max[i], digits);
    }
    fs_csv_end(&csv);
}
