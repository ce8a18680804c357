/* Ops on one loop: deciding under the mutex, then waiting for the disk (waiting.h). */
#include "v1.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "limits.h"

struct fs_v1_worker {
    /* constant after attach */
    struct fs_v1 *v1;
    struct fs_loop *loop; /* borrowed */

    /* owned */
    struct fs_sale_info *rows; /* sales_max: what list() copies under the mutex */

    /* changing [loop] */
    bool has_written; /* since the last turn_end() */
    struct fs_v1_waiting waiting;

    /* changing, shared */
    struct fs_v1_worker *next; /* guarded by workers_mutex */
};

/* How the mutex was come by. */
struct hold {
    bool is_contended;
    uint64_t wait_us;
};

static void take_mutex(struct fs_v1 *v1, struct hold *hold)
{
    uint64_t began_us;

    *hold = (struct hold){0};
    if (pthread_mutex_trylock(&v1->mutex) == 0)
        return;
    hold->is_contended = true;
    began_us = v1->host->now_us();
    pthread_mutex_lock(&v1->mutex);
    hold->wait_us = v1->host->now_us() - began_us;
}

static void give_mutex(struct fs_v1_worker *worker, const struct hold *hold)
{
    const struct fs_host *host = worker->v1->host;

    pthread_mutex_unlock(&worker->v1->mutex);
    if (hold->is_contended)
        host->lock_event(worker->loop, FS_LOCK_CONTENDED, 0);
    host->lock_event(worker->loop, FS_LOCK_ACQUIRED, hold->wait_us);
}

static int64_t wall_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The place for the record of the next change; none: the ring is full.  Holding the mutex. */
static void find_room(struct fs_v1 *v1, struct fs_v1_room *room)
{
    *room = (struct fs_v1_room){0};
    room->record =
        v1->options.is_durable ? fs_v1_journal_next(&v1->journal, &room->position) : &v1->scratch;
}

/* Holding the mutex, so that the order in the ring is that of the decisions. */
static void publish(struct fs_v1_worker *worker, const struct fs_v1_decision *decision)
{
    if (!decision->wrote || !worker->v1->options.is_durable)
        return;
    fs_v1_journal_publish(&worker->v1->journal, decision->position);
    worker->has_written = true;
}

static void log_trouble(struct fs_v1 *v1, enum fs_v1_trouble trouble)
{
    static const char *const lines[] = {
        [FS_V1_ORDERS_FULL] = "v1: orders_max orders are remembered and no more fit: purchases "
                              "answer unavailable until it is raised",
        [FS_V1_SALES_FULL] = "v1: there are sales_max sales: no more can be created",
        [FS_V1_UNITS_TOO_MANY] = "v1: a change was refused: a sale can hold 2^53 units",
    };

    if (!atomic_exchange(&v1->is_logged[trouble], true))
        v1->host->log(v1->host, FS_LOG_ERROR, "%s", lines[trouble]);
}

/* Tells and completes, at once or when the disk has what the answer says. */
static void answer(struct fs_v1_worker *worker, struct fs_op *op, void *state,
                   const struct fs_v1_decision *decision)
{
    struct fs_v1 *v1 = worker->v1;

    if (decision->trouble != FS_V1_NO_TROUBLE)
        log_trouble(v1, decision->trouble);
    if (decision->sale.state != 0)
        v1->host->tell_sale(op, &decision->sale);
    if (decision->order.status != 0)
        v1->host->tell_order(op, &decision->order);
    if (!v1->options.is_durable ||
        (!decision->wrote && decision->position <= fs_v1_journal_durable(&v1->journal))) {
        v1->host->complete(op, &decision->outcome);
        return;
    }
    if (v1->says_asked && (decision->wrote || decision->outcome.replayed))
        v1->host->asked(op, true); /* a deadline that comes first then says "undetermined" */
    fs_v1_waiting_add(&worker->waiting, op, state, decision->position, &decision->outcome);
}

/* Past its deadline nothing new is started. */
static bool is_late(struct fs_v1_worker *worker, struct fs_op *op, uint64_t deadline_us)
{
    const struct fs_host *host = worker->v1->host;
    const struct fs_outcome busy = {.verdict = FS_BUSY, .units_left = -1};

    if (deadline_us == 0 || host->now_us() < deadline_us)
        return false;
    host->complete(op, &busy);
    return true;
}

void fs_v1_purchase(void *data, struct fs_op *op, void *state, const struct fs_purchase *purchase)
{
    struct fs_v1_worker *worker = data;
    struct fs_v1 *v1 = worker->v1;
    struct fs_v1_decision decision = {0};
    struct fs_v1_query query = {
        .product = purchase->product,
        .buyer = purchase->buyer,
        .order = purchase->order,
        .units = purchase->units,
    };
    struct fs_v1_room room;
    struct hold hold;

    assert(purchase->product.len <= FS_PRODUCT_LEN_MAX && purchase->buyer.len <= FS_BUYER_LEN_MAX);
    assert(purchase->order.len > 0 && purchase->order.len <= FS_ORDER_LEN_MAX);
    assert(purchase->units > 0);
    if (is_late(worker, op, purchase->deadline_us))
        return;
    fs_v1_ledger_hash(&v1->ledger, &query);
    query.now_ms = wall_clock_ms();
    take_mutex(v1, &hold);
    find_room(v1, &room);
    fs_v1_ledger_purchase(&v1->ledger, &query, &room, &decision);
    publish(worker, &decision);
    give_mutex(worker, &hold);
    answer(worker, op, state, &decision);
}

static void query_ref(struct fs_v1 *v1, const struct fs_order_ref *ref, struct fs_v1_query *query)
{
    *query = (struct fs_v1_query){
        .product = ref->product,
        .buyer = ref->buyer,
        .order = ref->order,
        .now_ms = wall_clock_ms(),
    };
    assert(ref->product.len <= FS_PRODUCT_LEN_MAX && ref->buyer.len <= FS_BUYER_LEN_MAX &&
           ref->order.len <= FS_ORDER_LEN_MAX);
    fs_v1_ledger_hash(&v1->ledger, query);
}

void fs_v1_cancel(void *data, struct fs_op *op, void *state, const struct fs_order_ref *ref)
{
    struct fs_v1_worker *worker = data;
    struct fs_v1 *v1 = worker->v1;
    struct fs_v1_decision decision = {0};
    struct fs_v1_query query;
    struct fs_v1_room room;
    struct hold hold;

    if (is_late(worker, op, ref->deadline_us))
        return;
    query_ref(v1, ref, &query);
    take_mutex(v1, &hold);
    find_room(v1, &room);
    fs_v1_ledger_cancel(&v1->ledger, &query, &room, &decision);
    publish(worker, &decision);
    give_mutex(worker, &hold);
    answer(worker, op, state, &decision);
}

void fs_v1_lookup(void *data, struct fs_op *op, void *state, const struct fs_order_ref *ref)
{
    struct fs_v1_worker *worker = data;
    struct fs_v1_decision decision = {0};
    struct fs_v1_query query;
    struct hold hold;

    query_ref(worker->v1, ref, &query);
    take_mutex(worker->v1, &hold);
    fs_v1_ledger_lookup(&worker->v1->ledger, &query, &decision);
    give_mutex(worker, &hold);
    answer(worker, op, state, &decision);
}

static void query_product(struct fs_v1 *v1, struct fs_text product, struct fs_v1_query *query)
{
    *query = (struct fs_v1_query){.product = product, .now_ms = wall_clock_ms()};
    assert(product.len <= FS_PRODUCT_LEN_MAX);
    fs_v1_ledger_hash(&v1->ledger, query);
}

void fs_v1_count(void *data, struct fs_op *op, void *state, struct fs_text product)
{
    struct fs_v1_worker *worker = data;
    struct fs_v1_decision decision = {0};
    struct fs_v1_query query;
    struct hold hold;

    query_product(worker->v1, product, &query);
    take_mutex(worker->v1, &hold);
    fs_v1_ledger_count(&worker->v1->ledger, &query, &decision);
    give_mutex(worker, &hold);
    answer(worker, op, state, &decision);
}

void fs_v1_list(void *data, struct fs_op *op, void *state)
{
    struct fs_v1_worker *worker = data;
    struct fs_v1 *v1 = worker->v1;
    const struct fs_outcome done = {.verdict = FS_DONE, .units_left = -1};
    int64_t now_ms = wall_clock_ms();
    struct hold hold;
    uint32_t count;

    (void)state;
    take_mutex(v1, &hold);
    count = v1->ledger.sale_count;
    fs_v1_ledger_list(&v1->ledger, now_ms, worker->rows);
    give_mutex(worker, &hold);
    for (uint32_t i = 0; i < count; i++)
        v1->host->tell_sale(op, &worker->rows[i]);
    v1->host->complete(op, &done);
}

static void tell_terms(struct fs_v1 *v1, struct fs_op *op, const struct fs_v1_audit *audit)
{
    const struct fs_sale_info *sale = &audit->sale;
    uint64_t durable = v1->options.is_durable ? fs_v1_journal_durable(&v1->journal) : 0;
    const struct {
        struct fs_text name;
        int64_t value;
    } terms[] = {
#define TERM(name, value) {{#name, sizeof(#name) - 1}, value}
        TERM(epoch, (int64_t)sale->epoch),
        TERM(sequence, (int64_t)sale->sequence),
        TERM(units_initial, sale->units_initial),
        TERM(units_restocked, sale->units_restocked),
        TERM(units_left, sale->units_left),
        TERM(units_sold, sale->units_sold),
        TERM(units_in_transit, sale->units_in_transit),
        TERM(orders_sold, audit->orders_sold),
        TERM(orders_cancelled, audit->orders_cancelled),
        TERM(sold_by_orders, audit->sold_by_orders),
        TERM(buyers_difference, audit->buyers_difference),
        TERM(sold_difference, sale->units_sold - audit->sold_by_orders),
        TERM(conservation_difference, sale->units_initial + sale->units_restocked -
                                          sale->units_left - sale->units_sold -
                                          sale->units_in_transit),
        TERM(journal_durable, (int64_t)durable),
#undef TERM
    };

    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
        v1->host->tell_term(op, terms[i].name, terms[i].value);
}

void fs_v1_audit(void *data, struct fs_op *op, void *state, struct fs_text product)
{
    struct fs_v1_worker *worker = data;
    struct fs_v1 *v1 = worker->v1;
    struct fs_outcome outcome = {.verdict = FS_UNKNOWN, .units_left = -1};
    struct fs_v1_audit audit;
    struct fs_v1_query query;
    struct hold hold;
    bool is_known;

    (void)state;
    query_product(v1, product, &query);
    take_mutex(v1, &hold);
    is_known = fs_v1_ledger_audit(&v1->ledger, &query, &audit);
    give_mutex(worker, &hold);
    if (is_known) {
        tell_terms(v1, op, &audit);
        outcome = (struct fs_outcome){
            .verdict = FS_DONE,
            .units_left = audit.sale.units_left,
            .epoch = audit.sale.epoch,
            .sequence = audit.sale.sequence,
        };
    }
    v1->host->complete(op, &outcome);
}

void fs_v1_change(void *data, struct fs_op *op, void *state, const struct fs_sale_change *change)
{
    struct fs_v1_worker *worker = data;
    struct fs_v1 *v1 = worker->v1;
    struct fs_v1_decision decision = {0};
    struct fs_v1_query query;
    struct fs_v1_room room;
    struct hold hold;

    assert(change->change.len <= FS_ORDER_LEN_MAX && change->product.len > 0);
    if (is_late(worker, op, change->deadline_us))
        return;
    query = (struct fs_v1_query){
        .product = change->product, .order = change->change, .now_ms = wall_clock_ms()};
    assert(query.product.len <= FS_PRODUCT_LEN_MAX);
    fs_v1_ledger_hash(&v1->ledger, &query);
    take_mutex(v1, &hold);
    find_room(v1, &room);
    fs_v1_ledger_change(&v1->ledger, &query, change, &room, &decision);
    publish(worker, &decision);
    give_mutex(worker, &hold);
    answer(worker, op, state, &decision);
}

void fs_v1_probe(void *data, struct fs_op *op, void *state)
{
    struct fs_v1_worker *worker = data;
    struct fs_v1 *v1 = worker->v1;
    struct fs_outcome outcome = {.verdict = FS_DONE, .units_left = -1};
    struct hold hold;

    (void)state;
    take_mutex(v1, &hold);
    if (v1->ledger.order_count == v1->ledger.orders_max)
        outcome.verdict = FS_UNAVAILABLE;
    give_mutex(worker, &hold);
    v1->host->complete(op, &outcome);
}

void fs_v1_turn_end(void *data)
{
    struct fs_v1_worker *worker = data;

    if (worker->has_written) {
        worker->has_written = false;
        fs_v1_journal_kick(&worker->v1->journal);
    }
    fs_v1_waiting_settle(&worker->waiting);
}

void fs_v1_workers_wake(struct fs_v1 *v1, uint64_t position)
{
    pthread_mutex_lock(&v1->workers_mutex);
    for (struct fs_v1_worker *worker = v1->workers; worker; worker = worker->next)
        fs_v1_waiting_notice(&worker->waiting, position);
    pthread_mutex_unlock(&v1->workers_mutex);
}

int fs_v1_attach(void *strategy, struct fs_loop *loop, void **out)
{
    struct fs_v1 *v1 = strategy;
    struct fs_v1_worker *worker = aligned_alloc(64, sizeof(*worker));

    if (!worker)
        return -ENOMEM;
    *worker = (struct fs_v1_worker){.v1 = v1, .loop = loop};
    fs_v1_waiting_init(&worker->waiting, v1->host, v1->options.is_durable ? &v1->journal : NULL,
                       loop);
    worker->rows = calloc(v1->options.sales_max, sizeof(*worker->rows));
    if (!worker->rows) {
        free(worker);
        return -ENOMEM;
    }
    pthread_mutex_lock(&v1->workers_mutex);
    worker->next = v1->workers;
    v1->workers = worker;
    pthread_mutex_unlock(&v1->workers_mutex);
    *out = worker;
    return 0;
}

void fs_v1_detach(void *data)
{
    struct fs_v1_worker *worker = data;
    struct fs_v1 *v1 = worker->v1;
    struct fs_v1_worker **at = &v1->workers;

    assert(fs_v1_waiting_is_empty(&worker->waiting));
    pthread_mutex_lock(&v1->workers_mutex);
    while (*at != worker)
        at = &(*at)->next;
    *at = worker->next;
    pthread_mutex_unlock(&v1->workers_mutex);
    free(worker->rows);
    free(worker);
}
