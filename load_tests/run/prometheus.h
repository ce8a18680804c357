/* Reads pages in Prometheus' text format, and says what was counted between two of them. */
#ifndef FS_BENCH_PROMETHEUS_H
#define FS_BENCH_PROMETHEUS_H

#include <stddef.h>

/* One line: name{labels} value. */
struct fs_sample {
    const char *name;   /* in the page's text */
    const char *labels; /* as written between the braces; "" without */
    double value;
};

struct fs_prom_page {
    char *text; /* owned; cut into the names and labels of the samples */
    struct fs_sample *samples;
    size_t count;
};

/* Reads text (borrowed; copied).  Comments and lines that are no sample are passed over: what a page
 * does not have is told as unknown, never guessed.  Returns 0 or -ENOMEM. */
int fs_prom_read(struct fs_prom_page *page, const char *text);
void fs_prom_dispose(struct fs_prom_page *page);

/* Sum of the series of name whose labels contain each of label (NULL: all), such as
 * outcome="sold".  NaN: there is none. */
double fs_prom_value(const struct fs_prom_page *page, const char *name, const char *label);

/* after - before; a series that is missing before began at 0.  NaN: missing after. */
double fs_prom_delta(const struct fs_prom_page *before, const struct fs_prom_page *after,
                     const char *name, const char *label);

/* Quantile (0 to 1) of what a histogram recorded between the pages, by a straight line within its
 * bucket as Prometheus does it; beyond the last bucket: that bucket's bound.  NaN: nothing was
 * recorded, or there is no such histogram. */
double fs_prom_quantile(const struct fs_prom_page *before, const struct fs_prom_page *after,
                        const char *name, double quantile);

/* The value of a label in the first series of name, written to text; empty: none. */
void fs_prom_label(const struct fs_prom_page *page, const char *name, const char *label, char *text,
                   size_t size);

#endif
