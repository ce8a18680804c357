/* A server that is right, or wrong in one way, and its clients: a run as the audit gets to see it.
 *
 * Time is in nanoseconds here and is cut to microseconds in the history, as clocks do.  Each request
 * acts at one instant after it was sent; one whose answer does not come may act long after its client
 * gave up, or never. */
#ifndef FS_TESTS_BENCH_AUDIT_SIM_H
#define FS_TESTS_BENCH_AUDIT_SIM_H

#include "audit/audit.h"
#include "support/random.h"

enum fs_sim_bug {
    FS_SIM_RIGHT = 0,
    FS_SIM_SELLS_ONE_TOO_MANY,
    FS_SIM_FORGETS_KEYS,        /* a retry is sold anew */
    FS_SIM_LOSES_WRITES,        /* acknowledged, and not recorded */
    FS_SIM_SKIPS_A_SHARD,       /* the last quarter of the stock is never sold */
    FS_SIM_REFUSES_EARLY,       /* now and then, whatever is left */
    FS_SIM_FORGETS_LIMITS,      /* per_user_max is not looked at */
    FS_SIM_REFUSES_BY_LIMIT,    /* now and then, whatever the buyer has */
    FS_SIM_RETURNS_TWICE,       /* a cancel puts its units back twice */
    FS_SIM_FORGETS_CANCELS,     /* a cancel is acknowledged and not made */
    FS_SIM_CANCELS_BY_ITSELF,   /* an order is cancelled that nobody asked to */
    FS_SIM_REPLAYS_UNMARKED,    /* a replay looks like a sale */
    FS_SIM_REPLAYS_OTHER_ORDER, /* with another order id */
    FS_SIM_REPLAYS_OF_NOW,      /* with the remaining units of now */
    FS_SIM_MARKS_FIRST,         /* a first sale is marked as replay */
    FS_SIM_REFUSES_REPLAYS,     /* a retry of what was sold is refused */
    FS_SIM_SELLS_TWO_KEYS_ONE_ORDER,
    FS_SIM_MISCOUNTS_SOLD, /* in the metrics */
    FS_SIM_MISCOUNTS_SOLD_OUT,
    FS_SIM_MISCOUNTS_REPLAYS,
    FS_SIM_SELLS_BY_ITSELF, /* an order that nobody asked for */
    FS_SIM_LOSES_RESTOCKS,  /* acknowledged, and not made */
    FS_SIM_FINDS_NO_ORDERS, /* lookups during the run say unknown */
    FS_SIM_BUGS,
};

struct fs_sim_options {
    enum fs_sim_bug bug;
    uint32_t products;
    uint32_t users;
    uint32_t attempts;
    int64_t stock; /* of each product */
    uint32_t quantity_max;
    int64_t per_user_max;
    uint32_t span_us;     /* attempts begin within it */
    uint32_t duration_us; /* of a request, at most; some take ten times as long */
    /* In 1,000: */
    uint32_t unknown;    /* requests whose answer does not come */
    uint32_t busy;       /* requests that are told busy and the like */
    uint32_t doubled;    /* attempts sent twice at the same time */
    uint32_t again;      /* requests asked again after an answer, or none */
    uint32_t cancelled;  /* sold orders that are cancelled */
    uint32_t looked_up;  /* sold orders that are looked up during the run */
    uint32_t restocks;   /* for each attempt */
    uint32_t unresolved; /* open answers that no lookup closes */
    uint32_t verified;   /* acknowledged orders that are looked up after the run */
    bool sells_out;
};

struct fs_sim_run {
    struct fs_scenario scenario;
    struct fs_history history;
    struct fs_ledger_terms ledgers[FS_SCENARIO_PRODUCTS_MAX];
    struct fs_metrics_delta metrics;
    struct fs_resolved *resolved;
    size_t resolved_count;
    uint32_t bugs_shown; /* how often the bug came to act */
};

/* -ENOMEM.  The run is disposed of by the caller. */
int fs_sim_run(const struct fs_sim_options *options, struct fs_random *random,
               struct fs_sim_run *run);
void fs_sim_run_dispose(struct fs_sim_run *run);

/* What the audit says of it. */
struct fs_audit_report fs_sim_audit(const struct fs_sim_run *run);

#endif
