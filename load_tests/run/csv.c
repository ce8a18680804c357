/* Writes the tables of a results folder. */
#include "run/csv.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void separate(struct fs_csv *csv)
{
    if (csv->column++ > 0)
        fputc(',', csv->file);
}

void fs_csv_text(struct fs_csv *csv, const char *text)
{
    separate(csv);
    if (!text)
        return;
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, csv->file);
        return;
    }
    fputc('"', csv->file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', csv->file);
        fputc(*text, csv->file);
    }
    fputc('"', csv->file);
}

void fs_csv_integer(struct fs_csv *csv, int64_t value)
{
    separate(csv);
    fprintf(csv->file, "%" PRId64, value);
}

void fs_csv_number(struct fs_csv *csv, double value, int decimals)
{
    separate(csv);
    if (!isfinite(value))
        return;
    fprintf(csv->file, "%.*f", decimals, value);
}

void fs_csv_end(struct fs_csv *csv)
{
    fputc('\n', csv->file);
    csv->column = 0;
}

void fs_csv_head(struct fs_csv *csv, const char *names)
{
    fputs(names, csv->file);
    fputc('\n', csv->file);
    csv->column = 0;
}
