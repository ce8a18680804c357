/* Signatures of tokens, checked with a key that was parsed once. */
#ifndef FS_AUTH_SIGNATURE_H
#define FS_AUTH_SIGNATURE_H

#include <stdbool.h>

#include "auth/algorithm.h"
#include "auth/key.h"
#include "base/text.h"

/* signed_text: "header.payload"; signature: base64url, as in the token (RFC 7518, section 3; RFC
 * 8037): HMAC; PKCS #1 v1.5 or PSS with a salt as long as the digest; r and s one behind the other;
 * EdDSA.  The key fits the algorithm.  [any] */
bool fs_signature_is_right(const struct fs_algorithm *algorithm, const struct fs_key *key,
                           struct fs_text signed_text, struct fs_text signature);

/* HMAC with SHA-256, 32 bytes.  Returns false without memory.  [any] */
bool fs_signature_hmac(const struct fs_key *key, struct fs_text signed_text, unsigned char mac[32]);

#endif
