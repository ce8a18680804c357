/* What can happen next, and what must always hold. */
#include "model/model.h"

#include <assert.h>
#include <string.h>

void fs_model_init(const struct fs_model_setup *setup, struct fs_model_state *state)
{
    memset(state, 0, sizeof(*state));
    for (uint8_t k = 0; k < setup->shard_count; k++) {
        state->shards[k].epoch = 1;
        state->shards[k].left = fs_model_deal(setup, 1, k);
    }
    for (uint8_t i = 0; i < setup->attempt_count; i++)
        fs_model_begin(setup, &state->attempts[i], i);
    state->losses_left = setup->losses;
    state->crashes_left = setup->crashes;
}

static void note_short(const struct fs_model_setup *setup, struct fs_model_state *state)
{
    unsigned available;

    /* Between two epochs nothing is short: a refusal needs an instant in one of them. */
    if (!fs_model_is_one_epoch(setup, state))
        return;
    available = fs_model_available(setup, state);
    for (uint8_t i = 0; i < setup->attempt_count; i++) {
        struct fs_model_attempt *attempt = &state->attempts[i];

        if (setup->attempts[i].kind == FS_MODEL_BUY && attempt->end == FS_MODEL_RUNS &&
            attempt->has_come && available < setup->orders[setup->attempts[i].order].units)
            attempt->was_short = true;
    }
}

static struct fs_model_reply run(const struct fs_model_setup *setup, struct fs_model_state *state,
                                 const struct fs_model_command *command)
{
    uint8_t changed;
    struct fs_model_reply reply = fs_model_run(setup, state, command, &changed);

    if (changed != FS_MODEL_NONE)
        for (uint8_t i = 0; i < setup->attempt_count; i++) {
            struct fs_model_attempt *attempt = &state->attempts[i];
            uint8_t bit = (uint8_t)(1u << changed);

            if (attempt->end != FS_MODEL_RUNS)
                continue;
            if (attempt->read_mask & bit)
                attempt->seen_changed |= bit;
            else if (attempt->has_memory)
                attempt->memory_changed |= bit;
        }
    note_short(setup, state);
    return reply;
}

/* A store closes the old connection of a server before the new one is used. */
static void fence(const struct fs_model_setup *setup, struct fs_model_state *state, uint8_t index,
                  const struct fs_model_command *command)
{
    for (unsigned i = 0; i < FS_MODEL_LATE_MAX; i++) {
        struct fs_model_command *late = &state->late[i];

        if (late->kind && late->sender == index && setup->mistake != FS_MODEL_HAS_NO_FENCE &&
            fs_model_place(setup, late) == fs_model_place(setup, command))
            *late = (struct fs_model_command){0};
    }
}

static void keep_late(const struct fs_model_setup *setup, struct fs_model_state *state,
                      uint8_t sender, const struct fs_model_command *command)
{
    if (command->kind == FS_MODEL_READ || setup->copies == 0)
        return;
    for (unsigned i = 0; i < FS_MODEL_LATE_MAX; i++)
        if (!state->late[i].kind) {
            state->late[i] = *command;
            state->late[i].sender = sender;
            state->late[i].copies = setup->copies;
            return;
        }
}

static void die(const struct fs_model_setup *setup, struct fs_model_state *state, uint8_t index,
                bool is_retried)
{
    struct fs_model_attempt *attempt = &state->attempts[index];

    state->crashes_left--;
    for (unsigned i = 0; i < FS_MODEL_LATE_MAX; i++)
        if (state->late[i].kind && state->late[i].sender == index)
            state->late[i].sender = FS_MODEL_NONE;
    keep_late(setup, state, FS_MODEL_NONE, &attempt->next);
    attempt->has_failed = true;
    if (is_retried)
        fs_model_begin(setup, attempt, index);
    else
        *attempt = (struct fs_model_attempt){.end = FS_MODEL_GONE, .has_failed = true};
}

static bool move_attempt(const struct fs_model_setup *setup, struct fs_model_state *state,
                         uint8_t index, unsigned choice, const char **wrong)
{
    struct fs_model_attempt *attempt = &state->attempts[index];
    enum fs_model_chance chance = choice < setup->shard_count
                                      ? FS_MODEL_ANSWERED
                                      : (enum fs_model_chance)(choice - setup->shard_count + 1);
    struct fs_model_reply reply;

    if (attempt->end != FS_MODEL_RUNS)
        return false;
    if (chance == FS_MODEL_RETRIED || chance == FS_MODEL_ABANDONED) {
        if (state->crashes_left == 0)
            return false;
        die(setup, state, index, chance == FS_MODEL_RETRIED);
        return true;
    }
    if (attempt->next.kind == FS_MODEL_READ && chance == FS_MODEL_ANSWERED) {
        if (attempt->read_mask & 1u << choice)
            return false;
        attempt->next.to = (uint8_t)choice;
    } else if (chance == FS_MODEL_ANSWERED ? choice != 0 : state->losses_left == 0) {
        return false;
    }
    if (attempt->next.kind != FS_MODEL_READ && !attempt->has_come) {
        attempt->has_come = true;
        note_short(setup, state);
    }
    if (chance == FS_MODEL_GIVEN_UP) {
        if (attempt->next.kind == FS_MODEL_READ)
            return false; /* as a lost answer */
        state->losses_left--;
        keep_late(setup, state, index, &attempt->next);
        fs_model_lose(setup, attempt, index);
        return true;
    }
    fence(setup, state, index, &attempt->next);
    reply = run(setup, state, &attempt->next);
    if (chance == FS_MODEL_ANSWER_LOST) {
        state->losses_left--;
        fs_model_lose(setup, attempt, index);
        return true;
    }
    *wrong = fs_model_answer(setup, state, index, &reply);
    if (attempt->end == FS_MODEL_ENDED)
        *attempt =
            (struct fs_model_attempt){.end = FS_MODEL_ENDED, .has_failed = attempt->has_failed};
    return true;
}

static bool move_late(const struct fs_model_setup *setup, struct fs_model_state *state,
                      unsigned index)
{
    struct fs_model_command *late = &state->late[index];
    struct fs_model_command command = *late;

    if (!late->kind)
        return false;
    if (--late->copies == 0)
        *late = (struct fs_model_command){0};
    run(setup, state, &command);
    return true;
}

static unsigned choices(const struct fs_model_setup *setup)
{
    return setup->shard_count + FS_MODEL_CHANCE_COUNT - 1u;
}

unsigned fs_model_move_count(const struct fs_model_setup *setup)
{
    return setup->attempt_count * choices(setup) + FS_MODEL_LATE_MAX;
}

bool fs_model_move(const struct fs_model_setup *setup, struct fs_model_state *state, unsigned move,
                   const char **wrong)
{
    unsigned index = move / choices(setup);

    *wrong = NULL;
    if (index >= setup->attempt_count)
        return move_late(setup, state, move - setup->attempt_count * choices(setup));
    return move_attempt(setup, state, (uint8_t)index, move % choices(setup), wrong);
}

bool fs_model_is_over(const struct fs_model_setup *setup, const struct fs_model_state *state)
{
    for (uint8_t i = 0; i < setup->attempt_count; i++)
        if (state->attempts[i].end == FS_MODEL_RUNS)
            return false;
    return true;
}

static unsigned units_sold(const struct fs_model_setup *setup, const struct fs_model_state *state,
                           uint8_t epoch)
{
    unsigned units = 0;

    for (uint8_t i = 0; i < setup->order_count; i++)
        if (state->orders[i].status == FS_MODEL_SOLD && state->orders[i].epoch == epoch)
            units += setup->orders[i].units;
    return units;
}

/* One more purchase, alone and with every other server stopped.  Whether it is sold. */
static bool buys_alone(const struct fs_model_setup *setup, struct fs_model_state *state,
                       uint8_t home, unsigned units, const char **wrong)
{
    enum { MOVES_MAX = 400 };
    struct fs_model_setup alone = *setup;
    uint8_t order = setup->order_count;

    assert(order < FS_MODEL_ORDERS_MAX);
    alone.order_count++;
    alone.orders[order].home = home;
    alone.orders[order].buyer = FS_MODEL_NONE;
    alone.orders[order].units = (uint8_t)units;
    alone.attempt_count = 1;
    alone.attempts[0].kind = FS_MODEL_BUY;
    alone.attempts[0].order = order;
    alone.is_warm = false;
    alone.losses = 0;
    alone.crashes = 0;
    state->attempts[0] = (struct fs_model_attempt){0};
    fs_model_begin(&alone, &state->attempts[0], 0);
    for (unsigned i = 0; i < MOVES_MAX && state->attempts[0].end == FS_MODEL_RUNS && !*wrong; i++)
        for (unsigned k = 0; k < alone.shard_count; k++)
            if (move_attempt(&alone, state, 0, k, wrong))
                break;
    if (state->attempts[0].end == FS_MODEL_RUNS && !*wrong)
        *wrong = "a purchase that is alone does not end";
    return state->orders[order].status == FS_MODEL_SOLD;
}

/* Every server stops here, for good.  Then somebody at home asks for all that is available, and is
 * sold it, but for what is in transit for a purchase that began before: that is sold first. */
static const char *check_recovery(const struct fs_model_setup *setup,
                                  const struct fs_model_state *state, uint8_t home)
{
    struct fs_model_state after = *state;
    unsigned available = fs_model_available(setup, &after);
    const char *wrong = NULL;

    while (available > 0) {
        unsigned before = available;

        if (buys_alone(setup, &after, home, available, &wrong))
            break;
        available = fs_model_available(setup, &after);
        if (wrong || available >= before)
            return wrong ? wrong : "units are left that nobody can buy";
    }
    after = *state;
    if (!fs_model_is_one_epoch(setup, state))
        return NULL; /* home may still sell from the old one */
    if (buys_alone(setup, &after, home, fs_model_available(setup, state) + 1, &wrong))
        return "one unit too many is sold";
    return wrong;
}

const char *fs_model_check(const struct fs_model_setup *setup, const struct fs_model_state *state)
{
    uint8_t epoch = state->shards[0].epoch;
    unsigned sold = units_sold(setup, state, epoch);
    unsigned available = fs_model_available(setup, state);
    const char *wrong = NULL;

    if (sold > setup->units[epoch - 1] || units_sold(setup, state, 1) > setup->units[0])
        return "oversold";
    if (available + sold > setup->units[epoch - 1])
        return "units were made";
    if (available + sold < setup->units[epoch - 1])
        return "units were lost";
    for (uint8_t i = 0; i < setup->order_count; i++)
        if (state->orders[i].is_final && state->orders[i].status == FS_MODEL_SOLD)
            return "sold after it was refused";
    for (uint8_t k = 0; k < setup->shard_count; k++)
        for (uint8_t d = 0; d < setup->shard_count; d++)
            if (state->shards[k].out[d].number > FS_MODEL_TRANSFERS_MAX)
                return "a run that never ends: units are moved for ever";
    for (uint8_t k = 0; k < setup->shard_count && !wrong; k++)
        wrong = check_recovery(setup, state, k);
    return wrong;
}
