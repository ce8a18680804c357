/* Makes and verifies tokens.
 *
 * The algorithm comes from the token, so it must be one of the configured ones, and the key must be
 * one that may be used with it: a public key is never taken for an HMAC's secret (RFC 8725, 3.1 and
 * 3.2).  Only canonical base64url is read, and JSON without doubled members, so that two readers
 * cannot see different tokens. */
#include "auth/token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "auth/auth.h"
#include "auth/base64url.h"
#include "auth/signature.h"
#include "base/limits.h"

/* Later than this no clock is right; also keeps a real number from overflowing. */
#define TIME_MAX_S 100000000000.0

/* {"alg":"HS256","typ":"JWT"}: of the tokens that are made here. */
static const struct fs_text own_header = {"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", 36};

/* Form */

struct parts {
    struct fs_text header;
    struct fs_text payload;
    struct fs_text signature;
    struct fs_text signed_text; /* header.payload */
};

static bool split(struct fs_text token, struct parts *parts)
{
    const char *payload, *signature, *end;

    if (token.len == 0 || token.len > FS_TOKEN_LEN_MAX)
        return false;
    end = token.data + token.len;
    payload = memchr(token.data, '.', token.len);
    signature = payload ? memchr(payload + 1, '.', (size_t)(end - payload - 1)) : NULL;
    if (!signature)
        return false;
    parts->header = (struct fs_text){token.data, (size_t)(payload - token.data)};
    parts->payload = (struct fs_text){payload + 1, (size_t)(signature - payload - 1)};
    parts->signature = (struct fs_text){signature + 1, (size_t)(end - signature - 1)};
    parts->signed_text = (struct fs_text){token.data, (size_t)(signature - token.data)};
    return true;
}

static bool are_canonical(const struct parts *parts)
{
    return fs_base64url_is_canonical(parts->header) && fs_base64url_is_canonical(parts->payload) &&
           fs_base64url_is_canonical(parts->signature);
}

bool fs_token_is_well_formed(struct fs_text token)
{
    struct parts parts;

    return split(token, &parts) && are_canonical(&parts);
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

/* A part as a JSON object; NULL when it is none. */
static json_t *read_part(struct fs_text part)
{
    unsigned char text[FS_TOKEN_LEN_MAX];
    ssize_t len = fs_base64url_decode(part, text, sizeof(text));
    json_t *object =
        len > 0 ? json_loadb((const char *)text, (size_t)len, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

static int refuse(struct fs_token_claims *claims, const char *why)
{
    claims->why = why;
    return -EACCES;
}

/* Header */

/* Tokens for other ends, such as logout+jwt, are no bearer tokens (RFC 8725, 3.11). */
static bool is_bearer_type(const json_t *type)
{
    static const char *const types[] = {"JWT", "at+jwt", "application/jwt", "application/at+jwt"};

    for (size_t i = 0; json_is_string(type) && i < sizeof(types) / sizeof(types[0]); i++)
        if (fs_text_equals_nocase(fs_text_of(json_string_value(type)), fs_text_of(types[i])))
            return true;
    return !type;
}

struct header {
    const struct fs_algorithm *algorithm;
    json_t *object;  /* owned; NULL: of a token that was made here */
    const char *kid; /* in object; NULL: none */
};

static int judge_header(struct header *header, struct fs_token_claims *claims)
{
    const json_t *name = json_object_get(header->object, "alg");
    const json_t *kid = json_object_get(header->object, "kid");

    if (json_object_get(header->object, "crit"))
        return refuse(claims, "The token has critical extensions (crit), and none is known here.");
    if (!is_bearer_type(json_object_get(header->object, "typ")))
        return refuse(claims, "The token's type (typ) is neither JWT nor at+jwt.");
    header->algorithm =
        json_is_string(name) ? fs_algorithm_find(fs_text_of(json_string_value(name))) : NULL;
    if (kid && !json_is_string(kid))
        return refuse(claims, "The token's key name (kid) is not a text.");
    header->kid = json_string_value(kid);
    return 0;
}

static int read_header(struct fs_text part, unsigned algorithms, struct header *header,
                       struct fs_token_claims *claims)
{
    int rc = 0;

    *header = (struct header){.algorithm = NULL};
    if (fs_text_equals(part, own_header)) {
        header->algorithm = fs_algorithm_find(FS_TEXT("HS256"));
    } else {
        header->object = read_part(part);
        if (!header->object)
            return refuse(claims, "The token's header is not a JSON object.");
        rc = judge_header(header, claims);
    }
    if (rc == 0 && (!header->algorithm || (header->algorithm->bit & algorithms) == 0))
        rc = refuse(claims, "The token's algorithm (alg) is not accepted here.");
    return rc;
}

/* Signature */

static bool may_check(const struct fs_set_key *key, const struct header *header, bool by_name)
{
    if ((key->algorithms & header->algorithm->bit) == 0)
        return false;
    return !by_name || (key->kid && strcmp(key->kid, header->kid) == 0);
}

static int check_signature(const struct fs_token_rules *rules, const struct header *header,
                           const struct parts *parts, struct fs_token_claims *claims)
{
    /* Keys of a PEM file have no names: a kid then says nothing. */
    bool by_name = header->kid && rules->keys->is_json;
    unsigned tried = 0;

    for (size_t i = 0; i < rules->keys->count; i++) {
        const struct fs_set_key *key = &rules->keys->keys[i];

        if (!may_check(key, header, by_name))
            continue;
        tried++;
        if (fs_signature_is_right(header->algorithm, &key->key, parts->signed_text,
                                  parts->signature))
            return 0;
    }
    /* One that was published a moment ago may be the right one. */
    if (rules->keys->is_json && (tried == 0 || !by_name)) {
        claims->why = tried == 0 ? "No key of the identity provider has the token's key name (kid)."
                                 : "No key of the identity provider fits the token's signature.";
        return -ENOKEY;
    }
    return refuse(claims, tried == 0 ? "No key here fits the token's algorithm."
                                     : "The token's signature is wrong.");
}

/* Claims */

/* A NumericDate of RFC 7519: an integer or, rarely, a real number.
 * Returns 0, -ENOENT or -EACCES (something else). */
static int time_claim(const json_t *payload, const char *name, int64_t *seconds)
{
    const json_t *value = json_object_get(payload, name);

    if (!value)
        return -ENOENT;
    if (json_is_integer(value)) {
        *seconds = json_integer_value(value);
        return 0;
    }
    if (!json_is_real(value) || !(json_real_value(value) >= 0) ||
        !(json_real_value(value) < TIME_MAX_S))
        return -EACCES;
    *seconds = (int64_t)json_real_value(value);
    return 0;
}

static bool is_text(const json_t *value, const char *wanted)
{
    return json_is_string(value) && strcmp(json_string_value(value), wanted) == 0;
}

static bool is_for(const json_t *audiences, const char *wanted)
{
    const json_t *item;
    size_t i;

    json_array_foreach(audiences, i, item)
    {
        if (is_text(item, wanted))
            return true;
    }
    return is_text(audiences, wanted);
}

static int take_buyer(const json_t *value, struct fs_token_claims *claims)
{
    char number[24];
    struct fs_text buyer = {0};

    if (json_is_string(value))
        buyer = (struct fs_text){json_string_value(value), json_string_length(value)};
    if (json_is_integer(value)) {
        buyer.len = (size_t)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
                                     json_integer_value(value));
        buyer.data = number;
    }
    if (!value)
        return refuse(claims, "The token has no claim that names the buyer (auth.buyer_claim).");
    if (!fs_token_is_subject(buyer))
        return refuse(claims, "The token's buyer is neither an integer nor a text of 1 to 96 bytes "
                              "without control characters.");
    memcpy(claims->buyer, buyer.data, buyer.len);
    claims->buyer_len = buyer.len;
    return 0;
}

static int check_times(const json_t *payload, int64_t now_s, int64_t leeway_s,
                       struct fs_token_claims *claims)
{
    int64_t from_s = INT64_MIN, issued_s = INT64_MIN;
    int rc = time_claim(payload, "nbf", &from_s);

    if (rc == -EACCES || from_s > now_s + leeway_s)
        return refuse(claims, "The token is not valid yet (nbf).");
    rc = time_claim(payload, "iat", &issued_s);
    if (rc == -EACCES || issued_s > now_s + leeway_s)
        return refuse(claims, "The token was issued in the future (iat): compare the clocks.");
    if (time_claim(payload, "exp", &claims->expires_s) != 0)
        return refuse(claims, "The token has no time of expiry (exp).");
    if (__builtin_add_overflow(claims->expires_s, leeway_s, &claims->expires_s))
        claims->expires_s = INT64_MAX;
    if (claims->expires_s > now_s)
        return 0;
    claims->why = "The token has expired (exp).";
    return -ETIME;
}

static int check_claims(const struct fs_token_rules *rules, const json_t *payload, int64_t now_s,
                        struct fs_token_claims *claims)
{
    const char *name = rules->buyer_claim && *rules->buyer_claim ? rules->buyer_claim : "sub";
    int rc;

    if (*rules->issuer && !is_text(json_object_get(payload, "iss"), rules->issuer))
        return refuse(claims, "The token's issuer (iss) is not the configured one.");
    if (*rules->audience && !is_for(json_object_get(payload, "aud"), rules->audience))
        return refuse(claims, "The token is for another audience (aud).");
    rc = take_buyer(json_object_get(payload, name), claims);
    return rc == 0 ? check_times(payload, now_s, rules->leeway_s, claims) : rc;
}

int fs_token_verify(const struct fs_token_rules *rules, struct fs_text token, int64_t now_s,
                    struct fs_token_claims *claims)
{
    struct header header;
    struct parts parts;
    json_t *payload;
    int rc;

    claims->why = "";
    if (!split(token, &parts) || !are_canonical(&parts))
        return refuse(claims, token.len > FS_TOKEN_LEN_MAX
                                  ? "The token has more than 16384 bytes."
                                  : "The token is not three base64url parts.");
    rc = read_header(parts.header, rules->algorithms, &header, claims);
    if (rc == 0)
        rc = check_signature(rules, &header, &parts, claims);
    json_decref(header.object);
    if (rc != 0)
        return rc;
    payload = read_part(parts.payload);
    if (!payload)
        return refuse(claims, "The token's claims are not a JSON object.");
    rc = check_claims(rules, payload, now_s, claims);
    json_decref(payload);
    return rc;
}

/* Making */

static bool is_utf8(struct fs_text text)
{
    uint32_t code;

    while (text.len > 0) {
        size_t len = fs_text_utf8_first(text, &code);

        if (len == 0)
            return false;
        text.data += len;
        text.len -= len;
    }
    return true;
}

int fs_token_make(const struct fs_key *key, struct fs_text subject, int64_t now_s,
                  int64_t expires_s, char **token)
{
    char payload_text[FS_BUYER_LEN_MAX * 6 + 96], text[2 * sizeof(payload_text)];
    struct fs_buffer payload = fs_buffer_of(payload_text, sizeof(payload_text));
    struct fs_buffer made = fs_buffer_of(text, sizeof(text));
    unsigned char mac[32];

    if (!fs_token_is_subject(subject) || !is_utf8(subject))
        return -EINVAL;
    fs_buffer_add(&payload, FS_TEXT("{\"sub\":"));
    fs_buffer_add_json(&payload, subject);
    fs_buffer_add_format(&payload, ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", now_s, expires_s);
    fs_buffer_add(&made, own_header);
    fs_buffer_add(&made, FS_TEXT("."));
    fs_base64url_add(&made, payload.data, payload.len);
    if (!fs_signature_hmac(key, (struct fs_text){made.data, made.len}, mac))
        return -ENOMEM;
    fs_buffer_add(&made, FS_TEXT("."));
    fs_base64url_add(&made, mac, sizeof(mac));
    *token = made.overflowed || payload.overflowed ? NULL : strndup(made.data, made.len);
    return *token ? 0 : -ENOMEM;
}
