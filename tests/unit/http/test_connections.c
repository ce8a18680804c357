/* The http layer under bad clients: cut, slow, greedy, ambiguous; and its drain. */
#include "base/clock.h"
#include "client.h"
#include "fixture.h"
#include "support/random.h"
#include "support/suite.h"

#include <sys/socket.h>
#include <unistd.h>

static struct answer answer; /* large: not for the stack */

static const char *token_of(struct fixture *fixture)
{
    static char token[512];

    client_ask(fixture->main_path,
               "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 48\r\n\r\n"
               "{\"username\":\"user_1\",\"password\":\"password123\"}  ",
               &answer);
    return client_member(&answer, "access_token", token);
}

static size_t write_purchase(char *text, size_t size, const char *product, const char *token)
{
    return (size_t)snprintf(text, size,
                            "POST /purchase/%s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                            "%s\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}",
                            product, token);
}

static const char inventory[] = "GET /inventory/sold HTTP/1.1\r\nHost: a\r\n\r\n";

/* Its socket stays in the poll, where an end of the stream and unread bytes are news for ever. */
static void a_loop_rests_while_requests_wait_whatever_their_clients_do(void)
{
    struct fixture fixture;
    char text[1024];
    unsigned turns;
    size_t len;
    int fds[12];

    fixture_start(&fixture, NULL);
    len = write_purchase(text, sizeof(text), "stuck", token_of(&fixture));
    for (int i = 0; i < 12; i++) {
        fds[i] = client_connect(fixture.main_path);
        FS_CHECK(client_send(fds[i], text, len));
    }
    while (fixture.op_count < 12)
        usleep(1000);
    for (int i = 0; i < 12; i++) {
        if (i % 4 == 0)
            close(fds[i]);
        else if (i % 4 == 1)
            shutdown(fds[i], SHUT_WR);
        else
            FS_CHECK(client_send(fds[i], text, i % 4 == 2 ? 20 : len));
    }
    usleep(50000);
    turns = fixture.turn_count;
    usleep(200000);
    FS_CHECK(fixture.turn_count - turns < 1000); /* one in 5 ms, and what there is to do */
    for (int i = 0; i < 12; i++) {
        if (i % 4 == 0)
            continue;
        FS_CHECK(client_read(fds[i], &answer, true));
        FS_CHECK_INT(answer.status, 200);
        close(fds[i]);
    }
    FS_CHECK(fixture_is_quiet(&fixture));
    fixture_stop(&fixture);
}

/* Cut after each byte, at once and after a moment; nothing is left behind. */
static void a_client_may_leave_at_every_byte(void)
{
    struct fixture fixture;
    char text[1024];
    size_t len;

    fixture_start(&fixture, NULL);
    len = write_purchase(text, sizeof(text), "late", token_of(&fixture));
    for (size_t cut = 0; cut <= len; cut++) {
        int fd = client_connect(fixture.main_path);

        FS_CHECK(client_send(fd, text, cut));
        if (cut % 3 == 0)
            usleep(500);
        if (cut % 5 == 0)
            shutdown(fd, SHUT_WR);
        close(fd);
    }
    FS_CHECK(fixture_is_quiet(&fixture));
    client_ask(fixture.main_path, inventory, &answer);
    FS_CHECK_INT(answer.status, 200);
    fixture_stop(&fixture);
}

static void a_client_may_leave_while_it_reads(void)
{
    struct fixture fixture;
    char text[1024], taken[1024];
    size_t len;

    fixture_start(&fixture, NULL);
    len = write_purchase(text, sizeof(text), "late", token_of(&fixture));
    for (size_t take = 0; take < 200; take += 7) {
        int fd = client_connect(fixture.main_path);

        FS_CHECK(client_send(fd, text, len));
        if (take > 0)
            FS_CHECK(recv(fd, taken, take, MSG_WAITALL) > 0);
        close(fd);
    }
    FS_CHECK(fixture_is_quiet(&fixture));
    FS_CHECK_INT(fixture.purchase_count, 29);
    fixture_stop(&fixture);
}

/* Requests mutated in a few bytes: an answer or an end, and the server goes on. */
static void mutated_requests_do_no_harm(void)
{
    struct fs_random random = fs_random_start();
    struct fixture fixture;
    char token[512];

    fixture_start(&fixture, NULL);
    snprintf(token, sizeof(token), "%s", token_of(&fixture));
    for (int round = 0; round < 3000; round++) {
        char text[2048];
        size_t len = write_purchase(text, sizeof(text), "sold", token);
        int fd = client_connect(fixture.main_path);

        memcpy(text + len, inventory, sizeof(inventory));
        len += sizeof(inventory) - 1;
        for (uint64_t edits = 1 + fs_random_below(&random, 4); edits > 0; edits--)
            text[fs_random_below(&random, len)] = (char)fs_random_u64(&random);
        FS_CHECK(client_send(fd, text, len));
        shutdown(fd, SHUT_WR);
        for (int i = 0; i < 3 && client_read(fd, &answer, true); i++)
            FS_CHECK(answer.status >= 200 && answer.status < 600);
        close(fd);
    }
    FS_CHECK(fixture_is_quiet(&fixture));
    client_ask(fixture.main_path, inventory, &answer);
    FS_CHECK_INT(answer.status, 200);
    fixture_stop(&fixture);
}

static void pipelined_requests_are_answered_in_order(void)
{
    struct fixture fixture;
    char text[4096], value[512];
    size_t len = 0;
    int fd;

    fixture_start(&fixture, NULL);
    len += write_purchase(text + len, sizeof(text) - len, "late", token_of(&fixture));
    len += write_purchase(text + len, sizeof(text) - len, "sold", token_of(&fixture));
    len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", inventory);
    fd = client_connect(fixture.main_path);
    FS_CHECK(client_send(fd, text, len));
    FS_CHECK(client_read(fd, &answer, true));
    FS_CHECK_STR(client_member(&answer, "product_id", value), "late");
    FS_CHECK(client_read(fd, &answer, true));
    FS_CHECK_STR(client_member(&answer, "product_id", value), "sold");
    FS_CHECK(client_read(fd, &answer, true));
    FS_CHECK_STR(client_member(&answer, "stock", value), "7");
    close(fd);
    fixture_stop(&fixture);
}

/* Behind each stands a second request that must not be answered. */
static void ambiguous_framing_is_refused_and_the_connection_ended(void)
{
    const char *heads[] = {
        "Content-Length: 14\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 24\r\n",
        "Content-Length: 14\r\nContent-Length: 0\r\n",
        "Content-Length: 14\r\nContent-Length: 14\r\n",
        "Content-Length:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "X-Note: a\r\n b\r\nContent-Length: 14\r\n",
        "Host: b\r\nContent-Length: 14\r\n",
        "X-Note: a\nContent-Length: 14\r\n",
    };
    struct fixture fixture;
    char text[1024], value[512];

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        bool is_chunked = strstr(heads[i], "chunked") != NULL;
        int fd = client_connect(fixture.main_path);

        snprintf(text, sizeof(text), "POST /login HTTP/1.1\r\nHost: a\r\n%s\r\n%s%s", heads[i],
                 is_chunked ? "e\r\n{\"quantity\":1}\r\n0\r\n\r\n" : "{\"quantity\":1}", inventory);
        FS_CHECK(client_send_text(fd, text));
        FS_CHECK(client_read(fd, &answer, true));
        FS_CHECK_INT(answer.status, 400);
        FS_CHECK_STR(client_member(&answer, "code", value), "invalid_request");
        FS_CHECK(client_is_ended(fd));
        close(fd);
    }
    FS_CHECK(fixture_is_quiet(&fixture));
    fixture_stop(&fixture);
}

/* What h2o makes of a chunk's size is not what others make of it. */
static void after_chunks_the_connection_ends(void)
{
    const struct {
        const char *size;
        int status;
    } rows[] = {{"e", 401}, {"0000e", 401}, {"e;a=b", 401}, {"0xe", 401}};
    struct fixture fixture;
    char text[1024], header[256];

    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = client_connect(fixture.main_path);

        snprintf(text, sizeof(text),
                 "POST /purchase/sold HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n%s\r\n{\"quantity\":1}\r\n0\r\n\r\n%s",
                 rows[i].size, inventory);
        FS_CHECK(client_send_text(fd, text));
        FS_CHECK(client_read(fd, &answer, true));
        FS_CHECK_INT(answer.status, rows[i].status);
        FS_CHECK_STR(client_header(&answer, "connection", header), "close");
        FS_CHECK(client_is_ended(fd));
        close(fd);
    }
    fixture_stop(&fixture);
}

static void http2_is_not_spoken(void)
{
    struct fixture fixture;
    int fd;

    fixture_start(&fixture, NULL);
    client_ask(fixture.main_path, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &answer);
    FS_CHECK_INT(answer.status, 400);
    fd = client_connect(fixture.main_path);
    FS_CHECK(client_send_text(fd, "GET /inventory/sold HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, "
                                  "HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
                                  "AAMAAABkAAQAAP__\r\n\r\n"));
    FS_CHECK(client_read(fd, &answer, true));
    FS_CHECK_INT(answer.status, 200);
    close(fd);
    fixture_stop(&fixture);
}

static void a_head_that_does_not_end_is_not_waited_for(void)
{
    const struct fixture_options options = {.request_timeout_us = 200000};
    struct fixture fixture;
    int slow, idle;

    fixture_start(&fixture, &options);
    slow = client_connect(fixture.main_path);
    idle = client_connect(fixture.main_path);
    for (int i = 0; i < 10 && client_send_text(slow, "G"); i++)
        usleep(50000);
    FS_CHECK(client_is_ended(slow));
    FS_CHECK(client_is_ended(idle));
    FS_CHECK(fixture_is_quiet(&fixture));
    close(slow);
    close(idle);
    fixture_stop(&fixture);
}

/* Sends a purchase in two parts on a connection that has rested.  0: the machine was so slow that
 * nothing follows from it; else the answer's status, or -1. */
static int ask_late(const struct fixture *fixture, const char *text, size_t len, uint64_t rest_us)
{
    int fd = client_connect(fixture->main_path);
    uint64_t answered_us, begun_us, sent_us;
    bool is_read;

    FS_CHECK(client_send_text(fd, inventory));
    FS_CHECK(client_read(fd, &answer, true));
    answered_us = fs_clock_now_us();
    usleep((useconds_t)rest_us);
    begun_us = fs_clock_now_us();
    FS_CHECK(client_send(fd, text, len - 5));
    usleep((useconds_t)rest_us);
    is_read = client_send(fd, text + len - 5, 5) && client_read(fd, &answer, true);
    sent_us = fs_clock_now_us();
    close(fd);
    if (is_read)
        return answer.status;
    if (begun_us - answered_us > rest_us * 5 / 4 || sent_us - begun_us > rest_us * 5 / 4)
        return 0;
    return -1;
}

/* Both spans together are longer than the timeout, each of them is not. */
static void a_request_that_begins_late_has_its_full_time(void)
{
    const struct fixture_options options = {.request_timeout_us = 600000};
    struct fixture fixture;
    char text[1024];
    size_t len;
    int status = 0;

    fixture_start(&fixture, &options);
    len = write_purchase(text, sizeof(text), "sold", token_of(&fixture));
    for (int i = 0; i < 5 && status == 0; i++)
        status = ask_late(&fixture, text, len, 400000);
    FS_CHECK(status == 200 || status == 0);
    fixture_stop(&fixture);
}

static void a_head_that_grows_and_grows_is_cut(void)
{
    static char block[65536];
    struct fixture fixture;
    int fd;

    fixture_start(&fixture, NULL);
    fd = client_connect(fixture.main_path);
    memset(block, 'a', sizeof(block));
    FS_CHECK(client_send_text(fd, "GET /"));
    for (int i = 0; i < 5 && client_send(fd, block, sizeof(block)); i++)
        usleep(20000);
    FS_CHECK(fixture_is_quiet(&fixture));
    close(fd);
    fixture_stop(&fixture);
}

/* Asks for megabytes and reads none of it. */
static void a_client_that_does_not_read_is_cut(void)
{
    const struct fixture_options options = {.slow_reader_timeout_us = 200000};
    struct fixture fixture;
    int fd;

    fixture_start(&fixture, &options);
    fd = client_connect(fixture.admin_path);
    for (int i = 0; i < 100; i++)
        FS_CHECK(client_send_text(fd, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
    FS_CHECK(fixture_is_quiet(&fixture));
    close(fd);
    client_ask(fixture.main_path, inventory, &answer);
    FS_CHECK_INT(answer.status, 200);
    fixture_stop(&fixture);
}

static void one_connection_too_many_is_closed(void)
{
    const struct fixture_options options = {.connections_max = 2};
    struct fixture fixture;
    int fds[3];

    fixture_start(&fixture, &options);
    for (int i = 0; i < 2; i++) {
        fds[i] = client_connect(fixture.main_path);
        FS_CHECK(client_send_text(fds[i], inventory));
        FS_CHECK(client_read(fds[i], &answer, true));
    }
    fds[2] = client_connect(fixture.main_path);
    FS_CHECK(client_is_ended(fds[2]));
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.connections_refused), 1);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.connections), 2);
    client_ask(fixture.admin_path, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    FS_CHECK_INT(answer.status, 200);
    close(fds[0]);
    while (fs_counter_read(&fixture.metrics.connections) > 1)
        usleep(1000);
    client_ask(fixture.main_path, inventory, &answer);
    FS_CHECK_INT(answer.status, 200);
    close(fds[1]);
    close(fds[2]);
    FS_CHECK(fixture_is_quiet(&fixture));
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.connections), 0);
    fixture_stop(&fixture);
}

static void a_drain_answers_what_has_come_and_ends_the_rest(void)
{
    struct fixture fixture;
    char text[1024], header[256];
    int idle, busy, half;
    size_t len;

    fixture_start(&fixture, NULL);
    len = write_purchase(text, sizeof(text), "stuck", token_of(&fixture));
    idle = client_connect(fixture.main_path);
    FS_CHECK(client_send_text(idle, inventory));
    FS_CHECK(client_read(idle, &answer, true));
    FS_CHECK_STR(client_header(&answer, "connection", header), "keep-alive");
    busy = client_connect(fixture.main_path);
    FS_CHECK(client_send(busy, text, len));
    half = client_connect(fixture.main_path);
    FS_CHECK(client_send(half, text, 20));
    while (fixture.op_count == 0)
        usleep(1000);
    FS_CHECK(client_was_read(half));
    atomic_store(&fixture.server.draining, true);
    fixture.is_draining = true;
    FS_CHECK(client_is_ended(idle));
    FS_CHECK(client_send(half, text + 20, len - 20));
    FS_CHECK(client_read(busy, &answer, true));
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_STR(client_header(&answer, "connection", header), "close");
    FS_CHECK(client_is_ended(busy));
    FS_CHECK(client_read(half, &answer, true));
    FS_CHECK_INT(answer.status, 200);
    FS_CHECK_STR(client_header(&answer, "connection", header), "close");
    FS_CHECK(fixture_is_quiet(&fixture));
    close(idle);
    close(busy);
    close(half);
    fixture_stop(&fixture);
}

/* fixture_stop() cuts: requests in flight, half heads, readers that do not read. */
static void a_cut_leaves_nothing(void)
{
    struct fixture fixture;
    char text[1024];
    size_t len;
    int fds[6];

    fixture_start(&fixture, NULL);
    len = write_purchase(text, sizeof(text), "stuck", token_of(&fixture));
    for (int i = 0; i < 6; i++)
        fds[i] = client_connect(i == 3 ? fixture.admin_path : fixture.main_path);
    FS_CHECK(client_send(fds[0], text, len));
    FS_CHECK(client_send(fds[1], text, len / 2));
    len = (size_t)snprintf(text, sizeof(text),
                           "GET /orders/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n"
                           "Authorization: Bearer %s\r\n\r\n",
                           token_of(&fixture));
    for (int i = 0; i < 2; i++)
        FS_CHECK(client_send(fds[4 + i], text, len));
    for (int i = 0; i < 50; i++)
        FS_CHECK(client_send_text(fds[3], "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (fixture.connection_count < 6)
        usleep(1000);
    usleep(50000);
    fixture_stop(&fixture);
    FS_CHECK_INT(fixture.connection_count, 0);
    FS_CHECK_INT(fixture.op_count, 0);
    for (int i = 0; i < 6; i++)
        close(fds[i]);
}

#define TESTS(T)                                                  \
    T(a_loop_rests_while_requests_wait_whatever_their_clients_do) \
    T(a_client_may_leave_at_every_byte)                           \
    T(a_client_may_leave_while_it_reads)                          \
    T(mutated_requests_do_no_harm)                                \
    T(pipelined_requests_are_answered_in_order)                   \
    T(ambiguous_framing_is_refused_and_the_connection_ended)      \
    T(after_chunks_the_connection_ends)                           \
    T(http2_is_not_spoken)                                        \
    T(a_head_that_does_not_end_is_not_waited_for)                 \
    T(a_request_that_begins_late_has_its_full_time)               \
    T(a_head_that_grows_and_grows_is_cut)                         \
    T(a_client_that_does_not_read_is_cut)                         \
    T(one_connection_too_many_is_closed)                          \
    T(a_drain_answers_what_has_come_and_ends_the_rest) T(a_cut_leaves_nothing)
FS_SUITE("http/connections", TESTS)
