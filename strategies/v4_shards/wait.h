/* Where an op waits, and how it ends without a decision. */
#ifndef FS_V4_WAIT_H
#define FS_V4_WAIT_H

#include "sale.h"

/* Waits for the sale's next gathering. */
void fs_v4_wait_here(struct fs_v4_sale *sale, struct fs_ledger_op *state);

/* Is asked of home again: in this turn, or a little later. */
void fs_v4_ask_home(struct fs_ledger_op *state);
void fs_v4_ask_home_later(struct fs_ledger_op *state);

/* The store could not be asked: FS_UNAVAILABLE; or, when the op may be decided by a step whose answer
 * is not known, it is asked of home again until its deadline. */
void fs_v4_fail(struct fs_ledger_op *state);

/* The same for all ops of a queue, which is empty then. */
void fs_v4_wait_all(struct fs_v4_sale *sale, struct fs_ledger_queue *queue);
void fs_v4_ask_home_all(struct fs_ledger_queue *queue);
void fs_v4_fail_all(struct fs_ledger_queue *queue);
void fs_v4_end_all(struct fs_ledger_queue *queue, enum fs_verdict verdict);

/* Ends those past their deadline. */
void fs_v4_expire(struct fs_v4_sale *sale, struct fs_ledger_queue *queue);

#endif
