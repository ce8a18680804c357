/* Takes connections off the listening sockets, a bounded number a turn, and waits a little when the
 * system has no descriptor or memory for another. */
#include "server/accept.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define PAUSE_US 100000u              /* without descriptors, before accepting is tried again */
#define STARVED_LOG_SPAN_US 60000000u /* between two lines about it */
#define QUEUED_MAX 65536u             /* accepted at the end: the longest queue of a listener */

/* What is wrong with the connection and not with us: the next one may be fine. */
static bool is_of_the_connection(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM ||
           error == ENETDOWN || error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH;
}

static void pause_listener(struct fs_worker_listener *listener, int error)
{
    struct fs_worker *worker = listener->worker;
    uint64_t now_us = fs_clock_now_us();

    h2o_socket_read_stop(listener->socket);
    listener->is_paused = true;
    if (worker->resume_at_us == UINT64_MAX)
        worker->resume_at_us = now_us + PAUSE_US;
    if (worker->starved_logged_at_us != 0 &&
        now_us - worker->starved_logged_at_us < STARVED_LOG_SPAN_US)
        return;
    worker->starved_logged_at_us = now_us;
    fs_log_error(worker->options.log, "server",
                 "loop %u cannot accept connections, new ones wait: %s", worker->options.index,
                 strerror(error));
}

/* Returns whether there may be more in the queue. */
static bool accept_one(struct fs_worker_listener *listener, int *error)
{
    struct fs_http *http = &listener->worker->http;
    h2o_socket_t *socket = h2o_evloop_socket_accept(listener->socket);

    if (!socket) {
        *error = errno;
        return is_of_the_connection(*error);
    }
    *error = 0;
    fs_http_accept(http, listener->is_admin ? &http->accept_admin : &http->accept_main, socket,
                   listener->is_admin);
    return true;
}

static void on_accept(h2o_socket_t *socket, const char *socket_error)
{
    struct fs_worker_listener *listener = socket->data;
    int error = 0;

    if (socket_error)
        return;
    for (unsigned i = 0; i < FS_ACCEPTS_PER_TURN_MAX && accept_one(listener, &error); i++)
        ;
    if (error != 0 && error != EAGAIN && !is_of_the_connection(error))
        pause_listener(listener, error);
}

void fs_accept_resume(struct fs_worker *worker)
{
    worker->resume_at_us = UINT64_MAX;
    for (size_t i = 0; i < worker->listener_count; i++) {
        struct fs_worker_listener *listener = &worker->listeners[i];

        if (listener->is_paused && listener->socket)
            h2o_socket_read_start(listener->socket, on_accept);
        listener->is_paused = false;
    }
}

void fs_accept_close(struct fs_worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        struct fs_worker_listener *listener = &worker->listeners[i];

        if (!listener->socket)
            continue;
        h2o_socket_read_stop(listener->socket);
        h2o_socket_close(listener->socket);
        listener->socket = NULL;
    }
    worker->listener_count = 0;
    worker->resume_at_us = UINT64_MAX;
}

struct listen_request {
    const int *fds;
    size_t count;
    bool is_admin;
    int result;
};

static void listen_on_loop(struct fs_worker *worker, void *data)
{
    const int send_buffer = FS_SEND_BUFFER_LEN;
    struct listen_request *request = data;

    if (worker->listener_count + request->count > FS_LISTENERS_MAX) {
        request->result = -ENOSPC;
        return;
    }
    for (size_t i = 0; i < request->count; i++) {
        struct fs_worker_listener *listener = &worker->listeners[worker->listener_count++];

        /* Accepted sockets inherit it.  h2o reads no further request before the kernel has all of an
         * answer, so this bounds what one client can leave unread. */
        if (!request->is_admin)
            setsockopt(request->fds[i], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
        listener->worker = worker;
        listener->is_admin = request->is_admin;
        listener->is_paused = false;
        listener->socket =
            h2o_evloop_socket_create(worker->h2o, request->fds[i], H2O_SOCKET_FLAG_DONT_READ);
        listener->socket->data = listener;
        h2o_socket_read_start(listener->socket, on_accept);
    }
    request->result = 0;
}

int fs_worker_listen(struct fs_worker *worker, const int *fds, size_t count, bool is_admin)
{
    struct listen_request request = {.fds = fds, .count = count, .is_admin = is_admin};

    fs_worker_call(worker, listen_on_loop, &request);
    return request.result;
}

/* Those in the queue have been told by the kernel that they are connected: they get an answer. */
static void unlisten_on_loop(struct fs_worker *worker, void *data)
{
    (void)data;
    for (size_t i = 0; i < worker->listener_count; i++) {
        int error = 0;

        for (unsigned n = 0; n < QUEUED_MAX && worker->listeners[i].socket; n++)
            if (!accept_one(&worker->listeners[i], &error))
                break;
    }
    fs_accept_close(worker);
}

void fs_worker_unlisten(struct fs_worker *worker)
{
    fs_worker_call(worker, unlisten_on_loop, NULL);
}
