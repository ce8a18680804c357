/* Closes a server, from whichever stage a start has reached down to nothing.
 *
 * A serving one in this order: not ready; accept what is queued and nothing more; answer what was
 * asked and let connections go; cut the rest; wait until the strategy has let go of every op.  A
 * strategy that does not is left alone with all that it may touch. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "http/access_log.h"
#include "server/parts.h"
#include "server/server.h"
#include "server/tls.h"
#include "server/tls_watch.h"

#define LOOK_SPAN_MS 2
#define GRACE_US 2000000u /* past the deadline of the last op */
#define ADMIN_US 200000u  /* for the admin's connections, when the others took all the time */

static void pause_briefly(void)
{
    const struct timespec pause = {0, LOOK_SPAN_MS * 1000000l};

    nanosleep(&pause, NULL);
}

static size_t connections_open(struct fs_worker *const *workers, size_t count)
{
    size_t open = 0;

    for (size_t i = 0; i < count; i++) {
        size_t here = atomic_load(&workers[i]->connections_open);

        /* SIZE_MAX: has not looked yet. */
        open = here == SIZE_MAX ? SIZE_MAX : open == SIZE_MAX ? SIZE_MAX : open + here;
    }
    return open;
}

static uint64_t ops_in_flight(const struct fs_server *server)
{
    uint64_t in_flight = 0;

    for (size_t i = 0; i < server->worker_count; i++)
        in_flight += atomic_load(&server->workers[i]->ops_in_flight);
    return in_flight;
}

/* Waits until no connection of these workers is open.  Returns whether that came to be in time; a
 * loop that has not looked yet has a little more. */
static bool wait_for_connections(const struct fs_server *server, struct fs_worker *const *workers,
                                 size_t count, uint64_t until_us, bool is_patient)
{
    size_t open;

    while ((open = connections_open(workers, count)) > 0) {
        uint64_t now_us = fs_clock_now_us();
        bool is_over = now_us >= until_us || (!is_patient && atomic_load(&server->is_cut));

        if (is_over && (open != SIZE_MAX || now_us >= until_us + GRACE_US))
            return false;
        pause_briefly();
    }
    return true;
}

/* Drains some of the loops; what is left at until_us is cut.  Returns whether none had to be. */
static bool drain(struct fs_server *server, struct fs_worker *const *workers, size_t count,
                  uint64_t until_us)
{
    uint64_t last_us;

    for (size_t i = 0; i < count; i++)
        fs_worker_drain(workers[i]);
    if (wait_for_connections(server, workers, count, until_us, false))
        return true;
    fs_log_warning(&server->log, "server", "%s: %zu connection(s) are cut",
                   atomic_load(&server->is_cut) ? "told to stop at once"
                                                : "shutdown_timeout has passed",
                   connections_open(workers, count));
    for (size_t i = 0; i < count; i++)
        fs_worker_cut(workers[i]);
    fs_auth_give_up_logins(server->auth);
    /* A request that the strategy holds keeps its connection until its deadline. */
    last_us = fs_clock_now_us() + server->config->purchase_deadline_us + GRACE_US;
    wait_for_connections(server, workers, count, last_us, true);
    return false;
}

static void wait_for_ops(struct fs_server *server)
{
    uint64_t until_us = fs_clock_now_us() + server->config->purchase_deadline_us + GRACE_US;

    while (ops_in_flight(server) > 0 && fs_clock_now_us() < until_us)
        pause_briefly();
}

/* A balancer takes a while to notice that the server is not ready. */
static void wait_for_balancers(struct fs_server *server)
{
    uint64_t until_us = fs_clock_now_us() + server->config->shutdown_delay_us;

    atomic_store(&server->http.leaving, true);
    if (server->config->shutdown_delay_us == 0)
        return;
    fs_log_info(&server->log, "server", "not ready, and everything is still served for %llu ms",
                (unsigned long long)(server->config->shutdown_delay_us / 1000));
    atomic_store(&server->is_delaying, true);
    while (atomic_load(&server->is_delaying) && !atomic_load(&server->is_cut) &&
           fs_clock_now_us() < until_us)
        pause_briefly();
    atomic_store(&server->is_delaying, false);
}

static int close_listening(struct fs_server *server)
{
    size_t main_count = server->worker_count - 1;
    struct fs_worker **admin = &server->workers[main_count];
    uint64_t until_us;
    bool is_clean;

    wait_for_balancers(server);
    until_us = fs_clock_now_us() + server->config->shutdown_timeout_us;
    atomic_store(&server->http.ready, false);
    atomic_store(&server->http.draining, true);
    for (size_t i = 0; i < main_count; i++)
        fs_worker_unlisten(server->workers[i]);
    is_clean = drain(server, server->workers, main_count, until_us);

    /* The admin's listener tells what goes on to the end. */
    fs_worker_unlisten(*admin);
    if (until_us < fs_clock_now_us() + ADMIN_US)
        until_us = fs_clock_now_us() + ADMIN_US;
    is_clean = drain(server, admin, 1, until_us) && is_clean;
    for (size_t i = 0; i < server->listener_count; i++)
        fs_listener_close(&server->listeners[i]);
    free(server->listeners);
    server->listeners = NULL;
    server->listener_count = 0;
    return is_clean ? 0 : -ETIMEDOUT;
}

/* Whether the loop and all it holds can be taken down. */
static bool is_free(const struct fs_worker *worker)
{
    return worker->gate != FS_WORKER_RUNNING || (atomic_load(&worker->connections_open) == 0 &&
                                                 atomic_load(&worker->ops_in_flight) == 0);
}

/* Loops of a start that broke off are asked, too: the sales that it created may be under way. */
static void settle_loops(struct fs_server *server)
{
    bool is_running = server->attached_count > 0 &&
                      server->workers[server->attached_count - 1]->gate == FS_WORKER_RUNNING;

    if (!is_running)
        return;
    for (size_t i = 0; i < server->worker_count; i++)
        if (!server->workers[i]->draining)
            fs_worker_drain(server->workers[i]);
    fs_auth_give_up_logins(server->auth);
    wait_for_ops(server);
    wait_for_connections(server, server->workers, server->worker_count,
                         fs_clock_now_us() + GRACE_US, true);
}

/* Returns whether every loop was free; otherwise none is detached. */
static bool close_workers(struct fs_server *server)
{
    bool is_stuck = false;

    settle_loops(server);
    for (size_t i = 0; i < server->worker_count; i++) {
        if (is_free(server->workers[i]))
            continue;
        is_stuck = true;
        fs_log_error(&server->log, "server",
                     "loop %zu: the strategy still holds %u request(s) long after their deadline",
                     i, atomic_load(&server->workers[i]->ops_in_flight));
    }
    for (size_t i = 0; i < server->worker_count; i++) {
        server->workers[i]->is_given_up = is_stuck;
        fs_worker_end(server->workers[i]);
    }
    if (is_stuck)
        return false;
    while (server->attached_count > 0)
        fs_worker_detach(server->workers[--server->attached_count]);
    return true;
}

/* The strategy may answer at any time, and may not be closed while it holds an op: so it keeps all
 * that it could touch, the loops, the log and its own code among it.  Only processes are stopped. */
static int give_up(struct fs_server *server)
{
    fs_log_error(&server->log, "server",
                 "strategy %s does not let go: it is not closed, and all its memory is given up",
                 server->module.strategy.name);
    if (server->redis)
        fs_redis_stop_private(server->redis);
    server->stage = FS_STAGE_WORKERS;
    return -EBUSY;
}

static void destroy_workers(struct fs_server *server)
{
    while (server->worker_count > 0) {
        struct fs_worker *worker = server->workers[--server->worker_count];

        fs_worker_destroy(worker);
    }
    free(server->workers);
    free(server->loops);
    server->workers = NULL;
    server->loops = NULL;
}

void fs_server_close_files(struct fs_server *server)
{
    free(server->audit_log);
    server->audit_log = NULL;
    free(server->token_key_file);
    server->token_key_file = NULL;
    if (server->tls)
        fs_tls_destroy(server->tls);
    server->tls = NULL;
    fs_tls_free_retired(&server->tls_retired);
    for (int i = 0; i < 2; i++) {
        free(server->tls_files[i]);
        server->tls_files[i] = NULL;
    }
    if (server->access_log)
        fs_access_log_close(server->access_log);
    server->access_log = NULL;
    OPENSSL_cleanse(server->admin_token, sizeof(server->admin_token));
    free(server->data_dir);
    server->data_dir = NULL;
}

void fs_server_close_strategy(struct fs_server *server)
{
    server->module.strategy.close(server->strategy);
    server->strategy = NULL;
    free(server->strategy_options);
    server->strategy_options = NULL;
}

void fs_server_close_module(struct fs_server *server)
{
    fs_strategy_unload(&server->module);
    free(server->strategy_dir);
    server->strategy_dir = NULL;
}

void fs_server_close_store(struct fs_server *server)
{
    if (server->redis)
        fs_redis_destroy(server->redis);
    server->redis = NULL;
}

void fs_server_close_auth(struct fs_server *server)
{
    fs_auth_destroy(server->auth);
    server->auth = NULL;
}

void fs_server_close_config(struct fs_server *server)
{
    fs_config_destroy(server->config);
    server->config = NULL;
}

/* The parts below the routes, the last one first. */
static void close_parts(struct fs_server *server, enum fs_server_stage stage, bool with_strategy)
{
    for (size_t i = fs_server_part_count; i-- > 0;) {
        const struct fs_part *part = &fs_server_parts[i];

        if (part->close && part->reached <= stage &&
            with_strategy == (part->reached == FS_STAGE_STRATEGY))
            part->close(server);
    }
}

int fs_server_close(struct fs_server *server)
{
    enum fs_server_stage stage = server->stage;
    int rc = 0;

    fs_tls_watch_stop(server->tls_watch);
    server->tls_watch = NULL;
    if (stage >= FS_STAGE_LISTENING)
        rc = close_listening(server);
    if (stage >= FS_STAGE_WORKERS && !close_workers(server))
        return give_up(server);
    close_parts(server, stage, true); /* while its loops are there */
    if (stage >= FS_STAGE_WORKERS)
        destroy_workers(server);
    if (stage >= FS_STAGE_HTTP) {
        fs_http_server_dispose(&server->http);
        free(server->http_settings);
        server->http_settings = NULL;
    }
    close_parts(server, stage, false);
    server->stage = FS_STAGE_NOTHING;
    return rc;
}
