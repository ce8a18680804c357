/* Moves ops between the queues of a sale and of its shards. */
#include "wait.h"

void fs_v4_wait_here(struct fs_v4_sale *sale, struct fs_ledger_op *state)
{
    fs_ledger_op_asked(state, state->may_be_decided);
    fs_ledger_queue_append(&sale->waiting, state);
    fs_v4_sale_touch(sale);
}

void fs_v4_ask_home(struct fs_ledger_op *state)
{
    fs_ledger_queue_append(&state->product->queue, state);
    fs_ledger_product_touch(state->product);
}

void fs_v4_ask_home_later(struct fs_ledger_op *state)
{
    struct fs_ledger_product *product = state->product;

    fs_ledger_queue_append(&product->queue, state);
    if (!product->is_waiting)
        fs_ledger_product_wait(product, FS_LEDGER_RETRY_MS);
}

void fs_v4_fail(struct fs_ledger_op *state)
{
    const struct fs_host *host = state->product->worker->ledger->host;

    if (!state->may_be_decided)
        fs_ledger_complete(state, FS_UNAVAILABLE);
    else if (state->deadline_us <= host->now_us())
        fs_ledger_complete(state, FS_UNDETERMINED);
    else
        fs_v4_ask_home_later(state);
}

void fs_v4_wait_all(struct fs_v4_sale *sale, struct fs_ledger_queue *queue)
{
    struct fs_ledger_op *state;

    while ((state = fs_ledger_queue_shift(queue)) != NULL)
        fs_v4_wait_here(sale, state);
}

void fs_v4_ask_home_all(struct fs_ledger_queue *queue)
{
    struct fs_ledger_op *state;

    while ((state = fs_ledger_queue_shift(queue)) != NULL)
        fs_v4_ask_home(state);
}

void fs_v4_fail_all(struct fs_ledger_queue *queue)
{
    struct fs_ledger_op *state;

    while ((state = fs_ledger_queue_shift(queue)) != NULL)
        fs_v4_fail(state);
}

void fs_v4_end_all(struct fs_ledger_queue *queue, enum fs_verdict verdict)
{
    struct fs_ledger_op *state;

    while ((state = fs_ledger_queue_shift(queue)) != NULL)
        fs_ledger_complete(state, verdict);
}

void fs_v4_expire(struct fs_v4_sale *sale, struct fs_ledger_queue *queue)
{
    uint64_t now_us = fs_v4_host(sale->worker)->now_us();
    struct fs_ledger_queue rest = {0};
    struct fs_ledger_op *state;

    while ((state = fs_ledger_queue_shift(queue)) != NULL)
        if (state->deadline_us > now_us)
            fs_ledger_queue_append(&rest, state);
        else
            fs_ledger_complete_late(state);
    *queue = rest;
}
