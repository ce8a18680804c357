/* Whether every answer of a run was true: the clients' history against the store's ledger and the
 * server's metrics.
 *
 * Pure: reads what it is given, asks nobody.  Unknown answers were resolved by lookup before (audit/resolve.h). */
#ifndef FS_BENCH_AUDIT_H
#define FS_BENCH_AUDIT_H

#include <stdint.h>

#include "load/history.h"
#include "scenario/scenario.h"

enum fs_violation_kind {
    FS_VIOLATION_OVERSOLD = 1,
    FS_VIOLATION_UNDERSOLD, /* demand reached the stock, faults healed, units are left */
    FS_VIOLATION_FALSE_REFUSAL, /* sold_out while enough was left during the whole request, by real time */
    FS_VIOLATION_DUPLICATE_ORDER, /* one attempt, two orders */
    FS_VIOLATION_LOST_ORDER,      /* acknowledged, not in the ledger */
    FS_VIOLATION_UNASKED_ORDER,   /* in the ledger, asked for by nobody */
    FS_VIOLATION_LIMIT,           /* a buyer has more than per_user_max */
    FS_VIOLATION_CONSERVATION,    /* initial + restocked != left + sold + in transit */
    FS_VIOLATION_METRICS,         /* the server counted something else than it answered */
    FS_VIOLATION_REPLAY, /* a replay that differs from the first answer, or is not marked */
    FS_VIOLATION_KINDS,
};

const char *fs_violation_kind_name(enum fs_violation_kind kind); /* "lost_order" */

/* A product's ledger, from GET /admin/products/{id}/audit after the run. */
struct fs_ledger_terms {
    bool known;      /* false: the audit could not be read */
    bool consistent; /* as the server says */
    int64_t initial, restocked, left, sold, in_transit, cancelled; /* units */
    int64_t orders;                                                /* live orders; -1: not told */
};

/* What the server counted between before and after the run; -1: not told. */
struct fs_metrics_delta {
    int64_t purchases_sold; /* purchase_outcomes_total{outcome="sold"} */
    int64_t purchases_replayed;
    int64_t purchases_sold_out;
};

/* What lookup said of one attempt whose answer was unknown, or of one acknowledged order. */
struct fs_resolved {
    uint64_t attempt;
    enum {
        FS_RESOLVED_SOLD = 1,
        FS_RESOLVED_NONE,
        FS_RESOLVED_CANCELLED,
        FS_RESOLVED_UNKNOWN
    } status;
    char order_id[FS_ORDER_ID_SIZE];
};

struct fs_audit_input {
    const struct fs_scenario *scenario;
    const struct fs_history *history;
    const struct fs_ledger_terms *ledgers; /* one a product of the scenario */
    const struct fs_metrics_delta *metrics;
    const struct fs_resolved *resolved;
    size_t resolved_count;
};

#define FS_AUDIT_OFFENDERS_MAX 20

struct fs_audit_report {
    uint64_t violations[FS_VIOLATION_KINDS];
    uint64_t violations_total;
    struct {
        enum fs_violation_kind kind;
        char text
            [256]; /* "order abc… of user_17, product 1: acknowledged at 1.203 s, not in the ledger" */
    } offenders[FS_AUDIT_OFFENDERS_MAX]; /* the first ones, by time */
    size_t offender_count;
    /* A row of accuracy.csv, summed over products. */
    int64_t stock, restocked, sold_acknowledged, sold_resolved, sold_ledger, left, in_transit;
    uint64_t unknown_left; /* answers that no lookup could resolve */
};

/* Returns 0 or -ENOMEM. */
int fs_audit_run(const struct fs_audit_input *input, struct fs_audit_report *report);

#endif
