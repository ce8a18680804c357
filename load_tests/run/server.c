/* Starts a server, reads from what it prints where it listens, and leaves nothing behind. */
#include "run/server.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/bare.h"
#include "run/flags.h"
#include "run/target.h"
#include "run/whole_file.h"

#define READY_MS_MAX 30000u
#define READY_PAUSE_MS 2u
#define STOP_MS_MAX 40000u /* more than a drain, its cuts and the end of Redis may take */
#define CONFIGURATION_MS_MAX 10000u
#define LOG_TAIL 400u /* bytes of the log in an error */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

void fs_remove_tree(const char *path)
{
    if (path[0] != '\0')
        nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* The rest of the line that begins with title, without blanks around; false: no such line. */
static bool line_of(const char *text, const char *title, char *rest, size_t size)
{
    const char *at = text;
    size_t len = strlen(title);

    while (at && strncmp(at, title, len) != 0)
        at = (at = strchr(at, '\n')) ? at + 1 : NULL;
    if (!at)
        return false;
    at += len;
    at += strspn(at, " ");
    snprintf(rest, size, "%.*s", (int)strcspn(at, "\n"), at);
    return true;
}

/* "127.0.0.1:8000 (cleartext)" or "127.0.0.1:8001, token in ..." */
static int read_address(const char *text, char host[256], uint16_t *port)
{
    const char *colon = strchr(text, ':');
    long number = colon ? strtol(colon + 1, NULL, 10) : 0;

    if (!colon || colon - text >= 256 || number <= 0 || number > 65535)
        return -EPROTO;
    snprintf(host, 256, "%.*s", (int)(colon - text), text);
    *port = (uint16_t)number;
    return 0;
}

static void read_token(const char *path, char token[256])
{
    char *text = fs_read_file(path);

    if (text)
        snprintf(token, 256, "%.*s", (int)strcspn(text, "\r\n"), text);
    free(text);
}

static int read_summary(struct fs_bench_server *server, const char *text)
{
    char line[1024];
    const char *token;
    int rc = -EPROTO;

    if (line_of(text, "durability:", line, sizeof(line)))
        snprintf(server->durability, sizeof(server->durability), "%.31s", line);
    if (line_of(text, "listening:", line, sizeof(line)))
        rc = read_address(line, server->target.host, &server->target.port);
    if (rc != 0 || !line_of(text, "admin:", line, sizeof(line)))
        return -EPROTO;
    token = strstr(line, "token in ");
    if (token)
        read_token(token + strlen("token in "), server->target.admin_token);
    return read_address(line, server->target.admin_host, &server->target.admin_port);
}

static void add_node(struct fs_bench_server *server, const char *url, const char *secret)
{
    char error[FS_REDIS_ERROR_SIZE];
    struct fs_redis_node *node;
    char *info;

    if (server->node_count == FS_NODES_MAX || fs_redis_node_open(&node, url, secret, error) != 0)
        return;
    info = fs_redis_node_info(node);
    if (info && strncmp(url, "unix:", 5) == 0) {
        double pid = fs_redis_info_value(info, "process_id");

        server->node_pids[server->node_count] = isnan(pid) ? 0 : (pid_t)pid;
    }
    free(info);
    server->nodes[server->node_count++] = node;
}

/* Its own: "... our own redis 7.0.15 at unix:/path/redis.sock", with the password beside it. */
static void find_private_nodes(struct fs_bench_server *server, const char *text)
{
    const char *at = text;

    while ((at = strstr(at, " at unix:")) != NULL) {
        char url[PATH_MAX];
        char path[PATH_MAX];
        char *secret;

        at += 4;
        snprintf(url, sizeof(url), "%.*s", (int)strcspn(at, "\n"), at);
        snprintf(path, sizeof(path), "%.*s/redis-%zu/secret", PATH_MAX - 64, server->data_folder,
                 server->node_count);
        secret = fs_read_file(path);
        add_node(server, url, secret ? secret : "");
        free(secret);
    }
}

static void find_nodes(const struct fs_server_source *source, struct fs_bench_server *server,
                       const char *text)
{
    if (source->redis_count == 0) {
        find_private_nodes(server, text);
        return;
    }
    if (!strstr(text, "\nstore:") || strstr(text, "store:         none"))
        return;
    for (size_t i = 0; i < source->redis_count; i++)
        add_node(server, source->redis_urls[i], "");
}

static bool is_ready(const char *text)
{
    return strncmp(text, "ready\n", 6) == 0 || strstr(text, "\nready\n") != NULL;
}

static int fail_with_log(const struct fs_bench_server *server, const char *text, int rc,
                         const char *what, char *error)
{
    size_t len = text ? strlen(text) : 0;
    const char *tail = text ? text + (len > LOG_TAIL ? len - LOG_TAIL : 0) : "";

    while (len > 0 && text[len - 1] == '\n')
        len--;
    snprintf(error, FS_RUN_ERROR_SIZE, "the server %s; see %.250s; it said: %.*s", what,
             server->log_path, len > 0 ? (int)(text + len - tail) : 7, len > 0 ? tail : "nothing");
    return rc;
}

/* Exit code 2 is a configuration that it refuses. */
static int end_error(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 2 ? -EINVAL : -ECHILD;
}

/* Gives what it printed once it is ready, malloc'd. */
static int await_ready(struct fs_bench_server *server, char **text, char *error)
{
    uint64_t limit_us = fs_clock_now_us() + READY_MS_MAX * 1000ull;

    for (;;) {
        bool has_ended = fs_child_has_ended(&server->child);
        int rc = 0;

        *text = fs_read_file(server->log_path);
        if (*text && is_ready(*text) && !has_ended)
            return 0;
        if (has_ended)
            rc = fail_with_log(server, *text, end_error(server->child.status),
                               "ended before it was ready", error);
        else if (fs_clock_now_us() > limit_us)
            rc = fail_with_log(server, *text, -ETIMEDOUT, "was not ready after 30 s", error);
        free(*text);
        *text = NULL;
        if (rc != 0)
            return rc;
        fs_pause_ms(READY_PAUSE_MS);
    }
}

static int make_data_folder(const struct fs_server_source *source, struct fs_bench_server *server)
{
    if (snprintf(server->data_folder, sizeof(server->data_folder), "%s/XXXXXX",
                 source->work_folder) >= (int)sizeof(server->data_folder))
        return -ENAMETOOLONG;
    if (!mkdtemp(server->data_folder)) {
        server->data_folder[0] = '\0';
        return -errno;
    }
    return 0;
}

static int spawn(const struct fs_server_source *source, const struct fs_subject *subject,
                 const struct fs_scenario *scenario, struct fs_bench_server *server)
{
    const struct fs_cores *cores = &source->pinning.server;
    struct fs_flags flags;
    int rc = fs_flags_make(&flags, "serve", source, subject, scenario, server->data_folder,
                           server->prefix);

    if (rc == 0)
        rc = fs_child_start(&server->child, &(struct fs_child_options){
                                                .argv = flags.argv,
                                                .output_path = server->log_path,
                                                .error_path = server->log_path,
                                                .cores = cores->count > 0 ? &cores->set : NULL,
                                                .interrupt = source->interrupt});
    fs_flags_dispose(&flags);
    return rc;
}

static int learn(const struct fs_server_source *source, struct fs_bench_server *server,
                 const char *text, char *error)
{
    if (read_summary(server, text) != 0)
        return fail_with_log(server, text, -EPROTO, "does not say where it listens", error);
    find_nodes(source, server, text);
    for (size_t i = 0; i < server->node_count; i++)
        if (server->node_pids[i] > 0 && source->redis_count == 0) {
            /* They inherited the server's cores. */
            struct fs_cores any = {.count = 1};

            memset(&any.set, 0xff, sizeof(any.set));
            fs_pin_process(server->node_pids[i],
                           source->pinning.redis.count > 0 ? &source->pinning.redis : &any);
        }
    return fs_admin_create(&server->admin, server->target.admin_host, server->target.admin_port,
                           server->target.admin_token);
}

static int start_own(const struct fs_server_source *source, const struct fs_subject *subject,
                     const struct fs_scenario *scenario, struct fs_bench_server *server,
                     char *error)
{
    char *text = NULL;
    int rc = make_data_folder(source, server);

    if (rc == 0 && source->redis_count > 0)
        snprintf(server->prefix, sizeof(server->prefix),
                 "fsb-%.16s:", strrchr(server->data_folder, '/') + 1);
    if (rc == 0)
        rc = spawn(source, subject, scenario, server);
    if (rc != 0) {
        snprintf(error, FS_RUN_ERROR_SIZE, "%.300s cannot be started: %s", source->program,
                 strerror(-rc));
        return rc;
    }
    rc = await_ready(server, &text, error);
    if (rc == 0)
        rc = learn(source, server, text, error);
    free(text);
    return rc;
}

int fs_bench_server_start(const struct fs_server_source *source, const struct fs_subject *subject,
                          const struct fs_scenario *scenario, const char *log_folder,
                          struct fs_bench_server *server, char error[FS_RUN_ERROR_SIZE])
{
    int rc;

    memset(server, 0, sizeof(*server));
    snprintf(server->target.password, sizeof(server->target.password), "%s", source->password);
    if (source->target) {
        rc = fs_target_find(source, server, error);
    } else {
        snprintf(server->log_path, sizeof(server->log_path), "%.*s/server.log", PATH_MAX - 16,
                 log_folder);
        rc = subject->is_bare ? fs_bare_start(source, subject, server, error)
                              : start_own(source, subject, scenario, server, error);
    }
    if (rc != 0)
        fs_bench_server_stop(server);
    return rc;
}

int fs_bench_server_stop(struct fs_bench_server *server)
{
    bool was_ours = server->data_folder[0] != '\0';
    bool had_ended = was_ours && fs_child_has_ended(&server->child);
    char pattern[80];
    int rc = fs_child_stop(&server->child, STOP_MS_MAX);

    fs_admin_destroy(server->admin);
    server->admin = NULL;
    snprintf(pattern, sizeof(pattern), "%s*", server->prefix);
    for (size_t i = 0; i < server->node_count; i++) {
        if (server->prefix[0] != '\0')
            fs_redis_node_delete(server->nodes[i], pattern);
        fs_redis_node_close(server->nodes[i]);
    }
    server->node_count = 0;
    if (was_ours)
        fs_remove_tree(server->data_folder);
    server->data_folder[0] = '\0';
    explicit_bzero(server->target.admin_token, sizeof(server->target.admin_token));
    return had_ended ? -ECANCELED : rc;
}

char *fs_bench_server_configuration(const struct fs_server_source *source,
                                    const struct fs_subject *subject,
                                    const struct fs_scenario *scenario)
{
    struct fs_child child;
    struct fs_flags flags;
    char path[PATH_MAX];
    char *text = NULL;
    int rc;

    snprintf(path, sizeof(path), "%.*s/configuration", PATH_MAX - 16, source->work_folder);
    rc = fs_flags_make(&flags, "check-config", source, subject, scenario, "DATA", "");
    if (rc == 0)
        rc = fs_child_start(&child, &(struct fs_child_options){.argv = flags.argv,
                                                               .output_path = path,
                                                               .error_path = path,
                                                               .interrupt = source->interrupt});
    if (rc == 0 && fs_child_wait(&child, CONFIGURATION_MS_MAX) == 0)
        text = fs_read_file(path);
    unlink(path);
    fs_flags_dispose(&flags);
    return text;
}
