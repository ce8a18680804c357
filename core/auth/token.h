/* JSON Web Tokens (RFC 7519) through libjwt, with one algorithm and no other. */
#ifndef FS_AUTH_TOKEN_H
#define FS_AUTH_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/key.h"
#include "base/text.h"

struct fs_token_rules {
    int algorithm; /* FS_AUTH_HS256, FS_AUTH_RS256 or FS_AUTH_ES256: the only one accepted */
    struct fs_key key;
    const char *issuer;   /* "": not checked */
    const char *audience; /* "": not checked; else it equals aud or is one of its list */
};

struct fs_token_claims {
    char buyer[FS_BUYER_LEN_MAX]; /* the subject */
    size_t buyer_len;
    int64_t expires_s; /* Unix seconds */
};

/* Three base64url parts (RFC 4648, no padding, unused bits zero), none empty, FS_TOKEN_LEN_MAX
 * bytes at most.  So each signature has one spelling only.  [any] */
bool fs_token_is_well_formed(struct fs_text token);

/* A subject that a token may name: 1 to FS_BUYER_LEN_MAX bytes without control characters. */
bool fs_token_is_subject(struct fs_text subject);

/* Checks form, algorithm, signature and claims: sub and exp must be there; iss and aud when asked
 * for; nbf when there; a header "crit" is refused, for none of its extensions is understood (RFC
 * 7515, 4.1.11).  now_s: Unix seconds.
 * Returns 0; -ETIME: all is right but exp has passed; -EACCES; -ENOMEM.  [any] */
int fs_token_verify(const struct fs_token_rules *rules, struct fs_text token, int64_t now_s,
                    struct fs_token_claims *claims);

/* Makes a token with sub, iat and exp, signed with HS256.  *token: NUL-terminated, malloc'd, given
 * to the caller.  Returns 0, -EINVAL (subject is no UTF-8) or -ENOMEM.  [any] */
int fs_token_make(const struct fs_key *key, struct fs_text subject, int64_t now_s,
                  int64_t expires_s, char **token);

#endif
