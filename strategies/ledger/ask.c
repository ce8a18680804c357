/* Reads of one sale or order, and the probe. */
#include "ask.h"

#include <stddef.h>

#include "allowed.h"
#include "batch.h"
#include "probe.h"
#include "record.h"
#include "scripts.h"

struct fs_ledger_ask *fs_ledger_ask_of(struct fs_call *call)
{
    return (struct fs_ledger_ask *)(void *)((char *)call - offsetof(struct fs_ledger_ask, call));
}

void fs_ledger_ask_end(struct fs_ledger_ask *state, enum fs_verdict verdict)
{
    const struct fs_outcome outcome = {.verdict = verdict,
                                       .state = verdict == FS_CLOSED ? FS_SALE_FROZEN : 0,
                                       .store_trips = state->trips,
                                       .units_left = -1};

    if (verdict == FS_CLOSED)
        fs_ledger_tell_trouble(state->worker->ledger, state->op, state->product);
    state->worker->ledger->host->complete(state->op, &outcome);
}

void fs_ledger_ask_missing(struct fs_ledger_ask *state)
{
    bool is_lost = fs_ledger_is_lost(state->worker->ledger, state->product);

    fs_ledger_ask_end(state, is_lost ? FS_UNAVAILABLE : FS_UNKNOWN);
}

void fs_ledger_ask_fail(struct fs_ledger_ask *state, const struct fs_reply *reply)
{
    const struct fs_ledger *ledger = state->worker->ledger;

    if (reply->kind != FS_REPLY_NOT_SENT && reply->kind != FS_REPLY_LOST)
        ledger->host->log(ledger->host, FS_LOG_ERROR, "%s: the store answers a read with: %.*s",
                          ledger->name, (int)reply->text.len,
                          reply->text.data ? reply->text.data : "");
    fs_ledger_ask_end(state, FS_UNAVAILABLE);
}

void fs_ledger_ask_tell(struct fs_ledger_ask *state, const struct fs_sale_info *info,
                        bool is_replayed)
{
    const struct fs_outcome outcome = {
        .verdict = FS_DONE,
        .replayed = is_replayed,
        .store_trips = state->trips,
        .units_left = info->units_left,
        .epoch = info->epoch,
        .sequence = info->sequence,
    };
    struct fs_sale_info told = *info;

    told.product = state->product;
    state->worker->ledger->host->tell_sale(state->op, &told);
    if (told.state >= FS_SALE_FROZEN)
        fs_ledger_tell_trouble(state->worker->ledger, state->op, state->product);
    state->worker->ledger->host->complete(state->op, &outcome);
}

void fs_ledger_ask_tell_missing(struct fs_ledger_ask *state)
{
    struct fs_sale_info lost = fs_ledger_lost_sale(state->product);

    if (fs_ledger_is_sale_lost(state->worker->ledger, state->product))
        fs_ledger_ask_tell(state, &lost, false);
    else
        fs_ledger_ask_end(state, FS_UNKNOWN);
}

void fs_ledger_ask_tell_order(struct fs_ledger_ask *state, struct fs_order_info *info)
{
    const struct fs_outcome outcome = {
        .verdict = FS_DONE,
        .store_trips = state->trips,
        .units_left = info->units_left,
        .epoch = info->epoch,
        .sequence = info->sequence,
    };

    if (!fs_ledger_same(info->buyer, state->buyer)) {
        fs_ledger_ask_end(state, FS_UNKNOWN);
        return;
    }
    info->product = state->product;
    info->order = state->order;
    state->worker->ledger->host->tell_order(state->op, info);
    state->worker->ledger->host->complete(state->op, &outcome);
}

static void begin(struct fs_ledger_worker *worker, struct fs_op *op, struct fs_ledger_ask *state)
{
    state->worker = worker;
    state->op = op;
    state->trips = 1;
}

/* Takes the answer to a read of the sale.  False: it is none, and the op has ended. */
static bool read_sale(struct fs_ledger_ask *state, const struct fs_reply *reply,
                      struct fs_ledger_sale *sale)
{
    bool is_sale =
        reply->kind == FS_REPLY_LIST && fs_ledger_read_sale(reply->items, reply->item_count, sale);

    if (reply->kind == FS_REPLY_LIST && reply->item_count == 0)
        fs_ledger_note_lost(state->worker->ledger, state->product);
    if (reply->kind == FS_REPLY_NIL || (reply->kind == FS_REPLY_LIST && reply->item_count == 0))
        fs_ledger_ask_missing(state);
    else if (!is_sale)
        fs_ledger_ask_fail(state, reply);
    return is_sale;
}

/* A purchase that is decided in dry mode */

struct probed {
    struct fs_text product; /* in the store */
    struct fs_text epoch, sequence, witness;
};

static void send_probe(struct fs_ledger_ask *state, const struct probed *probed,
                       void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    struct fs_ledger_worker *worker = state->worker;
    const struct fs_ledger *ledger = worker->ledger;
    const struct fs_text none = FS_LEDGER_TEXT("");
    const struct fs_text probe = FS_LEDGER_TEXT("probe");
    const struct fs_text zero = FS_LEDGER_TEXT("0");
    const struct fs_text asked[] = {probed->epoch,
                                    probed->sequence,
                                    probed->witness,
                                    ledger->has_claims ? probed->product : none,
                                    zero,
                                    FS_LEDGER_TEXT("dry"),
                                    zero,
                                    none,
                                    probe,
                                    probe,
                                    FS_LEDGER_TEXT("1")};
    struct fs_ledger_keys keys;
    char claims[FS_LEDGER_KEY_LEN_MAX];
    struct fs_text argv[16];
    size_t argc = 0;
    size_t key_count;

    fs_ledger_keys_init(&keys, ledger->prefix, probed->product);
    for (unsigned i = FS_LEDGER_KEY_SALE; i <= FS_LEDGER_KEY_LOG; i++)
        argv[argc++] = keys.list[i];
    if (ledger->has_claims)
        argv[argc++] = fs_ledger_key_write(claims, ledger->prefix, "claims");
    key_count = argc;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
        argv[argc++] = asked[i];
    state->call.done = done;
    ledger->host->script(worker->loop, &state->call, &fs_ledger_decide, state->deadline_us,
                         key_count, argc, argv);
}

/* Decides a purchase of what is known in dry mode, so that the store is asked for the witness. */
static void ask_for_witness(struct fs_ledger_ask *state, const struct fs_ledger_epoch *known,
                            void (*done)(struct fs_call *call, const struct fs_reply *reply))
{
    char number[FS_LEDGER_NUMBER_SIZE];
    char seen[2 * FS_LEDGER_NUMBER_SIZE];
    const struct probed probed = {
        .product = {known->product, known->product_len},
        .epoch = fs_ledger_number(number, (int64_t)known->epoch),
        .sequence = fs_ledger_numbers(seen, (int64_t)known->witness_sequence,
                                      (int64_t)known->changed_sequence),
        .witness = {known->witness, known->witness_len},
    };

    state->trips++;
    send_probe(state, &probed, done);
}

static bool is_missed(const struct fs_reply *reply)
{
    return fs_ledger_reply_is_whole(reply, 1) &&
           reply->items[FS_LEDGER_REPLY_CODES].text.data[0] == FS_LEDGER_LETTER_FROZEN;
}

/* An order that is not there was never made, unless the store has lost it: the sale is gone, or frozen, or
 * does not have what this process told last. */
static void look_for_witness_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);

    if (!fs_ledger_reply_is_whole(reply, 1)) {
        fs_ledger_ask_fail(state, reply);
    } else if (reply->items[FS_LEDGER_REPLY_EPOCH].integer == 0) {
        fs_ledger_ask_missing(state);
    } else if (is_missed(reply)) {
        fs_ledger_tell_behind(state->worker->ledger, state->product);
        fs_ledger_ask_end(state, FS_UNAVAILABLE);
    } else {
        fs_ledger_ask_end(state, FS_UNKNOWN);
    }
}

static void look_for_sale_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);
    struct fs_ledger_sale sale;

    if (read_sale(state, reply, &sale))
        fs_ledger_ask_end(state, sale.is_frozen ? FS_UNAVAILABLE : FS_UNKNOWN);
}

static void look_for_sale(struct fs_ledger_ask *state)
{
    struct fs_ledger_worker *worker = state->worker;
    struct fs_ledger_epoch known;
    struct fs_ledger_keys keys;

    if (fs_ledger_get_witness(worker->ledger, state->product, &known)) {
        ask_for_witness(state, &known, look_for_witness_done);
        return;
    }
    fs_ledger_keys_init(&keys, worker->ledger->prefix, state->product);
    state->trips++;
    state->call.done = look_for_sale_done;
    worker->ledger->host->script(worker->loop, &state->call, &fs_ledger_show, state->deadline_us, 4,
                                 4, keys.list);
}

static void lookup_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);
    struct fs_order_info info;
    uint64_t cancel_sequence;

    if (reply->kind == FS_REPLY_NIL)
        look_for_sale(state);
    else if (reply->kind != FS_REPLY_TEXT ||
             !fs_ledger_read_order(reply->text, &info, &cancel_sequence))
        fs_ledger_ask_fail(state, reply);
    else
        fs_ledger_ask_tell_order(state, &info);
}

void fs_ledger_lookup(void *data, struct fs_op *op, void *state_data,
                      const struct fs_order_ref *ref)
{
    struct fs_ledger_worker *worker = data;
    struct fs_ledger_ask *state = state_data;
    struct fs_ledger_keys keys;
    struct fs_text argv[3] = {FS_LEDGER_TEXT("HGET")};

    begin(worker, op, state);
    state->product = ref->product;
    state->buyer = ref->buyer;
    state->order = ref->order;
    state->deadline_us = ref->deadline_us;
    fs_ledger_keys_init(&keys, worker->ledger->prefix, ref->product);
    argv[1] = keys.list[FS_LEDGER_KEY_ORDERS];
    argv[2] = ref->order;
    state->call.done = lookup_done;
    worker->ledger->host->store(worker->loop, &state->call, argv[1], ref->deadline_us, 3, argv);
}

static void count_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);
    struct fs_ledger_sale sale;

    if (reply->kind == FS_REPLY_NIL) {
        fs_ledger_ask_tell_missing(state);
        return;
    }
    if (!read_sale(state, reply, &sale))
        return;
    fs_ledger_note_found(state->worker, state->product, &sale);
    fs_ledger_ask_tell(state, &sale.info, false);
}

void fs_ledger_count(void *data, struct fs_op *op, void *state_data, struct fs_text product)
{
    struct fs_ledger_worker *worker = data;
    struct fs_ledger_ask *state = state_data;
    struct fs_ledger_keys keys;

    begin(worker, op, state);
    state->product = product;
    fs_ledger_keys_init(&keys, worker->ledger->prefix, product);
    state->call.done = count_done;
    worker->ledger->host->script(worker->loop, &state->call, &fs_ledger_show, 0, 4, 4, keys.list);
}

/* The probe: whether a purchase could be decided now.  Then one sale that this process sold from is
 * decided in dry mode with its witness: so a process that has nobody to sell to, and alone knows that the
 * store went back, notices by its readiness checks, before others have sold for long. */

static void end_well(struct fs_ledger_ask *state)
{
    if (state->worker->probe_more)
        state->worker->probe_more(state);
    else
        fs_ledger_ask_end(state, FS_DONE);
}

static void witness_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);

    if (is_missed(reply) && state->worker->missed) {
        state->worker->missed(state);
        return;
    }
    if (is_missed(reply))
        fs_ledger_tell_behind(state->worker->ledger,
                              (struct fs_text){state->probed, state->probed_len});
    end_well(state); /* the other sales can be sold from */
}

static void probe_place(struct fs_ledger_ask *state);

/* Another place may be able to sell, where there is one. */
static void probe_elsewhere(struct fs_ledger_ask *state)
{
    if (++state->probe_number < state->worker->probe_count)
        probe_place(state);
    else
        fs_ledger_ask_end(state, FS_UNAVAILABLE);
}

static void probe_witness(struct fs_ledger_ask *state)
{
    struct fs_ledger_epoch known;

    if (!fs_ledger_next_witness(state->worker->ledger, &known)) {
        end_well(state);
        return;
    }
    state->probed_len = known.product_len;
    memcpy(state->probed, known.product, known.product_len);
    ask_for_witness(state, &known, witness_done);
}

static void write_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);

    if (fs_ledger_probe_took(state, reply))
        probe_witness(state);
    else
        probe_elsewhere(state);
}

static struct fs_text probed_product(const struct fs_ledger_ask *state,
                                     char chars[FS_LEDGER_NAME_LEN_MAX])
{
    const struct fs_ledger_worker *worker = state->worker;

    return worker->probe_name ? worker->probe_name(chars, state->probe_number, worker->probe_count)
                              : FS_LEDGER_TEXT(".probe");
}

static void probe_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);
    char chars[FS_LEDGER_NAME_LEN_MAX];

    if (!fs_ledger_reply_is_whole(reply, 1)) {
        probe_elsewhere(state);
        return;
    }
    switch (fs_ledger_probe_known(state->worker)) {
    case FS_LEDGER_WRITTEN:
        probe_witness(state);
        return;
    case FS_LEDGER_NOT_WRITTEN:
        fs_ledger_ask_end(state, FS_UNAVAILABLE);
        return;
    case FS_LEDGER_WRITTEN_UNKNOWN:
        break;
    }
    fs_ledger_probe_write(state, probed_product(state, chars), write_done);
}

/* A purchase of a sale that nobody made, where there is more than one place at each in turn. */
static void probe_dry(struct fs_ledger_ask *state)
{
    char chars[FS_LEDGER_NAME_LEN_MAX];
    struct probed nobodys = {.product = probed_product(state, chars),
                             .epoch = FS_LEDGER_TEXT("0"),
                             .sequence = FS_LEDGER_TEXT("0"),
                             .witness = FS_LEDGER_TEXT("")};

    state->trips++;
    send_probe(state, &nobodys, probe_done);
}

static void allowed_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);

    if (reply->kind == FS_REPLY_INTEGER)
        probe_dry(state);
    else
        probe_elsewhere(state);
}

/* First whether the store's user may do all that a sale needs. */
static void probe_place(struct fs_ledger_ask *state)
{
    char chars[FS_LEDGER_NAME_LEN_MAX];

    fs_ledger_allowed_send(state, probed_product(state, chars), allowed_done);
}

void fs_ledger_probe(void *data, struct fs_op *op, void *state_data)
{
    struct fs_ledger_ask *state = state_data;

    begin(data, op, state);
    state->trips = 0;
    state->deadline_us = 0;
    state->probe_number = 0;
    probe_place(state);
}
