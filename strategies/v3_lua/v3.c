/* v3: purchases decided inside Redis by one script per product and turn.
 *
 *   purchase, cancel   put the op into the queue of its product
 *   turn_end           sends what the turn brought, in arrival order, as batches
 *   answer             ends every op of its batch, or has it asked again (ledger/batch.h)
 *
 * Nobody waits for a batch to fill.  But while `batches` of a product are on their way from this
 * worker, its next ops gather: a busy store is sent fewer and larger batches, which cost it less. */
#include "ledger/batch.h"
#include "ledger/scripts.h"
#include "ledger/table.h"

static void on_batch(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_op *first = fs_ledger_batch_of(call);
    struct fs_ledger_product *product = first->product;

    fs_ledger_batch_answer(first, reply);
    fs_ledger_product_gather(product);
}

static void send_batch(struct fs_ledger_product *product, struct fs_ledger_op *first,
                       uint32_t count)
{
    static const struct fs_ledger_batch_kind kind = {.script = &fs_ledger_decide};

    fs_ledger_batch_send(product, first, count, &kind, on_batch);
}

static void pump(struct fs_ledger_product *product)
{
    fs_ledger_product_send(product, send_batch);
}

static int read_options(struct fs_ledger *ledger, const struct fs_options *options)
{
    const struct fs_ledger_option known[] = {
        FS_LEDGER_OPTIONS_OF_BATCHES(ledger),
        FS_LEDGER_OPTIONS_OF_RECORDS(ledger),
    };

    return fs_ledger_options_read(ledger->host, ledger->name, options, known,
                                  sizeof(known) / sizeof(known[0]));
}

static int open_v3(const struct fs_host *host, const struct fs_options *options, void **strategy)
{
    return fs_ledger_open(sizeof(struct fs_ledger), host, "v3", options, read_options, strategy);
}

static int attach(void *strategy, struct fs_loop *loop, void **worker)
{
    return fs_ledger_attach(strategy, loop, sizeof(struct fs_ledger_worker), 0, pump, worker);
}

static const struct fs_strategy v3_strategy = {
    FS_STRATEGY_HEAD,
    .name = "v3",
    .data_family = "ledger",
    .summary = "one Lua script in Redis decides each turn's purchases of a product as a batch",
    .flags = FS_STRATEGY_USES_STORE | FS_STRATEGY_SAYS_ASKED,
    .open = open_v3,
    .attach = attach,
    FS_LEDGER_MEMBERS,
};

FS_STRATEGY_EXPORT(v3_strategy)
