/* The search. */
#include "model/search.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES_MAX (UINT64_C(1) << 24)
#define CAPACITY_MIN (UINT64_C(1) << 14) /* a table that fits the caches is faster */
#define DEPTH_MAX 4096u

/* A hash in the table; the lowest bit: its state is on the path. */
#define ON_PATH UINT64_C(1)

struct frame {
    uint64_t value;
    unsigned move;
};

struct search {
    const struct fs_search_model *model;
    const void *setup;
    struct fs_search_result result;
    uint64_t *visited; /* owned: capacity */
    uint64_t capacity;
    struct frame *path; /* owned: DEPTH_MAX */
    char *states;       /* owned: of the frames, and one more */
    unsigned depth;
};

static char *state_at(const struct search *search, unsigned depth)
{
    return search->states + depth * search->model->state_size;
}

static uint64_t hash(const char *state, size_t size)
{
    uint64_t value = size;

    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = 0;

        memcpy(&word, state + i, size - i < 8 ? size - i : 8);
        value = (value ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        value ^= value >> 29;
    }
    value *= UINT64_C(0xbf58476d1ce4e5b9);
    value ^= value >> 32;
    return value < 4 ? 4 : value & ~ON_PATH;
}

static uint64_t *find(const struct search *search, uint64_t value)
{
    uint64_t i = (value >> 1) & (search->capacity - 1);

    while (search->visited[i] && (search->visited[i] & ~ON_PATH) != value)
        i = (i + 1) & (search->capacity - 1);
    return &search->visited[i];
}

static void grow(struct search *search)
{
    uint64_t *before = search->visited;
    uint64_t count = search->capacity;

    search->capacity = count ? count * 4 : CAPACITY_MIN;
    search->visited = calloc(search->capacity, sizeof(*search->visited));
    assert(search->visited);
    for (uint64_t i = 0; i < count; i++)
        if (before[i])
            *find(search, before[i] & ~ON_PATH) = before[i];
    free(before);
}

/* The state behind the last frame. */
static void push(struct search *search, uint64_t value)
{
    const char *state = state_at(search, search->depth);

    *find(search, value) = value | ON_PATH;
    search->path[search->depth++] = (struct frame){.value = value};
    if (search->depth > search->result.depth_max)
        search->result.depth_max = search->depth;
    search->result.states++;
    search->result.ends += search->model->is_over(search->setup, state);
    search->result.wrong = search->model->check(search->setup, state);
    if (!search->result.wrong && search->depth == DEPTH_MAX)
        search->result.wrong = "a run that is too long for the search";
    if (!search->result.wrong && search->result.states > STATES_MAX)
        search->result.wrong = "too many states for the search";
    if (search->result.states * 2 > search->capacity)
        grow(search);
}

static void step(struct search *search)
{
    struct frame *top = &search->path[search->depth - 1];
    char *next = state_at(search, search->depth);
    uint64_t value;
    uint64_t seen;

    if (top->move == search->model->move_count(search->setup)) {
        *find(search, top->value) &= ~ON_PATH;
        search->depth--;
        return;
    }
    memcpy(next, state_at(search, search->depth - 1), search->model->state_size);
    if (!search->model->move(search->setup, next, top->move++, &search->result.wrong))
        return;
    search->result.moves++;
    if (search->result.wrong)
        return;
    value = hash(next, search->model->state_size);
    seen = *find(search, value);
    if (!seen)
        push(search, value);
    else if (seen & ON_PATH)
        search->result.wrong = "a run that never ends";
}

static void print_path(const struct search *search)
{
    for (unsigned i = 0; i < search->depth; i++) {
        const char *state = state_at(search, i);

        search->model->print_state(search->setup, state);
        if (search->path[i].move > 0)
            search->model->print_move(search->setup, state, search->path[i].move - 1);
    }
}

struct fs_search_result fs_search(const struct fs_search_model *model, const void *setup,
                                  bool is_verbose)
{
    struct search search = {.model = model, .setup = setup};

    grow(&search);
    search.path = malloc(DEPTH_MAX * sizeof(*search.path));
    search.states = malloc((DEPTH_MAX + 1) * model->state_size);
    assert(search.path && search.states);
    model->init(setup, search.states);
    push(&search, hash(search.states, model->state_size));
    while (search.depth > 0 && !search.result.wrong)
        step(&search);
    if (search.result.wrong && is_verbose)
        print_path(&search);
    free(search.visited);
    free(search.path);
    free(search.states);
    return search.result;
}
