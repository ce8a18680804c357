/* The model of transfers, as the search is given it. */
#include "model/model.h"

#include <stdio.h>

static void init(const void *setup, void *state)
{
    fs_model_init(setup, state);
}

static unsigned move_count(const void *setup)
{
    return fs_model_move_count(setup);
}

static bool move(const void *setup, void *state, unsigned number, const char **wrong)
{
    return fs_model_move(setup, state, number, wrong);
}

static const char *check(const void *setup, const void *state)
{
    return fs_model_check(setup, state);
}

static bool is_over(const void *setup, const void *state)
{
    return fs_model_is_over(setup, state);
}

static void print_state(const void *data, const void *state_data)
{
    const struct fs_model_setup *setup = data;
    const struct fs_model_state *state = state_data;

    for (uint8_t k = 0; k < setup->shard_count; k++) {
        const struct fs_model_shard *shard = &state->shards[k];

        printf(" [epoch %u left %u", shard->epoch, shard->left);
        for (uint8_t d = 0; d < setup->shard_count; d++)
            if (shard->out[d].is_pending)
                printf(", %u units to %u as %u for order %d", shard->out[d].units, d,
                       shard->out[d].number, (int8_t)shard->out[d].order);
        printf("]");
    }
    printf("\n");
}

static void print_move(const void *data, const void *state_data, unsigned number)
{
    static const char *const commands[] = {"-",   "DECIDE", "READ",   "TAKE",
                                           "PUT", "FORGET", "RETURN", "BEGIN"};
    static const char *const chances[] = {"", ", answer lost", ", given up",
                                          ", server dies, retried", ", server dies"};
    const struct fs_model_setup *setup = data;
    const struct fs_model_state *state = state_data;
    unsigned choices = setup->shard_count + FS_MODEL_CHANCE_COUNT - 1u;
    unsigned index = number / choices;
    unsigned choice = number % choices;
    const struct fs_model_command *next;

    if (index >= setup->attempt_count) {
        printf("  late %s\n", commands[state->late[number - setup->attempt_count * choices].kind]);
        return;
    }
    next = &state->attempts[index].next;
    printf("  attempt %u: %s from %u to %u order %d units %u number %u%s\n", index,
           commands[next->kind], next->from, next->kind == FS_MODEL_READ ? choice : next->to,
           (int8_t)next->order, next->units, next->number,
           chances[choice < setup->shard_count ? 0 : choice - setup->shard_count + 1]);
}

struct fs_search_result fs_model_search(const struct fs_model_setup *setup, bool is_verbose)
{
    static const struct fs_search_model model = {
        .state_size = sizeof(struct fs_model_state),
        .init = init,
        .move_count = move_count,
        .move = move,
        .check = check,
        .is_over = is_over,
        .print_state = print_state,
        .print_move = print_move,
    };

    return fs_search(&model, setup, is_verbose);
}
