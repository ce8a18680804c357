/* Creating and changing sales: the product's name into the set of all, one script on shard 0, then
 * every other shard takes it over.
 *
 * A closed sale that is opened, and has another number of shards than is wanted, is moved to so many
 * first. */
#include <stddef.h>

#include "adopt.h"
#include "ask.h"
#include "ledger/batch.h"
#include "ledger/names.h"
#include "ledger/scripts.h"
#include "reshard.h"
#include "scripts.h"

#define REPLAYED 100
#define TOO_MANY_UNITS 302
#define OTHER_SHARDS 303
#define MOVED 304
#define LOOK_PART 4 /* of the time until the deadline */

static void find_place(struct fs_v4_ask *state);
static void send_change(struct fs_v4_ask *state);
static void on_settle(struct fs_v4_read *read);

static struct fs_v4_ask *ask_of(struct fs_call *call)
{
    return (struct fs_v4_ask *)(void *)fs_ledger_ask_of(call);
}

static void on_again(struct fs_call *call, const struct fs_reply *reply)
{
    (void)reply;
    send_change(ask_of(call));
}

static void on_settle_again(struct fs_call *call, const struct fs_reply *reply)
{
    (void)reply;
    fs_v4_ask_read(ask_of(call), on_settle);
}

static void on_settle_adopted(void *data)
{
    fs_v4_ask_read(data, on_settle);
}

static void settle_done(struct fs_v4_ask *state, const struct fs_sale_info *sum,
                        enum fs_verdict verdict)
{
    struct fs_v4_sale *sale = state->sale;

    if (!sum || sum->state == FS_SALE_LOST) {
        fs_v4_ask_end(state, verdict == FS_UNKNOWN ? verdict : FS_UNDETERMINED);
        return;
    }
    fs_ledger_ask_tell(&state->ask, sum, state->is_replayed);
    fs_v4_sale_leave(sale);
}

/* The change is made on shard 0, and is answered when every shard has it. */
static void on_settle(struct fs_v4_read *read)
{
    struct fs_v4_ask *state = read->data;
    const struct fs_host *host = state->ask.worker->ledger->host;
    bool is_settled = read->is_whole && read->views[0].is_there;

    read->is_reset = state->ask.change.kind == FS_CHANGE_RESET;
    if (is_settled &&
        fs_v4_adopt_begin(read, state->ask.deadline_us, on_settle_adopted, state) > 0) {
        fs_v4_read_end(read);
        return;
    }
    fs_v4_read_end(read);
    if (is_settled) {
        fs_v4_sum_begin(state, settle_done);
    } else if (host->now_us() >= state->ask.deadline_us) {
        fs_v4_ask_end(state, FS_UNDETERMINED);
    } else {
        state->ask.call.done = on_settle_again;
        host->wait(state->ask.worker->loop, &state->ask.call, FS_LEDGER_RETRY_MS);
    }
}

static void change_failed(struct fs_v4_ask *state, const struct fs_reply *reply)
{
    enum fs_verdict verdict = fs_ledger_change_failed(&state->ask, reply);

    if (verdict != 0) {
        fs_v4_ask_end(state, verdict);
        return;
    }
    state->ask.call.done = on_again;
    state->ask.worker->ledger->host->wait(state->ask.worker->loop, &state->ask.call,
                                          FS_LEDGER_RETRY_MS);
}

/* The shard is marked; or it is not there, and may be elsewhere. */
static bool needs_place(const struct fs_v4_ask *state, int64_t code)
{
    return code == MOVED ||
           ((code == FS_LEDGER_FOREIGN || code == FS_UNKNOWN || code == FS_LEDGER_FROZEN) &&
            state->sale->has_layout && !state->is_confirmed);
}

static void change_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_ask *state = ask_of(call);
    const struct fs_ledger *ledger = state->ask.worker->ledger;
    int64_t code;

    if (reply->kind != FS_REPLY_LIST || reply->item_count < 1 ||
        !fs_ledger_read_integer(&reply->items[0], &code)) {
        change_failed(state, reply);
        return;
    }
    if (needs_place(state, code)) {
        ledger->asked(state->ask.op, state->ask.may_be_made); /* this one was not made */
        state->is_confirmed = true;
        state->sale->is_checked = false;
        state->sale->is_suspect = true;
        find_place(state);
    } else if (code == FS_LEDGER_FOREIGN) {
        fs_ledger_change_is_foreign(&state->ask);
        fs_v4_ask_end(state, FS_UNAVAILABLE);
    } else if (code == TOO_MANY_UNITS || code == OTHER_SHARDS) {
        ledger->host->log(
            ledger->host, FS_LOG_ERROR, "v4: a change of %.*s was refused: %s",
            (int)state->ask.product.len, state->ask.product.data,
            code == TOO_MANY_UNITS
                ? "a sale cannot hold so many units"
                : "the sale was made with another number of shards: set shards to it");
        fs_v4_ask_end(state, FS_UNAVAILABLE);
    } else if (code != FS_DONE && code != FS_DONE + REPLAYED) {
        fs_v4_ask_end(state, code == FS_LEDGER_FROZEN ? FS_CLOSED : (enum fs_verdict)code);
    } else {
        state->is_replayed = code > REPLAYED;
        fs_v4_ask_read(state, on_settle);
    }
}

/* The highest that any shard was answered in: a new one is above them all. */
static uint64_t epoch_known(const struct fs_v4_sale *sale)
{
    struct fs_ledger *ledger = sale->worker->ledger.ledger;
    uint64_t highest = 0;

    for (unsigned k = 0; k < fs_v4_sale_shard_count(sale); k++) {
        uint64_t epoch = fs_ledger_note_epoch(ledger, sale->shards[k].product->name, 0);

        highest = epoch > highest ? epoch : highest;
    }
    return highest;
}

static void send_change(struct fs_v4_ask *state)
{
    struct fs_ledger_worker *worker = state->ask.worker;
    unsigned count = fs_v4_sale_shard_count(state->sale);
    int64_t units = state->ask.change.units_reset;
    struct fs_ledger_change_args args;
    char numbers[2][FS_LEDGER_NUMBER_SIZE];

    if (!worker->ledger->asked(state->ask.op, true)) {
        fs_v4_ask_end(state, state->ask.may_be_made ? FS_UNDETERMINED : FS_BUSY);
        return;
    }
    fs_ledger_change_write(&state->ask, state->sale->shards[0].product->name,
                           epoch_known(state->sale), state->sale->shards[0].product->data, &args);
    args.argv[args.argc++] =
        fs_ledger_number(numbers[0], units < 0 ? 0 : fs_v4_deal(units, 0, count));
    args.argv[args.argc++] = fs_ledger_number(numbers[1], count);
    state->ask.trips++;
    state->ask.call.done = change_done;
    worker->ledger->host->script(worker->loop, &state->ask.call, &fs_v4_change,
                                 state->ask.deadline_us, args.key_count, args.argc, args.argv);
}

static void on_find_again(struct fs_call *call, const struct fs_reply *reply)
{
    (void)reply;
    find_place(ask_of(call));
}

/* Later, until the deadline: it is being moved. */
static void wait_for_move(struct fs_v4_ask *state)
{
    const struct fs_host *host = state->ask.worker->ledger->host;

    if (host->now_us() >= state->ask.deadline_us) {
        fs_v4_ask_end(state, state->ask.may_be_made ? FS_UNDETERMINED : FS_BUSY);
        return;
    }
    state->ask.call.done = on_find_again;
    host->wait(state->ask.worker->loop, &state->ask.call, FS_LEDGER_RETRY_MS);
}

static void on_moving(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_ask *state = ask_of(call);
    const struct fs_host *host = state->ask.worker->ledger->host;

    (void)reply;
    if (state->moved == FS_V4_MOVE_FAILED) {
        fs_v4_ask_end(state, FS_UNAVAILABLE);
    } else if (state->moved == FS_V4_MOVE_NOT_CLOSED) {
        send_change(state);
    } else if (state->moved != 0) {
        state->moved = 0;
        find_place(state);
    } else if (host->now_us() >= state->ask.deadline_us) {
        fs_v4_reshard_leave((struct fs_v4_worker *)(void *)state->ask.worker, state);
        fs_v4_ask_end(state, state->ask.may_be_made ? FS_UNDETERMINED : FS_BUSY);
    } else {
        host->wait(state->ask.worker->loop, call, FS_LEDGER_RETRY_MS);
    }
}

/* A sale that is opened has as many shards as the option says.  One that is frozen is not moved. */
static bool is_to_be_moved(const struct fs_v4_ask *state)
{
    const struct fs_v4 *v4 = fs_v4_of(state->sale->worker);

    return !state->is_frozen && state->ask.change.kind == FS_CHANGE_UPDATE &&
           state->ask.change.state == FS_SALE_OPEN && state->sale->has_layout &&
           v4->shards_wanted > 0 && v4->shards_wanted != state->sale->shard_count;
}

/* A sale that has lost something takes a reset; one that is frozen also another state. */
static void on_looked_at(struct fs_v4_read *read)
{
    struct fs_v4_ask *state = read->data;
    bool is_lost = fs_v4_read_tell_lost(read);

    state->ask.deadline_us = state->ask.change.deadline_us;
    state->is_looked_at = true;
    state->is_frozen = fs_v4_read_is_frozen(read);
    fs_v4_read_end(read);
    if (is_lost || (state->is_frozen && !fs_ledger_change_is_stop(&state->ask.change)))
        fs_v4_ask_end(state, FS_CLOSED);
    else
        find_place(state);
}

/* A store that hangs keeps nobody from pausing the sale: what is not seen soon is not waited for. */
static void look_at(struct fs_v4_ask *state)
{
    uint64_t now_us = state->ask.worker->ledger->host->now_us();

    if (state->ask.deadline_us > now_us)
        state->ask.deadline_us = now_us + (state->ask.deadline_us - now_us) / LOOK_PART;
    fs_v4_ask_read(state, on_looked_at);
}

static void on_found(struct fs_v4_ask *state, enum fs_v4_placed placed)
{
    const struct fs_host *host = state->ask.worker->ledger->host;
    struct fs_v4_sale *sale = state->sale;

    if (placed == FS_V4_LOST) {
        fs_v4_ask_end(state, state->ask.may_be_made ? FS_UNDETERMINED : FS_CLOSED);
    } else if (placed == FS_V4_UNPLACED && host->now_us() < state->ask.deadline_us) {
        fs_v4_ask_end(state, state->ask.may_be_made ? FS_UNDETERMINED : FS_UNAVAILABLE);
    } else if (placed == FS_V4_UNPLACED) {
        fs_v4_ask_end(state, state->ask.may_be_made ? FS_UNDETERMINED : FS_BUSY);
    } else if (placed == FS_V4_MOVING) {
        wait_for_move(state);
    } else if (state->ask.change.kind == FS_CHANGE_UPDATE && !state->is_looked_at) {
        look_at(state);
    } else if (!is_to_be_moved(state) || state->is_confirmed) {
        send_change(state);
    } else if (!fs_v4_reshard_begin(sale, fs_v4_of(sale->worker)->shards_wanted, state)) {
        fs_v4_ask_end(state, FS_UNAVAILABLE);
    } else {
        state->ask.call.done = on_moving;
        host->wait(state->ask.worker->loop, &state->ask.call, FS_LEDGER_RETRY_MS);
    }
}

static void find_place(struct fs_v4_ask *state)
{
    /* A sale that was moved and has no place any more is lost: it takes a reset. */
    bool is_claim = state->ask.change.kind == FS_CHANGE_RESET ||
                    (state->ask.change.kind == FS_CHANGE_CREATE && state->sale->layout == 0);

    if (state->sale->is_checked && state->sale->has_layout && !state->sale->is_retired)
        on_found(state, FS_V4_PLACED);
    else
        fs_v4_ask_place(state, is_claim, on_found);
}

static void name_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_ask *state = ask_of(call);

    if (reply->kind != FS_REPLY_INTEGER)
        fs_v4_ask_end(state, FS_UNAVAILABLE);
    else if (reply->integer == 0)
        fs_v4_ask_end(state, FS_TOO_MANY); /* there are as many sales as there may be */
    else
        find_place(state);
}

void fs_v4_make_change(void *data, struct fs_op *op, void *state_data,
                       const struct fs_sale_change *change)
{
    struct fs_v4_ask *state =
        fs_v4_ask_begin(data, op, state_data, change->product, change->deadline_us);
    struct fs_ledger_worker *worker;

    if (!state)
        return;
    worker = state->ask.worker;
    state->ask.change = *change;
    if (change->kind == FS_CHANGE_UPDATE) {
        find_place(state);
        return;
    }
    state->ask.trips = 1;
    state->ask.call.done = name_done;
    fs_ledger_names_add(worker, &state->ask.call, change->product, change->deadline_us);
}
