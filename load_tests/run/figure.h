/* The figures of one repetition: a row of runs.csv, in the order of its columns. */
#ifndef FS_BENCH_FIGURE_H
#define FS_BENCH_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "run/csv.h"
#include "run/subject.h"

#define FS_RESULTS_SCHEMA 1

/* name, column, digits after the point */
#define FS_FIGURES(F)                                    \
    F(DURATION, "duration_s", 3)                         \
    F(USERS, "users", 0)                                 \
    F(CONNECTIONS, "connections", 0)                     \
    F(OFFERED, "offered", 0)                             \
    F(ANSWERED, "answered", 0)                           \
    F(SOLD, "sold", 0)                                   \
    F(SOLD_UNITS, "sold_units", 0)                       \
    F(SOLD_OUT, "sold_out", 0)                           \
    F(LIMIT, "limit", 0)                                 \
    F(BUSY, "busy", 0)                                   \
    F(UNAVAILABLE, "unavailable", 0)                     \
    F(UNDETERMINED, "undetermined", 0)                   \
    F(UNEXPECTED_4XX, "unexpected_4xx", 0)               \
    F(HTTP_5XX, "http_5xx", 0)                           \
    F(TIMEOUT, "timeout", 0)                             \
    F(TRANSPORT, "transport", 0)                         \
    F(CUT, "cut", 0)                                     \
    F(IN_PROGRESS, "in_progress", 0)                     \
    F(REPLAYED, "replayed", 0)                           \
    F(OFFERED_RATE, "offered_per_s", 1)                  \
    F(ANSWERED_RATE, "answered_per_s", 1)                \
    F(TPS_SOLD, "tps_sold", 1)                           \
    F(LATENCY_P50, "latency_p50_ms", 3)                  \
    F(LATENCY_P95, "latency_p95_ms", 3)                  \
    F(LATENCY_P99, "latency_p99_ms", 3)                  \
    F(LATENCY_P999, "latency_p999_ms", 3)                \
    F(LATENCY_MAX, "latency_max_ms", 3)                  \
    F(LATENCY_MEAN, "latency_mean_ms", 3)                \
    F(SERVICE_P50, "service_p50_ms", 3)                  \
    F(SERVICE_P99, "service_p99_ms", 3)                  \
    F(OTHERS_P50, "others_p50_ms", 3)                    \
    F(OTHERS_P99, "others_p99_ms", 3)                    \
    F(ERROR_RATE, "error_rate", 6)                       \
    F(LOCK_ATTEMPTS, "lock_attempts", 0)                 \
    F(LOCK_CONTENDED, "lock_contended", 0)               \
    F(LOCK_CONTENTION, "lock_contention", 4)             \
    F(LOCK_WAIT_P99, "lock_wait_p99_ms", 3)              \
    F(ACCURACY_OK, "accuracy_ok", 0)                     \
    F(VIOLATIONS, "violations", 0)                       \
    F(STOCK, "stock", 0)                                 \
    F(LEFT, "left", 0)                                   \
    F(SELL_OUT, "sell_out_ms", 1)                        \
    F(SERVER_COST, "server_cpu_us_per_purchase", 2)      \
    F(REDIS_COST, "redis_cpu_us_per_purchase", 2)        \
    F(GENERATOR_COST, "generator_cpu_us_per_request", 2) \
    F(STORE_COMMANDS, "store_commands_per_purchase", 4)  \
    F(STORE_BATCH, "store_batch_mean", 2)                \
    F(SERVER_RSS_MAX, "server_rss_mib_max", 1)           \
    F(SERVER_RSS_START, "server_rss_mib_start", 1)       \
    F(SERVER_RSS_END, "server_rss_mib_end", 1)           \
    F(LOOP_LAG, "loop_lag_p99_ms", 3)                    \
    F(NODES, "nodes", 0)                                 \
    F(LATE_STARTS, "late_starts", 0)                     \
    F(GENERATOR_BUSY, "generator_busy", 3)               \
    F(SLOWDOWN, "slowdown", 4)                           \
    F(RECOVERY, "recovery_s", 0)

#define FS_FIGURE_ENUM(name, column, digits) FS_FIGURE_##name,
enum fs_figure { FS_FIGURES(FS_FIGURE_ENUM) FS_FIGURE_COUNT };

struct fs_record {
    /* constant after the cell was chosen */
    const struct fs_subject *subject;   /* borrowed */
    const struct fs_scenario *scenario; /* borrowed */
    uint32_t rep;                       /* from 1 */
    uint32_t order;                     /* from 1: when it ran among all */

    /* set by the run */
    bool was_run; /* false: it could not be started; the rest is unknown */
    int64_t started_wall_ms;
    bool is_audited;
    char invalid[256];  /* why the figures must not be used; empty: valid */
    char unproven[256]; /* why the accuracy is not proven though it was asked for: a ledger
                           was not read; empty: it is, or nobody could */
    char failure[FS_RUN_ERROR_SIZE]; /* why there are none; empty: there are */
    char durability[32];             /* class that the server printed; empty: unknown */
    double values[FS_FIGURE_COUNT];  /* NaN: unknown */
    struct fs_audit_report audit;
};

/* All figures unknown. */
void fs_record_init(struct fs_record *record, const struct fs_subject *subject,
                    const struct fs_scenario *scenario, uint32_t rep, uint32_t order);

/* Whether its figures count. */
static inline bool fs_record_is_valid(const struct fs_record *record)
{
    return record->was_run && record->invalid[0] == '\0';
}

/* Whether the audit had all that it needs to say that every answer was true.  Without a ledger it can
 * still find what is wrong. */
static inline bool fs_record_is_proven(const struct fs_record *record)
{
    return record->is_audited && record->audit.ledgers_unread == 0;
}

const char *fs_figure_column(enum fs_figure figure);
int fs_figure_digits(enum fs_figure figure);

/* FS_FIGURE_COUNT: there is no such column. */
enum fs_figure fs_figure_find(const char *column);

/* The nearest column to a misspelt one, or NULL. */
const char *fs_figure_suggest(const char *typed);

/* "ms", "/s", "us", "MiB", "s" or "" by the column's ending. */
const char *fs_figure_unit(const char *column);

void fs_records_write_head(FILE *file);
void fs_record_write(FILE *file, const struct fs_record *record);

void fs_accuracy_write_head(FILE *file);
void fs_accuracy_write(FILE *file, const struct fs_record *record);

#endif
