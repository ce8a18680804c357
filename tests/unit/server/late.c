/* A strategy that takes its time: each purchase is answered after the option delay_ms.  It insists on
 * holding nothing when it is detached, and on being detached when it is closed. */
#include <flashsale/strategy.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct late {
    const struct fs_host *host; /* borrowed until close() */
    uint32_t delay_ms;
    unsigned attached_count;
};

struct worker {
    struct late *late;
    struct fs_loop *loop;
    unsigned held_count;
};

struct state {
    struct fs_call call;
    struct worker *worker;
    struct fs_op *op;
};

static void done(const struct late *late, struct fs_op *op)
{
    late->host->complete(op, &(struct fs_outcome){.verdict = FS_DONE, .units_left = -1});
}

static void purchase_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct state *state = (struct state *)(void *)call;

    (void)reply;
    state->worker->held_count--;
    done(state->worker->late, state->op);
}

static void late_purchase(void *data, struct fs_op *op, void *data_state,
                          const struct fs_purchase *purchase)
{
    struct worker *worker = data;
    struct state *state = data_state;

    (void)purchase;
    worker->held_count++;
    *state = (struct state){{purchase_done, {NULL}}, worker, op};
    worker->late->host->wait(worker->loop, &state->call, worker->late->delay_ms);
}

static void late_order(void *data, struct fs_op *op, void *state, const struct fs_order_ref *ref)
{
    const struct worker *worker = data;

    (void)state;
    (void)ref;
    worker->late->host->complete(op, &(struct fs_outcome){.verdict = FS_UNKNOWN});
}

static void tell(const struct late *late, struct fs_op *op, struct fs_text product)
{
    late->host->tell_sale(
        op, &(struct fs_sale_info){.product = product, .state = FS_SALE_OPEN, .epoch = 1});
    done(late, op);
}

static void late_count(void *data, struct fs_op *op, void *state, struct fs_text product)
{
    (void)state;
    tell(((struct worker *)data)->late, op, product);
}

static void late_list(void *data, struct fs_op *op, void *state)
{
    (void)state;
    done(((struct worker *)data)->late, op);
}

static void late_audit(void *data, struct fs_op *op, void *state, struct fs_text product)
{
    (void)state;
    (void)product;
    done(((struct worker *)data)->late, op);
}

static void late_change(void *data, struct fs_op *op, void *state,
                        const struct fs_sale_change *change)
{
    (void)state;
    tell(((struct worker *)data)->late, op, change->product);
}

static int late_attach(void *strategy, struct fs_loop *loop, void **worker)
{
    struct worker *new = malloc(sizeof(*new));

    if (!new)
        return -1;
    *new = (struct worker){strategy, loop, 0};
    new->late->attached_count++;
    *worker = new;
    return 0;
}

static void late_detach(void *data)
{
    struct worker *worker = data;

    assert(worker->held_count == 0);
    worker->late->attached_count--;
    free(worker);
}

static int late_open(const struct fs_host *host, const struct fs_options *options, void **strategy)
{
    struct late *late = calloc(1, sizeof(*late));

    if (!late)
        return -1;
    late->host = host;
    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->list[i].name, "delay_ms") == 0)
            late->delay_ms = (uint32_t)strtoul(options->list[i].value, NULL, 10);
    *strategy = late;
    return 0;
}

static void late_close(void *data)
{
    struct late *late = data;

    assert(late->attached_count == 0);
    free(late);
}

static const struct fs_strategy table = {
    FS_STRATEGY_HEAD,
    .name = "late",
    .summary = "answers after a while",
    .state_size = sizeof(struct state),
    .open = late_open,
    .close = late_close,
    .attach = late_attach,
    .detach = late_detach,
    .purchase = late_purchase,
    .cancel = late_order,
    .lookup = late_order,
    .count = late_count,
    .list = late_list,
    .audit = late_audit,
    .change = late_change,
};

FS_STRATEGY_EXPORT(table)
