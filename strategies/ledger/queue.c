/* Queues of ops. */
#include "queue.h"

#include "ledger.h"

void fs_ledger_queue_append(struct fs_ledger_queue *queue, struct fs_ledger_op *state)
{
    state->next = NULL;
    if (queue->last)
        queue->last->next = state;
    else
        queue->first = state;
    queue->last = state;
}

struct fs_ledger_op *fs_ledger_queue_shift(struct fs_ledger_queue *queue)
{
    struct fs_ledger_op *state = queue->first;

    if (!state)
        return NULL;
    queue->first = state->next;
    if (!queue->first)
        queue->last = NULL;
    state->next = NULL;
    return state;
}

struct fs_ledger_op *fs_ledger_queue_cut(struct fs_ledger_queue *queue, uint32_t max,
                                         uint32_t *count)
{
    struct fs_ledger_op *first = queue->first;
    struct fs_ledger_op *last = first;

    *count = first ? 1 : 0;
    while (last && last->next && *count < max) {
        last = last->next;
        ++*count;
    }
    if (!last)
        return NULL;
    queue->first = last->next;
    if (!queue->first)
        queue->last = NULL;
    last->next = NULL;
    return first;
}

struct fs_ledger_op *fs_ledger_queue_take(struct fs_ledger_queue *queue, uint32_t max,
                                          uint32_t *count)
{
    struct fs_ledger_queue taken = {0};
    struct fs_ledger_op *state;

    *count = 0;
    while (*count < max && (state = fs_ledger_queue_shift(queue)) != NULL) {
        if (!fs_ledger_op_asked(state, true)) {
            fs_ledger_complete_late(state);
            continue;
        }
        fs_ledger_queue_append(&taken, state);
        ++*count;
    }
    return taken.first;
}

void fs_ledger_queue_return(struct fs_ledger_queue *queue, struct fs_ledger_op *first)
{
    struct fs_ledger_op *last = first;

    if (!first)
        return;
    fs_ledger_op_asked(last, last->may_be_decided);
    while (last->next) {
        last = last->next;
        fs_ledger_op_asked(last, last->may_be_decided);
    }
    last->next = queue->first;
    if (!queue->first)
        queue->last = last;
    queue->first = first;
}

void fs_ledger_queue_expire(struct fs_ledger_product *product)
{
    struct fs_ledger_queue *queue = &product->queue;
    uint64_t now_us;

    if (!queue->first)
        return;
    now_us = product->worker->ledger->host->now_us();
    while (queue->first && queue->first->deadline_us <= now_us)
        fs_ledger_complete_late(fs_ledger_queue_shift(queue));
}
