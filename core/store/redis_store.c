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
                         const struct fs_command *command)
{
    unsigned node = fs_topology_node_of(self->topology, key);

    if (fs_connection_send(&self->connections[node], command) != 0)
        fs_call_append(&self->answers.not_sent, command->call);
}

static void store_command(struct fs_store *store, struct fs_call *call, struct fs_text key,
                          uint64_t deadline_us, size_t argc, const struct fs_text *argv)
{
    const struct fs_command command = {
        .call = call, .deadline_us = deadline_us, .argc = argc, .argv = argv};

    send_command(self_of(store), key, &command);
}

static void store_script(struct fs_store *store, struct fs_call *call,
                         const struct fs_script *script, uint64_t deadline_us, size_t key_count,
                         size_t argc, const struct fs_text *argv)
{
    struct fs_redis_store *self = self_of(store);
    const struct fs_command command = {.call = call,
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

    for (unsigned i = 0; i < self->topology->node_count; i++) {
        fs_connection_flush(&self->connections[i]);
        in_flight += self->connections[i].in_flight;
    }
    fs_counter_set(&self->settings.metrics->store_in_flight, in_flight);
}

static uint64_t store_next_due_us(const struct fs_store *store)
{
    const struct fs_redis_store *self = const_self_of(store);
    uint64_t due_us = UINT64_MAX;

    if (!fs_link_is_alone(&self->answers.replied) || !fs_link_is_alone(&self->answers.not_sent) ||
        !fs_link_is_alone(&self->answers.lost))
        return 0;
    for (unsigned i = 0; i < self->topology->node_count; i++) {
        uint64_t node_due_us = fs_connection_next_due_us(&self->connections[i]);

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
    for (unsigned i = 0; i < self->topology->node_count; i++)
        fs_reply_reader_recycle(&self->connections[i].reader);
}

static void store_expire(struct fs_store *store, uint64_t now_us)
{
    struct fs_redis_store *self = self_of(store);

    for (unsigned i = 0; i < self->topology->node_count; i++)
        fs_connection_look_after(&self->connections[i], now_us);
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

static void free_store(struct fs_redis_store *store)
{
    fs_word_list_dispose(&store->words);
    free(store->connections);
    free(store);
}

int fs_redis_store_create(const struct fs_redis_store_options *options,
                          struct fs_redis_store **store)
{
    unsigned node_count = options->topology->node_count;
    struct fs_redis_store *new = calloc(1, sizeof(*new));
    unsigned done = 0;
    int rc = -ENOMEM;

    if (!new)
        return -ENOMEM;
    new->store.type = &redis_store_type;
    new->topology = options->topology;
    new->settings =
        (struct fs_connection_settings){.poller = options->poller,
                                        .metrics = options->metrics,
                                        .log = options->log,
                                        .scripts = &new->scripts,
                                        .answers = &new->answers,
                                        .words = &new->words,
                                        .command_timeout_us = options->command_timeout_us,
                                        .connect_timeout_us = options->connect_timeout_us,
                                        .stall_timeout_us = options->stall_timeout_us,
                                        .in_flight_max = options->in_flight_max};
    fs_link_init(&new->answers.replied);
    fs_link_init(&new->answers.not_sent);
    fs_link_init(&new->answers.lost);
    new->connections = calloc(node_count, sizeof(*new->connections));
    if (!new->connections)
        goto free_new;
    for (done = 0; done < node_count; done++) {
        rc = fs_connection_init(&new->connections[done], &new->settings,
                                &options->topology->nodes[done], done);
        if (rc != 0)
            goto dispose_connections;
    }
    *store = new;
    return 0;

dispose_connections:
    while (done > 0)
        fs_connection_dispose(&new->connections[--done]);
free_new:
    free_store(new);
    return rc;
}

void fs_redis_store_destroy(struct fs_redis_store *store)
{
    struct fs_link *link;

    while ((link = fs_link_shift(&store->answers.replied)))
        fs_request_give(FS_CONTAINER_OF(link, struct fs_request, link));
    for (unsigned i = 0; i < store->topology->node_count; i++)
        fs_connection_dispose(&store->connections[i]);
    free_store(store);
}

bool fs_redis_store_is_ready(const struct fs_redis_store *store)
{
    for (unsigned i = 0; i < store->topology->node_count; i++)
        if (store->connections[i].state != FS_CONNECTION_READY)
            return false;
    return true;
}
