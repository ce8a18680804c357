/* Keys that sign and check tokens, and the files they live in. */
#ifndef FS_AUTH_KEY_H
#define FS_AUTH_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "auth/auth.h"

struct fs_key {
    char *data;           /* owned: a secret, else NULL */
    size_t len;           /* bytes */
    EVP_PKEY *public_key; /* owned: else NULL */
};

/* Makes a secret of 256 random bits, written as one line of text, when path does not exist.  The
 * file has mode 0600 and appears whole or not at all, also after a crash and when several processes
 * start at once.  *made tells whether this call made it.
 * Returns 0; -ENOENT (no such folder), -EACCES, -ENAMETOOLONG, -EIO with a sentence in error.  [any] */
int fs_key_make_if_missing(const char *path, bool *made, char error[FS_AUTH_ERROR_SIZE]);

/* Reads a secret: the bytes of the file; where it is one line of printable text, without the end of
 * the line.  log: of a file that the user gave, which group may read, and all, with a warning, as
 * secrets of containers are mounted; NULL: of a file that we made, which its owner alone may read.
 * Refused: fewer than FS_SECRET_LEN_MIN bytes, files that group or others can write.
 * Returns 0; -ENOENT, -EACCES, -EINVAL, -EIO, -ENOMEM with a sentence in error.  [any] */
int fs_key_load_secret(const char *path, struct fs_log *log, struct fs_key *key,
                       char error[FS_AUTH_ERROR_SIZE]);

void fs_key_dispose(struct fs_key *key); /* wipes it */

#endif
