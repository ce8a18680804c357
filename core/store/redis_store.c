/* Deals commands to connections, and answers calls.
 *
 * done() runs only in store_expire(), never in the function that took the call and never under
 * hiredis.  It may ask again: what is asked meanwhile and cannot be sent is answered in the next
 * turn, so that no turn goes on for ever. */
#include "store/redis_store.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/request.h"

static struct fs_redis_store *self_of(struct fs_store *store)
{
    return FS_CONTAINER_OF(store, struct fs_redis_store, store);
}

static const struct fs_redis_store *const_self_of(const struct fs_store *store)
{
    return (const struct fs_redis_store *)(const void *)store;
}

static unsigned store_node_count(const struct fs_store *store)
{
    return const_self_of(store)->topology->node_count;
}

static void send_command(struct fs_redis_store *self, struct fs_text key,
                         struct fs_command *command)
{
    unsigned place;

    if (self->route) {
        command->slot = fs_topology_slot(key);
        place = fs_route_find(self->route, command->slot);
    } else {
        place = fs_topology_node_of(self->topology, key);
    }
    if (place == FS_PLACE_NONE ||
        fs_connection_send(&self->places.list[place]->connection, command) != 0)
        fs_call_append(&self->answers.not_sent, command->call);
}

static void store_command(struct fs_store *store, struct fs_call *call, struct fs_text key,
                          uint64_t deadline_us, size_t argc, const struct fs_text *argv)
{
    struct fs_command command = {
        .call = call, .deadline_us = deadline_us, .argc = argc, .argv = argv};

    send_command(self_of(store), key, &command);
}

static void store_script(struct fs_store *store, struct fs_call *call,
                         const struct fs_script *script, uint64_t deadline_us, size_t key_count,
                         size_t argc, const struct fs_text *argv)
{
    struct fs_redis_store *self = self_of(store);
    struct fs_command command = {.call = call,
                                 .deadline_us = deadline_us,
                                 .script = fs_scripts_find(&self->scripts, script),
                                 .key_count = key_count,
                                 .argc = argc,
                                 .argv = argv};

    if (command.script)
        send_command(self, key_count > 0 ? argv[0] : (struct fs_text){NULL, 0}, &command);
    else
        fs_call_append(&self->answers.not_sent, call);
}

static void store_flush(struct fs_store *store)
{
    struct fs_redis_store *self = self_of(store);
    uint64_t in_flight = 0;

    for (unsigned i = 0; i < self->places.count; i++) {
        fs_connection_flush(&self->places.list[i]->connection);
        in_flight += self->places.list[i]->connection.in_flight;
    }
    fs_counter_set(&self->settings.metrics->store_in_flight, in_flight);
}

static uint64_t store_next_due_us(const struct fs_store *store)
{
    const struct fs_redis_store *self = const_self_of(store);
    uint64_t due_us = self->route    ? fs_route_next_due_us(self->route)
                      : self->follow ? fs_follow_next_due_us(self->follow)
                                     : UINT64_MAX;

    if (!fs_link_is_alone(&self->answers.replied) || !fs_link_is_alone(&self->answers.not_sent) ||
        !fs_link_is_alone(&self->answers.lost))
        return 0;
    for (unsigned i = 0; i < self->places.count; i++) {
        uint64_t node_due_us = fs_connection_next_due_us(&self->places.list[i]->connection);

        due_us = node_due_us < due_us ? node_due_us : due_us;
    }
    return due_us;
}

static void answer_without_reply(struct fs_redis_store *self, struct fs_link *calls,
                                 enum fs_reply_kind kind)
{
    const struct fs_reply reply = {.kind = kind};
    struct fs_link taken;
    struct fs_call *call;

    fs_link_init(&taken);
    fs_link_splice(&taken, calls);
    while ((call = fs_call_shift(&taken)))
        fs_store_answer(&self->store, call, &reply);
}

static void answer_replied(struct fs_redis_store *self, uint64_t now_us)
{
    struct fs_metrics *metrics = self->settings.metrics;
    struct fs_link *link;

    while ((link = fs_link_shift(&self->answers.replied))) {
        struct fs_request *request = FS_CONTAINER_OF(link, struct fs_request, link);
        struct fs_call *call = request->call;

        request->call = NULL;
        fs_histogram_record(&metrics->store_command_us,
                            now_us > request->asked_at_us ? now_us - request->asked_at_us : 0);
        fs_store_answer(&self->store, call, request->reply);
        fs_request_give(request);
    }
    /* Also without an answer: a late reply takes memory like any other. */
    for (unsigned i = 0; i < self->places.count; i++)
        if (fs_link_is_alone(&self->places.list[i]->connection.held))
            fs_reply_reader_recycle(&self->places.list[i]->connection.reader);
}

static void store_expire(struct fs_store *store, uint64_t now_us)
{
    struct fs_redis_store *self = self_of(store);

    if (self->follow)
        fs_follow_look_after(self->follow, now_us);
    for (unsigned i = 0; i < self->places.count; i++)
        fs_connection_look_after(&self->places.list[i]->connection, now_us);
    if (self->route)
        fs_route_look_after(self->route, now_us);
    answer_replied(self, now_us);
    answer_without_reply(self, &self->answers.lost, FS_REPLY_LOST);
    answer_without_reply(self, &self->answers.not_sent, FS_REPLY_NOT_SENT);
}

static const struct fs_store_type redis_store_type = {
    .node_count = store_node_count,
    .command = store_command,
    .script = store_script,
    .flush = store_flush,
    .next_due_us = store_next_due_us,
    .expire = store_expire,
};

void fs_redis_store_destroy(struct fs_redis_store *store)
{
    struct fs_link *link;

    while ((link = fs_link_shift(&store->answers.replied)))
        fs_request_give(FS_CONTAINER_OF(link, struct fs_request, link));
    if (store->route)
        fs_route_dispose(store->route);
    if (store->follow)
        fs_follow_dispose(store->follow);
    fs_places_dispose(&store->places);
    fs_word_list_dispose(&store->words);
    free(store->route);
    free(store->follow);
    free(store);
}

static int open_places(struct fs_redis_store *store, const struct fs_redis_store_options *options)
{
    int rc = 0;

    if (!options->topology->is_cluster) {
        for (unsigned i = 0; i < options->topology->node_count && rc == 0; i++)
            rc = fs_places_add(&store->places, &options->topology->nodes[i]);
        if (rc != 0 || (!options->finder && !options->resolver))
            return rc;
        store->follow = malloc(sizeof(*store->follow));
        return store->follow ? fs_follow_init(store->follow, &store->places, options->finder,
                                              options->resolver)
                             : -ENOMEM;
    }
    store->route = malloc(sizeof(*store->route));
    if (!store->route)
        return -ENOMEM;
    return fs_route_init(store->route, &store->places, &store->answers, options->finder,
                         &options->topology->nodes[0]);
}

/* Shorter than what makes a connection stall. */
static uint32_t wait_timeout_ms(const struct fs_redis_store_options *options)
{
    uint64_t half_us = options->stall_timeout_us / 2;
    uint64_t timeout_us =
        options->command_timeout_us < half_us ? options->command_timeout_us : half_us;

    return timeout_us < 1000 ? 1 : (uint32_t)(timeout_us / 1000);
}

int fs_redis_store_create(const struct fs_redis_store_options *options,
                          struct fs_redis_store **store)
{
    struct fs_redis_store *new = calloc(1, sizeof(*new));
    int rc;

    if (!new)
        return -ENOMEM;
    new->store.type = &redis_store_type;
    new->topology = options->topology;
    new->settings =
        (struct fs_connection_settings){.poller = options->poller,
                                        .metrics = options->metrics,
                                        .nodes = options->nodes,
                                        .log = options->log,
                                        .identity = options->identity,
                                        .scripts = &new->scripts,
                                        .answers = &new->answers,
                                        .denial = &new->denial,
                                        .words = &new->words,
                                        .command_timeout_us = options->command_timeout_us,
                                        .connect_timeout_us = options->connect_timeout_us,
                                        .stall_timeout_us = options->stall_timeout_us,
                                        .in_flight_max = options->in_flight_max,
                                        .is_cluster = options->topology->is_cluster,
                                        .wait_replicas = options->wait_replicas,
                                        .wait_timeout_ms = wait_timeout_ms(options)};
    fs_link_init(&new->answers.replied);
    fs_link_init(&new->answers.redirected);
    fs_link_init(&new->answers.not_sent);
    fs_link_init(&new->answers.lost);
    fs_places_init(&new->places, &new->settings);
    rc = open_places(new, options);
    if (rc != 0) {
        fs_redis_store_destroy(new);
        return rc;
    }
    *store = new;
    return 0;
}

bool fs_redis_store_is_ready(const struct fs_redis_store *store)
{
    for (unsigned i = 0; i < store->places.count; i++)
        if (store->places.list[i]->is_wanted &&
            store->places.list[i]->connection.state != FS_CONNECTION_READY)
            return false;
    return store->places.count > 0;
}
