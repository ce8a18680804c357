/* The connections of one loop: taken in, watched, drained and cut.
 *
 * h2o 2.2.5 has one time for both, from the last answer until the next request has come in full: one
 * that begins late in it would be broken off in its middle.  So h2o is given twice the time, and an
 * idle connection and a request, from its first byte, are timed here.  What else h2o lacks: a reply
 * may wait for its reader for ever, a head may grow to 400 KiB, and a TLS connection that h2o has
 * closed waits for the peer's goodbye without end.
 * Connections end by shutdown(2) on their descriptor: h2o sees the end of the stream and closes in
 * its own time, so nothing is freed under it. */
#include "http/http.h"

#include <linux/sockios.h>
#include <linux/tcp.h> /* the C library's struct tcp_info ends before bytes_received */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/limits.h"
#include "http/catalogue.h"
#include "http/http2.h"
#include "http/http2_memory.h"
#include "http/proxy_accept.h"

#define GRACE_US 12000000u /* h2o's own handshake timeout of 10 s, and two sweeps */

static void gauge_add(struct fs_counter *gauge, int64_t n)
{
    fs_counter_set(gauge, fs_counter_read(gauge) + (uint64_t)n);
}

static void on_close(void *data)
{
    struct fs_connection_guard *connection = data;

    fs_guard_leave(&connection->http->server->guard, &connection->counted, connection->is_admin);
    if (!connection->is_admin)
        gauge_add(&connection->http->metrics->connections, -1);
    fs_link_remove(&connection->link);
    if (connection->http2)
        fs_http2_release(connection->http2);
    connection->http->unsent -= connection->unsent;
    free(connection->http2);
    free(connection);
}

/* A peer that takes nothing for this long is dropped by the kernel itself. */
static void limit_unacknowledged(const struct fs_http *http, int fd, const struct sockaddr *peer)
{
    unsigned timeout_ms = (unsigned)(http->server->slow_reader_timeout_us / 1000);

    if (peer->sa_family == AF_INET || peer->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

static uint64_t last_us(const struct fs_connection_guard *connection)
{
    return connection->answered_at_us > connection->accepted_at_us ? connection->answered_at_us
                                                                   : connection->accepted_at_us;
}

static void end(struct fs_connection_guard *connection, int how)
{
    shutdown(h2o_socket_get_fd(connection->socket), how);
    connection->is_ended = true;
}

/* Ends the connection that has rested longest, one without any request first: a full admin listener
 * goes on taking health checks and operators, and strangers who only rest push each other out. */
static void make_room(struct fs_http *http)
{
    struct fs_connection_guard *found = NULL;

    for (struct fs_link *link = http->connections.next; link != &http->connections;
         link = link->next) {
        struct fs_connection_guard *connection =
            FS_CONTAINER_OF(link, struct fs_connection_guard, link);

        if (!connection->is_admin || connection->is_ended || connection->exchange_count > 0)
            continue;
        if (!found || (connection->request_count == 0) > (found->request_count == 0) ||
            ((connection->request_count == 0) == (found->request_count == 0) &&
             last_us(connection) < last_us(found)))
            found = connection;
    }
    if (found)
        end(found, SHUT_RDWR);
}

/* Operators' connections that are being ended count until h2o has closed them: so there is room for as
 * many again. */
static bool admit(struct fs_http *http, const struct sockaddr_storage *peer, bool is_admin)
{
    const struct fs_http_settings *settings = http->settings;
    struct fs_guard *guard = &http->server->guard;

    if (!is_admin)
        return fs_guard_admit(guard, peer, false, settings->connections_max,
                              settings->connections_per_address_max);
    if (fs_guard_admin_count(guard) >= settings->admin_connections_max)
        make_room(http);
    return fs_guard_admit(guard, peer, true, 2 * settings->admin_connections_max, 0);
}

static void serve(h2o_accept_ctx_t *accept, h2o_socket_t *socket)
{
    const struct fs_connection_guard *connection = socket->on_close.data;

    if (connection->http->server->has_http2 && accept->ssl_ctx)
        fs_http2_accept(accept, socket);
    else
        h2o_accept(accept, socket);
}

void fs_http_accept(struct fs_http *http, h2o_accept_ctx_t *accept, h2o_socket_t *socket,
                    bool is_admin)
{
    struct fs_connection_guard *connection = calloc(1, sizeof(*connection));
    socklen_t peer_len = sizeof(connection->peer);
    int fd = h2o_socket_get_fd(socket);

    if (!connection)
        goto close_socket;
    if (getpeername(fd, (struct sockaddr *)(void *)&connection->peer, &peer_len) != 0)
        goto free_connection;
    connection->is_from_proxy =
        !is_admin && fs_proxies_trust(&http->server->proxies, &connection->peer);
    if (!is_admin && http->server->has_proxy_protocol && !connection->is_from_proxy)
        goto free_connection;
    if (!connection->is_from_proxy) /* a trusted proxy's connections are many clients' */
        connection->counted = connection->peer;
    if (!admit(http, &connection->counted, is_admin))
        goto free_connection;
    limit_unacknowledged(http, fd, (struct sockaddr *)(void *)&connection->peer);
    connection->http = http;
    connection->socket = socket;
    connection->is_admin = is_admin;
    connection->accepted_at_us = fs_clock_now_us();
    fs_link_init(&connection->link);
    fs_link_append(&http->connections, &connection->link);
    fs_counter_add(&http->metrics->connections_accepted, 1);
    if (!is_admin)
        gauge_add(&http->metrics->connections, 1);
    socket->on_close.cb = on_close;
    socket->on_close.data = connection;
    if (!is_admin && http->server->has_proxy_protocol)
        fs_proxy_accept(accept, socket, serve);
    else
        serve(accept, socket);
    return;

free_connection:
    free(connection);
close_socket:
    fs_counter_add(&http->metrics->connections_refused, 1);
    h2o_socket_close(socket);
}

/* The function that h2o's loop itself calls after each timer, to run what is pending. */
void fs_http_finish_writes(struct fs_http *http)
{
    h2o_timeout__do_post_callback(http->h2o.loop);
}

/* Nothing of a request has come, none is being answered, and no answer is on its way. */
static bool is_idle(const struct fs_connection_guard *connection)
{
    if (connection->exchange_count > 0)
        return false;
    if (connection->http2)
        return fs_http2_is_idle(connection->http2);
    return connection->socket->input->size == 0 && !h2o_socket_is_writing(connection->socket);
}

size_t fs_http_drain(struct fs_http *http)
{
    size_t open_count = 0;

    http->h2o.shutdown_requested = 1; /* later replies close their connection */
    for (struct fs_link *link = http->connections.next; link != &http->connections;
         link = link->next) {
        struct fs_connection_guard *connection =
            FS_CONTAINER_OF(link, struct fs_connection_guard, link);

        open_count++;
        if (connection->http2 && !fs_http2_drain(connection->http2, fs_clock_now_us()))
            continue;
        /* Reading ends, writing does not: a request that has arrived is read and answered yet. */
        if (!connection->is_ended && is_idle(connection))
            end(connection, SHUT_RD);
    }
    return open_count;
}

void fs_http_cut(struct fs_http *http)
{
    for (struct fs_link *link = http->connections.next; link != &http->connections;
         link = link->next)
        end(FS_CONTAINER_OF(link, struct fs_connection_guard, link), SHUT_RDWR);
    fs_catalogue_give_up(http->catalogue);
}

static bool is_slow_reader(struct fs_connection_guard *connection, uint64_t now_us)
{
    uint64_t timeout_us = connection->http->server->slow_reader_timeout_us;

    if (!h2o_socket_is_writing(connection->socket)) {
        connection->writing_since_us = 0;
        return false;
    }
    if (connection->writing_since_us == 0 ||
        connection->writing_for_request != connection->request_count) {
        connection->writing_since_us = now_us;
        connection->writing_for_request = connection->request_count;
        return false;
    }
    return now_us - connection->writing_since_us >= timeout_us;
}

/* What the kernel has received and h2o has not read: the next turn is about to. */
static bool has_unread(const struct fs_connection_guard *connection)
{
    int len = 0;

    return ioctl(h2o_socket_get_fd(connection->socket), FIONREAD, &len) == 0 && len > 0;
}

/* A TLS connection without a request may be in its handshake, which is h2o's to time. */
static bool is_left_idle(const struct fs_connection_guard *connection, uint64_t now_us)
{
    uint64_t timeout_us = connection->http->server->idle_timeout_us;

    return !connection->is_ended && is_idle(connection) && !connection->lingering &&
           (connection->request_count > 0 || !connection->socket->ssl || connection->http2) &&
           now_us >= last_us(connection) + timeout_us && !has_unread(connection);
}

/* On HTTP/2 it is a frame that may be slow, whatever is being answered meanwhile; its streams are
 * timed one by one. */
static bool is_slow_sender(struct fs_connection_guard *connection, uint64_t now_us)
{
    bool is_answering = connection->exchange_count > 0 && !connection->http2;
    uint32_t taken =
        connection->http2 ? connection->http2->frames.frame_count : connection->request_count;

    if (is_answering || connection->socket->input->size == 0 ||
        h2o_socket_is_writing(connection->socket) || connection->lingering) {
        connection->receiving_since_us = 0;
        return false;
    }
    if (connection->receiving_since_us == 0 || connection->receiving_after != taken) {
        connection->receiving_since_us = now_us;
        connection->receiving_after = taken;
        return false;
    }
    return now_us - connection->receiving_since_us >= connection->http->server->request_timeout_us;
}

/* h2o closes whatever is idle or half read after its own time; what is older is stuck in h2o. */
static bool is_forgotten(const struct fs_connection_guard *connection, uint64_t now_us)
{
    const struct fs_http_server *server = connection->http->server;
    uint64_t patience_us = fs_http_patience_us(server) + server->slow_reader_timeout_us + GRACE_US;

    return connection->exchange_count == 0 && now_us > last_us(connection) + patience_us;
}

/* Received, not merely buffered: chunk extensions and TLS records leave no trace in the buffer.
 * Asked of those alone that are in the middle of a request, so few system calls a sweep. */
static bool is_flooding(const struct fs_connection_guard *connection)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    uint64_t share = FS_HEAD_LEN_MAX + 4 * FS_BODY_READ_MAX;

    if (connection->exchange_count > 0 || connection->socket->input->size == 0 ||
        h2o_socket_is_writing(connection->socket) || connection->lingering)
        return false;
    if (connection->socket->input->size > FS_HEAD_LEN_MAX + FS_BODY_READ_MAX)
        return true;
    if (getsockopt(h2o_socket_get_fd(connection->socket), IPPROTO_TCP, TCP_INFO, &info, &len) !=
            0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received))
        return false;
    return info.tcpi_bytes_received > ((uint64_t)connection->request_count + 1) * share;
}

/* Bytes that the kernel has of answers and the client has not taken.  Asked for of those that were
 * answered since they were found to have none, so of no idle one. */
static void count_unsent(struct fs_connection_guard *connection)
{
    int unsent = 0;

    if (connection->unsent == 0 && connection->unsent_checked == connection->request_count)
        return;
    if (ioctl(h2o_socket_get_fd(connection->socket), SIOCOUTQ, &unsent) != 0 || unsent < 0)
        unsent = 0;
    connection->is_unread = connection->unsent > 0 && unsent > 0;
    connection->http->unsent += (uint64_t)unsent - connection->unsent;
    connection->unsent = (uint64_t)unsent;
    connection->unsent_checked = connection->request_count;
}

static uint64_t unsent_of_all(struct fs_http *http)
{
    struct fs_http_server *server = http->server;
    uint64_t sum = 0;

    fs_counter_set(&http->metrics->unsent_bytes, http->unsent);
    for (size_t i = 0; i < server->loop_count; i++)
        sum += fs_counter_read(&server->loops[i]->metrics->unsent_bytes);
    return sum;
}

/* Where clients leave too much unread, those go that did so at two sweeps, until the rest is bearable. */
static void end_unread(struct fs_http *http)
{
    uint64_t max = http->server->unsent_max;
    uint64_t sum = unsent_of_all(http);

    for (struct fs_link *link = http->connections.next;
         max > 0 && sum > max && link != &http->connections; link = link->next) {
        struct fs_connection_guard *connection =
            FS_CONTAINER_OF(link, struct fs_connection_guard, link);

        if (connection->is_admin || connection->is_ended || !connection->is_unread)
            continue;
        sum -= connection->unsent < sum ? connection->unsent : sum;
        fs_counter_add(&http->metrics->connections_unread, 1);
        end(connection, SHUT_RDWR);
    }
}

void fs_http_sweep(struct fs_http *http, uint64_t now_us)
{
    fs_http2_trim(http->server);
    for (struct fs_link *link = http->connections.next; link != &http->connections;
         link = link->next) {
        struct fs_connection_guard *connection =
            FS_CONTAINER_OF(link, struct fs_connection_guard, link);

        count_unsent(connection);
        if (connection->http2)
            fs_http2_recount(connection->http2);
        if (is_slow_reader(connection, now_us) || is_slow_sender(connection, now_us) ||
            is_forgotten(connection, now_us) || is_flooding(connection) ||
            (connection->http2 && fs_http2_is_overdue(connection->http2, now_us))) {
            end(connection, SHUT_RDWR);
        } else if (is_left_idle(connection, now_us)) {
            if (connection->http2)
                fs_http2_leave(connection->http2);
            end(connection, SHUT_RD); /* what has come until h2o sees it is answered yet */
        }
    }
    end_unread(http);
}
