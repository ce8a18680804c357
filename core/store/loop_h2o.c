/* Watches descriptors with sockets of h2o 2.2.5 that neither read nor write by themselves.
 *
 * h2o's notice of writability comes once and cannot be taken back: it is asked for again while it is
 * wanted, and one that comes unwanted is dropped.  h2o closes the descriptor with its socket, so a
 * watch gives it away and whoever opened it must forget it. */
#include "store/loop_h2o.h"

#include <errno.h>
#include <unistd.h>

static void on_read(h2o_socket_t *socket, const char *error)
{
    struct fs_watch *watch = socket->data;

    (void)error; /* nothing was read, so nothing failed */
    if (watch->read_wanted)
        watch->on_readable(watch);
}

static void on_write(h2o_socket_t *socket, const char *error)
{
    struct fs_watch *watch = socket->data;

    (void)error;
    if (!watch->write_wanted)
        return;
    h2o_socket_notify_write(socket, on_write);
    watch->on_writable(watch);
}

static int poller_open(struct fs_poller *poller, struct fs_watch *watch)
{
    struct fs_loop_h2o *self = (struct fs_loop_h2o *)(void *)poller;
    h2o_socket_t *socket =
        h2o_evloop_socket_create(self->loop, watch->fd, H2O_SOCKET_FLAG_DONT_READ);

    socket->data = watch;
    watch->handle = socket;
    watch->read_wanted = false;
    watch->write_wanted = false;
    return 0;
}

static void poller_close(struct fs_poller *poller, struct fs_watch *watch)
{
    h2o_socket_t *socket = watch->handle;

    (void)poller;
    watch->handle = NULL;
    watch->fd = -1;
    watch->read_wanted = false;
    watch->write_wanted = false;
    h2o_socket_close(socket);
}

static void poller_set(struct fs_poller *poller, struct fs_watch *watch, bool read_wanted,
                       bool write_wanted)
{
    h2o_socket_t *socket = watch->handle;

    (void)poller;
    if (read_wanted && !watch->read_wanted)
        h2o_socket_read_start(socket, on_read);
    else if (!read_wanted && watch->read_wanted)
        h2o_socket_read_stop(socket);
    watch->read_wanted = read_wanted;
    watch->write_wanted = write_wanted;
    if (write_wanted && !h2o_socket_is_writing(socket))
        h2o_socket_notify_write(socket, on_write);
}

void fs_loop_h2o_init(struct fs_loop_h2o *poller, h2o_loop_t *loop)
{
    poller->poller =
        (struct fs_poller){.open = poller_open, .close = poller_close, .set = poller_set};
    poller->loop = loop;
}
