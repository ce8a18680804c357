/* What is asked of a sale besides purchases and cancels: lookup, count, list, audit, change, probe.
 * Each function is the strategy table's member of its name: worker begins with a struct
 * fs_ledger_worker, state with a struct fs_ledger_ask. */
#ifndef FS_LEDGER_ASK_H
#define FS_LEDGER_ASK_H

#include "ledger.h"

/* The state of such an op. */
struct fs_ledger_ask {
    struct fs_call call;
    struct fs_ledger_worker *worker;
    struct fs_op *op;
    struct fs_text product, buyer, order; /* borrowed until complete */
    struct fs_sale_change change;
    uint64_t deadline_us;
    uint32_t trips;
    bool may_be_made;      /* an ask for the change was lost */
    unsigned probe_number; /* of a probe: places that were asked in vain */
    uint8_t probed_len;    /* and the sale whose witness is asked for */
    char probed[FS_LEDGER_NAME_LEN_MAX];
};

void fs_ledger_lookup(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref);
void fs_ledger_count(void *worker, struct fs_op *op, void *state, struct fs_text product);
void fs_ledger_list(void *worker, struct fs_op *op, void *state);
void fs_ledger_audit_sale(void *worker, struct fs_op *op, void *state, struct fs_text product);
void fs_ledger_make_change(void *worker, struct fs_op *op, void *state,
                           const struct fs_sale_change *change);
void fs_ledger_probe(void *worker, struct fs_op *op, void *state);

/* The arguments of change.lua, with room for a few more.  Texts point into the struct. */
struct fs_ledger_change_args {
    struct fs_ledger_keys keys;
    char claims[FS_LEDGER_KEY_LEN_MAX];
    char manifest[FS_LEDGER_KEY_LEN_MAX];
    char epochs[2 * FS_LEDGER_NUMBER_SIZE];
    char numbers[10][FS_LEDGER_NUMBER_SIZE];
    struct fs_text argv[28];
    size_t key_count;
    size_t argc;
};

/* Logs that the sale, or its store, belongs to other sale data. */
void fs_ledger_change_is_foreign(const struct fs_ledger_ask *state);

/* name: of the product in the store.  epoch: the highest that this process was answered.  data: the mark
 * of the caller's sales. */
void fs_ledger_change_write(struct fs_ledger_ask *state, struct fs_text name, uint64_t epoch,
                            struct fs_text data, struct fs_ledger_change_args *args);

/* The manifest that the store of these keys must have, so that a sale may be made on it; empty: any. */
struct fs_text fs_ledger_manifest_of(const struct fs_host *host, const struct fs_ledger_keys *keys);

/* What is to be said of a change whose script was not answered by its answer, logged where the store said
 * something else.  0: nothing yet, it is asked for again a little later. */
enum fs_verdict fs_ledger_change_failed(struct fs_ledger_ask *state, const struct fs_reply *reply);

/* Whether it does nothing but pause or close the sale, which a frozen sale takes. */
bool fs_ledger_change_is_stop(const struct fs_sale_change *change);

/* What the files of ask share */

struct fs_ledger_ask *fs_ledger_ask_of(struct fs_call *call);

/* Ends the op with a verdict and nothing known of the sale.  FS_CLOSED, of a change: it is frozen. */
void fs_ledger_ask_end(struct fs_ledger_ask *state, enum fs_verdict verdict);

/* Ends a read that was not answered: FS_UNAVAILABLE, logged where the store said why. */
void fs_ledger_ask_fail(struct fs_ledger_ask *state, const struct fs_reply *reply);

/* Ends a read of a sale that the store does not have: FS_UNKNOWN, or FS_UNAVAILABLE, logged, where this
 * process was answered of it before, so that the store has lost it. */
void fs_ledger_ask_missing(struct fs_ledger_ask *state);

/* Tells the order that was looked up, of which info has what its record says, and ends the op with it. */
void fs_ledger_ask_tell_order(struct fs_ledger_ask *state, struct fs_order_info *info);

/* Ends a count of a sale that the store does not have: FS_UNKNOWN, or the sale as lost. */
void fs_ledger_ask_tell_missing(struct fs_ledger_ask *state);

/* Tells the sale, and why it sells nothing, and ends the op with it. */
void fs_ledger_ask_tell(struct fs_ledger_ask *state, const struct fs_sale_info *info,
                        bool is_replayed);

/* Decides a purchase of what is known in dry mode, so that the store is asked for the witness. */
void fs_ledger_ask_for_witness(struct fs_ledger_ask *state, const struct fs_ledger_epoch *known,
                               void (*done)(struct fs_call *call, const struct fs_reply *reply));

/* Whether the reply to that says that the store does not have it. */
bool fs_ledger_ask_missed(const struct fs_reply *reply);

#endif
