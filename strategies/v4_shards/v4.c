/* v4: the stock of a sale in shards on several stores.
 *
 *   purchase, cancel   put the op into the queue of its home shard
 *   turn_end           sends what the turn brought as batches, one shard each, as v3 does
 *   answer             ends the ops; those that home is short for wait (gather.c)
 *   turn_end           gathers for those that wait, one gathering a sale at a time
 *
 * README.md is the protocol. */
#include "v4.h"

#include <assert.h>

#include "ask.h"
#include "decide.h"
#include "gather.h"
#include "ledger/batch.h"
#include "ledger/scripts.h"
#include "ledger/table.h"
#include "reshard.h"
#include "stock.h"
#include "tag.h"
#include "transfer.h"
#include "wait.h"

union state {
    struct fs_v4_op queued;
    struct fs_v4_ask asked;
};

static void on_batch(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_op *first = fs_ledger_batch_of(call);
    struct fs_ledger_product *product = first->product;
    struct fs_v4_sale *sale = fs_v4_sale_of(product);

    fs_v4_decide_answer(first, reply);
    fs_v4_sale_touch(sale);
    fs_ledger_product_gather(product);
}

static void send_batch(struct fs_ledger_product *product, struct fs_ledger_op *first,
                       uint32_t count)
{
    fs_v4_decide_send(product, first, count, &fs_ledger_decide, (struct fs_text){0}, NULL,
                      on_batch);
}

static void pump(struct fs_ledger_product *product)
{
    bool had_ops = product->queue.first != NULL;

    fs_ledger_product_send(product, send_batch);
    /* Whose last op has just ended, and no answer is to come, is let go of by nobody else. */
    if (had_ops && !product->queue.first && product->in_flight == 0)
        fs_v4_sale_touch(fs_v4_sale_of(product));
}

static int read_options(struct fs_ledger *ledger, const struct fs_options *options)
{
    struct fs_v4 *v4 = (struct fs_v4 *)(void *)ledger;
    const struct fs_ledger_option known[] = {
        {"shards", &v4->shard_count, NULL, 0, FS_V4_SHARDS_MAX},
        FS_LEDGER_OPTIONS_OF_BATCHES(ledger),
        FS_LEDGER_OPTIONS_OF_RECORDS(ledger),
    };

    ledger->audit_max = FS_V4_AUDIT_DEFAULT;
    return fs_ledger_options_read(ledger->host, ledger->name, options, known,
                                  sizeof(known) / sizeof(known[0]));
}

/* More shards than stores divide a turn's purchases into smaller batches, which cost more. */
static uint32_t one_each_store(const struct fs_host *host)
{
    unsigned store_count = host->store_count(host);

    if (store_count == 0)
        return 1;
    return store_count < FS_V4_SHARDS_MAX ? store_count : FS_V4_SHARDS_MAX;
}

static void settle_places(struct fs_v4 *v4, const struct fs_host *host)
{
    uint32_t node_count = host->store_count(host);

    v4->is_cluster = fs_ledger_is_on_cluster(host);
    v4->node_count = node_count > 0 ? node_count : 1;
    v4->ledger.has_claims = !v4->is_cluster && node_count > 0 && v4->shard_count % node_count == 0;
}

static int open_v4(const struct fs_host *host, const struct fs_options *options, void **strategy)
{
    struct fs_v4 *v4;
    int error = fs_ledger_open(sizeof(*v4), host, "v4", options, read_options, strategy);

    if (error)
        return error;
    v4 = *strategy;
    pthread_mutex_init(&v4->mutex, NULL);
    v4->shards_wanted = v4->shard_count;
    if (v4->shard_count == 0)
        v4->shard_count = one_each_store(host);
    settle_places(v4, host);
    return 0;
}

static void close_v4(void *strategy)
{
    struct fs_v4 *v4 = strategy;

    assert(!v4->stocks);
    pthread_mutex_destroy(&v4->mutex);
    fs_ledger_close(v4);
}

/* One on each node. */
static struct fs_text probe_name(char chars[FS_LEDGER_NAME_LEN_MAX], unsigned number,
                                 unsigned count)
{
    return fs_v4_tag_write(chars, FS_LEDGER_TEXT(".probe"), 0, number, count);
}

static int attach(void *strategy, struct fs_loop *loop, void **out)
{
    const struct fs_v4 *v4 = strategy;
    struct fs_v4_worker *worker;
    int error =
        fs_ledger_attach(strategy, loop, sizeof(*worker), sizeof(struct fs_v4_sale *), pump, out);

    if (error)
        return error;
    worker = *out;
    worker->ledger.keep = fs_v4_gather_keep;
    worker->ledger.missed = fs_v4_probe_missed;
    worker->ledger.probe_name = probe_name;
    worker->ledger.probe_count = fs_v4_ranges(v4, v4->shard_count);
    return 0;
}

static void let_go(struct fs_v4_worker *worker)
{
    struct fs_v4_sale *sale;

    while ((sale = worker->dirty) != NULL) {
        worker->dirty = sale->next_dirty;
        sale->is_dirty = false;
        fs_v4_sale_let_go(sale);
    }
}

static void detach(void *data)
{
    struct fs_v4_worker *worker = data;

    fs_v4_reshards_dispose(worker);
    fs_v4_transfers_dispose(worker);
    fs_v4_reads_dispose(worker);
    let_go(worker);
    fs_v4_sales_dispose(worker);
    fs_ledger_detach(worker);
}

static bool is_stale(const struct fs_v4_sale *sale)
{
    return fs_v4_sale_shard_count(sale) > 1 &&
           fs_v4_stock_is_stale(sale, fs_v4_host(sale->worker)->now_us());
}

static void queue_op(struct fs_v4_worker *worker, struct fs_op *op, union state *state,
                     struct fs_text name, const struct fs_ledger_op *asked)
{
    struct fs_v4_sale *sale = fs_v4_sale_take(worker, name);
    struct fs_ledger_op *queued = &state->queued.queued;

    *queued = *asked;
    queued->op = op;
    if (!sale) {
        const struct fs_outcome outcome = {.verdict = FS_UNAVAILABLE, .units_left = -1};

        fs_v4_host(worker)->complete(op, &outcome);
        return;
    }
    queued->product = fs_v4_sale_home(sale, asked->buyer);
    /* In another layout home would be elsewhere; and what is left is told with a sale. */
    if (sale->is_checked && !is_stale(sale))
        fs_v4_ask_home(queued);
    else
        fs_v4_wait_here(sale, queued);
}

static void purchase(void *worker, struct fs_op *op, void *state,
                     const struct fs_purchase *purchase)
{
    const struct fs_ledger_op asked = fs_ledger_op_of_purchase(purchase);

    queue_op(worker, op, state, purchase->product, &asked);
}

static void cancel(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref)
{
    const struct fs_ledger_op asked = fs_ledger_op_of_cancel(ref);

    queue_op(worker, op, state, ref->product, &asked);
}

/* Gatherings come first: what they give back to a home is sent in the same turn. */
static void turn_end(void *data)
{
    struct fs_v4_worker *worker = data;
    struct fs_v4_sale *sale;

    while ((sale = worker->dirty) != NULL) {
        worker->dirty = sale->next_dirty;
        sale->is_dirty = false;
        fs_v4_gather(sale);
        fs_v4_sale_let_go(sale);
    }
    fs_ledger_turn_end(&worker->ledger);
}

static const struct fs_strategy v4_strategy = {
    FS_STRATEGY_HEAD,
    .name = "v4",
    .summary = "stock in shards on several Redis servers, sold to the last unit",
    .flags = FS_STRATEGY_USES_STORE | FS_STRATEGY_SAYS_ASKED,
    .state_size = sizeof(union state),
    .open = open_v4,
    .close = close_v4,
    .attach = attach,
    .detach = detach,
    .purchase = purchase,
    .cancel = cancel,
    .lookup = fs_v4_lookup,
    .count = fs_v4_count,
    .list = fs_v4_list,
    .audit = fs_v4_audit_sale,
    .change = fs_v4_make_change,
    .turn_end = turn_end,
    .probe = fs_ledger_probe,
    .stores_wanted = 2,
    .data_family = "shards",
};

FS_STRATEGY_EXPORT(v4_strategy)
