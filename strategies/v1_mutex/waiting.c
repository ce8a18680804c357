/* Ops that wait for the disk: see waiting.h for how loop and journal thread agree. */
#include "waiting.h"

#include <stddef.h>

void fs_v1_waiting_add(struct fs_v1_waiting *waiting, struct fs_op *op, void *state,
                       uint64_t position, const struct fs_outcome *outcome)
{
    struct fs_v1_pending *pending = state;

    *pending = (struct fs_v1_pending){.op = op, .position = position, .outcome = *outcome};
    if (waiting->last)
        waiting->last->next = pending;
    else
        waiting->first = pending;
    waiting->last = pending;
}

bool fs_v1_waiting_is_empty(const struct fs_v1_waiting *waiting)
{
    return !waiting->first && !waiting->is_armed;
}

/* In the order of the FIFO: a replay of an older record waits for those in front of it. */
static void complete_durable(struct fs_v1_waiting *waiting)
{
    uint64_t durable = fs_v1_journal_durable(waiting->journal);

    while (waiting->first && waiting->first->position <= durable) {
        struct fs_v1_pending *pending = waiting->first;

        waiting->first = pending->next;
        if (!waiting->first)
            waiting->last = NULL;
        waiting->host->complete(pending->op, &pending->outcome);
    }
}

/* Takes the wish back.  False: it is being fulfilled, a post is on its way. */
static bool disarm(struct fs_v1_waiting *waiting)
{
    if (atomic_exchange(&waiting->awaited, 0) == 0)
        return false;
    waiting->is_armed = false;
    return true;
}

/* Not armed. */
static void complete_and_arm(struct fs_v1_waiting *waiting)
{
    for (;;) {
        complete_durable(waiting);
        if (!waiting->first)
            return;
        waiting->is_armed = true;
        atomic_store(&waiting->awaited, waiting->first->position);
        /* The journal thread moves durable, then reads awaited; here it is the other way about, so
         * one of the two sees the other. */
        if (fs_v1_journal_durable(waiting->journal) < waiting->first->position)
            return;
        if (!disarm(waiting))
            return;
    }
}

static void on_wake(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v1_waiting *waiting =
        (struct fs_v1_waiting *)(void *)((char *)call - offsetof(struct fs_v1_waiting, wake));

    (void)reply;
    waiting->is_armed = false;
    complete_and_arm(waiting);
}

void fs_v1_waiting_init(struct fs_v1_waiting *waiting, const struct fs_host *host,
                        struct fs_v1_journal *journal, struct fs_loop *loop)
{
    *waiting = (struct fs_v1_waiting){
        .host = host, .journal = journal, .loop = loop, .wake = {.done = on_wake}};
}

void fs_v1_waiting_settle(struct fs_v1_waiting *waiting)
{
    if (!waiting->first)
        return;
    if (waiting->is_armed &&
        (fs_v1_journal_durable(waiting->journal) < waiting->first->position || !disarm(waiting)))
        return;
    complete_and_arm(waiting);
}

void fs_v1_waiting_notice(struct fs_v1_waiting *waiting, uint64_t position)
{
    uint64_t awaited = atomic_load(&waiting->awaited);

    if (awaited != 0 && awaited <= position &&
        atomic_compare_exchange_strong(&waiting->awaited, &awaited, 0))
        waiting->host->post(waiting->loop, &waiting->wake);
}
