/* What the processes do around a move: place.c, and what gather.c and change.c do with a shard that is marked
 * or gone. */
#include "model/layouts_steps.h"

#define TRIES_MAX 3u /* how often one asks where the sale is */

void fs_layouts_end(struct fs_layouts_process *process)
{
    struct fs_layouts_process ended = {.end = FS_LAYOUTS_ENDED};

    if (process->is_clearing) {
        ended.is_clearing = true;
        ended.clear_layout = process->clear_layout;
        ended.clear_shard = process->clear_shard;
        ended.clear_number = process->clear_number;
    }
    *process = ended;
}

void fs_layouts_look_for_it(struct fs_layouts_process *process)
{
    uint8_t step = process->step;

    if (process->tries++ == TRIES_MAX) {
        fs_layouts_end(process);
        return;
    }
    fs_layouts_go_to(process, FS_LAYOUTS_FIND);
    process->back = step;
}

static enum fs_layouts_command_kind first_step(enum fs_layouts_kind kind)
{
    switch (kind) {
    case FS_LAYOUTS_BUYER:
        return FS_LAYOUTS_BUY;
    case FS_LAYOUTS_CANCELLER:
        return FS_LAYOUTS_CANCEL;
    case FS_LAYOUTS_RESTOCKER:
        return FS_LAYOUTS_RESTOCK;
    case FS_LAYOUTS_CREATOR:
        return FS_LAYOUTS_CREATE;
    case FS_LAYOUTS_PUTTER:
        return FS_LAYOUTS_PUT;
    case FS_LAYOUTS_OPENER:
    case FS_LAYOUTS_INNOCENT:
        break;
    }
    return FS_LAYOUTS_FIND;
}

void fs_layouts_begin(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                      uint8_t index)
{
    struct fs_layouts_process *process = &state->processes[index];

    *process = (struct fs_layouts_process){0};
    fs_layouts_go_to(process, first_step(setup->processes[index].kind));
}

static struct fs_layouts_command build_of(const struct fs_layouts_state *state,
                                          const struct fs_layouts_process *process)
{
    uint8_t count = fs_layouts_count_of(state, process->number);

    return (struct fs_layouts_command){
        .layout = process->number,
        .version = process->version,
        .dealt = fs_layouts_deal(process->dealt, process->shard, count),
        .left = fs_layouts_deal((uint8_t)(process->left + (process->in ? 0 : process->out)),
                                process->shard, count)};
}

struct fs_layouts_command fs_layouts_next(const struct fs_layouts_setup *setup,
                                          const struct fs_layouts_state *state, uint8_t index,
                                          uint8_t choice)
{
    const struct fs_layouts_process *process = &state->processes[index];
    struct fs_layouts_command next = {.layout = process->known};

    switch (process->step) {
    case FS_LAYOUTS_BEGIN:
        next.left = setup->processes[index].value;
        break;
    case FS_LAYOUTS_READ:
        next.shard = choice;
        break;
    case FS_LAYOUTS_UNMARK:
        next.number = process->known_next;
        break;
    case FS_LAYOUTS_ADOPT:
        next.is_open = process->is_open;
        break;
    case FS_LAYOUTS_BUILD:
        next = build_of(state, process);
        break;
    case FS_LAYOUTS_COPY:
        next.layout = process->number;
        next.order = process->order;
        next.left = process->scanned[process->order];
        break;
    case FS_LAYOUTS_END:
        next.layout = process->number;
        break;
    case FS_LAYOUTS_BUY:
    case FS_LAYOUTS_CANCEL:
        next.order = setup->processes[index].value;
        next.shard = fs_layouts_home_of(state, process->known, next.order);
        break;
    case FS_LAYOUTS_PUT:
        next.left = setup->transit;
        break;
    default:
        break;
    }
    next.kind = process->step;
    if (process->step == FS_LAYOUTS_COPY)
        next.shard = fs_layouts_home_of(state, process->number, process->order);
    else if (process->step == FS_LAYOUTS_PUT)
        next.shard = 1;
    else if (process->step != FS_LAYOUTS_READ && process->step != FS_LAYOUTS_BUY &&
             process->step != FS_LAYOUTS_CANCEL)
        next.shard = process->shard;
    if (process->step != FS_LAYOUTS_UNMARK)
        next.number = process->number;
    if (process->step == FS_LAYOUTS_MARK || process->step == FS_LAYOUTS_ADOPT)
        next.version = process->version;
    return next;
}

/* Where the sale is was asked for: by who opens it at first, by the others since a shard was marked or
 * gone, or because they have met a mark. */
static void found(const struct fs_layouts_setup *setup, struct fs_layouts_process *process,
                  uint8_t index, const struct fs_layouts_place *place)
{
    enum fs_layouts_kind kind = setup->processes[index].kind;
    bool is_elsewhere = process->known != place->layout;
    bool is_first = kind == FS_LAYOUTS_OPENER && !process->is_settling &&
                    (process->back == 0 || (process->back == FS_LAYOUTS_READ && is_elsewhere));

    if (place->moving > 0 ||
        (is_elsewhere && (process->is_settling || kind == FS_LAYOUTS_INNOCENT))) {
        fs_layouts_end(process);
        return;
    }
    process->known = place->layout;
    process->known_next = place->next;
    if (is_first)
        fs_layouts_go_to(process, setup->processes[index].value != place->counts[place->layout]
                                      ? FS_LAYOUTS_READ
                                      : FS_LAYOUTS_OPEN);
    else if (!is_elsewhere)
        fs_layouts_go_to(process, FS_LAYOUTS_UNMARK);
    else
        fs_layouts_go_to(process, (enum fs_layouts_command_kind)process->back);
    if (is_first)
        process->back = 0;
}

/* A change that was made at shard 0 is told to the others. */
static void settle(struct fs_layouts_process *process)
{
    fs_layouts_go_to(process, FS_LAYOUTS_READ);
    process->is_settling = true;
    process->back = 0;
}

static void asked(struct fs_layouts_process *process, const struct fs_layouts_reply *reply)
{
    bool is_change = process->step == FS_LAYOUTS_OPEN || process->step == FS_LAYOUTS_RESTOCK;

    if (reply->answer == FS_LAYOUTS_FROZEN || reply->answer == FS_LAYOUTS_GONE)
        fs_layouts_look_for_it(process);
    else if (is_change && reply->answer == FS_LAYOUTS_DONE)
        settle(process);
    else
        fs_layouts_end(process);
}

void fs_layouts_answer(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                       uint8_t index, const struct fs_layouts_command *command,
                       const struct fs_layouts_reply *reply)
{
    struct fs_layouts_process *process = &state->processes[index];
    bool is_blind = setup->mistake == FS_LAYOUTS_COPIES_BLINDLY && process->step == FS_LAYOUTS_COPY;

    switch (process->step) {
    case FS_LAYOUTS_FIND:
        found(setup, process, index, &reply->place);
        return;
    case FS_LAYOUTS_BEGIN:
        process->number = reply->place.next;
        if (reply->answer == FS_LAYOUTS_DONE) {
            fs_layouts_go_to(process, FS_LAYOUTS_MARK);
        } else {
            process->number = 0;
            process->step = 0;
            fs_layouts_look_for_it(process);
        }
        return;
    case FS_LAYOUTS_READ:
        fs_layouts_read_one(state, process, command, reply);
        return;
    case FS_LAYOUTS_UNMARK:
        if (!fs_layouts_is_the_last(state, process, process->known))
            return;
        if (process->back > 0)
            fs_layouts_go_to(process, (enum fs_layouts_command_kind)process->back);
        else
            fs_layouts_end(process);
        return;
    case FS_LAYOUTS_ADOPT:
        fs_layouts_go_to(process, FS_LAYOUTS_READ); /* are they all alike now? */
        return;
    case FS_LAYOUTS_PUT:
        if (reply->answer == FS_LAYOUTS_DONE)
            fs_layouts_go_to(process, FS_LAYOUTS_FORGET);
        else
            fs_layouts_end(process);
        return;
    case FS_LAYOUTS_VOID:
    case FS_LAYOUTS_FORGET:
    case FS_LAYOUTS_CREATE:
        fs_layouts_end(process);
        return;
    case FS_LAYOUTS_BUY:
    case FS_LAYOUTS_CANCEL:
    case FS_LAYOUTS_OPEN:
    case FS_LAYOUTS_RESTOCK:
        asked(process, reply);
        return;
    default:
        if (reply->answer == FS_LAYOUTS_DONE || is_blind)
            fs_layouts_moved_on(setup, state, process, reply);
        else
            fs_layouts_give_up(process);
    }
}

/* No answer came, and none will. */
void fs_layouts_lose(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                     uint8_t index)
{
    struct fs_layouts_process *process = &state->processes[index];

    switch (process->step) {
    case FS_LAYOUTS_BUY:
    case FS_LAYOUTS_CANCEL:
        return; /* asked again */
    case FS_LAYOUTS_READ:
        if (process->number == 0)
            fs_layouts_end(process);
        else
            fs_layouts_give_up(process);
        return;
    case FS_LAYOUTS_COPY:
        if (setup->mistake == FS_LAYOUTS_COPIES_BLINDLY) {
            process->order++;
            fs_layouts_copy_on(state, process);
            return;
        }
        fs_layouts_give_up(process);
        return;
    case FS_LAYOUTS_MARK:
    case FS_LAYOUTS_BUILD:
    case FS_LAYOUTS_SCAN:
    case FS_LAYOUTS_END:
    case FS_LAYOUTS_CLEAR:
    case FS_LAYOUTS_FLIP:
        fs_layouts_give_up(process);
        return;
    default:
        fs_layouts_end(process);
    }
}
