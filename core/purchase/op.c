/* The life of an op: who may let it go, and when it is free.  answer.c is the strategy's side.
 *
 * Two parties hold an op.  The client's side lets go by being answered, the strategy's side by
 * completing; each does so exactly once, in either order, and neither can make the other let go.
 * Four things happen to an op after it was submitted:
 *
 *   C  complete()   the strategy gives its outcome             once, always, in the end
 *   A  abandon()    the client hangs up                        at most once
 *   D  deadline     settle() finds it past due and not C       at most once
 *   S  settle()     takes it from the list of the completed    once, after C
 *
 * The client is answered by A, by D, or, when neither came, by S.  A after D is refused by an
 * assertion, D after A cannot be, since A takes the op out of the waiting.  C takes it out too: an
 * outcome that is known is answered, however late in the turn.  Every order that is left:
 *
 *   C S        on_end with the outcome, free
 *   C A S      no on_end, free
 *   A C S      no on_end, free
 *   D C S      on_end at D, with FS_UNDETERMINED or, when nothing was asked for it, FS_BUSY; free at S
 *
 * Only S frees, and S runs at the end of a turn, when no function of the strategy and none of the
 * client's is on the stack but on_end() itself, after which the op is not touched: so nothing is
 * freed under a caller.  Whatever on_end() submits or abandons changes lists that S does not walk, or the
 * flags of ops that S has yet to look at. */
#include "purchase/op.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FS_OP_POISON 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FS_OP_POISON 1
#endif
#ifdef FS_OP_POISON
#include <sanitizer/asan_interface.h>
#endif

static size_t slot_size(const struct fs_ops *ops)
{
    return offsetof(struct fs_op, state) + ops->loop->strategy->state_size;
}

/* A free slot is readable for the free list only, so that ASan sees a strategy that still uses its
 * state.  The first word is the free list's. */
static void poison(const struct fs_ops *ops, struct fs_op *op)
{
#ifdef FS_OP_POISON
    ASAN_POISON_MEMORY_REGION((char *)op + sizeof(void *), slot_size(ops) - sizeof(void *));
#else
    (void)ops;
    (void)op;
#endif
}

static void unpoison(const struct fs_ops *ops, struct fs_op *op)
{
#ifdef FS_OP_POISON
    ASAN_UNPOISON_MEMORY_REGION((char *)op + sizeof(void *), slot_size(ops) - sizeof(void *));
#else
    (void)ops;
    (void)op;
#endif
}

static void count_in_flight(struct fs_ops *ops)
{
    fs_counter_set(&ops->loop->metrics->ops_in_flight, ops->in_flight);
}

static void release(struct fs_op *op)
{
    struct fs_ops *ops = op->ops;

    assert(ops->in_flight > 0);
    op->kind = 0;
    op->submitted = false;
    fs_freelist_give(&ops->slots, op);
    poison(ops, op);
    ops->in_flight--;
    count_in_flight(ops);
}

static struct fs_text copy_text(char *into, size_t capacity, struct fs_text text)
{
    assert(text.len <= capacity);
    if (text.len)
        memcpy(into, text.data, text.len);
    return (struct fs_text){into, text.len};
}

int fs_ops_init(struct fs_ops *ops, struct fs_loop *loop, uint32_t in_flight_max,
                uint64_t deadline_span_us)
{
    int rc;

    assert(in_flight_max >= 1 && in_flight_max <= FS_OPS_MAX && deadline_span_us > 0);
    *ops = (struct fs_ops){.loop = loop, .deadline_span_us = deadline_span_us};
    fs_link_init(&ops->waiting);
    fs_link_init(&ops->auditing);
    fs_link_init(&ops->completed);
    rc = fs_recent_create(&ops->recent);
    if (rc != 0)
        return rc;
    rc = fs_freelist_init(&ops->slots, slot_size(ops), in_flight_max);
    if (rc != 0)
        fs_recent_destroy(ops->recent);
    return rc;
}

void fs_ops_dispose(struct fs_ops *ops)
{
    assert(ops->in_flight == 0);
    fs_freelist_dispose(&ops->slots);
    fs_recent_destroy(ops->recent);
}

struct fs_op *fs_op_take(struct fs_ops *ops, enum fs_op_kind kind,
                         const struct fs_op_client *client, void *data)
{
    struct fs_op *op = fs_freelist_take(&ops->slots);

    if (!op) {
        fs_counter_add(&ops->loop->metrics->ops_refused, 1);
        return NULL;
    }
    unpoison(ops, op);
    op->ops = ops;
    fs_link_init(&op->by_deadline);
    fs_link_init(&op->completed_link);
    op->kind = kind;
    op->submitted = op->answered = op->completed = op->timed_out = false;
    op->client = client;
    op->data = data;
    op->outcome = (struct fs_outcome){0};
    op->has_sale = op->has_order = false;
    op->trouble.state = 0;
    ops->in_flight++;
    count_in_flight(ops);
    return op;
}

void fs_op_drop(struct fs_op *op)
{
    assert(op->kind != 0 && !op->submitted);
    release(op);
}

void fs_op_set_purchase(struct fs_op *op, struct fs_text product, struct fs_text buyer,
                        struct fs_text order, uint32_t units)
{
    assert(op->kind == FS_OP_PURCHASE && units > 0);
    op->request.purchase = (struct fs_purchase){
        .product = copy_text(op->product, sizeof(op->product), product),
        .buyer = copy_text(op->buyer, sizeof(op->buyer), buyer),
        .order = copy_text(op->order, sizeof(op->order), order),
        .units = units,
    };
}

void fs_op_set_ref(struct fs_op *op, struct fs_text product, struct fs_text buyer,
                   struct fs_text order)
{
    assert(op->kind == FS_OP_CANCEL || op->kind == FS_OP_LOOKUP);
    op->request.ref = (struct fs_order_ref){
        .product = copy_text(op->product, sizeof(op->product), product),
        .buyer = copy_text(op->buyer, sizeof(op->buyer), buyer),
        .order = copy_text(op->order, sizeof(op->order), order),
    };
}

void fs_op_set_product(struct fs_op *op, struct fs_text product)
{
    assert(op->kind == FS_OP_COUNT || op->kind == FS_OP_AUDIT);
    op->request.product = copy_text(op->product, sizeof(op->product), product);
}

void fs_op_set_change(struct fs_op *op, const struct fs_sale_change *change)
{
    assert(op->kind == FS_OP_CHANGE);
    op->request.change = *change;
    op->request.change.product = copy_text(op->product, sizeof(op->product), change->product);
    op->request.change.change = copy_text(op->order, sizeof(op->order), change->change);
}

static void set_deadline(struct fs_op *op)
{
    switch (op->kind) {
    case FS_OP_PURCHASE:
        op->request.purchase.deadline_us = op->deadline_us;
        return;
    case FS_OP_CANCEL:
    case FS_OP_LOOKUP:
        op->request.ref.deadline_us = op->deadline_us;
        return;
    case FS_OP_CHANGE:
        op->request.change.deadline_us = op->deadline_us;
        return;
    case FS_OP_COUNT:
    case FS_OP_LIST:
    case FS_OP_AUDIT:
    case FS_OP_PROBE:
        return;
    }
}

/* Whether units may be taken or given back from the start, for all that the strategy says. */
static bool is_asked_at_once(const struct fs_op *op)
{
    bool can_change =
        op->kind == FS_OP_PURCHASE || op->kind == FS_OP_CANCEL || op->kind == FS_OP_CHANGE;

    return can_change && (op->ops->loop->strategy->flags & FS_STRATEGY_SAYS_ASKED) == 0;
}

/* The op may be completed, but not freed, when this returns. */
static void hand_over(struct fs_op *op)
{
    const struct fs_strategy *strategy = op->ops->loop->strategy;
    void *worker = op->ops->loop->worker;

    switch (op->kind) {
    case FS_OP_PURCHASE:
        strategy->purchase(worker, op, op->state, &op->request.purchase);
        return;
    case FS_OP_CANCEL:
        strategy->cancel(worker, op, op->state, &op->request.ref);
        return;
    case FS_OP_LOOKUP:
        strategy->lookup(worker, op, op->state, &op->request.ref);
        return;
    case FS_OP_COUNT:
        strategy->count(worker, op, op->state, op->request.product);
        return;
    case FS_OP_LIST:
        strategy->list(worker, op, op->state);
        return;
    case FS_OP_AUDIT:
        strategy->audit(worker, op, op->state, op->request.product);
        return;
    case FS_OP_CHANGE:
        strategy->change(worker, op, op->state, &op->request.change);
        return;
    case FS_OP_PROBE:
        if (strategy->probe)
            strategy->probe(worker, op, op->state);
        else
            fs_op_complete(op, &(struct fs_outcome){.verdict = FS_DONE, .units_left = -1});
        return;
    }
    assert(false && "a kind of op");
}

/* Audits get a longer deadline: no buyer waits for them. */
static bool is_long(const struct fs_op *op)
{
    return op->kind == FS_OP_AUDIT && op->ops->deadline_span_us < FS_AUDIT_SPAN_US;
}

void fs_op_submit(struct fs_op *op)
{
    struct fs_ops *ops = op->ops;

    assert(op->kind != 0 && !op->submitted);
    op->submitted = true;
    op->asked = is_asked_at_once(op);
    op->submitted_us = fs_clock_now_us();
    op->deadline_us = op->submitted_us + (is_long(op) ? FS_AUDIT_SPAN_US : ops->deadline_span_us);
    set_deadline(op);
    memset(op->state, 0, ops->loop->strategy->state_size);
    fs_link_append(is_long(op) ? &ops->auditing : &ops->waiting, &op->by_deadline);
    ops->thread = pthread_self();
    ops->loop->touched = true;
    hand_over(op);
}

void fs_op_note_order(const struct fs_op *op)
{
    if (op->kind == FS_OP_PURCHASE)
        fs_recent_add(op->ops->recent, op->request.purchase.order);
}

void fs_op_abandon(struct fs_op *op)
{
    assert(op->kind != 0 && op->submitted && !op->answered);
    op->answered = true;
    fs_link_remove(&op->by_deadline);
    if (op->asked)
        fs_op_note_order(op);
}

static size_t answer_late_of(struct fs_link *waiting)
{
    size_t answered_count = 0;
    uint64_t now_us;

    if (fs_link_is_alone(waiting))
        return 0;
    now_us = fs_clock_now_us();
    while (!fs_link_is_alone(waiting)) {
        struct fs_op *op = FS_CONTAINER_OF(waiting->next, struct fs_op, by_deadline);

        if (op->deadline_us > now_us)
            break;
        fs_link_remove(&op->by_deadline);
        op->answered = op->timed_out = true;
        op->outcome =
            (struct fs_outcome){.verdict = op->asked ? FS_UNDETERMINED : FS_BUSY, .units_left = -1};
        if (op->asked)
            fs_op_note_order(op);
        op->client->on_end(op, op->data);
        answered_count++;
    }
    return answered_count;
}

size_t fs_ops_settle(struct fs_ops *ops)
{
    size_t answered_count = answer_late_of(&ops->waiting) + answer_late_of(&ops->auditing);
    struct fs_link completed;
    struct fs_link *link;

    fs_link_init(&completed);
    fs_link_splice(&completed, &ops->completed);
    while ((link = fs_link_shift(&completed))) {
        struct fs_op *op = FS_CONTAINER_OF(link, struct fs_op, completed_link);

        if (!op->answered) {
            op->answered = true;
            op->client->on_end(op, op->data);
            answered_count++;
        }
        release(op);
    }
    return answered_count;
}

static uint64_t first_due_us(const struct fs_link *waiting)
{
    if (fs_link_is_alone(waiting))
        return UINT64_MAX;
    return FS_CONTAINER_OF(waiting->next, struct fs_op, by_deadline)->deadline_us;
}

uint64_t fs_ops_next_due_us(const struct fs_ops *ops)
{
    uint64_t waiting_us = first_due_us(&ops->waiting);
    uint64_t auditing_us = first_due_us(&ops->auditing);

    if (!fs_link_is_alone(&ops->completed))
        return 0;
    return waiting_us < auditing_us ? waiting_us : auditing_us;
}
