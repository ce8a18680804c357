/* Moves of a sale: what can happen next, and what must always hold. */
#include "model/layouts.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What can happen to a process, besides an answer to its next command: READs come in any order. */
enum {
    CHANCE_LOST = FS_LAYOUTS_SHARDS_MAX, /* it ran, and no answer comes */
    CHANCE_GIVEN_UP,                     /* it has not run, and may run later */
    CHANCE_DIES,                         /* likewise, and its sender is dead */
    CHANCE_CLEARS,                       /* what it removes behind a flip goes on */
    CHANCE_CLEARS_LATER,                 /* no answer comes to that: it may run later */
    CHANCE_COUNT
};

static void init(const void *data, void *state_data)
{
    const struct fs_layouts_setup *setup = data;
    struct fs_layouts_state *state = state_data;

    memset(state, 0, sizeof(*state));
    state->place.counts[0] = setup->shard_count;
    memcpy(state->orders, setup->orders, sizeof(state->orders));
    for (uint8_t k = 0; k < setup->shard_count; k++) {
        struct fs_layouts_shard *shard = &state->shards[0][k];

        shard->is_there = true;
        shard->version = setup->is_half_closed && k > 0 ? 1 : 3;
        shard->is_open = setup->is_half_closed && k > 0;
        shard->left = setup->left[k];
        for (uint8_t i = 0; i < FS_LAYOUTS_ORDERS_MAX; i++)
            if (i % setup->shard_count == k) {
                shard->orders[i] = setup->orders[i];
                shard->sold = (uint8_t)(shard->sold + (shard->orders[i] == FS_LAYOUTS_SOLD));
            }
        shard->dealt = (uint8_t)(shard->left + shard->sold);
        state->dealt = (uint8_t)(state->dealt + shard->dealt);
    }
    state->shards[0][0].out = setup->transit;
    state->shards[0][0].dealt = (uint8_t)(state->shards[0][0].dealt + setup->transit);
    state->dealt = (uint8_t)(state->dealt + setup->transit);
    if (setup->is_opened_late)
        state->late[0] = (struct fs_layouts_command){.kind = FS_LAYOUTS_ADOPT,
                                                     .shard = 1,
                                                     .version = 2,
                                                     .is_open = true,
                                                     .sender = FS_LAYOUTS_NONE};
    for (uint8_t i = 0; i < setup->process_count; i++)
        fs_layouts_begin(setup, state, i);
    state->losses_left = setup->losses;
    state->crashes_left = setup->crashes;
    state->leases_left = setup->leases;
}

static bool is_same_place(const struct fs_layouts_command *a, const struct fs_layouts_command *b)
{
    if (fs_layouts_is_of_place(a) || fs_layouts_is_of_place(b))
        return fs_layouts_is_of_place(a) && fs_layouts_is_of_place(b);
    return a->layout == b->layout && a->shard == b->shard;
}

/* A store closes the old connection of a server before the new one is used. */
static void fence(struct fs_layouts_state *state, uint8_t index,
                  const struct fs_layouts_command *command)
{
    for (unsigned i = 0; i < FS_LAYOUTS_LATE_MAX; i++) {
        struct fs_layouts_command *late = &state->late[i];

        if (late->kind && late->sender == index && is_same_place(late, command))
            *late = (struct fs_layouts_command){0};
    }
}

static void keep_late(struct fs_layouts_state *state, uint8_t sender,
                      const struct fs_layouts_command *command)
{
    if (command->kind == FS_LAYOUTS_READ || command->kind == FS_LAYOUTS_SCAN ||
        command->kind == FS_LAYOUTS_FIND)
        return;
    for (unsigned i = 0; i < FS_LAYOUTS_LATE_MAX; i++)
        if (!state->late[i].kind) {
            state->late[i] = *command;
            state->late[i].sender = sender;
            return;
        }
}

static void die(struct fs_layouts_state *state, uint8_t index,
                const struct fs_layouts_command *command)
{
    state->crashes_left--;
    for (unsigned i = 0; i < FS_LAYOUTS_LATE_MAX; i++)
        if (state->late[i].kind && state->late[i].sender == index)
            state->late[i].sender = FS_LAYOUTS_NONE;
    keep_late(state, FS_LAYOUTS_NONE, command);
    state->processes[index] = (struct fs_layouts_process){.end = FS_LAYOUTS_DEAD};
}

static bool move_clearing(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                          uint8_t index, bool is_answered, const char **wrong)
{
    struct fs_layouts_process *process = &state->processes[index];
    struct fs_layouts_command command;
    struct fs_layouts_reply reply;

    if (!process->is_clearing || (!is_answered && state->losses_left == 0))
        return false;
    command = fs_layouts_next_clear(state, index);
    if (!is_answered) {
        state->losses_left--;
        keep_late(state, index, &command);
        process->is_clearing = false;
        process->clear_layout = process->clear_shard = process->clear_number = 0;
        return true;
    }
    fence(state, index, &command);
    reply = fs_layouts_run(setup, state, &command, wrong);
    fs_layouts_cleared(state, index, &reply);
    return true;
}

static bool can_answer(const struct fs_layouts_setup *setup, const struct fs_layouts_state *state,
                       const struct fs_layouts_process *process, unsigned choice)
{
    if (process->step != FS_LAYOUTS_READ)
        return choice == 0;
    (void)setup;
    return choice < state->place.counts[process->known] && !(process->read_mask & 1u << choice);
}

static bool move_process(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                         uint8_t index, unsigned choice, const char **wrong)
{
    struct fs_layouts_process *process = &state->processes[index];
    bool is_answer = choice < FS_LAYOUTS_SHARDS_MAX;
    struct fs_layouts_command command;
    struct fs_layouts_reply reply;

    if (choice >= CHANCE_CLEARS)
        return move_clearing(setup, state, index, choice == CHANCE_CLEARS, wrong);
    if (process->end != FS_LAYOUTS_RUNS)
        return false;
    if (is_answer               ? !can_answer(setup, state, process, choice)
        : choice == CHANCE_DIES ? state->crashes_left == 0
                                : state->losses_left == 0)
        return false;
    command = fs_layouts_next(setup, state, index, is_answer ? (uint8_t)choice : 0);
    if (choice == CHANCE_DIES) {
        die(state, index, &command);
        return true;
    }
    fence(state, index, &command);
    if (choice == CHANCE_GIVEN_UP) {
        keep_late(state, index, &command);
    } else {
        reply = fs_layouts_run(setup, state, &command, wrong);
        if (is_answer) {
            fs_layouts_answer(setup, state, index, &command, &reply);
            return true;
        }
    }
    state->losses_left--;
    fs_layouts_lose(setup, state, index);
    return true;
}

static bool move_late(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                      unsigned index, const char **wrong)
{
    struct fs_layouts_command command = state->late[index];

    if (!command.kind)
        return false;
    state->late[index] = (struct fs_layouts_command){0};
    fs_layouts_run(setup, state, &command, wrong);
    return true;
}

static unsigned move_count(const void *data)
{
    const struct fs_layouts_setup *setup = data;

    return setup->process_count * (unsigned)CHANCE_COUNT + FS_LAYOUTS_LATE_MAX + 1u;
}

static bool move(const void *data, void *state_data, unsigned number, const char **wrong)
{
    const struct fs_layouts_setup *setup = data;
    struct fs_layouts_state *state = state_data;
    unsigned late = setup->process_count * (unsigned)CHANCE_COUNT;

    *wrong = NULL;
    if (number < late)
        return move_process(setup, state, (uint8_t)(number / CHANCE_COUNT), number % CHANCE_COUNT,
                            wrong);
    if (number < late + FS_LAYOUTS_LATE_MAX)
        return move_late(setup, state, number - late, wrong);
    if (state->place.moving == 0 || state->place.is_late || state->leases_left == 0)
        return false;
    state->leases_left--;
    state->place.is_late = true;
    return true;
}

static bool is_over(const void *data, const void *state_data)
{
    const struct fs_layouts_setup *setup = data;
    const struct fs_layouts_state *state = state_data;

    for (uint8_t i = 0; i < setup->process_count; i++)
        if (state->processes[i].end == FS_LAYOUTS_RUNS || state->processes[i].is_clearing)
            return false;
    return true;
}

/* The shards that count hold all units, and every order as it was decided. */
static const char *check_shards(const struct fs_layouts_state *state)
{
    const struct fs_layouts_shard *shards = state->shards[state->place.layout];
    uint8_t count = state->place.counts[state->place.layout];
    unsigned units = count == 2 && shards[1].in ? 0 : shards[0].out;

    for (uint8_t k = 0; k < count; k++) {
        if (!shards[k].is_there || shards[k].frozen == FS_LAYOUTS_BUILDING)
            return "a shard that counts is gone";
        units += (unsigned)shards[k].left + shards[k].sold;
    }
    for (uint8_t i = 0; i < FS_LAYOUTS_ORDERS_MAX; i++)
        if (shards[i % count].orders[i] != state->orders[i])
            return "an order is lost";
    if (units > state->dealt)
        return "units were made";
    return units < state->dealt ? "units were lost" : NULL;
}

/* Every process stops here, for good, and the lease is over.  Then somebody opens the sale. */
static const char *check_recovery(const struct fs_layouts_setup *setup,
                                  const struct fs_layouts_state *state)
{
    enum { MOVES_MAX = 200 };
    struct fs_layouts_setup alone = *setup;
    struct fs_layouts_state after = *state;
    const struct fs_layouts_process *process = &after.processes[0];
    const struct fs_layouts_shard *shards;
    const char *wrong = NULL;

    alone.process_count = 1;
    alone.processes[0].kind = FS_LAYOUTS_OPENER;
    alone.processes[0].value = (uint8_t)(3 - state->place.counts[state->place.layout]);
    memset(after.processes, 0, sizeof(after.processes));
    after.losses_left = after.crashes_left = after.leases_left = 0;
    after.place.is_late = after.place.moving > 0;
    fs_layouts_begin(&alone, &after, 0);
    for (unsigned i = 0; i < MOVES_MAX && !is_over(&alone, &after) && !wrong; i++)
        for (unsigned choice = 0; choice < CHANCE_COUNT; choice++)
            if (move_process(&alone, &after, 0, choice, &wrong))
                break;
    if (!wrong && (process->end == FS_LAYOUTS_RUNS || process->is_clearing))
        wrong = "an opening that is alone does not end";
    if (!wrong)
        wrong = check_shards(&after);
    shards = after.shards[after.place.layout];
    for (uint8_t k = 0; k < after.place.counts[after.place.layout] && !wrong; k++)
        if (!shards[k].is_open || shards[k].frozen != FS_LAYOUTS_FREE)
            wrong = "nobody can open the sale any more";
    return wrong;
}

static const char *check(const void *data, const void *state_data)
{
    const struct fs_layouts_setup *setup = data;
    const struct fs_layouts_state *state = state_data;
    const char *wrong = check_shards(state);

    if (!wrong && state->place.next + 1 < FS_LAYOUTS_MAX)
        wrong = check_recovery(setup, state);
    return wrong;
}

static void print_state(const void *data, const void *state_data)
{
    static const char *const frozen[] = {"", " marked", " building"};
    const struct fs_layouts_state *state = state_data;

    (void)data;
    printf(" layout %u moving %u next %u old %x\n", state->place.layout, state->place.moving,
           state->place.next, state->place.old);
    for (unsigned n = 0; n <= state->place.next; n++)
        for (unsigned k = 0; k < state->place.counts[n]; k++) {
            const struct fs_layouts_shard *shard = &state->shards[n][k];

            printf("   [%u/%u%s%s %u%s version %u left %u sold %u orders %u %u]\n", n, k,
                   shard->is_there ? "" : " gone", frozen[shard->frozen], shard->frozen_by,
                   shard->is_open ? " open" : "", shard->version, shard->left, shard->sold,
                   shard->orders[0], shard->orders[1]);
        }
}

static void print_move(const void *data, const void *state_data, unsigned number)
{
    static const char *const steps[] = {"-",      "FIND",  "BEGIN", "VOID",   "FLIP",  "DROP",
                                        "READ",   "SCAN",  "MARK",  "UNMARK", "CLEAR", "BUILD",
                                        "COPY",   "END",   "BUY",   "CANCEL", "OPEN",  "RESTOCK",
                                        "CREATE", "ADOPT", "PUT",   "FORGET"};
    static const char *const chances[] = {"",          "",        ", answer lost",    ", given up",
                                          ", it dies", " clears", " clears, given up"};
    const struct fs_layouts_setup *setup = data;
    const struct fs_layouts_state *state = state_data;
    unsigned late = setup->process_count * (unsigned)CHANCE_COUNT;

    if (number < late)
        printf("  process %u: %s at %u/%u%s\n", number / CHANCE_COUNT,
               steps[state->processes[number / CHANCE_COUNT].step],
               state->processes[number / CHANCE_COUNT].known,
               state->processes[number / CHANCE_COUNT].shard, chances[number % CHANCE_COUNT]);
    else if (number < late + FS_LAYOUTS_LATE_MAX)
        printf("  late %s at %u/%u\n", steps[state->late[number - late].kind],
               state->late[number - late].layout, state->late[number - late].shard);
    else
        printf("  the lease ends\n");
}

struct fs_search_result fs_layouts_search(const struct fs_layouts_setup *setup, bool is_verbose)
{
    static const struct fs_search_model model = {
        .state_size = sizeof(struct fs_layouts_state),
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
