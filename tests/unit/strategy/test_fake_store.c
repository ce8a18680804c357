/* The fake store itself, and a strategy that asks it through the driver: what a torture test of a
 * real strategy will look like. */
#include "support/suite.h"

#include <poll.h>

#include "base/clock.h"
#include "base/text.h"
#include "support/driver.h"
#include "support/fake_store.h"

/* A server with one number. */
struct number {
    int64_t value;
    char last_command[32];
    unsigned scripts;
};

static void serve(void *data, const struct fs_fake_request *request, struct fs_reply *reply)
{
    struct number *number = data;

    number->scripts += request->script != NULL;
    snprintf(number->last_command, sizeof(number->last_command), "%.*s", (int)request->argv[0].len,
             request->argv[0].data);
    number->value--;
    *reply = (struct fs_reply){.kind = FS_REPLY_INTEGER, .integer = number->value};
}

struct question {
    struct fs_call call;
    unsigned answers;
    enum fs_reply_kind kind;
    int64_t integer;
    unsigned order;
    unsigned *counter;
};

static void on_answer(struct fs_call *call, const struct fs_reply *reply)
{
    struct question *question = FS_CONTAINER_OF(call, struct question, call);

    question->answers++;
    question->kind = reply->kind;
    question->integer = reply->integer;
    question->order = (*question->counter)++;
}

static void ask(struct fs_fake_store *fake, struct question *question, unsigned *counter)
{
    const struct fs_text argv[] = {FS_TEXT("DECR"), FS_TEXT("stock")};

    *question = (struct question){.call = {.done = on_answer}, .counter = counter};
    fake->store.type->command(&fake->store, &question->call, argv[1], 0, 2, argv);
}

static void turn(struct fs_fake_store *fake)
{
    fake->store.type->flush(&fake->store);
    fake->store.type->expire(&fake->store, fs_clock_now_us());
}

static void check_fault(enum fs_fault fault, enum fs_reply_kind kind, int64_t value_after)
{
    struct number number = {.value = 10};
    struct fs_fake_store fake;
    struct question questions[3];
    unsigned counter = 0;

    fs_fake_store_init(&fake, NULL, serve, &number);
    fs_fake_store_inject(&fake, fault, 2, 2, 0);
    for (unsigned i = 0; i < 3; i++)
        ask(&fake, &questions[i], &counter);
    FS_CHECK_INT(counter, 0);
    turn(&fake);
    turn(&fake);
    FS_CHECK_INT(counter, 3);
    FS_CHECK_INT(questions[0].kind, FS_REPLY_INTEGER);
    FS_CHECK_INT(questions[1].kind, kind);
    FS_CHECK_INT(questions[2].kind, FS_REPLY_INTEGER);
    FS_CHECK_INT(number.value, value_after);
    FS_CHECK_INT(fake.store.answer_count, 3);
    fs_fake_store_dispose(&fake);
}

static void a_call_without_a_fault_is_executed_and_answered_later(void)
{
    check_fault(FS_FAULT_NONE, FS_REPLY_INTEGER, 7);
}

static void a_call_not_sent_is_not_executed(void)
{
    check_fault(FS_FAULT_NOT_SENT, FS_REPLY_NOT_SENT, 8);
}

static void a_call_refused_is_not_executed(void)
{
    check_fault(FS_FAULT_REFUSED, FS_REPLY_REFUSED, 8);
}

static void a_call_lost_before_is_not_executed(void)
{
    check_fault(FS_FAULT_LOST_BEFORE, FS_REPLY_LOST, 8);
}

static void a_call_lost_after_is_executed(void)
{
    check_fault(FS_FAULT_LOST_AFTER, FS_REPLY_LOST, 7);
}

static void a_delayed_answer_comes_late(void)
{
    struct number number = {.value = 10};
    struct fs_fake_store fake;
    struct question question;
    unsigned counter = 0;
    uint64_t asked_us = fs_clock_now_us();

    fs_fake_store_init(&fake, NULL, serve, &number);
    fs_fake_store_inject(&fake, FS_FAULT_DELAYED, 1, 1, 20);
    ask(&fake, &question, &counter);
    fake.store.type->flush(&fake.store);
    FS_CHECK(fake.store.type->next_due_us(&fake.store) >= asked_us + 20000);
    fake.store.type->expire(&fake.store, asked_us + 19000);
    FS_CHECK_INT(question.answers, 0);
    fake.store.type->expire(&fake.store, fs_clock_now_us() + 21000);
    FS_CHECK_INT(question.answers, 1);
    FS_CHECK_INT(question.integer, 9);
    FS_CHECK(fake.store.type->next_due_us(&fake.store) == UINT64_MAX);
    fs_fake_store_dispose(&fake);
}

static void a_reordered_answer_comes_after_the_next(void)
{
    struct number number = {.value = 10};
    struct fs_fake_store fake;
    struct question questions[3];
    unsigned counter = 0;

    fs_fake_store_init(&fake, NULL, serve, &number);
    fs_fake_store_inject(&fake, FS_FAULT_REORDERED, 1, 1, 1000);
    for (unsigned i = 0; i < 3; i++)
        ask(&fake, &questions[i], &counter);
    turn(&fake);
    FS_CHECK_INT(counter, 3);
    FS_CHECK_INT(questions[1].order, 0);
    FS_CHECK_INT(questions[0].order, 1);
    FS_CHECK_INT(questions[2].order, 2);
    FS_CHECK_INT(questions[0].integer, 9);
    fs_fake_store_dispose(&fake);
}

static void a_fake_before_another_store_passes_calls_and_answers(void)
{
    const struct fs_script script = {"decr", "return redis.call('DECR', KEYS[1])"};
    const struct fs_text argv[] = {FS_TEXT("stock")};
    struct number number = {.value = 10};
    struct fs_fake_store inner;
    struct fs_fake_store outer;
    struct question first, second;
    unsigned counter = 0;

    fs_fake_store_init(&inner, NULL, serve, &number);
    fs_fake_store_init(&outer, &inner.store, NULL, NULL);
    fs_fake_store_inject(&outer, FS_FAULT_LOST_AFTER, 1, 1, 0);
    ask(&outer, &first, &counter);
    second = (struct question){.call = {.done = on_answer}, .counter = &counter};
    outer.store.type->script(&outer.store, &second.call, &script, 0, 1, 1, argv);
    for (unsigned i = 0; i < 3; i++)
        turn(&outer);
    FS_CHECK_INT(first.kind, FS_REPLY_LOST);
    FS_CHECK_INT(second.kind, FS_REPLY_INTEGER);
    FS_CHECK_INT(second.integer, 8);
    FS_CHECK_INT(number.scripts, 1);
    FS_CHECK_INT(outer.store.type->node_count(&outer.store), 1);
    fs_fake_store_dispose(&outer);
    fs_fake_store_dispose(&inner);
}

/* A strategy that sells from the server's number, one trip a purchase. */

struct seller {
    const struct fs_host *host;
    struct fs_loop *loop;
};

struct sale_state {
    struct fs_call call;
    struct seller *seller;
    struct fs_op *op;
};

static void sold(struct fs_call *call, const struct fs_reply *reply)
{
    struct sale_state *state = FS_CONTAINER_OF(call, struct sale_state, call);
    struct fs_outcome outcome = {.units_left = -1, .store_trips = 1};

    if (reply->kind == FS_REPLY_LOST)
        outcome.verdict = FS_UNDETERMINED;
    else if (reply->kind == FS_REPLY_NOT_SENT || reply->kind == FS_REPLY_REFUSED)
        outcome.verdict = FS_UNAVAILABLE;
    else
        outcome.verdict = reply->integer >= 0 ? FS_DONE : FS_SOLD_OUT;
    state->seller->host->complete(state->op, &outcome);
}

static void seller_purchase(void *worker, struct fs_op *op, void *data,
                            const struct fs_purchase *purchase)
{
    const struct fs_text argv[] = {FS_TEXT("DECR"), purchase->product};
    struct seller *seller = worker;
    struct sale_state *state = data;

    state->seller = seller;
    state->op = op;
    state->call.done = sold;
    seller->host->store(seller->loop, &state->call, purchase->product, purchase->deadline_us, 2,
                        argv);
}

static int seller_open(const struct fs_host *host, const struct fs_options *options,
                       void **strategy)
{
    (void)options;
    *strategy = (void *)(uintptr_t)host;
    return 0;
}

static void seller_close(void *strategy)
{
    (void)strategy;
}

static int seller_attach(void *strategy, struct fs_loop *loop, void **worker)
{
    struct seller *seller = calloc(1, sizeof(*seller));

    if (!seller)
        return -1;
    seller->host = strategy;
    seller->loop = loop;
    *worker = seller;
    return 0;
}

static const struct fs_strategy seller = {
    FS_STRATEGY_HEAD,    .name = "seller",           .state_size = sizeof(struct sale_state),
    .open = seller_open, .close = seller_close,      .attach = seller_attach,
    .detach = free,      .purchase = seller_purchase};

/* One play of the torture: 6 purchases of 4 units, the nth call failing. */
struct play {
    struct number number;
    struct fs_fake_store fake;
    unsigned wrong;
};

static struct fs_store *create_store(void *data, unsigned loop_index)
{
    (void)loop_index;
    return &((struct play *)data)->fake.store;
}

static void destroy_store(void *data, struct fs_store *store)
{
    (void)store;
    fs_fake_store_dispose(&((struct play *)data)->fake);
}

static uint64_t play_once(void *data, enum fs_fault fault, uint64_t nth)
{
    struct play *play = data;
    const struct fs_driver_store store = {
        .node_count = 1, .create = create_store, .destroy = destroy_store, .data = play};
    const struct fs_driver_config config = {.strategy = &seller,
                                            .data_dir = "/nowhere",
                                            .loop_count = 1,
                                            .in_flight_max = 8,
                                            .deadline_span_us = 5000000,
                                            .store = &store};
    struct fs_request requests[6];
    struct fs_driver driver;
    int64_t sold_count = 0, unknown_count = 0;

    play->number = (struct number){.value = 4};
    fs_fake_store_init(&play->fake, NULL, serve, &play->number);
    fs_fake_store_inject(&play->fake, fault, nth, nth, 5);
    FS_CHECK_INT(fs_driver_open(&driver, &config), 0);
    for (unsigned i = 0; i < 6; i++) {
        requests[i] = (struct fs_request){0};
        fs_request_purchase(&requests[i], "shoe", "ann", "o1", 1);
    }
    fs_driver_run(&driver, requests, 6, 3);
    fs_driver_close(&driver);
    for (unsigned i = 0; i < 6; i++) {
        sold_count += requests[i].outcome.verdict == FS_DONE;
        unknown_count += requests[i].outcome.verdict == FS_UNDETERMINED;
        play->wrong += requests[i].end_count != 1 || requests[i].timed_out;
    }
    /* What was executed is what was answered, but for the one whose answer was lost. */
    play->wrong += sold_count > 4 || sold_count + unknown_count < 4;
    return play->fake.call_count;
}

static void every_call_of_a_strategy_can_be_failed(void)
{
    static struct play play;

    for (int fault = FS_FAULT_NONE; fault < FS_FAULT_COUNT; fault++)
        FS_CHECK_INT(fs_torture_each_call((enum fs_fault)fault, 100, &play, play_once), 6);
    FS_CHECK_INT(play.wrong, 0);
}

#define TESTS(T)                                             \
    T(a_call_without_a_fault_is_executed_and_answered_later) \
    T(a_call_not_sent_is_not_executed)                       \
    T(a_call_refused_is_not_executed)                        \
    T(a_call_lost_before_is_not_executed)                    \
    T(a_call_lost_after_is_executed)                         \
    T(a_delayed_answer_comes_late)                           \
    T(a_reordered_answer_comes_after_the_next)               \
    T(a_fake_before_another_store_passes_calls_and_answers)  \
    T(every_call_of_a_strategy_can_be_failed)

FS_SUITE("support/fake_store", TESTS)
