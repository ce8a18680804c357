/* A strategy that sells without a stock: it says yes inside the call and keeps nothing.  What a
 * server costs with it is what the server costs by itself. */
#include <flashsale/strategy.h>

#include <errno.h>
#include <stdlib.h>

struct null {
    const struct fs_host *host; /* borrowed until close() */
};

static void done(const struct null *null, struct fs_op *op)
{
    null->host->complete(op, &(struct fs_outcome){.verdict = FS_DONE, .units_left = -1});
}

static void unknown(const struct null *null, struct fs_op *op)
{
    null->host->complete(op, &(struct fs_outcome){.verdict = FS_UNKNOWN, .units_left = -1});
}

/* Each product is a sale that is always open and never runs out. */
static void tell(const struct null *null, struct fs_op *op, struct fs_text product)
{
    null->host->tell_sale(
        op, &(struct fs_sale_info){.product = product, .state = FS_SALE_OPEN, .epoch = 1});
}

static void null_purchase(void *worker, struct fs_op *op, void *state,
                          const struct fs_purchase *purchase)
{
    (void)state;
    (void)purchase;
    done(worker, op);
}

static void null_order(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref)
{
    (void)state;
    (void)ref;
    unknown(worker, op);
}

static void null_count(void *worker, struct fs_op *op, void *state, struct fs_text product)
{
    (void)state;
    tell(worker, op, product);
    done(worker, op);
}

static void null_list(void *worker, struct fs_op *op, void *state)
{
    (void)state;
    done(worker, op);
}

static void null_audit(void *worker, struct fs_op *op, void *state, struct fs_text product)
{
    (void)state;
    (void)product;
    done(worker, op);
}

static void null_change(void *worker, struct fs_op *op, void *state,
                        const struct fs_sale_change *change)
{
    (void)state;
    tell(worker, op, change->product);
    done(worker, op);
}

static int null_open(const struct fs_host *host, const struct fs_options *options, void **strategy)
{
    struct null *null;

    if (options->count > 0) {
        host->log(host, FS_LOG_ERROR, "null: unknown option '%s': it has none",
                  options->list[0].name);
        return -EINVAL;
    }
    null = malloc(sizeof(*null));
    if (!null)
        return -ENOMEM;
    null->host = host;
    *strategy = null;
    return 0;
}

static int null_attach(void *strategy, struct fs_loop *loop, void **worker)
{
    (void)loop;
    *worker = strategy;
    return 0;
}

static void null_detach(void *worker)
{
    (void)worker;
}

static const char *null_durability(void *strategy)
{
    (void)strategy;
    return "memory";
}

static const struct fs_strategy table = {
    FS_STRATEGY_HEAD,
    .name = "null",
    .summary = "sells without a stock: for measuring the server itself",
    .flags = FS_STRATEGY_PROCESS_LOCAL,
    .open = null_open,
    .close = free,
    .attach = null_attach,
    .detach = null_detach,
    .purchase = null_purchase,
    .cancel = null_order,
    .lookup = null_order,
    .count = null_count,
    .list = null_list,
    .audit = null_audit,
    .change = null_change,
    .durability = null_durability,
};

FS_STRATEGY_EXPORT(table)
