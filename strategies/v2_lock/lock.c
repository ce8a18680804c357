/* Taking the lock: asking, waiting, giving up.
 *
 * A wait is random between nothing and a bound that doubles with each try ("full jitter": Brooker,
 * Exponential Backoff And Jitter, 2015), so that workers who met once do not meet again in step. */
#include "lock.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <sys/random.h>

#include "scripts.h"

struct fs_v2_lock *fs_v2_lock_of(struct fs_ledger_product *product)
{
    return (struct fs_v2_lock *)(void *)product->extra;
}

struct fs_v2 *fs_v2_of(const struct fs_ledger_product *product)
{
    return (struct fs_v2 *)(void *)product->worker->ledger;
}

struct fs_text fs_v2_token(const struct fs_v2_lock *lock)
{
    return (struct fs_text){lock->owner, FS_V2_TOKEN_LEN};
}

/* xorshift64*: only spreads waits. */
static uint64_t random_below(struct fs_v2_worker *worker, uint64_t bound)
{
    uint64_t x = worker->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    worker->random = x;
    return (x * UINT64_C(0x2545f4914f6cdd1d) >> 32) % bound;
}

/* The name of a holder: nobody else has it, now or ever.  False: no random bits. */
static bool make_token(struct fs_v2_lock *lock)
{
    unsigned char bytes[FS_V2_TOKEN_LEN / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        lock->owner[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        lock->owner[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    lock->has_token = true;
    return true;
}

static void set_fence(struct fs_v2_lock *lock, int64_t fence)
{
    char chars[FS_LEDGER_NUMBER_SIZE];
    struct fs_text text = fs_ledger_number(chars, fence);

    lock->owner[FS_V2_TOKEN_LEN] = ':';
    memcpy(lock->owner + FS_V2_TOKEN_LEN + 1, text.data, text.len);
    lock->owner_len = FS_V2_TOKEN_LEN + 1 + text.len;
}

void fs_v2_tell_event(const struct fs_ledger_product *product, enum fs_lock_event event,
                      uint64_t wait_us)
{
    product->worker->ledger->host->lock_event(product->worker->loop, event, wait_us);
}

static void end_attempt(struct fs_ledger_product *product, enum fs_lock_event event)
{
    struct fs_v2_lock *lock = fs_v2_lock_of(product);

    if (!lock->is_trying)
        return;
    lock->is_trying = false;
    fs_v2_tell_event(product, event, product->worker->ledger->host->now_us() - lock->began_us);
}

/* Not free: wait a little.  The wait ends at the latest with the first op's deadline. */
static void try_later(struct fs_ledger_product *product)
{
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    uint32_t bound_ms = fs_v2_of(product)->backoff_ms;

    if (!lock->is_contended)
        fs_v2_tell_event(product, FS_LOCK_CONTENDED, 0);
    lock->is_contended = true;
    if (lock->tries < 16 && (1u << lock->tries) < bound_ms)
        bound_ms = 1u << lock->tries;
    lock->tries++;
    fs_ledger_product_wait(product, (uint32_t)random_below((struct fs_v2_worker *)product->worker,
                                                           (uint64_t)bound_ms + 1));
}

/* Nothing was decided: ops that were never asked for are told so, the others ask again. */
static void fail_all(struct fs_ledger_product *product, const struct fs_reply *reply)
{
    const struct fs_reply not_run = {.kind = FS_REPLY_NOT_SENT};
    const struct fs_host *host = product->worker->ledger->host;
    uint32_t count;

    end_attempt(product, FS_LOCK_FAILED);
    if (reply->kind != FS_REPLY_NOT_SENT && reply->kind != FS_REPLY_REFUSED)
        host->log(host, FS_LOG_ERROR, "v2: the lock of %.*s cannot be taken: %.*s",
                  (int)product->name.len, product->name.data, (int)reply->text.len,
                  reply->text.data ? reply->text.data : "");
    fs_ledger_batch_fail(fs_ledger_queue_cut(&product->queue, UINT32_MAX, &count), &not_run);
}

static void on_acquire(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_product *product =
        (struct fs_ledger_product *)(void *)((char *)call -
                                             offsetof(struct fs_ledger_product, extra) -
                                             offsetof(struct fs_v2_lock, call));
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    bool is_answer = reply->kind == FS_REPLY_LIST && reply->item_count == 3 &&
                     reply->items[0].kind == FS_REPLY_INTEGER &&
                     reply->items[1].kind == FS_REPLY_INTEGER &&
                     reply->items[2].kind == FS_REPLY_INTEGER;

    product->in_flight--;
    fs_ledger_product_touch(product);
    if (is_answer && reply->items[0].integer == 1) {
        if (lock->is_foreign)
            fs_v2_note_free(product);
        set_fence(lock, reply->items[1].integer);
        end_attempt(product, FS_LOCK_ACQUIRED);
        fs_v2_held(product);
    } else if (is_answer) {
        lock->has_token = false; /* it is another's */
        if (fs_v2_is_foreign(reply->items[1].integer))
            fs_v2_note_foreign(product, reply->items[1].integer);
        lock->reads_first = !fs_v2_of(product)->is_textbook &&
                            reply->items[2].integer < product->queue.first->units;
        if (lock->reads_first)
            end_attempt(product, FS_LOCK_FAILED); /* what it is wanted for is sold out */
        else
            try_later(product);
    } else if (reply->kind == FS_REPLY_LOST) {
        fs_ledger_product_wait(product, FS_LEDGER_RETRY_MS); /* it may be ours: the same token */
    } else {
        fail_all(product, reply);
    }
}

static void acquire(struct fs_ledger_product *product)
{
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    struct fs_ledger_worker *worker = product->worker;
    const struct fs_host *host = worker->ledger->host;
    char lease[FS_LEDGER_NUMBER_SIZE];
    struct fs_text argv[4];

    if (!lock->is_trying) {
        lock->is_trying = true;
        lock->is_contended = false;
        lock->tries = 0;
        lock->began_us = host->now_us();
    }
    if (!lock->has_token && !make_token(lock)) {
        fail_all(product, &(struct fs_reply){.kind = FS_REPLY_NOT_SENT});
        return;
    }
    argv[0] = product->keys.list[FS_LEDGER_KEY_SALE];
    argv[1] = product->keys.list[FS_LEDGER_KEY_LOCK];
    argv[2] = fs_v2_token(lock);
    argv[3] = fs_ledger_number(lease, fs_v2_of(product)->lease_ms);
    product->queue.first->trips++;
    product->in_flight++;
    lock->call.done = on_acquire;
    host->script(worker->loop, &lock->call, &fs_v2_acquire, product->queue.first->deadline_us, 2, 4,
                 argv);
}

void fs_v2_pump(struct fs_ledger_product *product)
{
    const struct fs_ledger_op *first = product->queue.first;

    if (product->in_flight > 0)
        return;
    fs_ledger_queue_expire(product);
    if (product->queue.first != first)
        end_attempt(product, FS_LOCK_FAILED);
    if (product->queue.first && !fs_v2_look(product))
        acquire(product);
}

void fs_v2_lock_lost(struct fs_ledger_product *product, struct fs_ledger_op *first)
{
    struct fs_v2_lock *lock = fs_v2_lock_of(product);

    /* An ask that was lost may have given the lock back itself. */
    if (!first->may_be_decided)
        fs_v2_tell_event(product, FS_LOCK_LOST, 0);
    lock->has_token = false;
    fs_ledger_queue_return(&product->queue, first);
    fs_ledger_product_touch(product);
}
