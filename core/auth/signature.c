/* Checks signatures with OpenSSL. */
#include "auth/signature.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "auth/base64url.h"
#include "base/limits.h"

#define SIGNATURE_LEN_MAX 1024u /* of an RSA key of 8,192 bits */
#define EC_DER_LEN_MAX 112      /* r and s of 48 bytes, with their headers */

bool fs_signature_hmac(const struct fs_key *key, struct fs_text signed_text, unsigned char mac[32])
{
    unsigned len = 32;

    return HMAC(EVP_sha256(), key->data, (int)key->len, (const unsigned char *)signed_text.data,
                signed_text.len, mac, &len) != NULL;
}

static bool is_right_mac(const struct fs_key *key, struct fs_text signed_text,
                         const unsigned char *given, size_t len)
{
    unsigned char mac[32];

    return len == sizeof(mac) && fs_signature_hmac(key, signed_text, mac) &&
           CRYPTO_memcmp(mac, given, sizeof(mac)) == 0;
}

/* JWS has r and s, OpenSSL wants their DER.  Returns its length, 0 on failure. */
static size_t to_der(const unsigned char *raw, size_t half_len, unsigned char der[EC_DER_LEN_MAX])
{
    BIGNUM *r = BN_bin2bn(raw, (int)half_len, NULL);
    BIGNUM *s = BN_bin2bn(raw + half_len, (int)half_len, NULL);
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

static bool verify(const struct fs_algorithm *algorithm, EVP_PKEY *pkey, struct fs_text signed_text,
                   const unsigned char *given, size_t len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_context = NULL;
    bool right =
        context &&
        EVP_DigestVerifyInit(context, &pkey_context, algorithm->digest ? algorithm->digest() : NULL,
                             NULL, pkey) == 1 &&
        (!algorithm->is_pss ||
         (EVP_PKEY_CTX_set_rsa_padding(pkey_context, RSA_PKCS1_PSS_PADDING) == 1 &&
          EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_context, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
        EVP_DigestVerify(context, given, len, (const unsigned char *)signed_text.data,
                         signed_text.len) == 1;

    EVP_MD_CTX_free(context);
    return right;
}

bool fs_signature_is_right(const struct fs_algorithm *algorithm, const struct fs_key *key,
                           struct fs_text signed_text, struct fs_text signature)
{
    unsigned char bytes[SIGNATURE_LEN_MAX], der[EC_DER_LEN_MAX];
    const unsigned char *given = bytes;
    ssize_t decoded = fs_base64url_decode(signature, bytes, sizeof(bytes));
    size_t len = decoded > 0 ? (size_t)decoded : 0;
    bool right;

    if (key->data)
        return algorithm->key_type == EVP_PKEY_NONE && is_right_mac(key, signed_text, bytes, len);
    if (len > 0 && algorithm->half_len > 0) {
        len = len == 2 * algorithm->half_len ? to_der(bytes, algorithm->half_len, der) : 0;
        given = der;
    }
    right = len > 0 && verify(algorithm, key->public_key, signed_text, given, len);
    ERR_clear_error(); /* OpenSSL's list of errors belongs to the thread, not to this call */
    return right;
}
