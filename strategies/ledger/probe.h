/* Whether the store takes the writes of a purchase: for readiness. */
#ifndef FS_LEDGER_PROBE_H
#define FS_LEDGER_PROBE_H

#include "ask.h"

/* What the last probe of a worker found: for a second it stands for the next one, so that whoever asks for
 * readiness does not decide how often the store syncs. */
enum fs_ledger_written { FS_LEDGER_WRITTEN_UNKNOWN = 0, FS_LEDGER_WRITTEN, FS_LEDGER_NOT_WRITTEN };

enum fs_ledger_written fs_ledger_probe_known(const struct fs_ledger_worker *worker); /* [loop] */

/* Sends probe.lua with keys of a product that has no sale; done is given the reply.  [loop] */
void fs_ledger_probe_write(struct fs_ledger_ask *state, struct fs_text product,
                           void (*done)(struct fs_call *call, const struct fs_reply *reply));

/* Whether the reply says that the writes were made; a failure is logged when it begins and when its
 * reason changes.  [loop] */
bool fs_ledger_probe_took(struct fs_ledger_ask *state, const struct fs_reply *reply);

#endif
