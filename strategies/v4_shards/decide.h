/* DECIDE: a batch of ops at their home. */
#ifndef FS_V4_DECIDE_H
#define FS_V4_DECIDE_H

#include "ledger/batch.h"
#include "sale.h"

/* Sends count ops of one home, linked from first.  script: decide.lua, or one around it, which finds
 * more in its ARGV 8 behind what decide.lua is told there.  transfer: of the ops, or NULL.  [loop] */
void fs_v4_decide_send(struct fs_ledger_product *home, struct fs_ledger_op *first, uint32_t count,
                       const struct fs_script *script, struct fs_text more,
                       struct fs_v4_transfer *transfer,
                       void (*done)(struct fs_call *call, const struct fs_reply *reply));

/* What done() does with the batch: reply is decide.lua's, or what there is instead.  [loop] */
void fs_v4_decide_answer(struct fs_ledger_op *first, const struct fs_reply *reply);

/* What decide.lua is told of the other shards: "|epoch|units|moves", then more. */
#define FS_V4_EXTRA_SIZE ((size_t)8 * FS_LEDGER_NUMBER_SIZE)
struct fs_text fs_v4_decide_extra(char chars[FS_V4_EXTRA_SIZE], struct fs_v4_elsewhere elsewhere,
                                  struct fs_text more);

/* Two arguments, of has_witness() of witness.lua: the shard's witness in that epoch.  number: room for
 * the first.  Returns 2.  [loop] */
size_t fs_v4_decide_witness(struct fs_ledger_product *shard, uint64_t epoch,
                            char number[FS_LEDGER_NUMBER_SIZE], struct fs_text argv[2]);

/* The clock of a sale is that of the store of shard 0: other stores' clocks are compared with it, as this
 * worker was answered last.  A difference up to FS_V4_SKEW_MS is not told from the time of a trip. */
#define FS_V4_SKEW_MS 25
#define FS_V4_SKEW_TOLD_MS 1000 /* logged */
void fs_v4_decide_clock(const struct fs_v4_sale *sale, unsigned shard);

#endif
