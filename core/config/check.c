/* Refuses settings that are right one by one and wrong together. */
#include "config/check.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "config/address.h"
#include "config/keys.h"
#include "config/problem.h"

/* Where the value of a key came from; NULL for a default, since there is nothing to point at. */
static const char *origin_of(const struct fs_config_builder *builder, const char *path)
{
    const struct fs_config_key *key = fs_config_key_find(fs_text_of(path));
    const struct fs_config_entry *entry;

    assert(key);
    entry = fs_config_builder_entry(builder, key);
    return entry == &builder->layers[FS_CONFIG_FROM_DEFAULT].entries[fs_config_key_index(key)]
               ? NULL
               : entry->origin;
}

static int check_tls(const struct fs_config_builder *builder, const struct fs_config *config,
                     struct fs_config_error *error)
{
    if (config->tls_certificate[0] && !config->tls_key[0])
        return fs_config_fail(error, origin_of(builder, "tls.certificate"),
                              "'tls.certificate' needs 'tls.key' beside it");
    if (config->tls_key[0] && !config->tls_certificate[0])
        return fs_config_fail(error, origin_of(builder, "tls.key"),
                              "'tls.key' needs 'tls.certificate' beside it");
    return 0;
}

static bool lists_hs256(const struct fs_config *config)
{
    for (size_t i = 0; i < config->auth_jwt_algorithms.count; i++)
        if (strcmp(config->auth_jwt_algorithms.items[i], "HS256") == 0)
            return true;
    return false;
}

/* One place for keys, and algorithms that they can be for: a secret and public keys do not mix, since
 * a public key taken for a secret lets anybody sign. */
static int check_jwt(const struct fs_config_builder *builder, const struct fs_config *config,
                     struct fs_config_error *error)
{
    bool has_set = config->auth_jwks_file[0] || config->auth_jwks_url[0];
    const char *algorithm = origin_of(builder, "auth.jwt_algorithm");
    const char *algorithms = origin_of(builder, "auth.jwt_algorithms");

    if ((config->auth_jwt_key_file[0] != '\0') + (config->auth_jwks_file[0] != '\0') +
            (config->auth_jwks_url[0] != '\0') !=
        1)
        return fs_config_fail(error, origin_of(builder, "auth.mode"),
                              "'auth.mode' jwt needs one of 'auth.jwt_key_file', 'auth.jwks_file' "
                              "and 'auth.jwks_url'");
    if (lists_hs256(config) && config->auth_jwt_algorithms.count > 1)
        return fs_config_fail(error, algorithms,
                              "'auth.jwt_algorithms' may list HS256 alone only: its key is a "
                              "secret, those of the others are public");
    if (has_set && lists_hs256(config))
        return fs_config_fail(error, algorithms,
                              "HS256 needs 'auth.jwt_key_file': a key set holds public keys");
    if (has_set && config->auth_jwt_algorithms.count == 0 && algorithm &&
        config->auth_jwt_algorithm == FS_JWT_HS256)
        return fs_config_fail(error, algorithm,
                              "HS256 needs 'auth.jwt_key_file': a key set holds public keys");
    return 0;
}

static int check_auth(const struct fs_config_builder *builder, const struct fs_config *config,
                      struct fs_config_error *error)
{
    const char *origin = origin_of(builder, "auth.mode");

    if (config->auth_mode == FS_AUTH_USERS && !config->auth_users_file[0])
        return fs_config_fail(error, origin, "'auth.mode' users needs 'auth.users_file'");
    return config->auth_mode == FS_AUTH_JWT ? check_jwt(builder, config, error) : 0;
}

/* Demo log-ins on an open address are a shop without a lock. */
static int check_demo(const struct fs_config_builder *builder, const struct fs_config *config,
                      struct fs_config_error *error)
{
    struct fs_config_address address;

    if (config->auth_mode != FS_AUTH_DEMO || config->auth_demo_anywhere)
        return 0;
    for (size_t i = 0; i < config->listen.count; i++) {
        const char *text = config->listen.items[i];
        if (fs_config_address_parse("listen", text, NULL, &address, error) != 0 ||
            !fs_config_address_is_local(&address))
            return fs_config_fail(error, origin_of(builder, "listen"),
                                  "other machines can reach %s, and 'auth.mode' demo lets anybody "
                                  "log in as anybody; use 'auth.mode' users or jwt, or, if that is "
                                  "meant, set 'auth.demo_anywhere' to true (--set "
                                  "auth.demo_anywhere=true)",
                                  text);
    }
    return 0;
}

static int check_listeners(const struct fs_config_builder *builder, const struct fs_config *config,
                           struct fs_config_error *error)
{
    struct fs_config_address one, other;

    if (config->listen.count == 0)
        return fs_config_fail(error, origin_of(builder, "listen"),
                              "'listen' needs at least one address");
    for (size_t i = 0; i < config->listen.count; i++) {
        const char *text = config->listen.items[i];
        if (fs_config_address_parse("listen", text, NULL, &one, error) != 0)
            return -EINVAL;
        for (size_t j = 0; j < i; j++)
            if (fs_config_address_parse("listen", config->listen.items[j], NULL, &other, error) !=
                    0 ||
                fs_config_address_same(&one, &other))
                return fs_config_fail(error, origin_of(builder, "listen"),
                                      "'listen' has the address %s twice", text);
        if (fs_config_address_parse("admin.listen", config->admin_listen, NULL, &other, error) != 0)
            return -EINVAL;
        if (fs_config_address_same(&one, &other))
            return fs_config_fail(error, origin_of(builder, "admin.listen"),
                                  "'admin.listen' and 'listen' have the same address %s", text);
    }
    return 0;
}

static int check_replicas(const struct fs_config_builder *builder, const struct fs_config *config,
                          struct fs_config_error *error)
{
    if (config->redis_wait_replicas == 0 || config->redis_urls.count > 0)
        return 0;
    return fs_config_fail(error, origin_of(builder, "redis.wait_replicas"),
                          "'redis.wait_replicas' needs 'redis.urls': private servers have no "
                          "replicas");
}

static int check_proxies(const struct fs_config_builder *builder, const struct fs_config *config,
                         struct fs_config_error *error)
{
    if (!config->http_proxy_protocol || config->http_trusted_proxies.count > 0)
        return 0;
    return fs_config_fail(error, origin_of(builder, "http.proxy_protocol"),
                          "'http.proxy_protocol' needs 'http.trusted_proxies': whoever may send a "
                          "PROXY header chooses the client's address");
}

int fs_config_check(const struct fs_config_builder *builder, const struct fs_config *config,
                    struct fs_config_error *error)
{
    static int (*const CHECKS[])(const struct fs_config_builder *, const struct fs_config *,
                                 struct fs_config_error *) = {
        check_tls, check_auth, check_listeners, check_demo, check_replicas, check_proxies};
    struct fs_config_mistakes mistakes = {.count = 0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(CHECKS) / sizeof(CHECKS[0]); i++) {
        rc = CHECKS[i](builder, config, error);
        if (rc != 0)
            rc = fs_config_mistakes_add(&mistakes, rc, error);
    }
    return fs_config_mistakes_end(&mistakes, rc, error);
}
