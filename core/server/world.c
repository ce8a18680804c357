/* Builds and takes down what a loop has of h2o, on the loop's own thread. */
#include "server/world.h"

#include <errno.h>
#include <fcntl.h>

#include "server/accept.h"

static void on_wake(h2o_socket_t *socket, const char *error)
{
    /* The turn that follows empties every mailbox. */
    (void)socket;
    (void)error;
}

/* h2o closes what it is given, and the mailbox closes its own: so h2o gets a copy. */
static int watch_mailbox(struct fs_worker *worker, const struct fs_mailbox *mailbox,
                         h2o_socket_t **waker)
{
    int fd = fcntl(mailbox->fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    *waker = h2o_evloop_socket_create(worker->h2o, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(*waker, on_wake);
    return 0;
}

static void close_wakers(struct fs_worker *worker)
{
    for (size_t i = 0; i < sizeof(worker->wakers) / sizeof(worker->wakers[0]); i++) {
        if (worker->wakers[i]) {
            h2o_socket_read_stop(worker->wakers[i]);
            h2o_socket_close(worker->wakers[i]);
        }
        worker->wakers[i] = NULL;
    }
}

static int open_store(struct fs_worker *worker)
{
    int rc;

    if (!worker->options.redis)
        return 0;
    fs_loop_h2o_init(&worker->poller, worker->h2o);
    rc = fs_redis_open(worker->options.redis, &worker->poller.poller, &worker->metrics,
                       &worker->store);
    worker->loop.store = worker->store;
    return rc;
}

/* Nothing is under way on it any more: a stop has waited for that. */
static void close_store(struct fs_worker *worker)
{
    worker->loop.store = NULL;
    if (worker->store)
        fs_redis_close(worker->store);
    worker->store = NULL;
}

int fs_world_open(struct fs_worker *worker)
{
    const struct fs_mailbox *boxes[] = {&worker->loop.mailbox, &worker->logins, &worker->letters};
    int rc = fs_evloop_create(&worker->h2o);

    if (rc != 0)
        return rc;
    fs_evloop_timeouts_init(&worker->timeouts);
    for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]) && rc == 0; i++)
        rc = watch_mailbox(worker, boxes[i], &worker->wakers[i]);
    if (rc != 0)
        goto close_loop;
    rc = open_store(worker);
    if (rc != 0)
        goto close_loop;
    worker->http.server = worker->options.http_server;
    worker->http.loop = &worker->loop;
    worker->http.ops = &worker->ops;
    worker->http.metrics = &worker->metrics;
    worker->http.tokens = worker->tokens;
    worker->http.logins = &worker->logins;
    worker->http.settings = worker->options.settings;
    rc = fs_http_init(&worker->http, worker->h2o, worker->options.tls);
    if (rc == 0)
        return 0;

    close_store(worker);
close_loop:
    close_wakers(worker);
    fs_evloop_destroy(worker->h2o);
    return rc;
}

void fs_world_close(struct fs_worker *worker)
{
    fs_accept_close(worker);
    close_wakers(worker);
    fs_http_dispose(&worker->http);
    close_store(worker);
    fs_evloop_destroy(worker->h2o);
}
