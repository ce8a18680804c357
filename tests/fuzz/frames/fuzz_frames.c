/* Any frames of HTTP/2 behind the guard: no assertion of h2o, no spinning, and the connection ends when its
 * client does.
 *
 * The input is a sequence of frames: type, flags, stream, length (a byte each), payload. A type above 127 sends
 * the payload as it is, without a frame around it. The preface and empty SETTINGS come first. */
#include <assert.h>
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <h2o.h>

#include "http/http2.h"
#include "server/evloop.h"

#define TURNS_MAX 1000u
#define BYTES_MAX 65536u
#define HEAD_LEN 9u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What h2o calls a connection, without http's lists. */
struct target {
    h2o_loop_t *loop;
    h2o_globalconf_t config;
    h2o_hostconf_t *hosts[2];
    h2o_accept_ctx_t accept;
    struct fs_http_server server; /* its times only */
    struct fs_http http;          /* its h2o context only */
    bool is_closed;
};

struct session {
    struct fs_connection_guard connection; /* first: http finds it in the socket */
    struct target *target;
};

static int serve(h2o_handler_t *handler, h2o_req_t *req)
{
    (void)handler;
    req->res.status = 200;
    req->res.reason = "OK";
    h2o_send_inline(req, H2O_STRLIT("a response of some bytes"));
    return 0;
}

static struct target *open_target(void)
{
    static struct target target;

    if (target.loop)
        return &target;
    h2o_config_init(&target.config);
    if (fs_evloop_create(&target.loop) != 0)
        errx(2, "no event loop");
    target.server.request_timeout_us = target.server.slow_reader_timeout_us = 10000000;
    target.http.server = &target.server;
    target.hosts[0] =
        h2o_config_register_host(&target.config, h2o_iovec_init(H2O_STRLIT("fuzz")), 65535);
    h2o_create_handler(&target.hosts[0]->fallback_path, sizeof(h2o_handler_t))->on_req = serve;
    h2o_context_init(&target.http.h2o, target.loop, &target.config);
    target.accept = (h2o_accept_ctx_t){.ctx = &target.http.h2o, .hosts = target.hosts};
    return &target;
}

static void on_close(void *data)
{
    struct session *session = data;

    session->target->is_closed = true;
}

/* The bytes on the wire; returns how many. */
static size_t frame_all(uint8_t *wire, const uint8_t *data, size_t size)
{
    static const char start[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    size_t used = sizeof(start); /* with the NUL, the last byte of the stream's number */

    memcpy(wire, start, used);
    while (size >= 4) {
        size_t len = data[3] < size - 4 ? data[3] : size - 4;
        const uint8_t head[HEAD_LEN] = {0, 0, (uint8_t)len, data[0], data[1], 0, 0, 0, data[2]};

        if (used + HEAD_LEN + len > BYTES_MAX)
            break;
        if (data[0] < 128) {
            memcpy(wire + used, head, HEAD_LEN);
            used += HEAD_LEN;
        }
        memcpy(wire + used, data + 4, len);
        used += len;
        data += 4 + len;
        size -= 4 + len;
    }
    return used;
}

/* Until the server has nothing more to say, or the limit. */
static void drain(struct target *target, int far)
{
    uint8_t bytes[4096];
    unsigned quiet = 0;

    for (unsigned turn = 0; turn < TURNS_MAX && quiet < 3 && !target->is_closed; turn++) {
        h2o_evloop_run(target->loop, 0);
        quiet = recv(far, bytes, sizeof(bytes), MSG_DONTWAIT) > 0 ? 0 : quiet + 1;
    }
    assert(quiet >= 3 || target->is_closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wire[BYTES_MAX];
    struct target *target = open_target();
    struct session session = {.connection = {.http = &target->http}, .target = target};
    size_t len = frame_all(wire, data, size);
    h2o_socket_t *socket;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        err(2, "socketpair");
    socket =
        h2o_evloop_socket_create(target->loop, pair[0], H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    session.connection.socket = socket;
    socket->on_close.cb = on_close;
    socket->on_close.data = &session;
    target->is_closed = false;
    fs_http2_open(&target->accept, socket, *h2o_get_timestamp(&target->http.h2o, NULL, NULL));
    for (size_t at = 0; at < len && !target->is_closed;) {
        ssize_t sent = send(pair[1], wire + at, len - at, MSG_NOSIGNAL);

        if (sent <= 0)
            break;
        at += (size_t)sent;
        drain(target, pair[1]);
    }
    shutdown(pair[1], SHUT_RDWR);
    for (unsigned turn = 0; turn < TURNS_MAX && !target->is_closed; turn++)
        h2o_evloop_run(target->loop, 0);
    assert(target->is_closed);
    free(session.connection.http2);
    close(pair[1]);
    return 0;
}
