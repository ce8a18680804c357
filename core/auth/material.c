/* Builds everything that log-ins and tokens are judged by, or says why it cannot. */
#include "auth/material.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "auth/fail.h"
#include "base/limits.h"

static int copy_text(const char *text, char **copy, char *error)
{
    *copy = strdup(text ? text : "");
    return *copy ? 0 : fs_auth_fail(error, -ENOMEM, "no memory for the settings of auth");
}

static int load_own_key(struct fs_material *made, const struct fs_auth_options *options,
                        struct fs_log *log, char *error)
{
    bool is_new;
    int rc = fs_key_make_if_missing(options->token_key_file, &is_new, error);

    if (rc != 0)
        return rc;
    if (is_new)
        fs_log_info(log, "auth", "made a token key in %s", options->token_key_file);
    made->rules.algorithms = FS_AUTH_HS256;
    return fs_key_set_load_secret(options->token_key_file, options->token_key_is_ours ? NULL : log,
                                  &made->keys, error);
}

static int load_demo(struct fs_material *made, const struct fs_auth_options *options,
                     struct fs_log *log, char *error)
{
    size_t len = strlen(options->demo_password);
    int rc;

    if (len == 0 || len > FS_PASSWORD_LEN_MAX)
        return fs_auth_fail(error, -EINVAL, "the demo password must have 1 to %u bytes",
                            FS_PASSWORD_LEN_MAX);
    rc = copy_text(options->demo_password, &made->demo_password, error);
    return rc == 0 ? load_own_key(made, options, log, error) : rc;
}

static int load_users(struct fs_material *made, const struct fs_auth_options *options,
                      uint64_t seed, struct fs_log *log, char *error)
{
    int rc = fs_users_load(options->users_file, seed, log, &made->users, error);

    return rc == 0 ? load_own_key(made, options, log, error) : rc;
}

static int load_foreign(struct fs_material *made, const struct fs_auth_options *options,
                        struct fs_key_set *keys, struct fs_log *log, char *error)
{
    int rc = copy_text(options->jwt_issuer, &made->issuer, error);

    if (rc == 0)
        rc = copy_text(options->jwt_audience, &made->audience, error);
    if (rc == 0)
        rc = copy_text(options->buyer_claim, &made->buyer_claim, error);
    if (rc != 0)
        return rc;
    made->rules.issuer = made->issuer;
    made->rules.audience = made->audience;
    made->rules.buyer_claim = made->buyer_claim;
    made->rules.leeway_s = (int64_t)(options->leeway_us / 1000000);
    made->rules.algorithms = options->jwt_algorithms;
    if (keys) {
        fs_key_set_hold(keys);
        made->keys = keys;
        return 0;
    }
    if (made->rules.algorithms == FS_AUTH_HS256)
        return fs_key_set_load_secret(options->jwt_key_file, log, &made->keys, error);
    return fs_key_set_load_pem(options->jwt_key_file, made->rules.algorithms, &made->keys, error);
}

static int load(struct fs_material *made, const struct fs_auth_options *options, uint64_t seed,
                struct fs_log *log, struct fs_key_set *keys, char *error)
{
    switch (options->mode) {
    case FS_AUTH_OPTIONS_DEMO:
        return load_demo(made, options, log, error);
    case FS_AUTH_OPTIONS_USERS:
        return load_users(made, options, seed, log, error);
    case FS_AUTH_OPTIONS_JWT:
        return load_foreign(made, options, keys, log, error);
    }
    return fs_auth_fail(error, -EINVAL, "unknown mode of auth: %d", (int)options->mode);
}

int fs_material_create(const struct fs_auth_options *options, uint64_t seed, struct fs_log *log,
                       struct fs_key_set *keys, struct fs_material **material,
                       char error[FS_AUTH_ERROR_SIZE])
{
    struct fs_material *made = calloc(1, sizeof(*made));
    uint64_t ttl_s = options->token_ttl_us / 1000000;
    int rc;

    if (!made)
        return fs_auth_fail(error, -ENOMEM, "no memory for the settings of auth");
    atomic_init(&made->holders, 1);
    made->mode = (int)options->mode;
    made->token_ttl_s = ttl_s == 0 ? 1 : ttl_s > INT_MAX ? INT_MAX : (unsigned)ttl_s;
    made->rules.issuer = "";
    made->rules.audience = "";
    made->rules.buyer_claim = "";
    rc = load(made, options, seed, log, keys, error);
    if (rc != 0) {
        fs_material_release(made);
        return rc;
    }
    made->rules.keys = made->keys;
    *material = made;
    return 0;
}

struct fs_material *fs_material_with_keys(const struct fs_material *material,
                                          struct fs_key_set *keys)
{
    struct fs_material *made = calloc(1, sizeof(*made));

    if (!made)
        return NULL;
    assert(material->mode == FS_AUTH_OPTIONS_JWT);
    atomic_init(&made->holders, 1);
    made->mode = material->mode;
    made->token_ttl_s = material->token_ttl_s;
    made->rules = material->rules;
    made->issuer = strdup(material->issuer);
    made->audience = strdup(material->audience);
    made->buyer_claim = strdup(material->buyer_claim);
    fs_key_set_hold(keys);
    made->rules.keys = made->keys = keys;
    if (!made->issuer || !made->audience || !made->buyer_claim) {
        fs_material_release(made);
        return NULL;
    }
    made->rules.issuer = made->issuer;
    made->rules.audience = made->audience;
    made->rules.buyer_claim = made->buyer_claim;
    return made;
}

void fs_material_hold(struct fs_material *material)
{
    atomic_fetch_add_explicit(&material->holders, 1, memory_order_relaxed);
}

void fs_material_release(struct fs_material *material)
{
    if (!material || atomic_fetch_sub_explicit(&material->holders, 1, memory_order_acq_rel) != 1)
        return;
    if (material->demo_password)
        explicit_bzero(material->demo_password, strlen(material->demo_password));
    free(material->demo_password);
    free(material->issuer);
    free(material->audience);
    free(material->buyer_claim);
    fs_users_destroy(material->users);
    fs_key_set_release(material->keys);
    free(material);
}

bool fs_material_is_demo_user(struct fs_text name)
{
    if (name.len < 6 || name.len > 14 || memcmp(name.data, "user_", 5) != 0)
        return false;
    for (size_t i = 5; i < name.len; i++)
        if (name.data[i] < '0' || name.data[i] > '9')
            return false;
    return true;
}

bool fs_material_is_demo_password(const struct fs_material *material, struct fs_text password)
{
    char given[FS_PASSWORD_LEN_MAX] = {0};
    char right[FS_PASSWORD_LEN_MAX] = {0};
    size_t right_len = strlen(material->demo_password);
    bool same;

    assert(right_len <= sizeof(right));
    if (password.len == 0 || password.len > sizeof(given))
        return false;
    memcpy(given, password.data, password.len);
    memcpy(right, material->demo_password, right_len);
    same = CRYPTO_memcmp(given, right, sizeof(given)) == 0;
    same = same && password.len == right_len;
    explicit_bzero(given, sizeof(given));
    explicit_bzero(right, sizeof(right));
    return same;
}

bool fs_material_knows(const struct fs_material *material, struct fs_text buyer)
{
    switch (material->mode) {
    case FS_AUTH_OPTIONS_DEMO:
        return fs_material_is_demo_user(buyer);
    case FS_AUTH_OPTIONS_USERS:
        return fs_users_has(material->users, buyer);
    default:
        return true;
    }
}
