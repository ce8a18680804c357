/* Real Redis for the driver: a store for each of its loops. */
#ifndef FS_TESTS_SUPPORT_REDIS_DRIVER_H
#define FS_TESTS_SUPPORT_REDIS_DRIVER_H

#include "support/driver.h"
#include "support/redis_poll.h"

struct fs_redis_driver {
    struct fs_driver_store offered; /* for fs_driver_config.store */
    struct fs_redis *redis;         /* borrowed */
    struct {
        struct fs_redis_poll poll;
        struct fs_metrics metrics;
        struct fs_store *store;
    } loops[FS_DRIVER_LOOPS_MAX];
};

/* Stays in place until the driver was closed.  redis: borrowed as long.  Each store is ready when the
 * driver opens; ends the program when one is not within five seconds. */
void fs_redis_driver_init(struct fs_redis_driver *self, struct fs_redis *redis);

#endif
