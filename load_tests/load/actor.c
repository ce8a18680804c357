/* Carries out one action of a user: the purchase with its doubles, cuts and further tries, or one of
 * the other requests. */
#include "load/worker.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define AGAIN_AFTER_US_MAX 1000000u
#define AGAIN_MIN 5u /* tries of an attempt whose second request may meet its first */

static void arm(struct fs_actor *actor, uint64_t after_us)
{
    struct timeval after = {(time_t)(after_us / 1000000u), (suseconds_t)(after_us % 1000000u)};

    event_add(&actor->timer, &after);
}

static struct fs_wire *take(struct fs_pool *pool)
{
    struct fs_wire *wire = pool->free;

    if (wire)
        pool->free = wire->next;
    return wire;
}

static void end_call(struct fs_load_call *call, enum fs_answer answer);

/* Its first request is cut: the connection is closed before the answer. */
static void cut(struct fs_actor *actor)
{
    struct fs_load_call *call = &actor->calls[0];

    if (!call->is_open || !call->wire || !call->wire->awaits_reply)
        return;
    fs_wire_close(call->wire, actor->choice.is_cut_by_reset);
    actor->is_cut = true;
    end_call(call, FS_ANSWER_CUT);
}

static void send_call(struct fs_load_call *call)
{
    struct fs_actor *actor = call->actor;
    struct fs_load_worker *worker = actor->worker;
    struct fs_operation *operation = &call->operation;
    char text[FS_SHOPPER_REQUEST_SIZE];
    struct fs_buffer buffer = fs_buffer_of(text, sizeof(text));
    const struct fs_request request = {.kind = (enum fs_operation_kind)operation->kind,
                                       .product = worker->scenario->products[operation->product],
                                       .quantity = operation->quantity,
                                       .run = worker->run,
                                       .attempt = operation->attempt,
                                       .order_id = operation->order_id,
                                       .host = call->wire->endpoint->host,
                                       .password = worker->target->password,
                                       .admin_token = worker->target->admin_token};

    fs_request_write(&buffer, actor->shopper, &request);
    operation->sent_us = fs_clock_now_us();
    if (buffer.overflowed || fs_wire_send(call->wire, buffer.data, buffer.len) != 0) {
        end_call(call, FS_ANSWER_TRANSPORT);
        return;
    }
    if (actor->choice.is_cut && operation->kind == FS_OPERATION_PURCHASE && !operation->again) {
        if (actor->choice.cut_after_us > 0)
            arm(actor, actor->choice.cut_after_us);
        else
            cut(actor);
    }
}

static void attach(struct fs_load_call *call, struct fs_wire *wire)
{
    call->wire = wire;
    wire->data = call;
    if (wire->state == FS_WIRE_OPEN)
        send_call(call);
    else if (wire->state == FS_WIRE_CLOSED && fs_wire_open(wire) != 0)
        end_call(call, FS_ANSWER_TRANSPORT);
}

static void give(struct fs_pool *pool, struct fs_wire *wire)
{
    struct fs_link *link = fs_link_shift(&pool->waiting);

    if (link) {
        attach(FS_CONTAINER_OF(link, struct fs_load_call, waiting), wire);
        return;
    }
    wire->next = pool->free;
    pool->free = wire;
}

static void begin_call(struct fs_actor *actor, struct fs_load_call *call,
                       enum fs_operation_kind kind, uint64_t intended_us, bool is_again)
{
    struct fs_load_worker *worker = actor->worker;
    struct fs_wire *wire = actor->wire;

    call->operation = (struct fs_operation){.intended_us = intended_us,
                                            .attempt = actor->attempt,
                                            .remaining = -1,
                                            .user = actor->shopper->index,
                                            .product = actor->choice.product,
                                            .quantity = actor->choice.quantity,
                                            .kind = (uint8_t)kind,
                                            .again = is_again};
    if (kind == FS_OPERATION_CANCEL || kind == FS_OPERATION_LOOKUP)
        memcpy(call->operation.order_id, actor->order_id, FS_ORDER_ID_SIZE);
    call->begun_us = worker->now_us;
    call->is_open = true;
    call->wire = NULL;
    call->pool = NULL;
    fs_link_append(&worker->open, &call->open);
    actor->open_calls++;
    worker->in_flight++;
    if (!worker->schedule)
        fs_record_offered(worker, intended_us);
    if (kind == FS_OPERATION_RESTOCK)
        call->pool = &worker->admin;
    else if (call == &actor->calls[1])
        call->pool = &worker->spare;
    else if (!wire)
        call->pool = &worker->pool;
    if (call->pool)
        wire = take(call->pool);
    if (wire)
        attach(call, wire);
    else
        fs_link_append(&call->pool->waiting, &call->waiting);
}

static void begin_action(struct fs_actor *actor)
{
    struct fs_load_worker *worker = actor->worker;
    struct fs_shopper *shopper = actor->shopper;
    struct fs_choice *choice = &actor->choice;
    const struct fs_shopper_order *order = NULL;

    *choice = fs_choice_draw(worker->scenario, &shopper->random, worker->has_admin);
    if (choice->kind == FS_OPERATION_CANCEL || choice->kind == FS_OPERATION_LOOKUP) {
        order = fs_shopper_order(shopper, choice->kind == FS_OPERATION_CANCEL);
        if (!order)
            choice->kind = FS_OPERATION_PURCHASE;
    }
    if (order) {
        actor->order_id = order->id;
        choice->product = order->product;
    }
    actor->state = FS_ACTOR_ACTING;
    actor->attempt = ((uint64_t)shopper->index + 1) << 32 | ++shopper->attempts;
    actor->again_left = worker->scenario->retry.again_max;
    if ((choice->is_cut || choice->is_concurrent) && actor->again_left < AGAIN_MIN)
        actor->again_left = AGAIN_MIN;
    actor->again_after_us = worker->scenario->retry.again_after_us;
    actor->needs_again = actor->is_cut = actor->is_sold = actor->had_transport = false;
    actor->is_second_due = choice->is_doubled && choice->kind == FS_OPERATION_PURCHASE;
    actor->open_calls = 1; /* so that an early end does not end the action */
    begin_call(actor, &actor->calls[0], choice->kind, actor->due_us, false);
    if (actor->is_second_due && choice->is_concurrent && worker->spare.free) {
        actor->is_second_due = false;
        begin_call(actor, &actor->calls[1], choice->kind, actor->due_us, true);
    }
    actor->open_calls--;
}

static void ask_again(struct fs_actor *actor)
{
    struct fs_load_worker *worker = actor->worker;

    actor->state = FS_ACTOR_ACTING;
    actor->needs_again = false;
    begin_call(actor, &actor->calls[0], actor->choice.kind, worker->now_us, true);
}

/* All requests of the action so far have ended. */
static void step(struct fs_actor *actor)
{
    struct fs_load_worker *worker = actor->worker;
    bool is_purchase = actor->choice.kind == FS_OPERATION_PURCHASE;

    if (actor->choice.is_cut)
        event_del(&actor->timer);
    if (worker->phase == FS_PHASE_ENDED) {
        fs_actor_park(actor);
    } else if (actor->is_cut) {
        actor->is_cut = false;
        ask_again(actor);
    } else if (is_purchase && actor->needs_again && actor->again_left > 0) {
        actor->again_left--;
        actor->state = FS_ACTOR_PAUSING;
        actor->due_us = worker->now_us + actor->again_after_us;
        arm(actor, actor->again_after_us);
        actor->again_after_us *= 2;
        if (actor->again_after_us > AGAIN_AFTER_US_MAX)
            actor->again_after_us = AGAIN_AFTER_US_MAX;
    } else if (actor->is_second_due) {
        actor->is_second_due = false;
        ask_again(actor);
    } else {
        fs_pace_done(actor);
    }
}

static void advance(struct fs_actor *actor)
{
    if (actor->open_calls == 0 && actor->state == FS_ACTOR_RENEWING &&
        actor->worker->phase != FS_PHASE_ENDED)
        begin_action(actor);
    if (actor->open_calls == 0)
        step(actor);
}

/* Whether the attempt may still be undecided, or was turned away for the moment. */
static bool asks_again(enum fs_answer answer)
{
    return answer == FS_ANSWER_BUSY || answer == FS_ANSWER_UNAVAILABLE ||
           answer == FS_ANSWER_UNDETERMINED || answer == FS_ANSWER_IN_PROGRESS ||
           answer == FS_ANSWER_TIMEOUT || answer == FS_ANSWER_TRANSPORT;
}

static void end_call(struct fs_load_call *call, enum fs_answer answer)
{
    struct fs_actor *actor = call->actor;
    struct fs_load_worker *worker = actor->worker;
    struct fs_operation *operation = &call->operation;
    struct fs_wire *wire = call->wire;
    bool is_sale = operation->kind == FS_OPERATION_PURCHASE && answer == FS_ANSWER_OK;
    bool is_first_sale = is_sale && !actor->is_sold;

    operation->answer = (uint8_t)answer;
    if (operation->answered_us == 0) {
        worker->now_us = fs_clock_now_us();
        operation->answered_us = worker->now_us;
    }
    call->is_open = false;
    fs_link_remove(&call->open);
    worker->in_flight--;
    fs_record_call(worker, call, is_first_sale);
    if (is_first_sale) {
        actor->is_sold = true;
        fs_shopper_add_order(actor->shopper, operation->order_id, operation->product);
    }
    actor->needs_again |= asks_again(answer);
    actor->had_transport |= answer == FS_ANSWER_TRANSPORT || answer == FS_ANSWER_TIMEOUT;
    if (wire) {
        wire->data = NULL;
        call->wire = NULL;
        if (call->pool)
            give(call->pool, wire);
    } else {
        fs_link_remove(&call->waiting);
    }
    actor->open_calls--;
    advance(actor);
}

static void on_open(struct fs_wire *wire, int error)
{
    struct fs_load_call *call = wire->data;
    struct fs_actor *actor = wire->owner;

    if (call && error != 0) {
        end_call(call, FS_ANSWER_TRANSPORT);
    } else if (call) {
        send_call(call);
    } else if (actor && actor->state == FS_ACTOR_CONNECTING) {
        actor->worker->now_us = fs_clock_now_us(); /* a failure shows again in the first request */
        fs_actor_begin(actor, actor->shopper, actor->worker->now_us);
    }
}

static void on_reply(struct fs_wire *wire)
{
    struct fs_load_call *call = wire->data;
    struct fs_operation *operation = &call->operation;
    struct fs_actor *actor = call->actor;
    enum fs_answer answer = fs_answer_of(&wire->reply);

    actor->worker->now_us = fs_clock_now_us();
    operation->answered_us = actor->worker->now_us;
    operation->status = wire->reply.status;
    operation->replayed = wire->reply.replayed;
    if (answer == FS_ANSWER_OK && operation->kind == FS_OPERATION_PURCHASE) {
        /* A 200 without an order_id is not a sale. */
        if (!fs_load_reply_text(&wire->reply, "order_id", operation->order_id,
                                sizeof(operation->order_id)) ||
            operation->order_id[0] == '\0')
            answer = FS_ANSWER_TRANSPORT;
        fs_load_reply_number(&wire->reply, "remaining", &operation->remaining);
    } else if (answer == FS_ANSWER_OK && operation->kind == FS_OPERATION_INVENTORY) {
        fs_load_reply_number(&wire->reply, "stock", &operation->remaining);
    } else if (operation->kind == FS_OPERATION_LOGIN) {
        fs_shopper_log_in(actor->shopper, &wire->reply, wire->endpoint->host,
                          actor->worker->now_us);
    }
    end_call(call, answer);
}

static void on_lost(struct fs_wire *wire, int error)
{
    (void)error;
    if (wire->data)
        end_call(wire->data, FS_ANSWER_TRANSPORT);
}

const struct fs_wire_client *fs_actor_wire_client(void)
{
    static const struct fs_wire_client client = {on_open, on_reply, on_lost};

    return &client;
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    struct fs_actor *actor = data;

    (void)fd;
    (void)what;
    actor->worker->now_us = fs_clock_now_us();
    if (actor->state == FS_ACTOR_ACTING)
        cut(actor);
    else if (actor->state == FS_ACTOR_PAUSING)
        ask_again(actor);
    else if (actor->state == FS_ACTOR_THINKING)
        fs_pace_due(actor);
}

void fs_actor_init(struct fs_actor *actor, struct fs_load_worker *worker)
{
    *actor = (struct fs_actor){.worker = worker, .iterations_left = worker->scenario->iterations};
    for (size_t i = 0; i < 2; i++) {
        actor->calls[i].actor = actor;
        fs_link_init(&actor->calls[i].open);
        fs_link_init(&actor->calls[i].waiting);
    }
    event_assign(&actor->timer, worker->base, -1, 0, on_timer, actor);
}

void fs_actor_begin(struct fs_actor *actor, struct fs_shopper *shopper, uint64_t intended_us)
{
    if (actor->state == FS_ACTOR_PARKED)
        fs_load_worker_count_actor(actor->worker, 1);
    actor->shopper = shopper;
    actor->due_us = intended_us;
    actor->open_calls = 0;
    if (actor->worker->now_us < shopper->renew_us) {
        begin_action(actor);
    } else {
        actor->state = FS_ACTOR_RENEWING;
        actor->attempt = 0;
        actor->choice = (struct fs_choice){.kind = FS_OPERATION_LOGIN};
        shopper->renew_us = UINT64_MAX; /* one try: without it the next request shows */
        actor->open_calls = 1;
        begin_call(actor, &actor->calls[0], FS_OPERATION_LOGIN, actor->worker->now_us, false);
        actor->open_calls--;
    }
    if (actor->open_calls == 0)
        advance(actor);
}

void fs_actor_wake(struct fs_actor *actor)
{
    struct fs_load_worker *worker = actor->worker;

    fs_load_worker_count_actor(worker, 1);
    actor->state = FS_ACTOR_CONNECTING;
    if (!actor->wire || actor->wire->state == FS_WIRE_OPEN ||
        (actor->wire->state == FS_WIRE_CLOSED && fs_wire_open(actor->wire) != 0))
        fs_actor_begin(actor, actor->shopper, worker->now_us);
}

void fs_actor_park(struct fs_actor *actor)
{
    event_del(&actor->timer);
    if (actor->state != FS_ACTOR_PARKED)
        fs_load_worker_count_actor(actor->worker, -1);
    actor->state = FS_ACTOR_PARKED;
}

void fs_actor_expire(struct fs_load_worker *worker, uint64_t begun_us)
{
    while (!fs_link_is_alone(&worker->open)) {
        struct fs_load_call *call = FS_CONTAINER_OF(worker->open.next, struct fs_load_call, open);

        if (call->begun_us > begun_us)
            return;
        if (call->wire)
            fs_wire_close(call->wire, true);
        end_call(call, FS_ANSWER_TIMEOUT);
    }
}
