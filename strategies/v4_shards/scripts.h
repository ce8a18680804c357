/* The scripts of v4, embedded at build time; each .lua file says what it takes and returns. */
#ifndef FS_V4_SCRIPTS_H
#define FS_V4_SCRIPTS_H

#include <flashsale/strategy.h>

extern const struct fs_script fs_v4_read;   /* sale.lua, read.lua */
extern const struct fs_script fs_v4_take;   /* take.lua */
extern const struct fs_script fs_v4_put;    /* put_begin.lua, decide.lua, put_end.lua */
extern const struct fs_script fs_v4_forget; /* forget.lua */
extern const struct fs_script fs_v4_adopt;  /* adopt.lua */
extern const struct fs_script fs_v4_place;  /* place.lua */
extern const struct fs_script fs_v4_mark;   /* mark.lua */
extern const struct fs_script fs_v4_build;  /* build.lua */
extern const struct fs_script fs_v4_copy;   /* copy.lua */
extern const struct fs_script fs_v4_find;   /* find.lua */
extern const struct fs_script fs_v4_change; /* sale.lua, change_begin, change.lua, change_end */

#endif
