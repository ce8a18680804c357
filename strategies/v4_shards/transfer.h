/* Moves units from one shard to another: TAKE, PUT, FORGET. */
#ifndef FS_V4_TRANSFER_H
#define FS_V4_TRANSFER_H

#include "read.h"

/* Both count as a step of the sale's gathering until PUT has answered. */

/* TAKE for ops, all of the same home, then PUT and FORGET.  ops: given; each ends, or waits again,
 * here or at home.  NULL: a sweep to shard to.  more: units besides, of a donor that has plenty.
 * [loop] */
void fs_v4_transfer_take(struct fs_v4_sale *sale, unsigned from, unsigned to, uint64_t epoch,
                         int64_t more, struct fs_ledger_op *ops);

/* PUT and FORGET of a transfer that was found pending.  [loop] */
void fs_v4_transfer_finish(struct fs_v4_sale *sale, unsigned from, unsigned to,
                           const struct fs_v4_out *out);

/* Whether an order that home had decided before, as record sequence, was decided with the transfer
 * that was put for this op just now. */
bool fs_v4_transfer_decided(const struct fs_ledger_op *state, uint64_t sequence);

/* Forgets those whose FORGET was never answered.  [main] */
void fs_v4_transfers_dispose(struct fs_v4_worker *worker);

#endif
