/* What is done under the lock.
 *
 * fenced     one trip: the script of v3, which goes on only when token and fence are still the
 *            caller's, and gives the lock back itself.
 * textbook   three: read and decide, write what was decided, give back.  Between them the holder can
 *            be stopped for longer than its lease; the write is fenced, so that it then writes
 *            nothing and starts anew.
 *
 * The lease is never renewed.  A renewal helps a holder that lives but is slow, and would need a
 * timer that runs while its loop does not; here the holder has one guarded step left to make, and
 * losing the lock costs it a retry. */
#include <assert.h>
#include <stddef.h>

#include "lock.h"

#include "ledger/scripts.h"
#include "scripts.h"

#define LOST (-1)

static bool is_lost(const struct fs_reply *reply)
{
    return reply->kind == FS_REPLY_LIST && reply->item_count == 1 &&
           reply->items[0].kind == FS_REPLY_INTEGER && reply->items[0].integer == LOST;
}

static struct fs_text owner_of(const struct fs_v2_lock *lock)
{
    return (struct fs_text){lock->owner, lock->owner_len};
}

/* fenced */

/* What is refused now is likely to be refused to the next. */
static bool is_refusal(const struct fs_ledger_decision *decision)
{
    return decision->code != FS_DONE && decision->code != FS_DONE + FS_LEDGER_REPLAYED;
}

static void on_write(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_op *first = fs_ledger_batch_of(call);
    struct fs_ledger_product *product = first->product;
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    const struct fs_ledger_decision *decisions = fs_ledger_batch_decisions(first, reply);

    if (is_lost(reply)) {
        product->in_flight--;
        fs_v2_lock_lost(product, first);
        return;
    }
    if (reply->kind == FS_REPLY_LIST)
        lock->has_token = false; /* given back */
    if (decisions)
        lock->reads_first = is_refusal(&decisions[first->batch_count - 1]);
    fs_ledger_batch_answer(first, reply);
}

/* False: none of them is to be decided any more. */
static bool write_fenced(struct fs_ledger_product *product)
{
    const struct fs_ledger_batch_kind kind = {
        .script = &fs_v2_write, .has_lock = true, .owner = owner_of(fs_v2_lock_of(product))};
    uint32_t count;
    struct fs_ledger_op *first =
        fs_ledger_queue_take(&product->queue, fs_v2_of(product)->ops_per_lock, &count);

    if (first)
        fs_ledger_batch_send(product, first, count, &kind, on_write);
    return first != NULL;
}

/* textbook */

static struct fs_ledger_product *product_of(struct fs_call *call)
{
    return (struct fs_ledger_product *)(void *)((char *)call -
                                                offsetof(struct fs_ledger_product, extra) -
                                                offsetof(struct fs_v2_lock, call));
}

static void on_release(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_product *product = product_of(call);
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    struct fs_v2_decided *decided = &lock->decided;
    struct fs_ledger_op *state = decided->state;

    product->in_flight--;
    fs_ledger_product_touch(product);
    if (reply->kind == FS_REPLY_INTEGER) {
        lock->has_token = false;
        if (reply->integer == 0)
            fs_v2_tell_event(product, FS_LOCK_LOST, 0); /* nothing was to be written */
    }
    decided->state = NULL;
    if (state && !fs_ledger_batch_complete(state, decided->epoch, &decided->decision))
        fs_ledger_queue_return(&product->queue, state);
    fs_ledger_share_seen(product);
}

/* The last trip; where an op was decided it is ended after it. */
static void release(struct fs_ledger_product *product, uint64_t deadline_us)
{
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    const struct fs_host *host = product->worker->ledger->host;
    const struct fs_text argv[] = {product->keys.list[FS_LEDGER_KEY_LOCK], fs_v2_token(lock)};

    product->in_flight++;
    if (lock->decided.state)
        lock->decided.state->trips++;
    lock->call.done = on_release;
    host->script(product->worker->loop, &lock->call, &fs_v2_release, deadline_us, 1, 2, argv);
}

static void on_apply(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_product *product = product_of(call);
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    struct fs_ledger_op *state = lock->decided.state;

    product->in_flight--;
    fs_ledger_product_touch(product);
    if (is_lost(reply)) {
        lock->decided.state = NULL;
        fs_v2_lock_lost(product, state);
    } else if (reply->kind == FS_REPLY_LIST) {
        if (state->units > 0)
            lock->decided.decision.record.len = 0; /* told only of what is replayed or cancelled */
        release(product, state->deadline_us);
    } else {
        lock->decided.state = NULL;
        fs_ledger_batch_fail(state, reply);
    }
}

static void apply(struct fs_ledger_product *product)
{
    struct fs_v2_lock *lock = fs_v2_lock_of(product);
    const struct fs_v2_decided *decided = &lock->decided;
    const struct fs_ledger_op *state = decided->state;
    const struct fs_ledger *ledger = product->worker->ledger;
    const struct fs_text none = FS_LEDGER_TEXT("");
    char claims[FS_LEDGER_KEY_LEN_MAX];
    char numbers[4][FS_LEDGER_NUMBER_SIZE];
    struct fs_text argv[6 + 14];
    size_t key_count = 0;
    size_t argc;
    int64_t units = state->units;

    if (units == 0) { /* a cancel gives back what its record says */
        struct fs_text rest = decided->decision.record;
        const char *bar = memchr(rest.data, '|', rest.len);
        const char *end =
            bar ? memchr(bar + 1, '|', (size_t)(rest.data + rest.len - bar - 1)) : NULL;

        if (end)
            fs_ledger_read_number((struct fs_text){bar + 1, (size_t)(end - bar - 1)}, &units);
        units = -units;
    }
    for (unsigned i = FS_LEDGER_KEY_SALE; i <= FS_LEDGER_KEY_LOG; i++)
        argv[key_count++] = product->keys.list[i];
    if (ledger->has_claims)
        argv[key_count++] = fs_ledger_key_write(claims, ledger->prefix, "claims");
    argv[key_count++] = product->keys.list[FS_LEDGER_KEY_LOCK];
    argc = key_count;
    argv[argc++] = none;
    argv[argc++] = none;
    argv[argc++] = none;
    argv[argc++] = ledger->has_claims ? product->name : none;
    argv[argc++] = fs_ledger_number(numbers[0], ledger->log_max);
    argv[argc++] = none;
    argv[argc++] = none;
    argv[argc++] = owner_of(lock);
    argv[argc++] = state->order;
    argv[argc++] = decided->decision.record;
    argv[argc++] = state->buyer;
    argv[argc++] = fs_ledger_number(numbers[1], units);
    argv[argc++] = fs_ledger_number(numbers[2], decided->decision.sequence);
    argv[argc++] = fs_ledger_number(numbers[3], decided->decision.units_left);
    lock->decided.state->trips++;
    product->in_flight++;
    lock->call.done = on_apply;
    ledger->host->script(product->worker->loop, &lock->call, &fs_v2_apply, state->deadline_us,
                         key_count, argc, argv);
}

static void on_read(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_op *state = fs_ledger_batch_of(call);
    struct fs_ledger_product *product = state->product;
    struct fs_v2_decided *decided = &fs_v2_lock_of(product)->decided;
    const struct fs_ledger_decision *decision = fs_ledger_batch_decisions(state, reply);
    size_t len;

    if (reply->kind == FS_REPLY_LOST) { /* a read decides nothing: again, with the same token */
        product->in_flight--;
        fs_ledger_product_touch(product);
        fs_ledger_queue_return(&product->queue, state);
        fs_ledger_product_wait(product, FS_LEDGER_RETRY_MS);
        return;
    }
    if (!decision || decision->record.len > FS_V2_RECORD_MAX) {
        fs_ledger_batch_answer(state, reply);
        return;
    }
    product->in_flight--;
    fs_ledger_product_touch(product);
    fs_ledger_batch_note(state, reply);
    decided->state = state;
    decided->epoch = (uint64_t)reply->items[FS_LEDGER_REPLY_EPOCH].integer;
    decided->decision = *decision;
    len = decided->decision.record.len;
    if (len > 0)
        memcpy(decided->record, decided->decision.record.data, len);
    decided->decision.record.data = decided->record;
    if (decided->decision.code != FS_DONE) {
        release(product, state->deadline_us);
    } else if (fs_ledger_op_asked(state, true)) {
        apply(product);
    } else {
        decided->state = NULL;
        fs_ledger_complete_late(state);
        release(product, 0);
    }
}

static void read_first(struct fs_ledger_product *product)
{
    static const struct fs_ledger_batch_kind kind = {.script = &fs_ledger_decide, .is_dry = true};
    uint32_t count;
    struct fs_ledger_op *first = fs_ledger_queue_cut(&product->queue, 1, &count);

    fs_ledger_batch_send(product, first, count, &kind, on_read);
}

void fs_v2_held(struct fs_ledger_product *product)
{
    const struct fs_ledger_op *first = product->queue.first;
    bool is_late = first->deadline_us <= product->worker->ledger->host->now_us();

    assert(product->in_flight == 0);
    if (!is_late && fs_v2_of(product)->is_textbook)
        read_first(product);
    else if (is_late || !write_fenced(product))
        release(product, 0); /* too late to start anything; the pump tells the op */
}
