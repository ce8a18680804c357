/* Prometheus text exposition format 0.0.4, written by hand: it is lines of text.
 * Source: prometheus.io/docs/instrumenting/exposition_formats. */
#ifndef FS_METRICS_PROMETHEUS_H
#define FS_METRICS_PROMETHEUS_H

#include "base/text.h"
#include "metrics/metrics.h"
#include "metrics/nodes.h"

/* One sale as the scrape saw it; shards: FS_TEXT-like borrowed rows, none but for sharded stock. */
struct fs_prometheus_sale {
    struct fs_text product;
    int64_t units_left; /* below 0 in trouble: not known */
    int64_t units_in_transit;
    const char *trouble; /* "frozen", "lost" or "foreign"; NULL: none */
};

struct fs_prometheus_shard {
    struct fs_text product;
    uint32_t shard;
    int64_t units_left;
};

/* What a scrape shows beside the loops' counts.  All borrowed for the call. */
struct fs_prometheus_scrape {
    const struct fs_metrics *total; /* of all loops, merged */
    const char *strategy;           /* its name */
    const char *durability;         /* its class */
    const char *version;
    const struct fs_prometheus_sale *sales; /* NULL: the store did not answer */
    size_t sale_count;
    const struct fs_prometheus_shard *shards;
    size_t shard_count;
    struct fs_nodes *nodes;        /* servers of the store; NULL: there is none */
    uint64_t sales_frozen;         /* sales that answer 503 until repaired */
    uint64_t log_lines_dropped;    /* of the server's log */
    uint64_t access_lines_dropped; /* of the access log */
    unsigned workers;
    uint64_t http2_held;      /* bytes */
    unsigned connections_max; /* of the main listeners, as descriptors allow */
    double started_at_s;      /* Unix time */
    uint64_t key_failures;    /* reads of it without success */
    uint64_t keys_age_us;     /* since the last with success */
};

/* Writes the whole answer of GET /metrics, with process_* read from /proc.  Nothing is kept.
 * Returns 0 and *text, malloc'd and NUL-terminated, given to the caller; -ENOMEM.  [any] */
int fs_prometheus_write(const struct fs_prometheus_scrape *scrape, char **text, size_t *len);

#endif
