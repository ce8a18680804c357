/* The history by attempts: what each one may have taken and given back, and between which instants.
 *
 * Only attempts that may have taken units, or were asked more than once, are kept; the mass of plain
 * refusals stays in the history. */
#ifndef FS_AUDIT_COLLECT_H
#define FS_AUDIT_COLLECT_H

#include "audit/audit.h"

#define FS_AUDIT_NEVER UINT64_MAX           /* no such instant is certain */
#define FS_AUDIT_AT_END (UINT64_MAX - 1000) /* by the time of the lookups, after the run */

enum fs_fate {
    FS_FATE_NONE = 1, /* took nothing */
    FS_FATE_MAYBE,    /* nobody knows */
    FS_FATE_SOLD,
};

struct fs_attempt {
    uint64_t attempt;
    const struct fs_operation *const *requests; /* request_count, rising by sent_us */
    const struct fs_operation *first_sold; /* the first that is no replay, if any; NULL: none */
    const struct fs_resolved *resolved;    /* NULL: not looked up */
    enum fs_fate fate;
    uint64_t taken_from_us;    /* not taken earlier */
    uint64_t taken_by_us;      /* taken then for certain; FS_AUDIT_NEVER unless fate is SOLD */
    uint64_t returned_from_us; /* not cancelled earlier; FS_AUDIT_NEVER: by nobody */
    uint64_t returned_by_us;   /* cancelled then for certain */
    uint32_t user;
    uint32_t request_count;
    uint32_t sold_unmarked; /* answers: sold, not marked as replay */
    uint32_t sold_marked;
    uint32_t may_have_run; /* requests that may have been what took the units */
    uint16_t product;
    uint16_t units;
    uint64_t denied_us; /* a request was answered then that it took nothing (503); 0: none */
    bool
        is_falsely_denied; /* no request can have run, one was answered so, and lookup finds the order */
    bool cancelled_by_nobody; /* lookup says cancelled, and no request asked for that */
};

/* Added units, each attempt to restock once. */
struct fs_restock {
    uint64_t from_us;
    uint64_t by_us; /* FS_AUDIT_NEVER: not certain */
    int64_t units;
    uint16_t product;
};

struct fs_collection {
    struct fs_attempt *attempts; /* by product, user, attempt */
    size_t attempt_count;
    struct fs_attempt **by_order; /* those with an order id, by it */
    size_t by_order_count;
    struct fs_restock *restocks;
    size_t restock_count;
    const struct fs_operation **purchases; /* by attempt, sent_us; what requests point into */
    size_t purchase_count;
    const struct fs_operation **refusals;                /* sold_out and user_limit, by product */
    size_t refusals_begin[FS_SCENARIO_PRODUCTS_MAX + 1]; /* of each product, and the end */
};

/* -ENOMEM; nothing is left to dispose of then. */
int fs_collection_init(struct fs_collection *collection, const struct fs_audit_input *input);
void fs_collection_dispose(struct fs_collection *collection);

/* "": it has none. */
const char *fs_attempt_order(const struct fs_attempt *attempt);

/* NULL: of no attempt. */
struct fs_attempt *fs_collection_find(const struct fs_collection *collection, const char *order_id);

/* Attempts of one product: *first and how many. */
size_t fs_collection_product(const struct fs_collection *collection, size_t product,
                             const struct fs_attempt **first);

/* Whether the server may have done what was asked; false: it said that it did not. */
bool fs_operation_may_have_run(const struct fs_operation *operation);

#endif
