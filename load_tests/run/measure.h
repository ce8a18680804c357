/* Makes the figures of a repetition from what was seen on all sides. */
#ifndef FS_BENCH_MEASURE_H
#define FS_BENCH_MEASURE_H

#include "load/load.h"
#include "run/figure.h"
#include "run/prometheus.h"
#include "run/sampler.h"

/* CPU at an instant of the load, and purchases answered by then without those of the warm-up; costs
 * are differences of two of these. */
struct fs_cost_point {
    bool is_known;
    uint64_t after_us; /* how long after the end of the warm-up it was taken */
    uint64_t server_cpu_us;
    uint64_t redis_cpu_us;
    uint64_t purchases; /* sold or refused; of the first point 0 */
};

struct fs_measured {
    const struct fs_load_result *load; /* borrowed, as are the others */
    const struct fs_prom_page *before; /* empty: there are none */
    const struct fs_prom_page *after;
    struct fs_sampled sampled;
    struct fs_cost_point first, last;
    size_t node_count;
    bool has_redis_cpu; /* every node's process is on this machine */
    bool has_server_cpu;
};

/* Purchases that were answered, whatever the answer. */
uint64_t fs_purchases_answered(const struct fs_load_progress *progress);

/* Sets all values of the record but those of the audit. */
void fs_measure(const struct fs_measured *measured, struct fs_record *record);

/* What the server counted of purchases between the pages, for the audit. */
void fs_measure_metrics(const struct fs_prom_page *before, const struct fs_prom_page *after,
                        struct fs_metrics_delta *delta);

#endif
