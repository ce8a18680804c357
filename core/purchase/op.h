/* One request in flight between the HTTP side and the strategy, and the two parties that hold it.
 *
 * The client may leave, the strategy may be late; both are normal.  An op is
 *   answered   when its client has the reply, hung up, or passed its deadline (the http side), and
 *   completed  when the strategy has given its outcome (the strategy side);
 * whoever is second releases it.  A sale counts whether or not anyone still listens.  There is no
 * cancel: the deadline is data.
 *
 *                 complete()                    settle: on_end(), answered
 *   taken ──┬──────────────────► completed ─────────────────────────────► free
 *           │ abandon(), or the deadline: on_end() with FS_UNDETERMINED, or FS_BUSY
 *           └──────────────────► answered ──── complete(), settle ───────► free
 */
#ifndef FS_PURCHASE_OP_H
#define FS_PURCHASE_OP_H

#include <pthread.h>

#include <flashsale/strategy.h>

#include "base/freelist.h"
#include "base/list.h"
#include "metrics/metrics.h"
#include "purchase/recent.h"
#include "strategy/host.h"

enum fs_op_kind {
    FS_OP_PURCHASE = 1,
    FS_OP_CANCEL,
    FS_OP_LOOKUP,
    FS_OP_COUNT,
    FS_OP_LIST,
    FS_OP_AUDIT,
    FS_OP_CHANGE,
    FS_OP_PROBE
};

struct fs_op;

/* The http side of an op.  All run on the op's loop.  on_end() runs exactly once unless the op was
 * abandoned, never inside fs_op_submit(); in it op->outcome is whole, and afterwards the op is the
 * strategy's or free: it may not be touched.  Rows (on_*) run inside the strategy's calls: they
 * copy and return; NULL where no rows are wanted; op->sale and op->order hold the last of each. */
struct fs_op_client {
    void (*on_end)(struct fs_op *op, void *data);
    void (*on_sale)(struct fs_op *op, void *data, const struct fs_sale_info *sale);
    void (*on_term)(struct fs_op *op, void *data, struct fs_text name, int64_t value);
    void (*on_shard)(struct fs_op *op, void *data, uint32_t shard,
                     int64_t units_left); /* of op->sale */
    void (*on_trouble)(struct fs_op *op, void *data,
                       const struct fs_sale_trouble *trouble); /* of op->sale, of a list */
};

/* An op is [loop]: nothing in it is shared with another thread. */
struct fs_op {
    struct fs_ops *ops; /* while taken; the free list's word otherwise */

    /* changing */
    struct fs_link by_deadline; /* in ops->waiting until answered or completed */
    struct fs_link completed_link;
    enum fs_op_kind kind; /* 0: free */
    bool submitted;
    bool answered;
    bool completed;
    bool timed_out; /* the outcome is the deadline's, not the strategy's */
    bool asked;     /* units may be taken or given back for it: what the deadline's outcome says */
    uint64_t submitted_us;
    uint64_t deadline_us;
    const struct fs_op_client *client; /* borrowed, constant */
    void *data;                        /* the client's */

    /* the request: texts point into the arrays, or for change into memory of the client's that is
     * copied here too */
    union {
        struct fs_purchase purchase;
        struct fs_order_ref ref;
        struct fs_sale_change change;
        struct fs_text product;
    } request;
    char product[FS_PRODUCT_LEN_MAX];
    char buyer[FS_BUYER_LEN_MAX];
    char order[FS_ORDER_LEN_MAX];

    /* the answer */
    struct fs_outcome outcome;
    bool has_sale, has_order;
    struct fs_sale_info sale;       /* texts point into product */
    struct fs_order_info found;     /* texts point into product, buyer, order */
    struct fs_sale_trouble trouble; /* state 0: none was told; the text points into reason */
    char reason[FS_REASON_LEN_MAX];

    _Alignas(max_align_t) unsigned char state[]; /* the strategy's, zeroed at submit */
};

/* The ops of one loop. */
struct fs_ops {
    /* constant after init */
    struct fs_loop *loop; /* borrowed */
    uint64_t deadline_span_us;

    /* owned */
    struct fs_freelist slots;
    struct fs_recent *recent; /* orders that were sold here or are in doubt; read by [any] */

    /* changing [loop] */
    pthread_t thread;         /* that submitted last: the only one that may complete */
    struct fs_link waiting;   /* neither answered nor completed, oldest deadline first: all have one
                                 span, so a FIFO */
    struct fs_link auditing;  /* as waiting: audits, which have a longer span */
    struct fs_link completed; /* to settle at the end of this turn */
    uint32_t in_flight;       /* slots taken: not yet both answered and completed */
};

/* Fills the members of host that concern ops: complete, asked and tell_*. */
void fs_ops_offer(struct fs_host *host); /* [main] */

/* in_flight_max: 1 to FS_OPS_MAX.  deadline_span_us: 1 or more.  Returns 0 or -ENOMEM.  [main] */
int fs_ops_init(struct fs_ops *ops, struct fs_loop *loop, uint32_t in_flight_max,
                uint64_t deadline_span_us);
void fs_ops_dispose(struct fs_ops *ops); /* no op is in flight.  [main] */

/* What host->complete is; for requests that the server can answer itself.  [loop, the op's own] */
void fs_op_complete(struct fs_op *op, const struct fs_outcome *outcome);

/* Takes a free op; NULL: all are in flight (answer 503).  Fill in request by the setters, then
 * submit or drop it.  [loop] */
struct fs_op *fs_op_take(struct fs_ops *ops, enum fs_op_kind kind,
                         const struct fs_op_client *client, void *data);
void fs_op_drop(struct fs_op *op); /* one that was not submitted */

/* Copy the texts into the op.  Their lengths were checked before (asserted). */
void fs_op_set_purchase(struct fs_op *op, struct fs_text product, struct fs_text buyer,
                        struct fs_text order, uint32_t units);
void fs_op_set_ref(struct fs_op *op, struct fs_text product, struct fs_text buyer,
                   struct fs_text order);
void fs_op_set_product(struct fs_op *op, struct fs_text product);
void fs_op_set_change(struct fs_op *op, const struct fs_sale_change *change);

/* Hands the op to the strategy.  on_end() runs later.  A probe of a strategy that has none is DONE.
 * [loop] */
void fs_op_submit(struct fs_op *op);

/* The client is gone: on_end() and rows will not run.  Allowed until on_end() has begun.  What then
 * becomes of a purchase is counted in the metrics by its completion, since nobody else hears of it.
 * [loop] */
void fs_op_abandon(struct fs_op *op);

/* Answers what is past its deadline, then what the strategy has completed, and frees what both
 * sides have let go.  An outcome that came in this turn wins over a deadline that passed in it.
 * What on_end() submits is settled by the next turn, also when it is completed at once.  Returns
 * how many were answered: their replies may have left h2o work that it does not poll for, so the
 * next turn must not sleep when it is not 0.  [loop] */
size_t fs_ops_settle(struct fs_ops *ops);

/* The order of a purchase exists, or may exist: fs_recent_has() says so from now on.  [loop] */
void fs_op_note_order(const struct fs_op *op);

/* The oldest deadline, monotonic microseconds; 0: something is to be settled; UINT64_MAX: neither.
 * [loop] */
uint64_t fs_ops_next_due_us(const struct fs_ops *ops);

#endif
