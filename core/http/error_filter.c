/* h2o answers some requests before any handler sees them: a body over its limit, a transfer coding
 * that it does not know, broken chunks.  Its answers are text; this filter puts a problem in their
 * place.  All errors of ours are problems already, so an error that is plain text is h2o's.
 *
 * After such an answer h2o closes at once.  What the client is still sending then makes the kernel
 * reset the connection, and the reset can overtake the answer.  So the filter holds back the end of
 * the answer: it says that it will write no more, reads on until the client has seen that, and only
 * then lets h2o close.  Source: RFC 9112, section 9.6.
 *
 * Bytes that are not HTTP at all get h2o's fixed 400 from below the filters: there is no request
 * that a problem could be about. */
#include "http/error_filter.h"

#include "http/exchange.h"

struct replacement {
    h2o_ostream_t super;
    h2o_req_t *req;
    h2o_socket_t *socket;
    h2o_iovec_t body;
    h2o_timeout_entry_t patience; /* linked while lingering */
};

static bool is_from_h2o(const h2o_req_t *req)
{
    const struct fs_text text = FS_TEXT("text/plain");
    ssize_t at;

    if (req->res.status < 400)
        return false;
    at = h2o_find_header(&req->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);
    return at >= 0 && req->res.headers.entries[at].value.len >= text.len &&
           memcmp(req->res.headers.entries[at].value.base, text.data, text.len) == 0;
}

static void stop_lingering(h2o_ostream_t *super, h2o_req_t *req)
{
    struct replacement *replacement = (void *)super;
    struct fs_connection_guard *connection = replacement->socket->on_close.data;

    (void)req;
    if (!connection || connection->lingering != replacement)
        return;
    connection->lingering = NULL;
    h2o_timeout_unlink(&replacement->patience);
    h2o_socket_read_stop(replacement->socket);
}

/* h2o closes the connection in this call, and the replacement goes with it. */
static void finish(struct replacement *replacement)
{
    stop_lingering(&replacement->super, replacement->req);
    h2o_ostream_send_next(&replacement->super, replacement->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void on_patience_over(h2o_timeout_entry_t *patience)
{
    finish(FS_CONTAINER_OF(patience, struct replacement, patience));
}

static void on_late_bytes(h2o_socket_t *socket, const char *error)
{
    struct fs_connection_guard *connection = socket->on_close.data;

    h2o_buffer_consume(&socket->input, socket->input->size);
    if (error && connection->lingering)
        finish(connection->lingering);
}

static void linger(struct replacement *replacement)
{
    struct fs_connection_guard *connection = replacement->socket->on_close.data;
    h2o_context_t *context = replacement->req->conn->ctx;

    connection->lingering = replacement;
    if (!replacement->socket->ssl) /* TLS has a goodbye of its own, yet to be written */
        shutdown(h2o_socket_get_fd(replacement->socket), SHUT_WR);
    h2o_timeout_link(context->loop, &context->one_sec_timeout, &replacement->patience);
    h2o_socket_read_start(replacement->socket, on_late_bytes);
}

/* Called with h2o's own body, all at once; and again, without one, when the problem is written. */
static void send_instead(h2o_ostream_t *super, h2o_req_t *req, h2o_iovec_t *bufs, size_t buf_count,
                         h2o_send_state_t state)
{
    struct replacement *replacement = (void *)super;

    (void)bufs;
    if (fs_is_http2(req)) /* the connection goes on */
        h2o_ostream_send_next(super, req, &replacement->body, 1, state);
    else if (buf_count > 0)
        h2o_ostream_send_next(super, req, &replacement->body, 1, H2O_SEND_STATE_IN_PROGRESS);
    else if (req->bytes_sent > 0 && replacement->socket->on_close.data)
        linger(replacement);
    else
        h2o_ostream_send_next(super, req, NULL, 0, state);
}

static void on_setup(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
    struct replacement *replacement;
    struct fs_http *http;
    struct fs_text body;

    (void)filter;
    if (!is_from_h2o(req)) {
        h2o_setup_next_ostream(req, slot);
        return;
    }
    http = FS_CONTAINER_OF(req->conn->ctx, struct fs_http, h2o);
    body = fs_exchange_replace(http, req, fs_problem_of_status(req->res.status));
    replacement = (void *)h2o_add_ostream(req, sizeof(*replacement), slot);
    replacement->super.do_send = send_instead;
    replacement->super.stop = stop_lingering;
    replacement->req = req;
    replacement->socket = req->conn->callbacks->get_socket(req->conn);
    replacement->body = h2o_iovec_init(body.data, body.len);
    replacement->patience = (h2o_timeout_entry_t){.cb = on_patience_over};
    h2o_setup_next_ostream(req, &replacement->super.next);
}

void fs_error_filter_register(h2o_pathconf_t *path)
{
    h2o_filter_t *filter = h2o_create_filter(path, sizeof(*filter));

    filter->on_setup_ostream = on_setup;
}
