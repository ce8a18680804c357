/* Connections that speak HTTP/2: made by ALPN alone, guarded from their first frame, and left in an
 * order that loses no request.
 *
 * h2o's own accept() would read a client's first frames before anybody could put a guard before its
 * reader, so the handshake is waited for here.  Cleartext stays HTTP/1, by Upgrade and by prior
 * knowledge: h2o 2.2.5 has one switch for both, and an Upgrade that a proxy passes on is a way around
 * whatever the proxy forbids; a port that guesses the protocol from the first bytes is another.
 *
 * h2o's graceful shutdown is not used: after its second GOAWAY it drops the bodies of requests that it
 * has said it would serve, and a CONTINUATION frame then makes it spin for ever.  Here a first GOAWAY
 * gives notice, a second names the last stream that is served, and what comes after it is refused by
 * the handler, without a change to h2o's state.  Source: RFC 9113, section 6.8. */
#include "http/http2.h"

#include <stdlib.h>

#include <h2o/http1.h>
#include <h2o/http2.h>
#include <h2o/http2_internal.h>

#include "base/limits.h"

#define STREAM_ANY UINT32_MAX
#define US_PER_SECOND 1000000u

/* A handshake under way: the socket's data meanwhile. */
struct handshake {
    h2o_timeout_entry_t patience;
    h2o_accept_ctx_t *accept;
    h2o_socket_t *socket;
    struct timeval connected_at;
};

static void on_patience_over(h2o_timeout_entry_t *patience)
{
    struct handshake *handshake = FS_CONTAINER_OF(patience, struct handshake, patience);
    h2o_socket_t *socket = handshake->socket;

    h2o_timeout_unlink(patience);
    free(handshake);
    h2o_socket_close(socket);
}

static void on_handshake(h2o_socket_t *socket, const char *error)
{
    struct handshake *handshake = socket->data;
    h2o_accept_ctx_t *accept = handshake->accept;
    const struct timeval connected_at = handshake->connected_at;
    h2o_iovec_t protocol;

    socket->data = NULL;
    h2o_timeout_unlink(&handshake->patience);
    free(handshake);
    if (error) {
        h2o_socket_close(socket);
        return;
    }
    protocol = h2o_socket_ssl_get_selected_protocol(socket);
    if (h2o_memis(protocol.base, protocol.len, H2O_STRLIT("h2")))
        fs_http2_open(accept, socket, connected_at);
    else
        h2o_http1_accept(accept, socket, connected_at);
}

void fs_http2_accept(h2o_accept_ctx_t *accept, h2o_socket_t *socket)
{
    struct handshake *handshake = calloc(1, sizeof(*handshake));

    if (!handshake) {
        h2o_socket_close(socket);
        return;
    }
    *handshake = (struct handshake){.patience = {.cb = on_patience_over},
                                    .accept = accept,
                                    .socket = socket,
                                    .connected_at = *h2o_get_timestamp(accept->ctx, NULL, NULL)};
    h2o_timeout_link(accept->ctx->loop, &accept->ctx->handshake_timeout, &handshake->patience);
    socket->data = handshake;
    h2o_socket_ssl_handshake(socket, accept->ssl_ctx, NULL, on_handshake);
}

/* What came with the end of the handshake is put aside until the guard stands: h2o reads it at
 * once. */
void fs_http2_open(h2o_accept_ctx_t *accept, h2o_socket_t *socket, struct timeval connected_at)
{
    struct fs_connection_guard *connection = socket->on_close.data;
    struct fs_http2 *http2 = calloc(1, sizeof(*http2));
    h2o_buffer_t *early = socket->input;

    if (!http2) {
        h2o_socket_close(socket);
        return;
    }
    h2o_buffer_init(&socket->input, &h2o_socket_buffer_prototype);
    h2o_http2_accept(accept, socket, connected_at);
    h2o_buffer_dispose(&socket->input);
    socket->input = early;

    http2->connection = connection;
    http2->on_read = socket->_cb.read;
    http2->stream_last = STREAM_ANY;
    fs_frame_guard_open(&http2->frames, socket->data);
    connection->http->http2_buffers =
        FS_CONTAINER_OF(http2->frames.conn->_write.buf, h2o_buffer_prototype_t, _initial_buf);
    connection->http2 = http2;
    if (early->size > 0)
        http2->on_read(socket, NULL);
}

/* Their list is h2o's secret, but a new connection's empty buffer is a member of it. */
void fs_http2_free_buffers(struct fs_http *http)
{
    h2o_mem_recycle_t *kept = http->http2_buffers ? &http->http2_buffers->allocator : NULL;

    while (kept && kept->cnt > 0)
        free(h2o_mem_alloc_recycle(kept, 1));
}

bool fs_http2_is_open(const struct fs_http2 *http2)
{
    return http2->connection->socket->_cb.read == http2->on_read &&
           http2->frames.conn->state < H2O_HTTP2_CONN_STATE_IS_CLOSING;
}

enum fs_problem fs_http2_judge(const struct fs_http2 *http2, h2o_req_t *req, struct fs_text *reason)
{
    const h2o_http2_stream_t *stream = FS_CONTAINER_OF(req, h2o_http2_stream_t, req);

    *reason = (struct fs_text){0};
    /* The client was told that this one is not served, and may ask another server. */
    if (stream->stream_id > http2->stream_last)
        return FS_PROBLEM_NOT_READY;
    if (http2->frames.has_trailers) {
        *reason = FS_TEXT("Headers behind the body are not accepted.");
        return FS_PROBLEM_INVALID_REQUEST;
    }
    /* Where there is a body h2o compares them itself. */
    if (!stream->_req_body && stream->_expected_content_length != SIZE_MAX &&
        stream->_expected_content_length != 0) {
        *reason = FS_TEXT("Content-Length is not the length of the body.");
        return FS_PROBLEM_INVALID_REQUEST;
    }
    return FS_PROBLEM_NONE;
}

bool fs_http2_leave_malformed(struct fs_http2 *http2, h2o_req_t *req)
{
    if (req->input.path.len > 0)
        return false;
    http2->frames.malformed_stream = FS_CONTAINER_OF(req, h2o_http2_stream_t, req)->stream_id;
    return true;
}

bool fs_http2_is_idle(const struct fs_http2 *http2)
{
    const h2o_http2_conn_t *conn = http2->frames.conn;

    if (!fs_http2_is_open(http2))
        return !h2o_socket_is_writing(http2->connection->socket);
    return conn->num_streams.pull.open == 0 && conn->sock->input->size == 0 &&
           conn->_write.buf->size == 0 && !conn->_write.buf_in_flight;
}

/* h2o notes there a time of the wall clock, which may step, for its own access log, which is not used.
 * So the first look puts a time of the monotonic clock in its place, below 0, from which it counts. */
static bool is_older(struct timeval *noted, uint64_t now_us, uint64_t span_us)
{
    if (noted->tv_sec >= 0) {
        noted->tv_sec = -1 - (time_t)(now_us / US_PER_SECOND);
        noted->tv_usec = (suseconds_t)(now_us % US_PER_SECOND);
        return false;
    }
    return now_us - ((uint64_t)(-1 - noted->tv_sec) * US_PER_SECOND + (uint64_t)noted->tv_usec) >=
           span_us;
}

static bool is_stream_overdue(const struct fs_http_server *server, h2o_http2_stream_t *stream,
                              uint64_t now_us)
{
    switch (stream->state) {
    case H2O_HTTP2_STREAM_STATE_RECV_HEADERS:
    case H2O_HTTP2_STREAM_STATE_RECV_BODY:
        return is_older(&stream->req.timestamps.request_begin_at, now_us,
                        server->request_timeout_us);
    case H2O_HTTP2_STREAM_STATE_SEND_BODY:
    case H2O_HTTP2_STREAM_STATE_SEND_BODY_IS_FINAL:
        return is_older(&stream->req.timestamps.response_start_at, now_us,
                        server->slow_reader_timeout_us);
    default:
        return false;
    }
}

bool fs_http2_is_overdue(const struct fs_http2 *http2, uint64_t now_us)
{
    const h2o_http2_conn_t *conn = http2->frames.conn;

    if (http2->frames.is_refusing)
        return true;
    if (!fs_http2_is_open(http2) || conn->num_streams.pull.open == 0)
        return false;
    for (uint32_t i = 0; i < kh_end(conn->streams); i++)
        if (fs_kh_flags(conn->streams->flags, i) == 0 &&
            is_stream_overdue(http2->connection->http->server, kh_val(conn->streams, i), now_us))
            return true;
    return false;
}

static void go_away(struct fs_http2 *http2, uint32_t stream_last)
{
    h2o_http2_conn_t *conn = http2->frames.conn;

    if (!fs_http2_is_open(http2))
        return;
    h2o_http2_encode_goaway_frame(&conn->_write.buf, stream_last, H2O_HTTP2_ERROR_NONE,
                                  (h2o_iovec_t){NULL, 0});
    h2o_http2_conn_request_write(conn);
}

void fs_http2_leave(struct fs_http2 *http2)
{
    if (!fs_http2_is_open(http2) || http2->stream_last != STREAM_ANY)
        return;
    http2->stream_last = http2->frames.conn->pull_stream_ids.max_open;
    go_away(http2, http2->stream_last);
}

/* A connection that is closed while its client sends is reset, and what was said last may be lost: so
 * after the last word there is a time without any. */
bool fs_http2_drain(struct fs_http2 *http2, uint64_t now_us)
{
    uint64_t spoken_at_us = http2->connection->answered_at_us;

    if (spoken_at_us < http2->said_at_us)
        spoken_at_us = http2->said_at_us;
    if (!fs_http2_is_open(http2))
        return true;
    if (http2->stream_last != STREAM_ANY)
        return now_us >= spoken_at_us + FS_HTTP2_NOTICE_US;
    if (http2->said_at_us == 0) {
        http2->said_at_us = now_us;
        go_away(http2, INT32_MAX);
    } else if (now_us >= http2->said_at_us + FS_HTTP2_NOTICE_US) {
        http2->said_at_us = now_us;
        fs_http2_leave(http2);
    }
    return false;
}
