/* h2o answers some requests before any handler sees them: a body over its limit, a transfer coding
 * that it does not know, broken chunks.  Its answers are text; this filter puts a problem in their
 * place.  All errors of ours are problems already, so an error that is plain text is h2o's.
 *
 * Bytes that are not HTTP at all get h2o's fixed 400 from below the filters: there is no request
 * that a problem could be about. */
#include "http/error_filter.h"

#include "http/exchange.h"
#include "http/routes.h"

#define BODY_SIZE 512u

struct replacement {
    h2o_ostream_t super;
    h2o_iovec_t body;
    bool is_sent;
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

/* Whatever h2o sends, the problem goes out once and in one piece. */
static void send_instead(h2o_ostream_t *super, h2o_req_t *req, h2o_iovec_t *bufs, size_t buf_count,
                         h2o_send_state_t state)
{
    struct replacement *replacement = (void *)super;
    bool has_body = buf_count > 0 && !replacement->is_sent;

    (void)bufs;
    replacement->is_sent = true;
    h2o_ostream_send_next(super, req, &replacement->body, has_body ? 1 : 0, state);
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
    replacement->body = h2o_iovec_init(body.data, body.len);
    replacement->is_sent = false;
    h2o_setup_next_ostream(req, &replacement->super.next);
}

void fs_error_filter_register(h2o_pathconf_t *path)
{
    h2o_filter_t *filter = h2o_create_filter(path, sizeof(*filter));

    filter->on_setup_ostream = on_setup;
}
