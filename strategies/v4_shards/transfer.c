/* Transfers, each an object from TAKE until FORGET has answered.
 *
 * From the moment a TAKE may have run until its PUT has answered, its purchases may be decided by
 * anyone who finishes the transfer: they are marked so, and never answered "nothing was taken". */
#include "transfer.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "decide.h"
#include "ledger/host.h"
#include "scripts.h"
#include "stock.h"
#include "wait.h"

#define TAKE_ITEMS 5u /* of an answer to TAKE, and to PUT */
#define PUT_ITEMS 6u
#define TAKE_HEAD 9u /* two keys, epoch, to, more, deadline, moves, witness */
#define PUT_HEAD 13u /* up to five keys, and the head of decide.lua */
#define OWNER_SIZE (5 * FS_LEDGER_NUMBER_SIZE)

enum { MADE = 1, PENDING = 0 };                                       /* of take.lua */
enum { NOT_CREDITED, CREDITED_NOW, CREDITED_LAST, CREDITED_EARLIER }; /* of put_begin.lua */

struct fs_v4_transfer {
    struct fs_call call;
    struct fs_v4_sale *sale; /* used */
    struct fs_v4_transfer *next, **at;
    unsigned from, to;
    uint64_t epoch;
    uint64_t number;
    struct fs_ledger_op *ops;     /* those it is asked for, until TAKE has answered */
    bool is_answered;             /* PUT, by its script */
    int64_t how;                  /* it was put */
    enum fs_transfer_event event; /* when it is put */
    uint64_t sequence_first,
        sequence_last;      /* of the records made with it: above first, up to last */
    char owner[OWNER_SIZE]; /* "|from|epoch|number|units" */
    size_t owner_len;
};

static struct fs_v4_transfer *transfer_of(struct fs_call *call)
{
    return (struct fs_v4_transfer *)(void *)((char *)call - offsetof(struct fs_v4_transfer, call));
}

static struct fs_v4_transfer *create(struct fs_v4_sale *sale, unsigned from, unsigned to)
{
    struct fs_v4_worker *worker = sale->worker;
    struct fs_v4_transfer *transfer = calloc(1, sizeof(*transfer));

    if (!transfer)
        return NULL;
    transfer->sale = sale;
    transfer->from = from;
    transfer->to = to;
    transfer->next = worker->transfers;
    transfer->at = &worker->transfers;
    if (transfer->next)
        transfer->next->at = &transfer->next;
    worker->transfers = transfer;
    fs_v4_sale_use(sale);
    sale->acting_count++;
    return transfer;
}

static void destroy(struct fs_v4_transfer *transfer)
{
    *transfer->at = transfer->next;
    if (transfer->next)
        transfer->next->at = transfer->at;
    fs_v4_sale_leave(transfer->sale);
    free(transfer);
}

void fs_v4_transfers_dispose(struct fs_v4_worker *worker)
{
    while (worker->transfers) {
        struct fs_v4_transfer *transfer = worker->transfers;

        worker->transfers = transfer->next;
        fs_v4_sale_leave(transfer->sale);
        free(transfer);
    }
}

static void count_event(const struct fs_v4_transfer *transfer, enum fs_transfer_event event)
{
    const struct fs_v4_worker *worker = transfer->sale->worker;
    const struct fs_host *host = fs_v4_host(worker);

    if (FS_LEDGER_HOST_HAS(host, transfer_event))
        host->transfer_event(worker->ledger.loop, event);
}

/* The gathering need not wait for it any more. */
static void end_step(struct fs_v4_transfer *transfer)
{
    assert(transfer->sale->acting_count > 0);
    transfer->sale->acting_count--;
    fs_v4_sale_touch(transfer->sale);
}

static void on_forget(struct fs_call *call, const struct fs_reply *reply)
{
    (void)reply; /* whoever takes over this pair finds it pending, and finishes it again */
    destroy(transfer_of(call));
}

static void send_forget(struct fs_v4_transfer *transfer)
{
    struct fs_v4_sale *sale = transfer->sale;
    char numbers[3][FS_LEDGER_NUMBER_SIZE];
    const struct fs_text argv[] = {
        sale->shards[transfer->from].product->keys.list[FS_LEDGER_KEY_SALE],
        fs_ledger_number(numbers[0], (int64_t)transfer->epoch),
        fs_ledger_number(numbers[1], transfer->to),
        fs_ledger_number(numbers[2], (int64_t)transfer->number),
        sale->shards[transfer->from].product->data,
    };

    transfer->call.done = on_forget;
    fs_v4_host(sale->worker)
        ->script(sale->worker->ledger.loop, &transfer->call, &fs_v4_forget, 0, 1, 5, argv);
}

/* Takes the answer of put_begin.lua apart; gives that of decide.lua in it, or what there is instead. */
static const struct fs_reply *take_answer(struct fs_v4_transfer *transfer,
                                          const struct fs_reply *reply)
{
    int64_t values[PUT_ITEMS - 1];

    transfer->how = NOT_CREDITED;
    transfer->is_answered = false;
    if (reply->kind != FS_REPLY_LIST || reply->item_count != PUT_ITEMS)
        return reply;
    for (unsigned i = 1; i < PUT_ITEMS; i++) {
        if (reply->items[i].kind != FS_REPLY_INTEGER)
            return reply;
        values[i - 1] = reply->items[i].integer;
    }
    transfer->is_answered = true;
    transfer->how = values[0];
    transfer->sequence_first = (uint64_t)values[1];
    transfer->sequence_last = (uint64_t)values[2];
    if (transfer->how == CREDITED_NOW)
        fs_v4_stock_note(
            transfer->sale, transfer->to,
            (struct fs_v4_mark){transfer->epoch, transfer->sequence_first, (uint64_t)values[3]},
            values[4]);
    return &reply->items[0];
}

bool fs_v4_transfer_decided(const struct fs_ledger_op *state, uint64_t sequence)
{
    const struct fs_v4_op *op = (const struct fs_v4_op *)(const void *)state;
    const struct fs_v4_transfer *transfer = op->transfer;

    if (!transfer || op->is_copy)
        return false;
    /* Of a transfer that is not the last any more nobody knows what was decided with it.  Home said,
     * after the op had come, that it was not decided: only another request of the same order, that
     * came in the same moment, could have been the first. */
    if (transfer->how == CREDITED_EARLIER)
        return true;
    return transfer->how == CREDITED_LAST && sequence > transfer->sequence_first &&
           sequence <= transfer->sequence_last;
}

static void after_put(struct fs_v4_transfer *transfer, bool was_put)
{
    count_event(transfer, was_put ? transfer->event : FS_TRANSFER_FAILED);
    if (!transfer->is_answered)
        transfer->sale->is_failing = true;
    end_step(transfer);
    if (was_put)
        send_forget(transfer);
    else
        destroy(transfer);
}

static void on_put(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_op *first = fs_ledger_batch_of(call);
    struct fs_v4_transfer *transfer = ((struct fs_v4_op *)(void *)first)->transfer;

    fs_v4_decide_answer(first, take_answer(transfer, reply));
    after_put(transfer, transfer->how != NOT_CREDITED);
}

static void on_put_alone(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_transfer *transfer = transfer_of(call);
    const struct fs_host *host = fs_v4_host(transfer->sale->worker);

    if (reply->kind == FS_REPLY_ERROR)
        host->log(host, FS_LOG_ERROR, "v4: a transfer of %.*s could not be put: %.*s",
                  (int)transfer->sale->name.len, transfer->sale->name.data, (int)reply->text.len,
                  reply->text.data);
    take_answer(transfer, reply);
    after_put(transfer, transfer->how != NOT_CREDITED);
}

static void write_owner(struct fs_v4_transfer *transfer, const struct fs_v4_out *out)
{
    const int64_t values[] = {transfer->from, (int64_t)out->epoch, (int64_t)out->number,
                              out->units};
    char number[FS_LEDGER_NUMBER_SIZE];

    transfer->epoch = out->epoch;
    transfer->number = out->number;
    transfer->owner_len = 0;
    for (unsigned i = 0; i < 4; i++) {
        struct fs_text text = fs_ledger_number(number, values[i]);

        transfer->owner[transfer->owner_len++] = '|';
        memcpy(transfer->owner + transfer->owner_len, text.data, text.len);
        transfer->owner_len += text.len;
    }
}

/* PUT of a transfer whose purchases, if any, are not ours. */
static void put_alone(struct fs_v4_transfer *transfer, const struct fs_v4_out *out)
{
    struct fs_v4_worker *worker = transfer->sale->worker;
    const struct fs_ledger *ledger = worker->ledger.ledger;
    const struct fs_ledger_product *home = transfer->sale->shards[transfer->to].product;
    char deadline[2 * FS_LEDGER_NUMBER_SIZE];
    int64_t deadline_ms = 0;
    struct fs_text argv[PUT_HEAD + 3 * FS_V4_NAMED_MAX];
    char claims[FS_LEDGER_KEY_LEN_MAX];
    char log_max[FS_LEDGER_NUMBER_SIZE];
    char extra[FS_V4_EXTRA_SIZE];
    char seen[FS_LEDGER_SEEN_SIZE];
    struct fs_text named = out->named;
    size_t key_count;
    size_t argc = 0;

    write_owner(transfer, out);
    for (unsigned i = FS_LEDGER_KEY_SALE; i <= FS_LEDGER_KEY_LOG; i++)
        argv[argc++] = home->keys.list[i];
    if (ledger->has_claims)
        argv[argc++] = fs_ledger_key_write(claims, ledger->prefix, "claims");
    key_count = argc;
    argv[argc++] = FS_LEDGER_TEXT("0");
    argv[argc++] = fs_ledger_append(seen, fs_ledger_numbers(seen, 0, 0), home->data);
    argv[argc++] = FS_LEDGER_TEXT("");
    argv[argc++] = ledger->has_claims ? home->name : FS_LEDGER_TEXT("");
    argv[argc++] = fs_ledger_number(log_max, ledger->log_max);
    argv[argc++] = FS_LEDGER_TEXT("run");
    fs_v4_decide_clock(transfer->sale, transfer->to);
    argv[argc++] = home->clock_shift_ms != 0 && fs_ledger_read_number(out->deadline, &deadline_ms)
                       ? fs_ledger_numbers(deadline, deadline_ms, home->clock_shift_ms)
                       : out->deadline;
    argv[argc++] = fs_v4_decide_extra(extra, fs_v4_stock_elsewhere(transfer->sale, transfer->to),
                                      (struct fs_text){transfer->owner, transfer->owner_len});
    for (unsigned i = 0; i < FS_V4_NAMED_MAX; i++, argc += 3)
        if (!fs_v4_named_next(&named, &argv[argc], &argv[argc + 1], &argv[argc + 2]))
            break;
    transfer->call.done = on_put_alone;
    fs_v4_host(worker)->script(worker->ledger.loop, &transfer->call, &fs_v4_put, 0, key_count, argc,
                               argv);
}

/* PUT and the decision of our own purchases, as a batch of home. */
static void put_ops(struct fs_v4_transfer *transfer, const struct fs_v4_out *out,
                    struct fs_ledger_op *first, uint32_t count)
{
    write_owner(transfer, out);
    fs_v4_decide_send(transfer->sale->shards[transfer->to].product, first, count, &fs_v4_put,
                      (struct fs_text){transfer->owner, transfer->owner_len}, transfer, on_put);
}

static void mark_taken_for(struct fs_ledger_op *state)
{
    state->may_be_decided = true;
    ((struct fs_v4_op *)(void *)state)->is_taken_for = true;
}

/* Of two ops of one order only the one asked first can have been the first. */
static void mark_copy(const struct fs_ledger_op *first, struct fs_ledger_op *state)
{
    const struct fs_ledger_op *at = first;

    while (at && !fs_ledger_same(at->order, state->order))
        at = at->next;
    ((struct fs_v4_op *)(void *)state)->is_copy = at != NULL;
}

/* Divides the ops into those that the transfer is for, which are given back, and the others, which
 * wait again.  Both stand in the same order. */
static struct fs_ledger_op *take_named(struct fs_v4_transfer *transfer, const struct fs_v4_out *out,
                                       uint32_t *count)
{
    struct fs_ledger_queue mine = {0};
    struct fs_text named = out->named;
    struct fs_text order, buyer, units;
    bool has_next = fs_v4_named_next(&named, &order, &buyer, &units);
    struct fs_ledger_op *next;

    *count = 0;
    for (struct fs_ledger_op *state = transfer->ops; state; state = next) {
        next = state->next;
        if (!has_next || !fs_ledger_same(state->order, order)) {
            fs_v4_wait_here(transfer->sale, state);
            continue;
        }
        mark_taken_for(state);
        mark_copy(mine.first, state);
        fs_ledger_queue_append(&mine, state);
        ++*count;
        has_next = fs_v4_named_next(&named, &order, &buyer, &units);
    }
    transfer->ops = NULL;
    return mine.first;
}

static void wait_again(struct fs_v4_transfer *transfer)
{
    struct fs_ledger_op *next;

    for (struct fs_ledger_op *state = transfer->ops; state; state = next) {
        next = state->next;
        fs_v4_wait_here(transfer->sale, state);
    }
    transfer->ops = NULL;
}

/* TAKE was not answered, or with an error. */
static void take_failed(struct fs_v4_transfer *transfer, const struct fs_reply *reply)
{
    const struct fs_host *host = fs_v4_host(transfer->sale->worker);
    bool was_not_run = reply->kind == FS_REPLY_NOT_SENT || reply->kind == FS_REPLY_REFUSED;
    struct fs_ledger_op *next;

    if (!was_not_run && reply->kind != FS_REPLY_LOST)
        host->log(host, FS_LOG_ERROR, "v4: units of %.*s could not be taken: %.*s",
                  (int)transfer->sale->name.len, transfer->sale->name.data, (int)reply->text.len,
                  reply->text.data ? reply->text.data : "");
    for (struct fs_ledger_op *state = transfer->ops; state; state = next) {
        next = state->next;
        if (!was_not_run)
            mark_taken_for(state);
        fs_v4_fail(state);
    }
    if (!transfer->ops) /* of a sweep, those that it is for wait */
        transfer->sale->is_failing = true;
    transfer->ops = NULL;
    count_event(transfer, FS_TRANSFER_FAILED);
    end_step(transfer);
    destroy(transfer);
}

/* Whether it is TAKE's answer. */
static bool is_taken(const struct fs_reply *reply)
{
    if (reply->kind != FS_REPLY_LIST || reply->item_count != TAKE_ITEMS)
        return false;
    for (unsigned i = 0; i < TAKE_ITEMS; i++)
        if (reply->items[i].kind != (i == 1 ? FS_REPLY_TEXT : FS_REPLY_INTEGER))
            return false;
    return true;
}

static void on_take(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_transfer *transfer = transfer_of(call);
    struct fs_v4_out out;
    struct fs_ledger_op *first = NULL;
    uint32_t count = 0;
    int64_t code;

    if (!is_taken(reply)) {
        take_failed(transfer, reply);
        return;
    }
    code = reply->items[0].integer;
    if ((code != MADE && code != PENDING) || !fs_v4_out_parse(reply->items[1].text, &out)) {
        count_event(transfer, FS_TRANSFER_REFUSED);
        wait_again(transfer);
        end_step(transfer);
        destroy(transfer);
        return;
    }
    if (code == PENDING)
        transfer->event = FS_TRANSFER_FINISHED;
    if (code == MADE) {
        const struct fs_v4_mark mark = {out.epoch, (uint64_t)reply->items[2].integer,
                                        (uint64_t)reply->items[3].integer};

        fs_v4_stock_note(transfer->sale, transfer->from, mark, reply->items[4].integer);
        first = take_named(transfer, &out, &count);
    }
    wait_again(transfer);
    if (first)
        put_ops(transfer, &out, first, count);
    else
        put_alone(transfer, &out);
}

/* By the clock of home, as far as it is known. */
static int64_t deadline_of(const struct fs_ledger_product *home, const struct fs_ledger_op *ops)
{
    uint64_t deadline_us = 0;

    if (!home->has_clock)
        return 0;
    for (const struct fs_ledger_op *state = ops; state; state = state->next)
        if (state->deadline_us > deadline_us)
            deadline_us = state->deadline_us;
    return ops ? (int64_t)(deadline_us / 1000) + home->clock_offset_ms + 1 : 0;
}

void fs_v4_transfer_take(struct fs_v4_sale *sale, unsigned from, unsigned to, uint64_t epoch,
                         int64_t more, struct fs_ledger_op *ops)
{
    struct fs_v4_worker *worker = sale->worker;
    struct fs_v4_transfer *transfer = create(sale, from, to);
    struct fs_text argv[TAKE_HEAD + 3 * FS_V4_NAMED_MAX];
    char numbers[6 + FS_V4_NAMED_MAX][FS_LEDGER_NUMBER_SIZE];
    char known[FS_LEDGER_SEEN_SIZE];
    struct fs_ledger_product *donor = sale->shards[from].product;
    uint64_t moves = fs_v4_stock_elsewhere(sale, from).moves;
    unsigned named = 0;
    size_t argc = 0;

    if (!transfer) {
        struct fs_ledger_op *next;

        for (struct fs_ledger_op *state = ops; state; state = next) {
            next = state->next;
            fs_v4_fail(state);
        }
        return;
    }
    transfer->ops = ops;
    transfer->event = ops ? FS_TRANSFER_MADE : FS_TRANSFER_SWEPT;
    argv[argc++] = donor->keys.list[FS_LEDGER_KEY_SALE];
    argv[argc++] = donor->keys.list[FS_LEDGER_KEY_ORDERS];
    argv[argc++] = fs_ledger_number(numbers[0], (int64_t)epoch);
    argv[argc++] = fs_ledger_number(numbers[1], to);
    argv[argc++] = fs_ledger_number(numbers[2], more);
    argv[argc++] = fs_ledger_number(numbers[3], deadline_of(sale->shards[to].product, ops));
    argv[argc++] = fs_ledger_append(known, fs_ledger_number(known, (int64_t)moves), donor->data);
    argc += fs_v4_decide_witness(donor, epoch, numbers[5], &argv[argc]);
    for (struct fs_ledger_op *state = ops; state; state = state->next) {
        assert(named < FS_V4_NAMED_MAX);
        argv[argc++] = state->order;
        argv[argc++] = state->buyer;
        argv[argc++] = fs_ledger_number(numbers[6 + named++], state->units);
        state->trips++;
    }
    transfer->call.done = on_take;
    fs_v4_host(worker)->script(worker->ledger.loop, &transfer->call, &fs_v4_take, 0, 2, argc, argv);
}

void fs_v4_transfer_finish(struct fs_v4_sale *sale, unsigned from, unsigned to,
                           const struct fs_v4_out *out)
{
    struct fs_v4_transfer *transfer = create(sale, from, to);

    if (!transfer)
        return;
    transfer->event = FS_TRANSFER_FINISHED;
    put_alone(transfer, out);
}
