/* Whether the store's user may run every command that a sale needs. */
#ifndef FS_LEDGER_ALLOWED_H
#define FS_LEDGER_ALLOWED_H

#include "ask.h"

/* Sends allowed.lua with keys of a product that has no sale.  done: an integer, or an error that names what
 * is missing.  [loop] */
void fs_ledger_allowed_send(struct fs_ledger_ask *state, struct fs_text product,
                            void (*done)(struct fs_call *call, const struct fs_reply *reply));

#endif
