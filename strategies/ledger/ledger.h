/* What v2 to v4 share: sales in Redis as the scripts keep them, and a worker that asks for them.
 *
 * A worker keeps one struct fs_ledger_product for each product that is being asked for or was sold
 * from.  Ops wait in the product's queue; at the end of a turn the strategy's pump() is called for
 * each product that something happened to, and sends what it will. */
#ifndef FS_LEDGER_LEDGER_H
#define FS_LEDGER_LEDGER_H

#include <pthread.h>

#include <flashsale/strategy.h>

#include "keys.h"
#include "limits.h"
#include "queue.h"
#include "text.h"

/* The highest epoch that any worker of this process was answered, and the last sale in it. */
struct fs_ledger_epoch {
    uint64_t epoch;
    uint64_t witness_sequence; /* 0: none in this epoch */
    uint8_t witness_len;
    char witness[FS_ORDER_LEN_MAX];
    uint64_t changed_sequence; /* of the last change that was told; 0: none in this epoch */
    bool is_frozen; /* or lost: it answers nothing until it is reset; logged and counted */
    bool is_lost;
    int64_t since_ms; /* when it was found frozen or lost; 0: not known */
    uint8_t reason_len;
    char reason[FS_LEDGER_REASON_LEN_MAX];
    uint8_t product_len;
    char product[FS_LEDGER_NAME_LEN_MAX];
};

/* One strategy. */
struct fs_ledger {
    /* constant after init */
    const struct fs_host *host; /* borrowed */
    const char *name;           /* of the strategy, for log lines */
    struct fs_text prefix;      /* into prefix_chars */
    char prefix_chars[FS_LEDGER_PREFIX_LEN_MAX];
    struct fs_text data_id; /* of the sale data; empty: none */
    bool has_claims;
    uint32_t batch_max;
    uint32_t batches_max; /* of a product on their way from one worker */
    uint32_t log_max;
    uint32_t audit_max;
    bool (*asked)(struct fs_op *op, bool is_asked); /* the host's, or one that says yes */

    /* guarded by mutex; never taken twice for one batch */
    pthread_mutex_t mutex;
    struct fs_ledger_epoch *epochs; /* owned: FS_LEDGER_EPOCHS_MAX */
    size_t epoch_count;
    size_t witness_next;   /* where the search for the next to check goes on */
    uint64_t frozen_count; /* sales of which one of them is frozen */
};

struct fs_ledger_product;
struct fs_ledger_op;
struct fs_ledger_decision;
struct fs_ledger_ask;

/* A purchase or a cancel: the state of its op. */
struct fs_ledger_op {
    struct fs_call call; /* of the batch, in its first op */
    struct fs_ledger_op *next;
    struct fs_ledger_product *product;
    struct fs_op *op;
    struct fs_text order; /* borrowed until complete, as is buyer */
    struct fs_text buyer;
    uint64_t deadline_us;
    uint64_t sent_us; /* of the batch */
    uint32_t units;   /* 0: a cancel */
    uint32_t trips;
    uint32_t batch_count;     /* of the batch, in its first op */
    bool may_be_decided;      /* an ask was lost: it may have been decided */
    bool was_lost;            /* a batch with it: its own decision comes back as one from before */
    uint64_t sequence_before; /* the highest of the sale that its worker knew at its first ask */
};

struct fs_ledger_worker {
    /* constant after init */
    struct fs_ledger *ledger;
    struct fs_loop *loop;
    size_t extra_size;                               /* bytes of the strategy's with each product */
    void (*pump)(struct fs_ledger_product *product); /* expires, sends what waits, or not */
    /* NULL, or set after init: given each op before it is ended by its decision, which it may change.
     * True: the op is kept. */
    bool (*keep)(struct fs_ledger_op *state, uint64_t epoch, struct fs_ledger_decision *decision);

    /* NULL, or set after init: given a probe that has missed its witness, which it ends. */
    void (*missed)(struct fs_ledger_ask *state);

    /* NULL, or set after init: names that live in probe_count different places; a probe that finds one
     * of them able to sell is satisfied. */
    struct fs_text (*probe_name)(char chars[FS_LEDGER_NAME_LEN_MAX], unsigned number,
                                 unsigned count);
    unsigned probe_count;
    bool has_lock; /* set after init: purchases take the lock of a product first */
    /* NULL, or set after init: given a probe that has found nothing wrong, which it ends. */
    void (*probe_more)(struct fs_ledger_ask *state);

    /* owned */
    struct fs_ledger_product **buckets;   /* FS_LEDGER_PRODUCT_BUCKETS */
    struct fs_text *argv;                 /* room for one batch */
    struct fs_ledger_decision *decisions; /* on one batch */
    char (*numbers)[FS_LEDGER_NUMBER_SIZE];
    char seen[FS_LEDGER_SEEN_SIZE]; /* of one batch, as deadline */
    char deadline[2 * FS_LEDGER_NUMBER_SIZE];

    /* changing [loop] */
    struct fs_ledger_product *dirty; /* something happened to these in this turn */
    uint32_t product_count;

    /* probe.c's [loop] */
    uint64_t probe_written_us; /* when writes were tried last; 0: never */
    bool is_written;           /* and whether the store took them */
    uint32_t probe_problem_len;
    char probe_problem[160]; /* why not, as it was logged last */
};

struct fs_ledger_product {
    /* constant after take */
    struct fs_ledger_worker *worker;
    struct fs_text name;
    char name_chars[FS_LEDGER_NAME_LEN_MAX];
    struct fs_ledger_keys keys;

    /* of a strategy whose products are parts of a sale; set after take */
    struct fs_text told_name; /* what clients call it; borrowed while the product is there */
    struct fs_text data;      /* the mark of the caller's sales; into data_chars, or the ledger's */
    char data_chars[FS_LEDGER_DATA_LEN_MAX];
    bool is_part; /* units left here are not the sale's: told with a purchase alone,
                     which is given what is left elsewhere */
    bool is_kept; /* not let go of */

    /* changing [loop] */
    struct fs_ledger_product *next_in_bucket;
    struct fs_ledger_product *next_dirty;
    struct fs_ledger_queue queue; /* ops that wait to be sent */
    struct fs_call wait;          /* armed while is_waiting */
    uint32_t in_flight;           /* scripts on their way */
    bool is_dirty;
    bool is_waiting;
    bool is_frozen; /* as last answered: so that it is logged once */

    /* What was acknowledged: the highest epoch, and in it the last sale, the witness. */
    uint64_t seen_epoch;
    uint64_t witness_sequence; /* 0: none in this epoch */
    uint8_t witness_len;
    char witness[FS_ORDER_LEN_MAX];
    uint64_t changed_sequence; /* of the last change that was told; 0: none in this epoch */
    uint64_t sequence_seen;    /* the highest that this worker was answered in that epoch */

    /* The store's clock less ours, at most, ms. */
    bool has_clock;
    int64_t clock_offset_ms;
    int64_t clock_shift_ms; /* the sale's clock less the store's; 0 but in v4 */
    bool is_shift_told;     /* logged */

    _Alignas(max_align_t) unsigned char extra[]; /* the strategy's, zeroed */
};

/* Reads store_count().  The limits are set by the strategy before the first attach.  Returns 0 or -EINVAL (logged), -ENOMEM.  [main] */
int fs_ledger_init(struct fs_ledger *ledger, const struct fs_host *host, const char *name,
                   const char *prefix);
void fs_ledger_dispose(struct fs_ledger *ledger); /* [main] */

/* An older host does not say it: then it is none.  [any] */
bool fs_ledger_is_on_cluster(const struct fs_host *host);

/* Remembers that epoch of product was answered, and gives the highest.  [any] */
uint64_t fs_ledger_note_epoch(struct fs_ledger *ledger, struct fs_text product, uint64_t epoch);

/* Remembers that a change was told to be made, as this record of the sale.  [any] */
void fs_ledger_note_change(struct fs_ledger *ledger, struct fs_text product, uint64_t epoch,
                           uint64_t sequence);

/* Forgets the product: it is not there any more, and is not missed.  [any] */
void fs_ledger_forget(struct fs_ledger *ledger, struct fs_text product);

/* Remembers that the worker read the sale in epoch, so that it is missed when the store has it no more.
 * [loop] */
void fs_ledger_note_read(struct fs_ledger_worker *worker, struct fs_text product, uint64_t epoch);

/* The same of a sale that was read, with its trouble where it has one.  [loop] */
struct fs_ledger_sale;
void fs_ledger_note_found(struct fs_ledger_worker *worker, struct fs_text product,
                          const struct fs_ledger_sale *sale);

/* Whether a sale that the store does not have was known to this process, so that the store has lost it;
 * logged the first time.  [any] */
bool fs_ledger_is_lost(struct fs_ledger *ledger, struct fs_text product);

/* Whether any part of the sale was known to this process; all of them are then lost.  [any] */
bool fs_ledger_is_sale_lost(struct fs_ledger *ledger, struct fs_text product);

/* Copies the names of at most max sales that this process knows: a sale of several shards is there
 * several times.  chars: FS_PRODUCT_LEN_MAX bytes for each.  Returns how many.  [any] */
size_t fs_ledger_known_sales(struct fs_ledger *ledger, char *chars, struct fs_text *names,
                             size_t max);

/* Copies what is known of the next sale that has a witness, or was changed, each in its turn.  False:
 * there is none.
 * [any] */
bool fs_ledger_next_witness(struct fs_ledger *ledger, struct fs_ledger_epoch *known);

/* Copies what is known of one sale; *next, which starts at 0, goes on to the next one.  Gives the number of
 * sales; 0: none is known, and nothing was copied.  [any] */
size_t fs_ledger_next_known(struct fs_ledger *ledger, size_t *next, struct fs_ledger_epoch *known);

/* The same of one product.  [any] */
bool fs_ledger_get_witness(struct fs_ledger *ledger, struct fs_text product,
                           struct fs_ledger_epoch *known);

/* Takes note that a sale that this process never knew has left other keys behind: the store has lost it.
 * [any] */
void fs_ledger_note_lost(struct fs_ledger *ledger, struct fs_text product);

/* Logs, once in an epoch, that the store went back behind what was acknowledged of the sale.  [any] */
void fs_ledger_tell_behind(struct fs_ledger *ledger, struct fs_text product);

/* Takes note that a sale that is known is frozen in the store, or is not any more, for the metrics.
 * [any] */
void fs_ledger_note_frozen(struct fs_ledger *ledger, struct fs_text product, bool is_frozen);

/* The same of what was read of a sale, or of a part of it, with the reason and the time.  [any] */
void fs_ledger_note_sale(struct fs_ledger *ledger, struct fs_text product,
                         const struct fs_ledger_sale *sale);

/* Why the sale, or a part of it, sells nothing: copied, with its text into reason.  False: this process
 * knows of no trouble.  [any] */
bool fs_ledger_get_trouble(struct fs_ledger *ledger, struct fs_text product,
                           struct fs_sale_trouble *trouble, char reason[FS_LEDGER_REASON_LEN_MAX]);

/* Tells the host so for the op, where the host listens and there is something to say.  [loop] */
void fs_ledger_tell_trouble(struct fs_ledger *ledger, struct fs_op *op, struct fs_text product);

/* What this worker and the others have seen of the product becomes one: the higher epoch, and in it
 * the later witness.  Once a batch.  [loop] */
void fs_ledger_share_seen(struct fs_ledger_product *product);

/* Returns 0 or -ENOMEM.  [main] */
int fs_ledger_worker_init(struct fs_ledger_worker *worker, struct fs_ledger *ledger,
                          struct fs_loop *loop, size_t extra_size,
                          void (*pump)(struct fs_ledger_product *product));
void fs_ledger_worker_dispose(struct fs_ledger_worker *worker); /* [main] */

/* Finds or makes the product; NULL: no memory.  It stays until a turn ends in which nothing of it
 * waits, nothing is in flight and nothing of it was ever acknowledged, so that names that nobody
 * sells take no memory.  [loop] */
struct fs_ledger_product *fs_ledger_product_take(struct fs_ledger_worker *worker,
                                                 struct fs_text name);

/* Marks the product for this turn's end.  [loop] */
void fs_ledger_product_touch(struct fs_ledger_product *product);

/* Puts an op into the queue of its product, or completes it when it is late or there is no memory.
 * units 0: a cancel.  [loop] */
void fs_ledger_queue_op(struct fs_ledger_worker *worker, struct fs_op *op,
                        struct fs_ledger_op *state, struct fs_text product,
                        const struct fs_ledger_op *asked);

/* Tells the host whether units may be taken or given back for the op from now on.  False: it is past
 * its deadline and its client was answered so: nothing more is sent for it.  [loop] */
static inline bool fs_ledger_op_asked(struct fs_ledger_op *state, bool is_asked)
{
    return state->product->worker->ledger->asked(state->op, is_asked);
}

/* As purchase() and cancel() of the table give them. */
struct fs_ledger_op fs_ledger_op_of_purchase(const struct fs_purchase *purchase);
struct fs_ledger_op fs_ledger_op_of_cancel(const struct fs_order_ref *ref);

/* Members of the strategy table: worker begins with a struct fs_ledger_worker, state with a struct
 * fs_ledger_op.  Both put the op into the queue of its product.  [loop] */
void fs_ledger_purchase(void *worker, struct fs_op *op, void *state,
                        const struct fs_purchase *purchase);
void fs_ledger_cancel(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref);

/* Takes what waits, at most batch_max ops at a time, and has it sent while fewer than batches_max scripts
 * of the product are on their way.  [loop] */
void fs_ledger_product_send(struct fs_ledger_product *product,
                            void (*send)(struct fs_ledger_product *product,
                                         struct fs_ledger_op *first, uint32_t count));

/* Pumps the product again after delay_ms, or when its oldest op is due.  Not while is_waiting. */
void fs_ledger_product_wait(struct fs_ledger_product *product, uint32_t delay_ms);

/* Called when a batch was answered: the next, where it would be small, goes out at the end of the next
 * turn.  That turn waits for nothing, and reads what came while the answers went out, such as what
 * those who were answered ask next: fewer and larger batches, each of which the store syncs once. */
void fs_ledger_product_gather(struct fs_ledger_product *product);

/* Completes the op with a verdict about which the store said nothing. */
void fs_ledger_complete(struct fs_ledger_op *state, enum fs_verdict verdict);

/* At its deadline: what was never asked for, or is known not to be decided, took nothing. */
void fs_ledger_complete_late(struct fs_ledger_op *state);

/* The turn's end, a member of the table: pumps every touched product, lets go of those that nobody
 * needs.  [loop] */
void fs_ledger_turn_end(void *worker);

#endif
