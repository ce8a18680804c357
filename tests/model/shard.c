/* What a shard does with each command: the scripts of v4, without buyers' names and clocks. */
#include "model/model.h"

#include <assert.h>
#include <string.h>

uint8_t fs_model_deal(const struct fs_model_setup *setup, uint8_t epoch, uint8_t shard)
{
    uint8_t units = setup->units[epoch - 1];

    return (uint8_t)(units / setup->shard_count + (shard < units % setup->shard_count ? 1 : 0));
}

uint8_t fs_model_place(const struct fs_model_setup *setup, const struct fs_model_command *command)
{
    switch (command->kind) {
    case FS_MODEL_DECIDE:
    case FS_MODEL_RETURN:
        return setup->orders[command->order].home;
    case FS_MODEL_TAKE:
    case FS_MODEL_FORGET:
        return command->from;
    default:
        return command->to;
    }
}

static unsigned units_had(const struct fs_model_setup *setup, const struct fs_model_state *state,
                          uint8_t buyer, uint8_t epoch)
{
    unsigned units = 0;

    for (uint8_t i = 0; i < setup->order_count; i++)
        if (setup->orders[i].buyer == buyer && state->orders[i].status == FS_MODEL_SOLD &&
            state->orders[i].epoch == epoch)
            units += setup->orders[i].units;
    return units;
}

static enum fs_model_answer decide(const struct fs_model_setup *setup, struct fs_model_state *state,
                                   uint8_t index, uint8_t *changed)
{
    struct fs_model_order *order = &state->orders[index];
    uint8_t home = setup->orders[index].home;
    uint8_t units = setup->orders[index].units;
    struct fs_model_shard *shard = &state->shards[home];

    if (order->status != FS_MODEL_OPEN)
        return FS_MODEL_DONE; /* replayed */
    if (setup->units_per_buyer_max > 0 && setup->orders[index].buyer != FS_MODEL_NONE &&
        units_had(setup, state, setup->orders[index].buyer, shard->epoch) + units >
            setup->units_per_buyer_max)
        return FS_MODEL_LIMIT;
    if (shard->left < units)
        return FS_MODEL_SHORT;
    shard->left = (uint8_t)(shard->left - units);
    order->status = FS_MODEL_SOLD;
    order->epoch = shard->epoch;
    *changed = home;
    return FS_MODEL_DONE;
}

static struct fs_model_reply take(const struct fs_model_setup *setup, struct fs_model_state *state,
                                  const struct fs_model_command *command, uint8_t *changed)
{
    struct fs_model_shard *shard = &state->shards[command->from];
    struct fs_model_transfer *out = &shard->out[command->to];
    uint8_t units = command->units;

    if (shard->epoch != command->epoch)
        return (struct fs_model_reply){.answer = FS_MODEL_STALE};
    if (out->is_pending)
        return (struct fs_model_reply){FS_MODEL_OPENED, *out};
    if (command->order == FS_MODEL_NONE)
        units = shard->left;
    else if (setup->is_bulk && shard->left / 2 > units)
        units = shard->left / 2;
    if (units == 0 || shard->left < units)
        return (struct fs_model_reply){.answer = FS_MODEL_SHORT};
    shard->left = (uint8_t)(shard->left - units);
    *out = (struct fs_model_transfer){.number = (uint8_t)(out->number + 1),
                                      .units = units,
                                      .order = command->order,
                                      .is_pending = true};
    if (setup->mistake == FS_MODEL_TAKES_FOR_NOBODY)
        out->order = FS_MODEL_NONE;
    *changed = command->from;
    return (struct fs_model_reply){FS_MODEL_OPENED, *out};
}

static enum fs_model_answer put(const struct fs_model_setup *setup, struct fs_model_state *state,
                                const struct fs_model_command *command, uint8_t *changed)
{
    struct fs_model_shard *shard = &state->shards[command->to];
    uint8_t sold_at = FS_MODEL_NONE;

    if (shard->epoch != command->epoch && setup->mistake != FS_MODEL_PUTS_ANY_EPOCH)
        return FS_MODEL_STALE;
    if (command->number <= shard->in[command->from] && setup->mistake != FS_MODEL_CREDITS_TWICE)
        return FS_MODEL_DONE;
    shard->left = (uint8_t)(shard->left + command->units);
    shard->in[command->from] = command->number;
    if (command->order != FS_MODEL_NONE)
        decide(setup, state, command->order, &sold_at);
    if (setup->mistake != FS_MODEL_PUTS_SILENTLY)
        *changed = command->to;
    return FS_MODEL_DONE;
}

static void forget(struct fs_model_state *state, const struct fs_model_command *command,
                   uint8_t *changed)
{
    struct fs_model_shard *shard = &state->shards[command->from];
    struct fs_model_transfer *out = &shard->out[command->to];

    if (shard->epoch != command->epoch || !out->is_pending || out->number != command->number)
        return;
    *out = (struct fs_model_transfer){.number = out->number};
    *changed = command->from;
}

static enum fs_model_answer give_back(const struct fs_model_setup *setup,
                                      struct fs_model_state *state, uint8_t index, uint8_t *changed)
{
    struct fs_model_order *order = &state->orders[index];
    uint8_t home = setup->orders[index].home;
    struct fs_model_shard *shard = &state->shards[home];

    if (order->status != FS_MODEL_SOLD)
        return order->status == FS_MODEL_OPEN ? FS_MODEL_UNKNOWN : FS_MODEL_DONE;
    if (order->epoch != shard->epoch)
        return FS_MODEL_STALE;
    order->status = FS_MODEL_CANCELLED;
    shard->left = (uint8_t)(shard->left + setup->orders[index].units);
    *changed = home;
    return FS_MODEL_DONE;
}

static void begin_epoch(const struct fs_model_setup *setup, struct fs_model_state *state,
                        const struct fs_model_command *command, uint8_t *changed)
{
    struct fs_model_shard *shard = &state->shards[command->to];

    if (shard->epoch >= command->epoch)
        return;
    *shard = (struct fs_model_shard){.epoch = command->epoch,
                                     .left = fs_model_deal(setup, command->epoch, command->to)};
    *changed = command->to;
}

struct fs_model_reply fs_model_run(const struct fs_model_setup *setup, struct fs_model_state *state,
                                   const struct fs_model_command *command, uint8_t *changed)
{
    struct fs_model_reply reply = {.answer = FS_MODEL_DONE};

    *changed = FS_MODEL_NONE;
    switch (command->kind) {
    case FS_MODEL_DECIDE:
        reply.answer = decide(setup, state, command->order, changed);
        break;
    case FS_MODEL_TAKE:
        return take(setup, state, command, changed);
    case FS_MODEL_PUT:
        reply.answer = put(setup, state, command, changed);
        break;
    case FS_MODEL_FORGET:
        forget(state, command, changed);
        break;
    case FS_MODEL_RETURN:
        reply.answer = give_back(setup, state, command->order, changed);
        break;
    case FS_MODEL_BEGIN:
        begin_epoch(setup, state, command, changed);
        break;
    default:
        assert(command->kind == FS_MODEL_READ);
    }
    return reply;
}

bool fs_model_is_one_epoch(const struct fs_model_setup *setup, const struct fs_model_state *state)
{
    for (uint8_t k = 1; k < setup->shard_count; k++)
        if (state->shards[k].epoch != state->shards[0].epoch)
            return false;
    return true;
}

unsigned fs_model_available(const struct fs_model_setup *setup, const struct fs_model_state *state)
{
    unsigned units = 0;
    uint8_t epoch = 0;

    for (uint8_t k = 0; k < setup->shard_count; k++)
        if (state->shards[k].epoch > epoch)
            epoch = state->shards[k].epoch;
    for (uint8_t k = 0; k < setup->shard_count; k++) {
        const struct fs_model_shard *shard = &state->shards[k];

        if (shard->epoch != epoch) {
            units += fs_model_deal(setup, epoch, k);
            continue;
        }
        units += shard->left;
        for (uint8_t d = 0; d < setup->shard_count; d++) {
            const struct fs_model_shard *to = &state->shards[d];

            if (shard->out[d].is_pending &&
                (to->epoch != epoch || shard->out[d].number > to->in[k]))
                units += shard->out[d].units;
        }
    }
    return units;
}
