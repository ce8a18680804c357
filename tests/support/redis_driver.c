/* Gives the driver stores of Redis, polled by its own loops. */
#include "support/redis_driver.h"

#include <stdio.h>
#include <stdlib.h>

#define READY_MS 5000

static struct fs_store *create(void *data, unsigned loop_index)
{
    struct fs_redis_driver *self = data;
    struct fs_redis_poll *loop = &self->loops[loop_index].poll;
    struct fs_store *store = NULL;

    fs_redis_poll_init(loop);
    fs_metrics_init(&self->loops[loop_index].metrics);
    if (fs_redis_open(self->redis, &loop->poller, &self->loops[loop_index].metrics, &store) != 0 ||
        !fs_redis_poll_until_ready(loop, store, READY_MS)) {
        fprintf(stderr, "\ndriver: no connection to Redis\n");
        exit(2);
    }
    self->loops[loop_index].store = store;
    return store;
}

static struct fs_redis_poll *poll_of(struct fs_redis_driver *self, const struct fs_store *store)
{
    unsigned at = 0;

    while (self->loops[at].store != store)
        at++;
    return &self->loops[at].poll;
}

static void destroy(void *data, struct fs_store *store)
{
    (void)data;
    fs_redis_close(store);
}

static size_t watch(void *data, struct fs_store *store, struct pollfd *fds)
{
    return fs_redis_poll_watch(poll_of(data, store), fds);
}

static void ready(void *data, struct fs_store *store, const struct pollfd *fds, size_t count)
{
    fs_redis_poll_ready(poll_of(data, store), fds, count);
}

void fs_redis_driver_init(struct fs_redis_driver *self, struct fs_redis *redis)
{
    *self = (struct fs_redis_driver){.redis = redis};
    self->offered = (struct fs_driver_store){.node_count = fs_redis_node_count(redis),
                                             .is_cluster = fs_redis_is_cluster(redis),
                                             .create = create,
                                             .destroy = destroy,
                                             .watch = watch,
                                             .ready = ready,
                                             .data = self};
}
