/* Signs tokens by OpenSSL's own functions, so that nothing of what is tested takes part. */
#include "signer.h"

#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

static int add_base64url(char *out, const void *data, size_t len)
{
    int written = EVP_EncodeBlock((unsigned char *)out, data, (int)len);

    while (written > 0 && out[written - 1] == '=')
        written--;
    for (int i = 0; i < written; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    out[written] = '\0';
    return written;
}

void fs_signer_init(struct fs_signer *signer, const char *algorithm, const char *kid)
{
    signer->algorithm = algorithm;
    signer->kid = kid;
    if (strncmp(algorithm, "ES", 2) == 0)
        signer->pkey = EVP_EC_gen(strcmp(algorithm, "ES384") == 0 ? "P-384" : "P-256");
    else if (strcmp(algorithm, "EdDSA") == 0)
        signer->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        signer->pkey = EVP_RSA_gen(2048);
    if (!signer->pkey)
        errx(2, "no key for %s", algorithm);
}

void fs_signer_dispose(struct fs_signer *signer)
{
    EVP_PKEY_free(signer->pkey);
}

static void add_number(char *text, const struct fs_signer *signer, const char *member,
                       const char *parameter, int pad)
{
    unsigned char bytes[1024];
    BIGNUM *number = NULL;
    int len;

    if (EVP_PKEY_get_bn_param(signer->pkey, parameter, &number) != 1)
        errx(2, "%s", parameter);
    len = BN_bn2binpad(number, bytes, pad ? pad : BN_num_bytes(number));
    text += strlen(text);
    text += snprintf(text, 16, ",\"%s\":\"", member);
    text += add_base64url(text, bytes, (size_t)len);
    memcpy(text, "\"", 2);
    BN_free(number);
}

char *fs_signer_jwk(const struct fs_signer *signer, const char *more)
{
    char *text = calloc(1, 4096);
    size_t raw_len = 32;
    unsigned char raw[32];

    if (!text)
        err(2, "calloc");
    snprintf(text, 512, "{%s\"kty\":\"%s\"", more,
             strcmp(signer->algorithm, "EdDSA") == 0    ? "OKP\",\"crv\":\"Ed25519"
             : strcmp(signer->algorithm, "ES384") == 0  ? "EC\",\"crv\":\"P-384"
             : strncmp(signer->algorithm, "ES", 2) == 0 ? "EC\",\"crv\":\"P-256"
                                                        : "RSA");
    if (signer->kid)
        snprintf(text + strlen(text), 128, ",\"kid\":\"%s\"", signer->kid);
    if (strcmp(signer->algorithm, "EdDSA") == 0) {
        if (EVP_PKEY_get_raw_public_key(signer->pkey, raw, &raw_len) != 1)
            errx(2, "raw key");
        strncat(text, ",\"x\":\"", 8);
        text[strlen(text) + (size_t)add_base64url(text + strlen(text), raw, raw_len)] = '\0';
        strncat(text, "\"", 2);
    } else if (strncmp(signer->algorithm, "ES", 2) == 0) {
        int half = strcmp(signer->algorithm, "ES384") == 0 ? 48 : 32;

        add_number(text, signer, "x", OSSL_PKEY_PARAM_EC_PUB_X, half);
        add_number(text, signer, "y", OSSL_PKEY_PARAM_EC_PUB_Y, half);
    } else {
        add_number(text, signer, "n", OSSL_PKEY_PARAM_RSA_N, 0);
        add_number(text, signer, "e", OSSL_PKEY_PARAM_RSA_E, 0);
    }
    strncat(text, "}", 2);
    return text;
}

static size_t to_raw(const unsigned char *der, size_t len, int half, unsigned char *raw)
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);

    if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, half) != half ||
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + half, half) != half)
        errx(2, "ECDSA_SIG");
    ECDSA_SIG_free(signature);
    return 2 * (size_t)half;
}

static size_t sign(const struct fs_signer *signer, const char *text, size_t len,
                   unsigned char signature[512])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_context = NULL;
    bool is_eddsa = strcmp(signer->algorithm, "EdDSA") == 0;
    const EVP_MD *digest = is_eddsa                           ? NULL
                           : strstr(signer->algorithm, "384") ? EVP_sha384()
                           : strstr(signer->algorithm, "512") ? EVP_sha512()
                                                              : EVP_sha256();
    size_t signature_len = 512;
    unsigned char der[512];

    if (EVP_DigestSignInit(context, &pkey_context, digest, NULL, signer->pkey) != 1 ||
        (signer->algorithm[0] == 'P' &&
         (EVP_PKEY_CTX_set_rsa_padding(pkey_context, RSA_PKCS1_PSS_PADDING) != 1 ||
          EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_context, RSA_PSS_SALTLEN_DIGEST) != 1)) ||
        EVP_DigestSign(context, signature, &signature_len, (const unsigned char *)text, len) != 1)
        errx(2, "EVP_DigestSign");
    EVP_MD_CTX_free(context);
    if (strncmp(signer->algorithm, "ES", 2) != 0)
        return signature_len;
    memcpy(der, signature, signature_len);
    return to_raw(der, signature_len, strcmp(signer->algorithm, "ES384") == 0 ? 48 : 32, signature);
}

char *fs_signer_sign(const struct fs_signer *signer, const char *more, const char *payload)
{
    size_t size = 2 * (strlen(payload) + strlen(more)) + 2048, len;
    char *token = calloc(1, size), header[512];
    unsigned char signature[512];
    size_t signature_len;

    if (!token)
        err(2, "calloc");
    snprintf(header, sizeof(header), "{\"alg\":\"%s\"%s%s%s%s}", signer->algorithm,
             signer->kid ? ",\"kid\":\"" : "", signer->kid ? signer->kid : "",
             signer->kid ? "\"" : "", more);
    len = (size_t)add_base64url(token, header, strlen(header));
    token[len++] = '.';
    len += (size_t)add_base64url(token + len, payload, strlen(payload));
    signature_len = sign(signer, token, len, signature);
    token[len++] = '.';
    add_base64url(token + len, signature, signature_len);
    return token;
}
