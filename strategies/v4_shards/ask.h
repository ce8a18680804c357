/* What is asked of a sale besides purchases and cancels.  Each function is the strategy
 * table's member of its name: worker is a struct fs_v4_worker, state a struct fs_v4_ask. */
#ifndef FS_V4_ASK_H
#define FS_V4_ASK_H

#include "place.h"
#include "read.h"

/* An order's record: eight numbers and a buyer. */
#define FS_V4_RECORD_SIZE (8 * FS_LEDGER_NUMBER_SIZE + FS_BUYER_LEN_MAX)

/* The state of such an op. */
struct fs_v4_ask {
    struct fs_ledger_ask ask;  /* first */
    struct fs_v4_sale *sale;   /* used until the op ends; NULL before */
    struct fs_v4_read *before; /* a READ to compare with; owned */
    struct fs_v4_audit *audit; /* owned */
    struct fs_v4_list *list;   /* owned */
    uint32_t round_count;
    uint32_t place_count; /* how often it was asked where the sale is */
    bool is_replayed;     /* the change was made before */
    bool is_blind;        /* nobody said where the sale is: its READ is as if nobody had answered */
    bool is_confirmed;    /* that the sale is not there */
    bool is_looked_at;    /* before it is changed: nothing of it is lost */
    bool is_lost;         /* the sale was moved, and where to is lost */
    bool is_frozen;       /* some of it, as it was looked at */
    uint32_t moved;       /* enum fs_v4_moved of the move that it waits for, 0: not yet */
    struct fs_v4_read *held;     /* a READ that is believed when the place is the same; owned */
    int64_t found;               /* what a lookup was answered */
    uint64_t epoch_known;        /* of home, before it was asked */
    struct fs_v4_sale *found_in; /* an order's record, copied; only compared */
    size_t record_len;
    char record[FS_V4_RECORD_SIZE];
    void (*read_done)(struct fs_v4_read *read);
    void (*placed)(struct fs_v4_ask *state, enum fs_v4_placed placed);
    void (*summed)(struct fs_v4_ask *state, const struct fs_sale_info *sum,
                   enum fs_verdict verdict); /* see fs_v4_sum_begin() */
};

void fs_v4_lookup(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref);
void fs_v4_count(void *worker, struct fs_op *op, void *state, struct fs_text product);
void fs_v4_audit_sale(void *worker, struct fs_op *op, void *state, struct fs_text product);
void fs_v4_list(void *worker, struct fs_op *op, void *state);
void fs_v4_make_change(void *worker, struct fs_op *op, void *state,
                       const struct fs_sale_change *change);

/* A probe missed the witness of a shard: it may have been moved. */
void fs_v4_probe_missed(struct fs_ledger_ask *state);

/* What the files of ask share */

/* Fills state, as a table's member is given it, and takes its sale.  NULL: no memory, and the op has
 * ended. */
struct fs_v4_ask *fs_v4_ask_begin(void *worker, struct fs_op *op, void *state,
                                  struct fs_text product, uint64_t deadline_us);

/* Ends the op and leaves the sale. */
void fs_v4_ask_end(struct fs_v4_ask *state, enum fs_verdict verdict);

/* Asks where the sale is; done() is given FS_V4_PLACED also where it is elsewhere: state has that sale
 * then.  [loop] */
void fs_v4_ask_place(struct fs_v4_ask *state, bool is_claim,
                     void (*done)(struct fs_v4_ask *state, enum fs_v4_placed placed));

/* READ, of where the sale is; false: no memory, and the op has ended as FS_UNAVAILABLE. */
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
