/* Products, and the end of a turn. */
#include "ledger.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "decision.h"
#include "host.h"
#include "record.h"

#define HEAD_MAX 16u /* keys and arguments before the ops of a batch */

static bool may_always(struct fs_op *op, bool is_asked)
{
    (void)op;
    (void)is_asked;
    return true;
}

/* An older host has no such member, and takes every op for asked. */
static bool (*asked_of(const struct fs_host *host))(struct fs_op *, bool)
{
    return FS_LEDGER_HOST_HAS(host, asked) ? host->asked : may_always;
}

bool fs_ledger_is_on_cluster(const struct fs_host *host)
{
    return FS_LEDGER_HOST_HAS(host, store_is_cluster) && host->store_is_cluster(host);
}

int fs_ledger_init(struct fs_ledger *ledger, const struct fs_host *host, const char *name,
                   const char *prefix)
{
    size_t prefix_len = strlen(prefix);

    *ledger = (struct fs_ledger){
        .host = host,
        .name = name,
        /* A script may name a key of all products only where it lives on the same node as each of
         * theirs: in a cluster of one primary it does not, since there a script has one slot. */
        .has_claims = host->store_count(host) == 1 && !fs_ledger_is_on_cluster(host),
        .batch_max = FS_LEDGER_BATCH_DEFAULT,
        .batches_max = FS_LEDGER_BATCHES_DEFAULT,
        .log_max = FS_LEDGER_LOG_DEFAULT,
        .audit_max = FS_LEDGER_AUDIT_DEFAULT,
        .asked = asked_of(host),
    };
    if (prefix_len > FS_LEDGER_PREFIX_LEN_MAX || strpbrk(prefix, "{}")) {
        host->log(host, FS_LOG_ERROR,
                  "%s: the key prefix is '%s': use at most %u characters and no braces", name,
                  prefix, FS_LEDGER_PREFIX_LEN_MAX);
        return -EINVAL;
    }
    memcpy(ledger->prefix_chars, prefix, prefix_len);
    ledger->prefix = (struct fs_text){ledger->prefix_chars, prefix_len};
    if (FS_LEDGER_HOST_HAS(host, data_id))
        ledger->data_id = host->data_id(host);
    ledger->epochs = calloc(FS_LEDGER_EPOCHS_MAX, sizeof(*ledger->epochs));
    if (!ledger->epochs)
        return -ENOMEM;
    pthread_mutex_init(&ledger->mutex, NULL);
    return 0;
}

void fs_ledger_dispose(struct fs_ledger *ledger)
{
    pthread_mutex_destroy(&ledger->mutex);
    free(ledger->epochs);
}

int fs_ledger_worker_init(struct fs_ledger_worker *worker, struct fs_ledger *ledger,
                          struct fs_loop *loop, size_t extra_size,
                          void (*pump)(struct fs_ledger_product *product))
{
    size_t argc_max = HEAD_MAX + 3 * (size_t)ledger->batch_max;

    *worker = (struct fs_ledger_worker){
        .ledger = ledger, .loop = loop, .extra_size = extra_size, .pump = pump};
    worker->buckets = calloc(FS_LEDGER_PRODUCT_BUCKETS, sizeof(struct fs_ledger_product *));
    worker->argv = calloc(argc_max, sizeof(*worker->argv));
    worker->decisions = calloc(ledger->batch_max, sizeof(*worker->decisions));
    worker->numbers = calloc(HEAD_MAX + ledger->batch_max, sizeof(*worker->numbers));
    if (worker->buckets && worker->argv && worker->decisions && worker->numbers)
        return 0;
    fs_ledger_worker_dispose(worker);
    return -ENOMEM;
}

void fs_ledger_worker_dispose(struct fs_ledger_worker *worker)
{
    for (size_t i = 0; worker->buckets && i < FS_LEDGER_PRODUCT_BUCKETS; i++)
        while (worker->buckets[i]) {
            struct fs_ledger_product *product = worker->buckets[i];

            assert(!product->queue.first && product->in_flight == 0 && !product->is_waiting);
            worker->buckets[i] = product->next_in_bucket;
            free(product);
        }
    free(worker->buckets);
    free(worker->argv);
    free(worker->decisions);
    free(worker->numbers);
}

static size_t bucket_of(struct fs_text name)
{
    return fs_ledger_hash(name) & (FS_LEDGER_PRODUCT_BUCKETS - 1);
}

static struct fs_ledger_product *find_product(const struct fs_ledger_worker *worker,
                                              struct fs_text name)
{
    struct fs_ledger_product *product = worker->buckets[bucket_of(name)];

    while (product && !fs_ledger_same(product->name, name))
        product = product->next_in_bucket;
    return product;
}

void fs_ledger_note_read(struct fs_ledger_worker *worker, struct fs_text product, uint64_t epoch)
{
    const struct fs_ledger_product *known = find_product(worker, product);

    if (!known || known->seen_epoch < epoch)
        fs_ledger_note_epoch(worker->ledger, product, epoch);
}

void fs_ledger_note_found(struct fs_ledger_worker *worker, struct fs_text product,
                          const struct fs_ledger_sale *sale)
{
    fs_ledger_note_read(worker, product, sale->info.epoch);
    fs_ledger_note_sale(worker->ledger, product, sale);
}

struct fs_ledger_product *fs_ledger_product_take(struct fs_ledger_worker *worker,
                                                 struct fs_text name)
{
    struct fs_ledger_product **bucket = &worker->buckets[bucket_of(name)];
    struct fs_ledger_product *product = find_product(worker, name);

    if (product)
        return product;
    product = calloc(1, offsetof(struct fs_ledger_product, extra) + worker->extra_size);
    if (!product)
        return NULL;
    assert(name.len <= FS_LEDGER_NAME_LEN_MAX);
    memcpy(product->name_chars, name.data, name.len);
    product->name = (struct fs_text){product->name_chars, name.len};
    product->told_name = product->name;
    product->data = worker->ledger->data_id;
    product->worker = worker;
    fs_ledger_keys_init(&product->keys, worker->ledger->prefix, product->name);
    product->seen_epoch = fs_ledger_note_epoch(worker->ledger, product->name, 0);
    product->next_in_bucket = *bucket;
    *bucket = product;
    worker->product_count++;
    return product;
}

static void let_go(struct fs_ledger_product *product)
{
    struct fs_ledger_product **at = &product->worker->buckets[bucket_of(product->name)];

    while (*at != product)
        at = &(*at)->next_in_bucket;
    *at = product->next_in_bucket;
    product->worker->product_count--;
    free(product);
}

void fs_ledger_product_touch(struct fs_ledger_product *product)
{
    if (product->is_dirty)
        return;
    product->is_dirty = true;
    product->next_dirty = product->worker->dirty;
    product->worker->dirty = product;
}

void fs_ledger_queue_op(struct fs_ledger_worker *worker, struct fs_op *op,
                        struct fs_ledger_op *state, struct fs_text product,
                        const struct fs_ledger_op *asked)
{
    *state = *asked;
    state->op = op;
    state->product = fs_ledger_product_take(worker, product);
    if (!state->product) {
        const struct fs_outcome outcome = {.verdict = FS_UNAVAILABLE, .units_left = -1};

        worker->ledger->host->complete(op, &outcome);
        return;
    }
    fs_ledger_queue_append(&state->product->queue, state);
    fs_ledger_product_touch(state->product);
}

struct fs_ledger_op fs_ledger_op_of_purchase(const struct fs_purchase *purchase)
{
    assert(purchase->units > 0);
    return (struct fs_ledger_op){.order = purchase->order,
                                 .buyer = purchase->buyer,
                                 .units = purchase->units,
                                 .deadline_us = purchase->deadline_us};
}

struct fs_ledger_op fs_ledger_op_of_cancel(const struct fs_order_ref *ref)
{
    return (struct fs_ledger_op){
        .order = ref->order, .buyer = ref->buyer, .deadline_us = ref->deadline_us};
}

void fs_ledger_purchase(void *worker, struct fs_op *op, void *state,
                        const struct fs_purchase *purchase)
{
    const struct fs_ledger_op asked = fs_ledger_op_of_purchase(purchase);

    fs_ledger_queue_op(worker, op, state, purchase->product, &asked);
}

void fs_ledger_cancel(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref)
{
    const struct fs_ledger_op asked = fs_ledger_op_of_cancel(ref);

    fs_ledger_queue_op(worker, op, state, ref->product, &asked);
}

void fs_ledger_complete(struct fs_ledger_op *state, enum fs_verdict verdict)
{
    const struct fs_outcome outcome = {
        .verdict = verdict, .store_trips = state->trips, .units_left = -1};

    state->product->worker->ledger->host->complete(state->op, &outcome);
}

void fs_ledger_complete_late(struct fs_ledger_op *state)
{
    fs_ledger_complete(state, state->may_be_decided ? FS_UNDETERMINED : FS_BUSY);
}

void fs_ledger_product_send(struct fs_ledger_product *product,
                            void (*send)(struct fs_ledger_product *product,
                                         struct fs_ledger_op *first, uint32_t count))
{
    const struct fs_ledger *ledger = product->worker->ledger;

    fs_ledger_queue_expire(product);
    while (product->queue.first && product->in_flight < ledger->batches_max) {
        uint32_t count;
        struct fs_ledger_op *first =
            fs_ledger_queue_take(&product->queue, ledger->batch_max, &count);

        if (first)
            send(product, first, count);
    }
}

static void on_wait(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_ledger_product *product =
        (struct fs_ledger_product *)(void *)((char *)call -
                                             offsetof(struct fs_ledger_product, wait));

    (void)reply;
    product->is_waiting = false;
    fs_ledger_product_touch(product);
}

void fs_ledger_product_wait(struct fs_ledger_product *product, uint32_t delay_ms)
{
    struct fs_ledger_worker *worker = product->worker;
    const struct fs_ledger_op *first = product->queue.first;
    uint64_t now_us = worker->ledger->host->now_us();

    assert(!product->is_waiting);
    if (first) {
        uint64_t left_us = first->deadline_us > now_us ? first->deadline_us - now_us : 0;

        if (left_us < (uint64_t)delay_ms * 1000)
            delay_ms = (uint32_t)((left_us + 999) / 1000);
    }
    product->is_waiting = true;
    product->wait.done = on_wait;
    worker->ledger->host->wait(worker->loop, &product->wait, delay_ms);
}

void fs_ledger_product_gather(struct fs_ledger_product *product)
{
    const struct fs_ledger_op *state = product->queue.first;

    if (!state || product->is_waiting)
        return;
    for (unsigned count = 1; count < FS_LEDGER_BATCH_LARGE && state; count++)
        state = state->next;
    if (!state)
        fs_ledger_product_wait(product, 0);
}

void fs_ledger_turn_end(void *data)
{
    struct fs_ledger_worker *worker = data;
    struct fs_ledger_product *product = worker->dirty;

    worker->dirty = NULL;
    while (product) {
        struct fs_ledger_product *next = product->next_dirty;

        product->is_dirty = false;
        /* While it waits, its timer is what comes next: ops that are completed under it would let
         * a server stop with the timer armed. */
        if (!product->is_waiting)
            worker->pump(product);
        if (!product->queue.first && product->in_flight == 0 && !product->is_waiting &&
            !product->is_dirty && !product->is_kept && product->seen_epoch == 0)
            let_go(product);
        product = next;
    }
}
