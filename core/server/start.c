/* The stages of a start, from the configuration to the listening server. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/line_writer.h"
#include "http/access_log.h"
#include "server/http2_proof.h"
#include "server/parts.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/strategies.h"
#include "server/tls.h"

/* Levels of both sides have the same order; the names differ because the headers do. */
static void to_embedder(void *data, enum fs_log_level level, const char *line)
{
    static const enum fs_server_log_level levels[] = {
        [FS_LOG_DEBUG] = FS_SERVER_DEBUG,
        [FS_LOG_INFO] = FS_SERVER_INFO,
        [FS_LOG_WARNING] = FS_SERVER_WARNING,
        [FS_LOG_ERROR] = FS_SERVER_ERROR,
    };
    const struct fs_server *server = data;

    server->log_callback(server->log_data, levels[level], line);
}

static void report_dropped_lines(void *data, uint64_t dropped, int error)
{
    struct fs_server *server = data;

    fs_log_warning(&server->log, "server", "log: %llu line(s) dropped: %s",
                   (unsigned long long)dropped,
                   error ? strerror(error) : "standard error is read too slowly");
}

static int open_config(struct fs_server *server, struct fs_error *error)
{
    int rc = fs_settings_finish(server->settings, &server->config, error);

    if (rc != 0)
        return rc;
    fs_log_init(&server->log, server->config->log_level, server->config->log_format,
                server->log_callback ? to_embedder : NULL, server);
    if (!server->log_callback && !server->log_writer)
        rc = fs_line_writer_create(STDERR_FILENO, FS_LOG_BUFFER_LEN, report_dropped_lines, server,
                                   &server->log_writer);
    if (rc != 0)
        return fs_error_set(error, rc, "log: no thread to write it: %s", strerror(-rc));
    fs_log_set_writer(&server->log, server->log_writer);
    return 0;
}

static int open_access_log(struct fs_server *server, struct fs_error *error)
{
    const char *target = server->config->http_access_log;
    int rc;

    if (strcmp(target, "off") == 0)
        return 0;
    rc = fs_access_log_open(target, server->config->log_format, &server->log, &server->access_log);
    if (rc == -ENXIO)
        return fs_error_set(
            error, -EINVAL,
            "http.access_log: %s: no program reads this FIFO: start its reader first", target);
    if (rc != 0)
        return fs_error_set(error, rc, "http.access_log: %s: %s", target, strerror(-rc));
    return 0;
}

/* Whoever asks for HTTP/2 is served over HTTP/1.1 where it cannot be guarded. */
static bool may_offer_http2(struct fs_server *server)
{
    char problem[FS_HTTP2_PROOF_ERROR_SIZE];

    if (!server->config->http2)
        return false;
    if (fs_http2_prove(problem) == 0)
        return true;
    fs_log_error(&server->log, "server", "HTTP/2 stays off: %s", problem);
    return false;
}

static int open_tls(struct fs_server *server, struct fs_error *error)
{
    const struct fs_config *config = server->config;
    char problem[FS_TLS_ERROR_SIZE];
    int rc;

    server->has_http2 = false;
    if (config->tls_certificate[0] == '\0')
        return 0;
    server->has_http2 = may_offer_http2(server);
    server->tls_files[0] = strdup(config->tls_certificate);
    server->tls_files[1] = strdup(config->tls_key);
    if (!server->tls_files[0] || !server->tls_files[1])
        return fs_error_set(error, -ENOMEM, "out of memory");
    rc = fs_tls_create(config->tls_certificate, config->tls_key, server->has_http2, &server->log,
                       &server->tls, problem);
    return rc == 0 ? 0 : fs_error_set(error, rc, "tls: %s", problem);
}

static int open_files(struct fs_server *server, struct fs_error *error)
{
    const struct fs_config *config = server->config;
    int rc;

    /* Their parts are released by closing this stage, however far it came. */
    server->stage = FS_STAGE_FILES;
    rc = fs_data_dir_open(config->data_dir, &server->log, &server->data_dir, error);
    if (rc != 0)
        return rc;
    free(server->admin_token_file);
    server->admin_token_file = fs_admin_token_path(server->data_dir, config->admin_token_file);
    if (!server->admin_token_file)
        return fs_error_set(error, -ENOMEM, "out of memory");
    rc = fs_admin_token_read(server->admin_token_file, config->admin_token_file[0] == '\0',
                             &server->log, server->admin_token, error);
    if (rc != 0)
        return rc;
    if (asprintf(&server->audit_log, "%s/audit.log", server->data_dir) < 0) {
        server->audit_log = NULL;
        return fs_error_set(error, -ENOMEM, "out of memory");
    }
    if (config->auth_token_key_file[0] != '\0')
        server->token_key_file = strdup(config->auth_token_key_file);
    else if (asprintf(&server->token_key_file, "%s/token.key", server->data_dir) < 0)
        server->token_key_file = NULL;
    return server->token_key_file ? 0 : fs_error_set(error, -ENOMEM, "out of memory");
}

/* With a key set every algorithm but HS256, unless the configuration says which. */
static unsigned jwt_algorithms_of(const struct fs_config *config)
{
    static const unsigned bits[] = {
        [FS_JWT_HS256] = FS_AUTH_HS256, [FS_JWT_RS256] = FS_AUTH_RS256,
        [FS_JWT_RS384] = FS_AUTH_RS384, [FS_JWT_RS512] = FS_AUTH_RS512,
        [FS_JWT_PS256] = FS_AUTH_PS256, [FS_JWT_ES256] = FS_AUTH_ES256,
        [FS_JWT_ES384] = FS_AUTH_ES384, [FS_JWT_EDDSA] = FS_AUTH_EDDSA,
    };
    bool has_set = config->auth_jwks_file[0] != '\0' || config->auth_jwks_url[0] != '\0';
    unsigned listed = 0;

    for (size_t i = 0; i < config->auth_jwt_algorithms.count; i++)
        listed |= fs_auth_algorithm_bit(config->auth_jwt_algorithms.items[i]);
    if (listed != 0)
        return listed;
    if (has_set && config->auth_jwt_algorithm == FS_JWT_HS256)
        return FS_AUTH_PUBLIC_ALGORITHMS;
    return bits[config->auth_jwt_algorithm];
}

struct fs_auth_options fs_server_auth_options(const struct fs_server *server,
                                              const struct fs_config *config)
{
    struct fs_auth_options options = {
        .demo_password = config->auth_demo_password,
        .users_file = config->auth_users_file,
        .token_ttl_us = config->auth_token_ttl_us,
        .token_key_file = server->token_key_file,
        .token_key_is_ours = config->auth_token_key_file[0] == '\0',
        .jwt_key_file = config->auth_jwt_key_file,
        .jwks_file = config->auth_jwks_file,
        .jwks_url = config->auth_jwks_url,
        .buyer_claim = config->auth_buyer_claim,
        .leeway_us = config->auth_leeway_us,
        .service_file = config->service_tokens_file,
        .jwt_issuer = config->auth_jwt_issuer,
        .jwt_audience = config->auth_jwt_audience,
        .login_threads = config->auth_login_threads,
        .login_queue_max = config->auth_login_queue,
        .login_failures_max = config->auth_login_failures_max,
        .login_failures_address_max = config->auth_login_failures_address_max,
    };

    options.mode = config->auth_mode == FS_AUTH_DEMO    ? FS_AUTH_OPTIONS_DEMO
                   : config->auth_mode == FS_AUTH_USERS ? FS_AUTH_OPTIONS_USERS
                                                        : FS_AUTH_OPTIONS_JWT;
    options.jwt_algorithms = jwt_algorithms_of(config);
    return options;
}

static int open_auth(struct fs_server *server, struct fs_error *error)
{
    const struct fs_auth_options options = fs_server_auth_options(server, server->config);
    char problem[FS_AUTH_ERROR_SIZE];
    int rc = fs_auth_create(&options, &server->log, &server->auth, problem);

    return rc == 0 ? 0 : fs_error_set(error, rc, "auth: %s", problem);
}

static int load_module(struct fs_server *server, struct fs_error *error)
{
    char problem[FS_LOADER_ERROR_SIZE];
    int rc;

    server->strategy_dir = fs_strategies_dir(server->config->strategy_dir);
    if (!server->strategy_dir)
        return fs_error_set(error, -ENOMEM, "out of memory");
    rc = fs_strategy_load(server->config->strategy, server->strategy_dir, &server->module, problem);
    if (rc == 0)
        return 0;
    free(server->strategy_dir);
    server->strategy_dir = NULL;
    return fs_error_set(error, rc, "strategy: %s", problem);
}

/* Each loop has a connection to each node; so has the admin's. */
static int open_store(struct fs_server *server, struct fs_error *error)
{
    const struct fs_config *config = server->config;
    const struct fs_redis_options options = {
        .urls = (const char *const *)config->redis_urls.items,
        .url_count = config->redis_urls.count,
        .private_count = config->redis_private_servers > 0 ? config->redis_private_servers
                                                           : server->module.strategy.stores_wanted,
        .private_durability = config->redis_private_fsync == FS_REDIS_AOF_EVERYSEC
                                  ? FS_DURABILITY_AOF_EVERYSEC
                                  : FS_DURABILITY_AOF_ALWAYS,
        .data_dir = server->data_dir,
        .loop_count = (unsigned)fs_server_loop_count(config),
        .command_timeout_us = config->redis_command_timeout_us,
        .connect_timeout_us = config->redis_connect_timeout_us,
        .stall_timeout_us = config->redis_stall_timeout_us,
        .start_timeout_us = config->redis_urls.count > 0 ? config->redis_start_timeout_us : 0,
        .in_flight_max = config->redis_in_flight_max,
        .wait_replicas = config->redis_wait_replicas,
        .accepts_eviction = config->redis_accept_eviction,
        .identity = fs_server_identity_options(server),
        .is_cut = &server->is_cut,
        .log = &server->log,
    };

    if ((server->module.strategy.flags & FS_STRATEGY_USES_STORE) == 0)
        return 0;
    return fs_redis_create(&options, &server->redis, error);
}

static int open_strategy(struct fs_server *server, struct fs_error *error)
{
    const struct fs_config *config = server->config;
    const struct fs_strategy *strategy = &server->module.strategy;
    struct fs_options options = {.count = config->strategy_option_count,
                                 .data_dir = server->data_dir,
                                 .key_prefix = config->redis_prefix};
    int rc;

    server->strategy_options = calloc(options.count + 1, sizeof(*server->strategy_options));
    if (!server->strategy_options)
        return fs_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < options.count; i++)
        server->strategy_options[i] =
            (struct fs_option){config->strategy_options[i].name, config->strategy_options[i].value};
    options.list = server->strategy_options;
    fs_strategy_host_init(&server->host, &server->log,
                          server->redis ? fs_redis_node_count(server->redis) : 0);
    server->host.redis = server->redis;
    server->host.is_cluster = server->redis && fs_redis_is_cluster(server->redis);
    fs_ops_offer(&server->host.host);
    rc = strategy->open(&server->host.host, &options, &server->strategy);
    if (rc == 0)
        return 0;
    free(server->strategy_options);
    server->strategy_options = NULL;
    if (rc == -EBUSY)
        return fs_error_set(error, rc,
                            "%s is in use by another flashsale: stop it, or choose another "
                            "--data-dir",
                            server->data_dir);
    return fs_error_set(error, rc, "strategy %s did not open: %s (the log says more)",
                        strategy->name, strerror(-rc));
}

struct fs_http_settings fs_server_limits(const struct fs_server *server,
                                         const struct fs_config *config)
{
    uint32_t connections = server->descriptors.connections;

    return (struct fs_http_settings){
        .quantity_max = config->purchase_max_quantity,
        .rate_per_buyer = config->purchase_rate_per_buyer,
        .rate_per_address = config->purchase_rate_per_address,
        .connections_max =
            config->http_connections_max < connections ? config->http_connections_max : connections,
        .connections_per_address_max = config->http_connections_per_address_max,
        .admin_connections_max = server->descriptors.admin_connections,
    };
}

/* Said once, at the start: later on it shows in metrics and as refused connections. */
static int share_descriptors(struct fs_server *server, struct fs_error *error)
{
    const struct fs_config *config = server->config;
    size_t nodes = server->redis ? fs_redis_node_count(server->redis) : 0;
    struct fs_descriptors share =
        fs_descriptors_share(fs_server_loop_count(config), config->listen.count + 1, nodes);

    if (share.connections == 0)
        return fs_error_set(
            error, -EMFILE,
            "this process may open %llu files, and %llu are needed before the first "
            "buyer connects: raise ulimit -n, or LimitNOFILE",
            (unsigned long long)share.limit, (unsigned long long)share.reserved);
    if (share.connections < config->http_connections_max)
        fs_log_warning(&server->log, "server",
                       "http.connections_max is lowered from %u to %u: this process may open %llu "
                       "files, and %llu are kept for journal, store, health and operators; raise "
                       "ulimit -n, or LimitNOFILE",
                       config->http_connections_max, share.connections,
                       (unsigned long long)share.limit, (unsigned long long)share.reserved);
    server->descriptors = share;
    return 0;
}

/* Their syntax was checked with the configuration. */
static struct fs_proxies read_proxies(const struct fs_config *config,
                                      struct fs_network networks[FS_CONFIG_LIST_MAX])
{
    struct fs_proxies proxies = {.networks = networks};

    for (size_t i = 0; i < config->http_trusted_proxies.count; i++) {
        const char *text = config->http_trusted_proxies.items[i];

        if (strcmp(text, "unix:") == 0)
            proxies.trusts_unix = true;
        else if (fs_network_parse(fs_text_of(text), &networks[proxies.count]) == 0)
            proxies.count++;
    }
    return proxies;
}

static int open_http(struct fs_server *server, struct fs_error *error)
{
    const struct fs_config *config = server->config;
    const struct fs_strategy *strategy = &server->module.strategy;
    struct fs_http_server *http = &server->http;
    const char *durability = strategy->durability ? strategy->durability(server->strategy) : NULL;

    server->http_settings = calloc(1, sizeof(*server->http_settings));
    if (!server->http_settings)
        return fs_error_set(error, -ENOMEM, "out of memory");
    *server->http_settings = fs_server_limits(server, config);
    memset(http, 0, sizeof(*http));
    http->log = &server->log;
    http->auth = server->auth;
    http->strategy = strategy;
    http->strategy_instance = server->strategy;
    http->durability = durability      ? durability
                       : server->redis ? fs_redis_durability(server->redis)
                                       : "memory";
    http->sales_frozen = &server->host.sales_frozen;
    http->nodes = server->redis ? fs_redis_nodes(server->redis) : NULL;
    http->version = fs_version();
    http->admin_token = server->admin_token;
    http->access_log = server->access_log;
    http->audit_log = server->audit_log;
    http->request_timeout_us = config->http_request_timeout_us;
    http->idle_timeout_us = config->http_idle_timeout_us;
    http->has_proxy_protocol = config->http_proxy_protocol;
    http->cors_origins = config->http_cors_origins.items;
    http->cors_origin_count = config->http_cors_origins.count;
    for (size_t i = 0; i < config->http_cors_origins.count; i++)
        http->is_cors_open |= strcmp(config->http_cors_origins.items[i], "*") == 0;
    http->proxies = read_proxies(config, server->networks);
    http->slow_reader_timeout_us = config->http_slow_reader_timeout_us;
    http->has_shop_page =
        config->shop_page == FS_SHOP_PAGE_ON ||
        (config->shop_page == FS_SHOP_PAGE_AUTO && config->auth_mode == FS_AUTH_DEMO);
    http->has_http2 = server->has_http2;
    http->unsent_max = config->http_unsent_max;
    http->http2_held_max = config->http_http2_memory_max;
    http->has_health = config->http_health;
    http->started_at_ms = fs_clock_wall_ms();
    if (fs_http_server_init(http) == 0)
        return 0;
    free(server->http_settings);
    server->http_settings = NULL;
    return fs_error_set(error, -ENOMEM, "http: out of memory");
}

/* A file, folder or strategy that the configuration names and that cannot be used is the
 * configuration's fault; the rest is the system's. */
static int fault_of_named(int rc)
{
    switch (rc) {
    case -ENOENT:
    case -ENOTDIR:
    case -EISDIR:
    case -ELOOP:
    case -ENAMETOOLONG:
    case -EACCES:
    case -EPERM:
    case -EROFS:
    case -ENOEXEC:
    case -EPROTO:
        return -EINVAL;
    default:
        return rc;
    }
}

const struct fs_part fs_server_parts[] = {
    {"configuration", open_config, fs_server_close_config, FS_STAGE_CONFIG, 0, false, true},
    {"strategy", load_module, fs_server_close_module, FS_STAGE_MODULE, 0, true, true},
    {"data folder", open_files, fs_server_close_files, FS_STAGE_FILES, 0, true, true},
    {"certificate", open_tls, NULL, FS_STAGE_FILES, 0, true, true},
    {"access log", open_access_log, NULL, FS_STAGE_FILES, 0, true, true},
    {"data folder's manifest", fs_server_check_folder, NULL, FS_STAGE_FILES, FS_STAGE_FILES, false,
     true},
    {"log-ins", open_auth, fs_server_close_auth, FS_STAGE_AUTH, FS_STAGE_FILES, true, true},
    {"store", open_store, fs_server_close_store, FS_STAGE_STORE, FS_STAGE_MODULE, false, true},
    {"descriptors", share_descriptors, NULL, FS_STAGE_STORE, FS_STAGE_STORE, false, true},
    {"strategy's options", open_strategy, fs_server_close_strategy, FS_STAGE_STRATEGY,
     FS_STAGE_STORE, false, true},
    {"sale data", fs_server_check_kept, NULL, FS_STAGE_STRATEGY, FS_STAGE_STRATEGY, false, true},
    {"routes", open_http, NULL, FS_STAGE_HTTP, 0, false, false},
    {"event loops", fs_server_open_loops, NULL, FS_STAGE_WORKERS, 0, false, false},
    {"products", fs_server_seed, NULL, FS_STAGE_WORKERS, 0, false, false},
    {"manifest", fs_server_note_sales, NULL, FS_STAGE_WORKERS, 0, false, false},
    {"listeners", fs_server_listen, NULL, FS_STAGE_LISTENING, 0, false, false},
};
const size_t fs_server_part_count = sizeof(fs_server_parts) / sizeof(fs_server_parts[0]);

int fs_server_open(struct fs_server *server, struct fs_error *error)
{
    for (size_t i = 0; i < fs_server_part_count; i++) {
        int rc = fs_server_parts[i].open(server, error);

        if (rc != 0)
            return fs_server_parts[i].names_files ? fault_of_named(rc) : rc;
        server->stage = fs_server_parts[i].reached;
        if (atomic_load(&server->is_cut))
            return fs_error_set(error, -EINTR, "the start was broken off");
    }
    return fs_server_summarise(server) == 0 ? 0 : fs_error_set(error, -ENOMEM, "out of memory");
}
