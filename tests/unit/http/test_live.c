/* The http layer at work: routes, verdicts, bodies, log-ins, the admin listener. */
#include "base/clock.h"
#include "base/limits.h"
#include "client.h"
#include "http/access_log.h"
#include "fixture.h"
#include "support/suite.h"

#include <unistd.h>

#define SHORT_PAUSE_US 5000u /* between two lists, as core/http/http.c has it */

static struct answer answer; /* large: not for the stack */

/* A demo buyer's token; static memory. */
static const char *token_of(struct fixture *fixture, const char *user)
{
    static char token[512];
    char text[512], body[128];

    snprintf(body, sizeof(body), "{\"username\":\"%s\",\"password\":\"password123\"}", user);
    snprintf(text, sizeof(text), "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    client_ask(fixture->main_path, text, &answer);
    return client_member(&answer, "access_token", token);
}

/* extra: header lines, each with its CRLF. */
static void ask(struct fixture *fixture, const char *token, const char *method_and_path,
                const char *extra, const char *body)
{
    static char text[16384];

    snprintf(text, sizeof(text),
             "%s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: "
             "%zu\r\n%s\r\n%s",
             method_and_path, token, strlen(body), extra, body);
    client_ask(fixture->main_path, text, &answer);
}

static void ask_admin(struct fixture *fixture, const char *method_and_path, const char *extra,
                      const char *body)
{
    static char text[16384];

    snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n%s\r\n%s",
             method_and_path, strlen(body), extra, body);
    client_ask(fixture->admin_path, text, &answer);
}

#define ADMIN "Authorization: Bearer " FIXTURE_ADMIN_TOKEN "\r\n"

static void check_problem(int status, const char *code)
{
    char value[512], header[256];

    FS_CHECK_INT(answer.status, status);
    FS_CHECK_STR(client_member(&answer, "code", value), code);
    FS_CHECK_STR(client_header(&answer, "content-type", header), "application/problem+json");
    FS_CHECK_CONTAINS(client_member(&answer, "type", value), code);
    FS_CHECK_STR(client_member(&answer, "request_id", value),
                 client_header(&answer, "x-request-id", header));
    FS_CHECK(strlen(value) > 0);
    FS_CHECK_INT(strtol(client_member(&answer, "status", value), NULL, 10), status);
}

/* The least that a cause asks for, and up to half as much more; "": no header at all. */
static void check_retry_after(const char *least)
{
    char header[256];
    const char *shown = client_header(&answer, "retry-after", header);
    long seconds = strtol(shown, NULL, 10), from = strtol(least, NULL, 10);

    FS_CHECK_INT(shown[0] == '\0', least[0] == '\0');
    FS_CHECK(seconds >= from && seconds <= from + (from + 1) / 2);
}

static void each_verdict_is_answered_as_the_contract_says(void)
{
    const struct {
        const char *product;
        int status;
        const char *code, *retry_after;
    } rows[] = {
        {"sold_out", 400, "sold_out", ""},
        {"limit", 409, "user_limit", ""},
        {"too_many", 400, "invalid_request", ""},
        {"closed", 403, "sale_closed", ""},
        {"paused", 403, "sale_paused", ""},
        {"not_open", 403, "sale_not_open", ""},
        {"reused", 422, "key_reused", ""},
        {"in_progress", 409, "in_progress", ""},
        {"busy", 503, "busy", "1"},
        {"unavailable", 503, "unavailable", "2"},
        {"undetermined", 504, "undetermined", ""},
        {"nothing", 404, "unknown_product", ""},
        {"a.b", 404, "unknown_product", ""},
    };
    struct fixture fixture;
    char token[512], path[64], value[512];

    fixture_start(&fixture, NULL);
    snprintf(token, sizeof(token), "%s", token_of(&fixture, "user_1"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(path, sizeof(path), "POST /purchase/%s", rows[i].product);
        ask(&fixture, token, path, "", "{\"quantity\":2}");
        check_problem(rows[i].status, rows[i].code);
        check_retry_after(rows[i].retry_after);
        FS_CHECK_INT(strlen(client_member(&answer, "order_id", value)),
                     rows[i].status == 504 ? FS_ORDER_ID_LEN : 0);
    }
    FS_CHECK(fixture_is_quiet(&fixture));
    fixture_stop(&fixture);
}

static void a_purchase_is_answered_with_its_order(void)
{
    struct fixture fixture;
    char token[512], value[512], header[256], first[512];

    fixture_start(&fixture, NULL);
    snprintf(token, sizeof(token), "%s", token_of(&fixture, "user_1"));
    ask(&fixture, token, "POST /purchase/sold", "X-Request-Id: my-id.1\r\n", "{\"quantity\":2}");
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_STR(client_header(&answer, "content-type", header), "application/json");
    FS_CHECK_STR(client_header(&answer, "x-request-id", header), "my-id.1");
    FS_CHECK_STR(client_header(&answer, "idempotency-replayed", header), "");
    FS_CHECK_STR(client_header(&answer, "server", header), "");
    FS_CHECK_STR(client_member(&answer, "product_id", value), "sold");
    FS_CHECK_STR(client_member(&answer, "quantity", value), "2");
    FS_CHECK_STR(client_member(&answer, "remaining", value), "7");
    FS_CHECK_INT(strlen(client_member(&answer, "order_id", first)), FS_ORDER_ID_LEN);
    ask(&fixture, token, "POST /purchase/sold?a=b", "", "{\"quantity\":2}");
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK(strcmp(client_member(&answer, "order_id", value), first) != 0);
    FS_CHECK_INT(strlen(client_header(&answer, "x-request-id", header)), 32);
    ask(&fixture, token, "POST /purchase/replay", "Idempotency-Key: k\r\n", "{\"quantity\":2}");
    FS_CHECK_STR(client_header(&answer, "idempotency-replayed", header), "true");
    client_member(&answer, "order_id", first);
    ask(&fixture, token, "POST /purchase/replay", "Idempotency-Key: k\r\n", "{\"quantity\":2}");
    FS_CHECK_STR(client_member(&answer, "order_id", value), first);
    fixture_stop(&fixture);
}

static void who_has_no_valid_token_buys_nothing(void)
{
    const char *headers[] = {"",
                             "Authorization: \r\n",
                             "Authorization: Bearer\r\n",
                             "Authorization: Bearer x\r\n",
                             "Authorization: Bearer a.b.c\r\n",
                             "Authorization: Basic dXNlcjpwYXNz\r\n",
                             "Authorization: Bearer " FIXTURE_ADMIN_TOKEN "\r\n"};
    struct fixture fixture;
    char text[1024], header[256];

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        snprintf(text, sizeof(text),
                 "POST /purchase/sold HTTP/1.1\r\nHost: a\r\n%sContent-Length: 14\r\n\r\n"
                 "{\"quantity\":1}",
                 headers[i]);
        client_ask(fixture.main_path, text, &answer);
        check_problem(401, "unauthorized");
        client_header(&answer, "www-authenticate", header);
        if (i == 0)
            FS_CHECK_STR(header, "Bearer");
        else
            FS_CHECK_CONTAINS(header, "Bearer error=\"invalid_token\", error_description=\"");
    }
    FS_CHECK_INT(fixture.purchase_count, 0);
    ask(&fixture, token_of(&fixture, "user_1"), "POST /purchase/sold",
        "Authorization: Bearer x\r\n", "{\"quantity\":1}");
    check_problem(400, "invalid_request");
    ask(&fixture, token_of(&fixture, "user_1"), "POST /purchase/sold",
        "Idempotency-Key: a\r\nIdempotency-Key: a\r\n", "{\"quantity\":1}");
    check_problem(400, "invalid_request");
    ask(&fixture, token_of(&fixture, "user_1"), "POST /purchase/sold", "Idempotency-Key: \r\n",
        "{\"quantity\":1}");
    check_problem(400, "invalid_request");
    FS_CHECK_INT(fixture.purchase_count, 0);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.results[FS_RESULT_INVALID]), 3);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.results[FS_RESULT_UNAUTHORIZED]), 7);
    fixture_stop(&fixture);
}

static void a_purchase_without_an_answer_is_undetermined_at_its_deadline(void)
{
    const struct fixture_options options = {.deadline_us = 400000};
    struct fixture fixture;
    char value[512];

    fixture_start(&fixture, &options);
    ask(&fixture, token_of(&fixture, "user_1"), "POST /purchase/stuck", "", "{\"quantity\":1}");
    check_problem(504, "undetermined");
    FS_CHECK_INT(strlen(client_member(&answer, "order_id", value)), FS_ORDER_ID_LEN);
    ask(&fixture, token_of(&fixture, "user_1"), "POST /purchase/late", "", "{\"quantity\":1}");
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK(fixture_is_quiet(&fixture));
    fixture_stop(&fixture);
}

static void without_a_free_op_the_answer_is_busy(void)
{
    const struct fixture_options options = {.ops_max = 1};
    struct fixture fixture;
    char token[512], text[1024];
    int fd;

    fixture_start(&fixture, &options);
    snprintf(token, sizeof(token), "%s", token_of(&fixture, "user_1"));
    snprintf(text, sizeof(text),
             "POST /purchase/stuck HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
             "Content-Length: 14\r\n\r\n{\"quantity\":1}",
             token);
    fd = client_connect(fixture.main_path);
    FS_CHECK(client_send_text(fd, text));
    while (fixture.op_count == 0)
        usleep(1000);
    ask(&fixture, token, "POST /purchase/sold", "", "{\"quantity\":1}");
    check_problem(503, "busy");
    check_retry_after("1");
    FS_CHECK(client_read(fd, &answer, true));
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.results[FS_RESULT_BUSY]), 1);
    close(fd);
    fixture_stop(&fixture);
}

static void bodies_of_any_size_get_the_right_answer(void)
{
    struct fixture fixture;
    char token[512], header[256];
    static char text[80000];
    size_t head_len, sizes[] = {4096, 4097, 16384, 16385, 60000};
    int fd;

    fixture_start(&fixture, NULL);
    snprintf(token, sizeof(token), "%s", token_of(&fixture, "user_1"));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        head_len = (size_t)snprintf(text, sizeof(text),
                                    "POST /purchase/sold HTTP/1.1\r\nHost: a\r\nAuthorization: "
                                    "Bearer %s\r\nContent-Length: %zu\r\n\r\n",
                                    token, sizes[i]);
        memset(text + head_len, ' ', sizes[i]);
        memcpy(text + head_len, "{\"quantity\":1}", 14);
        fd = client_connect(fixture.main_path);
        FS_CHECK(client_send(fd, text, head_len + sizes[i]));
        FS_CHECK(client_read(fd, &answer, true));
        if (sizes[i] <= FS_BODY_LEN_MAX)
            FS_CHECK_INT(answer.status, 200);
        else
            check_problem(413, "body_too_large");
        FS_CHECK_STR(client_header(&answer, "connection", header),
                     sizes[i] <= FS_BODY_READ_MAX ? "keep-alive" : "close");
        close(fd);
    }
    FS_CHECK_INT(fixture.purchase_count, 1);
    FS_CHECK(fixture_is_quiet(&fixture));
    fixture_stop(&fixture);
}

/* The client goes on sending a megabyte after it was refused: it reads why all the same. */
static void a_body_that_never_ends_is_refused_and_the_refusal_arrives(void)
{
    struct fixture fixture;
    static char block[65536];
    int fd;

    fixture_start(&fixture, NULL);
    fd = client_connect(fixture.main_path);
    FS_CHECK(
        client_send_text(fd, "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"));
    for (int i = 0; i < 16; i++)
        FS_CHECK(client_send(fd, block, sizeof(block)));
    FS_CHECK(client_read(fd, &answer, true));
    check_problem(413, "body_too_large");
    FS_CHECK(client_is_ended(fd));
    close(fd);
    /* One that waits for the server to close is not waited for. */
    fd = client_connect(fixture.main_path);
    FS_CHECK(
        client_send_text(fd, "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"));
    FS_CHECK(client_read(fd, &answer, true));
    FS_CHECK(client_is_ended(fd));
    FS_CHECK(fixture_is_quiet(&fixture));
    close(fd);
    fixture_stop(&fixture);
}

static void what_h2o_refuses_is_a_problem_too(void)
{
    const char *requests[] = {
        "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1a\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\n",
    };
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        client_ask(fixture.main_path, requests[i], &answer);
        check_problem(400, "invalid_request");
    }
    FS_CHECK_INT(
        fs_counter_read(&fixture.metrics.requests[FS_ENDPOINT_OTHER][fs_status_index(400)]), 4);
    fixture_stop(&fixture);
}

static void a_log_in_gives_a_token_or_a_reason(void)
{
    struct fixture fixture;
    char value[512], header[256];

    fixture_start(&fixture, NULL);
    FS_CHECK(strlen(token_of(&fixture, "user_7")) > 20);
    FS_CHECK_STR(client_member(&answer, "token_type", value), "bearer");
    FS_CHECK_STR(client_member(&answer, "expires_in", value), "3600");
    FS_CHECK_STR(client_header(&answer, "cache-control", header), "no-store");
    ask(&fixture, "x", "POST /login", "", "{\"username\":\"user_7\",\"password\":\"wrong\"}");
    check_problem(401, "bad_credentials");
    ask(&fixture, "x", "POST /login", "", "{\"username\":\"user_7\"}");
    check_problem(400, "invalid_request");
    FS_CHECK_CONTAINS(client_member(&answer, "detail", value), "\"password\" is missing");
    ask(&fixture, "x", "POST /login", "", "{\"username\":1,\"password\":\"a\"}");
    check_problem(400, "invalid_request");
    for (int i = 0; i < 8 && answer.status != 429; i++)
        ask(&fixture, "x", "POST /login", "", "{\"username\":\"user_7\",\"password\":\"no\"}");
    check_problem(429, "too_many_requests");
    FS_CHECK(strtol(client_header(&answer, "retry-after", header), NULL, 10) > 0);
    fixture_stop(&fixture);
}

static void an_order_is_found_by_its_id_alone(void)
{
    struct fixture fixture;
    char token[512], other[512], path[640], id[512], value[512];

    fixture_start(&fixture, NULL);
    snprintf(token, sizeof(token), "%s", token_of(&fixture, "user_1"));
    snprintf(other, sizeof(other), "%s", token_of(&fixture, "user_2"));
    ask(&fixture, token, "POST /purchase/sold", "", "{\"quantity\":2}");
    client_member(&answer, "order_id", id);
    snprintf(path, sizeof(path), "GET /orders/%s", id);
    ask(&fixture, token, path, "", "");
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_STR(client_member(&answer, "order_id", value), id);
    FS_CHECK_STR(client_member(&answer, "product_id", value), "sold");
    FS_CHECK_STR(client_member(&answer, "status", value), "sold");
    FS_CHECK_STR(client_member(&answer, "sold_at", value), "1970-01-01T00:00:01.000Z");
    FS_CHECK_INT(fixture.list_count, 1);
    ask(&fixture, other, path, "", "");
    check_problem(404, "unknown_order");
    snprintf(path, sizeof(path), "DELETE /orders/%s", id);
    ask(&fixture, token, path, "", "");
    FS_CHECK_INT(answer.status, 200);
    ask(&fixture, "x", path, "", "");
    check_problem(401, "unauthorized");
    ask(&fixture, token, "GET /orders/nothing", "", "");
    check_problem(404, "unknown_order");
    FS_CHECK_INT(fixture.list_count, 1);
    fixture_stop(&fixture);
}

/* Ids that fit no product: each is answered, by few lists, of which there is one in a pause at most. */
static void made_up_orders_cost_few_lists(void)
{
    struct fixture fixture;
    char token[512], text[1024];
    uint64_t begun_us, took_us;
    int fds[20];

    fixture_start(&fixture, NULL);
    snprintf(token, sizeof(token), "%s", token_of(&fixture, "user_1"));
    begun_us = fs_clock_now_us();
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text),
                 "GET /orders/aaaaaaaaaaaaaaaaaaaaaaaaaaaaa%c%cz HTTP/1.1\r\nHost: a\r\n"
                 "Authorization: Bearer %s\r\n\r\n",
                 'a' + i, 'a' + i, token);
        fds[i] = client_connect(fixture.main_path);
        FS_CHECK(client_send_text(fds[i], text));
    }
    close(fds[19]); /* leaves while it waits */
    for (int i = 0; i < 19; i++) {
        FS_CHECK(client_read(fds[i], &answer, true));
        check_problem(404, "unknown_order");
        close(fds[i]);
    }
    took_us = fs_clock_now_us() - begun_us;
    FS_CHECK(fixture.list_count >= 1 && fixture.list_count <= 2 + took_us / SHORT_PAUSE_US);
    FS_CHECK(fixture_is_quiet(&fixture));
    fixture_stop(&fixture);
}

static void a_head_is_answered_without_a_body(void)
{
    struct fixture fixture;
    char header[256];
    int fd;

    fixture_start(&fixture, NULL);
    fd = client_connect(fixture.main_path);
    FS_CHECK(client_send_text(fd, "HEAD /inventory/sold HTTP/1.1\r\nHost: a\r\n\r\n"
                                  "HEAD /inventory/no HTTP/1.1\r\nHost: a\r\n\r\n"
                                  "GET /inventory/sold HTTP/1.1\r\nHost: a\r\n\r\n"));
    FS_CHECK(client_read(fd, &answer, false));
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK(strtol(client_header(&answer, "content-length", header), NULL, 10) > 0);
    FS_CHECK(client_read(fd, &answer, false));
    FS_CHECK_INT(answer.status, 404);
    FS_CHECK(client_read(fd, &answer, true));
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_CONTAINS(answer.body,
                      "{\"product_id\":\"sold\",\"stock\":7,\"initial\":10,\"state\":\"open\",");
    close(fd);
    fixture_stop(&fixture);
}

static void a_wrong_method_or_path_is_told_so(void)
{
    struct fixture fixture;
    char header[256];

    fixture_start(&fixture, NULL);
    client_ask(fixture.main_path, "PUT /orders/x HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    check_problem(405, "method_not_allowed");
    FS_CHECK_STR(client_header(&answer, "allow", header), "GET, HEAD, DELETE");
    client_ask(fixture.main_path, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    check_problem(404, "not_found");
    client_ask(fixture.main_path, "GET /%6cogin HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    check_problem(404, "not_found");
    client_ask(fixture.main_path, "GET * HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    check_problem(404, "not_found");
    fixture_stop(&fixture);
}

static void health_and_metrics_are_open_to_all(void)
{
    struct fixture fixture;
    char value[512], header[256];

    fixture_start(&fixture, NULL);
    ask_admin(&fixture, "GET /livez", "", "");
    FS_CHECK_INT(answer.status, 200);
    ask_admin(&fixture, "GET /readyz", "", "");
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_STR(answer.body, "{\"status\":\"ready\"}");
    ask_admin(&fixture, "GET /readyz?verbose", "", "");
    FS_CHECK_STR(client_member(&answer, "strategy", value), "scripted");
    FS_CHECK_STR(client_member(&answer, "durability", value), "memory");
    ask_admin(&fixture, "GET /metrics", "", "");
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_CONTAINS(client_header(&answer, "content-type", header), "text/plain; version=0.0.4");
    FS_CHECK_CONTAINS(answer.body, "sold_out");
    FS_CHECK_CONTAINS(answer.body, "http_requests_total");
    atomic_store(&fixture.server.draining, true);
    ask_admin(&fixture, "GET /readyz", "", "");
    check_problem(503, "not_ready");
    ask_admin(&fixture, "GET /livez", "", "");
    FS_CHECK_INT(answer.status, 200);
    atomic_store(&fixture.server.draining, false);
    atomic_store(&fixture.server.ready, false);
    ask_admin(&fixture, "GET /readyz", "", "");
    check_problem(503, "not_ready");
    fixture_stop(&fixture);
}

static void all_else_of_the_admin_needs_its_token(void)
{
    const char *requests[] = {"GET /admin/products", "PUT /admin/products/new",
                              "PATCH /admin/products/sold", "GET /admin/products/sold",
                              "GET /admin/products/sold/audit"};
    const char *headers[] = {"", "Authorization: Bearer the-admin-tokem\r\n",
                             "Authorization: Bearer the-admin-toke\r\n", ADMIN ADMIN};
    struct fixture fixture;

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        for (size_t j = 0; j < sizeof(headers) / sizeof(headers[0]); j++) {
            ask_admin(&fixture, requests[i], headers[j], "{\"stock\":1}");
            check_problem(401, "unauthorized");
        }
    fixture_stop(&fixture);
}

static void an_operator_lists_changes_and_audits_sales(void)
{
    struct fixture fixture;
    char value[512], header[256];

    fixture_start(&fixture, NULL);
    ask_admin(&fixture, "GET /admin/products", ADMIN, "");
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_CONTAINS(answer.body, "{\"products\":[{\"product_id\":\"sold\",\"stock\":7,");
    ask_admin(&fixture, "GET /admin/products/sold", ADMIN, "");
    FS_CHECK_STR(client_member(&answer, "sold", value), "3");
    ask_admin(&fixture, "PUT /admin/products/new", ADMIN, "{\"stock\":1}");
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_STR(client_header(&answer, "idempotency-replayed", header), "");
    ask_admin(&fixture, "PUT /admin/products/sold", ADMIN, "{\"stock\":1}");
    check_problem(409, "sale_exists");
    ask_admin(&fixture, "PUT /admin/products/sold", ADMIN, "{\"stock\":1,\"reset\":true}");
    FS_CHECK_INT(answer.status, 200);
    ask_admin(&fixture, "PATCH /admin/products/sold", ADMIN "Idempotency-Key: k\r\n",
              "{\"add\":1}");
    FS_CHECK_STR(client_header(&answer, "idempotency-replayed", header), "true");
    ask_admin(&fixture, "PATCH /admin/products/sold", ADMIN, "{\"ad\":1}");
    check_problem(400, "invalid_request");
    FS_CHECK_CONTAINS(client_member(&answer, "detail", value), "Did you mean \"add\"?");
    ask_admin(&fixture, "GET /admin/products/sold/audit", ADMIN, "");
    FS_CHECK_STR(client_member(&answer, "sound", value), "true");
    FS_CHECK_CONTAINS(answer.body, "\"terms\":{\"units_left\":7,\"stock_difference\":0,");
    ask_admin(&fixture, "GET /admin/products/late/audit", ADMIN, "");
    FS_CHECK_STR(client_member(&answer, "sound", value), "false");
    fixture_stop(&fixture);
}

static void each_access_is_one_line_of_json(void)
{
    const struct fixture_options options = {.has_access_log = true};
    struct fixture fixture;
    char path[96], line[4096];
    unsigned line_count = 0;
    FILE *log;

    fixture_start(&fixture, &options);
    client_ask(fixture.main_path,
               "GET /in\"ventory/\xff?secret=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: r1\r\n"
               "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
               &answer);
    client_ask(fixture.main_path, "GET /inventory/sold HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    FS_CHECK(fixture_is_quiet(&fixture));
    fs_access_log_flush(fixture.server.access_log);
    snprintf(path, sizeof(path), "%s/access.log", fixture.dir);
    log = fopen(path, "r");
    FS_REQUIRE(log != NULL);
    while (fgets(line, sizeof(line), log)) {
        json_t *entry = json_loads(line, 0, NULL);

        FS_CHECK(entry != NULL);
        FS_CHECK(strstr(line, "secret") == NULL);
        FS_CHECK_STR(json_string_value(json_object_get(entry, "method")), "GET");
        FS_CHECK_STR(json_string_value(json_object_get(entry, "peer")), "unix");
        FS_CHECK_INT(json_integer_value(json_object_get(entry, "status")), line_count ? 200 : 404);
        FS_CHECK((json_object_get(entry, "trace_id") != NULL) == (line_count == 0));
        if (line_count == 0)
            FS_CHECK_STR(json_string_value(json_object_get(entry, "trace_id")),
                         "4bf92f3577b34da6a3ce929d0e0e4736");
        line_count++;
        json_decref(entry);
    }
    FS_CHECK_INT(line_count, 2);
    fclose(log);
    fixture_stop(&fixture);
}

#define TESTS(T)                                                    \
    T(each_verdict_is_answered_as_the_contract_says)                \
    T(a_purchase_is_answered_with_its_order)                        \
    T(who_has_no_valid_token_buys_nothing)                          \
    T(a_purchase_without_an_answer_is_undetermined_at_its_deadline) \
    T(without_a_free_op_the_answer_is_busy)                         \
    T(bodies_of_any_size_get_the_right_answer)                      \
    T(a_body_that_never_ends_is_refused_and_the_refusal_arrives)    \
    T(what_h2o_refuses_is_a_problem_too)                            \
    T(a_log_in_gives_a_token_or_a_reason)                           \
    T(an_order_is_found_by_its_id_alone)                            \
    T(made_up_orders_cost_few_lists)                                \
    T(a_head_is_answered_without_a_body)                            \
    T(a_wrong_method_or_path_is_told_so)                            \
    T(health_and_metrics_are_open_to_all)                           \
    T(all_else_of_the_admin_needs_its_token)                        \
    T(an_operator_lists_changes_and_audits_sales)                   \
    T(each_access_is_one_line_of_json)
FS_SUITE("http/live", TESTS)
