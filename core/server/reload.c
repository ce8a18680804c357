/* Takes over what may change while the server runs, and names what may not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/access_log.h"
#include "server/server.h"
#include "server/settings.h"

/* What a reload takes over; every other key waits for the next start. */
static const char *const reloadable[] = {
    "shutdown_timeout",
    "shutdown_delay",
    "purchase.max_quantity",
    "purchase.rate_per_buyer",
    "purchase.rate_per_address",
    "http.connections_max",
    "http.connections_per_address_max",
    "tls.certificate",
    "tls.key",
    "auth.demo_password",
    "auth.users_file",
    "auth.token_ttl",
    "auth.jwt_algorithm",
    "auth.jwt_algorithms",
    "auth.buyer_claim",
    "auth.leeway",
    "service_tokens_file",
    "auth.jwt_key_file",
    "auth.jwt_issuer",
    "auth.jwt_audience",
    "auth.login_failures_max",
    "auth.login_failures_address_max",
    "log.level",
};

static bool is_reloadable(const char *path)
{
    for (size_t i = 0; i < sizeof(reloadable) / sizeof(reloadable[0]); i++)
        if (strcmp(reloadable[i], path) == 0)
            return true;
    return false;
}

static void name_what_stays(struct fs_server *server, const struct fs_config *new)
{
    size_t count;
    const struct fs_config_key *keys = fs_config_keys(&count);

    for (size_t i = 0; i < count; i++)
        if (!is_reloadable(keys[i].path) && !fs_config_same(&keys[i], server->config, new))
            fs_log_warning(&server->log, "server",
                           "reload: %s has changed and takes effect at the next start",
                           keys[i].path);
    if ((new->tls_certificate[0] != '\0') != (server->tls != NULL))
        fs_log_warning(&server->log, "server",
                       "reload: TLS is turned on and off at the next start only");
}

static void take_limits(struct fs_worker *worker, void *data)
{
    worker->http.settings = data;
}

/* Nobody uses the old ones once every loop has taken the new. */
static void swap_limits(struct fs_server *server, struct fs_http_settings *limits)
{
    for (size_t i = 0; i < server->worker_count; i++)
        fs_worker_call(server->workers[i], take_limits, limits);
    free(server->http_settings);
    server->http_settings = limits;
}

static void take_tls(struct fs_worker *worker, void *data)
{
    worker->http.accept_main.ssl_ctx = data;
}

/* For connections to come; those that stand keep the certificate that they were shown. */
void fs_server_swap_tls(struct fs_server *server, SSL_CTX *tls)
{
    for (size_t i = 0; i < server->worker_count; i++)
        fs_worker_call(server->workers[i], take_tls, tls);
    fs_tls_retire(&server->tls_retired, server->tls);
    server->tls = tls;
}

/* The watch looks at these files from now on. */
static void take_new_tls(struct fs_server *server, const struct fs_config *config, SSL_CTX *tls)
{
    char *certificate = strdup(config->tls_certificate), *key = strdup(config->tls_key);

    fs_server_swap_tls(server, tls);
    if (certificate && key) {
        free(server->tls_files[0]);
        free(server->tls_files[1]);
        server->tls_files[0] = certificate;
        server->tls_files[1] = key;
        return;
    }
    free(certificate);
    free(key);
}

/* *tls: NULL where there is nothing to renew. */
static int renew_tls(struct fs_server *server, const struct fs_config *config, SSL_CTX **tls,
                     struct fs_error *error)
{
    char problem[FS_TLS_ERROR_SIZE];
    int rc;

    *tls = NULL;
    if (!server->tls || config->tls_certificate[0] == '\0')
        return 0;
    rc = fs_tls_create(config->tls_certificate, config->tls_key, server->has_http2, &server->log,
                       tls, problem);
    return rc == 0 ? 0 : fs_error_set(error, rc, "tls: %s", problem);
}

/* What stays in the running server, whatever the file says now, so that auth is asked for nothing
 * that it was not started with. */
static int reload_auth(struct fs_server *server, const struct fs_config *config,
                       struct fs_error *error)
{
    struct fs_auth_options options = fs_server_auth_options(server, config);
    const struct fs_auth_options first = fs_server_auth_options(server, server->config);
    char problem[FS_AUTH_ERROR_SIZE];
    int rc;

    options.mode = first.mode;
    options.jwks_file = first.jwks_file;
    options.jwks_url = first.jwks_url;
    options.login_threads = first.login_threads;
    options.login_queue_max = first.login_queue_max;
    rc = fs_auth_reload(server->auth, &options, problem);
    return rc == 0 ? 0 : fs_error_set(error, rc, "auth: %s", problem);
}

/* Whatever moved the old file away wants the lines to go to a new one. */
static int reopen_access_log(struct fs_server *server, struct fs_error *error)
{
    const char *path = server->config->http_access_log;
    int rc = server->access_log ? fs_access_log_reopen(server->access_log, path) : 0;

    if (rc == -ENXIO)
        return fs_error_set(error, rc, "http.access_log: %s: no program reads this FIFO", path);
    return rc == 0 ? 0 : fs_error_set(error, rc, "http.access_log: %s: %s", path, strerror(-rc));
}

static int reload(struct fs_server *server, struct fs_error *error)
{
    struct fs_http_settings *limits;
    struct fs_settings *settings;
    struct fs_config *config;
    SSL_CTX *tls;
    int rc;

    rc = fs_settings_reread(server->settings, &settings, &config, error);
    if (rc != 0)
        return rc;
    limits = malloc(sizeof(*limits));
    if (!limits) {
        rc = fs_error_set(error, -ENOMEM, "out of memory");
        goto destroy_settings;
    }
    rc = renew_tls(server, config, &tls, error);
    if (rc != 0)
        goto free_limits;
    rc = reopen_access_log(server, error);
    if (rc == 0)
        rc = reload_auth(server, config, error);
    if (rc != 0)
        goto free_tls;
    *limits = fs_server_limits(server, config);
    swap_limits(server, limits);
    if (tls)
        take_new_tls(server, config, tls);
    fs_log_set_level(&server->log, config->log_level);
    server->config->shutdown_timeout_us = config->shutdown_timeout_us;
    server->config->shutdown_delay_us = config->shutdown_delay_us;
    name_what_stays(server, config);
    fs_log_info(&server->log, "server", "reloaded");
    fs_settings_destroy(server->settings);
    server->settings = settings;
    fs_config_destroy(config);
    return 0;

free_tls:
    fs_tls_destroy(tls);
free_limits:
    free(limits);
destroy_settings:
    fs_settings_destroy(settings);
    fs_config_destroy(config);
    return rc;
}

int fs_server_reload(struct fs_server *server, struct fs_error *error)
{
    int rc;

    if (server->stage != FS_STAGE_LISTENING)
        return fs_error_set(error, -EINVAL, "the server is not started");
    pthread_mutex_lock(&server->reload_mutex);
    rc = reload(server, error);
    pthread_mutex_unlock(&server->reload_mutex);
    if (rc != 0)
        fs_log_error(&server->log, "server", "reload changed nothing: %s", error->text);
    return rc;
}
