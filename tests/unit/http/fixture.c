/* See fixture.h.  The turn is that of core/server/worker.c, without its letters. */
#include "fixture.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "http/access_log.h"
#include "server/evloop.h"

/* The strategy */

struct scripted_state {
    struct fs_call call;
    struct fs_op *op;
    const struct fs_host *host;
};

static const struct {
    const char *product;
    struct fs_outcome outcome;
    uint32_t delay_ms;
} script[] = {
    {"sold", {.verdict = FS_DONE, .units_left = 7}, 0},
    {"replay", {.verdict = FS_DONE, .units_left = 3, .replayed = true}, 0},
    {"sold_out", {.verdict = FS_SOLD_OUT}, 0},
    {"limit", {.verdict = FS_LIMIT_REACHED}, 0},
    {"too_many", {.verdict = FS_TOO_MANY}, 0},
    {"closed", {.verdict = FS_CLOSED, .state = FS_SALE_CLOSED}, 0},
    {"paused", {.verdict = FS_CLOSED, .state = FS_SALE_PAUSED}, 0},
    {"not_open", {.verdict = FS_CLOSED, .state = FS_SALE_NOT_OPEN}, 0},
    {"reused", {.verdict = FS_KEY_REUSED}, 0},
    {"in_progress", {.verdict = FS_IN_PROGRESS}, 0},
    {"busy", {.verdict = FS_BUSY}, 0},
    {"unavailable", {.verdict = FS_UNAVAILABLE}, 0},
    {"undetermined", {.verdict = FS_UNDETERMINED}, 0},
    {"late", {.verdict = FS_DONE, .units_left = 1}, 30},
    {"stuck", {.verdict = FS_DONE, .units_left = 1}, 600},
};

static struct fixture *fixture_of(const struct fs_host *host)
{
    return FS_CONTAINER_OF(host, struct fixture, host.host);
}

static struct fs_sale_info sale_of(struct fs_text product)
{
    return (struct fs_sale_info){.product = product,
                                 .state = FS_SALE_OPEN,
                                 .epoch = 1,
                                 .units_initial = 10,
                                 .units_left = 7,
                                 .units_sold = 3};
}

static void on_wait_over(struct fs_call *call, const struct fs_reply *reply)
{
    struct scripted_state *state = FS_CONTAINER_OF(call, struct scripted_state, call);

    (void)reply;
    state->host->complete(state->op, &(struct fs_outcome){.verdict = FS_DONE, .units_left = 1});
}

static void scripted_purchase(void *worker, struct fs_op *op, void *data,
                              const struct fs_purchase *purchase)
{
    struct fixture *fixture = worker;
    const struct fs_host *host = &fixture->host.host;
    struct scripted_state *state = data;

    fixture->purchase_count++;
    for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
        if (!fs_text_equals(purchase->product, fs_text_of(script[i].product)))
            continue;
        if (script[i].delay_ms == 0) {
            host->complete(op, &script[i].outcome);
            return;
        }
        *state = (struct scripted_state){.call = {.done = on_wait_over}, .op = op, .host = host};
        host->wait(&fixture->loop, &state->call, script[i].delay_ms);
        return;
    }
    host->complete(op, &(struct fs_outcome){.verdict = FS_UNKNOWN});
}

/* Orders of "sold" are there, but for buyer user_2. */
static void scripted_order(void *worker, struct fs_op *op, void *data,
                           const struct fs_order_ref *ref)
{
    struct fixture *fixture = worker;
    const struct fs_host *host = &fixture->host.host;
    struct fs_order_info order = {.product = ref->product,
                                  .buyer = ref->buyer,
                                  .order = ref->order,
                                  .units = 2,
                                  .status = FS_ORDER_SOLD,
                                  .sold_at_ms = 1000};

    (void)data;
    if (!fs_text_equals(ref->product, FS_TEXT("sold")) ||
        fs_text_equals(ref->buyer, FS_TEXT("user_2"))) {
        host->complete(op, &(struct fs_outcome){.verdict = FS_UNKNOWN});
        return;
    }
    host->tell_order(op, &order);
    host->complete(op, &(struct fs_outcome){.verdict = FS_DONE});
}

static void scripted_count(void *worker, struct fs_op *op, void *data, struct fs_text product)
{
    struct fixture *fixture = worker;
    const struct fs_host *host = &fixture->host.host;
    struct fs_sale_info sale = sale_of(product);
    bool is_known = fs_text_equals(product, FS_TEXT("sold"));

    (void)data;
    if (is_known)
        host->tell_sale(op, &sale);
    host->complete(op, &(struct fs_outcome){.verdict = is_known ? FS_DONE : FS_UNKNOWN});
}

static void scripted_list(void *worker, struct fs_op *op, void *data)
{
    struct fixture *fixture = worker;
    const struct fs_host *host = &fixture->host.host;

    (void)data;
    fixture->list_count++;
    for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
        struct fs_sale_info sale = sale_of(fs_text_of(script[i].product));

        host->tell_sale(op, &sale);
    }
    host->complete(op, &(struct fs_outcome){.verdict = FS_DONE});
}

static void scripted_audit(void *worker, struct fs_op *op, void *data, struct fs_text product)
{
    struct fixture *fixture = worker;
    const struct fs_host *host = &fixture->host.host;
    bool is_sound = fs_text_equals(product, FS_TEXT("sold"));

    (void)data;
    host->tell_term(op, FS_TEXT("units_left"), 7);
    host->tell_term(op, FS_TEXT("stock_difference"), is_sound ? 0 : -1);
    for (int i = 0; i < 500; i++)
        host->tell_term(op, FS_TEXT("a_term_among_many_that_makes_the_buffer_grow"), i);
    host->complete(op, &(struct fs_outcome){.verdict = FS_DONE});
}

static void scripted_change(void *worker, struct fs_op *op, void *data,
                            const struct fs_sale_change *change)
{
    struct fixture *fixture = worker;
    const struct fs_host *host = &fixture->host.host;
    struct fs_sale_info sale = sale_of(change->product);
    bool exists =
        change->kind == FS_CHANGE_CREATE && fs_text_equals(change->product, FS_TEXT("sold"));

    (void)data;
    if (!exists)
        host->tell_sale(op, &sale);
    host->complete(op, &(struct fs_outcome){.verdict = exists ? FS_EXISTS : FS_DONE,
                                            .replayed = change->change.len > 0});
}

static int scripted_open(const struct fs_host *host, const struct fs_options *options,
                         void **strategy)
{
    (void)options;
    *strategy = fixture_of(host);
    return 0;
}

static void scripted_close(void *strategy)
{
    (void)strategy;
}

static int scripted_attach(void *strategy, struct fs_loop *loop, void **worker)
{
    (void)loop;
    *worker = strategy;
    return 0;
}

static void scripted_detach(void *worker)
{
    (void)worker;
}

static const struct fs_strategy scripted = {FS_STRATEGY_HEAD,
                                            .name = "scripted",
                                            .summary = "answers what the product's name says",
                                            .state_size = sizeof(struct scripted_state),
                                            .open = scripted_open,
                                            .close = scripted_close,
                                            .attach = scripted_attach,
                                            .detach = scripted_detach,
                                            .purchase = scripted_purchase,
                                            .cancel = scripted_order,
                                            .lookup = scripted_order,
                                            .count = scripted_count,
                                            .list = scripted_list,
                                            .audit = scripted_audit,
                                            .change = scripted_change};

/* The server */

#define REQUIRE(condition)                                                                       \
    do {                                                                                         \
        if (!(condition)) {                                                                      \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, strerror(errno)); \
            exit(2);                                                                             \
        }                                                                                        \
    } while (0)

static void drop_line(void *data, enum fs_log_level level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    struct fixture *fixture = listener->data;
    bool is_admin = listener == fixture->sockets[1];
    h2o_socket_t *socket;

    if (error)
        return;
    while ((socket = h2o_evloop_socket_accept(listener)) != NULL)
        fs_http_accept(&fixture->http,
                       is_admin ? &fixture->http.accept_admin : &fixture->http.accept_main, socket,
                       is_admin);
}

static void on_wake(h2o_socket_t *socket, const char *error)
{
    (void)socket;
    (void)error;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    REQUIRE(fd >= 0);
    REQUIRE(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    REQUIRE(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    REQUIRE(listen(fd, 1000) == 0);
    return fd;
}

static void open_sockets(struct fixture *fixture)
{
    for (size_t i = 0; i < 4; i++) {
        int fd =
            i < 2 ? fixture->listen_fds[i] : fcntl(fixture->boxes[i - 2]->fd, F_DUPFD_CLOEXEC, 0);

        REQUIRE(fd >= 0);
        fixture->sockets[i] = h2o_evloop_socket_create(fixture->h2o, fd, H2O_SOCKET_FLAG_DONT_READ);
        fixture->sockets[i]->data = fixture;
        h2o_socket_read_start(fixture->sockets[i], i < 2 ? on_accept : on_wake);
    }
}

static unsigned length_of(const struct fs_link *anchor)
{
    unsigned count = 0;

    for (const struct fs_link *link = anchor->next; link != anchor; link = link->next)
        count++;
    return count;
}

static bool run_turn(struct fixture *fixture, bool is_busy)
{
    struct fs_link letters, *letter;

    h2o_evloop_run(fixture->h2o, is_busy ? 0 : 5);
    fixture->turn_count++;
    fs_counter_set(&fixture->metrics.turn_at_us, fs_clock_now_us());
    fs_link_init(&letters);
    fs_mailbox_take(&fixture->logins, &letters);
    while ((letter = fs_link_shift(&letters)) != NULL)
        fs_auth_delivered(letter);
    fs_loop_deliver(&fixture->loop);
    fs_loop_turn_end(&fixture->loop);
    fs_loop_flush(&fixture->loop);
    is_busy = fs_ops_settle(&fixture->ops) > 0;
    fs_http_sweep(&fixture->http, fs_clock_now_us());
    if (fixture->is_draining)
        fs_http_drain(&fixture->http);
    fixture->connection_count = length_of(&fixture->http.connections);
    fixture->exchange_count = length_of(&fixture->http.exchanges);
    fixture->op_count = fixture->ops.in_flight;
    return is_busy;
}

static void *run(void *data)
{
    struct fixture *fixture = data;
    uint64_t give_up_at_us;
    bool is_busy = true;

    REQUIRE(fs_evloop_create(&fixture->h2o) == 0);
    REQUIRE(fs_http_init(&fixture->http, fixture->h2o, NULL) == 0);
    open_sockets(fixture);
    while (!fixture->is_stopping)
        is_busy = run_turn(fixture, is_busy);
    give_up_at_us = fs_clock_now_us() + 5000000u;
    fs_http_cut(&fixture->http);
    while (fixture->connection_count + fixture->op_count > 0 && fs_clock_now_us() < give_up_at_us) {
        run_turn(fixture, false);
        fs_http_cut(&fixture->http);
    }
    for (size_t i = 0; i < 4; i++)
        h2o_socket_close(fixture->sockets[i]);
    fs_http_dispose(&fixture->http);
    fs_evloop_destroy(fixture->h2o);
    fs_evloop_thread_end();
    return NULL;
}

static void open_auth(struct fixture *fixture)
{
    char key_path[96], error[FS_AUTH_ERROR_SIZE];
    const struct fs_auth_options options = {.mode = FS_AUTH_OPTIONS_DEMO,
                                            .demo_password = "password123",
                                            .users_file = "",
                                            .token_ttl_us = UINT64_C(3600000000),
                                            .token_key_file = key_path,
                                            .jwt_algorithms = FS_AUTH_HS256,
                                            .jwks_file = "",
                                            .jwks_url = "",
                                            .buyer_claim = "sub",
                                            .service_file = "",
                                            .jwt_key_file = "",
                                            .jwt_issuer = "",
                                            .jwt_audience = "",
                                            .login_threads = 1,
                                            .login_queue_max = 8,
                                            .login_failures_max = 5,
                                            .login_failures_address_max = 5};

    snprintf(key_path, sizeof(key_path), "%s/token.key", fixture->dir);
    if (fs_auth_create(&options, &fixture->log, &fixture->auth, error) != 0) {
        fprintf(stderr, "auth: %s\n", error);
        exit(2);
    }
    REQUIRE(fs_auth_cache_create(fixture->auth, 100, &fixture->http.tokens) == 0);
}

static void open_server(struct fixture *fixture)
{
    struct fs_http_server *server = &fixture->server;
    char log_path[96];

    server->log = &fixture->log;
    server->auth = fixture->auth;
    server->strategy = &scripted;
    server->strategy_instance = fixture;
    server->durability = "memory";
    server->version = "0.0.0";
    server->admin_token = FIXTURE_ADMIN_TOKEN;
    server->request_timeout_us = fixture->options.request_timeout_us;
    server->idle_timeout_us = fixture->options.request_timeout_us;
    server->slow_reader_timeout_us = fixture->options.slow_reader_timeout_us;
    server->loops = fixture->loops;
    server->loop_count = 1;
    server->started_at_ms = fs_clock_wall_ms();
    atomic_store(&server->ready, true);
    snprintf(log_path, sizeof(log_path), "%s/access.log", fixture->dir);
    if (fixture->options.has_access_log)
        REQUIRE(fs_access_log_open(log_path, FS_LOG_JSON, &fixture->log, &server->access_log) == 0);
    REQUIRE(fs_http_server_init(server) == 0);
}

static void open_loop(struct fixture *fixture)
{
    fs_metrics_init(&fixture->metrics);
    fs_strategy_host_init(&fixture->host, &fixture->log, 0);
    fs_ops_offer(&fixture->host.host);
    REQUIRE(fs_loop_init(&fixture->loop, &scripted, NULL, &fixture->metrics) == 0);
    fixture->loop.worker = fixture;
    REQUIRE(fs_ops_init(&fixture->ops, &fixture->loop, fixture->options.ops_max,
                        fixture->options.deadline_us) == 0);
    REQUIRE(fs_mailbox_init(&fixture->logins) == 0);
    fixture->boxes[0] = &fixture->loop.mailbox;
    fixture->boxes[1] = &fixture->logins;
    fixture->settings =
        (struct fs_http_settings){.quantity_max = 10,
                                  .connections_max = fixture->options.connections_max,
                                  .admin_connections_max = FS_ADMIN_CONNECTIONS_MAX};
    fixture->http.server = &fixture->server;
    fixture->http.loop = &fixture->loop;
    fixture->http.ops = &fixture->ops;
    fixture->http.metrics = &fixture->metrics;
    fixture->http.logins = &fixture->logins;
    fixture->http.settings = &fixture->settings;
    fixture->loops[0] = &fixture->http;
}

/* As core/server/worker.c: the loop's thread takes no signals, so a client that leaves is no SIGPIPE. */
static void start_thread(struct fixture *fixture)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    REQUIRE(pthread_create(&fixture->thread, NULL, run, fixture) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void fixture_start(struct fixture *fixture, const struct fixture_options *options)
{
    memset(fixture, 0, sizeof(*fixture));
    if (options)
        fixture->options = *options;
    if (!fixture->options.request_timeout_us)
        fixture->options.request_timeout_us = 10000000;
    if (!fixture->options.slow_reader_timeout_us)
        fixture->options.slow_reader_timeout_us = 10000000;
    if (!fixture->options.deadline_us)
        fixture->options.deadline_us = 5000000;
    if (!fixture->options.ops_max)
        fixture->options.ops_max = 64;
    if (!fixture->options.connections_max)
        fixture->options.connections_max = 1000;
    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/fs-http-XXXXXX");
    REQUIRE(mkdtemp(fixture->dir) != NULL);
    snprintf(fixture->main_path, sizeof(fixture->main_path), "%s/main", fixture->dir);
    snprintf(fixture->admin_path, sizeof(fixture->admin_path), "%s/admin", fixture->dir);
    fs_log_init(&fixture->log, FS_LOG_INFO, FS_LOG_TEXT, drop_line, NULL);
    open_auth(fixture);
    open_server(fixture);
    open_loop(fixture);
    fixture->listen_fds[0] = listen_at(fixture->main_path);
    fixture->listen_fds[1] = listen_at(fixture->admin_path);
    start_thread(fixture);
}

static void remove_files(struct fixture *fixture)
{
    const char *names[] = {"main", "admin", "token.key", "access.log"};
    char path[96];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", fixture->dir, names[i]);
        unlink(path);
    }
    rmdir(fixture->dir);
}

void fixture_stop(struct fixture *fixture)
{
    fixture->is_stopping = true;
    pthread_join(fixture->thread, NULL);
    fs_mailbox_dispose(&fixture->logins);
    fs_ops_dispose(&fixture->ops);
    fs_loop_dispose(&fixture->loop);
    fs_http_server_dispose(&fixture->server);
    fs_access_log_close(fixture->server.access_log);
    fs_auth_cache_destroy(fixture->http.tokens);
    fs_auth_destroy(fixture->auth);
    remove_files(fixture);
}

bool fixture_is_quiet(struct fixture *fixture)
{
    const struct timespec pause = {0, 5000000};

    for (int i = 0; i < 4000; i++) {
        nanosleep(&pause, NULL);
        if (fixture->connection_count + fixture->exchange_count + fixture->op_count == 0)
            return true;
    }
    return false;
}
