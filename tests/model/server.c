/* What a server does with one request: its next command, by the answers it has had. */
#include "model/model.h"

#include <assert.h>
#include <string.h>

static uint8_t all_shards(const struct fs_model_setup *setup)
{
    return (uint8_t)((1u << setup->shard_count) - 1);
}

static void forget_seen(struct fs_model_attempt *attempt)
{
    memset(attempt->seen, 0, sizeof(attempt->seen));
    attempt->read_mask = 0;
    attempt->memory_changed |= attempt->seen_changed;
    attempt->seen_changed = 0;
}

static void start_over(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                       uint8_t index)
{
    static const uint8_t first[] = {[FS_MODEL_BUY] = FS_MODEL_DECIDE,
                                    [FS_MODEL_CANCEL] = FS_MODEL_RETURN,
                                    [FS_MODEL_RESET] = FS_MODEL_BEGIN};

    forget_seen(attempt);
    attempt->next = (struct fs_model_command){.kind = first[setup->attempts[index].kind],
                                              .order = setup->attempts[index].order};
    if (setup->attempts[index].kind == FS_MODEL_RESET)
        attempt->next = (struct fs_model_command){.kind = FS_MODEL_BEGIN, .epoch = 2};
}

static void read_all(struct fs_model_attempt *attempt)
{
    forget_seen(attempt);
    attempt->next = (struct fs_model_command){.kind = FS_MODEL_READ};
}

void fs_model_begin(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                    uint8_t index)
{
    *attempt = (struct fs_model_attempt){.has_failed = attempt->has_failed};
    start_over(setup, attempt, index);
    if (setup->is_warm && setup->attempts[index].kind == FS_MODEL_BUY)
        read_all(attempt);
}

void fs_model_lose(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                   uint8_t index)
{
    start_over(setup, attempt, index);
    if (setup->is_warm && setup->attempts[index].kind == FS_MODEL_BUY && !attempt->has_come)
        read_all(attempt);
}

static unsigned seen_transit(const struct fs_model_shard *seen, uint8_t from, uint8_t to)
{
    const struct fs_model_transfer *out = &seen[from].out[to];

    return out->is_pending && out->number > seen[to].in[from] ? out->units : 0;
}

static unsigned seen_available(const struct fs_model_setup *setup,
                               const struct fs_model_shard *seen)
{
    unsigned units = 0;

    for (uint8_t k = 0; k < setup->shard_count; k++) {
        units += seen[k].left;
        for (uint8_t d = 0; d < setup->shard_count; d++)
            if (setup->mistake != FS_MODEL_COUNTS_NO_TRANSIT)
                units += seen_transit(seen, k, d);
    }
    return units;
}

/* A transfer is finished in two commands; each mistake about them is here. */
static void finish(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                   uint8_t from, uint8_t to, const struct fs_model_transfer *transfer,
                   uint8_t epoch)
{
    attempt->next = (struct fs_model_command){
        .kind = setup->mistake == FS_MODEL_FORGETS_FIRST ? FS_MODEL_FORGET : FS_MODEL_PUT,
        .from = from,
        .to = to,
        .order = transfer->order,
        .units = transfer->units,
        .number = transfer->number,
        .epoch = epoch};
}

static bool sweep_next(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                       uint8_t to)
{
    for (uint8_t k = 0; k < setup->shard_count; k++)
        if (k != to && attempt->seen[k].left > 0) {
            attempt->next = (struct fs_model_command){.kind = FS_MODEL_TAKE,
                                                      .from = k,
                                                      .to = to,
                                                      .order = FS_MODEL_NONE,
                                                      .epoch = attempt->seen[k].epoch};
            return true;
        }
    return false;
}

static bool take_from_richest(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                              uint8_t order)
{
    uint8_t home = setup->orders[order].home;
    uint8_t richest = FS_MODEL_NONE;

    for (uint8_t k = 0; k < setup->shard_count; k++)
        if (k != home &&
            (richest == FS_MODEL_NONE || attempt->seen[k].left > attempt->seen[richest].left))
            richest = k;
    if (attempt->seen[richest].left < setup->orders[order].units)
        return false;
    attempt->next = (struct fs_model_command){.kind = FS_MODEL_TAKE,
                                              .from = richest,
                                              .to = home,
                                              .order = order,
                                              .units = setup->orders[order].units,
                                              .epoch = attempt->seen[richest].epoch};
    return true;
}

static bool finish_pending(const struct fs_model_setup *setup, struct fs_model_attempt *attempt)
{
    const struct fs_model_shard *seen = attempt->seen;

    for (uint8_t k = 0; k < setup->shard_count; k++)
        for (uint8_t d = 0; d < setup->shard_count; d++)
            if (seen_transit(seen, k, d) > 0) {
                finish(setup, attempt, k, d, &seen[k].out[d], seen[k].epoch);
                return true;
            }
    return false;
}

static bool finish_reset(const struct fs_model_setup *setup, struct fs_model_attempt *attempt)
{
    uint8_t epoch = 0;

    for (uint8_t k = 0; k < setup->shard_count; k++)
        if (attempt->seen[k].epoch > epoch)
            epoch = attempt->seen[k].epoch;
    for (uint8_t k = 0; k < setup->shard_count; k++)
        if (attempt->seen[k].epoch < epoch) {
            attempt->next =
                (struct fs_model_command){.kind = FS_MODEL_BEGIN, .to = k, .epoch = epoch};
            return true;
        }
    return false;
}

static const char *refuse(const struct fs_model_setup *setup, struct fs_model_state *state,
                          uint8_t index)
{
    struct fs_model_attempt *attempt = &state->attempts[index];
    uint8_t order = setup->attempts[index].order;
    bool is_alone = true;

    for (uint8_t i = 0; i < setup->attempt_count; i++)
        if (i != index && setup->attempts[i].kind == FS_MODEL_BUY &&
            setup->attempts[i].order == order)
            is_alone = false;
    attempt->end = FS_MODEL_ENDED;
    if (!attempt->was_short)
        return "refused as sold out, and enough was available at every instant";
    if (is_alone && !attempt->has_failed) {
        if (state->orders[order].status == FS_MODEL_SOLD)
            return "refused as sold out, and it is sold";
        state->orders[order].is_final = true;
    }
    return NULL;
}

/* All shards have been read. */
static const char *plan(const struct fs_model_setup *setup, struct fs_model_state *state,
                        uint8_t index)
{
    struct fs_model_attempt *attempt = &state->attempts[index];
    uint8_t order = setup->attempts[index].order;
    bool is_proof = attempt->has_memory && attempt->memory_changed == 0;

    attempt->has_memory = true;
    attempt->memory_changed = attempt->seen_changed;
    attempt->seen_changed = 0;
    attempt->read_mask = 0;
    if (!attempt->has_come) {
        start_over(setup, attempt, index);
        return NULL;
    }
    if (finish_reset(setup, attempt))
        return NULL;
    if (seen_available(setup, attempt->seen) < setup->orders[order].units) {
        if (is_proof || setup->mistake == FS_MODEL_READS_ONCE)
            return refuse(setup, state, index);
        if (setup->mistake == FS_MODEL_ASKS_NOT_BETWEEN)
            read_all(attempt);
        else
            start_over(setup, attempt, index);
        return NULL;
    }
    if (attempt->seen[setup->orders[order].home].left >= setup->orders[order].units) {
        start_over(setup, attempt, index);
        return NULL;
    }
    if (take_from_richest(setup, attempt, order) || finish_pending(setup, attempt))
        return NULL;
    if (setup->mistake == FS_MODEL_REFUSES_FRAGMENTS)
        return refuse(setup, state, index);
    if (!sweep_next(setup, attempt,
                    setup->mistake == FS_MODEL_GATHERS_AT_HOME ? setup->orders[order].home
                                                               : FS_MODEL_JOINT))
        start_over(setup, attempt, index);
    return NULL;
}

static void after_transfer(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                           uint8_t index)
{
    struct fs_model_command done = attempt->next;

    if (done.kind == (setup->mistake == FS_MODEL_FORGETS_FIRST ? FS_MODEL_FORGET : FS_MODEL_PUT)) {
        attempt->next.kind = done.kind == FS_MODEL_PUT ? FS_MODEL_FORGET : FS_MODEL_PUT;
        return;
    }
    if (done.order == FS_MODEL_NONE && attempt->seen[done.from].left > 0) {
        attempt->seen[done.from].left = 0;
        if (sweep_next(setup, attempt, done.to))
            return;
    }
    start_over(setup, attempt, index);
}

static void after_take(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                       uint8_t index, const struct fs_model_reply *reply)
{
    struct fs_model_command asked = attempt->next;

    if (reply->answer == FS_MODEL_OPENED)
        finish(setup, attempt, asked.from, asked.to, &reply->transfer, asked.epoch);
    else
        start_over(setup, attempt, index);
}

const char *fs_model_answer(const struct fs_model_setup *setup, struct fs_model_state *state,
                            uint8_t index, const struct fs_model_reply *reply)
{
    struct fs_model_attempt *attempt = &state->attempts[index];
    struct fs_model_command *next = &attempt->next;

    switch (next->kind) {
    case FS_MODEL_DECIDE:
        if (reply->answer == FS_MODEL_SHORT)
            read_all(attempt);
        else
            attempt->end = FS_MODEL_ENDED;
        return NULL;
    case FS_MODEL_READ:
        attempt->seen[next->to] = state->shards[next->to];
        attempt->read_mask = (uint8_t)(attempt->read_mask | 1u << next->to);
        next->to = 0;
        return attempt->read_mask == all_shards(setup) ? plan(setup, state, index) : NULL;
    case FS_MODEL_TAKE:
        after_take(setup, attempt, index, reply);
        return NULL;
    case FS_MODEL_PUT:
    case FS_MODEL_FORGET:
        if (reply->answer == FS_MODEL_STALE)
            start_over(setup, attempt, index);
        else
            after_transfer(setup, attempt, index);
        return NULL;
    case FS_MODEL_BEGIN:
        if (setup->attempts[index].kind != FS_MODEL_RESET)
            start_over(setup, attempt, index);
        else if (++next->to == setup->shard_count)
            attempt->end = FS_MODEL_ENDED;
        return NULL;
    default:
        assert(next->kind == FS_MODEL_RETURN);
        attempt->end = FS_MODEL_ENDED;
        return NULL;
    }
}
