/* Processes of the product without their sockets: a strategy, a host, loops, and the turns of these in
 * the order of core/server/worker.c. */
#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sim/history.h"
#include "sim/world.h"

#define IN_FLIGHT_MAX 64u

static void on_line(void *data, enum fs_log_level level, const char *line)
{
    struct sim_server *server = data;

    (void)level;
    sim_trace(server->world, "  s%u: %s", server->slot, line);
}

/* What ops tell */

static void on_term(struct fs_op *op, void *data, struct fs_text name, int64_t value)
{
    static const char ending[] = "_difference";
    struct sim_op *request = data;
    size_t len = sizeof(ending) - 1;

    (void)op;
    if (name.len > len && memcmp(name.data + name.len - len, ending, len) == 0)
        request->differences += value < 0 ? -value : value;
}

static void on_sale(struct fs_op *op, void *data, const struct fs_sale_info *sale)
{
    (void)op;
    (void)data;
    (void)sale;
}

static void on_end(struct fs_op *op, void *data)
{
    struct sim_op *request = data;
    struct sim_loop *loop = FS_CONTAINER_OF(op->ops, struct sim_loop, ops);
    struct sim_world *world = loop->world;

    request->end_count++;
    request->outcome = op->outcome;
    request->is_timed_out = op->timed_out;
    request->has_sale = op->has_sale;
    request->has_order = op->has_order;
    if (op->has_sale)
        request->sale = op->sale;
    if (op->has_order)
        request->found = op->found;
    request->answered_us = world->now_us;
    sim_trace(world, "#%u c%u is told %s%s seq %lu epoch %lu left %ld%s", request->number,
              request->client, sim_verdict_name(op->outcome.verdict),
              op->outcome.replayed ? " again" : "", (unsigned long)op->outcome.sequence,
              (unsigned long)op->outcome.epoch, (long)op->outcome.units_left,
              op->timed_out ? " (deadline)" : "");
    if (request->done)
        request->done(world, request);
}

static const struct fs_op_client client = {
    .on_end = on_end, .on_sale = on_sale, .on_term = on_term};

static struct fs_text text_of(const char *chars)
{
    return (struct fs_text){chars, strlen(chars)};
}

static void set_op(struct fs_op *op, struct sim_op *request, const char *product)
{
    switch (request->kind) {
    case FS_OP_PURCHASE:
        fs_op_set_purchase(op, text_of(product), text_of(request->buyer), text_of(request->order),
                           request->units);
        return;
    case FS_OP_CANCEL:
    case FS_OP_LOOKUP:
        fs_op_set_ref(op, text_of(product), text_of(request->buyer), text_of(request->order));
        return;
    case FS_OP_COUNT:
    case FS_OP_AUDIT:
        fs_op_set_product(op, text_of(product));
        return;
    case FS_OP_CHANGE: {
        struct fs_sale_change change = request->change;

        change.product = text_of(product);
        change.change = text_of(request->order);
        fs_op_set_change(op, &change);
        return;
    }
    case FS_OP_LIST:
    case FS_OP_PROBE:
        return;
    }
}

static void bring(struct sim_loop *loop, struct sim_op *request)
{
    struct sim_world *world = loop->world;
    struct fs_op *op = fs_op_take(&loop->ops, request->kind, &client, request);
    char product[4] = {'p', (char)('0' + request->product), '\0'};

    if (!op) {
        request->is_refused = true;
        request->end_count++;
        request->answered_us = world->now_us;
        request->outcome.verdict = FS_BUSY;
        if (request->done)
            request->done(world, request);
        return;
    }
    set_op(op, request, product);
    request->brought_us = world->now_us;
    fs_op_submit(op);
    if (request->end_count > 0)
        sim_complain(world, "request #%u was ended inside of submit", request->number);
    if (sim_strikes(world, SIM_FAULT_HANG_UP, request->number)) {
        request->is_abandoned = true;
        fs_op_abandon(op);
        if (request->done)
            request->done(world, request);
    }
}

/* Turns */

static void plan_turn(struct sim_loop *loop);

static void take_turn(struct sim_world *world, void *data, uint64_t number)
{
    struct sim_loop *loop = data;
    struct sim_op *inbox;
    size_t answered;

    if (!loop->server->is_alive || loop->turn_number != number)
        return;
    loop->turn_at_us = UINT64_MAX;
    sim_clock_set(world, loop->server);
    fs_loop_deliver(&loop->loop);
    inbox = loop->inbox;
    loop->inbox = NULL;
    loop->inbox_end = &loop->inbox;
    while (inbox) {
        struct sim_op *request = inbox;

        inbox = request->next_in_inbox;
        request->next_in_inbox = NULL;
        bring(loop, request);
    }
    fs_loop_turn_end(&loop->loop);
    fs_loop_flush(&loop->loop);
    answered = fs_ops_settle(&loop->ops);
    sim_clock_set(world, NULL);
    if (loop->server->is_alive) {
        if (answered > 0)
            sim_loop_wake(loop, world->now_us);
        plan_turn(loop);
    }
}

void sim_loop_wake(struct sim_loop *loop, uint64_t at_us)
{
    struct sim_world *world = loop->world;

    if (!loop->server->is_alive)
        return;
    at_us += 1 + fs_random_below(&world->random, 20);
    if (at_us < loop->stopped_until_us)
        at_us = loop->stopped_until_us;
    if (loop->turn_at_us <= at_us)
        return;
    if (sim_strikes(world, SIM_FAULT_TURN_LATE, world->events.next_number))
        at_us += sim_draw(world, 103, world->events.next_number) % 200000;
    loop->turn_at_us = at_us;
    sim_world_at(world, at_us, take_turn, loop, ++loop->turn_number);
}

static void plan_turn(struct sim_loop *loop)
{
    uint64_t due_us = fs_loop_next_due_us(&loop->loop);
    uint64_t ops_due_us = fs_ops_next_due_us(&loop->ops);

    due_us = ops_due_us < due_us ? ops_due_us : due_us;
    if (due_us == UINT64_MAX)
        return;
    sim_loop_wake(loop, due_us < loop->world->now_us ? loop->world->now_us : due_us);
}

void sim_loop_bring(struct sim_loop *loop, struct sim_op *op)
{
    *loop->inbox_end = op;
    loop->inbox_end = &op->next_in_inbox;
    op->next_in_inbox = NULL;
    sim_loop_wake(loop, loop->world->now_us);
}

/* A letter from another thread of the process. */
void sim_server_wake(struct sim_server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++)
        if (!fs_link_is_alone(&server->loops[i].loop.mailbox.letters))
            sim_loop_wake(&server->loops[i], server->world->now_us);
}

/* Life */

static unsigned list_options(const struct sim_world *world, struct fs_option list[8],
                             char numbers[8][16])
{
    const struct sim_plan *plan = world->plan;
    unsigned count = 0;

#define NUMBER(option, value)                                                      \
    do {                                                                           \
        snprintf(numbers[count], sizeof(numbers[count]), "%u", (unsigned)(value)); \
        list[count] = (struct fs_option){option, numbers[count]};                  \
        count++;                                                                   \
    } while (0)
    switch (plan->strategy[1]) {
    case '1':
        NUMBER("orders_max", 4096);
        NUMBER("sales_max", 8);
        list[count++] = (struct fs_option){"segment_size", "64KiB"};
        if (world->is_repairing) /* what is cut was never acknowledged: the judge looks for it */
            list[count++] = (struct fs_option){"repair", "cut-last-batch"};
        break;
    case '2':
        list[count++] = (struct fs_option){"mode", plan->is_textbook ? "textbook" : "fenced"};
        NUMBER("lease", 100);
        break;
    case '4':
        NUMBER("shards", world->shards);
        NUMBER("batches", plan->batches);
        NUMBER("batch_max", plan->batch_max);
        break;
    default:
        NUMBER("batches", plan->batches);
        NUMBER("batch_max", plan->batch_max);
    }
    if (plan->strategy[1] != '1') {
        NUMBER("audit_max", plan->audit_max);
        NUMBER("log_max", plan->log_max);
    }
#undef NUMBER
    return count;
}

bool sim_is_local(const struct sim_world *world)
{
    return world->plan->strategy[1] == '1';
}

int sim_server_start(struct sim_world *world, unsigned slot)
{
    const struct sim_plan *plan = world->plan;
    bool has_store = (world->type->flags & FS_STRATEGY_USES_STORE) != 0;
    struct sim_server *server = calloc(1, sizeof(*server));
    struct fs_option list[8];
    char numbers[8][16];
    struct fs_options options = {.list = list, .data_dir = world->data_dir, .key_prefix = "fs:"};
    int error;

    if (!server)
        abort();
    options.count = list_options(world, list, numbers);
    server->world = world;
    server->slot = slot;
    server->incarnation = ++world->incarnations[slot];
    server->loop_count = plan->loop_count;
    server->is_swapped = world->is_swapped;
    server->skew_us = (int64_t)(sim_draw(world, 104, slot) % 2000000) - 1000000;
    fs_log_init(&server->log, world->trace ? FS_LOG_DEBUG : FS_LOG_ERROR, FS_LOG_TEXT, on_line,
                server);
    fs_strategy_host_init(&server->host, &server->log, has_store ? plan->node_count : 0);
    server->host.is_cluster = plan->is_cluster;
    fs_ops_offer(&server->host.host);
    sim_clock_set(world, server);
    if (sim_is_local(world)) {
        jmp_buf escape;

        server->is_alive = true;
        sim_threads_of(server, &escape);
        error = setjmp(escape) == 0
                    ? world->type->open(&server->host.host, &options, &server->strategy)
                    : -EIO;
        sim_threads_of(server, NULL);
        world->is_repairing = error == -EBADMSG;
        if (error) {
            server->is_alive = false;
            sim_threads_drop(server);
            sim_disk_close_all(world);
        }
    } else {
        error = world->type->open(&server->host.host, &options, &server->strategy);
    }
    sim_trace(world, "server %u starts: %s", slot, error ? strerror(-error) : "well");
    if (error)
        return error; /* threads of it may have begun: its memory stays */
    server->is_alive = true;
    world->servers[slot] = server;
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct sim_loop *loop = &server->loops[i];

        loop->world = world;
        loop->server = server;
        loop->index = i;
        loop->turn_at_us = UINT64_MAX;
        loop->inbox_end = &loop->inbox;
        fs_metrics_init(&loop->metrics);
        sim_links_init(loop);
        if (fs_loop_init(&loop->loop, world->type, has_store ? &loop->store : NULL,
                         &loop->metrics) != 0 ||
            fs_ops_init(&loop->ops, &loop->loop, IN_FLIGHT_MAX, plan->deadline_us) != 0 ||
            world->type->attach(server->strategy, &loop->loop, &loop->loop.worker) != 0)
            abort();
        sim_loop_wake(loop, world->now_us);
    }
    sim_clock_set(world, NULL);
    return 0;
}

/* What it has is not given back: a process that is killed runs no more code.  The memory goes with the
 * process that simulates. */
void sim_server_kill(struct sim_world *world, unsigned slot)
{
    struct sim_server *server = world->servers[slot];

    if (!server)
        return;
    sim_trace(world, "server %u is killed", slot);
    server->is_alive = false;
    world->servers[slot] = NULL;
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct sim_loop *loop = &server->loops[i];

        sim_links_abandon(loop);
        if (!sim_is_local(world))
            close(loop->loop.mailbox.fd);
    }
    if (sim_is_local(world)) {
        sim_threads_drop(server);
        sim_disk_close_all(world);
    }
    sim_clients_lose(world, server->slot, server->incarnation);
}

void sim_server_stop(struct sim_world *world, unsigned slot)
{
    struct sim_server *server = world->servers[slot];

    if (!server)
        return;
    for (unsigned i = 0; i < server->loop_count; i++)
        world->type->detach(server->loops[i].loop.worker);
    world->type->close(server->strategy);
    server->is_alive = false;
    world->servers[slot] = NULL;
    for (unsigned i = 0; i < server->loop_count; i++) {
        fs_ops_dispose(&server->loops[i].ops);
        sim_links_abandon(&server->loops[i]);
        close(server->loops[i].loop.mailbox.fd);
    }
}

uint64_t sim_in_flight(const struct sim_world *world)
{
    uint64_t sum = 0;

    for (unsigned s = 0; s < world->plan->server_count; s++)
        for (unsigned i = 0; world->servers[s] && i < world->servers[s]->loop_count; i++)
            sum += world->servers[s]->loops[i].ops.in_flight;
    return sum;
}
