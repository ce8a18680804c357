/* The proof that the guard of HTTP/2 is in effect, made by attacking it.
 *
 * The guard rests on the layout of h2o's connections.  A program, a library or a machine may come with
 * another h2o than the one that the guard was built for; that must not be found out by an attacker. */
#include "server/http2_proof.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <h2o.h>
#include <h2o/version.h>

#include "base/limits.h"
#include "http/http2.h"
#include "server/evloop.h"

#define TURNS_MAX 1000 /* of the loop, for one attack; each is at most a millisecond */
#define BYTES_MAX 65536u
#define CODE_CALM 11   /* ENHANCE_YOUR_CALM: h2o has its own reasons for no other frame of these */
#define CODE_NONE (-1) /* no GOAWAY came */

struct attack {
    const char *name;
    size_t (*write)(uint8_t *bytes); /* returns how many; at most BYTES_MAX */
};

struct proof {
    int rc;
    char *error;
};

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

static size_t write_frame(uint8_t *at, uint8_t type, uint8_t flags, uint8_t stream,
                          const void *payload, size_t len)
{
    const uint8_t head[9] = {0, (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, stream};

    memcpy(at, head, sizeof(head));
    if (len > 0)
        memcpy(at + sizeof(head), payload, len);
    return sizeof(head) + len;
}

static size_t write_start(uint8_t *at)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const size_t len = sizeof(preface) - 1;

    memcpy(at, preface, len);
    return len + write_frame(at + len, 4, 0, 0, NULL, 0);
}

static size_t write_small_table(uint8_t *bytes)
{
    static const uint8_t table[] = {0, 1, 0, 0, 0, 1};
    size_t len = write_start(bytes);

    return len + write_frame(bytes + len, 4, 0, 0, table, sizeof(table));
}

/* In one frame, and in two: each with one header too many, all of them a byte. */
static size_t write_many_headers(uint8_t *bytes)
{
    uint8_t block[FS_HTTP2_FIELDS_MAX + 1];
    size_t len = write_start(bytes);

    memset(block, 0x82, sizeof(block));
    return len + write_frame(bytes + len, 1, 5, 1, block, sizeof(block));
}

static size_t write_many_headers_in_two(uint8_t *bytes)
{
    uint8_t block[FS_HTTP2_FIELDS_MAX + 1];
    size_t len = write_start(bytes);

    memset(block, 0x82, sizeof(block));
    len += write_frame(bytes + len, 1, 1, 1, block, sizeof(block) / 2);
    return len + write_frame(bytes + len, 9, 4, 1, block, sizeof(block) - sizeof(block) / 2);
}

/* Each begins a request with a body that never comes, and takes it back. */
static size_t write_resets(uint8_t *bytes)
{
    static const uint8_t block[] = {0x83, 0x84, 0x87}; /* POST / https */
    static const uint8_t cancel[] = {0, 0, 0, 8};
    size_t len = write_start(bytes);

    for (unsigned i = 0; i <= FS_HTTP2_RESETS_MAX; i++) {
        uint8_t stream = (uint8_t)(2 * i + 1);

        len += write_frame(bytes + len, 1, 4, stream, block, sizeof(block));
        len += write_frame(bytes + len, 3, 0, stream, cancel, sizeof(cancel));
    }
    return len;
}

/* Of a type that h2o does not know. */
static size_t write_idle_frames(uint8_t *bytes)
{
    size_t len = write_start(bytes);

    for (unsigned i = 0; i <= FS_HTTP2_IDLE_FRAMES_MAX + FS_HTTP2_IDLE_FRAMES_PER_SECOND; i++)
        len += write_frame(bytes + len, 250, 0, 0, NULL, 0);
    return len;
}

static const struct attack attacks[] = {
    {"a header table of one byte", write_small_table},
    {"too many headers", write_many_headers},
    {"too many headers in two frames", write_many_headers_in_two},
    {"too many resets", write_resets},
    {"too many frames that ask for nothing", write_idle_frames},
};

/* The error code of the first GOAWAY among whole frames, or CODE_NONE. */
static int find_code(const uint8_t *bytes, size_t len)
{
    while (len >= 9) {
        size_t size = 9 + ((size_t)bytes[0] << 16 | (size_t)bytes[1] << 8 | bytes[2]);

        if (size > len)
            break;
        if (bytes[3] == 7 && size >= 17)
            return bytes[16];
        bytes += size;
        len -= size;
    }
    return CODE_NONE;
}

/* The connection guard comes first: http finds it in the socket. */
struct session {
    struct fs_connection_guard connection;
    struct target *target;
};

static void on_close(void *data)
{
    struct session *session = data;

    session->target->is_closed = true;
}

/* Returns the code of the GOAWAY that came, or CODE_NONE. */
static int run_attack(struct target *target, int near, int far, const struct attack *attack)
{
    uint8_t bytes[BYTES_MAX];
    struct session session = {.connection = {.http = &target->http}, .target = target};
    h2o_socket_t *socket;
    size_t len = attack->write(bytes), got = 0;

    if (send(far, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) {
        close(near);
        return CODE_NONE;
    }
    socket = h2o_evloop_socket_create(target->loop, near, H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    session.connection.socket = socket;
    socket->on_close.cb = on_close;
    socket->on_close.data = &session;
    target->is_closed = false;
    fs_http2_open(&target->accept, socket, *h2o_get_timestamp(&target->http.h2o, NULL, NULL));
    for (int turn = 0; turn < TURNS_MAX && !target->is_closed; turn++)
        h2o_evloop_run(target->loop, 1);
    for (ssize_t n = 1; n > 0 && got<sizeof(bytes); got += n> 0 ? (size_t)n : 0)
        n = recv(far, bytes + got, sizeof(bytes) - got, MSG_DONTWAIT);
    shutdown(far, SHUT_RDWR); /* which ends it, where the attack went through */
    for (int turn = 0; turn < TURNS_MAX && !target->is_closed; turn++)
        h2o_evloop_run(target->loop, 1);
    free(session.connection.http2);
    return find_code(bytes, got);
}

static int attack_all(struct target *target, char *error)
{
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        int pair[2];
        int code;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
            snprintf(error, FS_HTTP2_PROOF_ERROR_SIZE, "no pair of sockets: %s", strerror(errno));
            return -errno;
        }
        code = run_attack(target, pair[0], pair[1], &attacks[i]);
        close(pair[1]);
        if (code != CODE_CALM) {
            snprintf(error, FS_HTTP2_PROOF_ERROR_SIZE,
                     "its guard is not in effect with this libh2o: %s went through",
                     attacks[i].name);
            return -EPROTO;
        }
    }
    return 0;
}

static void open_target(struct target *target)
{
    target->server.request_timeout_us = target->server.idle_timeout_us =
        target->server.slow_reader_timeout_us = 10000000;
    target->http.server = &target->server;
    target->hosts[0] =
        h2o_config_register_host(&target->config, h2o_iovec_init(H2O_STRLIT("proof")), 65535);
    h2o_context_init(&target->http.h2o, target->loop, &target->config);
    target->accept = (h2o_accept_ctx_t){.ctx = &target->http.h2o, .hosts = target->hosts};
}

static void close_target(struct target *target)
{
    h2o_multithread_queue_t *queue = target->http.h2o.queue;

    h2o_context_dispose(&target->http.h2o);
    fs_http2_free_buffers(&target->http);
#if H2O_LIBRARY_VERSION_MAJOR == 0 && H2O_LIBRARY_VERSION_MINOR == 13
    free(queue); /* as in http/http.c */
#else
    (void)queue;
#endif
}

static int prove(char *error)
{
    struct target target = {0};
    const char *wanted = "h2o/" H2O_VERSION;
    int rc;

    h2o_config_init(&target.config); /* names the version of the library that is loaded */
    if (!h2o_memis(target.config.server_name.base, target.config.server_name.len, wanted,
                   strlen(wanted))) {
        snprintf(error, FS_HTTP2_PROOF_ERROR_SIZE, "its guard is for libh2o %s, and this is %.*s",
                 H2O_VERSION, (int)target.config.server_name.len, target.config.server_name.base);
        rc = -EPROTO;
        goto dispose_config;
    }
    rc = fs_evloop_create(&target.loop);
    if (rc != 0) {
        snprintf(error, FS_HTTP2_PROOF_ERROR_SIZE, "no event loop: %s", strerror(-rc));
        goto dispose_config;
    }
    open_target(&target);
    rc = attack_all(&target, error);
    close_target(&target);
    fs_evloop_destroy(target.loop);

dispose_config:
    h2o_config_dispose(&target.config);
    return rc;
}

static void *run(void *data)
{
    struct proof *proof = data;

    proof->rc = prove(proof->error);
    fs_evloop_thread_end();
    return NULL;
}

int fs_http2_prove(char error[FS_HTTP2_PROOF_ERROR_SIZE])
{
    struct proof proof = {.error = error};
    pthread_t thread;
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* as a worker's */
    rc = pthread_create(&thread, NULL, run, &proof);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        snprintf(error, FS_HTTP2_PROOF_ERROR_SIZE, "no thread: %s", strerror(rc));
        return -rc;
    }
    pthread_join(thread, NULL);
    return proof.rc;
}
