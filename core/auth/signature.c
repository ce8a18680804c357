/* Checks RS256 and ES256 with OpenSSL.
 *
 * libjwt could do it, but parses the PEM for each token, which takes ten times as long as the check:
 * 0.5 ms on an event loop, at the disposal of anybody who sends a forged token. */
#include "auth/signature.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/limits.h"

#define EC_HALF 32        /* bytes of r and of s */
#define EC_DER_LEN_MAX 72 /* of both, with their headers */

/* Decodes canonical base64url into bytes.  Returns how many, or -1. */
static int decode(struct fs_text text, unsigned char bytes[FS_TOKEN_LEN_MAX])
{
    unsigned char padded[FS_TOKEN_LEN_MAX + 4];
    size_t len = text.len;
    int decoded;

    if (len == 0 || len > FS_TOKEN_LEN_MAX)
        return -1;
    for (size_t i = 0; i < len; i++)
        padded[i] = text.data[i] == '-'   ? '+'
                    : text.data[i] == '_' ? '/'
                                          : (unsigned char)text.data[i];
    while (len % 4 != 0)
        padded[len++] = '=';
    decoded = EVP_DecodeBlock(bytes, padded, (int)len);
    return decoded < 0 ? -1 : decoded - (int)(len - text.len); /* padding decodes to zeroes */
}

/* JWS has r and s, OpenSSL wants their DER.  Returns its length, 0 on failure. */
static size_t to_der(const unsigned char raw[2 * EC_HALF], unsigned char der[EC_DER_LEN_MAX])
{
    BIGNUM *r = BN_bin2bn(raw, EC_HALF, NULL);
    BIGNUM *s = BN_bin2bn(raw + EC_HALF, EC_HALF, NULL);
    ECDSA_SIG *signature = ECDSA_SIG_new();
    int len = 0;

    if (!r || !s || !signature || ECDSA_SIG_set0(signature, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(signature);
        return 0;
    }
    if (i2d_ECDSA_SIG(signature, NULL) <= EC_DER_LEN_MAX)
        len = i2d_ECDSA_SIG(signature, &der);
    ECDSA_SIG_free(signature); /* and r and s, which it owns */
    return len > 0 ? (size_t)len : 0;
}

bool fs_signature_is_right(EVP_PKEY *key, struct fs_text signed_text, struct fs_text signature)
{
    unsigned char bytes[FS_TOKEN_LEN_MAX], der[EC_DER_LEN_MAX];
    const unsigned char *given = bytes;
    int decoded = decode(signature, bytes);
    size_t len = decoded > 0 ? (size_t)decoded : 0;
    EVP_MD_CTX *context;
    bool right;

    if (len > 0 && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        len = len == (size_t)EC_HALF * 2 ? to_der(bytes, der) : 0;
        given = der;
    }
    if (len == 0)
        return false;
    context = EVP_MD_CTX_new();
    right = context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
            EVP_DigestVerify(context, given, len, (const unsigned char *)signed_text.data,
                             signed_text.len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error(); /* OpenSSL's list of errors belongs to the thread, not to this call */
    return right;
}
