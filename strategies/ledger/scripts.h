/* The scripts of the ledger, embedded at build time; each .lua file says what it takes and returns. */
#ifndef FS_LEDGER_SCRIPTS_H
#define FS_LEDGER_SCRIPTS_H

#include <flashsale/strategy.h>

extern const struct fs_script fs_ledger_decide;       /* decide.lua */
extern const struct fs_script fs_ledger_allowed;      /* allowed.lua */
extern const struct fs_script fs_ledger_show;         /* sale.lua, show.lua */
extern const struct fs_script fs_ledger_name;         /* name.lua */
extern const struct fs_script fs_ledger_change;       /* sale.lua, change.lua */
extern const struct fs_script fs_ledger_audit;        /* sale.lua, audit.lua */
extern const struct fs_script fs_ledger_probe_script; /* probe.lua */
extern const struct fs_script fs_ledger_freeze;       /* freeze.lua */

#endif
