/* Makes and verifies tokens.
 *
 * libjwt 1.10.2 leaves much to its caller.  It takes the algorithm from the token, so a token signed
 * by HMAC with our public key verifies: the header's "alg" is compared with ours.  It compares
 * names of algorithms without case.  It stops reading base64 at the first foreign byte and ignores
 * unused bits, so one signature has many spellings, and it writes behind a buffer of no bytes for
 * an empty part: only well-formed tokens reach it.  When memory runs out it may report success for
 * a token that it never checked; such a token has no algorithm and no claims, and fails here.
 * Signatures by public key are checked in signature.c. */
#include "auth/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <jwt.h>
#include <openssl/err.h>

#include "auth/auth.h"
#include "auth/signature.h"
#include "base/limits.h"

/* Later than this no clock is right; also keeps a real number from overflowing. */
#define TIME_MAX_S 100000000000.0

/* Form */

/* The value of a base64url character, -1 for others. */
static int sextet_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

static bool is_base64url(const char *data, size_t len)
{
    int sextet = 0;

    if (len == 0 || len % 4 == 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        sextet = sextet_of((unsigned char)data[i]);
        if (sextet < 0)
            return false;
    }
    /* The last of two characters carries 4 bits too many, the last of three 2. */
    return len % 4 == 2 ? (sextet & 15) == 0 : len % 4 == 3 ? (sextet & 3) == 0 : true;
}

bool fs_token_is_well_formed(struct fs_text token)
{
    const char *body, *signature, *end;

    if (token.len == 0 || token.len > FS_TOKEN_LEN_MAX)
        return false;
    end = token.data + token.len;
    body = memchr(token.data, '.', token.len);
    if (!body)
        return false;
    body++;
    signature = memchr(body, '.', (size_t)(end - body));
    if (!signature)
        return false;
    signature++;
    return is_base64url(token.data, (size_t)(body - 1 - token.data)) &&
           is_base64url(body, (size_t)(signature - 1 - body)) &&
           is_base64url(signature, (size_t)(end - signature));
}

bool fs_token_is_subject(struct fs_text subject)
{
    if (subject.len == 0 || subject.len > FS_BUYER_LEN_MAX)
        return false;
    for (size_t i = 0; i < subject.len; i++) {
        unsigned char c = (unsigned char)subject.data[i];

        if (c < ' ' || c == 0x7f)
            return false;
    }
    return true;
}

/* Claims */

static const char *name_of(int algorithm)
{
    switch (algorithm) {
    case FS_AUTH_HS256:
        return "HS256";
    case FS_AUTH_RS256:
        return "RS256";
    case FS_AUTH_ES256:
        return "ES256";
    default:
        return "";
    }
}

static int check_header(jwt_t *jwt, int algorithm)
{
    const char *name = jwt_get_header(jwt, "alg");
    char *critical;

    if (!name || strcmp(name, name_of(algorithm)) != 0)
        return -EACCES;
    if (algorithm == FS_AUTH_HS256 && jwt_get_alg(jwt) != JWT_ALG_HS256)
        return -EACCES;
    critical = jwt_get_headers_json(jwt, "crit");
    free(critical);
    return critical ? -EACCES : 0;
}

/* A NumericDate of RFC 7519: an integer or, rarely, a real number.
 * Returns 0, -ENOENT or -EACCES (something else). */
static int time_claim(jwt_t *jwt, const char *name, int64_t *seconds)
{
    json_t *value;
    double real;
    char *text;
    long whole = jwt_get_grant_int(jwt, name);

    if (errno == ENOENT)
        return -ENOENT;
    if (whole != 0) { /* 0 is also what libjwt says of other types */
        *seconds = whole;
        return 0;
    }
    text = jwt_get_grants_json(jwt, name);
    value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    free(text);
    real = json_is_number(value) ? json_number_value(value) : -1;
    json_decref(value);
    if (!(real >= 0 && real < TIME_MAX_S))
        return -EACCES;
    *seconds = (int64_t)real;
    return 0;
}

static int check_issuer(jwt_t *jwt, const char *issuer)
{
    const char *value;

    if (!*issuer)
        return 0;
    value = jwt_get_grant(jwt, "iss");
    return value && strcmp(value, issuer) == 0 ? 0 : -EACCES;
}

static int check_audience(jwt_t *jwt, const char *audience)
{
    const char *value;
    json_t *list, *item;
    int rc = -EACCES;
    size_t i;
    char *text;

    if (!*audience)
        return 0;
    value = jwt_get_grant(jwt, "aud");
    if (value)
        return strcmp(value, audience) == 0 ? 0 : -EACCES;
    text = jwt_get_grants_json(jwt, "aud");
    list = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    free(text);
    json_array_foreach(list, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), audience) == 0)
            rc = 0;
    }
    json_decref(list);
    return rc;
}

static int take_subject(jwt_t *jwt, struct fs_token_claims *claims)
{
    struct fs_text subject = fs_text_of(jwt_get_grant(jwt, "sub"));

    if (!fs_token_is_subject(subject))
        return -EACCES;
    memcpy(claims->buyer, subject.data, subject.len);
    claims->buyer_len = subject.len;
    return 0;
}

static int check_times(jwt_t *jwt, int64_t now_s, struct fs_token_claims *claims)
{
    int64_t not_before_s = 0;
    int rc = time_claim(jwt, "nbf", &not_before_s);

    if (rc == -EACCES || (rc == 0 && not_before_s > now_s))
        return -EACCES;
    if (time_claim(jwt, "exp", &claims->expires_s) != 0)
        return -EACCES;
    return claims->expires_s > now_s ? 0 : -ETIME;
}

static int check_claims(const struct fs_token_rules *rules, jwt_t *jwt, int64_t now_s,
                        struct fs_token_claims *claims)
{
    int rc = check_header(jwt, rules->algorithm);

    if (rc == 0)
        rc = check_issuer(jwt, rules->issuer);
    if (rc == 0)
        rc = check_audience(jwt, rules->audience);
    if (rc == 0)
        rc = take_subject(jwt, claims);
    if (rc == 0)
        rc = check_times(jwt, now_s, claims);
    return rc;
}

/* Checks the signature and reads the token.  text: well-formed, NUL-terminated. */
static int open_token(const struct fs_token_rules *rules, const char *text, jwt_t **jwt)
{
    const char *dot = strrchr(text, '.');
    struct fs_text signed_text = {text, (size_t)(dot - text)};
    int rc;

    if (rules->algorithm == FS_AUTH_HS256) {
        rc = jwt_decode(jwt, text, (const unsigned char *)rules->key.data, (int)rules->key.len);
        ERR_clear_error(); /* OpenSSL's list of errors belongs to the thread, not to this call */
    } else {
        if (!fs_signature_is_right(rules->key.public_key, signed_text, fs_text_of(dot + 1)))
            return -EACCES;
        rc = jwt_decode(jwt, text, NULL, 0); /* without a key it only reads */
    }
    if (rc == 0 && *jwt)
        return 0;
    return rc == ENOMEM ? -ENOMEM : -EACCES;
}

int fs_token_verify(const struct fs_token_rules *rules, struct fs_text token, int64_t now_s,
                    struct fs_token_claims *claims)
{
    char text[FS_TOKEN_LEN_MAX + 1];
    jwt_t *jwt = NULL;
    int rc;

    if (!fs_token_is_well_formed(token))
        return -EACCES;
    memcpy(text, token.data, token.len);
    text[token.len] = '\0';
    rc = open_token(rules, text, &jwt);
    if (rc != 0)
        return rc;
    rc = check_claims(rules, jwt, now_s, claims);
    jwt_free(jwt);
    return rc;
}

/* Making */

static int fill(jwt_t *jwt, const struct fs_key *key, const char *subject, int64_t now_s,
                int64_t expires_s)
{
    int rc = jwt_add_grant(jwt, "sub", subject);

    if (rc == 0)
        rc = jwt_add_grant_int(jwt, "iat", (long)now_s);
    if (rc == 0)
        rc = jwt_add_grant_int(jwt, "exp", (long)expires_s);
    if (rc == 0)
        rc = jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)key->data, (int)key->len);
    return -rc;
}

int fs_token_make(const struct fs_key *key, struct fs_text subject, int64_t now_s,
                  int64_t expires_s, char **token)
{
    char name[FS_BUYER_LEN_MAX + 1];
    char *made = NULL;
    jwt_t *jwt;
    int rc;

    if (!fs_token_is_subject(subject))
        return -EINVAL;
    memcpy(name, subject.data, subject.len);
    name[subject.len] = '\0';
    if (jwt_new(&jwt) != 0)
        return -ENOMEM;
    rc = fill(jwt, key, name, now_s, expires_s);
    if (rc == 0) {
        made = jwt_encode_str(jwt);
        rc = made ? 0 : -ENOMEM;
    }
    jwt_free(jwt);
    if (rc == 0)
        *token = made;
    return rc;
}
