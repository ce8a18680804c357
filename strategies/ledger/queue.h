/* Ops that wait, in the order in which they came. */
#ifndef FS_LEDGER_QUEUE_H
#define FS_LEDGER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct fs_ledger_op;
struct fs_ledger_product;

struct fs_ledger_queue {
    struct fs_ledger_op *first, *last;
};

/* Puts an op at the end.  [loop] */
void fs_ledger_queue_append(struct fs_ledger_queue *queue, struct fs_ledger_op *state);

/* Takes the first op.  NULL: there is none.  [loop] */
struct fs_ledger_op *fs_ledger_queue_shift(struct fs_ledger_queue *queue);

/* Takes at most max ops from the front, to be sent by a script that may decide them: each is said to
 * be asked, those whose client was answered meanwhile are ended.  NULL: none is left.  [loop] */
struct fs_ledger_op *fs_ledger_queue_take(struct fs_ledger_queue *queue, uint32_t max,
                                          uint32_t *count);

/* Takes at most max ops from the front.  [loop] */
struct fs_ledger_op *fs_ledger_queue_cut(struct fs_ledger_queue *queue, uint32_t max,
                                         uint32_t *count);

/* Puts a list of ops back to the front, in their order.  They are asked only as far as an ask of
 * theirs was lost. */
void fs_ledger_queue_return(struct fs_ledger_queue *queue, struct fs_ledger_op *first);

/* Completes what is past its deadline at the front of the product's queue.  The server says the same by
 * itself when this comes too late. */
void fs_ledger_queue_expire(struct fs_ledger_product *product);

#endif
