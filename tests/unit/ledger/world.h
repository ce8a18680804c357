/* A strategy of Redis with everything real but the sockets in front of it, and a fake store between
 * each loop and Redis that fails where a test wants it to. */
#ifndef FS_TESTS_LEDGER_WORLD_H
#define FS_TESTS_LEDGER_WORLD_H

#include "support/fake_store.h"
#include "support/redis_driver.h"
#include "support/redis_server.h"
#include "support/suite.h"

#define WORLD_LOOPS_MAX 4u

struct world {
    struct fs_redis_server *server; /* borrowed */
    struct fs_log log;
    struct fs_redis *redis;
    struct fs_redis_driver inner;
    struct fs_driver_store offered;
    struct fs_fake_store fakes[WORLD_LOOPS_MAX];
    struct fs_driver driver;
};

struct world_options {
    const struct fs_strategy *strategy;
    const struct fs_option *option_list;
    size_t option_count;
    unsigned loop_count;       /* 0: 1 */
    uint64_t deadline_span_us; /* 0: ten seconds */
    bool quiet;                /* errors are what the test is about */
    const char *url;           /* of the way to the server; NULL: straight */
};

/* server: runs as long as the world.  Does not empty it. */
void world_open(struct world *world, struct fs_redis_server *server,
                const struct world_options *options);
void world_close(struct world *world);

/* One request, ended. */
struct fs_request world_ask(struct world *world, struct fs_request request);
struct fs_request world_buy(struct world *world, const char *product, const char *order,
                            uint32_t units);
struct fs_request world_create(struct world *world, const char *product, int64_t units);
/* The same, asked again while it comes too late: for worlds of short deadlines, on a busy machine. */
struct fs_request world_create_at_last(struct world *world, const char *product, int64_t units);
struct fs_request world_lookup_at_last(struct world *world, const char *product, const char *order);
struct fs_request world_count(struct world *world, const char *product);
struct fs_request world_lookup(struct world *world, const char *product, const char *order);

/* Each term that ends in "_difference" is 0, and this many units are sold; checked. */
void world_check_audit(struct world *world, const char *product, int64_t units_sold);

void world_empty(struct fs_redis_server *server);

#endif
