/* The scripts of one loop's store: each by the SHA-1 that Redis knows it by. */
#ifndef FS_STORE_SCRIPT_H
#define FS_STORE_SCRIPT_H

#include <flashsale/strategy.h>

#include "base/limits.h"

#define FS_SCRIPT_DIGEST_LEN 40u /* hexadecimal digits of a SHA-1 */

struct fs_script_entry {
    const struct fs_script *script; /* borrowed for ever */
    struct fs_text source;
    char digest[FS_SCRIPT_DIGEST_LEN]; /* lower case, not NUL-terminated */
};

/* Entries stay where they are.  Zero it to init. */
struct fs_scripts {
    struct fs_script_entry entries[FS_STORE_SCRIPTS_MAX];
    size_t count;
};

/* The entry of a script, made when it is seen for the first time; NULL: there are already
 * FS_STORE_SCRIPTS_MAX others, or libcrypto refuses SHA-1.  [loop] */
struct fs_script_entry *fs_scripts_find(struct fs_scripts *scripts, const struct fs_script *script);

#endif
