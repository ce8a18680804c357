/* What the processes of the model of layouts share. */
#ifndef FS_TESTS_MODEL_LAYOUTS_STEPS_H
#define FS_TESTS_MODEL_LAYOUTS_STEPS_H

#include "model/layouts.h"

static inline uint8_t fs_layouts_count_of(const struct fs_layouts_state *state, uint8_t layout)
{
    return state->place.counts[layout];
}

static inline uint8_t fs_layouts_home_of(const struct fs_layouts_state *state, uint8_t layout,
                                         uint8_t order)
{
    return (uint8_t)(order % fs_layouts_count_of(state, layout));
}

static inline void fs_layouts_go_to(struct fs_layouts_process *process,
                                    enum fs_layouts_command_kind step)
{
    process->step = (uint8_t)step;
    process->shard = 0;
    process->read_mask = 0;
}

/* At the next shard of a layout.  True: there is none. */
static inline bool fs_layouts_is_the_last(const struct fs_layouts_state *state,
                                          struct fs_layouts_process *process, uint8_t layout)
{
    return ++process->shard == fs_layouts_count_of(state, layout);
}

static inline void fs_layouts_give_up(struct fs_layouts_process *process)
{
    fs_layouts_go_to(process, FS_LAYOUTS_VOID);
}

/* Nothing of what it knew matters any more, but for what it removes. */
void fs_layouts_end(struct fs_layouts_process *process);

/* Its shard said that the sale is being moved, or was: it asks where it is, and comes back to this step. */
void fs_layouts_look_for_it(struct fs_layouts_process *process);

/* layouts_move.c: READ was answered; a step of a move was done; the next order is to be copied. */
void fs_layouts_read_one(const struct fs_layouts_state *state, struct fs_layouts_process *process,
                         const struct fs_layouts_command *command,
                         const struct fs_layouts_reply *reply);
void fs_layouts_moved_on(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                         struct fs_layouts_process *process, const struct fs_layouts_reply *reply);
void fs_layouts_copy_on(const struct fs_layouts_state *state, struct fs_layouts_process *process);

#endif
