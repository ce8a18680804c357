/* What the stores do with each command of a move: place.lua, mark.lua, build.lua, copy.lua, and what the
 * other scripts do with a marked shard. */
#include "model/layouts.h"

#include <assert.h>

uint8_t fs_layouts_deal(uint8_t units, uint8_t shard, uint8_t shard_count)
{
    return (uint8_t)(units / shard_count + (shard < units % shard_count ? 1 : 0));
}

bool fs_layouts_is_of_place(const struct fs_layouts_command *command)
{
    return command->kind <= FS_LAYOUTS_DROP;
}

static void give_up(struct fs_layouts_place *place)
{
    place->old = (uint8_t)(place->old | 1u << place->moving);
    place->moving = 0;
    place->is_late = false;
}

static bool begin(const struct fs_layouts_setup *setup, struct fs_layouts_place *place,
                  const struct fs_layouts_command *command)
{
    if (place->moving > 0 || place->layout != command->layout)
        return false;
    place->next = setup->mistake == FS_LAYOUTS_REUSES_NUMBERS ? (uint8_t)(place->layout + 1)
                                                              : (uint8_t)(place->next + 1);
    assert(place->next < FS_LAYOUTS_MAX);
    place->moving = place->next;
    place->counts[place->next] = command->left;
    return true;
}

static bool flip(const struct fs_layouts_setup *setup, struct fs_layouts_place *place,
                 uint8_t number)
{
    if (place->moving != number && setup->mistake != FS_LAYOUTS_FLIPS_LATE)
        return false;
    place->old = (uint8_t)((place->old | 1u << place->layout) & ~(1u << number));
    place->layout = number;
    place->moving = 0;
    place->is_late = false;
    return true;
}

static struct fs_layouts_reply run_at_place(const struct fs_layouts_setup *setup,
                                            struct fs_layouts_place *place,
                                            const struct fs_layouts_command *command)
{
    bool is_done = true;

    if (place->moving > 0 && place->is_late)
        give_up(place);
    switch (command->kind) {
    case FS_LAYOUTS_BEGIN:
        is_done = begin(setup, place, command);
        break;
    case FS_LAYOUTS_VOID:
        is_done = place->moving == command->number;
        if (is_done)
            give_up(place);
        break;
    case FS_LAYOUTS_FLIP:
        is_done = flip(setup, place, command->number);
        break;
    case FS_LAYOUTS_DROP:
        place->old = (uint8_t)(place->old & ~(1u << command->number));
        break;
    default:
        assert(command->kind == FS_LAYOUTS_FIND);
    }
    return (struct fs_layouts_reply){.answer = is_done ? FS_LAYOUTS_DONE : FS_LAYOUTS_REFUSED,
                                     .place = *place};
}

static uint8_t order_count(const struct fs_layouts_shard *shard)
{
    uint8_t count = 0;

    for (uint8_t i = 0; i < FS_LAYOUTS_ORDERS_MAX; i++)
        count = (uint8_t)(count + (shard->orders[i] != FS_LAYOUTS_NOT_MADE));
    return count;
}

static bool mark(struct fs_layouts_shard *shard, const struct fs_layouts_command *command)
{
    if (!shard->is_there || shard->is_open || shard->version != command->version ||
        (shard->frozen != FS_LAYOUTS_FREE && shard->frozen_by > command->number))
        return false;
    shard->frozen = FS_LAYOUTS_MARKED;
    shard->frozen_by = command->number;
    return true;
}

static bool unmark(const struct fs_layouts_setup *setup, struct fs_layouts_shard *shard,
                   uint8_t number)
{
    if (!shard->is_there || shard->frozen != FS_LAYOUTS_MARKED ||
        (shard->frozen_by > number && setup->mistake != FS_LAYOUTS_UNMARKS_ANY))
        return false;
    shard->frozen = FS_LAYOUTS_FREE;
    shard->frozen_by = 0;
    return true;
}

static void clear(const struct fs_layouts_setup *setup, struct fs_layouts_shard *shard,
                  const struct fs_layouts_command *command)
{
    bool leaves_mark = setup->mistake != FS_LAYOUTS_LEAVES_NO_MARK &&
                       (setup->mistake != FS_LAYOUTS_LEAVES_ONE_MARK || command->shard == 0);

    *shard = (struct fs_layouts_shard){0};
    if (leaves_mark) {
        shard->frozen = FS_LAYOUTS_MARKED;
        shard->frozen_by = command->number;
    }
}

static bool build(struct fs_layouts_shard *shard, const struct fs_layouts_command *command)
{
    if (shard->is_there || shard->frozen != FS_LAYOUTS_FREE)
        return false;
    *shard = (struct fs_layouts_shard){.is_there = true,
                                       .frozen = FS_LAYOUTS_BUILDING,
                                       .frozen_by = command->number,
                                       .version = command->version,
                                       .dealt = command->dealt,
                                       .left = command->left};
    return true;
}

static bool is_being_built(const struct fs_layouts_shard *shard, uint8_t number)
{
    return shard->is_there && shard->frozen == FS_LAYOUTS_BUILDING && shard->frozen_by == number;
}

static bool copy(struct fs_layouts_shard *shard, const struct fs_layouts_command *command)
{
    if (!is_being_built(shard, command->number))
        return false;
    if (shard->orders[command->order] == FS_LAYOUTS_NOT_MADE && command->left == FS_LAYOUTS_SOLD)
        shard->sold++;
    shard->orders[command->order] = command->left;
    return true;
}

static bool end(struct fs_layouts_shard *shard, uint8_t number)
{
    if (!is_being_built(shard, number))
        return false;
    shard->frozen = FS_LAYOUTS_FREE;
    shard->frozen_by = 0;
    return true;
}

static enum fs_layouts_answer buy(struct fs_layouts_shard *shard, uint8_t order)
{
    if (shard->orders[order] != FS_LAYOUTS_NOT_MADE || !shard->is_open || shard->left == 0)
        return FS_LAYOUTS_REFUSED;
    shard->orders[order] = FS_LAYOUTS_SOLD;
    shard->left--;
    shard->sold++;
    return FS_LAYOUTS_DONE;
}

static enum fs_layouts_answer cancel(struct fs_layouts_shard *shard, uint8_t order)
{
    if (shard->orders[order] != FS_LAYOUTS_SOLD)
        return FS_LAYOUTS_REFUSED;
    shard->orders[order] = FS_LAYOUTS_CANCELLED;
    shard->left++;
    shard->sold--;
    return FS_LAYOUTS_DONE;
}

/* At home.  An order is what was decided here, if these shards count. */
static enum fs_layouts_answer decide(const struct fs_layouts_setup *setup,
                                     struct fs_layouts_state *state, struct fs_layouts_shard *shard,
                                     const struct fs_layouts_command *command, bool *has_changed)
{
    enum fs_layouts_answer answer;

    if (!shard->is_there)
        return FS_LAYOUTS_GONE;
    if (shard->frozen != FS_LAYOUTS_FREE && setup->mistake != FS_LAYOUTS_DECIDES_MARKED)
        return FS_LAYOUTS_FROZEN;
    answer = command->kind == FS_LAYOUTS_BUY ? buy(shard, command->order)
                                             : cancel(shard, command->order);
    *has_changed = answer == FS_LAYOUTS_DONE;
    if (*has_changed)
        state->orders[command->order] = shard->orders[command->order];
    return answer;
}

/* At shard 0. */
static enum fs_layouts_answer change(const struct fs_layouts_setup *setup,
                                     struct fs_layouts_state *state, struct fs_layouts_shard *shard,
                                     const struct fs_layouts_command *command, bool *has_changed)
{
    if (shard->frozen != FS_LAYOUTS_FREE && setup->mistake != FS_LAYOUTS_CHANGES_MARKED)
        return FS_LAYOUTS_FROZEN;
    if (command->kind == FS_LAYOUTS_CREATE) {
        *has_changed = !shard->is_there;
        shard->is_there = true;
        return *has_changed ? FS_LAYOUTS_DONE : FS_LAYOUTS_REFUSED;
    }
    if (!shard->is_there)
        return FS_LAYOUTS_GONE;
    *has_changed = true;
    shard->version++;
    if (command->kind == FS_LAYOUTS_OPEN) {
        shard->is_open = true;
    } else {
        shard->dealt++;
        shard->left++;
        state->dealt++;
    }
    return FS_LAYOUTS_DONE;
}

/* What is not there is made, as of a sale that was created. */
static void adopt(struct fs_layouts_shard *shard, const struct fs_layouts_command *command)
{
    if (shard->frozen == FS_LAYOUTS_MARKED ||
        (shard->is_there && shard->version >= command->version))
        return;
    if (!shard->is_there)
        shard->left = 1;
    shard->is_there = true;
    shard->version = command->version;
    shard->is_open = command->is_open;
}

static enum fs_layouts_answer put(struct fs_layouts_shard *shard,
                                  const struct fs_layouts_command *command, bool *has_changed)
{
    if (!shard->is_there || shard->frozen != FS_LAYOUTS_FREE)
        return FS_LAYOUTS_REFUSED;
    *has_changed = !shard->in;
    if (!shard->in)
        shard->left = (uint8_t)(shard->left + command->left);
    shard->in = true;
    return FS_LAYOUTS_DONE;
}

static enum fs_layouts_answer run_at_shard(const struct fs_layouts_setup *setup,
                                           struct fs_layouts_state *state,
                                           const struct fs_layouts_command *command,
                                           bool *has_changed)
{
    struct fs_layouts_shard *shard = &state->shards[command->layout][command->shard];
    bool is_done = true;

    switch (command->kind) {
    case FS_LAYOUTS_READ:
    case FS_LAYOUTS_SCAN:
        return shard->is_there ? FS_LAYOUTS_DONE : FS_LAYOUTS_GONE;
    case FS_LAYOUTS_MARK:
        is_done = mark(shard, command);
        break;
    case FS_LAYOUTS_UNMARK:
        is_done = unmark(setup, shard, command->number);
        break;
    case FS_LAYOUTS_CLEAR:
        clear(setup, shard, command);
        break;
    case FS_LAYOUTS_BUILD:
        is_done = build(shard, command);
        break;
    case FS_LAYOUTS_COPY:
        is_done = copy(shard, command);
        break;
    case FS_LAYOUTS_END:
        is_done = end(shard, command->number);
        break;
    case FS_LAYOUTS_BUY:
    case FS_LAYOUTS_CANCEL:
        return decide(setup, state, shard, command, has_changed);
    case FS_LAYOUTS_OPEN:
    case FS_LAYOUTS_RESTOCK:
    case FS_LAYOUTS_CREATE:
        return change(setup, state, shard, command, has_changed);
    case FS_LAYOUTS_ADOPT:
        adopt(shard, command);
        break;
    case FS_LAYOUTS_PUT:
        return put(shard, command, has_changed);
    default:
        assert(command->kind == FS_LAYOUTS_FORGET);
        shard->out = 0;
    }
    return is_done ? FS_LAYOUTS_DONE : FS_LAYOUTS_REFUSED;
}

struct fs_layouts_reply fs_layouts_run(const struct fs_layouts_setup *setup,
                                       struct fs_layouts_state *state,
                                       const struct fs_layouts_command *command, const char **wrong)
{
    struct fs_layouts_reply reply = {0};
    bool has_changed = false;

    if (fs_layouts_is_of_place(command))
        return run_at_place(setup, &state->place, command);
    reply.answer = run_at_shard(setup, state, command, &has_changed);
    reply.shard = state->shards[command->layout][command->shard];
    reply.order_count = order_count(&reply.shard);
    if (has_changed && command->layout != state->place.layout)
        *wrong = "shards are changed that do not count";
    return reply;
}
