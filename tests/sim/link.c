/* What lies between a loop and the stores, in place of core/store: connections that keep their order,
 * break, and are made anew.
 *
 * What the product promises of its connections (core/store/connection.c, handshake.c) holds here too,
 * and no more than that: the commands of one connection run in their order; a new connection is taken
 * into use only when nothing of the old one can run any more; a call is answered once, from expire()
 * alone, at the latest when its deadline has passed; a process that died left its bytes on the way. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim/history.h"
#include "sim/world.h"
#include "store/topology.h"

#define COMMAND_TIMEOUT_US 1000000u

struct sim_message {
    struct fs_link link; /* in messages or zombies of its link, or in answers of its loop */
    struct sim_link *path;
    struct sim_loop *loop;
    struct fs_call *call; /* borrowed; NULL: nobody waits any more */
    const struct fs_script *script;
    size_t key_count, argc;
    struct fs_text *argv; /* owned, one block with its bytes */
    uint64_t deadline_us;
    uint64_t number;
    uint64_t generation;
    unsigned part; /* whose data it is about */
    unsigned hops;
    unsigned references; /* of lists and events */
    bool is_flushed;
    bool is_purged; /* may not run any more */
    bool is_by_source;
    bool is_moved; /* answered with a redirection */
    struct sim_reply reply;
};

static void give(struct sim_message *message)
{
    assert(message->references > 0);
    if (--message->references > 0)
        return;
    sim_reply_dispose(&message->reply);
    free(message->argv);
    free(message);
}

static struct sim_message *message_of(struct fs_link *link)
{
    return FS_CONTAINER_OF(link, struct sim_message, link);
}

static struct sim_loop *loop_of(struct fs_store *store)
{
    return FS_CONTAINER_OF(store, struct sim_loop, store);
}

/* Its call is answered by the next expire(). */
static void answer_soon(struct sim_message *message, enum fs_reply_kind kind)
{
    struct sim_loop *loop = message->loop;

    if (kind != 0) {
        message->reply.reply = (struct fs_reply){.kind = kind};
        message->is_moved = false; /* whatever was to come, nobody waits for it now */
    }
    fs_link_remove(&message->link);
    fs_link_append(&loop->answers, &message->link);
    sim_loop_wake(loop, loop->world->now_us);
}

/* Connections */

static void connect_again(struct sim_world *world, void *data, uint64_t generation);

static void plan_connect(struct sim_world *world, struct sim_link *link)
{
    sim_world_at(world, world->now_us + sim_between(&world->random, 1000, 60000), connect_again,
                 link, link->generation);
}

static void connect_again(struct sim_world *world, void *data, uint64_t generation)
{
    struct sim_link *link = data;
    struct fs_link *zombie;

    if (link->generation != generation || link->is_ready || !link->loop->server->is_alive)
        return;
    if (!sim_node_accepts(world, link->node)) {
        plan_connect(world, link);
        return;
    }
    /* CLIENT KILL of the old connection was answered. */
    while ((zombie = fs_link_shift(&link->zombies))) {
        struct sim_message *message = message_of(zombie);

        message->is_purged = true;
        give(message);
    }
    link->is_ready = true;
    link->last_arrival_us = link->last_reply_us = world->now_us;
}

static void drop(struct sim_link *link, bool pipe_survives)
{
    struct sim_world *world = link->loop->world;
    struct fs_link *each;

    link->generation++;
    link->is_ready = false;
    while ((each = fs_link_shift(&link->messages))) {
        struct sim_message *message = message_of(each);
        bool is_waited_for = message->call != NULL;

        message->is_purged = message->is_purged || !pipe_survives;
        if (message->is_flushed && pipe_survives && is_waited_for) {
            /* Two lists would want it: its call is answered by a message of its own. */
            struct sim_message *answer = calloc(1, sizeof(*answer));

            if (!answer)
                abort();
            *answer = (struct sim_message){.loop = link->loop, .path = link, .references = 1};
            fs_link_init(&answer->link);
            answer->call = message->call;
            message->call = NULL;
            answer_soon(answer, FS_REPLY_LOST);
            fs_link_append(&link->zombies, &message->link);
        } else if (is_waited_for) {
            answer_soon(message, message->is_flushed ? FS_REPLY_LOST : FS_REPLY_NOT_SENT);
        } else if (pipe_survives) {
            fs_link_append(&link->zombies, &message->link);
        } else {
            give(message);
        }
    }
    plan_connect(world, link);
}

void sim_links_cut(struct sim_world *world, unsigned node, bool pipe_survives)
{
    for (unsigned s = 0; s < world->plan->server_count; s++) {
        struct sim_server *server = world->servers[s];

        for (unsigned i = 0; server && i < server->loop_count; i++)
            if (server->loops[i].links[node].is_ready)
                drop(&server->loops[i].links[node], pipe_survives);
    }
}

void sim_links_abandon(struct sim_loop *loop)
{
    for (unsigned i = 0; i < loop->world->plan->node_count; i++) {
        struct sim_link *link = &loop->links[i];

        link->is_ready = false;
        link->generation++;
    }
}

/* A store runs it. */

static void on_reply(struct sim_world *world, void *data, uint64_t argument)
{
    struct sim_message *message = data;

    (void)world;
    (void)argument;
    if (message->call && message->loop->server->is_alive &&
        message->generation == message->path->generation)
        answer_soon(message, 0);
    else if (!message->call && message->generation == message->path->generation &&
             message->loop->server->is_alive) {
        fs_link_remove(&message->link); /* given up; the connection lives on */
        give(message);
    }
    give(message);
}

static void plan_reply(struct sim_world *world, struct sim_message *message)
{
    struct sim_link *link = message->path;
    uint64_t at_us = world->now_us + sim_between(&world->random, 30, 300);

    if (sim_strikes(world, SIM_FAULT_REPLY_LATE, message->number))
        at_us += sim_draw(world, 100, message->number) % 1500000;
    if (at_us < link->last_reply_us)
        at_us = link->last_reply_us;
    link->last_reply_us = at_us;
    message->references++;
    sim_world_at(world, at_us, on_reply, message, 0);
}

static void execute(struct sim_world *world, struct sim_message *message)
{
    struct sim_node *node = &world->nodes[message->part];

    sim_store_set_clock(node->store, sim_node_clock_us(world, node));
    if (message->script)
        sim_store_run_script(node->store, message->script, message->is_by_source,
                             message->key_count, message->argc, message->argv, &message->reply);
    else
        sim_store_run(node->store, message->argc, message->argv, &message->reply);
    if (world->trace) {
        const struct fs_reply *reply = &message->reply.reply;

        sim_trace(world, "  store %u ran #%lu %s for s%u.%u: kind %d %.*s", message->part,
                  (unsigned long)message->number,
                  message->script ? message->script->name : message->argv[0].data,
                  message->loop->server->slot, message->loop->index, (int)reply->kind,
                  (int)reply->text.len, reply->text.data ? reply->text.data : "");
    }
}

static void on_arrival(struct sim_world *world, void *data, uint64_t argument)
{
    struct sim_message *message = data;
    struct sim_link *link = message->path;
    const struct sim_node *node = &world->nodes[link->node];
    bool is_current = message->loop->server->is_alive && message->generation == link->generation;

    (void)argument;
    if (message->is_purged || world->now_us < node->down_until_us) {
        world->in_pipe--;
        give(message);
        return;
    }
    if (world->now_us < node->hung_until_us) {
        sim_world_at(world, node->hung_until_us, on_arrival, message, 0);
        return;
    }
    world->in_pipe--;
    if (is_current && sim_strikes(world, SIM_FAULT_CUT_BEFORE, message->number)) {
        drop(link, false);
    } else if (world->nodes[message->part].owner != link->node) {
        message->is_moved = true; /* not run */
        if (is_current)
            plan_reply(world, message);
    } else if (world->plan->is_cluster && sim_strikes(world, SIM_FAULT_TRYAGAIN, message->number)) {
        static const char text[] = "TRYAGAIN Multiple keys request during rehashing of slot";

        message->reply.reply =
            (struct fs_reply){.kind = FS_REPLY_REFUSED, .text = {text, sizeof(text) - 1}};
        if (is_current)
            plan_reply(world, message);
    } else {
        execute(world, message);
        if (is_current && sim_strikes(world, SIM_FAULT_CUT_AFTER, message->number))
            drop(link, false);
        else if (is_current)
            plan_reply(world, message);
    }
    give(message);
}

/* The loop's side */

static void send(struct sim_message *message, unsigned node)
{
    struct sim_link *link = &message->loop->links[node];

    message->path = link;
    message->generation = link->generation;
    message->is_flushed = false;
    fs_link_remove(&message->link);
    if (link->is_ready)
        fs_link_append(&link->messages, &message->link);
    else
        answer_soon(message, FS_REPLY_NOT_SENT);
}

static void take(struct fs_store *store, struct fs_call *call, const struct fs_script *script,
                 struct fs_text key, uint64_t deadline_us, size_t key_count, size_t argc,
                 const struct fs_text *argv)
{
    struct sim_loop *loop = loop_of(store);
    struct sim_world *world = loop->world;
    struct sim_message *message = calloc(1, sizeof(*message));
    unsigned node = fs_topology_slot(key) * world->plan->node_count / FS_STORE_SLOT_COUNT;
    size_t len = 0;
    char *bytes;

    for (size_t i = 0; i < argc; i++)
        len += argv[i].len + 1;
    if (message)
        message->argv = malloc(argc * sizeof(*argv) + len);
    if (!message || !message->argv)
        abort();
    bytes = (char *)(message->argv + argc);
    for (size_t i = 0; i < argc; i++) {
        message->argv[i] = (struct fs_text){bytes, argv[i].len};
        if (argv[i].len > 0)
            memcpy(bytes, argv[i].data, argv[i].len);
        bytes[argv[i].len] = '\0';
        bytes += argv[i].len + 1;
    }
    fs_link_init(&message->link);
    message->loop = loop;
    message->call = call;
    message->script = script;
    message->key_count = key_count;
    message->argc = argc;
    message->number = world->message_count++;
    message->deadline_us = deadline_us ? deadline_us : world->now_us + COMMAND_TIMEOUT_US;
    message->part = loop->server->is_swapped ? world->plan->node_count - 1 - node : node;
    message->references = 1;
    if (deadline_us && deadline_us <= world->now_us) {
        message->path = &loop->links[node];
        answer_soon(message, FS_REPLY_NOT_SENT);
        return;
    }
    send(message, world->plan->is_cluster ? loop->owners[message->part] : message->part);
}

static void link_command(struct fs_store *store, struct fs_call *call, struct fs_text key,
                         uint64_t deadline_us, size_t argc, const struct fs_text *argv)
{
    take(store, call, NULL, key, deadline_us, 0, argc, argv);
}

static void link_script(struct fs_store *store, struct fs_call *call,
                        const struct fs_script *script, uint64_t deadline_us, size_t key_count,
                        size_t argc, const struct fs_text *argv)
{
    take(store, call, script, key_count > 0 ? argv[0] : (struct fs_text){0}, deadline_us, key_count,
         argc, argv);
}

static unsigned link_node_count(const struct fs_store *store)
{
    return FS_CONTAINER_OF(store, const struct sim_loop, store)->world->plan->node_count;
}

static void flush_message(struct sim_world *world, struct sim_message *message)
{
    struct sim_link *link = message->path;
    uint64_t at_us = world->now_us + sim_between(&world->random, 30, 300);

    if (sim_strikes(world, SIM_FAULT_REQUEST_LATE, message->number))
        at_us += sim_draw(world, 101, message->number) % 1500000;
    if (at_us < link->last_arrival_us)
        at_us = link->last_arrival_us;
    link->last_arrival_us = at_us;
    message->is_flushed = true;
    message->references++;
    world->in_pipe++;
    sim_world_at(world, at_us, on_arrival, message, 0);
}

static void link_flush(struct fs_store *store)
{
    struct sim_loop *loop = loop_of(store);
    struct sim_world *world = loop->world;

    for (unsigned i = 0; i < world->plan->node_count; i++) {
        struct sim_link *link = &loop->links[i];
        bool is_cut = false;

        for (struct fs_link *each = link->messages.next; each != &link->messages;
             each = each->next) {
            struct sim_message *message = message_of(each);

            if (message->is_flushed)
                continue;
            flush_message(world, message);
            is_cut = is_cut || sim_strikes(world, SIM_FAULT_CUT_ZOMBIE, message->number);
        }
        if (is_cut)
            drop(link, true);
    }
}

static uint64_t link_next_due_us(const struct fs_store *store)
{
    const struct sim_loop *loop = FS_CONTAINER_OF(store, const struct sim_loop, store);
    uint64_t due_us = UINT64_MAX;

    if (!fs_link_is_alone(&loop->answers))
        return 0;
    for (unsigned i = 0; i < loop->world->plan->node_count; i++) {
        const struct fs_link *messages = &loop->links[i].messages;

        for (const struct fs_link *each = messages->next; each != messages; each = each->next) {
            const struct sim_message *message = FS_CONTAINER_OF(each, struct sim_message, link);

            if (message->call && message->deadline_us < due_us)
                due_us = message->deadline_us;
        }
    }
    return due_us;
}

/* Redis said that it did not run it: it may go once more.  False: it is to be answered. */
static bool send_again(struct sim_message *message)
{
    struct sim_loop *loop = message->loop;
    const struct fs_reply *reply = &message->reply.reply;
    unsigned node = message->path->node;

    if (message->is_moved && message->hops++ < 3) {
        node = loop->world->nodes[message->part].owner;
        if (message->number % 4 != 0) /* MOVED; the others are ASK, which change no map */
            loop->owners[message->part] = (uint8_t)node;
    } else if (message->is_moved ||
               !(message->script && !message->is_by_source && reply->text.len >= 8 &&
                 memcmp(reply->text.data, "NOSCRIPT", 8) == 0)) {
        return false;
    } else {
        message->is_by_source = true;
    }
    message->is_moved = false;
    if (message->deadline_us <= loop->world->now_us)
        return false;
    sim_reply_dispose(&message->reply);
    message->number = loop->world->message_count++;
    send(message, node);
    return true;
}

static void expire_late(struct sim_loop *loop, struct sim_link *link, uint64_t now_us)
{
    for (struct fs_link *each = link->messages.next; each != &link->messages; each = each->next) {
        struct sim_message *message = message_of(each);
        struct fs_call *call = message->call;
        const struct fs_reply lost = {.kind = FS_REPLY_LOST};

        if (!call || message->deadline_us > now_us)
            continue;
        message->call = NULL; /* the message goes on: what it asks may still run */
        fs_store_answer(&loop->store, call, &lost);
    }
}

static void link_expire(struct fs_store *store, uint64_t now_us)
{
    struct sim_loop *loop = loop_of(store);
    struct fs_link answers;
    struct fs_link *each;

    fs_link_init(&answers);
    fs_link_splice(&answers, &loop->answers);
    while ((each = fs_link_shift(&answers))) {
        struct sim_message *message = message_of(each);
        const struct fs_reply not_sent = {.kind = FS_REPLY_NOT_SENT};
        enum fs_reply_kind kind = message->reply.reply.kind;

        if ((message->is_moved || kind == FS_REPLY_ERROR || kind == FS_REPLY_REFUSED) &&
            send_again(message))
            continue;
        fs_store_answer(store, message->call,
                        message->is_moved || message->reply.reply.kind == 0
                            ? &not_sent
                            : &message->reply.reply);
        give(message);
    }
    for (unsigned i = 0; i < loop->world->plan->node_count; i++)
        expire_late(loop, &loop->links[i], now_us);
}

static const struct fs_store_type link_type = {.node_count = link_node_count,
                                               .command = link_command,
                                               .script = link_script,
                                               .flush = link_flush,
                                               .next_due_us = link_next_due_us,
                                               .expire = link_expire};

void sim_links_init(struct sim_loop *loop)
{
    loop->store = (struct fs_store){.type = &link_type};
    fs_link_init(&loop->answers);
    for (unsigned i = 0; i < SIM_NODES_MAX; i++) {
        loop->links[i] = (struct sim_link){.loop = loop, .node = i, .is_ready = true};
        fs_link_init(&loop->links[i].messages);
        fs_link_init(&loop->links[i].zombies);
        loop->owners[i] = (uint8_t)i;
    }
}
