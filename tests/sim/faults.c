/* The happenings of a plan, each at its time, and their end. */
#include "sim/history.h"
#include "sim/world.h"

static void start_again(struct sim_world *world, void *data, uint64_t slot)
{
    (void)data;
    if (!world->servers[slot] && sim_server_start(world, (unsigned)slot) != 0 && !world->is_over)
        sim_world_at(world, world->now_us + 200000, start_again, NULL, slot);
}

void sim_server_died(struct sim_world *world, unsigned slot)
{
    sim_server_kill(world, slot);
    sim_world_at(world, world->now_us + 50000, start_again, NULL, slot);
}

static void end_mode(struct sim_world *world, void *data, uint64_t node)
{
    (void)data;
    sim_store_set_mode(world->nodes[node].store, SIM_STORE_NORMAL);
}

static void set_mode(struct sim_world *world, unsigned node, enum sim_store_mode mode,
                     uint64_t span_us)
{
    sim_store_set_mode(world->nodes[node].store, mode);
    sim_world_at(world, world->now_us + span_us, end_mode, NULL, node);
}

/* What the scripts use. */
static const char *const deniable[] = {"xadd",    "hset", "time",   "hget",    "del",     "hincrby",
                                       "hmget",   "hdel", "exists", "unlink",  "xlen",    "hlen",
                                       "hgetall", "get",  "set",    "pexpire", "setrange"};
#define DENIABLE (sizeof(deniable) / sizeof(deniable[0]))

static void end_denial(struct sim_world *world, void *data, uint64_t argument)
{
    (void)data;
    sim_store_deny(world->nodes[argument / DENIABLE].store, deniable[argument % DENIABLE], false);
}

static void stop_worker(struct sim_world *world, const struct sim_happening *happening)
{
    struct sim_server *server = world->servers[happening->target % world->plan->server_count];
    struct sim_loop *loop;

    if (!server)
        return;
    loop = &server->loops[happening->draw % server->loop_count];
    loop->stopped_until_us = world->now_us + happening->span_us;
    loop->turn_at_us = UINT64_MAX;
    loop->turn_number++; /* the planned turn is off */
    sim_loop_wake(loop, world->now_us);
}

static int64_t step_of(const struct sim_happening *happening)
{
    int64_t span_us = (int64_t)happening->span_us;

    return happening->draw % 2 ? span_us : -span_us;
}

static void strike_server(struct sim_world *world, const struct sim_happening *happening)
{
    unsigned slot = happening->target % world->plan->server_count;

    switch (happening->fault) {
    case SIM_FAULT_SERVER_KILLED:
        sim_server_kill(world, slot);
        sim_world_at(world, world->now_us + happening->span_us / 4, start_again, NULL, slot);
        return;
    case SIM_FAULT_DISK_TORN: /* the machine loses power */
        sim_disk_lose_power(world);
        sim_server_kill(world, slot);
        sim_world_at(world, world->now_us + happening->span_us / 4, start_again, NULL, slot);
        return;
    case SIM_FAULT_WORKER_STOPPED:
        stop_worker(world, happening);
        return;
    case SIM_FAULT_SERVER_SKEW:
        if (world->servers[slot])
            world->servers[slot]->skew_us += step_of(happening);
        return;
    case SIM_FAULT_STORES_SWAPPED:
        world->is_swapped = !world->is_swapped;
        sim_server_kill(world, slot);
        sim_world_at(world, world->now_us + happening->span_us / 4, start_again, NULL, slot);
        return;
    case SIM_FAULT_SHARDS_CHANGED:
        world->shards = (unsigned)(happening->draw % 6);
        sim_server_kill(world, slot);
        sim_world_at(world, world->now_us + happening->span_us / 4, start_again, NULL, slot);
        return;
    default:
        return;
    }
}

static void strike_store(struct sim_world *world, const struct sim_happening *happening)
{
    unsigned index = happening->target % world->plan->node_count;
    struct sim_node *node = &world->nodes[index];
    uint64_t span_us = happening->span_us;

    switch (happening->fault) {
    case SIM_FAULT_STORE_DOWN:
        sim_node_restart(world, index, span_us, 0);
        return;
    case SIM_FAULT_STORE_TAIL:
        sim_node_restart(world, index, span_us / 3, 1 + happening->draw % 12);
        return;
    case SIM_FAULT_STORE_REPLICA:
        sim_node_restart(world, index, span_us / 30, 1 + happening->draw % 5);
        return;
    case SIM_FAULT_STORE_HUNG:
        node->hung_until_us = world->now_us + span_us;
        return;
    case SIM_FAULT_STORE_EMPTY:
        sim_node_empty(world, index);
        return;
    case SIM_FAULT_STORE_KEY:
        sim_node_delete_key(world, happening->draw);
        return;
    case SIM_FAULT_STORE_OOM:
        set_mode(world, index, SIM_STORE_OOM, span_us);
        return;
    case SIM_FAULT_STORE_READONLY:
        set_mode(world, index, SIM_STORE_READONLY, span_us);
        return;
    case SIM_FAULT_STORE_LOADING:
        set_mode(world, index, SIM_STORE_LOADING, span_us);
        return;
    case SIM_FAULT_STORE_NOSCRIPT:
        sim_store_forget_scripts(node->store);
        return;
    case SIM_FAULT_STORE_SKEW:
        node->skew_us += step_of(happening);
        return;
    case SIM_FAULT_STORE_ACL:
        sim_store_deny(node->store, deniable[happening->draw % DENIABLE], true);
        sim_world_at(world, world->now_us + span_us, end_denial, NULL,
                     index * DENIABLE + happening->draw % DENIABLE);
        return;
    default:
        return;
    }
}

static void on_happening(struct sim_world *world, void *data, uint64_t index)
{
    const struct sim_happening *happening = &world->plan->happenings[index];

    (void)data;
    if (world->is_healed)
        return;
    sim_count_fault(world, happening->fault);
    sim_trace(world, "! %s, target %u, %lu us", sim_fault_names[happening->fault],
              happening->target, (unsigned long)happening->span_us);
    strike_server(world, happening);
    if (world->plan->node_count > 0)
        strike_store(world, happening);
}

/* A slot range of a cluster has another owner; who asks the old one is told. */
static void move_slots(struct sim_world *world, void *data, uint64_t argument)
{
    unsigned part;

    (void)data;
    (void)argument;
    if (world->is_healed)
        return;
    part = (unsigned)fs_random_below(&world->random, world->plan->node_count);
    world->nodes[part].owner = (world->nodes[part].owner + 1) % world->plan->node_count;
    sim_count_fault(world, SIM_FAULT_MOVED);
    sim_trace(world, "! moved: part %u is at node %u", part, world->nodes[part].owner);
    sim_world_at(world, world->now_us + sim_between(&world->random, 100000, 1500000), move_slots,
                 NULL, 0);
}

void sim_faults_begin(struct sim_world *world)
{
    const struct sim_plan *plan = world->plan;

    for (unsigned i = 0; i < plan->happening_count; i++)
        if ((plan->happenings_kept >> i & 1u) && !plan->is_dropped[plan->happenings[i].fault])
            sim_world_at(world, world->now_us + plan->happenings[i].at_us, on_happening, NULL, i);
    if (plan->rates[SIM_FAULT_MOVED] > 0 && !plan->is_dropped[SIM_FAULT_MOVED])
        sim_world_at(world, world->now_us + plan->span_us / 8, move_slots, NULL, 0);
}

static void end_denials(struct sim_world *world)
{
    for (unsigned i = 0; i < world->plan->node_count; i++)
        for (size_t c = 0; c < DENIABLE; c++)
            sim_store_deny(world->nodes[i].store, deniable[c], false);
}

void sim_faults_heal(struct sim_world *world)
{
    world->is_healed = true;
    end_denials(world);
    sim_trace(world, "the faults stop");
    sim_nodes_heal(world);
    world->is_swapped = false;
    for (unsigned s = 0; s < world->plan->server_count; s++) {
        struct sim_server *server = world->servers[s];

        for (unsigned i = 0; server && i < server->loop_count; i++) {
            struct sim_loop *loop = &server->loops[i];

            if (loop->stopped_until_us > world->now_us) {
                loop->stopped_until_us = 0;
                loop->turn_at_us = UINT64_MAX;
                sim_loop_wake(loop, world->now_us);
            }
        }
        if (server && server->is_swapped)
            sim_server_kill(world, s);
        if (!world->servers[s])
            start_again(world, NULL, s);
    }
}
