/* A store's connections driven by poll(2), without h2o. */
#ifndef FS_TESTS_SUPPORT_REDIS_POLL_H
#define FS_TESTS_SUPPORT_REDIS_POLL_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "store/poller.h"
#include "store/redis.h"

#define FS_REDIS_POLL_MAX 64u

/* Zero it, then init. */
struct fs_redis_poll {
    struct fs_poller poller;
    struct fs_watch *watches[FS_REDIS_POLL_MAX];
    size_t count;
};

void fs_redis_poll_init(struct fs_redis_poll *loop);

/* What to poll for; and what became ready.  fds: room for FS_REDIS_POLL_MAX. */
size_t fs_redis_poll_watch(const struct fs_redis_poll *loop, struct pollfd *fds);
void fs_redis_poll_ready(struct fs_redis_poll *loop, const struct pollfd *fds, size_t count);

/* One turn without a strategy: waits at most wait_ms for something to do, reads, answers, writes. */
void fs_redis_poll_turn(struct fs_redis_poll *loop, struct fs_store *store, int wait_ms);

/* Turns until the store is ready; false: not within wait_ms. */
bool fs_redis_poll_until_ready(struct fs_redis_poll *loop, struct fs_store *store, int wait_ms);

#endif
