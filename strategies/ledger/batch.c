/* Sends a batch and takes its answer apart. */
#include "batch.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>

#include "host.h"
#include "record.h"
#include "scripts.h"

/* The latest moment of the store's clock at which the batch may still be decided: that of its
 * oldest op.  The others are asked again when it has passed. */
static int64_t store_deadline_ms(const struct fs_ledger_product *product,
                                 const struct fs_ledger_op *first)
{
    uint64_t deadline_us = first->deadline_us;

    if (!product->has_clock)
        return 0;
    for (const struct fs_ledger_op *state = first; state; state = state->next)
        if (state->deadline_us < deadline_us)
            deadline_us = state->deadline_us;
    return (int64_t)(deadline_us / 1000) + product->clock_offset_ms + 1;
}

struct fs_ledger_op *fs_ledger_batch_of(struct fs_call *call)
{
    return (struct fs_ledger_op *)(void *)((char *)call - offsetof(struct fs_ledger_op, call));
}

/* KEYS; returns how many. */
static size_t put_keys(const struct fs_ledger_product *product, bool has_lock,
                       char claims[FS_LEDGER_KEY_LEN_MAX], struct fs_text *argv)
{
    const struct fs_ledger *ledger = product->worker->ledger;
    size_t argc = 0;

    for (unsigned i = FS_LEDGER_KEY_SALE; i <= FS_LEDGER_KEY_LOG; i++)
        argv[argc++] = product->keys.list[i];
    if (ledger->has_claims)
        argv[argc++] = fs_ledger_key_write(claims, ledger->prefix, "claims");
    if (has_lock)
        argv[argc++] = product->keys.list[FS_LEDGER_KEY_LOCK];
    return argc;
}

static size_t put_head(const struct fs_ledger_product *product, const struct fs_ledger_op *first,
                       const struct fs_ledger_batch_kind *kind, struct fs_text *argv)
{
    struct fs_ledger_worker *worker = product->worker;
    const struct fs_ledger *ledger = worker->ledger;
    char(*numbers)[FS_LEDGER_NUMBER_SIZE] = worker->numbers;
    size_t argc = 0;

    argv[argc++] = fs_ledger_number(numbers[0], (int64_t)product->seen_epoch);
    argv[argc++] =
        fs_ledger_append(worker->seen,
                         fs_ledger_numbers(worker->seen, (int64_t)product->witness_sequence,
                                           (int64_t)product->changed_sequence),
                         product->data);
    argv[argc++] = (struct fs_text){product->witness, product->witness_len};
    argv[argc++] = ledger->has_claims ? product->name : FS_LEDGER_TEXT("");
    argv[argc++] = fs_ledger_number(numbers[1], ledger->log_max);
    argv[argc++] = kind->is_dry ? FS_LEDGER_TEXT("dry") : FS_LEDGER_TEXT("run");
    argv[argc++] = product->clock_shift_ms == 0
                       ? fs_ledger_number(numbers[2], store_deadline_ms(product, first))
                       : fs_ledger_numbers(worker->deadline, store_deadline_ms(product, first),
                                           product->clock_shift_ms);
    argv[argc++] = kind->owner.data ? kind->owner : FS_LEDGER_TEXT("");
    return argc;
}

/* An older host has no such member. */
static void count_batch(const struct fs_ledger_worker *worker, uint32_t count)
{
    const struct fs_host *host = worker->ledger->host;

    if (FS_LEDGER_HOST_HAS(host, batch))
        host->batch(worker->loop, count);
}

void fs_ledger_batch_send(struct fs_ledger_product *product, struct fs_ledger_op *first,
                          uint32_t count, const struct fs_ledger_batch_kind *kind,
                          void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    struct fs_ledger_worker *worker = product->worker;
    const struct fs_host *host = worker->ledger->host;
    char claims[FS_LEDGER_KEY_LEN_MAX];
    struct fs_text *argv = worker->argv;
    size_t key_count = put_keys(product, kind->has_lock, claims, argv);
    size_t argc;
    uint64_t deadline_us = first->deadline_us;
    uint32_t index = 3; /* the head uses three numbers */

    assert(count >= 1 && count <= worker->ledger->batch_max);
    fs_ledger_share_seen(product);
    argc = key_count + put_head(product, first, kind, argv + key_count);
    first->sent_us = host->now_us();
    first->batch_count = count;
    for (struct fs_ledger_op *state = first; state; state = state->next) {
        argv[argc++] = state->order;
        argv[argc++] = state->buyer;
        argv[argc++] = fs_ledger_number(worker->numbers[index++], state->units);
        state->trips++;
        if (!state->was_lost)
            state->sequence_before = product->sequence_seen;
        if (state->deadline_us > deadline_us)
            deadline_us = state->deadline_us;
    }
    first->call.done = done;
    product->in_flight++;
    count_batch(worker, count);
    host->script(worker->loop, &first->call, kind->script, deadline_us, key_count, argc, argv);
}

const struct fs_ledger_decision *fs_ledger_batch_decisions(const struct fs_ledger_op *first,
                                                           const struct fs_reply *reply)
{
    struct fs_ledger_decision *decisions = first->product->worker->decisions;

    return fs_ledger_reply_is_whole(reply, first->batch_count) &&
                   fs_ledger_reply_read(reply, first, decisions)
               ? decisions
               : NULL;
}

/* Tells the order where the answer has its record.  Returns its epoch, else epoch. */
static uint64_t tell_record(struct fs_ledger_op *state, uint64_t epoch, struct fs_text record)
{
    struct fs_order_info info;
    uint64_t cancel_sequence;

    if (record.len == 0 || !fs_ledger_read_order(record, &info, &cancel_sequence))
        return epoch;
    info.product = state->product->told_name;
    info.order = state->order;
    state->product->worker->ledger->host->tell_order(state->op, &info);
    return info.epoch;
}

/* A sale or a cancel, also when it is told again: whoever is told it counts on it. */
static void acknowledge(struct fs_ledger_op *state, uint64_t epoch, int64_t sequence)
{
    struct fs_ledger_product *product = state->product;

    if (epoch != product->seen_epoch || (uint64_t)sequence <= product->witness_sequence)
        return; /* a late answer, or a record, from before a new epoch */
    product->witness_sequence = (uint64_t)sequence;
    product->witness_len = (uint8_t)state->order.len;
    memcpy(product->witness, state->order.data, state->order.len);
}

static void tell_frozen(struct fs_ledger_product *product)
{
    const struct fs_host *host = product->worker->ledger->host;

    if (product->is_frozen)
        return;
    host->log(host, FS_LOG_ERROR,
              "%s: the sale of %.*s is frozen: the store has lost what it acknowledged, or "
              "belongs to other sale data, or a script failed; the last order acknowledged here is "
              "'%.*s', sequence %" PRIu64 " of epoch %" PRIu64
              "; audit it, then reset it to sell again",
              product->worker->ledger->name, (int)product->name.len, product->name.data,
              (int)product->witness_len, product->witness, product->witness_sequence,
              product->seen_epoch);
    product->is_frozen = true;
    if (product->seen_epoch == 0)
        fs_ledger_note_lost(product->worker->ledger, product->name);
    fs_ledger_note_frozen(product->worker->ledger, product->name, true);
}

/* Whether a decision from before is the op's own, of an ask whose answer was lost: to its client it is
 * then the first answer and no replay.  It is another's when it was known before the op was asked for,
 * or was cancelled since.  What stays open is a request with the same key that was decided meanwhile
 * from elsewhere: whose ask had run nobody can tell, and both are told one order, as of the first. */
static bool is_own_decision(const struct fs_ledger_op *state, uint64_t epoch,
                            const struct fs_ledger_decision *decision)
{
    struct fs_order_info info;
    uint64_t cancel_sequence;

    return state->was_lost && decision->code == FS_DONE + FS_LEDGER_REPLAYED &&
           (uint64_t)decision->sequence > state->sequence_before &&
           fs_ledger_read_order(decision->record, &info, &cancel_sequence) && info.epoch == epoch &&
           (state->units == 0 || info.status == FS_ORDER_SOLD);
}

static void note_sequence(struct fs_ledger_product *product, uint64_t epoch, int64_t sequence)
{
    if (epoch == product->seen_epoch && (uint64_t)sequence > product->sequence_seen)
        product->sequence_seen = (uint64_t)sequence;
}

bool fs_ledger_batch_complete(struct fs_ledger_op *state, uint64_t epoch,
                              const struct fs_ledger_decision *decision)
{
    struct fs_ledger_product *product = state->product;
    const struct fs_host *host = product->worker->ledger->host;
    int64_t code = decision->code;
    struct fs_outcome outcome = {
        .store_trips = state->trips,
        .units_left = decision->units_left,
        .epoch = epoch,
        .sequence = (uint64_t)decision->sequence,
    };

    if (code == FS_LEDGER_LATE && host->now_us() < state->deadline_us) {
        product->has_clock = false;
        return false;
    }
    note_sequence(product, epoch, decision->sequence);
    if (code == FS_LEDGER_FROZEN) {
        tell_frozen(product);
        outcome.verdict = state->may_be_decided ? FS_UNDETERMINED : FS_UNAVAILABLE;
    } else if (code == FS_LEDGER_LATE) {
        outcome.verdict = FS_BUSY;
    } else if (code > FS_LEDGER_STATE) {
        outcome.verdict = FS_CLOSED;
        outcome.state = (enum fs_sale_state)(code - FS_LEDGER_STATE);
    } else {
        bool is_own = is_own_decision(state, epoch, decision);

        if (code > FS_LEDGER_REPLAYED)
            code -= FS_LEDGER_REPLAYED;
        outcome.verdict = (enum fs_verdict)code;
        outcome.replayed = decision->code > FS_LEDGER_REPLAYED && !is_own;
        outcome.epoch = tell_record(state, epoch, decision->record);
        if (code == FS_DONE)
            acknowledge(state, outcome.epoch, decision->sequence);
    }
    if (product->is_part && (outcome.verdict != FS_DONE || state->units == 0))
        outcome.units_left = -1;
    host->complete(state->op, &outcome);
    return true;
}

/* An answer that took long says too much, by as long: the least of them all is the best.  It creeps
 * up by a millisecond an answer, so that it follows a clock that was set. */
void fs_ledger_batch_clock(struct fs_ledger_product *product, int64_t offset_ms)
{
    if (!product->has_clock || offset_ms < product->clock_offset_ms)
        product->clock_offset_ms = offset_ms;
    else if (offset_ms > product->clock_offset_ms)
        product->clock_offset_ms++;
    product->has_clock = true;
}

void fs_ledger_batch_epoch(struct fs_ledger_product *product, uint64_t epoch)
{
    if (epoch <= product->seen_epoch)
        return;
    product->seen_epoch = epoch;
    product->witness_sequence = 0;
    product->witness_len = 0;
    product->changed_sequence = 0;
    product->sequence_seen = 0;
    product->is_frozen = false;
    fs_ledger_note_epoch(product->worker->ledger, product->name, epoch);
}

/* Of several ops of one batch that name the same order, the first is its own. */
static void leave_to_the_first(struct fs_ledger_op *first,
                               const struct fs_ledger_decision *decisions)
{
    uint32_t index = 0;

    for (struct fs_ledger_op *state = first; state; state = state->next, index++) {
        uint32_t later = index + 1;

        for (struct fs_ledger_op *other = state->next; other && state->was_lost;
             other = other->next, later++)
            if (decisions[later].sequence == decisions[index].sequence)
                other->was_lost = false;
    }
}

void fs_ledger_batch_note(struct fs_ledger_op *first, const struct fs_reply *reply)
{
    struct fs_ledger_product *product = first->product;
    const struct fs_ledger_decision *decisions = product->worker->decisions;
    uint64_t epoch = (uint64_t)reply->items[FS_LEDGER_REPLY_EPOCH].integer;
    int64_t now_ms = reply->items[FS_LEDGER_REPLY_NOW].integer;

    leave_to_the_first(first, decisions);
    if (now_ms > 0)
        fs_ledger_batch_clock(product, now_ms - (int64_t)(first->sent_us / 1000));
    /* A frozen sale replays: its time is -1 then. */
    if (now_ms >= 0 && decisions[0].code != FS_LEDGER_FROZEN && product->is_frozen) {
        product->is_frozen = false;
        fs_ledger_note_frozen(product->worker->ledger, product->name, false);
    }
    fs_ledger_batch_epoch(product, epoch);
}

/* Back to the front of the queue, to be asked again a little later. */
static void ask_again(struct fs_ledger_product *product, struct fs_ledger_op *first)
{
    if (!first)
        return;
    fs_ledger_queue_return(&product->queue, first);
    if (!product->is_waiting)
        fs_ledger_product_wait(product, FS_LEDGER_RETRY_MS);
}

static void end_frozen(struct fs_ledger_op *first)
{
    struct fs_ledger_product *product = first->product;
    struct fs_ledger_op *next;

    product->in_flight--;
    fs_ledger_product_touch(product);
    for (struct fs_ledger_op *state = first; state; state = next) {
        next = state->next;
        fs_ledger_complete(state, FS_UNDETERMINED);
    }
}

static void send_freeze(struct fs_ledger_op *first);

static void on_freeze_again(struct fs_call *call, const struct fs_reply *reply)
{
    (void)reply;
    send_freeze(fs_ledger_batch_of(call));
}

static void on_freeze(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_op *first = fs_ledger_batch_of(call);
    struct fs_ledger_product *product = first->product;
    const struct fs_host *host = product->worker->ledger->host;

    if (reply->kind != FS_REPLY_INTEGER && reply->kind != FS_REPLY_ERROR &&
        host->now_us() < first->deadline_us) {
        first->call.done = on_freeze_again;
        host->wait(product->worker->loop, &first->call, FS_LEDGER_RETRY_MS);
        return;
    }
    if (reply->kind != FS_REPLY_INTEGER)
        host->log(host, FS_LOG_ERROR, "%s: the sale of %.*s could not be frozen",
                  product->worker->ledger->name, (int)product->name.len, product->name.data);
    end_frozen(first);
}

static void send_freeze(struct fs_ledger_op *first)
{
    const struct fs_ledger_product *product = first->product;
    const struct fs_ledger_worker *worker = product->worker;
    const struct fs_text argv[] = {product->keys.list[FS_LEDGER_KEY_SALE],
                                   FS_LEDGER_TEXT("script failed")};

    first->call.done = on_freeze;
    worker->ledger->host->script(worker->loop, &first->call, &fs_ledger_freeze, 0, 1, 2, argv);
}

/* The script failed and may be half executed: stop the sale before anything else is sold from it. */
static void freeze(struct fs_ledger_op *first, const struct fs_reply *reply)
{
    struct fs_ledger_product *product = first->product;
    struct fs_ledger_worker *worker = product->worker;
    const struct fs_host *host = worker->ledger->host;
    struct fs_text said =
        reply->kind == FS_REPLY_ERROR ? reply->text : FS_LEDGER_TEXT("an unknown answer");

    host->log(
        host, FS_LOG_ERROR,
        "%s: a script on the sale of %.*s failed and may be half executed; the sale is frozen "
        "until it is audited and reset: %.*s",
        worker->ledger->name, (int)product->name.len, product->name.data, (int)said.len, said.data);
    product->in_flight++;
    send_freeze(first);
}

void fs_ledger_batch_fail(struct fs_ledger_op *first, const struct fs_reply *reply)
{
    struct fs_ledger_product *product = first->product;
    bool is_lost = reply->kind == FS_REPLY_LOST;
    struct fs_ledger_queue again = {0};
    struct fs_ledger_op *next;
    uint64_t now_us;

    if (!is_lost && reply->kind != FS_REPLY_NOT_SENT && reply->kind != FS_REPLY_REFUSED) {
        freeze(first, reply);
        return;
    }
    now_us = product->worker->ledger->host->now_us();
    for (struct fs_ledger_op *state = first; state; state = next) {
        next = state->next;
        state->may_be_decided = state->may_be_decided || is_lost;
        state->was_lost = state->was_lost || is_lost;
        if (!state->may_be_decided) {
            fs_ledger_complete(state, FS_UNAVAILABLE);
        } else if (state->deadline_us <= now_us) {
            fs_ledger_complete(state, FS_UNDETERMINED);
        } else {
            fs_ledger_queue_append(&again, state);
        }
    }
    ask_again(product, again.first);
}

void fs_ledger_batch_answer(struct fs_ledger_op *first, const struct fs_reply *reply)
{
    struct fs_ledger_product *product = first->product;
    bool (*keep)(struct fs_ledger_op *, uint64_t, struct fs_ledger_decision *) =
        product->worker->keep;
    const struct fs_ledger_decision *decisions = fs_ledger_batch_decisions(first, reply);
    struct fs_ledger_queue again = {0};
    struct fs_ledger_op *next;
    uint64_t epoch = decisions ? (uint64_t)reply->items[FS_LEDGER_REPLY_EPOCH].integer : 0;

    product->in_flight--;
    fs_ledger_product_touch(product);
    if (!decisions) {
        fs_ledger_batch_fail(first, reply);
        return;
    }
    fs_ledger_batch_note(first, reply);
    for (struct fs_ledger_op *state = first; state; state = next) {
        struct fs_ledger_decision decision = *decisions++;

        next = state->next;
        if (keep && keep(state, epoch, &decision))
            continue;
        if (fs_ledger_batch_complete(state, epoch, &decision))
            continue;
        fs_ledger_queue_append(&again, state);
    }
    fs_ledger_share_seen(product);
    ask_again(product, again.first);
}
