/* What becomes of purchases that their home is short for. */
#ifndef FS_V4_GATHER_H
#define FS_V4_GATHER_H

#include "v4.h"

/* The ledger's keep(): takes an op that home is short for, or whose home has no such sale.  An order
 * that was decided with our own transfer, by whoever put it first, is no replay. */
struct fs_ledger_decision;
bool fs_v4_gather_keep(struct fs_ledger_op *state, uint64_t epoch,
                       struct fs_ledger_decision *decision);

/* At the end of a turn, for each touched sale.  [loop] */
void fs_v4_gather(struct fs_v4_sale *sale);

#endif
