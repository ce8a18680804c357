/* Those who ask: clients that buy, ask again, cancel and look up, and an operator who changes sales. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/history.h"

#define ORDERS_MAX 64u
#define OPERATOR(world) ((world)->plan->client_count)

struct sim_client {
    unsigned index;
    struct fs_random random;
    unsigned left; /* requests to make */
    const struct sim_op *last;
    const struct sim_op *orders[ORDERS_MAX]; /* the first request for each */
    unsigned order_count;
};

struct sim_op *sim_op_new(struct sim_world *world, enum fs_op_kind kind, unsigned product)
{
    struct sim_op *op = sim_history_add(world->history);

    op->kind = kind;
    op->product = product;
    op->units = 1;
    op->client = OPERATOR(world);
    op->change = (struct fs_sale_change){.kind = FS_CHANGE_UPDATE,
                                         .units_reset = -1,
                                         .units_add = 0,
                                         .units_per_buyer_max = -1,
                                         .units_per_order_max = -1,
                                         .opens_at_ms = -1,
                                         .closes_at_ms = -1,
                                         .state = -1};
    return op;
}

static const char *const kind_names[] = {"",     "buy",   "cancel", "look up", "count",
                                         "list", "audit", "change", "probe"};

void sim_op_send(struct sim_world *world, struct sim_op *op)
{
    struct sim_server *server = world->servers[op->server];
    const char *what = kind_names[op->kind];

    op->incarnation = server->incarnation;
    op->invoked_us = world->now_us;
    sim_trace(world, "#%u c%u asks s%u.%u to %s p%u buyer %s order %s units %u", op->number,
              op->client, op->server, op->loop, what, op->product, op->buyer, op->order, op->units);
    if (op->kind == FS_OP_CHANGE)
        sim_trace(world, "   change %d: reset %ld add %ld state %d", (int)op->change.kind,
                  (long)op->change.units_reset, (long)op->change.units_add, (int)op->change.state);
    sim_loop_bring(&server->loops[op->loop], op);
}

/* A server that runs, and a loop of it; false: none runs. */
static bool choose_server(struct sim_world *world, struct fs_random *random, struct sim_op *op)
{
    unsigned first = (unsigned)fs_random_below(random, world->plan->server_count);

    for (unsigned i = 0; i < world->plan->server_count; i++) {
        unsigned slot = (first + i) % world->plan->server_count;

        if (!world->servers[slot])
            continue;
        op->server = slot;
        op->loop = (unsigned)fs_random_below(random, world->servers[slot]->loop_count);
        return true;
    }
    return false;
}

static void act(struct sim_world *world, void *data, uint64_t argument);

static void plan_next(struct sim_world *world, struct sim_client *client)
{
    sim_world_at(world, world->now_us + sim_between(&client->random, 50, world->plan->think_us),
                 act, client, 0);
}

static void on_done(struct sim_world *world, struct sim_op *op)
{
    plan_next(world, &world->clients[op->client]);
}

void sim_clients_lose(struct sim_world *world, unsigned slot, unsigned incarnation)
{
    struct sim_history *history = world->history;

    for (size_t i = 0; i < history->count; i++) {
        struct sim_op *op = history->list[i];

        if (op->server != slot || op->incarnation != incarnation || op->end_count > 0 ||
            op->is_abandoned || op->invoked_us == SIM_NEVER || !op->done)
            continue;
        op->is_abandoned = true; /* nobody knows what became of it */
        op->done(world, op);
    }
}

static void name_order(struct sim_world *world, const struct sim_client *client, struct sim_op *op)
{
    const struct sim_plan *plan = world->plan;
    unsigned buyers = plan->client_count * 2 / 3 + 1;

    snprintf(op->buyer, sizeof(op->buyer), "b%u", client->index % buyers);
    snprintf(op->order, sizeof(op->order), "o%uc%u", client->order_count, client->index);
}

static void repeat(struct sim_op *op, const struct sim_op *first)
{
    op->product = first->product;
    op->units = first->units;
    memcpy(op->buyer, first->buyer, sizeof(op->buyer));
    memcpy(op->order, first->order, sizeof(op->order));
}

static bool is_open_ended(const struct sim_op *op)
{
    return op->is_abandoned || op->outcome.verdict == FS_UNDETERMINED ||
           op->outcome.verdict == FS_UNAVAILABLE || op->outcome.verdict == FS_BUSY;
}

/* One of its orders, rather a late one. */
static const struct sim_op *old_order(struct sim_client *client)
{
    if (client->last && is_open_ended(client->last) && client->last->order[0] &&
        fs_random_below(&client->random, 4) > 0)
        return client->last;
    return client->orders[client->order_count - 1 -
                          fs_random_below(&client->random,
                                          client->order_count < 4 ? client->order_count : 4)];
}

static struct sim_op *next_purchase(struct sim_world *world, struct sim_client *client)
{
    uint64_t chance = fs_random_below(&client->random, 100);
    unsigned product = (unsigned)fs_random_below(&client->random, world->plan->product_count);
    struct sim_op *op;

    if (client->order_count > 0 && (chance < 45 || client->order_count == ORDERS_MAX ||
                                    (client->last && is_open_ended(client->last) && chance < 80))) {
        const struct sim_op *first = old_order(client);
        uint64_t what = fs_random_below(&client->random, 10);

        op = sim_op_new(world,
                        what < 5   ? FS_OP_PURCHASE
                        : what < 8 ? FS_OP_CANCEL
                                   : FS_OP_LOOKUP,
                        0);
        repeat(op, first);
        if (op->kind == FS_OP_PURCHASE && fs_random_below(&client->random, 12) == 0)
            op->units = 1 + op->units % world->plan->units_max; /* the key for something else */
        else if (op->kind == FS_OP_PURCHASE && fs_random_below(&client->random, 15) == 0)
            op->product = (op->product + 1) % world->plan->product_count;
        return op;
    }
    if (chance > 94)
        return sim_op_new(world, chance > 96 ? FS_OP_COUNT : FS_OP_LIST, product);
    op = sim_op_new(world, FS_OP_PURCHASE, product);
    op->units = (uint32_t)sim_between(&client->random, 1, world->plan->units_max);
    name_order(world, client, op);
    client->orders[client->order_count++] = op;
    return op;
}

static struct sim_op *next_change(struct sim_world *world, struct sim_client *client)
{
    uint64_t chance = fs_random_below(&client->random, 100);
    unsigned product = (unsigned)fs_random_below(&client->random, world->plan->product_count);
    const struct sim_op *last = client->last;
    struct sim_op *op;

    if (chance < 15)
        return sim_op_new(world, chance < 8 ? FS_OP_AUDIT : FS_OP_PROBE, product);
    op = sim_op_new(world, FS_OP_CHANGE, product);
    if (last && last->kind == FS_OP_CHANGE && is_open_ended(last) && chance < 80) {
        op->product = last->product;
        op->change = last->change;
        memcpy(op->order, last->order, sizeof(op->order));
        return op;
    }
    snprintf(op->order, sizeof(op->order), "change%u", client->left);
    if (chance < 40) {
        op->change.units_add = (int64_t)sim_between(&client->random, 1, 6);
    } else if (chance < 50) {
        op->change.kind = FS_CHANGE_RESET;
        op->change.units_reset = world->plan->units[product];
    } else if (last && last->kind == FS_OP_CHANGE && last->change.state > FS_SALE_OPEN) {
        op->product = last->product;
        op->change.state = FS_SALE_OPEN;
    } else {
        op->change.state = chance < 70 ? FS_SALE_PAUSED : FS_SALE_CLOSED;
    }
    return op;
}

static void act(struct sim_world *world, void *data, uint64_t argument)
{
    struct sim_client *client = data;
    struct sim_op probe = {0};
    struct sim_op *op;

    (void)argument;
    if (client->left == 0 || world->is_healed)
        return;
    if (!choose_server(world, &client->random, &probe)) {
        plan_next(world, client);
        return;
    }
    client->left--;
    op = client->index == OPERATOR(world) ? next_change(world, client)
                                          : next_purchase(world, client);
    op->client = client->index;
    op->server = probe.server;
    op->loop = probe.loop;
    op->done = on_done;
    client->last = op;
    sim_op_send(world, op);
}

void sim_clients_begin(struct sim_world *world)
{
    const struct sim_plan *plan = world->plan;

    world->clients = calloc(plan->client_count + 1, sizeof(*world->clients));
    if (!world->clients)
        abort();
    for (unsigned i = 0; i <= plan->client_count; i++) {
        struct sim_client *client = &world->clients[i];

        client->index = i;
        client->random.state = sim_draw(world, 105, i);
        client->left = plan->ops_per_client;
        if (i < plan->client_count || plan->has_changes)
            plan_next(world, client);
    }
}

struct sim_op *sim_ask(struct sim_world *world, struct sim_op *op)
{
    uint64_t until_us = world->now_us + 30000000;

    if (!choose_server(world, &world->random, op))
        return NULL;
    sim_op_send(world, op);
    while (op->end_count == 0 && world->now_us < until_us && !world->history->complaint[0]) {
        uint64_t next_us =
            world->events.count > 0 ? world->events.heap[0].at_us : world->now_us + 1000;

        sim_world_run(world, next_us < until_us ? next_us : until_us);
    }
    return op->end_count > 0 ? op : NULL;
}
