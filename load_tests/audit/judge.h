/* The judges: each looks at one kind of evidence and writes what it finds into the report. */
#ifndef FS_AUDIT_JUDGE_H
#define FS_AUDIT_JUDGE_H

#include "audit/audit.h"
#include "audit/collect.h"

struct fs_audit {
    const struct fs_audit_input *input;
    struct fs_collection collection;
    struct fs_audit_report *report;
    uint64_t offender_times_us[FS_AUDIT_OFFENDERS_MAX]; /* of report->offenders, rising */
};

/* What the answers add up to for one product: units and orders between certain and possible. */
struct fs_product_sums {
    int64_t sold_units, sold_orders;           /* for certain, with those cancelled later */
    int64_t maybe_units, maybe_orders;         /* nobody knows */
    int64_t returned_units, returned_orders;   /* for certain */
    int64_t returning_units, returning_orders; /* at most; at least the certain ones */
    int64_t restocked;                         /* for certain */
    int64_t restocking;                        /* at most; at least the certain */
    int64_t doubled_units;                     /* attempts answered as sold more than once */
    int64_t doubting_units; /* attempts of which more than one request may have sold */
};

struct fs_product_sums fs_audit_sums(const struct fs_audit *audit, size_t product);

/* What the ledger of a product says by itself and against the most that was asked for. */
struct fs_ledger_verdict {
    bool is_whole;   /* known, and nothing in it contradicts itself */
    bool has_excess; /* more was sold than attempts explain when each is sold once */
};

/* counts.c: conservation and unasked orders of one product; then, when found orders were seen to be
 * lost by lookup, whether the ledger misses any (more); metrics of the server. */
struct fs_ledger_verdict fs_judge_ledger(struct fs_audit *audit, size_t product);
bool fs_judge_lost(struct fs_audit *audit, size_t product, uint64_t found);
void fs_judge_metrics(struct fs_audit *audit);

/* answers.c: duplicates, replays and lookups of one product; returns how many orders are lost.  Then
 * orders that two attempts share, and acknowledged orders that were not found during the run. */
uint64_t fs_judge_answers(struct fs_audit *audit, size_t product, bool has_excess);
void fs_judge_shared_orders(struct fs_audit *audit);
void fs_judge_lookups(struct fs_audit *audit);

/* stock.c: oversold, undersold and refusals of one product by real time.  ledger_is_usable: it
 * contradicts no answer, so what it says of the end is evidence.  -ENOMEM. */
int fs_judge_stock(struct fs_audit *audit, size_t product, bool ledger_is_usable);

/* buyers.c: limits of one product by real time.  -ENOMEM. */
int fs_judge_buyers(struct fs_audit *audit, size_t product);

/* offend.c: counts, and keeps the text when it is among the first.  at_us: FS_AUDIT_AT_END when it
 * is of no instant. */
void fs_offend(struct fs_audit *audit, enum fs_violation_kind kind, uint64_t count, uint64_t at_us,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

const char *fs_audit_product_name(const struct fs_audit *audit, size_t product);

/* "1.203" */
#define FS_SECONDS_FORMAT "%.3f s"
static inline double fs_seconds(uint64_t us)
{
    return (double)us / 1e6;
}

/* The stock that the run began with; -1: not known. */
int64_t fs_audit_initial(const struct fs_audit *audit, size_t product);

#endif
