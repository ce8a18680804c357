/* Rows of comma-separated values (RFC 4180), numbers with a decimal point whatever the locale. */
#ifndef FS_BENCH_CSV_H
#define FS_BENCH_CSV_H

#include <stdint.h>
#include <stdio.h>

struct fs_csv {
    FILE *file;      /* borrowed */
    unsigned column; /* of the row that is being written */
};

void fs_csv_text(struct fs_csv *csv, const char *text); /* quoted where needed; NULL: empty */
void fs_csv_integer(struct fs_csv *csv, int64_t value);

/* decimals: after the point; NaN: an empty cell, which means unknown. */
void fs_csv_number(struct fs_csv *csv, double value, int decimals);
void fs_csv_end(struct fs_csv *csv); /* of the row */

/* Names separated by commas as the first row. */
void fs_csv_head(struct fs_csv *csv, const char *names);

#endif
