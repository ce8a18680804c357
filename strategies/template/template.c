/* A strategy to copy: everything in memory, one mutex around it.
 *
 * It keeps each rule of core/include/flashsale/strategy.h and passes the conformance suite; what it
 * lacks is durability.  The pattern of every callback that decides something is
 *
 *     find and check (nothing is written), make room (may fail), write (cannot fail), answer.
 *
 * Replace the tables by your store and keep that order: a step that fails half way is the one thing
 * that no caller can repair.  strategies/README.md tells how to build and to test a copy. */
#include "tables.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct template
{
    const struct fs_host *host; /* borrowed until close() */
    pthread_mutex_t mutex;      /* guards tables: one instance serves all loops */
    struct tables tables;
};

/* Small tools */

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The window is part of the state that buyers see. */
static enum fs_sale_state state_in_force(const struct fs_sale_info *info, int64_t now_ms)
{
    if (info->state != FS_SALE_OPEN)
        return info->state;
    if (info->closes_at_ms != 0 && now_ms >= info->closes_at_ms)
        return FS_SALE_CLOSED;
    if (info->opens_at_ms != 0 && now_ms < info->opens_at_ms)
        return FS_SALE_NOT_OPEN;
    return FS_SALE_OPEN;
}

static struct fs_sale_info info_of(const struct sale *sale)
{
    struct fs_sale_info info = sale->info;

    info.product = text_of(&sale->product);
    info.state = state_in_force(&sale->info, wall_ms());
    return info;
}

static struct fs_order_info order_info_of(const struct order *order)
{
    struct fs_order_info info = order->info;

    info.product = text_of(&order->sale->product);
    info.buyer = text_of(&order->buyer);
    info.order = text_of(&order->name);
    return info;
}

static void refuse(const struct template *template, struct fs_op *op, enum fs_verdict verdict)
{
    template->host->complete(op, &(struct fs_outcome){.verdict = verdict, .units_left = -1});
}

/* Purchase */

/* The same order again: its first decision, or a refusal when it is not the same after all. */
static struct fs_outcome replay(struct template *template, struct fs_op *op,
                                const struct order *order, const struct fs_purchase *purchase)
{
    struct fs_order_info info = order_info_of(order);

    if (!fs_template_is(&order->buyer, purchase->buyer) ||
        !fs_template_is(&order->sale->product, purchase->product) ||
        order->info.units != purchase->units)
        return (struct fs_outcome){.verdict = FS_KEY_REUSED, .units_left = -1};
    template->host->tell_order(op, &info);
    return (struct fs_outcome){.verdict = FS_DONE,
                               .replayed = true,
                               .units_left = info.units_left,
                               .epoch = info.epoch,
                               .sequence = info.sequence};
}

/* Whether the rules of the sale allow it; writes nothing. */
static struct fs_outcome judge(const struct sale *sale, const struct share *share, uint32_t units)
{
    const struct fs_sale_info *info = &sale->info;
    struct fs_outcome outcome = {.units_left = info->units_left, .epoch = info->epoch};
    enum fs_sale_state state = state_in_force(info, wall_ms());
    int64_t bought = share ? share->units : 0;

    if (state != FS_SALE_OPEN) {
        outcome.verdict = FS_CLOSED;
        outcome.state = state;
    } else if (info->units_per_order_max != 0 && units > info->units_per_order_max) {
        outcome.verdict = FS_TOO_MANY;
    } else if (info->units_per_buyer_max != 0 && bought + units > info->units_per_buyer_max) {
        outcome.verdict = FS_LIMIT_REACHED;
    } else if (units > info->units_left) {
        outcome.verdict = FS_SOLD_OUT;
    } else {
        outcome.verdict = FS_DONE;
    }
    return outcome;
}

/* Cannot fail: order was made room for before. */
static struct fs_outcome sell(struct template *template, struct sale *sale, struct share *share,
                              struct order *order, const struct fs_purchase *purchase)
{
    struct fs_sale_info *info = &sale->info;

    info->units_left -= purchase->units;
    info->units_sold += purchase->units;
    info->sequence++;
    share->units += purchase->units;
    order->sale = sale;
    fs_template_set_name(&order->buyer, purchase->buyer);
    fs_template_set_name(&order->name, purchase->order);
    order->info = (struct fs_order_info){.units = purchase->units,
                                         .status = FS_ORDER_SOLD,
                                         .epoch = info->epoch,
                                         .sequence = info->sequence,
                                         .units_left = info->units_left,
                                         .sold_at_ms = wall_ms()};
    fs_template_add_order(&template->tables, order);
    return (struct fs_outcome){.verdict = FS_DONE,
                               .units_left = info->units_left,
                               .epoch = info->epoch,
                               .sequence = info->sequence};
}

static struct fs_outcome decide(struct template *template, struct fs_op *op,
                                const struct fs_purchase *purchase)
{
    struct fs_outcome unavailable = {.verdict = FS_UNAVAILABLE, .units_left = -1};
    struct sale *sale = fs_template_find_sale(&template->tables, purchase->product);
    struct order *order = fs_template_find_order(&template->tables, purchase->order);
    struct share *share;
    struct fs_outcome outcome;

    if (!sale)
        return (struct fs_outcome){.verdict = FS_UNKNOWN, .units_left = -1};
    if (order)
        return replay(template, op, order, purchase);
    share = fs_template_find_share(&template->tables, sale, sale->info.epoch, purchase->buyer);
    outcome = judge(sale, share, purchase->units);
    if (outcome.verdict != FS_DONE)
        return outcome;
    order = calloc(1, sizeof(*order));
    if (!order)
        return unavailable;
    if (!share) {
        share = calloc(1, sizeof(*share));
        if (!share) {
            free(order);
            return unavailable;
        }
        share->sale = sale;
        share->epoch = sale->info.epoch;
        fs_template_set_name(&share->buyer, purchase->buyer);
        fs_template_add_share(&template->tables, share);
    }
    return sell(template, sale, share, order, purchase);
}

static void template_purchase(void *worker, struct fs_op *op, void *state,
                              const struct fs_purchase *purchase)
{
    struct template *template = worker;
    struct fs_outcome outcome;

    (void)state;
    pthread_mutex_lock(&template->mutex);
    outcome = decide(template, op, purchase);
    pthread_mutex_unlock(&template->mutex);
    template->host->complete(op, &outcome);
}

/* Orders */

/* Of somebody else's order nobody learns that it exists. */
static struct order *find_own_order(const struct template *template, const struct fs_order_ref *ref)
{
    struct order *order = fs_template_find_order(&template->tables, ref->order);

    if (!order || !fs_template_is(&order->buyer, ref->buyer) ||
        !fs_template_is(&order->sale->product, ref->product))
        return NULL;
    return order;
}

static void give_back(struct template *template, struct order *order)
{
    struct fs_sale_info *info = &order->sale->info;
    struct share *share = fs_template_find_share(&template->tables, order->sale, order->info.epoch,
                                                 text_of(&order->buyer));

    info->units_left += order->info.units;
    info->units_sold -= order->info.units;
    info->sequence++;
    share->units -= order->info.units;
    order->info.status = FS_ORDER_CANCELLED;
    order->info.cancelled_at_ms = wall_ms();
}

static struct fs_outcome cancel(struct template *template, struct fs_op *op,
                                const struct fs_order_ref *ref)
{
    struct order *order = find_own_order(template, ref);
    struct fs_outcome outcome = {.units_left = -1};
    struct fs_order_info info;

    if (!order) {
        outcome.verdict = FS_UNKNOWN;
        return outcome;
    }
    outcome.replayed = order->info.status == FS_ORDER_CANCELLED;
    if (!outcome.replayed && order->info.epoch != order->sale->info.epoch) {
        outcome.verdict = FS_NOT_CANCELLABLE;
        return outcome;
    }
    if (!outcome.replayed)
        give_back(template, order);
    info = order_info_of(order);
    template->host->tell_order(op, &info);
    outcome.verdict = FS_DONE;
    outcome.units_left = order->sale->info.units_left;
    outcome.epoch = order->info.epoch;
    outcome.sequence = order->sale->info.sequence;
    return outcome;
}

static void template_cancel(void *worker, struct fs_op *op, void *state,
                            const struct fs_order_ref *ref)
{
    struct template *template = worker;
    struct fs_outcome outcome;

    (void)state;
    pthread_mutex_lock(&template->mutex);
    outcome = cancel(template, op, ref);
    pthread_mutex_unlock(&template->mutex);
    template->host->complete(op, &outcome);
}

static void template_lookup(void *worker, struct fs_op *op, void *state,
                            const struct fs_order_ref *ref)
{
    struct template *template = worker;
    struct fs_outcome outcome = {.verdict = FS_UNKNOWN, .units_left = -1};
    const struct order *order;

    (void)state;
    pthread_mutex_lock(&template->mutex);
    order = find_own_order(template, ref);
    if (order) {
        struct fs_order_info info = order_info_of(order);

        template->host->tell_order(op, &info);
        outcome.verdict = FS_DONE;
        outcome.epoch = info.epoch;
        outcome.sequence = info.sequence;
    }
    pthread_mutex_unlock(&template->mutex);
    template->host->complete(op, &outcome);
}

/* Sales */

static struct fs_outcome tell(const struct template *template, struct fs_op *op,
                              const struct sale *sale)
{
    struct fs_sale_info info = info_of(sale);

    template->host->tell_sale(op, &info);
    return (struct fs_outcome){.verdict = FS_DONE,
                               .units_left = info.units_left,
                               .epoch = info.epoch,
                               .sequence = info.sequence};
}

static void template_count(void *worker, struct fs_op *op, void *state, struct fs_text product)
{
    struct template *template = worker;
    struct fs_outcome outcome = {.verdict = FS_UNKNOWN, .units_left = -1};
    const struct sale *sale;

    (void)state;
    pthread_mutex_lock(&template->mutex);
    sale = fs_template_find_sale(&template->tables, product);
    if (sale)
        outcome = tell(template, op, sale);
    pthread_mutex_unlock(&template->mutex);
    template->host->complete(op, &outcome);
}

static void template_list(void *worker, struct fs_op *op, void *state)
{
    struct template *template = worker;

    (void)state;
    pthread_mutex_lock(&template->mutex);
    for (const struct sale *sale = template->tables.sales; sale; sale = sale->next)
        tell(template, op, sale);
    pthread_mutex_unlock(&template->mutex);
    template->host->complete(op, &(struct fs_outcome){.verdict = FS_DONE, .units_left = -1});
}

/* The conservation check: every index is recomputed from the orders, which are the truth. */
static void template_audit(void *worker, struct fs_op *op, void *state, struct fs_text product)
{
    struct template *template = worker;
    const struct sale *sale;
    int64_t units_ordered = 0;
    int64_t units_shared = 0;

    (void)state;
    pthread_mutex_lock(&template->mutex);
    sale = fs_template_find_sale(&template->tables, product);
    if (!sale) {
        pthread_mutex_unlock(&template->mutex);
        refuse(template, op, FS_UNKNOWN);
        return;
    }
    for (size_t i = 0; i < FS_TEMPLATE_BUCKETS; i++) {
        for (const struct order *order = template->tables.orders[i]; order; order = order->next)
            if (order->sale == sale && order->info.epoch == sale->info.epoch &&
                order->info.status == FS_ORDER_SOLD)
                units_ordered += order->info.units;
        for (const struct share *share = template->tables.shares[i]; share; share = share->next)
            if (share->sale == sale && share->epoch == sale->info.epoch)
                units_shared += share->units;
    }
    const struct {
        const char *name;
        int64_t value;
    } terms[] = {
        {"units_initial", sale->info.units_initial},
        {"units_restocked", sale->info.units_restocked},
        {"units_left", sale->info.units_left},
        {"units_sold", sale->info.units_sold},
        {"units_ordered", units_ordered},
        {"stock_difference", sale->info.units_initial + sale->info.units_restocked -
                                 sale->info.units_left - sale->info.units_sold},
        {"orders_difference", sale->info.units_sold - units_ordered},
        {"shares_difference", sale->info.units_sold - units_shared},
    };
    pthread_mutex_unlock(&template->mutex);
    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
        template->host->tell_term(op, (struct fs_text){terms[i].name, strlen(terms[i].name)},
                                  terms[i].value);
    template->host->complete(op, &(struct fs_outcome){.verdict = FS_DONE, .units_left = -1});
}

/* Writes only; all was checked and made room for before. */
static void apply(struct sale *sale, const struct fs_sale_change *change)
{
    struct fs_sale_info *info = &sale->info;

    if (change->kind != FS_CHANGE_UPDATE) {
        info->epoch++;
        info->units_initial = info->units_left = change->units_reset;
        info->units_restocked = info->units_sold = 0;
    } else {
        info->units_restocked += change->units_add; /* below 0: taken out */
        info->units_left += change->units_add;
    }
    if (change->units_per_buyer_max >= 0)
        info->units_per_buyer_max = change->units_per_buyer_max;
    if (change->units_per_order_max >= 0)
        info->units_per_order_max = change->units_per_order_max;
    if (change->opens_at_ms >= 0)
        info->opens_at_ms = change->opens_at_ms;
    if (change->closes_at_ms >= 0)
        info->closes_at_ms = change->closes_at_ms;
    if (change->state >= 0)
        info->state = (enum fs_sale_state)change->state;
    info->sequence++;
}

/* The same change again is made only once; the same name for another change is refused. */
static struct fs_outcome replay_change(const struct template *template, struct fs_op *op,
                                       const struct change *made,
                                       const struct fs_sale_change *asked)
{
    const struct fs_sale_change *before = &made->asked;
    struct fs_outcome outcome = {.verdict = FS_KEY_REUSED, .units_left = -1};

    if (!fs_template_is(&made->sale->product, asked->product) || before->kind != asked->kind ||
        before->units_reset != asked->units_reset || before->units_add != asked->units_add ||
        before->units_per_buyer_max != asked->units_per_buyer_max ||
        before->units_per_order_max != asked->units_per_order_max ||
        before->opens_at_ms != asked->opens_at_ms || before->closes_at_ms != asked->closes_at_ms ||
        before->state != asked->state)
        return outcome;
    outcome = tell(template, op, made->sale);
    outcome.replayed = true;
    return outcome;
}

static struct sale *add_sale(struct template *template, struct fs_text product)
{
    struct sale *sale = calloc(1, sizeof(*sale));

    if (!sale)
        return NULL;
    sale->info.state = FS_SALE_OPEN;
    fs_template_set_name(&sale->product, product);
    fs_template_add_sale(&template->tables, sale);
    return sale;
}

static struct fs_outcome change(struct template *template, struct fs_op *op,
                                const struct fs_sale_change *asked)
{
    struct fs_outcome outcome = {.units_left = -1};
    struct sale *sale = fs_template_find_sale(&template->tables, asked->product);
    struct change *made = NULL;

    if (asked->change.len)
        made = fs_template_find_change(&template->tables, asked->change);
    if (made)
        return replay_change(template, op, made, asked);
    if (asked->kind == FS_CHANGE_CREATE && sale) {
        outcome.verdict = FS_EXISTS;
        return outcome;
    }
    if (asked->kind == FS_CHANGE_UPDATE && !sale) {
        outcome.verdict = FS_UNKNOWN;
        return outcome;
    }
    outcome.verdict = FS_UNAVAILABLE;
    if (asked->change.len && !(made = calloc(1, sizeof(*made))))
        return outcome;
    if (!sale && !(sale = add_sale(template, asked->product))) {
        free(made);
        return outcome;
    }
    if (made) {
        made->sale = sale;
        made->asked = *asked;
        fs_template_set_name(&made->name, asked->change);
        fs_template_add_change(&template->tables, made);
    }
    apply(sale, asked);
    return tell(template, op, sale);
}

static void template_change(void *worker, struct fs_op *op, void *state,
                            const struct fs_sale_change *asked)
{
    struct template *template = worker;
    struct fs_outcome outcome;

    (void)state;
    pthread_mutex_lock(&template->mutex);
    outcome = change(template, op, asked);
    pthread_mutex_unlock(&template->mutex);
    template->host->complete(op, &outcome);
}

/* Opening and closing */

static int template_open(const struct fs_host *host, const struct fs_options *options,
                         void **strategy)
{
    struct template *template;

    if (options->count > 0) {
        host->log(host, FS_LOG_ERROR, "template: unknown option '%s': it has none",
                  options->list[0].name);
        return -EINVAL;
    }
    template = calloc(1, sizeof(*template));
    if (!template)
        return -ENOMEM;
    template->host = host;
    pthread_mutex_init(&template->mutex, NULL);
    *strategy = template;
    return 0;
}

static void template_close(void *strategy)
{
    struct template *template = strategy;

    fs_template_dispose(&template->tables);
    pthread_mutex_destroy(&template->mutex);
    free(template);
}

/* A strategy that keeps something for each loop (a queue, a connection) allocates it here. */
static int template_attach(void *strategy, struct fs_loop *loop, void **worker)
{
    (void)loop;
    *worker = strategy;
    return 0;
}

static void template_detach(void *worker)
{
    (void)worker;
}

static const char *template_durability(void *strategy)
{
    (void)strategy;
    return "memory";
}

static const struct fs_strategy table = {
    FS_STRATEGY_HEAD,
    .name = "template",
    .summary = "everything in memory behind one mutex: to be copied",
    .flags = FS_STRATEGY_PROCESS_LOCAL,
    .state_size = 0,
    .open = template_open,
    .close = template_close,
    .attach = template_attach,
    .detach = template_detach,
    .purchase = template_purchase,
    .cancel = template_cancel,
    .lookup = template_lookup,
    .count = template_count,
    .list = template_list,
    .audit = template_audit,
    .change = template_change,
    .durability = template_durability,
};

FS_STRATEGY_EXPORT(table)
