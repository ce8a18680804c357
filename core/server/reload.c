/* Takes over what may change while the server runs, and names what may not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/server.h"
#include "server/settings.h"

static bool texts_equal(const struct fs_config_texts *a, const struct fs_config_texts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

static bool options_equal(const struct fs_config *a, const struct fs_config *b)
{
    if (a->strategy_option_count != b->strategy_option_count)
        return false;
    for (size_t i = 0; i < a->strategy_option_count; i++)
        if (strcmp(a->strategy_options[i].name, b->strategy_options[i].name) != 0 ||
            strcmp(a->strategy_options[i].value, b->strategy_options[i].value) != 0)
            return false;
    return true;
}

static bool products_equal(const struct fs_config *a, const struct fs_config *b)
{
    if (a->product_count != b->product_count)
        return false;
    for (size_t i = 0; i < a->product_count; i++) {
        const struct fs_config_product *x = &a->products[i];
        const struct fs_config_product *y = &b->products[i];

        if (strcmp(x->id, y->id) != 0 || x->stock != y->stock ||
            x->per_user_max != y->per_user_max || x->max_quantity != y->max_quantity ||
            x->opens_at_ms != y->opens_at_ms || x->closes_at_ms != y->closes_at_ms ||
            x->state != y->state)
            return false;
    }
    return true;
}

static void name_what_stays(struct fs_server *server, const struct fs_config *new)
{
    const struct fs_config *old = server->config;
    const struct {
        const char *key;
        bool is_same;
    } keys[] = {
        {"listen", texts_equal(&old->listen, &new->listen)},
        {"admin.listen", strcmp(old->admin_listen, new->admin_listen) == 0},
        {"admin.token_file", strcmp(old->admin_token_file, new->admin_token_file) == 0},
        {"data_dir", strcmp(old->data_dir, new->data_dir) == 0},
        {"workers", old->workers == new->workers},
        {"strategy", strcmp(old->strategy, new->strategy) == 0},
        {"strategy_dir", strcmp(old->strategy_dir, new->strategy_dir) == 0},
        {"strategy_options", options_equal(old, new)},
        {"products", products_equal(old, new)},
        {"purchase.in_flight_max", old->purchase_in_flight_max == new->purchase_in_flight_max},
        {"purchase.deadline", old->purchase_deadline_us == new->purchase_deadline_us},
        {"http.request_timeout", old->http_request_timeout_us == new->http_request_timeout_us},
        {"http.slow_reader_timeout",
         old->http_slow_reader_timeout_us == new->http_slow_reader_timeout_us},
        {"http.backlog", old->http_backlog == new->http_backlog},
        {"http.access_log", strcmp(old->http_access_log, new->http_access_log) == 0},
        {"tls.certificate", strcmp(old->tls_certificate, new->tls_certificate) == 0},
        {"tls.key", strcmp(old->tls_key, new->tls_key) == 0},
        {"auth.mode", old->auth_mode == new->auth_mode},
        {"auth.token_cache", old->auth_token_cache == new->auth_token_cache},
        {"auth.login_threads", old->auth_login_threads == new->auth_login_threads},
        {"redis.urls", texts_equal(&old->redis_urls, &new->redis_urls)},
        {"redis.prefix", strcmp(old->redis_prefix, new->redis_prefix) == 0},
        {"log.format", old->log_format == new->log_format},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!keys[i].is_same)
            fs_log_warning(&server->log, "server",
                           "reload: %s has changed and takes effect at the next start",
                           keys[i].key);
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
    options.login_threads = first.login_threads;
    rc = fs_auth_reload(server->auth, &options, problem);
    return rc == 0 ? 0 : fs_error_set(error, rc, "auth: %s", problem);
}

int fs_server_reload(struct fs_server *server, struct fs_error *error)
{
    struct fs_http_settings *limits;
    struct fs_settings *settings;
    struct fs_config *config;
    int rc;

    if (server->stage != FS_STAGE_LISTENING)
        return fs_error_set(error, -EINVAL, "the server is not started");
    rc = fs_settings_reread(server->settings, &settings, &config, error);
    if (rc != 0)
        return rc;
    limits = malloc(sizeof(*limits));
    if (!limits) {
        rc = fs_error_set(error, -ENOMEM, "out of memory");
        goto destroy_settings;
    }
    rc = reload_auth(server, config, error);
    if (rc != 0)
        goto free_limits;
    *limits = (struct fs_http_settings){
        .quantity_max = config->purchase_max_quantity,
        .connections_max = config->http_connections_max,
        .connections_per_address_max = config->http_connections_per_address_max,
    };
    swap_limits(server, limits);
    fs_log_set_level(&server->log, config->log_level);
    server->config->shutdown_timeout_us = config->shutdown_timeout_us;
    name_what_stays(server, config);
    fs_log_info(&server->log, "server", "reloaded");
    fs_settings_destroy(server->settings);
    server->settings = settings;
    fs_config_destroy(config);
    return 0;

free_limits:
    free(limits);
destroy_settings:
    fs_settings_destroy(settings);
    fs_config_destroy(config);
    return rc;
}
