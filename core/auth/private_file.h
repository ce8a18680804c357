/* Files that hold secrets: read whole, and refused when the wrong people may read or write them. */
#ifndef FS_AUTH_PRIVATE_FILE_H
#define FS_AUTH_PRIVATE_FILE_H

#include <stddef.h>

#include "base/log.h"

struct fs_private_file {
    const char *what;        /* what messages call it, such as "token key file" */
    const char *path;        /* borrowed */
    unsigned mode_forbidden; /* permission bits that make it refused, such as 077 */
    size_t len_max;          /* bytes; a longer file is refused */
    struct fs_log *log;      /* borrowed: warned when all may read a secret; NULL: it is none, or
                                mode_forbidden says it */
};

/* On success *data holds the file with a NUL behind it, malloc'd, given to the caller: wipe it and
 * free() it.  The permissions are those of the opened file, so that nobody can swap it in between.
 * Returns 0; -ENOENT, -EACCES (cannot be opened, or permissions), -EINVAL (too long, no regular
 * file), -EIO, -ENOMEM with a sentence in error.  [any] */
int fs_private_file_read(const struct fs_private_file *file, char **data, size_t *len, char *error);

/* Wipes len bytes and frees them; NULL is fine. */
void fs_private_file_release(char *data, size_t len);

#endif
