/* The stores of a world: their clocks, and whether they can be reached. */
#include <stdio.h>
#include <string.h>

#include "sim/history.h"
#include "sim/world.h"

void sim_nodes_init(struct sim_world *world)
{
    for (unsigned i = 0; i < world->plan->node_count; i++) {
        struct sim_node *node = &world->nodes[i];
        char name[16];

        snprintf(name, sizeof(name), "store%u", i);
        *node = (struct sim_node){.index = i, .owner = i};
        node->store = sim_store_create(world->lua, name);
        /* No two clocks are the same. */
        node->skew_us = (int64_t)(sim_draw(world, 102, i) % 20000) - 10000;
        sim_store_set_scan_max(node->store, 4);
    }
}

void sim_nodes_dispose(struct sim_world *world)
{
    for (unsigned i = 0; i < world->plan->node_count; i++)
        sim_store_destroy(world->nodes[i].store);
}

int64_t sim_node_clock_us(const struct sim_world *world, const struct sim_node *node)
{
    return SIM_BEGIN_UNIX_US + (int64_t)(world->now_us - SIM_BEGIN_US) + node->skew_us;
}

bool sim_node_accepts(const struct sim_world *world, unsigned node)
{
    return world->now_us >= world->nodes[node].down_until_us &&
           world->now_us >= world->nodes[node].hung_until_us;
}

static void replace_store(struct sim_world *world, struct sim_node *node, uint64_t position)
{
    struct sim_store *copy = sim_store_copy_at(node->store, position);

    sim_store_destroy(node->store);
    node->store = copy;
    sim_store_set_scan_max(copy, 4);
    (void)world;
}

static void note_loss(struct sim_world *world, bool of_orders, bool of_tail)
{
    struct sim_history *history = world->history;

    if (!history->has_loss)
        history->loss_us = world->now_us;
    history->has_loss = true;
    history->loses_orders = history->loses_orders || of_orders;
    history->loses_tail = history->loses_tail || of_tail;
    history->loss_end_us = world->now_us;
}

void sim_node_restart(struct sim_world *world, unsigned index, uint64_t down_us, uint64_t lost)
{
    struct sim_node *node = &world->nodes[index];
    uint64_t position = sim_store_position(node->store);

    if (lost > position)
        lost = position;
    if (lost > 0)
        note_loss(world, true, true);
    sim_links_cut(world, index, false);
    node->down_until_us = world->now_us + down_us;
    if (lost > 0)
        replace_store(world, node, position - lost);
    else
        sim_store_forget_scripts(node->store);
}

void sim_node_empty(struct sim_world *world, unsigned index)
{
    note_loss(world, true, false);
    sim_store_empty(world->nodes[index].store);
}

static bool delete_key(struct sim_node *node, const char *key)
{
    struct fs_text words[2] = {{"DEL", 3}, {key, strlen(key)}};
    struct sim_reply reply = {0};
    bool is_deleted;

    sim_store_run(node->store, 2, words, &reply);
    is_deleted = reply.reply.integer > 0;
    sim_reply_dispose(&reply);
    return is_deleted;
}

/* Deletes one key, wherever it is: which of them, draw says. */
void sim_node_delete_key(struct sim_world *world, uint64_t draw)
{
    static const char *const endings[] = {"sale",   "orders",  "buyers",
                                          "layout", "changes", "claims"};
    const char *ending = endings[draw % 6];
    unsigned product = (unsigned)(draw / 6 % world->plan->product_count);
    unsigned shard = (unsigned)(draw / 16 % 4);
    bool is_sharded = world->plan->strategy[1] == '4' && draw % 6 != 3 && draw % 6 != 5;
    bool is_deleted = false;

    for (unsigned i = 0; i < world->plan->node_count; i++)
        for (unsigned number = 0; number < (is_sharded ? 24 : 1); number++) {
            char key[96], place[16] = "";

            if (number > 0) /* a shard's tag may have one, which brings it to its store */
                snprintf(place, sizeof(place), ".%u", number - 1);
            if (is_sharded)
                snprintf(key, sizeof(key), "fs:{p%u/%u%s}:%s", product, shard, place, ending);
            else if (draw % 6 == 5)
                snprintf(key, sizeof(key), "fs:%s", ending);
            else
                snprintf(key, sizeof(key), "fs:{p%u}:%s", product, ending);
            if (!delete_key(&world->nodes[i], key))
                continue;
            is_deleted = true;
            sim_trace(world, "store %u: %s is deleted", i, key);
        }
    if (is_deleted)
        note_loss(world, draw % 6 < 2, false); /* the sale itself, or its orders */
}

void sim_nodes_heal(struct sim_world *world)
{
    for (unsigned i = 0; i < world->plan->node_count; i++) {
        struct sim_node *node = &world->nodes[i];

        if (node->down_until_us > world->now_us)
            node->down_until_us = world->now_us;
        if (node->hung_until_us > world->now_us)
            node->hung_until_us = world->now_us;
        sim_store_set_mode(node->store, SIM_STORE_NORMAL);
    }
}
