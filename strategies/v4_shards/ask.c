/* Lookup and count, and the sums of a sale. */
#include "ask.h"

#include "adopt.h"
#include "decide.h"
#include "scripts.h"

#define SUM_ROUNDS_MAX 3u
#define PLACES_MAX 8u /* that one op asks for */

struct fs_v4_ask *fs_v4_ask_begin(void *data, struct fs_op *op, void *state_data,
                                  struct fs_text product, uint64_t deadline_us)
{
    struct fs_v4_worker *worker = data;
    struct fs_v4_ask *state = state_data;

    *state = (struct fs_v4_ask){
        .ask = {
            .worker = &worker->ledger, .op = op, .product = product, .deadline_us = deadline_us}};
    state->sale = fs_v4_sale_take(worker, product);
    if (!state->sale) {
        fs_ledger_ask_end(&state->ask, FS_UNAVAILABLE);
        return NULL;
    }
    fs_v4_sale_use(state->sale);
    return state;
}

void fs_v4_ask_end(struct fs_v4_ask *state, enum fs_verdict verdict)
{
    struct fs_v4_sale *sale = state->sale;

    fs_ledger_ask_end(&state->ask, verdict);
    fs_v4_sale_leave(sale);
}

static void on_ask_placed(void *data, enum fs_v4_placed placed)
{
    struct fs_v4_ask *state = data;
    struct fs_v4_sale *before = state->sale;
    struct fs_v4_sale *sale;

    if (placed == FS_V4_ELSEWHERE) {
        sale = fs_v4_sale_take(before->worker, before->name);
        placed = sale ? FS_V4_PLACED : FS_V4_UNPLACED;
        if (sale) {
            fs_v4_sale_use(sale);
            state->sale = sale;
            fs_v4_sale_leave(before);
        }
    }
    state->placed(state, placed);
}

void fs_v4_ask_place(struct fs_v4_ask *state, bool is_claim,
                     void (*done)(struct fs_v4_ask *state, enum fs_v4_placed placed))
{
    state->placed = done;
    state->place_count++;
    state->ask.trips++;
    if (!fs_v4_place_begin(state->sale, state->ask.deadline_us, is_claim, on_ask_placed, state))
        done(state, FS_V4_UNPLACED);
}

static bool read_now(struct fs_v4_ask *state);

static void give_read(struct fs_v4_ask *state, struct fs_v4_read *read)
{
    for (unsigned k = 0; state->is_blind && k < fs_v4_sale_shard_count(read->sale); k++) {
        read->is_whole = false;
        read->views[k].is_answered = false;
        read->views[k].is_there = false;
    }
    state->is_blind = false;
    state->read_done(read);
}

static void on_read_placed(struct fs_v4_ask *state, enum fs_v4_placed placed)
{
    state->is_blind = !fs_v4_place_is_known(placed);
    state->is_lost = placed == FS_V4_LOST;
    read_now(state);
}

/* While the sale is being moved nothing changes it: what was read is so.  And what is not there, and was
 * looked for in the right place, is not there. */
static void on_held_placed(struct fs_v4_ask *state, enum fs_v4_placed placed)
{
    struct fs_v4_read *read = state->held;
    bool is_there = read->views[0].is_there;

    state->held = NULL;
    state->is_blind = !fs_v4_place_is_known(placed);
    state->is_lost = placed == FS_V4_LOST;
    if (placed == FS_V4_PLACED && (is_there || state->sale != read->sale)) {
        fs_v4_read_end(read);
        read_now(state);
    } else {
        give_read(state, read);
    }
}

static void on_ask_read(struct fs_v4_read *read)
{
    struct fs_v4_ask *state = read->data;

    if (state->is_blind || !fs_v4_read_is_suspect(read) || state->place_count >= PLACES_MAX) {
        give_read(state, read);
        return;
    }
    read->sale->is_checked = false;
    read->sale->is_suspect = true;
    state->held = read;
    fs_v4_ask_place(state, false, on_held_placed);
}

static bool read_now(struct fs_v4_ask *state)
{
    state->ask.trips++;
    if (fs_v4_read_begin(state->sale, state->ask.deadline_us, on_ask_read, state))
        return true;
    fs_v4_ask_end(state, FS_UNAVAILABLE);
    return false;
}

bool fs_v4_ask_read(struct fs_v4_ask *state, void (*done)(struct fs_v4_read *read))
{
    state->read_done = done;
    if (state->sale->is_checked && !state->sale->is_retired)
        return read_now(state);
    fs_v4_ask_place(state, false, on_read_placed);
    return true;
}

/* Lookup: at home. */

enum { NOT_FOUND, FOUND, MOVED, FROZEN, GONE }; /* of find.lua */

static void look(struct fs_v4_ask *state);

/* An order that is not there was never made, unless the shard is frozen or lost. */
static void end_unfound(struct fs_v4_ask *state)
{
    struct fs_v4_sale *sale = state->sale;

    if (state->found == GONE && state->epoch_known > 0) {
        fs_ledger_is_lost(state->ask.worker->ledger, fs_v4_sale_home(sale, state->ask.buyer)->name);
        fs_v4_ask_end(state, FS_UNAVAILABLE);
    } else {
        fs_v4_ask_end(state, state->found == FROZEN ? FS_UNAVAILABLE : FS_UNKNOWN);
    }
}

static void tell_found(struct fs_v4_ask *state, struct fs_text record)
{
    struct fs_ledger_ask *ask = &state->ask;
    const struct fs_host *host = ask->worker->ledger->host;
    struct fs_v4_sale *sale = state->sale;
    struct fs_order_info info;
    uint64_t cancel_sequence;

    if (record.len == 0) {
        end_unfound(state);
    } else if (!fs_ledger_read_order(record, &info, &cancel_sequence)) {
        host->log(host, FS_LOG_ERROR, "v4: what the store has of an order of %.*s is no record",
                  (int)ask->product.len, ask->product.data);
        fs_v4_ask_end(state, FS_UNAVAILABLE);
    } else {
        fs_ledger_ask_tell_order(ask, &info);
        fs_v4_sale_leave(sale);
    }
}

static void on_look_placed(struct fs_v4_ask *state, enum fs_v4_placed placed)
{
    if (!fs_v4_place_is_known(placed))
        fs_v4_ask_end(state, FS_UNAVAILABLE);
    else
        look(state);
}

/* The record was read before the place was asked for: while it is the same, nothing has changed it. */
static void on_found_placed(struct fs_v4_ask *state, enum fs_v4_placed placed)
{
    struct fs_text record = {state->record, state->record_len};

    if (!fs_v4_place_is_known(placed))
        fs_v4_ask_end(state, FS_UNAVAILABLE);
    else if (state->sale == state->found_in)
        tell_found(state, record);
    else
        look(state);
}

static void lookup_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_v4_ask *state = (struct fs_v4_ask *)(void *)fs_ledger_ask_of(call);
    struct fs_v4_sale *sale = state->sale;

    if (reply->kind != FS_REPLY_LIST || reply->item_count != 2 ||
        reply->items[0].kind != FS_REPLY_INTEGER || reply->items[1].kind != FS_REPLY_TEXT) {
        fs_ledger_ask_fail(&state->ask, reply);
        fs_v4_sale_leave(sale);
        return;
    }
    state->found = reply->items[0].integer;
    if ((state->found != MOVED && state->found != GONE) || !sale->has_layout ||
        state->place_count >= PLACES_MAX || reply->items[1].text.len > sizeof(state->record)) {
        tell_found(state, reply->items[1].text);
        return;
    }
    sale->is_checked = false;
    sale->is_suspect = true;
    state->found_in = sale;
    state->record_len = reply->items[1].text.len;
    memcpy(state->record, reply->items[1].text.data, state->record_len);
    fs_v4_ask_place(state, false, on_found_placed);
}

static void look(struct fs_v4_ask *state)
{
    struct fs_ledger_product *home = fs_v4_sale_home(state->sale, state->ask.buyer);
    const struct fs_ledger_worker *worker = state->ask.worker;
    char numbers[2][FS_LEDGER_NUMBER_SIZE];
    struct fs_text argv[7] = {home->keys.list[FS_LEDGER_KEY_SALE],
                              home->keys.list[FS_LEDGER_KEY_ORDERS], state->ask.order};

    fs_v4_decide_witness(home, home->seen_epoch, numbers[1], &argv[4]);
    argv[3] = fs_ledger_number(numbers[0], (int64_t)home->seen_epoch);
    argv[6] = home->data;
    state->ask.trips++;
    state->epoch_known = home->seen_epoch;
    state->ask.call.done = lookup_done;
    worker->ledger->host->script(worker->loop, &state->ask.call, &fs_v4_find,
                                 state->ask.deadline_us, 2, 7, argv);
}

void fs_v4_lookup(void *worker, struct fs_op *op, void *state_data, const struct fs_order_ref *ref)
{
    struct fs_v4_ask *state =
        fs_v4_ask_begin(worker, op, state_data, ref->product, ref->deadline_us);

    if (!state)
        return;
    state->ask.buyer = ref->buyer;
    state->ask.order = ref->order;
    if (state->sale->is_checked)
        look(state);
    else
        fs_v4_ask_place(state, false, on_look_placed);
}

/* Sums */

struct fs_sale_info fs_v4_ask_sum(const struct fs_v4_read *read, bool is_exact)
{
    struct fs_sale_info sum = fs_v4_read_sum(read);
    int64_t rest = sum.units_initial + sum.units_restocked - sum.units_sold;

    if (fs_v4_read_is_frozen(read))
        sum.state = FS_SALE_FROZEN;
    if (is_exact)
        return sum;
    /* A unit that was given back at one shard and sold at another meanwhile counts twice. */
    if (rest < 0) {
        sum.units_sold += rest;
        rest = 0;
    }
    if (sum.units_in_transit > rest)
        sum.units_in_transit = rest;
    sum.units_left = rest - sum.units_in_transit;
    return sum;
}

static void on_sum(struct fs_v4_read *read);

static void on_sum_adopted(void *data)
{
    fs_v4_ask_read(data, on_sum);
}

void fs_v4_ask_drop(struct fs_v4_ask *state)
{
    if (state->before)
        fs_v4_read_end(state->before);
    state->before = NULL;
}

static void on_sum(struct fs_v4_read *read)
{
    struct fs_v4_ask *state = read->data;
    const struct fs_v4_view *truth = &read->views[0];
    bool is_there = read->is_whole;
    bool is_exact =
        fs_v4_read_is_proof(read) || (state->before && fs_v4_read_is_same(state->before, read));
    struct fs_sale_info sum;

    state->round_count++;
    fs_v4_ask_drop(state);
    for (unsigned k = 0; k < fs_v4_sale_shard_count(read->sale); k++)
        is_there = is_there && read->views[k].is_there;
    if (fs_v4_read_tell_lost(read) || state->is_lost) {
        sum = fs_ledger_lost_sale(state->ask.product);
        fs_v4_read_end(read);
        state->summed(state, &sum, FS_DONE);
    } else if (fs_v4_read_is_headless(read)) {
        fs_v4_read_end(read);
        state->summed(state, NULL, FS_UNAVAILABLE);
    } else if (truth->is_answered && !truth->is_there) {
        fs_v4_read_end(read);
        state->summed(state, NULL, FS_UNKNOWN);
    } else if (!read->is_whole || state->round_count > SUM_ROUNDS_MAX * 2) {
        fs_v4_read_end(read);
        state->summed(state, NULL, FS_UNAVAILABLE);
    } else if (fs_v4_adopt_begin(read, state->ask.deadline_us, on_sum_adopted, state) > 0) {
        fs_v4_read_end(read);
    } else if (is_there && (is_exact || state->round_count >= SUM_ROUNDS_MAX)) {
        sum = fs_v4_ask_sum(read, is_exact);
        fs_v4_read_end(read);
        state->summed(state, &sum, FS_DONE);
    } else {
        state->before = read;
        fs_v4_ask_read(state, on_sum);
    }
}

void fs_v4_sum_begin(struct fs_v4_ask *state,
                     void (*done)(struct fs_v4_ask *state, const struct fs_sale_info *sum,
                                  enum fs_verdict verdict))
{
    state->summed = done;
    state->round_count = 0;
    state->place_count = 0;
    fs_v4_ask_read(state, on_sum);
}

static void count_done(struct fs_v4_ask *state, const struct fs_sale_info *sum,
                       enum fs_verdict verdict)
{
    struct fs_v4_sale *sale = state->sale;

    if (!sum) {
        fs_v4_ask_end(state, verdict);
        return;
    }
    fs_ledger_ask_tell(&state->ask, sum, false);
    fs_v4_sale_leave(sale);
}

void fs_v4_count(void *worker, struct fs_op *op, void *state_data, struct fs_text product)
{
    struct fs_v4_ask *state = fs_v4_ask_begin(worker, op, state_data, product, 0);

    if (state)
        fs_v4_sum_begin(state, count_done);
}

/* Probe */

/* What a move marked, and left, is not missed a second time. */
static void on_missed_placed(struct fs_v4_ask *state, enum fs_v4_placed placed)
{
    struct fs_ledger *ledger = state->ask.worker->ledger;
    const struct fs_text name = {state->ask.probed, state->ask.probed_len};
    struct fs_v4_sale *sale = state->sale;
    bool is_ours = false;

    for (unsigned k = 0; k < sale->shard_count; k++)
        is_ours = is_ours || fs_ledger_same(sale->shards[k].product->name, name);
    if (placed == FS_V4_PLACED && !is_ours)
        fs_ledger_forget(ledger, name);
    else if (placed == FS_V4_PLACED && sale->is_missed)
        fs_ledger_tell_behind(ledger, name);
    sale->is_missed = placed == FS_V4_PLACED && is_ours;
    fs_v4_ask_end(state, FS_DONE); /* the other sales can be sold from */
}

void fs_v4_probe_missed(struct fs_ledger_ask *ask)
{
    struct fs_v4_ask *state = (struct fs_v4_ask *)(void *)ask;
    struct fs_v4_worker *worker = (struct fs_v4_worker *)(void *)ask->worker;
    const char *end = memchr(ask->probed, '/', ask->probed_len);

    state->sale = fs_v4_sale_take(
        worker, (struct fs_text){ask->probed, end ? (size_t)(end - ask->probed) : ask->probed_len});
    if (!state->sale) {
        fs_ledger_ask_end(ask, FS_DONE);
        return;
    }
    fs_v4_sale_use(state->sale);
    state->sale->is_checked = false;
    state->sale->is_suspect = true;
    fs_v4_ask_place(state, false, on_missed_placed);
}
