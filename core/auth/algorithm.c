/* The table of signature algorithms. */
#include "auth/algorithm.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "auth/auth.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192 /* a verification takes a millisecond */

static const struct fs_algorithm algorithms[] = {
    {"HS256", FS_AUTH_HS256, EVP_PKEY_NONE, NULL, EVP_sha256, 0, false},
    {"RS256", FS_AUTH_RS256, EVP_PKEY_RSA, NULL, EVP_sha256, 0, false},
    {"RS384", FS_AUTH_RS384, EVP_PKEY_RSA, NULL, EVP_sha384, 0, false},
    {"RS512", FS_AUTH_RS512, EVP_PKEY_RSA, NULL, EVP_sha512, 0, false},
    {"PS256", FS_AUTH_PS256, EVP_PKEY_RSA, NULL, EVP_sha256, 0, true},
    {"ES256", FS_AUTH_ES256, EVP_PKEY_EC, "prime256v1", EVP_sha256, 32, false},
    {"ES384", FS_AUTH_ES384, EVP_PKEY_EC, "secp384r1", EVP_sha384, 48, false},
    {"EdDSA", FS_AUTH_EDDSA, EVP_PKEY_ED25519, NULL, NULL, 0, false},
};

#define ALGORITHM_COUNT (sizeof(algorithms) / sizeof(algorithms[0]))

const struct fs_algorithm *fs_algorithm_find(struct fs_text name)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (fs_text_equals(name, fs_text_of(algorithms[i].name)))
            return &algorithms[i];
    return NULL;
}

unsigned fs_auth_algorithm_bit(const char *name)
{
    const struct fs_algorithm *found = fs_algorithm_find(fs_text_of(name));

    return found ? found->bit : 0;
}

unsigned fs_algorithm_bits_of(EVP_PKEY *key, const char **why)
{
    int type = EVP_PKEY_get_base_id(key);
    char group[64] = "";
    unsigned bits = 0;

    if (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
        *why = "an RSA key of fewer than 2048 bits";
        return 0;
    }
    if (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) > RSA_BITS_MAX) {
        *why = "an RSA key of more than 8192 bits";
        return 0;
    }
    if (type == EVP_PKEY_EC)
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL);
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (algorithms[i].key_type == type && type != EVP_PKEY_NONE &&
            (!algorithms[i].group || strcmp(algorithms[i].group, group) == 0))
            bits |= algorithms[i].bit;
    if (bits == 0)
        *why = "a key that is neither RSA, nor EC on P-256 or P-384, nor Ed25519";
    return bits;
}
