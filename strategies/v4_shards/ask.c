/* Lookup and count, and the sums of a sale. */
#include "ask.h"

#include "adopt.h"
#include "tag.h"

#define SUM_ROUNDS_MAX 3u

bool fs_v4_ask_begin(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state,
                     struct fs_text product, uint64_t deadline_us)
{
    *state = (struct fs_v4_ask){
        .ask = {
            .worker = &worker->ledger, .op = op, .product = product, .deadline_us = deadline_us}};
    state->sale = fs_v4_sale_take(worker, product);
    if (!state->sale) {
        fs_ledger_ask_end(&state->ask, FS_UNAVAILABLE);
        return false;
    }
    fs_v4_sale_use(state->sale);
    return true;
}

void fs_v4_ask_end(struct fs_v4_ask *state, enum fs_verdict verdict)
{
    struct fs_v4_sale *sale = state->sale;

    fs_ledger_ask_end(&state->ask, verdict);
    fs_v4_sale_leave(sale);
}

bool fs_v4_ask_read(struct fs_v4_ask *state, void (*done)(struct fs_v4_read *read))
{
    state->ask.trips++;
    if (fs_v4_read_begin(state->sale, state->ask.deadline_us, done, state))
        return true;
    fs_v4_ask_end(state, FS_UNAVAILABLE);
    return false;
}

/* Lookup: at home. */

static void lookup_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);
    const struct fs_host *host = state->worker->ledger->host;
    struct fs_order_info info;
    uint64_t cancel_sequence;
    struct fs_outcome outcome = {.verdict = FS_DONE, .store_trips = state->trips};

    if (reply->kind == FS_REPLY_NIL) {
        fs_ledger_ask_end(state, FS_UNKNOWN);
        return;
    }
    if (reply->kind != FS_REPLY_TEXT ||
        !fs_ledger_read_order(reply->text, &info, &cancel_sequence)) {
        fs_ledger_ask_fail(state, reply);
        return;
    }
    if (!fs_ledger_same(info.buyer, state->buyer)) {
        fs_ledger_ask_end(state, FS_UNKNOWN);
        return;
    }
    info.product = state->product;
    info.order = state->order;
    outcome.units_left = info.units_left;
    outcome.epoch = info.epoch;
    outcome.sequence = info.sequence;
    host->tell_order(state->op, &info);
    host->complete(state->op, &outcome);
}

void fs_v4_lookup(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state,
                  const struct fs_order_ref *ref)
{
    const struct fs_host *host = fs_v4_host(worker);
    const struct fs_v4 *v4 = fs_v4_of(worker);
    unsigned home = fs_v4_home_of(ref->buyer, ref->product, v4->shard_count);
    char chars[FS_LEDGER_NAME_LEN_MAX];
    struct fs_ledger_keys keys;
    struct fs_text argv[3] = {FS_LEDGER_TEXT("HGET")};

    *state = (struct fs_v4_ask){.ask = {.worker = &worker->ledger,
                                        .op = op,
                                        .product = ref->product,
                                        .buyer = ref->buyer,
                                        .order = ref->order,
                                        .trips = 1}};
    fs_ledger_keys_init(&keys, worker->ledger.ledger->prefix,
                        fs_v4_tag_write(chars, ref->product, home, v4->range_count));
    argv[1] = keys.list[FS_LEDGER_KEY_ORDERS];
    argv[2] = ref->order;
    state->ask.call.done = lookup_done;
    host->store(worker->ledger.loop, &state->ask.call, argv[1], ref->deadline_us, 3, argv);
}

/* Sums */

struct fs_sale_info fs_v4_ask_sum(const struct fs_v4_read *read, bool is_exact)
{
    struct fs_sale_info sum = fs_v4_read_sum(read);
    int64_t rest = sum.units_initial + sum.units_restocked - sum.units_sold;

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
    if (truth->is_answered && !truth->is_there) {
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
        if (!fs_v4_read_begin(state->sale, state->ask.deadline_us, on_sum, state)) {
            fs_v4_ask_drop(state);
            state->summed(state, NULL, FS_UNAVAILABLE);
        }
    }
}

void fs_v4_sum_begin(struct fs_v4_ask *state,
                     void (*done)(struct fs_v4_ask *state, const struct fs_sale_info *sum,
                                  enum fs_verdict verdict))
{
    state->summed = done;
    state->round_count = 0;
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

void fs_v4_count(struct fs_v4_worker *worker, struct fs_op *op, struct fs_v4_ask *state,
                 struct fs_text product)
{
    if (fs_v4_ask_begin(worker, op, state, product, 0))
        fs_v4_sum_begin(state, count_done);
}
