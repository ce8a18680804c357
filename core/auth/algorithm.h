/* Signature algorithms of tokens (RFC 7518, section 3; RFC 8037): one table, and which of them a key
 * may be used with. */
#ifndef FS_AUTH_ALGORITHM_H
#define FS_AUTH_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "base/text.h"

struct fs_algorithm {
    const char *name;  /* as in the header's "alg" */
    unsigned bit;      /* FS_AUTH_HS256 and so on */
    int key_type;      /* EVP_PKEY_RSA, EVP_PKEY_EC, EVP_PKEY_ED25519; EVP_PKEY_NONE for a secret */
    const char *group; /* OpenSSL's name of the curve; NULL: none */
    const EVP_MD *(*digest)(void); /* NULL: the key's own */
    size_t half_len;               /* bytes of r and of s of an EC signature; else 0 */
    bool is_pss;
};

/* Names are compared byte by byte.  NULL: not supported.  [any] */
const struct fs_algorithm *fs_algorithm_find(struct fs_text name);

/* The bits of all algorithms that the key fits; 0 with *why, static, for a key that is not good
 * enough or of another kind.  [any] */
unsigned fs_algorithm_bits_of(EVP_PKEY *key, const char **why);

#endif
