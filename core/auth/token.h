/* JSON Web Tokens (RFC 7519, RFC 8725): what a bearer token must be before its buyer is believed. */
#ifndef FS_AUTH_TOKEN_H
#define FS_AUTH_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/key_set.h"
#include "base/text.h"

struct fs_token_rules {
    unsigned algorithms;           /* bits of those accepted, FS_AUTH_HS256 and so on */
    const struct fs_key_set *keys; /* borrowed */
    const char *issuer;            /* "": not checked */
    const char *audience;          /* "": not checked; else it equals aud or is one of its list */
    const char *buyer_claim;       /* "": sub */
    int64_t leeway_s;              /* for exp, nbf and iat */
};

struct fs_token_claims {
    char buyer[FS_BUYER_LEN_MAX];
    size_t buyer_len;
    int64_t expires_s; /* Unix seconds: from then on it is refused, leeway included */
    const char *why;   /* which check failed, a static sentence; set when the token is refused */
};

/* Three base64url parts (RFC 4648, no padding, unused bits zero), none empty, FS_TOKEN_LEN_MAX
 * bytes at most.  So each signature has one spelling only.  [any] */
bool fs_token_is_well_formed(struct fs_text token);

/* A subject that a token may name: 1 to FS_BUYER_LEN_MAX bytes without control characters. */
bool fs_token_is_subject(struct fs_text subject);

/* Checks form, type, algorithm, key, signature and claims, in this order: typ is JWT or at+jwt (RFC
 * 9068) where there is one; the buyer's claim, a text or an integer, and exp must be there; iss and
 * aud when asked for; nbf and iat when there; a header "crit" is refused, for none of its extensions
 * is understood (RFC 7515, 4.1.11).  A token with a kid is checked with the keys of that name, and
 * with those that have none; a token without with all that fit its algorithm.  now_s: Unix seconds.
 * Returns 0; -ETIME: all is right but exp has passed; -ENOKEY: no key of a JSON Web Key Set has the
 * kid, or fits; -EACCES; -ENOMEM.  [any] */
int fs_token_verify(const struct fs_token_rules *rules, struct fs_text token, int64_t now_s,
                    struct fs_token_claims *claims);

/* Makes a token with sub, iat and exp, signed with HS256.  *token: NUL-terminated, malloc'd, given
 * to the caller.  Returns 0, -EINVAL (subject is no UTF-8) or -ENOMEM.  [any] */
int fs_token_make(const struct fs_key *key, struct fs_text subject, int64_t now_s,
                  int64_t expires_s, char **token);

#endif
