/* What who moves a sale does: reshard.c, build.c and copy.c. */
#include "model/layouts_steps.h"

#include <assert.h>
#include <string.h>

/* The sale is where it was moved to; how it came there does not matter any more. */
static void forget_move(struct fs_layouts_process *process)
{
    uint8_t known = process->number;
    uint8_t tries = process->tries;

    fs_layouts_end(process);
    process->end = FS_LAYOUTS_RUNS;
    process->known = known;
    process->tries = tries;
}

/* The shards have all been read: before the marks, or behind them. */
static void after_reads(const struct fs_layouts_state *state, struct fs_layouts_process *process)
{
    uint8_t transit = process->in ? 0 : process->out;

    if (process->number == 0 && process->is_marked) {
        fs_layouts_look_for_it(process);
        return;
    }
    if (process->number == 0) { /* there is no move yet */
        for (uint8_t k = 1; k < fs_layouts_count_of(state, process->known); k++)
            if (process->versions[k] < process->version) {
                fs_layouts_go_to(process, FS_LAYOUTS_ADOPT);
                process->shard = k;
                return;
            }
        if (process->is_settling)
            fs_layouts_end(process);
        else
            fs_layouts_go_to(process, process->is_open ? FS_LAYOUTS_OPEN : FS_LAYOUTS_BEGIN);
        return;
    }
    if (!process->is_sure || process->dealt != process->left + process->sold + transit)
        fs_layouts_give_up(process);
    else
        fs_layouts_go_to(process, FS_LAYOUTS_BUILD);
}

static void begin_reads(struct fs_layouts_process *process)
{
    fs_layouts_go_to(process, FS_LAYOUTS_READ);
    process->dealt = process->left = process->sold = process->out = process->in = 0;
    process->is_sure = true;
    process->is_marked = false;
}

void fs_layouts_read_one(const struct fs_layouts_state *state, struct fs_layouts_process *process,
                         const struct fs_layouts_command *command,
                         const struct fs_layouts_reply *reply)
{
    const struct fs_layouts_shard *shard = &reply->shard;
    uint8_t all = (uint8_t)((1u << fs_layouts_count_of(state, process->known)) - 1);

    if (process->read_mask == 0)
        begin_reads(process);
    if (reply->answer != FS_LAYOUTS_DONE) {
        if (process->number > 0)
            fs_layouts_give_up(process);
        else
            fs_layouts_end(process);
        return;
    }
    if (command->shard == 0) {
        process->version = shard->version;
        process->is_open = shard->is_open;
    }
    process->versions[command->shard] = shard->version;
    process->dealt = (uint8_t)(process->dealt + shard->dealt);
    process->left = (uint8_t)(process->left + shard->left);
    process->sold = (uint8_t)(process->sold + shard->sold);
    process->out = (uint8_t)(process->out + shard->out);
    process->in = process->in || shard->in;
    process->is_sure = process->is_sure && shard->frozen == FS_LAYOUTS_MARKED &&
                       shard->frozen_by == process->number;
    process->is_marked = process->is_marked || shard->frozen == FS_LAYOUTS_MARKED;
    process->read_mask = (uint8_t)(process->read_mask | 1u << command->shard);
    if (process->read_mask == all)
        after_reads(state, process);
}

/* The next order of those scanned, or the next old shard, or the end. */
void fs_layouts_copy_on(const struct fs_layouts_state *state, struct fs_layouts_process *process)
{
    while (process->order < FS_LAYOUTS_ORDERS_MAX &&
           process->scanned[process->order] == FS_LAYOUTS_NOT_MADE)
        process->order++;
    if (process->order < FS_LAYOUTS_ORDERS_MAX) {
        process->step = FS_LAYOUTS_COPY;
        return;
    }
    process->order = 0;
    memset(process->scanned, 0, sizeof(process->scanned));
    process->step = FS_LAYOUTS_SCAN;
    if (++process->shard == fs_layouts_count_of(state, process->known))
        fs_layouts_go_to(process, FS_LAYOUTS_END);
}

static void begin_clearing(const struct fs_layouts_place *place, struct fs_layouts_process *process)
{
    process->is_clearing = place->old != 0;
    process->clear_layout = 0;
    process->clear_shard = 0;
    process->clear_number = 0;
    if (!process->is_clearing)
        return;
    while (!(place->old & 1u << process->clear_layout))
        process->clear_layout++;
    process->clear_number = place->next;
}

static void after_end(const struct fs_layouts_setup *setup, const struct fs_layouts_state *state,
                      struct fs_layouts_process *process, const struct fs_layouts_reply *reply)
{
    bool is_same;

    process->sold_after = (uint8_t)(process->sold_after + reply->shard.sold);
    process->order_count_after = (uint8_t)(process->order_count_after + reply->order_count);
    if (!fs_layouts_is_the_last(state, process, process->number))
        return;
    is_same = process->order_count == process->order_count_after &&
              (process->sold == process->sold_after || setup->mistake == FS_LAYOUTS_READS_ONCE);
    if (setup->mistake != FS_LAYOUTS_COPIES_BLINDLY && !is_same)
        fs_layouts_give_up(process);
    else
        fs_layouts_go_to(process, setup->mistake == FS_LAYOUTS_CLEARS_FIRST ? FS_LAYOUTS_CLEAR
                                                                            : FS_LAYOUTS_FLIP);
}

/* A step of a move was done. */
void fs_layouts_moved_on(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                         struct fs_layouts_process *process, const struct fs_layouts_reply *reply)
{
    switch (process->step) {
    case FS_LAYOUTS_MARK:
        process->order_count = (uint8_t)(process->order_count + reply->order_count);
        if (fs_layouts_is_the_last(state, process, process->known))
            fs_layouts_go_to(process, setup->mistake == FS_LAYOUTS_READS_ONCE ? FS_LAYOUTS_BUILD
                                                                              : FS_LAYOUTS_READ);
        return;
    case FS_LAYOUTS_BUILD:
        if (fs_layouts_is_the_last(state, process, process->number))
            fs_layouts_go_to(process, FS_LAYOUTS_SCAN);
        return;
    case FS_LAYOUTS_SCAN:
        memcpy(process->scanned, reply->shard.orders, sizeof(process->scanned));
        process->order = 0;
        fs_layouts_copy_on(state, process);
        return;
    case FS_LAYOUTS_COPY:
        process->order++;
        fs_layouts_copy_on(state, process);
        return;
    case FS_LAYOUTS_CLEAR: /* before the flip, which is a mistake */
        if (fs_layouts_is_the_last(state, process, process->known))
            fs_layouts_go_to(process, FS_LAYOUTS_FLIP);
        return;
    case FS_LAYOUTS_END:
        after_end(setup, state, process, reply);
        return;
    default:
        assert(process->step == FS_LAYOUTS_FLIP);
        begin_clearing(&reply->place, process);
        forget_move(process);
        fs_layouts_go_to(process, FS_LAYOUTS_OPEN);
    }
}

struct fs_layouts_command fs_layouts_next_clear(const struct fs_layouts_state *state, uint8_t index)
{
    const struct fs_layouts_process *process = &state->processes[index];
    bool is_last = process->clear_shard == fs_layouts_count_of(state, process->clear_layout);

    return (struct fs_layouts_command){.kind = is_last ? FS_LAYOUTS_DROP : FS_LAYOUTS_CLEAR,
                                       .layout = process->clear_layout,
                                       .shard = is_last ? 0 : process->clear_shard,
                                       .number =
                                           is_last ? process->clear_layout : process->clear_number};
}

void fs_layouts_cleared(struct fs_layouts_state *state, uint8_t index,
                        const struct fs_layouts_reply *reply)
{
    struct fs_layouts_process *process = &state->processes[index];

    if (process->clear_shard < fs_layouts_count_of(state, process->clear_layout))
        process->clear_shard++;
    else
        begin_clearing(&reply->place, process);
}
