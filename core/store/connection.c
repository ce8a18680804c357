/* Connects, writes once a turn, reads, drops what hangs, and connects again.
 *
 * hiredis 0.14 has no deadlines, frees its context by itself when a connect or a read fails, and runs
 * what still waits with a NULL reply before it says that the context ends; 1.x the other way round.
 * Both end in the cleanup hook, so that is where a connection learns that its context is gone. */
#include "store/connection.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "store/confirm.h"
#include "store/handshake.h"
#include "store/request.h"

#define BACKOFF_US_MIN 10000u
#define BACKOFF_US_MAX 500000u /* back within a second of Redis' return */
#define BACKOFF_DOUBLINGS 6u
#define KEEPALIVE_IDLE_S 5
#define KEEPALIVE_INTERVAL_S 2
#define KEEPALIVE_PROBES 3

/* Splitmix64, public domain, by Sebastiano Vigna. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void fs_connection_fail(struct fs_connection *connection, const char *format, ...)
{
    va_list args;

    if (connection->problem[0])
        return;
    va_start(args, format);
    vsnprintf(connection->problem, sizeof(connection->problem), format, args);
    va_end(args);
}

static uint64_t backoff_bound_us(const struct fs_connection *connection)
{
    uint32_t doublings = connection->failure_count < BACKOFF_DOUBLINGS ? connection->failure_count
                                                                       : BACKOFF_DOUBLINGS;
    uint64_t bound_us = (uint64_t)BACKOFF_US_MIN << doublings;

    return bound_us < BACKOFF_US_MAX ? bound_us : BACKOFF_US_MAX;
}

/* Full jitter: from nothing to the bound, which doubles (Brooker, "Exponential Backoff And Jitter",
 * AWS Architecture Blog, 2015): servers that lost the same Redis do not come back in step. */
static uint64_t backoff_us(struct fs_connection *connection)
{
    return next_random(&connection->random) % backoff_bound_us(connection) + 1;
}

static void go_down(struct fs_connection *connection)
{
    uint64_t now_us = fs_clock_now_us();
    bool was_ready = connection->state == FS_CONNECTION_READY;

    /* It was worth the wait for it: the next wait is short again. */
    if (was_ready && now_us - connection->ready_at_us >= backoff_bound_us(connection))
        connection->failure_count = 0;
    if (was_ready || connection->down_at_us == 0)
        connection->down_at_us = now_us;
    connection->state = FS_CONNECTION_DOWN;
    connection->retry_at_us = now_us + backoff_us(connection);
    connection->failure_count++;
    connection->is_unreported = true;
    if (connection->is_resting)
        fs_nodes_leave(connection->settings->nodes, &connection->seat);
    else
        fs_nodes_note(connection->settings->nodes, &connection->seat, connection->node->name, false,
                      connection->problem);
    connection->is_dirty = false;
    connection->is_unconfirmed = false;
    connection->is_blocked = false;
    connection->second_half_due = false;
}

/* hiredis' hooks */

static void watch_what_is_wanted(struct fs_connection *connection)
{
    bool is_connecting = connection->state == FS_CONNECTION_CONNECTING;

    connection->settings->poller->set(connection->settings->poller, &connection->watch,
                                      !is_connecting, is_connecting || connection->is_blocked);
}

static void on_add_read(void *data)
{
    (void)data; /* a connection reads from its first command to its end */
}

static void on_del_read(void *data)
{
    (void)data;
}

/* Outside a write this says that there is something to send, which waits for the end of the turn;
 * inside, that the socket did not take all of it. */
static void on_add_write(void *data)
{
    struct fs_connection *connection = data;

    if (connection->is_writing)
        connection->is_blocked = true;
    else
        connection->is_dirty = true;
}

static void on_del_write(void *data)
{
    struct fs_connection *connection = data;

    connection->is_blocked = false;
}

static void on_cleanup(void *data)
{
    struct fs_connection *connection = data;
    redisAsyncContext *context = connection->context;
    const char *problem = connection->reader.problem;

    if (!problem)
        problem = context->errstr && context->errstr[0] ? context->errstr : "closed";
    fs_connection_fail(connection, "%s", problem);
    fs_reply_reader_detach(&connection->reader);
    /* The poller closes the descriptor; hiredis must not close it again. */
    connection->settings->poller->close(connection->settings->poller, &connection->watch);
    context->c.fd = -1;
    connection->context = NULL;
    go_down(connection);
}

/* Reading and writing */

static void write_now(struct fs_connection *connection)
{
    connection->write_count++;
    /* What a socket takes late leaves without its WAIT, which the turn's end then adds. */
    connection->is_dirty = connection->settings->wait_replicas > 0 && connection->is_unconfirmed;
    connection->is_writing = true;
    redisAsyncHandleWrite(connection->context);
    connection->is_writing = false;
    if (connection->context)
        watch_what_is_wanted(connection);
}

static void on_connect_ended(struct fs_connection *connection)
{
    redisAsyncHandleWrite(connection->context);
    if (!connection->context || !(connection->context->c.flags & REDIS_CONNECTED))
        return;
    connection->state = FS_CONNECTION_HANDSHAKE;
    watch_what_is_wanted(connection);
    fs_handshake_begin(connection);
}

static void on_writable(struct fs_watch *watch)
{
    struct fs_connection *connection = FS_CONTAINER_OF(watch, struct fs_connection, watch);

    if (connection->state == FS_CONNECTION_CONNECTING)
        on_connect_ended(connection);
    else
        write_now(connection);
}

static void on_readable(struct fs_watch *watch)
{
    struct fs_connection *connection = FS_CONTAINER_OF(watch, struct fs_connection, watch);
    bool was_ready = connection->state == FS_CONNECTION_READY;
    uint32_t awaited = connection->reader.awaited;

    redisAsyncHandleRead(connection->context);
    if (was_ready && connection->context && connection->reader.awaited < awaited)
        connection->failure_count = 0; /* it answered a command */
    if (connection->context && connection->context->c.reader->len > FS_STORE_REPLY_LEN_MAX)
        fs_connection_fail(connection, "a reply is larger than 16 MiB");
}

void fs_connection_flush(struct fs_connection *connection)
{
    if (connection->is_dirty && !connection->is_blocked && connection->context &&
        !connection->problem[0] && connection->state >= FS_CONNECTION_HANDSHAKE &&
        fs_confirm_before_write(connection))
        write_now(connection);
}

/* Connecting */

static void set_number(int fd, int level, int name, int value)
{
    /* A socket without it works, only less well. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void tune_socket(const struct fs_connection *connection, int fd)
{
    int flags = fcntl(fd, F_GETFD);

    if (flags >= 0)
        (void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    if (connection->node->path)
        return;
    set_number(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_number(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    set_number(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
               (int)(connection->settings->stall_timeout_us / 1000));
}

static redisAsyncContext *begin_connect(struct fs_connection *connection)
{
    const struct fs_node *node = connection->node;
    uint32_t attempt = connection->failure_count;

    if (node->path)
        return redisAsyncConnectUnix(node->path);
    assert(node->at.count > 0);
    memcpy(connection->address, node->at.list[attempt % node->at.count],
           sizeof(connection->address));
    return redisAsyncConnect(connection->address, node->port);
}

static void start_connecting(struct fs_connection *connection, uint64_t now_us)
{
    struct fs_poller *poller = connection->settings->poller;
    redisAsyncContext *context = begin_connect(connection);

    connection->problem[0] = '\0';
    if (!context || context->err) {
        fs_connection_fail(connection, "%s", context ? context->errstr : "out of memory");
        goto fail;
    }
    tune_socket(connection, context->c.fd);
    connection->watch.fd = context->c.fd;
    if (poller->open(poller, &connection->watch) != 0) {
        fs_connection_fail(connection, "out of memory");
        goto fail;
    }
    context->ev.data = connection;
    context->ev.addRead = on_add_read;
    context->ev.delRead = on_del_read;
    context->ev.addWrite = on_add_write;
    context->ev.delWrite = on_del_write;
    context->ev.cleanup = on_cleanup;
    fs_reply_reader_attach(&connection->reader, context->c.reader);
    connection->context = context;
    connection->state = FS_CONNECTION_CONNECTING;
    connection->connect_until_us = now_us + connection->settings->connect_timeout_us;
    watch_what_is_wanted(connection);
    return;

fail:
    if (context)
        redisAsyncFree(context);
    go_down(connection);
}

/* Looking after */

static void report(struct fs_connection *connection)
{
    struct fs_log *log = connection->settings->log;

    if (connection->state == FS_CONNECTION_READY) {
        if (connection->reported[0])
            fs_log_info(log, "store", "redis %u (%s): connected again after %.3f s",
                        connection->index, connection->node->name,
                        (double)(connection->ready_at_us - connection->down_at_us) / 1e6);
        connection->reported[0] = '\0';
        connection->down_at_us = 0;
    }
    if (!connection->is_unreported)
        return;
    connection->is_unreported = false;
    if (connection->lost_count > 0 || strcmp(connection->problem, connection->reported) != 0)
        fs_log_warning(
            log, "store", "redis %u (%s): %s; %u commands were under way; connecting again",
            connection->index, connection->node->name, connection->problem, connection->lost_count);
    memcpy(connection->reported, connection->problem, sizeof(connection->reported));
    connection->lost_count = 0;
}

static uint64_t stall_at_us(const struct fs_connection *connection)
{
    const struct fs_request *oldest;

    if (fs_link_is_alone(&connection->waiting))
        return UINT64_MAX;
    oldest = FS_CONTAINER_OF(connection->waiting.next, struct fs_request, link);
    return oldest->queued_at_us + connection->settings->stall_timeout_us;
}

static void check_time(struct fs_connection *connection, uint64_t now_us)
{
    const struct fs_connection_settings *settings = connection->settings;

    if (connection->state < FS_CONNECTION_READY && now_us >= connection->connect_until_us)
        fs_connection_fail(connection, "no answer within %.3f s while connecting",
                           (double)settings->connect_timeout_us / 1e6);
    else if (connection->state == FS_CONNECTION_READY && now_us >= stall_at_us(connection))
        fs_connection_fail(connection, "a command had no answer for %.3f s",
                           (double)settings->stall_timeout_us / 1e6);
}

static void drop_unanswered(struct fs_connection *connection)
{
    fs_requests_drop_again(connection);
    fs_confirm_drop(connection);
}

void fs_connection_look_after(struct fs_connection *connection, uint64_t now_us)
{
    if (connection->context && !connection->problem[0])
        check_time(connection, now_us);
    if (connection->context && connection->is_resting && connection->in_flight == 0)
        fs_connection_fail(connection, "not needed any more");
    if (connection->context && connection->problem[0])
        redisAsyncFree(connection->context);
    if (connection->context && connection->second_half_due)
        fs_handshake_finish(connection);
    if (connection->context && !connection->problem[0])
        fs_handshake_compare(connection, now_us);
    if (connection->context)
        fs_requests_send_again(connection, now_us);
    else
        drop_unanswered(connection);
    fs_requests_expire(connection, now_us);
    if (connection->is_resting)
        connection->is_unreported = false;
    else if (connection->is_unreported || connection->reported[0])
        report(connection);
    if (connection->state == FS_CONNECTION_DOWN && !connection->is_resting &&
        now_us >= connection->retry_at_us)
        start_connecting(connection, now_us);
}

uint64_t fs_connection_next_due_us(const struct fs_connection *connection)
{
    uint64_t due_us;

    if ((connection->is_unreported && !connection->is_resting) ||
        !fs_link_is_alone(&connection->again) || connection->second_half_due ||
        (connection->context && connection->problem[0]) ||
        (connection->context && connection->is_resting && connection->in_flight == 0))
        return 0;
    switch (connection->state) {
    case FS_CONNECTION_DOWN:
        return connection->is_resting ? UINT64_MAX : connection->retry_at_us;
    case FS_CONNECTION_CONNECTING:
    case FS_CONNECTION_HANDSHAKE:
        return connection->connect_until_us;
    case FS_CONNECTION_READY:
        break;
    }
    due_us = stall_at_us(connection);
    return connection->first_due_us < due_us ? connection->first_due_us : due_us;
}

/* Life */

int fs_connection_init(struct fs_connection *connection,
                       const struct fs_connection_settings *settings, const struct fs_node *node,
                       unsigned index)
{
    *connection = (struct fs_connection){
        .settings = settings,
        .node = node,
        .index = index,
        .watch = {.fd = -1, .on_readable = on_readable, .on_writable = on_writable},
        .state = FS_CONNECTION_DOWN,
        .first_due_us = UINT64_MAX,
        .random = fs_clock_now_us() ^ (uint64_t)(uintptr_t)connection,
    };
    connection->requests = calloc(settings->in_flight_max, sizeof(*connection->requests));
    if (!connection->requests)
        return -ENOMEM;
    fs_reply_reader_init(&connection->reader);
    fs_link_init(&connection->waiting);
    fs_link_init(&connection->again);
    fs_link_init(&connection->held);
    fs_link_init(&connection->free);
    return 0;
}

void fs_connection_dispose(struct fs_connection *connection)
{
    drop_unanswered(connection);
    if (connection->context)
        redisAsyncFree(connection->context);
    fs_nodes_leave(connection->settings->nodes, &connection->seat);
    assert(connection->in_flight == 0);
    for (uint32_t i = 0; i < connection->requests_touched; i++)
        free(connection->requests[i].copy);
    free(connection->requests);
    fs_reply_reader_dispose(&connection->reader);
}
