/* The server's event loops: made one after the other, attached to the strategy before any of them
 * turns, and given their listening sockets. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "server/server.h"
#include "server/settings.h"
#include "server/tls_watch.h"

static size_t main_worker_count(const struct fs_config *config)
{
    cpu_set_t cpus;
    size_t count = config->workers;

    if (count == 0)
        count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (size_t)CPU_COUNT(&cpus) : 1;
    return count < FS_WORKERS_MAX ? count : FS_WORKERS_MAX;
}

static void on_failed(void *data, int error)
{
    struct fs_server *server = data;

    pthread_mutex_lock(&server->mutex);
    if (server->failure == 0)
        server->failure = error;
    pthread_cond_broadcast(&server->moved);
    pthread_mutex_unlock(&server->mutex);
}

static int create_workers(struct fs_server *server, size_t count, struct fs_error *error)
{
    struct fs_worker_options options = {
        .log = &server->log,
        .strategy = &server->module.strategy,
        .redis = server->redis,
        .auth = server->auth,
        .tls = server->tls,
        .http_server = &server->http,
        .settings = server->http_settings,
        .deadline_span_us = server->config->purchase_deadline_us,
        .token_cache = server->config->auth_token_cache,
        .on_failed = on_failed,
        .data = server,
    };

    while (server->worker_count < count) {
        bool is_admin = server->worker_count == count - 1;
        struct fs_worker **worker = &server->workers[server->worker_count];
        int rc;

        options.index = (unsigned)server->worker_count;
        options.in_flight_max =
            is_admin ? FS_ADMIN_OPS_MAX : server->config->purchase_in_flight_max;
        rc = fs_worker_create(&options, worker);
        if (rc != 0)
            return fs_error_set(error, rc, "event loop %u: %s%s", options.index, strerror(-rc),
                                rc == -EMFILE ? " (raise the limit: ulimit -n)" : "");
        server->loops[server->worker_count++] = &(*worker)->http;
    }
    return 0;
}

static int attach_workers(struct fs_server *server, struct fs_error *error)
{
    while (server->attached_count < server->worker_count) {
        int rc = fs_worker_attach(server->workers[server->attached_count], server->strategy);

        if (rc != 0)
            return fs_error_set(error, rc, "strategy %s did not attach: %s",
                                server->module.strategy.name, strerror(-rc));
        server->attached_count++;
    }
    return 0;
}

size_t fs_server_loop_count(const struct fs_config *config)
{
    return main_worker_count(config) + 1;
}

int fs_server_open_loops(struct fs_server *server, struct fs_error *error)
{
    size_t count = fs_server_loop_count(server->config);
    int rc;

    /* Closing this stage copes with however many there are. */
    server->stage = FS_STAGE_WORKERS;
    server->workers = calloc(count, sizeof(struct fs_worker *));
    server->loops = calloc(count, sizeof(struct fs_http *));
    if (!server->workers || !server->loops)
        return fs_error_set(error, -ENOMEM, "out of memory");
    server->http.loops = server->loops;
    server->http.loop_count = count;
    rc = create_workers(server, count, error);
    if (rc == 0)
        rc = attach_workers(server, error);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        fs_worker_run(server->workers[i]);
    return 0;
}

/* Whether an IPv4 address with the port of text is listened on by its own. */
static bool has_v4_of_port(const struct fs_config *config, const char *text)
{
    const char *port = strrchr(text, ':');

    for (size_t i = 0; i <= config->listen.count; i++) {
        const char *other =
            i < config->listen.count ? config->listen.items[i] : config->admin_listen;
        const char *other_port = strrchr(other, ':');

        if (port && other_port && other[0] != '[' && strncmp(other, "unix:", 5) != 0 &&
            strcmp(port, other_port) == 0 && strcmp(port, ":0") != 0)
            return true;
    }
    return false;
}

static int open_listeners(struct fs_server *server, struct fs_error *error)
{
    const struct fs_config *config = server->config;
    char problem[FS_LISTENER_ERROR_SIZE];
    int rc;

    for (size_t i = 0; i <= config->listen.count; i++) {
        bool is_admin = i == config->listen.count;

        const char *text = is_admin ? config->admin_listen : config->listen.items[i];

        rc =
            fs_listener_open(is_admin ? "admin.listen" : "listen", text,
                             !has_v4_of_port(config, text), is_admin ? 1 : server->worker_count - 1,
                             (int)config->http_backlog, &server->listeners[i], problem);
        if (rc != 0)
            return fs_error_set(error, rc, "%s: %s", is_admin ? "admin.listen" : "listen", problem);
        server->listener_count++;
    }
    return 0;
}

/* Gives the sockets away, each to its loop. */
static void hand_out(struct fs_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        bool is_admin = i == server->listener_count - 1;
        struct fs_listener *listener = &server->listeners[i];

        for (size_t n = 0; n < listener->fd_count; n++) {
            struct fs_worker *worker =
                is_admin ? fs_server_admin_worker(server) : server->workers[n];

            if (fs_worker_listen(worker, &listener->fds[n], 1, is_admin) == 0)
                listener->fds[n] = -1;
        }
    }
}

static int note_addresses(struct fs_server *server)
{
    size_t main_count = server->listener_count - 1;

    for (char **address = server->addresses; address && *address; address++)
        free(*address);
    free(server->addresses);
    free(server->admin_address);
    server->addresses = calloc(main_count + 1, sizeof(*server->addresses));
    server->admin_address = strdup(server->listeners[main_count].text);
    if (!server->addresses || !server->admin_address)
        return -ENOMEM;
    for (size_t i = 0; i < main_count; i++)
        if (!(server->addresses[i] = strdup(server->listeners[i].text)))
            return -ENOMEM;
    return 0;
}

/* Said loudly, at each start, because it is easily forgotten. */
static void warn_of_demo(struct fs_server *server)
{
    if (server->config->auth_mode != FS_AUTH_DEMO)
        return;
    for (size_t i = 0; i + 1 < server->listener_count; i++)
        if (!server->listeners[i].is_loopback)
            fs_log_warning(&server->log, "server",
                           "DEMO LOG-INS ARE OPEN TO ALL on %s: whoever reaches it can buy as "
                           "anybody; set auth.mode to users or jwt before a real sale",
                           server->listeners[i].text);
}

int fs_server_listen(struct fs_server *server, struct fs_error *error)
{
    int rc;

    server->stage = FS_STAGE_LISTENING;
    server->listeners = calloc(server->config->listen.count + 1, sizeof(*server->listeners));
    if (!server->listeners)
        return fs_error_set(error, -ENOMEM, "out of memory");
    rc = open_listeners(server, error);
    if (rc != 0)
        return rc;
    if (note_addresses(server) != 0)
        return fs_error_set(error, -ENOMEM, "out of memory");
    warn_of_demo(server);
    hand_out(server);
    if (server->tls && (rc = fs_tls_watch_start(server, &server->tls_watch)) != 0)
        return fs_error_set(error, rc, "tls: no thread to watch the certificate: %s",
                            strerror(-rc));
    atomic_store(&server->http.ready, true);
    return 0;
}
