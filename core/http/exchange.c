/* Requests and their answers: the one place that replies, counts, and logs accesses. */
#include "http/exchange.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "http/access_log.h"
#include "http/cors.h"

static const struct fs_text problem_type = {"application/problem+json", 24};

#define PROBLEM_SIZE 1024u /* a problem's body: the longest detail is cut to fit */

bool fs_request_id_is_valid(struct fs_text id)
{
    if (id.len == 0 || id.len > FS_REQUEST_ID_LEN_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* xorshift64*, twice: names that do not repeat, not secrets.  Source: S. Vigna, "An experimental
 * exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint64_t next_number(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static void make_request_id(struct fs_exchange *exchange)
{
    static const char digits[] = "0123456789abcdef";
    struct fs_http *http = exchange->http;

    for (size_t i = 0; i < 32; i += 16) {
        uint64_t number = next_number(&http->request_id_state[i / 16]);

        for (size_t j = 0; j < 16; j++, number >>= 4)
            exchange->request_id[i + j] = digits[number & 15];
    }
    exchange->request_id_len = 32;
}

static void take_once(struct fs_exchange *exchange, struct fs_text *field,
                      const h2o_header_t *header)
{
    if (field->data)
        exchange->has_double_header = true;
    *field = (struct fs_text){header->value.base, header->value.len};
}

static void read_headers(struct fs_exchange *exchange)
{
    const struct fs_text key_name = FS_TEXT("idempotency-key");
    const struct fs_text buyer_name = FS_TEXT("x-buyer");
    const struct fs_text operator_name = FS_TEXT("x-operator");
    const struct fs_text request_id_name = FS_TEXT("x-request-id");
    const struct fs_text traceparent_name = FS_TEXT("traceparent");
    const h2o_headers_t *headers = &exchange->req->headers;
    struct fs_text request_id = {0};

    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *header = &headers->entries[i];
        struct fs_text name = {header->name->base, header->name->len};

        if (header->name == &H2O_TOKEN_AUTHORIZATION->buf)
            take_once(exchange, &exchange->authorization, header);
        else if (fs_text_equals(name, key_name))
            take_once(exchange, &exchange->idempotency_key, header);
        else if (fs_text_equals(name, buyer_name))
            take_once(exchange, &exchange->x_buyer, header);
        else if (fs_text_equals(name, operator_name))
            take_once(exchange, &exchange->x_operator, header);
        else if (fs_text_equals(name, request_id_name))
            request_id = (struct fs_text){header->value.base, header->value.len};
        else if (fs_text_equals(name, traceparent_name))
            exchange->traceparent = (struct fs_text){header->value.base, header->value.len};
        else if (fs_text_equals(name, FS_TEXT("origin")))
            exchange->origin = (struct fs_text){header->value.base, header->value.len};
        else if (fs_text_equals(name, FS_TEXT("access-control-request-method")))
            exchange->is_preflight = true;
    }
    if (request_id.data && fs_request_id_is_valid(request_id)) {
        memcpy(exchange->request_id, request_id.data, request_id.len);
        exchange->request_id_len = (uint32_t)request_id.len;
    } else {
        make_request_id(exchange);
    }
}

/* The values of all headers of a name, joined by commas in their order. */
static struct fs_text join_headers(struct fs_exchange *exchange, struct fs_text wanted)
{
    const h2o_headers_t *headers = &exchange->req->headers;
    struct fs_buffer joined;
    size_t len = 0;

    for (size_t i = 0; i < headers->size; i++)
        if (fs_text_equals(
                (struct fs_text){headers->entries[i].name->base, headers->entries[i].name->len},
                wanted))
            len += headers->entries[i].value.len + 1;
    if (len == 0)
        return (struct fs_text){0};
    joined = fs_exchange_buffer(exchange, len);
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *header = &headers->entries[i];

        if (!fs_text_equals((struct fs_text){header->name->base, header->name->len}, wanted))
            continue;
        if (joined.len > 0)
            fs_buffer_add(&joined, FS_TEXT(","));
        fs_buffer_add(&joined, (struct fs_text){header->value.base, header->value.len});
    }
    return (struct fs_text){joined.data, joined.len};
}

static void find_client(struct fs_exchange *exchange)
{
    const struct fs_connection_guard *connection = exchange->connection;
    struct sockaddr_storage *client;

    if (!connection)
        return;
    exchange->client = &connection->peer;
    exchange->is_admin = connection->is_admin;
    if (!connection->is_from_proxy)
        return;
    client = h2o_mem_alloc_pool(&exchange->req->pool, sizeof(*client));
    fs_proxies_client(&exchange->http->server->proxies, &connection->peer,
                      join_headers(exchange, FS_TEXT("forwarded")),
                      join_headers(exchange, FS_TEXT("x-forwarded-for")), client);
    exchange->client = client;
}

static void leave(struct fs_exchange *exchange)
{
    fs_link_remove(&exchange->link);
    if (exchange->connection) {
        assert(exchange->connection->exchange_count > 0);
        exchange->connection->exchange_count--;
    }
}

/* The request's pool is cleared: the reply is out, or the client is gone before it. */
static void on_request_over(void *pointer)
{
    struct fs_exchange *exchange = pointer;

    if (exchange->is_answered)
        return;
    leave(exchange);
    if (exchange->op) {
        fs_op_abandon(exchange->op);
        exchange->op = NULL;
    }
    if (exchange->on_gone)
        exchange->on_gone(exchange);
}

static void split_target(struct fs_exchange *exchange)
{
    const h2o_req_t *req = exchange->req;
    size_t path_len = req->query_at < req->path.len ? req->query_at : req->path.len;

    exchange->method = (struct fs_text){req->method.base, req->method.len};
    exchange->path = (struct fs_text){req->path.base, path_len};
    if (path_len < req->path.len)
        exchange->query =
            (struct fs_text){req->path.base + path_len + 1, req->path.len - path_len - 1};
}

struct fs_exchange *fs_exchange_begin(struct fs_http *http, h2o_req_t *req)
{
    struct fs_exchange *exchange =
        h2o_mem_alloc_shared(&req->pool, sizeof(*exchange), on_request_over);
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);

    memset(exchange, 0, sizeof(*exchange));
    exchange->http = http;
    exchange->req = req;
    exchange->endpoint = FS_ENDPOINT_OTHER;
    exchange->started_us = fs_clock_now_us();
    exchange->connection = socket->on_close.data;
    if (exchange->connection) {
        exchange->connection->request_count++;
        exchange->connection->exchange_count++;
    }
    fs_link_init(&exchange->link);
    fs_link_append(&http->exchanges, &exchange->link);
    split_target(exchange);
    read_headers(exchange);
    find_client(exchange);
    return exchange;
}

struct fs_buffer fs_exchange_buffer(struct fs_exchange *exchange, size_t size)
{
    return fs_buffer_of(h2o_mem_alloc_pool(&exchange->req->pool, size), size);
}

void fs_exchange_header(struct fs_exchange *exchange, struct fs_text name, struct fs_text value)
{
    h2o_req_t *req = exchange->req;

    h2o_add_header_by_str(&req->pool, &req->res.headers, name.data, name.len, 0, NULL, value.data,
                          value.len);
}

static void log_access(const struct fs_exchange *exchange, int status, size_t body_len,
                       uint64_t duration_us)
{
    const struct fs_access access = {
        .peer = exchange->client,
        .method = exchange->method,
        .path = exchange->path,
        .status = status,
        .body_len = body_len,
        .duration_us = duration_us,
        .request_id = {exchange->request_id, exchange->request_id_len},
        .traceparent = exchange->traceparent,
    };

    fs_access_log_write(exchange->http->server->access_log, &access);
}

static void count(const struct fs_exchange *exchange, int status, uint64_t duration_us)
{
    struct fs_metrics *metrics = exchange->http->metrics;

    fs_counter_add(&metrics->requests[exchange->endpoint][fs_status_index(status)], 1);
    fs_histogram_record(&metrics->request_duration_us[exchange->endpoint], duration_us);
}

/* While a request waits for its outcome h2o has stopped reading its connection, which costs two
 * epoll_ctl a request: out when the turn ends, in again when the answer has gone.  So the socket is
 * left in the poll under a callback of ours that reads nothing: the request's texts lie in the input
 * buffer, which must not move.  A client that sends more, or hangs up, before its answer ends that. */
static void on_early_input(h2o_socket_t *socket, const char *error)
{
    (void)error;
    h2o_socket_read_stop(socket);
}

static void keep_polling(const struct fs_exchange *exchange)
{
    h2o_conn_t *connection = exchange->req->conn;
    h2o_socket_t *socket = connection->callbacks->get_socket(connection);

    h2o_socket_dont_read(socket, 1);
    h2o_socket_read_start(socket, on_early_input);
}

/* Back to what h2o expects of a request that is being answered. */
static void stop_polling(const struct fs_exchange *exchange)
{
    h2o_conn_t *connection = exchange->req->conn;
    h2o_socket_t *socket = connection->callbacks->get_socket(connection);

    h2o_socket_read_stop(socket);
    h2o_socket_dont_read(socket, 0);
}

/* Counts and logs the answer, and writes its head. */
static void answer(struct fs_exchange *exchange, int status, struct fs_text content_type,
                   size_t body_len)
{
    h2o_req_t *req = exchange->req;
    struct fs_http_server *server = exchange->http->server;
    uint64_t now_us = fs_clock_now_us();

    assert(!exchange->is_answered && !exchange->op);
    exchange->is_answered = true;
    leave(exchange);
    if (exchange->is_polled)
        stop_polling(exchange);
    if (exchange->connection)
        exchange->connection->answered_at_us = now_us;
    count(exchange, status, now_us - exchange->started_us);
    if (server->access_log)
        log_access(exchange, status, body_len, now_us - exchange->started_us);

    if (atomic_load_explicit(&server->draining, memory_order_relaxed))
        req->http1_is_persistent = 0;
    req->res.status = status;
    req->res.reason = fs_status_reason(status);
    req->res.content_length = body_len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type.data,
                   content_type.len);
    fs_exchange_header(exchange, FS_TEXT("x-request-id"),
                       (struct fs_text){exchange->request_id, exchange->request_id_len});
    fs_cors_add(exchange);
}

void fs_exchange_reply(struct fs_exchange *exchange, int status, struct fs_text content_type,
                       struct fs_text body)
{
    h2o_iovec_t sent = h2o_iovec_init(body.data, body.len);
    bool has_body = !fs_text_equals(exchange->method, FS_TEXT("HEAD"));

    answer(exchange, status, content_type, body.len);
    h2o_start_response(exchange->req, &exchange->generator);
    h2o_send(exchange->req, &sent, has_body ? 1 : 0, H2O_SEND_STATE_FINAL);
}

void fs_exchange_reply_json(struct fs_exchange *exchange, const struct fs_buffer *body)
{
    assert(!body->overflowed);
    fs_exchange_reply(exchange, 200, FS_TEXT("application/json"),
                      (struct fs_text){body->data, body->len});
}

/* RFC 6750, section 3: without a token no error is named. */
static void add_challenge(struct fs_exchange *exchange)
{
    struct fs_text why = fs_text_of(exchange->challenge ? exchange->challenge : "");
    struct fs_buffer challenge = fs_exchange_buffer(exchange, why.len + 64);

    fs_buffer_add(&challenge, FS_TEXT("Bearer"));
    if (why.len > 0) {
        fs_buffer_add(&challenge, FS_TEXT(" error=\"invalid_token\", error_description=\""));
        fs_buffer_add(&challenge, why);
        fs_buffer_add(&challenge, FS_TEXT("\""));
    }
    fs_exchange_header(exchange, FS_TEXT("www-authenticate"),
                       (struct fs_text){challenge.data, challenge.len});
}

static void add_problem_headers(struct fs_exchange *exchange, const struct fs_problem_kind *kind)
{
    unsigned retry_after_s =
        exchange->retry_after_s > 0 ? exchange->retry_after_s : kind->retry_after_s;

    /* Many are refused at one instant: they shall not come back at one. */
    if (retry_after_s > 0)
        retry_after_s += (unsigned)(next_number(&exchange->http->request_id_state[0]) %
                                    (1 + (retry_after_s + 1) / 2));

    if (kind->status == 401)
        add_challenge(exchange);
    if (retry_after_s > 0) {
        struct fs_buffer seconds = fs_exchange_buffer(exchange, 16);

        fs_buffer_add_u64(&seconds, retry_after_s);
        fs_exchange_header(exchange, FS_TEXT("retry-after"),
                           (struct fs_text){seconds.data, seconds.len});
    }
}

static struct fs_text write_problem(struct fs_exchange *exchange, enum fs_problem problem,
                                    struct fs_text detail, struct fs_text order_id)
{
    const struct fs_text request_id = {exchange->request_id, exchange->request_id_len};
    struct fs_buffer body = fs_exchange_buffer(exchange, PROBLEM_SIZE);

    fs_problem_write(&body, problem, detail, request_id, order_id);
    if (body.overflowed) { /* a detail of many bytes to escape */
        body = fs_buffer_of(body.data, PROBLEM_SIZE);
        fs_problem_write(&body, problem, (struct fs_text){0}, request_id, order_id);
    }
    assert(!body.overflowed);
    return (struct fs_text){body.data, body.len};
}

static void fail(struct fs_exchange *exchange, enum fs_problem problem, struct fs_text detail,
                 struct fs_text order_id)
{
    const struct fs_problem_kind *kind = fs_problem_kind(problem);
    struct fs_text body = write_problem(exchange, problem, detail, order_id);

    add_problem_headers(exchange, kind);
    fs_exchange_reply(exchange, kind->status, problem_type, body);
}

struct fs_text fs_exchange_replace(struct fs_http *http, h2o_req_t *req, enum fs_problem problem)
{
    struct fs_exchange *exchange = fs_exchange_begin(http, req);
    struct fs_text body =
        write_problem(exchange, problem, (struct fs_text){0}, (struct fs_text){0});

    req->res.headers = (h2o_headers_t){NULL, 0, 0};
    answer(exchange, fs_problem_kind(problem)->status, problem_type, body.len);
    return body;
}

/* Whether this process knows that the order of a purchase with this key exists, or may exist. */
static bool may_exist(const struct fs_exchange *exchange)
{
    const struct fs_http_server *server = exchange->http->server;
    bool is_known = false;

    if (exchange->endpoint != FS_ENDPOINT_PURCHASE || exchange->idempotency_key.len == 0)
        return false;
    for (size_t i = 0; i < server->loop_count && !is_known; i++)
        is_known = fs_recent_has(server->loops[i]->ops->recent, fs_order_id_name(&exchange->order));
    return is_known;
}

/* A refusal that says nothing about an order that may exist: the outcome of that is not known. */
static enum fs_problem in_doubt(const struct fs_exchange *exchange, enum fs_problem problem)
{
    bool is_refusal = problem == FS_PROBLEM_BUSY || problem == FS_PROBLEM_UNAVAILABLE;

    return is_refusal && may_exist(exchange) ? FS_PROBLEM_UNDETERMINED : problem;
}

static void fail_in_doubt(struct fs_exchange *exchange, enum fs_problem problem, bool was_sent)
{
    const struct fs_doubt doubt = {
        .endpoint = exchange->endpoint,
        .is_read = fs_text_equals(exchange->method, FS_TEXT("GET")),
        .has_key = exchange->idempotency_key.len > 0,
        .was_sent = was_sent,
    };
    const struct fs_text id = {exchange->order.text, FS_ORDER_ID_LEN};
    bool has_id = problem == FS_PROBLEM_UNDETERMINED && fs_order_id_is_valid(id);

    fail(exchange, problem, fs_problem_doubt(problem, &doubt), has_id ? id : (struct fs_text){0});
}

void fs_exchange_fail(struct fs_exchange *exchange, enum fs_problem problem, struct fs_text detail)
{
    if (detail.len > 0)
        fail(exchange, problem, detail, (struct fs_text){0});
    else
        fail_in_doubt(exchange, in_doubt(exchange, problem), false);
}

void fs_exchange_fail_verdict(struct fs_exchange *exchange, const struct fs_outcome *outcome,
                              bool about_order)
{
    enum fs_problem problem = fs_problem_of(outcome, about_order);

    if (outcome->verdict == FS_TOO_MANY)
        fs_exchange_fail(
            exchange, problem,
            FS_TEXT("The field \"quantity\" is more than one order of this sale may have."));
    else
        fail_in_doubt(exchange, in_doubt(exchange, problem), outcome->verdict == FS_UNDETERMINED);
}

bool fs_exchange_is_in_doubt(const struct fs_exchange *exchange, const struct fs_outcome *outcome)
{
    return in_doubt(exchange, fs_problem_of(outcome, false)) == FS_PROBLEM_UNDETERMINED;
}

struct fs_op *fs_exchange_take_op(struct fs_exchange *exchange, enum fs_op_kind kind,
                                  const struct fs_op_client *client)
{
    struct fs_op *op = fs_op_take(exchange->http->ops, kind, client, exchange);

    assert(!exchange->op);
    if (!op) {
        fs_exchange_fail(exchange, FS_PROBLEM_BUSY, (struct fs_text){0});
        return NULL;
    }
    exchange->op = op;
    if (!exchange->is_polled && !fs_is_http2(exchange->req)) {
        keep_polling(exchange);
        exchange->is_polled = true;
    }
    return op;
}

struct fs_exchange *fs_exchange_of_op(void *data)
{
    struct fs_exchange *exchange = data;

    exchange->op = NULL;
    return exchange;
}
