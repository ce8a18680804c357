/* Visits every state that can be reached, depth first, and looks for cycles on the way.
 *
 * Visited states are kept as 64-bit hashes.  Two states with the same hash would hide one of them:
 * with n states the chance is about n * n / 2^65, one in a million for five million states. */
#include "model/model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES_MAX (UINT64_C(1) << 24)
#define DEPTH_MAX 4096u

struct frame {
    struct fs_model_state state;
    uint64_t *slot; /* of the visited state; the lowest bit: it is on the path */
    unsigned move;
};

struct search {
    const struct fs_model_setup *setup;
    struct fs_model_result result;
    uint64_t *visited;
    uint64_t capacity;
    struct frame *path;
    unsigned depth;
};

static uint64_t hash(const struct fs_model_state *state)
{
    const unsigned char *bytes = (const unsigned char *)state;
    uint64_t value = sizeof(*state);

    for (size_t i = 0; i < sizeof(*state); i += 8) {
        uint64_t word = 0;

        memcpy(&word, bytes + i, sizeof(*state) - i < 8 ? sizeof(*state) - i : 8);
        value = (value ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        value ^= value >> 29;
    }
    value *= UINT64_C(0xbf58476d1ce4e5b9);
    value ^= value >> 32;
    return value < 4 ? 4 : value & ~UINT64_C(1);
}

static uint64_t *find(const struct search *search, uint64_t value)
{
    uint64_t i = (value >> 1) & (search->capacity - 1);

    while (search->visited[i] && (search->visited[i] & ~UINT64_C(1)) != value)
        i = (i + 1) & (search->capacity - 1);
    return &search->visited[i];
}

static void push(struct search *search, const struct fs_model_state *state, uint64_t *slot,
                 uint64_t value)
{
    *slot = value | 1;
    search->path[search->depth++] = (struct frame){.state = *state, .slot = slot};
    if (search->depth > search->result.depth_max)
        search->result.depth_max = search->depth;
    search->result.states++;
    search->result.ends += fs_model_is_over(search->setup, state);
    search->result.wrong = fs_model_check(search->setup, state);
    if (!search->result.wrong && search->depth == DEPTH_MAX)
        search->result.wrong = "a run that is too long for the search";
    if (!search->result.wrong && search->result.states * 2 > search->capacity)
        search->result.wrong = "too many states for the search";
}

static void step(struct search *search)
{
    struct frame *top = &search->path[search->depth - 1];
    struct fs_model_state next;
    uint64_t value;
    uint64_t *slot;

    if (top->move == fs_model_move_count(search->setup)) {
        *top->slot &= ~UINT64_C(1);
        search->depth--;
        return;
    }
    next = top->state;
    if (!fs_model_move(search->setup, &next, top->move++, &search->result.wrong))
        return;
    search->result.moves++;
    if (search->result.wrong)
        return;
    value = hash(&next);
    slot = find(search, value);
    if (!*slot)
        push(search, &next, slot, value);
    else if (*slot & 1)
        search->result.wrong = "a run that never ends";
}

static void print_state(const struct fs_model_setup *setup, const struct fs_model_state *state)
{
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

static void print_path(const struct search *search)
{
    static const char *const commands[] = {"-",   "DECIDE", "READ",   "TAKE",
                                           "PUT", "FORGET", "RETURN", "BEGIN"};
    static const char *const chances[] = {"", ", answer lost", ", given up",
                                          ", server dies, retried", ", server dies"};
    const struct fs_model_setup *setup = search->setup;
    unsigned choices = setup->shard_count + FS_MODEL_CHANCE_COUNT - 1u;

    for (unsigned i = 0; i < search->depth; i++) {
        const struct frame *frame = &search->path[i];
        unsigned move = frame->move - 1;
        unsigned index = move / choices;
        unsigned choice = move % choices;

        print_state(setup, &frame->state);
        if (frame->move == 0)
            return;
        if (index >= setup->attempt_count) {
            printf("  late %s\n",
                   commands[frame->state.late[move - setup->attempt_count * choices].kind]);
        } else {
            const struct fs_model_command *next = &frame->state.attempts[index].next;

            printf("  attempt %u: %s from %u to %u order %d units %u number %u%s\n", index,
                   commands[next->kind], next->from,
                   next->kind == FS_MODEL_READ ? choice : next->to, (int8_t)next->order,
                   next->units, next->number,
                   chances[choice < setup->shard_count ? 0 : choice - setup->shard_count + 1]);
        }
    }
}

struct fs_model_result fs_model_search(const struct fs_model_setup *setup, bool is_verbose)
{
    struct search search = {.setup = setup, .capacity = STATES_MAX};
    struct fs_model_state first;
    uint64_t value;

    search.visited = calloc(search.capacity, sizeof(*search.visited));
    search.path = malloc(DEPTH_MAX * sizeof(*search.path));
    assert(search.visited && search.path);
    fs_model_init(setup, &first);
    value = hash(&first);
    push(&search, &first, find(&search, value), value);
    while (search.depth > 0 && !search.result.wrong)
        step(&search);
    if (search.result.wrong && is_verbose)
        print_path(&search);
    free(search.visited);
    free(search.path);
    return search.result;
}
