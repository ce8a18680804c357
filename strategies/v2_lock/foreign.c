/* Locks that are not flashsale's: without a lease, or with one that is longer than any of ours.  They never
 * end by themselves in the time of a purchase, so the sale that has one sells nothing. */
#include "lock.h"

#include <inttypes.h>

#define RECENT_US 10000000u

bool fs_v2_is_foreign(int64_t lease_ms)
{
    return lease_ms == -1 || lease_ms > (int64_t)FS_V2_LEASE_MS_MAX;
}

void fs_v2_note_foreign(struct fs_ledger_product *product, int64_t lease_ms)
{
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    struct fs_v2 *v2 = fs_v2_of(product);
    const struct fs_host *host = v2->ledger.host;
    const struct fs_text name = product->keys.list[FS_LEDGER_KEY_LOCK];

    atomic_store_explicit(&v2->foreign_us, host->now_us(), memory_order_relaxed);
    if (lock->is_foreign)
        return;
    lock->is_foreign = true;
    host->log(
        host, FS_LOG_ERROR,
        "v2: the lock %.*s is held by something that is not flashsale (lease %" PRId64
        " ms, -1: none): nobody can buy %.*s until it ends; find out who took it, then DEL it",
        (int)name.len, name.data, lease_ms, (int)product->name.len, product->name.data);
}

void fs_v2_note_free(struct fs_ledger_product *product)
{
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    struct fs_v2 *v2 = fs_v2_of(product);

    lock->is_foreign = false;
    atomic_store_explicit(&v2->foreign_us, 0, memory_order_relaxed);
}

static void lease_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);
    struct fs_v2_worker *worker = (struct fs_v2_worker *)(void *)state->worker;
    bool is_foreign = reply->kind == FS_REPLY_INTEGER && fs_v2_is_foreign(reply->integer);

    worker->foreign_in_a_row = is_foreign ? worker->foreign_in_a_row + 1 : 0;
    fs_ledger_ask_end(state, is_foreign && worker->foreign_in_a_row >= worker->known_count
                                 ? FS_UNAVAILABLE
                                 : FS_DONE);
}

/* One sale's lock for each probe: when as many in a row as there are sales have a foreign one, nothing can
 * be bought.  A sale that buyers ask for in vain says so without waiting for its turn. */
void fs_v2_probe_lock(struct fs_ledger_ask *state)
{
    struct fs_v2_worker *worker = (struct fs_v2_worker *)(void *)state->worker;
    struct fs_v2 *v2 = (struct fs_v2 *)(void *)state->worker->ledger;
    const struct fs_host *host = v2->ledger.host;
    uint64_t seen_us = atomic_load_explicit(&v2->foreign_us, memory_order_relaxed);
    struct fs_ledger_epoch known;
    struct fs_ledger_keys keys;
    struct fs_text argv[2] = {FS_LEDGER_TEXT("PTTL")};

    if (seen_us != 0 && host->now_us() - seen_us < RECENT_US) {
        fs_ledger_ask_end(state, FS_UNAVAILABLE);
        return;
    }
    worker->known_count = fs_ledger_next_known(&v2->ledger, &worker->known_next, &known);
    if (worker->known_count == 0) {
        fs_ledger_ask_end(state, FS_DONE);
        return;
    }
    fs_ledger_keys_init(&keys, v2->ledger.prefix,
                        (struct fs_text){known.product, known.product_len});
    argv[1] = keys.list[FS_LEDGER_KEY_LOCK];
    state->trips++;
    state->call.done = lease_done;
    host->store(state->worker->loop, &state->call, argv[1], state->deadline_us, 2, argv);
}
