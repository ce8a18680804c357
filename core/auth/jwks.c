/* Reads JSON Web Key Sets (RFC 7517, RFC 7518 section 6, RFC 8037 section 2). */
#include "auth/key_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "auth/algorithm.h"
#include "auth/base64url.h"
#include "auth/fail.h"
#include "base/limits.h"

#define NUMBER_LEN_MAX 1024u /* bytes of a modulus, of a coordinate */

static const char *text_of(const json_t *jwk, const char *name)
{
    return json_string_value(json_object_get(jwk, name));
}

/* A number or an octet string; -1 when it is not there or not well-formed. */
static ssize_t bytes_of(const json_t *jwk, const char *name, unsigned char bytes[NUMBER_LEN_MAX])
{
    const char *text = text_of(jwk, name);

    return text && *text ? fs_base64url_decode(fs_text_of(text), bytes, NUMBER_LEN_MAX) : -1;
}

/* params: given, may be NULL. */
static EVP_PKEY *build(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (!params || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
    unsigned char n_bytes[NUMBER_LEN_MAX], e_bytes[NUMBER_LEN_MAX];
    ssize_t n_len = bytes_of(jwk, "n", n_bytes), e_len = bytes_of(jwk, "e", e_bytes);
    OSSL_PARAM_BLD *builder;
    OSSL_PARAM *params = NULL;
    BIGNUM *n, *e;

    if (n_len <= 0 || e_len <= 0 || e_len > 8)
        return NULL;
    n = BN_bin2bn(n_bytes, (int)n_len, NULL);
    e = BN_bin2bn(e_bytes, (int)e_len, NULL);
    builder = OSSL_PARAM_BLD_new();
    if (n && e && builder && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return build("RSA", params);
}

static EVP_PKEY *read_ec(const json_t *jwk)
{
    static const struct {
        const char *name;
        const char *group;
        ssize_t len;
    } curves[] = {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}};
    unsigned char point[1 + 2 * NUMBER_LEN_MAX] = {4}; /* uncompressed */
    const char *name = text_of(jwk, "crv");
    OSSL_PARAM_BLD *builder;
    OSSL_PARAM *params = NULL;
    size_t i = 0;

    while (i < 2 && !(name && strcmp(name, curves[i].name) == 0))
        i++;
    if (i == 2 || bytes_of(jwk, "x", point + 1) != curves[i].len ||
        bytes_of(jwk, "y", point + 1 + curves[i].len) != curves[i].len)
        return NULL;
    builder = OSSL_PARAM_BLD_new();
    if (builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group, 0) ==
            1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         1 + 2 * (size_t)curves[i].len) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    OSSL_PARAM_BLD_free(builder);
    return build("EC", params);
}

static EVP_PKEY *read_okp(const json_t *jwk)
{
    unsigned char x[NUMBER_LEN_MAX];
    const char *curve = text_of(jwk, "crv");

    if (!curve || strcmp(curve, "Ed25519") != 0 || bytes_of(jwk, "x", x) != 32)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, 32);
}

/* Whether the set's author means the key for signatures, with one of algorithms. */
static unsigned allowed_by(const json_t *jwk, unsigned algorithms)
{
    const char *use = text_of(jwk, "use"), *name = text_of(jwk, "alg");
    const json_t *operations = json_object_get(jwk, "key_ops"), *item;
    const struct fs_algorithm *algorithm;
    bool may_verify = !operations;
    size_t i;

    if (use && strcmp(use, "sig") != 0)
        return 0;
    json_array_foreach(operations, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), "verify") == 0)
            may_verify = true;
    }
    if (!may_verify)
        return 0;
    if (!json_object_get(jwk, "alg"))
        return algorithms;
    algorithm = name ? fs_algorithm_find(fs_text_of(name)) : NULL;
    return algorithm ? algorithms & algorithm->bit : 0;
}

static EVP_PKEY *read_key(const json_t *jwk)
{
    const char *type = text_of(jwk, "kty");
    EVP_PKEY *pkey = NULL;

    if (type && strcmp(type, "RSA") == 0)
        pkey = read_rsa(jwk);
    else if (type && strcmp(type, "EC") == 0)
        pkey = read_ec(jwk);
    else if (type && strcmp(type, "OKP") == 0)
        pkey = read_okp(jwk);
    ERR_clear_error();
    return pkey;
}

/* Returns 0 also for a key that it skipped; -EINVAL, -ENOMEM. */
static int add_key(struct fs_key_set *set, const char *where, const json_t *jwk,
                   unsigned algorithms, char *error)
{
    unsigned bits = allowed_by(jwk, algorithms);
    const char *kid = text_of(jwk, "kid");
    const char *why;
    EVP_PKEY *pkey;

    if (json_object_get(jwk, "d") || json_object_get(jwk, "k"))
        return fs_auth_fail(error, -EINVAL,
                            "key set %s holds a private key or a secret; publish public keys only",
                            where);
    pkey = bits != 0 ? read_key(jwk) : NULL;
    if (pkey)
        bits &= fs_algorithm_bits_of(pkey, &why);
    if (!pkey || bits == 0) {
        EVP_PKEY_free(pkey);
        set->skipped++;
        return 0;
    }
    if (set->count == FS_KEYS_MAX) {
        EVP_PKEY_free(pkey);
        return fs_auth_fail(error, -EINVAL, "key set %s holds more than %u keys", where,
                            FS_KEYS_MAX);
    }
    set->keys[set->count].key.public_key = pkey;
    set->keys[set->count].algorithms = bits;
    set->keys[set->count].kid = kid ? strdup(kid) : NULL;
    if (kid && !set->keys[set->count].kid) {
        EVP_PKEY_free(pkey);
        set->keys[set->count].key.public_key = NULL;
        return fs_auth_fail(error, -ENOMEM, "no memory for key set %s", where);
    }
    set->count++;
    return 0;
}

static int read_keys(struct fs_key_set *set, const char *where, const json_t *root,
                     unsigned algorithms, char *error)
{
    const json_t *keys = json_object_get(root, "keys"), *jwk;
    int rc = 0;
    size_t i;

    if (!json_is_array(keys))
        return fs_auth_fail(error, -EINVAL,
                            "key set %s: a JSON object with a list \"keys\" is expected", where);
    json_array_foreach(keys, i, jwk)
    {
        rc = add_key(set, where, jwk, algorithms, error);
        if (rc != 0)
            return rc;
    }
    if (set->count == 0)
        return fs_auth_fail(error, -EINVAL,
                            "key set %s holds no key that auth.jwt_algorithms can use (%u others)",
                            where, set->skipped);
    return 0;
}

int fs_key_set_read_json(const char *where, struct fs_text text, unsigned algorithms,
                         struct fs_key_set **set, char error[FS_AUTH_ERROR_SIZE])
{
    json_error_t problem;
    json_t *root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &problem);
    struct fs_key_set *made;
    int rc;

    if (!root)
        return fs_auth_fail(error, -EINVAL, "key set %s: line %d: %s", where, problem.line,
                            problem.text);
    made = calloc(1, sizeof(*made));
    if (!made) {
        json_decref(root);
        return fs_auth_fail(error, -ENOMEM, "no memory for key set %s", where);
    }
    atomic_init(&made->holders, 1);
    made->is_json = true;
    rc = read_keys(made, where, root, algorithms, error);
    json_decref(root);
    if (rc == 0)
        *set = made;
    else
        fs_key_set_release(made);
    return rc;
}
