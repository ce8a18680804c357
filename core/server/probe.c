/* check-config --probe: opens the parts of a server as a start does, but none that serves anybody, in a
 * folder of its own, and closes them again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/http2_proof.h"
#include "server/parts.h"
#include "server/rehearsal.h"
#include "server/settings.h"

struct probe {
    void (*each)(void *data, const char *what, const char *detail, const char *problem);
    void *data;
    struct fs_server *server;      /* owned */
    struct fs_rehearsal rehearsal; /* the folder */
    char logged[512];              /* the last warning or error */
    bool is_wrong;
};

static void report(struct probe *probe, const char *what, const char *detail, const char *problem)
{
    probe->is_wrong |= problem != NULL;
    probe->each(probe->data, what, detail, problem);
}

static void keep_line(void *data, enum fs_server_log_level level, const char *line)
{
    struct probe *probe = data;
    const char *message = strstr(line, ": ");

    if (level >= FS_SERVER_WARNING)
        snprintf(probe->logged, sizeof(probe->logged), "%s", message ? message + 2 : line);
}

/* What a part is about, where the configuration says it. */
static const char *detail_of(const struct probe *probe, const struct fs_part *part, bool is_open)
{
    const struct fs_server *server = probe->server;
    const struct fs_config *config = server->config;

    switch (part->reached) {
    case FS_STAGE_MODULE:
        return is_open ? server->module.path : config->strategy;
    case FS_STAGE_FILES:
        if (strcmp(part->name, "certificate") == 0)
            return config->tls_certificate[0] ? config->tls_certificate : "none";
        return strcmp(part->name, "access log") == 0 ? config->http_access_log
                                                     : probe->rehearsal.wanted;
    case FS_STAGE_STORE:
        if (!part->close || !is_open)
            return "";
        return !server->redis                       ? "none is needed"
               : fs_redis_is_private(server->redis) ? "a private redis-server can be started"
                                                    : fs_redis_node_name(server->redis, 0);
    default:
        return "";
    }
}

/* The log of a strategy says more than the error of its open(). */
static void tell_failure(struct probe *probe, const struct fs_part *part, struct fs_error *error)
{
    char problem[sizeof(error->text) + sizeof(probe->logged) + 8];

    snprintf(problem, sizeof(problem), "%s%s%s", error->text, probe->logged[0] ? ": " : "",
             probe->logged);
    fs_rehearsal_rename(&probe->rehearsal, problem);
    report(probe, part->name, detail_of(probe, part, false), problem);
}

/* Whether what the part needs is open. */
static bool may_open(const struct probe *probe, const struct fs_part *part, const bool *is_open)
{
    bool needs_folder = part->needed == FS_STAGE_FILES || part->reached > FS_STAGE_AUTH ||
                        part->open == fs_server_parts[FS_PART_DATA_FOLDER].open;

    return part->is_rehearsed && is_open[part->needed] && (part->close || is_open[part->reached]) &&
           (probe->rehearsal.folder || !needs_folder);
}

static void rehearse(struct probe *probe)
{
    /* Closing the files copes with however many of them are open. */
    bool is_open[FS_STAGE_LISTENING + 1] = {
        [FS_STAGE_NOTHING] = true, [FS_STAGE_CONFIG] = true, [FS_STAGE_FILES] = true};

    for (size_t i = FS_PART_CONFIGURATION + 1; i < fs_server_part_count; i++) {
        const struct fs_part *part = &fs_server_parts[i];
        struct fs_error error = {.text = ""};

        if (!may_open(probe, part, is_open))
            continue;
        probe->logged[0] = '\0';
        if (part->open(probe->server, &error) != 0) {
            tell_failure(probe, part, &error);
            continue;
        }
        is_open[part->reached] = true;
        report(probe, part->name, detail_of(probe, part, true), NULL);
    }
    for (size_t i = fs_server_part_count; i-- > 0;)
        if (fs_server_parts[i].close && is_open[fs_server_parts[i].reached])
            fs_server_parts[i].close(probe->server);
}

/* A start would go on without it; whoever asks beforehand wants to know. */
static void tell_http2(struct probe *probe, const struct fs_config *config)
{
    char problem[FS_HTTP2_PROOF_ERROR_SIZE];

    if (config->http2)
        report(probe, "HTTP/2", "its guard", fs_http2_prove(problem) == 0 ? NULL : problem);
}

static void probe_address(struct probe *probe, const char *key, const char *text)
{
    char problem[FS_LISTENER_ERROR_SIZE];
    struct fs_listener listener;

    if (fs_listener_open(key, text, false, 1, 1, &listener, problem) == 0) {
        report(probe, key, text, NULL);
        fs_listener_close(&listener);
    } else {
        report(probe, key, text, problem);
    }
}

static void probe_all(struct probe *probe, struct fs_config *config)
{
    struct fs_error error = {.text = ""};

    tell_http2(probe, config);
    for (size_t i = 0; i < config->listen.count; i++)
        probe_address(probe, "listen", config->listen.items[i]);
    probe_address(probe, "admin.listen", config->admin_listen);
    if (fs_rehearsal_begin(&probe->rehearsal, config, &error) != 0)
        report(probe, "data folder", config->data_dir, error.text);
    rehearse(probe);
    fs_rehearsal_end(&probe->rehearsal);
}

int fs_settings_probe(const struct fs_settings *settings,
                      void (*each)(void *data, const char *what, const char *detail,
                                   const char *problem),
                      void *data, struct fs_error *error)
{
    struct probe probe = {.each = each, .data = data};
    int rc = fs_server_create(settings, &probe.server, error);

    if (rc != 0)
        return rc;
    fs_server_set_log(probe.server, keep_line, &probe);
    rc = fs_server_parts[FS_PART_CONFIGURATION].open(probe.server, error);
    if (rc == 0)
        probe_all(&probe, probe.server->config);
    fs_server_destroy(probe.server);
    if (rc != 0)
        return rc;
    return probe.is_wrong ? fs_error_set(error, -EINVAL, "a start would fail") : 0;
}
