/* Arbitrary bytes as a token.  The first byte says what the rest is:
 *
 *   h, e, r   a token under the rules of HS256, ES256, RS256: accepted is the genuine one alone (for
 *             ES256 its header and claims: whoever has a signature (r, s) has (r, n - s) too)
 *   s         a header and a payload, one line each, signed here: so that what is behind the
 *             signature is reached too */
#include "auth/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/limits.h"

#define NOW INT64_C(1800000000)
#define SECRET "0123456789abcdef0123456789abcdef"

static const char genuine_hs256[] =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE4MDAwMDM2MDAsImlhdCI6MTgwMDAwMDA"
    "wMCwic3ViIjoidXNlcl8xIn0.DzhvjnxUjmFBOspLhdSIwwmwwgQ_bQra1Jab3UCjVWQ";
static const char genuine_es256[] =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE4MDAwMDM2MDAsInN1YiI6InVzZXJfMSJ"
    "9.di3n9DZMTtVvmNAUO_SQnxjxcPMwoO7CyEha90oM5v8yPv5sReCQXiGq53ZC4Zovbd9YGBoWEI8hKF"
    "hRcR-96Q";
static const char genuine_rs256[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE4MDAwMDM2MDAsInN1YiI6InVzZXJfMSJ"
    "9.E872uAa3dbk6tTOcd2rNyO6UWT3KbdWVBgpjELh218br1EqlmqiIdSP1JQOarPzMXzzKQcTwbN-ZXF"
    "kDPijQGi_5O1zw29bHQfnDipQ3ysQQKX7tdL71v4MeVCJKsnQvNcIc_VjM11zrksmSrM3n0gD7DBp14t"
    "Rn2ipj5XHTtKKwQq0_t7j4Dwuj_Vc2PTN0TUEXsmu6z8pRmhU3Fp2ZSSMs3pOhCmiyqH2LMtiz5Ie4qa"
    "EN1exwVt2UH06oHs8zVOPGr9hc07xFGkHMZFZFgNCYA6uWxd1biuqYXipRbKnWP5Nj-P8G5FtwiTjDk0"
    "BGzWEQ4d_AdjXxX8yFAH7oNA";

/* Their private halves were thrown away. */
static const char es256_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQ7QjrMlq+DBDAW1YkT7uYalk9x6b\n"
                                "BEXzl4dpdFbVX9e0rheS7NE/MPFxazKUWC3qPJrYHoucbRD9Ic2YlSriCA==\n"
                                "-----END PUBLIC KEY-----\n";
static const char rs256_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoDpQ63hySpCP4iHJIQU6\n"
                                "dL2R3uVXc5LsFHamlU9pGCMA/1p2kpQFyqfjwE/l9l57Yww3m8A0CsCAI9S5fpyD\n"
                                "5G9Vpqzk8tyHL4lNeh+U+FTFk7LHzYcWHVOfdies6hiwW6tQI9XuwCW4pZKiUfEL\n"
                                "tAFef4d+Y1clYTB0d6sTAZ/rWv/oNK93KByHBGX0Ob6NyIoDHEyI2Ck3ZdfPNi2N\n"
                                "UYC7zygOaYbiRN8g0aYjE7AokC/Rov/s5OopNiMEVRNM52ksIqWk4sVuE0zYrOHk\n"
                                "Kh/UBQ6nTIdY5FRTsVkwy1i0v1vvTbhq5wYGuHAoM9R1CxOCW6LxyFyuAQHFPuvY\n"
                                "WwIDAQAB\n"
                                "-----END PUBLIC KEY-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_claims(const struct fs_token_claims *claims)
{
    struct fs_text buyer = {claims->buyer, claims->buyer_len};

    if (!fs_token_is_subject(buyer) || claims->expires_s <= NOW)
        abort();
}

static void try_token(unsigned algorithm, struct fs_key key, const char *genuine,
                      struct fs_text token)
{
    struct fs_key_set keys = {.count = 1, .keys = {{.key = key, .algorithms = algorithm}}};
    struct fs_token_rules rules = {
        .algorithms = algorithm, .keys = &keys, .issuer = "", .audience = "", .buyer_claim = "sub"};
    struct fs_token_claims claims;
    size_t signed_len = (size_t)(strrchr(genuine, '.') - genuine);

    if (fs_token_verify(&rules, token, NOW, &claims) != 0) {
        if (fs_text_equals(token, fs_text_of(genuine)))
            abort();
        return;
    }
    check_claims(&claims);
    if (algorithm != FS_AUTH_ES256 && !fs_text_equals(token, fs_text_of(genuine)))
        abort();
    if (token.len != strlen(genuine) || memcmp(token.data, genuine, signed_len) != 0)
        abort();
}

static void try_public(unsigned algorithm, const char *pem, const char *genuine,
                       struct fs_text token)
{
    BIO *in = BIO_new_mem_buf(pem, -1);
    struct fs_key key = {NULL, 0, in ? PEM_read_bio_PUBKEY(in, NULL, NULL, NULL) : NULL};

    if (!key.public_key)
        abort();
    try_token(algorithm, key, genuine, token);
    BIO_free(in);
    fs_key_dispose(&key);
}

static size_t add_base64url(char *out, const void *data, size_t len)
{
    int written = EVP_EncodeBlock((unsigned char *)out, data, (int)len);

    while (written > 0 && out[written - 1] == '=')
        written--;
    for (int i = 0; i < written; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    return (size_t)written;
}

static void try_signed(const char *data, size_t size)
{
    static const char *const expectations[] = {"", "shop"};
    const char *payload = memchr(data, '\n', size);
    char token[FS_TOKEN_LEN_MAX * 2];
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned signature_len;
    size_t len;

    if (!payload || size > FS_TOKEN_LEN_MAX)
        return;
    payload++;
    len = add_base64url(token, data, (size_t)(payload - 1 - data));
    token[len++] = '.';
    len += add_base64url(token + len, payload, (size_t)(data + size - payload));
    HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (unsigned char *)token, len, signature,
         &signature_len);
    token[len++] = '.';
    len += add_base64url(token + len, signature, signature_len);
    for (size_t i = 0; i < 2; i++) {
        struct fs_key_set keys = {
            .count = 1,
            .keys = {{.key = {(char *)SECRET, strlen(SECRET), NULL}, .algorithms = FS_AUTH_HS256}}};
        struct fs_token_rules rules = {.algorithms = FS_AUTH_HS256,
                                       .keys = &keys,
                                       .issuer = expectations[i],
                                       .audience = expectations[i],
                                       .buyer_claim = "sub"};
        struct fs_token_claims claims;

        if (fs_token_verify(&rules, (struct fs_text){token, len}, NOW, &claims) == 0)
            check_claims(&claims);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fs_text rest = {(const char *)data + 1, size ? size - 1 : 0};

    switch (size ? data[0] : 0) {
    case 'h':
        try_token(FS_AUTH_HS256, (struct fs_key){(char *)SECRET, strlen(SECRET), NULL},
                  genuine_hs256, rest);
        break;
    case 'e':
        try_public(FS_AUTH_ES256, es256_pem, genuine_es256, rest);
        break;
    case 'r':
        try_public(FS_AUTH_RS256, rs256_pem, genuine_rs256, rest);
        break;
    case 's':
        try_signed(rest.data, rest.len);
        break;
    default:
        break;
    }
    return 0;
}
