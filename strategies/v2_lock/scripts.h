/* The scripts of v2, embedded at build time; each .lua file says what it takes and returns. */
#ifndef FS_V2_SCRIPTS_H
#define FS_V2_SCRIPTS_H

#include <flashsale/strategy.h>

extern const struct fs_script fs_v2_acquire; /* acquire.lua */
extern const struct fs_script fs_v2_write;   /* fence.lua, guard.lua, decide.lua */
extern const struct fs_script fs_v2_apply;   /* fence.lua, apply.lua */
extern const struct fs_script fs_v2_release; /* release.lua */

#endif
