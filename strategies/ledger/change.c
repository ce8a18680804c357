/* Creating and changing sales: the product's name into the set of all, then one script.
 *
 * The name goes first and by itself: it may live on another node, and adding it twice changes
 * nothing.  A name without a sale is skipped by list(); a sale without a name would be missed. */
#include "ask.h"

#include <assert.h>
#include <stddef.h>

#include "batch.h"
#include "host.h"
#include "names.h"
#include "record.h"
#include "scripts.h"

#define REPLAYED 100
#define TOO_MANY_UNITS 302

/* Splitmix64, public domain, by Sebastiano Vigna: of the time, so that no two processes, and no two
 * changes, agree by more than chance. */
static int64_t epochs_ahead(const struct fs_ledger_ask *state)
{
    uint64_t z;

    if (state->worker->ledger->data_id.len == 0)
        return 0;
    z = state->worker->ledger->host->now_us() ^ (uint64_t)(uintptr_t)state;

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)((z ^ z >> 31) % FS_LEDGER_EPOCH_AHEAD_MAX);
}

static void send_change(struct fs_ledger_ask *state);

static void on_again(struct fs_call *call, const struct fs_reply *reply)
{
    (void)reply;
    send_change(fs_ledger_ask_of(call));
}

/* A change with a name is made once, however often it is asked for. */
enum fs_verdict fs_ledger_change_failed(struct fs_ledger_ask *state, const struct fs_reply *reply)
{
    const struct fs_host *host = state->worker->ledger->host;
    bool is_lost = reply->kind == FS_REPLY_LOST;

    if (!is_lost && reply->kind != FS_REPLY_NOT_SENT && reply->kind != FS_REPLY_REFUSED) {
        host->log(host, FS_LOG_ERROR,
                  "%s: a change of %.*s failed and may be half made, audit it: %.*s",
                  state->worker->ledger->name, (int)state->product.len, state->product.data,
                  (int)reply->text.len, reply->text.data ? reply->text.data : "");
        return FS_UNDETERMINED;
    }
    state->may_be_made = state->may_be_made || is_lost;
    if (!state->may_be_made)
        return FS_UNAVAILABLE;
    if (state->change.change.len == 0 || host->now_us() >= state->deadline_us)
        return FS_UNDETERMINED;
    return 0;
}

void fs_ledger_change_is_foreign(const struct fs_ledger_ask *state)
{
    const struct fs_host *host = state->worker->ledger->host;

    host->log(
        host, FS_LOG_ERROR,
        "%s: a change of %.*s was refused: its store belongs to other sale data than this "
        "server's; name the servers in the order in which they were first used, or look at them "
        "with the steps of docs/redis.md",
        state->worker->ledger->name, (int)state->product.len, state->product.data);
}

static void change_failed(struct fs_ledger_ask *state, const struct fs_reply *reply)
{
    enum fs_verdict verdict = fs_ledger_change_failed(state, reply);

    if (verdict != 0) {
        fs_ledger_ask_end(state, verdict);
        return;
    }
    state->call.done = on_again;
    state->worker->ledger->host->wait(state->worker->loop, &state->call, FS_LEDGER_RETRY_MS);
}

static void change_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);
    struct fs_ledger *ledger = state->worker->ledger;
    struct fs_ledger_sale sale;
    int64_t code;

    if (reply->kind != FS_REPLY_LIST || reply->item_count < 1 ||
        !fs_ledger_read_integer(&reply->items[0], &code)) {
        change_failed(state, reply);
        return;
    }
    if (code == TOO_MANY_UNITS) {
        ledger->host->log(ledger->host, FS_LOG_ERROR,
                          "%s: a change of %.*s was refused: a sale can hold %lld units",
                          ledger->name, (int)state->product.len, state->product.data,
                          (long long)FS_LEDGER_UNITS_MAX);
        fs_ledger_ask_end(state, FS_UNAVAILABLE);
    } else if (code == FS_LEDGER_FOREIGN) {
        fs_ledger_change_is_foreign(state);
        fs_ledger_ask_end(state, FS_UNAVAILABLE);
    } else if (code == FS_LEDGER_FROZEN) {
        if (reply->item_count == 1)
            fs_ledger_is_sale_lost(ledger, state->product);
        else if (fs_ledger_read_sale(reply->items + 1, reply->item_count - 1, &sale))
            fs_ledger_note_found(state->worker, state->product, &sale);
        fs_ledger_ask_end(state, FS_CLOSED);
    } else if (code != FS_DONE && code != FS_DONE + REPLAYED) {
        fs_ledger_ask_end(state, (enum fs_verdict)code);
    } else if (!fs_ledger_read_sale(reply->items + 1, reply->item_count - 1, &sale)) {
        change_failed(state, reply);
    } else {
        fs_ledger_note_change(ledger, state->product, sale.info.epoch, sale.info.sequence);
        /* Of an ask that was lost it is the change itself that comes back. */
        fs_ledger_ask_tell(state, &sale.info, code > REPLAYED && !state->may_be_made);
    }
}

static struct fs_text kind_of(enum fs_change_kind kind)
{
    switch (kind) {
    case FS_CHANGE_CREATE:
        return FS_LEDGER_TEXT("create");
    case FS_CHANGE_RESET:
        return FS_LEDGER_TEXT("reset");
    case FS_CHANGE_UPDATE:
        return FS_LEDGER_TEXT("update");
    }
    assert(false && "a kind of change");
    return FS_LEDGER_TEXT("");
}

bool fs_ledger_change_is_stop(const struct fs_sale_change *change)
{
    return change->kind == FS_CHANGE_UPDATE && change->state != FS_SALE_OPEN &&
           change->units_add == 0 && change->units_per_buyer_max < 0 &&
           change->units_per_order_max < 0 && change->opens_at_ms < 0 && change->closes_at_ms < 0;
}

struct fs_text fs_ledger_manifest_of(const struct fs_host *host, const struct fs_ledger_keys *keys)
{
    return FS_LEDGER_HOST_HAS(host, manifest) ? host->manifest(host, keys->list[FS_LEDGER_KEY_SALE])
                                              : FS_LEDGER_TEXT("");
}

void fs_ledger_change_write(struct fs_ledger_ask *state, struct fs_text name, uint64_t epoch,
                            struct fs_text data, struct fs_ledger_change_args *args)
{
    const struct fs_ledger *ledger = state->worker->ledger;
    const struct fs_sale_change *change = &state->change;
    const int64_t values[] = {
        change->units_reset,
        change->units_add,
        change->units_per_buyer_max,
        change->units_per_order_max,
        change->opens_at_ms,
        change->closes_at_ms,
        change->state > 0 ? change->state : -1,
        (int64_t)epoch,
    };
    struct fs_text *argv = args->argv;
    struct fs_text manifest;
    size_t argc = 0;

    fs_ledger_keys_init(&args->keys, ledger->prefix, name);
    manifest = fs_ledger_manifest_of(ledger->host, &args->keys);
    argv[argc++] = args->keys.list[FS_LEDGER_KEY_SALE];
    argv[argc++] = args->keys.list[FS_LEDGER_KEY_BUYERS];
    argv[argc++] = args->keys.list[FS_LEDGER_KEY_LOG];
    argv[argc++] = args->keys.list[FS_LEDGER_KEY_CHANGES];
    if (ledger->has_claims)
        argv[argc++] = fs_ledger_key_write(args->claims, ledger->prefix, "claims");
    if (manifest.len > 0)
        argv[argc++] = fs_ledger_key_write(args->manifest, ledger->prefix, "manifest");
    args->key_count = argc;
    argv[argc++] = kind_of(change->kind);
    argv[argc++] = change->change.data ? change->change : FS_LEDGER_TEXT("");
    for (unsigned i = 0; i < 7; i++)
        argv[argc++] = fs_ledger_number(args->numbers[i], values[i]);
    argv[argc++] = fs_ledger_numbers(args->epochs, values[7], epochs_ahead(state));
    argv[argc++] = ledger->has_claims ? name : FS_LEDGER_TEXT("");
    argv[argc++] = fs_ledger_number(args->numbers[8], ledger->log_max);
    argv[argc++] = fs_ledger_number(args->numbers[9], FS_LEDGER_UNITS_MAX);
    argv[argc++] = data;
    argv[argc++] = manifest;
    args->argc = argc;
}

static void send_change(struct fs_ledger_ask *state)
{
    struct fs_ledger_worker *worker = state->worker;
    struct fs_ledger_change_args args;

    if (!worker->ledger->asked(state->op, true)) {
        fs_ledger_ask_end(state, state->may_be_made ? FS_UNDETERMINED : FS_BUSY);
        return;
    }
    fs_ledger_change_write(state, state->product,
                           fs_ledger_note_epoch(worker->ledger, state->product, 0),
                           worker->ledger->data_id, &args);
    state->trips++;
    state->call.done = change_done;
    worker->ledger->host->script(worker->loop, &state->call, &fs_ledger_change, state->deadline_us,
                                 args.key_count, args.argc, args.argv);
}

static void name_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_ask *state = fs_ledger_ask_of(call);

    if (reply->kind != FS_REPLY_INTEGER)
        fs_ledger_ask_fail(state, reply);
    else if (reply->integer == 0)
        fs_ledger_ask_end(state, FS_TOO_MANY); /* there are as many sales as there may be */
    else
        send_change(state);
}

void fs_ledger_make_change(void *data, struct fs_op *op, void *state_data,
                           const struct fs_sale_change *change)
{
    struct fs_ledger_worker *worker = data;
    struct fs_ledger_ask *state = state_data;

    state->worker = worker;
    state->op = op;
    state->product = change->product;
    state->change = *change;
    state->deadline_us = change->deadline_us;
    if (change->kind == FS_CHANGE_UPDATE) {
        send_change(state);
        return;
    }
    state->trips = 1;
    state->call.done = name_done;
    fs_ledger_names_add(worker, &state->call, change->product, change->deadline_us);
}
