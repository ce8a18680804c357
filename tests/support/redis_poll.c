/* poll(2) behind the poller's interface. */
#include "support/redis_poll.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

static struct fs_redis_poll *self_of(struct fs_poller *poller)
{
    return (struct fs_redis_poll *)(void *)poller;
}

static int poller_open(struct fs_poller *poller, struct fs_watch *watch)
{
    struct fs_redis_poll *self = self_of(poller);

    assert(self->count < FS_REDIS_POLL_MAX);
    self->watches[self->count++] = watch;
    watch->read_wanted = false;
    watch->write_wanted = false;
    return 0;
}

static size_t find(const struct fs_redis_poll *self, int fd)
{
    size_t at = 0;

    while (at < self->count && self->watches[at]->fd != fd)
        at++;
    return at;
}

static void poller_close(struct fs_poller *poller, struct fs_watch *watch)
{
    struct fs_redis_poll *self = self_of(poller);
    size_t at = find(self, watch->fd);

    assert(at < self->count);
    self->watches[at] = self->watches[--self->count];
    close(watch->fd);
    watch->fd = -1;
}

static void poller_set(struct fs_poller *poller, struct fs_watch *watch, bool read_wanted,
                       bool write_wanted)
{
    (void)poller;
    watch->read_wanted = read_wanted;
    watch->write_wanted = write_wanted;
}

void fs_redis_poll_init(struct fs_redis_poll *loop)
{
    /* hiredis uses write(2), and a Redis that is killed closes its end. */
    (void)signal(SIGPIPE, SIG_IGN);
    *loop = (struct fs_redis_poll){
        .poller = {.open = poller_open, .close = poller_close, .set = poller_set}};
}

size_t fs_redis_poll_watch(const struct fs_redis_poll *loop, struct pollfd *fds)
{
    for (size_t i = 0; i < loop->count; i++) {
        const struct fs_watch *watch = loop->watches[i];

        fds[i] = (struct pollfd){.fd = watch->fd,
                                 .events = (short)((watch->read_wanted ? POLLIN : 0) |
                                                   (watch->write_wanted ? POLLOUT : 0))};
    }
    return loop->count;
}

void fs_redis_poll_ready(struct fs_redis_poll *loop, const struct pollfd *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_broken = fds[i].revents & (POLLHUP | POLLERR);
        size_t at = find(loop, fds[i].fd);

        if (at < loop->count && loop->watches[at]->read_wanted &&
            (is_broken || fds[i].revents & POLLIN))
            loop->watches[at]->on_readable(loop->watches[at]);
        at = find(loop, fds[i].fd); /* it may be closed by now */
        if (at < loop->count && loop->watches[at]->write_wanted &&
            (is_broken || fds[i].revents & POLLOUT))
            loop->watches[at]->on_writable(loop->watches[at]);
    }
}

void fs_redis_poll_turn(struct fs_redis_poll *loop, struct fs_store *store, int wait_ms)
{
    struct pollfd fds[FS_REDIS_POLL_MAX];
    size_t count = fs_redis_poll_watch(loop, fds);
    uint64_t due_us = store->type->next_due_us(store);
    uint64_t now_us = fs_clock_now_us();

    if (due_us <= now_us)
        wait_ms = 0;
    else if (due_us - now_us < (uint64_t)wait_ms * 1000)
        wait_ms = (int)((due_us - now_us + 999) / 1000);
    if (poll(fds, (nfds_t)count, wait_ms) > 0)
        fs_redis_poll_ready(loop, fds, count);
    if (store->type->next_due_us(store) != UINT64_MAX)
        store->type->expire(store, fs_clock_now_us());
    store->type->flush(store);
}

bool fs_redis_poll_until_ready(struct fs_redis_poll *loop, struct fs_store *store, int wait_ms)
{
    uint64_t until_us = fs_clock_now_us() + (uint64_t)wait_ms * 1000;

    while (!fs_redis_is_ready(store)) {
        if (fs_clock_now_us() >= until_us)
            return false;
        fs_redis_poll_turn(loop, store, 10);
    }
    return true;
}
