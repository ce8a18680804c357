/* Tries what a start would need, without starting: for check-config --probe. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/http2_proof.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/strategies.h"
#include "server/tls.h"

struct probe {
    const struct fs_config *config;
    void (*each)(void *data, const char *what, const char *detail, const char *problem);
    void *data;
    struct fs_log log; /* quiet: what is wrong is told by each() */
    bool is_wrong;
};

static void report(struct probe *probe, const char *what, const char *detail, const char *problem)
{
    probe->is_wrong |= problem != NULL;
    probe->each(probe->data, what, detail, problem);
}

static void stay_silent(void *data, enum fs_log_level level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
}

static void probe_strategy(struct probe *probe)
{
    struct fs_strategy_module module;
    char problem[FS_LOADER_ERROR_SIZE];
    char *dir = fs_strategies_dir(probe->config->strategy_dir);

    if (!dir) {
        report(probe, "strategy", probe->config->strategy, "out of memory");
        return;
    }
    if (fs_strategy_load(probe->config->strategy, dir, &module, problem) == 0) {
        report(probe, "strategy", module.path, NULL);
        fs_strategy_unload(&module);
    } else {
        report(probe, "strategy", probe->config->strategy, problem);
    }
    free(dir);
}

/* The folder itself, or where it would be made. */
static void probe_data_dir(struct probe *probe)
{
    const char *path = probe->config->data_dir;
    const char *slash = strrchr(path, '/');
    struct stat status;
    char *parent;

    if (stat(path, &status) == 0) {
        report(probe, "data folder", path,
               !S_ISDIR(status.st_mode)                ? "it is no folder"
               : access(path, R_OK | W_OK | X_OK) != 0 ? strerror(errno)
                                                       : NULL);
        return;
    }
    parent = slash == path ? strdup("/")
             : slash       ? strndup(path, (size_t)(slash - path))
                           : strdup(".");
    report(probe, "data folder", path,
           !parent                            ? "out of memory"
           : access(parent, W_OK | X_OK) != 0 ? strerror(errno)
                                              : NULL);
    free(parent);
}

/* The key that a first start would make is made aside and removed. */
static void probe_auth(struct probe *probe)
{
    const struct fs_config *config = probe->config;
    char folder[] = "/tmp/flashsale-probe-XXXXXX";
    struct fs_server server = {0};
    char problem[FS_AUTH_ERROR_SIZE];
    struct fs_auth_options options;
    struct fs_auth *auth;
    char made[sizeof(folder) + 16];
    char *key;
    int rc;

    if (!mkdtemp(folder)) {
        report(probe, "log-ins", "users and keys", strerror(errno));
        return;
    }
    snprintf(made, sizeof(made), "%s/token.key", folder);
    rc = config->auth_token_key_file[0] != '\0' ? asprintf(&key, "%s", config->auth_token_key_file)
                                                : asprintf(&key, "%s/token.key", config->data_dir);
    server.token_key_file = rc < 0 || access(key, F_OK) != 0 ? made : key;
    options = fs_server_auth_options(&server, config);
    if (fs_auth_create(&options, &probe->log, &auth, problem) == 0) {
        report(probe, "log-ins", "users and keys", NULL);
        fs_auth_destroy(auth);
    } else {
        report(probe, "log-ins", "users and keys", problem);
    }
    if (rc >= 0)
        free(key);
    unlink(made);
    rmdir(folder);
}

static void probe_tls(struct probe *probe)
{
    char problem[FS_TLS_ERROR_SIZE];
    SSL_CTX *tls;

    if (probe->config->tls_certificate[0] == '\0')
        return;
    if (fs_tls_create(probe->config->tls_certificate, probe->config->tls_key, probe->config->http2,
                      &probe->log, &tls, problem) == 0) {
        report(probe, "certificate", probe->config->tls_certificate, NULL);
        fs_tls_destroy(tls);
    } else {
        report(probe, "certificate", probe->config->tls_certificate, problem);
    }
}

/* A start would go on without it; whoever asks beforehand wants to know. */
static void probe_http2(struct probe *probe)
{
    char problem[FS_HTTP2_PROOF_ERROR_SIZE];

    if (probe->config->http2)
        report(probe, "HTTP/2", "its guard", fs_http2_prove(problem) == 0 ? NULL : problem);
}

static void probe_address(struct probe *probe, const char *key, const char *text)
{
    char problem[FS_LISTENER_ERROR_SIZE];
    struct fs_listener listener;

    if (fs_listener_open(key, text, 1, 1, &listener, problem) == 0) {
        report(probe, key, text, NULL);
        fs_listener_close(&listener);
    } else {
        report(probe, key, text, problem);
    }
}

int fs_settings_probe(const struct fs_settings *settings,
                      void (*each)(void *data, const char *what, const char *detail,
                                   const char *problem),
                      void *data, struct fs_error *error)
{
    struct probe probe = {.each = each, .data = data};
    struct fs_config *config;
    int rc = fs_settings_finish(settings, &config, error);

    if (rc != 0)
        return rc;
    probe.config = config;
    fs_log_init(&probe.log, FS_LOG_ERROR, FS_LOG_TEXT, stay_silent, NULL);
    probe_strategy(&probe);
    probe_data_dir(&probe);
    probe_auth(&probe);
    probe_tls(&probe);
    probe_http2(&probe);
    for (size_t i = 0; i < config->listen.count; i++)
        probe_address(&probe, "listen", config->listen.items[i]);
    probe_address(&probe, "admin.listen", config->admin_listen);
    fs_config_destroy(config);
    return probe.is_wrong ? fs_error_set(error, -EINVAL, "a start would fail") : 0;
}
