/* v3: purchases decided inside Redis by one script per product and turn.
 *
 *   purchase, cancel   put the op into the queue of its product
 *   turn_end           sends what the turn brought, in arrival order, as batches
 *   answer             ends every op of its batch, or has it asked again (ledger/batch.h)
 *
 * Nobody waits for a batch to fill.  But while `batches` of a product are on their way from this
 * worker, its next ops gather: a busy store is sent fewer and larger batches, which cost it less. */
#include <errno.h>
#include <stdlib.h>

#include "ledger/ask.h"
#include "ledger/batch.h"
#include "ledger/options.h"
#include "ledger/scripts.h"

#define BATCHES_MAX 64u
#define BATCHES_DEFAULT 1u
#define PREFIX_SIZE (FS_LEDGER_PREFIX_LEN_MAX + 2)

struct v3 {
    struct fs_ledger ledger;
    uint32_t batches_max;
    char prefix[PREFIX_SIZE];
};

union state {
    struct fs_ledger_op queued;
    struct fs_ledger_ask asked;
};

static void on_batch(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_op *first = fs_ledger_batch_of(call);
    struct fs_ledger_product *product = first->product;

    fs_ledger_batch_answer(first, reply);
    fs_ledger_product_gather(product);
}

static void pump(struct fs_ledger_product *product)
{
    static const struct fs_ledger_batch_kind kind = {.script = &fs_ledger_decide};
    const struct v3 *v3 = (const struct v3 *)(const void *)product->worker->ledger;

    fs_ledger_queue_expire(product);
    while (product->queue.first && product->in_flight < v3->batches_max) {
        uint32_t count;
        struct fs_ledger_op *first =
            fs_ledger_queue_take(&product->queue, v3->ledger.batch_max, &count);

        if (first)
            fs_ledger_batch_send(product, first, count, &kind, on_batch);
    }
}

static int open_v3(const struct fs_host *host, const struct fs_options *options, void **strategy)
{
    struct v3 *v3 = calloc(1, sizeof(*v3));
    int error;

    if (!v3)
        return -ENOMEM;
    strncpy(v3->prefix, options->key_prefix, PREFIX_SIZE - 1);
    v3->batches_max = BATCHES_DEFAULT;
    error = fs_ledger_init(&v3->ledger, host, "v3", v3->prefix);
    if (!error) {
        const struct fs_ledger_option known[] = {
            {"batch_max", &v3->ledger.batch_max, NULL, 1, FS_LEDGER_BATCH_MAX},
            {"batches", &v3->batches_max, NULL, 1, BATCHES_MAX},
            {"log_max", &v3->ledger.log_max, NULL, 0, FS_LEDGER_LOG_MAX},
            {"audit_max", &v3->ledger.audit_max, NULL, 1, FS_LEDGER_AUDIT_MAX},
        };

        error =
            fs_ledger_options_read(host, "v3", options, known, sizeof(known) / sizeof(known[0]));
        if (error)
            fs_ledger_dispose(&v3->ledger);
    }
    if (error) {
        free(v3);
        return error;
    }
    *strategy = v3;
    return 0;
}

static void close_v3(void *strategy)
{
    struct v3 *v3 = strategy;

    fs_ledger_dispose(&v3->ledger);
    free(v3);
}

static int attach(void *strategy, struct fs_loop *loop, void **out)
{
    struct v3 *v3 = strategy;
    struct fs_ledger_worker *worker = calloc(1, sizeof(*worker));
    int error;

    if (!worker)
        return -ENOMEM;
    error = fs_ledger_worker_init(worker, &v3->ledger, loop, 0, pump);
    if (error) {
        free(worker);
        return error;
    }
    *out = worker;
    return 0;
}

static const struct fs_strategy v3_strategy = {
    FS_STRATEGY_HEAD,
    .name = "v3",
    .summary = "one Lua script in Redis decides each turn's purchases of a product as a batch",
    .flags = FS_STRATEGY_USES_STORE | FS_STRATEGY_SAYS_ASKED,
    .state_size = sizeof(union state),
    .open = open_v3,
    .close = close_v3,
    .attach = attach,
    .detach = fs_ledger_detach,
    .purchase = fs_ledger_purchase,
    .cancel = fs_ledger_cancel,
    .lookup = fs_ledger_lookup,
    .count = fs_ledger_count,
    .list = fs_ledger_list,
    .audit = fs_ledger_audit_sale,
    .change = fs_ledger_make_change,
    .turn_end = fs_ledger_turn_end,
    .probe = fs_ledger_probe,
};

FS_STRATEGY_EXPORT(v3_strategy)
