/* The end of a run that is to be live: the faults have stopped, and now all must be sold, each order
 * found, and the books right. */
#include <stdio.h>
#include <string.h>

#include "sim/history.h"

#define TRIES 12u
/* A process that knew nothing may begin an epoch that another one has seen: see README.md. */
#define RESETS 3u

static bool has_failed(const struct sim_op *op)
{
    return op->is_refused || op->outcome.verdict == FS_BUSY ||
           op->outcome.verdict == FS_UNAVAILABLE || op->outcome.verdict == FS_UNDETERMINED;
}

/* Asks until it is decided; NULL: it was not, and that is complained of when must is true. */
static struct sim_op *ask_until(struct sim_world *world, const struct sim_op *what, bool must)
{
    struct sim_op *op = NULL;

    for (unsigned i = 0; i < TRIES && !world->history->complaint[0]; i++) {
        op = sim_op_new(world, what->kind, what->product);
        memcpy(op->buyer, what->buyer, sizeof(op->buyer));
        memcpy(op->order, what->order, sizeof(op->order));
        op->units = what->units;
        op->change = what->change;
        if (!sim_ask(world, op)) {
            sim_complain(world, "request #%u was not ended within 30 s of calm", op->number);
            return NULL;
        }
        if (!has_failed(op))
            return op;
        sim_world_run(world, world->now_us + 100000 + i * 300000);
    }
    if (must)
        sim_complain(world,
                     "not live: of %u tries in a calm world none was decided, the last (#%u) was "
                     "%s",
                     TRIES, op ? op->number : 0, op ? sim_verdict_name(op->outcome.verdict) : "");
    return NULL;
}

static struct sim_op *ask_change(struct sim_world *world, unsigned product, const char *name,
                                 enum fs_change_kind kind, int64_t units, int32_t state)
{
    struct sim_op what = {.kind = FS_OP_CHANGE, .product = product};

    snprintf(what.order, sizeof(what.order), "%s%u", name, product);
    what.change = (struct fs_sale_change){.kind = kind,
                                          .units_reset = units,
                                          .units_per_buyer_max = -1,
                                          .units_per_order_max = -1,
                                          .opens_at_ms = 0,
                                          .closes_at_ms = 0,
                                          .state = state};
    if (kind == FS_CHANGE_CREATE) {
        what.change.units_per_buyer_max = world->plan->per_buyer[product];
        what.change.units_per_order_max = world->plan->per_order[product];
        if (world->plan->closes_ms > 0) {
            what.change.opens_at_ms = SIM_BEGIN_UNIX_US / 1000 + world->plan->opens_ms;
            what.change.closes_at_ms = SIM_BEGIN_UNIX_US / 1000 + world->plan->closes_ms;
        }
    }
    return ask_until(world, &what, true);
}

bool sim_create_sales(struct sim_world *world)
{
    for (unsigned i = 0; i < world->plan->product_count; i++) {
        const struct sim_op *made =
            ask_change(world, i, "create", FS_CHANGE_CREATE, world->plan->units[i], -1);

        if (!made)
            return false;
        if (made->outcome.verdict != FS_DONE) {
            sim_complain(world, "a new sale is told to be %s",
                         sim_verdict_name(made->outcome.verdict));
            return false;
        }
    }
    return true;
}

static const struct sim_op *count(struct sim_world *world, unsigned product)
{
    const struct sim_op what = {.kind = FS_OP_COUNT, .product = product};

    return ask_until(world, &what, true);
}

/* Largest first, then one by one until it is said twice that nothing is left. */
static void buy_out(struct sim_world *world, unsigned product, int64_t left)
{
    unsigned refusals = 0;

    for (unsigned i = 0; refusals < 2 && i < 300; i++) {
        struct sim_op what = {.kind = FS_OP_PURCHASE, .product = product, .units = 1};
        const struct sim_op *op;
        int64_t most = left < 10 ? left : 10;

        if (world->plan->per_buyer[product] > 0 && world->plan->per_buyer[product] < most)
            most = world->plan->per_buyer[product];
        if (world->plan->per_order[product] > 0 && world->plan->per_order[product] < most)
            most = world->plan->per_order[product];
        if (most > 1)
            what.units = (uint32_t)most;
        snprintf(what.buyer, sizeof(what.buyer), "z%u", i);
        snprintf(what.order, sizeof(what.order), "z%ux%u", product, i);
        op = ask_until(world, &what, true);
        if (!op)
            return;
        if (op->outcome.verdict == FS_DONE) {
            left -= what.units;
        } else if (op->outcome.verdict == FS_SOLD_OUT) {
            left = 0;
            refusals += what.units == 1;
        } else {
            sim_complain(world, "an open sale in a calm world answers %s to #%u",
                         sim_verdict_name(op->outcome.verdict), op->number);
            return;
        }
    }
    if (refusals < 2)
        sim_complain(world, "product %u sells without an end", product);
}

static bool is_first_of_its_order(const struct sim_history *history, size_t index)
{
    const struct sim_op *op = history->list[index];

    for (size_t i = 0; i < index; i++)
        if (history->list[i]->kind == FS_OP_PURCHASE && history->list[i]->product == op->product &&
            strcmp(history->list[i]->order, op->order) == 0)
            return false;
    return true;
}

static void look_up_all(struct sim_world *world)
{
    struct sim_history *history = world->history;
    size_t count = history->count;

    for (size_t i = 0; i < count && !history->complaint[0]; i++) {
        struct sim_op what = {.kind = FS_OP_LOOKUP, .product = history->list[i]->product};

        if (history->list[i]->kind != FS_OP_PURCHASE || !is_first_of_its_order(history, i))
            continue;
        memcpy(what.buyer, history->list[i]->buyer, sizeof(what.buyer));
        memcpy(what.order, history->list[i]->order, sizeof(what.order));
        (void)ask_until(world, &what, true);
    }
}

/* A sale that has lost what it acknowledged takes a reset, and sells again. */
static void settle_lost(struct sim_world *world, unsigned product)
{
    static const char *const names[RESETS] = {"reset", "again", "more"};

    for (unsigned i = 0; i < RESETS && !world->history->complaint[0]; i++) {
        const struct sim_op *op = ask_change(world, product, names[i], FS_CHANGE_RESET,
                                             world->plan->units[product], FS_SALE_OPEN);

        if (op && op->outcome.verdict != FS_DONE)
            sim_complain(world, "a reset of a sale that lost data is answered %s (#%u)",
                         sim_verdict_name(op->outcome.verdict), op->number);
    }
}

void sim_settle(struct sim_world *world)
{
    uint64_t until_us = world->now_us + 40000000;

    while ((sim_in_flight(world) > 0 || world->in_pipe > 0) && world->now_us < until_us &&
           !world->history->complaint[0])
        sim_world_run(world, world->now_us + 100000);
    if (sim_in_flight(world) > 0) {
        sim_complain(world, "%lu requests are still in flight 40 s after the faults stopped",
                     (unsigned long)sim_in_flight(world));
        return;
    }
    for (unsigned i = 0; i < world->plan->product_count && !world->history->complaint[0]; i++) {
        const struct sim_op *now;

        if (world->history->has_loss)
            settle_lost(world, i);
        now = count(world, i);
        if (now && now->outcome.verdict == FS_DONE &&
            (now->sale.state != FS_SALE_OPEN || world->plan->closes_ms > 0))
            (void)ask_change(world, i, "open", FS_CHANGE_UPDATE, -1, FS_SALE_OPEN);
        if (now && now->outcome.verdict == FS_DONE)
            buy_out(world, i, now->sale.units_left);
    }
    look_up_all(world);
    for (unsigned i = 0; i < world->plan->product_count && !world->history->complaint[0]; i++) {
        const struct sim_op audit = {.kind = FS_OP_AUDIT, .product = i};

        (void)count(world, i);
        (void)ask_until(world, &audit, true);
    }
}
