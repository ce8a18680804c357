/* A batch of purchases and cancels of one product: one script, one answer.
 *
 * What becomes of an op whose answer did not come, and why it is never decided twice: an order's
 * record is looked for before anything else, so that asking again gives the first decision.  What
 * is left is a refusal after a lost ask: it is true, since a store link runs the commands of one
 * connection in their order, and gives out a new connection only when the old one can run nothing
 * any more (core/store/connection.c).  So when the second ask is refused, the first one has either
 * run before it, and then the order would have been found, or will never run. */
#ifndef FS_LEDGER_BATCH_H
#define FS_LEDGER_BATCH_H

#include "decision.h"
#include "ledger.h"

/* A script that begins with the arguments of decide.lua; lock: whether the lock's key is added to
 * KEYS; owner: ARGV 8. */
struct fs_ledger_batch_kind {
    const struct fs_script *script;
    bool is_dry;
    bool has_lock;
    struct fs_text owner;
};

/* Sends count ops, linked from first, which carries the call.  done() is given first's call; then
 * fs_ledger_batch_answer() ends or returns every op.  [loop] */
void fs_ledger_batch_send(struct fs_ledger_product *product, struct fs_ledger_op *first,
                          uint32_t count, const struct fs_ledger_batch_kind *kind,
                          void (*done)(struct fs_call *call, const struct fs_reply *reply));

struct fs_ledger_op *fs_ledger_batch_of(struct fs_call *call);

/* What an answered batch means: ends its ops, or puts them back to the front of the queue, where
 * they are asked again until their deadline.  Touches the product.  [loop] */
void fs_ledger_batch_answer(struct fs_ledger_op *first, const struct fs_reply *reply);

/* The decisions on the ops linked from first, in their order.  NULL: reply is not decide.lua's for
 * them.  Borrowed until the next such call on this loop. */
const struct fs_ledger_decision *fs_ledger_batch_decisions(const struct fs_ledger_op *first,
                                                           const struct fs_reply *reply);

/* Takes note of the store's clock: what an answer said less when it was asked for, ms. */
void fs_ledger_batch_clock(struct fs_ledger_product *product, int64_t offset_ms);

/* Takes note that the store answered this epoch: what it forgets of it is missed. */
void fs_ledger_batch_epoch(struct fs_ledger_product *product, uint64_t epoch);

/* Takes note of the epoch and the clock in the head of a reply to first's batch that
 * fs_ledger_batch_decisions() took apart just before. */
void fs_ledger_batch_note(struct fs_ledger_op *first, const struct fs_reply *reply);

/* Ends one op by its decision.  False: it was late by the store's clock but is not by ours, and is
 * to be asked again. */
bool fs_ledger_batch_complete(struct fs_ledger_op *state, uint64_t epoch,
                              const struct fs_ledger_decision *decision);

/* What to do with ops of which the store said nothing: reply is of another kind than a list. */
void fs_ledger_batch_fail(struct fs_ledger_op *first, const struct fs_reply *reply);

#endif
