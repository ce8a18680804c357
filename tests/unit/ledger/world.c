/* Puts a strategy, its driver, a fake store and Redis together. */
#include "world.h"

#define TRIES_MAX 100u

static void drop_line(void *data, enum fs_log_level level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
}

static struct fs_store *create(void *data, unsigned loop_index)
{
    struct world *world = data;
    const struct fs_driver_store *inner = &world->inner.offered;

    fs_fake_store_init(&world->fakes[loop_index], inner->create(inner->data, loop_index), NULL,
                       NULL);
    return &world->fakes[loop_index].store;
}

static struct fs_fake_store *fake_of(struct fs_store *store)
{
    return FS_CONTAINER_OF(store, struct fs_fake_store, store);
}

static void destroy(void *data, struct fs_store *store)
{
    struct world *world = data;
    struct fs_store *inner = fake_of(store)->inner;

    /* The inner one first: it still holds the calls that nobody waits for. */
    world->inner.offered.destroy(world->inner.offered.data, inner);
    fs_fake_store_dispose(fake_of(store));
}

static size_t watch(void *data, struct fs_store *store, struct pollfd *fds)
{
    struct world *world = data;

    return world->inner.offered.watch(world->inner.offered.data, fake_of(store)->inner, fds);
}

static void ready(void *data, struct fs_store *store, const struct pollfd *fds, size_t count)
{
    struct world *world = data;

    world->inner.offered.ready(world->inner.offered.data, fake_of(store)->inner, fds, count);
}

void world_open(struct world *world, struct fs_redis_server *server,
                const struct world_options *options)
{
    const char *urls[] = {options->url ? options->url : server->unix_url};
    unsigned loop_count = options->loop_count ? options->loop_count : 1;
    const struct fs_redis_options redis = {
        .urls = urls,
        .url_count = 1,
        .loop_count = loop_count,
        .log = &world->log,
        .command_timeout_us =
            10000000}; /* what is true does not depend on how busy the machine is */
    const struct fs_driver_config config = {
        .strategy = options->strategy,
        .option_list = options->option_list,
        .option_count = options->option_count,
        .data_dir = server->dir,
        .loop_count = loop_count,
        .in_flight_max = 4096,
        .deadline_span_us = options->deadline_span_us ? options->deadline_span_us : 10000000,
        .store = &world->offered,
        .quiet = options->quiet,
    };
    struct fs_error error = {0};

    memset(world, 0, sizeof(*world));
    world->server = server;
    fs_log_init(&world->log, FS_LOG_ERROR, FS_LOG_TEXT, drop_line, NULL);
    if (fs_redis_create(&redis, &world->redis, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        exit(2);
    }
    fs_redis_driver_init(&world->inner, world->redis);
    world->offered = (struct fs_driver_store){.node_count = 1,
                                              .create = create,
                                              .destroy = destroy,
                                              .watch = watch,
                                              .ready = ready,
                                              .data = world};
    if (fs_driver_open(&world->driver, &config) != 0) {
        fprintf(stderr, "the strategy does not open\n");
        exit(2);
    }
}

void world_close(struct world *world)
{
    fs_driver_close(&world->driver);
    fs_redis_destroy(world->redis);
}

struct fs_request world_ask(struct world *world, struct fs_request request)
{
    fs_driver_ask(&world->driver, &request);
    return request;
}

struct fs_request world_buy(struct world *world, const char *product, const char *order,
                            uint32_t units)
{
    struct fs_request request = {0};

    fs_request_purchase(&request, product, order, order, units);
    return world_ask(world, request);
}

struct fs_request world_create(struct world *world, const char *product, int64_t units)
{
    struct fs_request request = {0};

    fs_request_change(&request, FS_CHANGE_CREATE, product, units);
    return world_ask(world, request);
}

struct fs_request world_count(struct world *world, const char *product)
{
    struct fs_request request = {0};

    fs_request_read(&request, FS_OP_COUNT, product);
    return world_ask(world, request);
}

struct fs_request world_lookup(struct world *world, const char *product, const char *order)
{
    struct fs_request request = {0};

    fs_request_ref(&request, FS_OP_LOOKUP, product, order, order);
    return world_ask(world, request);
}

static bool is_too_late(const struct fs_request *asked)
{
    enum fs_verdict verdict = asked->outcome.verdict;

    return asked->timed_out || verdict == FS_BUSY || verdict == FS_UNAVAILABLE ||
           verdict == FS_UNDETERMINED;
}

struct fs_request world_create_at_last(struct world *world, const char *product, int64_t units)
{
    struct fs_request asked = world_create(world, product, units);

    for (unsigned i = 0; i < TRIES_MAX && is_too_late(&asked); i++)
        asked = world_create(world, product, units);
    if (asked.outcome.verdict == FS_EXISTS) /* made by one that came too late */
        asked.outcome.verdict = FS_DONE;
    return asked;
}

struct fs_request world_lookup_at_last(struct world *world, const char *product, const char *order)
{
    struct fs_request asked = world_lookup(world, product, order);

    for (unsigned i = 0; i < TRIES_MAX && is_too_late(&asked); i++)
        asked = world_lookup(world, product, order);
    return asked;
}

void world_check_audit(struct world *world, const char *product, int64_t units_sold)
{
    struct fs_driver_row rows[128];
    struct fs_request request = {.rows = rows, .row_capacity = 128};
    unsigned differences = 0;

    fs_request_read(&request, FS_OP_AUDIT, product);
    request = world_ask(world, request);
    FS_CHECK_INT(request.outcome.verdict, FS_DONE);
    FS_REQUIRE(request.row_count <= 128);
    for (size_t i = 0; i < request.row_count; i++) {
        const char *suffix = strstr(rows[i].name, "_difference");

        if (suffix && strcmp(suffix, "_difference") == 0) {
            differences++;
            FS_CHECK_INT(rows[i].value, 0);
        }
        if (strcmp(rows[i].name, "sold_by_orders") == 0)
            FS_CHECK_INT(rows[i].value, units_sold);
    }
    FS_CHECK(differences >= 3);
}

void world_empty(struct fs_redis_server *server)
{
    freeReplyObject(fs_redis_server_ask(server, "FLUSHALL"));
}
