/* What is asked of a sale besides purchases and cancels.  Each function has the shape of the strategy
 * table's member of its name. */
#ifndef FS_V4_ASK_H
#define FS_V4_ASK_H

#include "read.h"

/* The state of such an op. */
struct fs_v4_ask {
    struct fs_ledger_ask ask;  /* first */
    struct fs_v4_sale *sale;   /* used until the op ends; NULL before */
    struct fs_v4_read *before; /* a READ to compare with; owned */
    struct fs_v4_audit *audit; /* owned */
    struct fs_v4_list *list;   /* owned */
    uint32_t round_count;
    bool is_replayed; /* the change was made before */
    void (*summed)(struct fs_v4_ask *state, const struct fs_sale_info *sum,
                   enum fs_verdict verdict); /* see fs_v4_sum_begin() */
};

void fs_v4_lookup(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state,
                  const struct fs_order_ref *ref);
void fs_v4_count(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state,
                 struct fs_text product);
void fs_v4_audit_sale(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state,
                      struct fs_text product);
void fs_v4_list(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state);
void fs_v4_make_change(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state,
                       const struct fs_sale_change *change);

/* What the files of ask share */

/* Fills state and takes its sale.  False: no memory, and the op has ended. */
bool fs_v4_ask_begin(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state,
                     struct fs_text product, uint64_t deadline_us);

/* Ends the op and leaves the sale. */
void fs_v4_ask_end(struct fs_v4_ask *state, enum fs_verdict verdict);

/* READ; false: no memory, and the op has ended as FS_UNAVAILABLE. */
bool fs_v4_ask_read(struct fs_v4_ask *state, void (*done)(struct fs_v4_read *read));

/* Ends the READ to compare with, if any. */
void fs_v4_ask_drop(struct fs_v4_ask *state);

/* Sums that obey the conservation rule: those of an exact read are what was there at one instant; of
 * another they are of several instants, and units left are what the others leave. */
struct fs_sale_info fs_v4_ask_sum(const struct fs_v4_read *read, bool is_exact);

/* READs until it is exact, a few times at most, and finishes a change that it finds half made.  done:
 * given the sum and FS_DONE, or NULL and FS_UNKNOWN or FS_UNAVAILABLE. */
void fs_v4_sum_begin(struct fs_v4_ask *state,
                     void (*done)(struct fs_v4_ask *state, const struct fs_sale_info *sum,
                                  enum fs_verdict verdict));

#endif
