/* What is done for the ops that wait, by what a READ says. */
#ifndef FS_V4_PLAN_H
#define FS_V4_PLAN_H

#include "read.h"

/* Refuses what is proven, has home asked, or brings units there: each op ends, waits at home, or for the
 * next gathering, or is part of a transfer.  ops: of a sale that is there and settled; empty then.
 * is_proof: read finds what the READ before it found, as all have since the one of same_number. */
void fs_v4_plan_carry_out(const struct fs_v4_read *read, struct fs_ledger_queue *ops, bool is_proof,
                          uint64_t same_number);

#endif
