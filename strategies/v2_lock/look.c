/* Reading before taking the lock: what is refused needs none.
 *
 * The lock keeps two from writing.  A refusal writes nothing, and is true when it was so at one
 * instant during the request.  So after a refusal, which is seldom the last, a worker reads first: one
 * script decides what waits in its FIFO, in dry mode, as of one instant.  Everything in the FIFO came
 * before the read was sent.  The ops in front of the first that would be sold or cancelled are ended by
 * it, replays and refusals alike; from that one on they take the lock, one by one, since what is decided
 * behind it in the script counts on what was not done. */
#include "lock.h"

#include "ledger/scripts.h"

static void on_look(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_op *state = fs_ledger_batch_of(call);
    struct fs_ledger_product *product = state->product;
    const struct fs_ledger_decision *decision = fs_ledger_batch_decisions(state, reply);
    uint64_t epoch;

    if (reply->kind == FS_REPLY_LOST) { /* a read decides nothing */
        product->in_flight--;
        fs_ledger_product_touch(product);
        fs_ledger_queue_return(&product->queue, state);
        fs_ledger_product_wait(product, FS_LEDGER_RETRY_MS);
        return;
    }
    if (!decision) {
        fs_ledger_batch_answer(state, reply);
        return;
    }
    product->in_flight--;
    fs_ledger_product_touch(product);
    fs_ledger_batch_note(state, reply);
    epoch = (uint64_t)reply->items[FS_LEDGER_REPLY_EPOCH].integer;
    for (; state; decision++) {
        struct fs_ledger_op *next = state->next;

        if (decision->code == FS_DONE || !fs_ledger_batch_complete(state, epoch, decision))
            break;
        state = next;
    }
    fs_v2_lock_of(product)->reads_first = state == NULL;
    fs_ledger_queue_return(&product->queue, state);
    fs_ledger_share_seen(product);
}

bool fs_v2_look(struct fs_ledger_product *product)
{
    static const struct fs_ledger_batch_kind kind = {.script = &fs_ledger_decide, .is_dry = true};
    const struct fs_v2_lock *lock = fs_v2_lock_of(product);
    uint32_t count;
    struct fs_ledger_op *first;

    /* A lock that may still be ours keeps the others out: it is used, and so given back. */
    if (!lock->reads_first || lock->has_token)
        return false;
    first = fs_ledger_queue_cut(&product->queue, product->worker->ledger->batch_max, &count);
    fs_ledger_batch_send(product, first, count, &kind, on_look);
    return true;
}
