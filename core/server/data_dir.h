/* The data folder, and the admin token that lives in it. */
#ifndef FS_SERVER_DATA_DIR_H
#define FS_SERVER_DATA_DIR_H

#include <flashsale/flashsale.h>

#include "base/log.h"

/* Makes the folder when it is missing (0700; its parents must exist) and gives its absolute path,
 * malloc'd.  Warns in log when others can read it.  Returns 0, -ENOTDIR, -EACCES or another errno
 * with a sentence in error.  [main] */
int fs_data_dir_open(const char *path, struct fs_log *log, char **absolute, struct fs_error *error);

#define FS_ADMIN_TOKEN_SIZE 257 /* bytes of a token with its NUL */

/* Where the token is when nothing else was configured: malloc'd; NULL: out of memory. */
char *fs_admin_token_path(const char *data_dir, const char *configured);

/* Reads the token of path.  is_ours: the file is in our data folder and made, 0600 with 32 random
 * bytes in hex, when it is missing; others can read it: refused.  Another file may be read by its
 * group, and by all, with a warning; one that they can write is refused, and so is a token of less than 16 or more
 * than 256 visible characters, is refused.  Returns 0, -ENOENT, -EACCES, -EINVAL, -EIO with a
 * sentence in error.  [main] */
int fs_admin_token_read(const char *path, bool is_ours, struct fs_log *log,
                        char token[FS_ADMIN_TOKEN_SIZE], struct fs_error *error);

#endif
