/* Whether every answer of a run was true: the clients' history against the store's ledger and the
 * server's metrics.
 *
 * Pure: reads what it is given, asks nobody.  Order of work after a run: the metrics are read, then
 * audit/gather.h reads ledgers and resolves unknown answers until both agree, then fs_audit_run().
 * What is counted is certain: a server that is right is never accused, whatever was cut, timed out or
 * crossed on the way; audit.c has the argument.  Nobody else may buy these products meanwhile. */
#ifndef FS_BENCH_AUDIT_H
#define FS_BENCH_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/history.h"
#include "scenario/scenario.h"

enum fs_violation_kind {
    FS_VIOLATION_OVERSOLD = 1,  /* counted in units */
    FS_VIOLATION_UNDERSOLD,     /* demand reached the stock, buyers were refused, units are left;
                                   counted in units */
    FS_VIOLATION_FALSE_REFUSAL, /* sold_out while enough was left during the whole request, by real
                                   time; user_limit likewise */
    FS_VIOLATION_DUPLICATE_ORDER, /* one attempt, two orders; one order, two attempts */
    FS_VIOLATION_LOST_ORDER,    /* acknowledged, not in the ledger, or there with other units or of
                                   another product; cancels likewise */
    FS_VIOLATION_UNASKED_ORDER, /* in the ledger, asked for by nobody */
    FS_VIOLATION_LIMIT,         /* a buyer had more than per_user_max */
    FS_VIOLATION_CONSERVATION, /* initial + restocked != left + sold + in transit; or buyers are shown
                                  another number of units than are left */
    FS_VIOLATION_METRICS,      /* the server counted something else than it answered */
    FS_VIOLATION_REPLAY, /* a replay that differs from the first answer, or is not marked, or marked
                            without a first; a refusal of what was sold before */
    FS_VIOLATION_FALSE_NOT_TAKEN, /* each request of an attempt was answered "took nothing" (503), and
                                     the order exists */
    FS_VIOLATION_KINDS,
};

const char *fs_violation_kind_name(enum fs_violation_kind kind); /* "lost_order" */

/* A product's ledger, from GET /admin/products/{id}/audit after the run. */
struct fs_ledger_terms {
    bool known;      /* false: it could not be read, or did not come to rest */
    bool consistent; /* as the server says: every term that ends in "_difference" is 0 */
    int64_t initial, restocked, left, sold, in_transit; /* units; sold: less what was cancelled */
    int64_t orders;                                     /* live orders; -1: not told */
    int64_t orders_cancelled;                           /* -1: not told */
    bool is_shown;                                      /* a buyer looked, at rest */
    int64_t shown;                                      /* units, by GET /inventory/{id} */
};

/* What the server counted between before the first request and after the last, before anything is
 * resolved; -1: not told, or the server was started anew in between. */
struct fs_metrics_delta {
    int64_t purchases_sold; /* purchase_outcomes_total{outcome="sold"} */
    int64_t purchases_replayed;
    int64_t purchases_sold_out;
    int64_t purchases_limit;
    int64_t purchases_busy;
};

/* What lookup said, after the run, of one attempt whose answer was unknown, or of one that was
 * acknowledged.  FS_RESOLVED_NONE: there is no such order and none can come. */
struct fs_resolved {
    uint64_t attempt;
    enum {
        FS_RESOLVED_SOLD = 1,
        FS_RESOLVED_NONE,
        FS_RESOLVED_CANCELLED,
        FS_RESOLVED_UNKNOWN
    } status;
    char order_id[FS_ORDER_ID_SIZE];
    int64_t units;                       /* of the order that is kept; 0: not told */
    char product[FS_SCENARIO_NAME_SIZE]; /* of it; "": not told */
};

struct fs_audit_input {
    const struct fs_scenario *scenario;
    const struct fs_history *history;
    const struct fs_ledger_terms *ledgers; /* one a product of the scenario */
    const struct fs_metrics_delta *metrics;
    const struct fs_resolved *resolved;
    size_t resolved_count;
    /* Nobody put stock and limit before the run (no admin token): neither the scenario's nor the
     * ledger's counts say anything of it then, and only answers are compared with each other. */
    bool stock_unknown;
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
    /* A row of accuracy.csv: units, summed over products; sold ones are less what was cancelled.
     * Without any ledger sold_ledger, left and in_transit are -1. */
    int64_t stock, restocked, sold_acknowledged, sold_resolved, sold_ledger, left, in_transit;
    uint64_t unknown_left;   /* answers that no lookup could resolve */
    uint32_t ledgers_unread; /* products; not 0: the accuracy was judged by answers only */
    char note[256]; /* for people: why a scenario that sells out did not; empty: nothing to say */
};

/* Returns 0 or -ENOMEM. */
int fs_audit_run(const struct fs_audit_input *input, struct fs_audit_report *report);

#endif
