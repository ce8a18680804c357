/* Signatures by public key, checked with a key that was parsed once. */
#ifndef FS_AUTH_SIGNATURE_H
#define FS_AUTH_SIGNATURE_H

#include <stdbool.h>

#include <openssl/types.h>

#include "base/text.h"

/* signed_text: "header.payload"; signature: canonical base64url, as in the token (RFC 7518, 3.3 and
 * 3.4): PKCS #1 v1.5 for an RSA key; r and s, 32 bytes each, for an EC key on P-256.  [any] */
bool fs_signature_is_right(EVP_PKEY *key, struct fs_text signed_text, struct fs_text signature);

#endif
