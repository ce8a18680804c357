/* Public keys that tokens are checked with: from a PEM file of one or several, or from a JSON Web Key
 * Set (RFC 7517).  A set never changes once made; those who read it hold it. */
#ifndef FS_AUTH_KEY_SET_H
#define FS_AUTH_KEY_SET_H

#include <stdatomic.h>

#include "auth/key.h"
#include "base/limits.h"
#include "base/text.h"

struct fs_set_key {
    struct fs_key key;   /* owned */
    char *kid;           /* owned; NULL: none */
    unsigned algorithms; /* bits of those that it may be used with */
};

struct fs_key_set {
    atomic_uint holders;
    size_t count; /* 1 to FS_KEYS_MAX */
    struct fs_set_key keys[FS_KEYS_MAX];
    bool is_json;     /* a JSON Web Key Set: unknown kids may become known */
    unsigned skipped; /* keys of the set that cannot be used */
};

/* The caller holds the results. */

/* Reads a secret for HS256.  Returns as fs_key_load_secret(). */
int fs_key_set_load_secret(const char *path, struct fs_log *log, struct fs_key_set **set,
                           char error[FS_AUTH_ERROR_SIZE]);

/* Reads every PEM public key of a file: RSA of 2,048 to 8,192 bits, EC on P-256 or P-384, Ed25519,
 * each usable with at least one of algorithms.  Refused: private keys, files that group or others can
 * write.  Returns 0; -ENOENT, -EACCES, -EINVAL, -EIO, -ENOMEM with a sentence in error.  [any] */
int fs_key_set_load_pem(const char *path, unsigned algorithms, struct fs_key_set **set,
                        char error[FS_AUTH_ERROR_SIZE]);

/* The same of a file that holds a JSON Web Key Set. */
int fs_key_set_load_json(const char *path, unsigned algorithms, struct fs_key_set **set,
                         char error[FS_AUTH_ERROR_SIZE]);

/* Reads a JSON Web Key Set.  Keys for encryption, of other kinds and of other algorithms are skipped;
 * a set with a private key, without a usable key, or with more than FS_KEYS_MAX is refused.
 * where: what messages call it.  Returns 0, -EINVAL or -ENOMEM with a sentence in error.  [any] */
int fs_key_set_read_json(const char *where, struct fs_text text, unsigned algorithms,
                         struct fs_key_set **set, char error[FS_AUTH_ERROR_SIZE]);

/* Whether every key of set is in other too, under the same name and algorithms.  [any] */
bool fs_key_set_is_within(const struct fs_key_set *set, const struct fs_key_set *other);

void fs_key_set_hold(struct fs_key_set *set);    /* [any] */
void fs_key_set_release(struct fs_key_set *set); /* NULL is fine; wiped by the last.  [any] */

#endif
