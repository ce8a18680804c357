/* The server of flashsale.h: its states, and what may be asked of it. */
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/line_writer.h"
#include "server/settings.h"

#define LIVE_US 5000000u          /* each loop turns once a second even when nothing happens */
#define FLUSH_PATIENCE_US 200000u /* for a reader of standard error that takes nothing */

int fs_server_create(const struct fs_settings *settings, struct fs_server **server,
                     struct fs_error *error)
{
    struct fs_server *new = calloc(1, sizeof(*new));
    struct fs_config *config;
    int rc;

    if (!new)
        return fs_error_set(error, -ENOMEM, "out of memory");
    rc = fs_settings_copy(settings, &new->settings);
    if (rc != 0) {
        fs_error_set(error, rc, "out of memory");
        goto free_new;
    }
    rc = fs_settings_finish(settings, &config, error);
    if (rc != 0)
        goto destroy_settings;
    fs_config_destroy(config);
    new->state = FS_SERVER_STOPPED;
    pthread_mutex_init(&new->reload_mutex, NULL);
    pthread_mutex_init(&new->mutex, NULL);
    pthread_cond_init(&new->moved, NULL);
    *server = new;
    return 0;

destroy_settings:
    fs_settings_destroy(new->settings);
free_new:
    free(new);
    return rc;
}

void fs_server_set_log(struct fs_server *server, fs_server_log *log, void *data)
{
    server->log_callback = log;
    server->log_data = data;
}

static void set_state(struct fs_server *server, enum fs_server_state state)
{
    pthread_mutex_lock(&server->mutex);
    server->state = state;
    if (state == FS_SERVER_STOPPED)
        atomic_store(&server->is_cut, false);
    if (state == FS_SERVER_STARTING)
        server->failure = 0;
    pthread_cond_broadcast(&server->moved);
    pthread_mutex_unlock(&server->mutex);
}

/* So that what was logged stands before what the program prints next. */
static void flush_log(struct fs_server *server)
{
    if (server->log_writer)
        fs_line_writer_flush(server->log_writer, FLUSH_PATIENCE_US);
}

static enum fs_server_state state_of(struct fs_server *server)
{
    enum fs_server_state state;

    pthread_mutex_lock(&server->mutex);
    state = server->state;
    pthread_mutex_unlock(&server->mutex);
    return state;
}

int fs_server_start(struct fs_server *server, struct fs_error *error)
{
    enum fs_server_state state = state_of(server);
    int rc;

    if (state == FS_SERVER_GIVEN_UP)
        return fs_error_set(
            error, -EBUSY, "the strategy still holds requests of before: only a new process helps");
    if (state != FS_SERVER_STOPPED)
        return fs_error_set(error, -EALREADY, "the server was started before");
    set_state(server, FS_SERVER_STARTING);
    rc = fs_server_open(server, error);
    if (rc == 0) {
        fs_log_info(&server->log, "server", "serving %s on %s with strategy %s", fs_version(),
                    server->addresses[0], server->module.strategy.name);
        set_state(server, FS_SERVER_SERVING);
        return 0;
    }
    set_state(server, fs_server_close(server) == -EBUSY ? FS_SERVER_GIVEN_UP : FS_SERVER_STOPPED);
    flush_log(server);
    return rc;
}

const char *fs_server_address(const struct fs_server *server, size_t index)
{
    for (size_t i = 0; server->addresses && server->addresses[i]; i++)
        if (i == index)
            return server->addresses[i];
    return NULL;
}

const char *fs_server_admin_address(const struct fs_server *server)
{
    return server->admin_address;
}

const char *fs_server_admin_token_file(const struct fs_server *server)
{
    return server->admin_token_file;
}

const char *fs_server_summary(const struct fs_server *server)
{
    return server->summary;
}

const char *fs_server_examples(const struct fs_server *server)
{
    return server->examples;
}

bool fs_server_is_live(struct fs_server *server)
{
    uint64_t now_us = fs_clock_now_us();
    bool is_live;

    /* Loops are there while it serves or stops; state and loops change under no common lock, so only a
     * serving server is looked at. */
    pthread_mutex_lock(&server->mutex);
    is_live = server->state == FS_SERVER_SERVING;
    for (size_t i = 0; is_live && i < server->worker_count; i++) {
        uint64_t at_us = fs_counter_read(&server->workers[i]->metrics.turn_at_us);

        is_live = at_us >= now_us || now_us - at_us <= LIVE_US;
    }
    is_live = is_live || server->state == FS_SERVER_STOPPING;
    pthread_mutex_unlock(&server->mutex);
    return is_live;
}

int fs_server_wait(struct fs_server *server)
{
    int failure;

    pthread_mutex_lock(&server->mutex);
    while (server->state != FS_SERVER_STOPPED && server->state != FS_SERVER_GIVEN_UP &&
           server->failure == 0)
        pthread_cond_wait(&server->moved, &server->mutex);
    failure = server->failure;
    pthread_mutex_unlock(&server->mutex);
    return failure;
}

int fs_server_stop(struct fs_server *server)
{
    enum fs_server_state state = state_of(server);
    int rc;

    if (state != FS_SERVER_SERVING)
        return state == FS_SERVER_GIVEN_UP ? -EBUSY : 0;
    set_state(server, FS_SERVER_STOPPING);
    fs_log_info(&server->log, "server", "stopping");
    rc = fs_server_close(server);
    if (rc != -EBUSY)
        fs_log_info(&server->log, "server", "stopped");
    flush_log(server);
    set_state(server, rc == -EBUSY ? FS_SERVER_GIVEN_UP : FS_SERVER_STOPPED);
    return rc;
}

void fs_server_stop_now(struct fs_server *server)
{
    if (!atomic_exchange(&server->is_delaying, false))
        atomic_store(&server->is_cut, true);
}

void fs_server_destroy(struct fs_server *server)
{
    /* What was given up uses the server's log and settings still. */
    if (!server || state_of(server) == FS_SERVER_GIVEN_UP)
        return;
    for (char **address = server->addresses; address && *address; address++)
        free(*address);
    free(server->addresses);
    free(server->admin_address);
    free(server->admin_token_file);
    free(server->summary);
    free(server->examples);
    fs_line_writer_destroy(server->log_writer);
    fs_settings_destroy(server->settings);
    pthread_cond_destroy(&server->moved);
    pthread_mutex_destroy(&server->mutex);
    pthread_mutex_destroy(&server->reload_mutex);
    free(server);
}
