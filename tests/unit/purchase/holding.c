/* A strategy and a client for the tests of ops. */
#include "unit/purchase/holding.h"

#include "support/suite.h"

const struct fs_outcome done_outcome = {
    .verdict = FS_DONE, .units_left = 7, .epoch = 1, .sequence = 42};

static void take(struct worker *worker, struct fs_op *op, unsigned char *state)
{
    worker->state_was_zero = true;
    for (size_t i = 0; i < STATE_SIZE; i++)
        worker->state_was_zero = worker->state_was_zero && state[i] == 0;
    memset(state, 0xaa, STATE_SIZE);
    if (worker->completes_at_once)
        worker->host->complete(op, &done_outcome);
    else if (worker->held_count < HELD_MAX)
        worker->held[worker->held_count++] = op;
}

static void on_purchase(void *worker, struct fs_op *op, void *state,
                        const struct fs_purchase *purchase)
{
    ((struct worker *)worker)->deadline_us = purchase->deadline_us;
    take(worker, op, state);
}

static void on_ref(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref)
{
    ((struct worker *)worker)->deadline_us = ref->deadline_us;
    take(worker, op, state);
}

static void on_product(void *worker, struct fs_op *op, void *state, struct fs_text product)
{
    (void)product;
    take(worker, op, state);
}

static void on_list(void *worker, struct fs_op *op, void *state)
{
    take(worker, op, state);
}

static void on_change(void *worker, struct fs_op *op, void *state,
                      const struct fs_sale_change *change)
{
    ((struct worker *)worker)->deadline_us = change->deadline_us;
    take(worker, op, state);
}

static const struct fs_strategy strategy = {
    FS_STRATEGY_HEAD, .state_size = STATE_SIZE, .purchase = on_purchase,
    .cancel = on_ref, .lookup = on_ref,         .count = on_product,
    .list = on_list,  .audit = on_product,      .change = on_change};

static void on_end(struct fs_op *op, void *data)
{
    struct client *client = data;

    client->ends++;
    client->outcome = op->outcome;
    client->timed_out = op->timed_out;
    if (client->submits_to)
        submit_purchase(client->submits_to, client);
    if (client->abandons)
        fs_op_abandon(client->abandons);
    client->abandons = NULL;
}

static void on_sale(struct fs_op *op, void *data, const struct fs_sale_info *sale)
{
    (void)op;
    (void)sale;
    ((struct client *)data)->sales++;
}

static void on_term(struct fs_op *op, void *data, struct fs_text name, int64_t value)
{
    (void)op;
    (void)name;
    (void)value;
    ((struct client *)data)->terms++;
}

const struct fs_op_client client_type = {.on_end = on_end, .on_sale = on_sale, .on_term = on_term};

void set_up(struct fixture *fixture, uint32_t in_flight_max)
{
    *fixture = (struct fixture){0};
    fs_log_init(&fixture->log, FS_LOG_INFO, FS_LOG_TEXT, NULL, NULL);
    fs_metrics_init(&fixture->metrics);
    fs_strategy_host_init(&fixture->host, &fixture->log, 0);
    fs_ops_offer(&fixture->host.host);
    FS_CHECK_INT(fs_loop_init(&fixture->loop, &strategy, NULL, &fixture->metrics), 0);
    FS_CHECK_INT(fs_ops_init(&fixture->ops, &fixture->loop, in_flight_max, SPAN_US), 0);
    fixture->worker.host = &fixture->host.host;
    fixture->loop.worker = &fixture->worker;
}

void tear_down(struct fixture *fixture)
{
    fs_ops_dispose(&fixture->ops);
    fs_loop_dispose(&fixture->loop);
}

struct fs_op *take_purchase(struct fs_ops *ops, struct client *client)
{
    struct fs_op *op = fs_op_take(ops, FS_OP_PURCHASE, &client_type, client);

    if (op)
        fs_op_set_purchase(op, FS_TEXT("shoe"), FS_TEXT("ann"), FS_TEXT("o1"), 2);
    return op;
}

void submit_purchase(struct fs_ops *ops, struct client *client)
{
    fs_op_submit(take_purchase(ops, client));
}
