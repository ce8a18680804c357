/* The life of an op, in every order in which its two parties can let it go. */
#include "base/limits.h"
#include "support/suite.h"

#include "unit/purchase/holding.h"

/* Every order */

enum event { COMPLETE = 0, ABANDON, DEADLINE, SETTLE, EVENT_COUNT };

/* What must have become of the op, worked out from the rules of op.c's head. */
struct expected {
    bool completed, answered, is_due, is_free, timed_out;
    unsigned ends;
};

/* False: this event cannot come now. */
static bool expect(struct expected *expected, enum event event)
{
    switch (event) {
    case COMPLETE:
        if (expected->completed)
            return false;
        expected->completed = true;
        return true;
    case ABANDON:
        if (expected->answered)
            return false;
        expected->answered = true;
        return true;
    case DEADLINE:
        expected->is_due = true;
        return !expected->is_free;
    case SETTLE:
    case EVENT_COUNT:
        break;
    }
    if (expected->is_due && !expected->answered && !expected->completed) {
        expected->answered = expected->timed_out = true;
        expected->ends++;
    }
    if (expected->completed) {
        expected->ends += !expected->answered;
        expected->answered = expected->is_free = true;
    }
    return true;
}

static void happen(struct fixture *fixture, struct fs_op *op, enum event event)
{
    switch (event) {
    case COMPLETE:
        fixture->host.host.complete(op, &done_outcome);
        return;
    case ABANDON:
        fs_op_abandon(op);
        return;
    case DEADLINE:
        op->deadline_us = 1;
        return;
    case SETTLE:
    case EVENT_COUNT:
        fs_ops_settle(&fixture->ops);
        return;
    }
}

/* Runs one order of events, written in base 4; returns how many differences there were. */
static unsigned play(unsigned code, unsigned length, bool *was_freed)
{
    struct fixture fixture;
    struct expected expected = {0};
    struct fs_op *op;
    unsigned wrong = 0;

    set_up(&fixture, 1);
    op = take_purchase(&fixture.ops, &fixture.client);
    fs_op_submit(op);
    for (unsigned i = 0; i < length && !expected.is_free; i++, code /= EVENT_COUNT) {
        enum event event = (enum event)(code % EVENT_COUNT);
        struct expected next = expected;

        if (!expect(&next, event))
            continue;
        expected = next;
        happen(&fixture, op, event);
        wrong += fixture.client.ends != expected.ends;
        wrong += fixture.ops.in_flight != !expected.is_free;
        wrong += expected.ends > 0 && fixture.client.timed_out != expected.timed_out;
        wrong += expected.ends > 0 &&
                 fixture.client.outcome.verdict != (expected.timed_out ? FS_UNDETERMINED : FS_DONE);
    }
    *was_freed = expected.is_free;
    if (!expected.completed)
        fixture.host.host.complete(op, &done_outcome);
    if (!expected.is_free)
        fs_ops_settle(&fixture.ops);
    wrong += fixture.ops.in_flight != 0;
    wrong += fixture.client.ends > 1;
    tear_down(&fixture);
    return wrong;
}

static void an_op_is_answered_once_and_freed_once_in_every_order(void)
{
    const unsigned length = 6;
    unsigned orders = 1;
    unsigned wrong = 0;
    unsigned freed = 0;

    for (unsigned i = 0; i < length; i++)
        orders *= EVENT_COUNT;
    for (unsigned code = 0; code < orders; code++) {
        bool was_freed;

        wrong += play(code, length, &was_freed);
        freed += was_freed;
    }
    printf("%u orders ", orders);
    FS_CHECK_INT(wrong, 0);
    FS_CHECK(freed > orders / 4);
}

/* Turns */

static void an_answer_never_comes_inside_submit(void)
{
    struct fixture fixture;

    set_up(&fixture, 1);
    fixture.worker.completes_at_once = true;
    submit_purchase(&fixture.ops, &fixture.client);
    FS_CHECK_INT(fixture.client.ends, 0);
    FS_CHECK_INT(fixture.ops.in_flight, 1);
    FS_CHECK(fs_ops_next_due_us(&fixture.ops) == 0);
    FS_CHECK(fixture.loop.touched);
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 1);
    FS_CHECK_INT(fixture.client.ends, 1);
    FS_CHECK_INT(fixture.client.outcome.sequence, 42);
    FS_CHECK_INT(fixture.ops.in_flight, 0);
    FS_CHECK(fs_ops_next_due_us(&fixture.ops) == UINT64_MAX);
    tear_down(&fixture);
}

/* An endless chain of ops, each submitted by the answer to the last, must leave turns that end. */
static void what_an_answer_submits_is_settled_by_the_next_turn(void)
{
    struct fixture fixture;

    set_up(&fixture, 2);
    fixture.worker.completes_at_once = true;
    fixture.client.submits_to = &fixture.ops;
    submit_purchase(&fixture.ops, &fixture.client);
    for (unsigned turn = 1; turn <= 100; turn++) {
        FS_CHECK_INT(fs_ops_settle(&fixture.ops), 1);
        FS_CHECK_INT(fixture.client.ends, turn);
        FS_CHECK_INT(fixture.ops.in_flight, 1);
        FS_CHECK(fs_ops_next_due_us(&fixture.ops) == 0);
    }
    fixture.client.submits_to = NULL;
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 1);
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 0);
    tear_down(&fixture);
}

static void an_op_abandoned_by_the_answer_to_another_is_not_answered(void)
{
    struct fixture fixture;
    struct client second = {0};

    set_up(&fixture, 2);
    submit_purchase(&fixture.ops, &fixture.client);
    submit_purchase(&fixture.ops, &second);
    fixture.client.abandons = fixture.worker.held[1];
    fixture.host.host.complete(fixture.worker.held[0], &done_outcome);
    fixture.host.host.complete(fixture.worker.held[1], &done_outcome);
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 1);
    FS_CHECK_INT(fixture.client.ends, 1);
    FS_CHECK_INT(second.ends, 0);
    FS_CHECK_INT(fixture.ops.in_flight, 0);
    tear_down(&fixture);
}

static void late_ops_are_answered_before_those_that_were_completed(void)
{
    struct fixture fixture;
    struct client second = {0};

    set_up(&fixture, 2);
    submit_purchase(&fixture.ops, &fixture.client);
    submit_purchase(&fixture.ops, &second);
    fixture.client.abandons = fixture.worker.held[1]; /* only if the first is answered first */
    fixture.worker.held[0]->deadline_us = 1;
    fixture.host.host.complete(fixture.worker.held[1], &done_outcome);
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 1);
    FS_CHECK(fixture.client.timed_out);
    FS_CHECK_INT(second.ends, 0);
    fixture.host.host.complete(fixture.worker.held[0], &done_outcome);
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 0);
    FS_CHECK_INT(fixture.client.ends, 1);
    tear_down(&fixture);
}

static void the_deadline_is_the_span_after_submit_and_the_strategy_is_told(void)
{
    struct fixture fixture;
    struct fs_op *op;

    set_up(&fixture, 1);
    submit_purchase(&fixture.ops, &fixture.client);
    op = fixture.worker.held[0];
    FS_CHECK(op->deadline_us == op->submitted_us + SPAN_US);
    FS_CHECK(fixture.worker.deadline_us == op->deadline_us);
    FS_CHECK(fs_ops_next_due_us(&fixture.ops) == op->deadline_us);
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 0);
    fixture.host.host.complete(op, &done_outcome);
    fs_ops_settle(&fixture.ops);
    tear_down(&fixture);
}

static struct fs_op *submit_of(struct fixture *fixture, enum fs_op_kind kind)
{
    struct fs_op *op = fs_op_take(&fixture->ops, kind, &client_type, &fixture->client);

    fs_op_set_product(op, FS_TEXT("shoe"));
    fs_op_submit(op);
    return op;
}

static void an_audit_has_longer_and_others_are_answered_before_it(void)
{
    const struct fs_outcome late = {.verdict = FS_UNAVAILABLE};
    struct fixture fixture;
    struct fs_op *audit, *count;

    set_up(&fixture, 2);
    fixture.ops.deadline_span_us = 1000000;
    audit = submit_of(&fixture, FS_OP_AUDIT);
    FS_CHECK(audit->deadline_us == audit->submitted_us + FS_AUDIT_SPAN_US);
    FS_CHECK(fs_ops_next_due_us(&fixture.ops) == audit->deadline_us);
    count = submit_of(&fixture, FS_OP_COUNT);
    FS_CHECK(fs_ops_next_due_us(&fixture.ops) == count->deadline_us);
    count->deadline_us = 1;
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 1);
    FS_CHECK(count->answered && !audit->answered);
    audit->deadline_us = 1;
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 1);
    FS_CHECK(audit->answered);
    fixture.host.host.complete(audit, &late);
    fixture.host.host.complete(count, &late);
    fs_ops_settle(&fixture.ops);
    tear_down(&fixture);
}

/* What a strategy says is known when its op's deadline comes, however late the strategy itself is. */
static void at_its_deadline_an_op_that_nothing_was_asked_for_is_busy(void)
{
    struct fixture fixture;
    struct fs_strategy says;

    for (unsigned i = 0; i < 8; i++) {
        bool says_asked = i & 1;
        bool was_asked = i & 2;
        bool is_withdrawn = i & 4;
        bool is_asked = !says_asked || (was_asked && !is_withdrawn);
        struct fs_op *op;

        set_up(&fixture, 1);
        says = *fixture.loop.strategy;
        says.flags = says_asked ? FS_STRATEGY_SAYS_ASKED : 0;
        fixture.loop.strategy = &says;
        submit_purchase(&fixture.ops, &fixture.client);
        op = fixture.worker.held[0];
        if (says_asked && was_asked)
            FS_CHECK(fixture.host.host.asked(op, true));
        if (says_asked && is_withdrawn)
            FS_CHECK(fixture.host.host.asked(op, false));
        op->deadline_us = 1;
        FS_CHECK_INT(fs_ops_settle(&fixture.ops), 1);
        FS_CHECK_INT(fixture.client.outcome.verdict, is_asked ? FS_UNDETERMINED : FS_BUSY);
        FS_CHECK(!fixture.host.host.asked(op, true)); /* too late to send anything */
        fixture.host.host.complete(op, &done_outcome);
        fs_ops_settle(&fixture.ops);
        FS_CHECK_INT(fixture.client.ends, 1);
        tear_down(&fixture);
    }
}

static void an_op_whose_client_left_may_still_be_asked_for(void)
{
    struct fixture fixture;

    set_up(&fixture, 1);
    submit_purchase(&fixture.ops, &fixture.client);
    fs_op_abandon(fixture.worker.held[0]);
    FS_CHECK(fixture.host.host.asked(fixture.worker.held[0], true));
    fixture.host.host.complete(fixture.worker.held[0], &done_outcome);
    fs_ops_settle(&fixture.ops);
    tear_down(&fixture);
}

static void a_read_past_its_deadline_took_nothing(void)
{
    struct fixture fixture;
    struct fs_op *op;

    set_up(&fixture, 1);
    op = fs_op_take(&fixture.ops, FS_OP_COUNT, &client_type, &fixture.client);
    fs_op_set_product(op, FS_TEXT("shoe"));
    fs_op_submit(op);
    op->deadline_us = 1;
    fs_ops_settle(&fixture.ops);
    FS_CHECK_INT(fixture.client.outcome.verdict, FS_BUSY);
    fixture.host.host.complete(op, &(struct fs_outcome){.verdict = FS_UNAVAILABLE});
    fs_ops_settle(&fixture.ops);
    tear_down(&fixture);
}

static void the_state_is_zero_for_each_op(void)
{
    struct fixture fixture;

    set_up(&fixture, 1);
    fixture.worker.completes_at_once = true;
    for (unsigned i = 0; i < 3; i++) {
        submit_purchase(&fixture.ops, &fixture.client);
        FS_CHECK(fixture.worker.state_was_zero);
        fs_ops_settle(&fixture.ops);
    }
    tear_down(&fixture);
}

static void when_all_are_in_flight_none_is_given_and_it_is_counted(void)
{
    struct fixture fixture;

    set_up(&fixture, 2);
    submit_purchase(&fixture.ops, &fixture.client);
    submit_purchase(&fixture.ops, &fixture.client);
    FS_CHECK(take_purchase(&fixture.ops, &fixture.client) == NULL);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.ops_refused), 1);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.ops_in_flight), 2);
    fixture.host.host.complete(fixture.worker.held[0], &done_outcome);
    fs_ops_settle(&fixture.ops);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.ops_in_flight), 1);
    fs_op_drop(take_purchase(&fixture.ops, &fixture.client));
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.ops_in_flight), 1);
    fixture.host.host.complete(fixture.worker.held[1], &done_outcome);
    fs_ops_settle(&fixture.ops);
    tear_down(&fixture);
}

static void a_purchase_that_nobody_waits_for_is_counted_by_its_completion(void)
{
    struct fixture fixture;

    set_up(&fixture, 1);
    submit_purchase(&fixture.ops, &fixture.client);
    fs_op_abandon(fixture.worker.held[0]);
    fixture.host.host.complete(fixture.worker.held[0], &done_outcome);
    fs_ops_settle(&fixture.ops);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.results[FS_RESULT_SOLD]), 1);
    fixture.worker.completes_at_once = true;
    submit_purchase(&fixture.ops, &fixture.client);
    fs_ops_settle(&fixture.ops);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.results[FS_RESULT_SOLD]), 1);
    tear_down(&fixture);
}

/* Rows */

static void rows_are_told_until_the_client_has_gone(void)
{
    const struct fs_sale_info sale = {.product = FS_TEXT("sock"), .state = FS_SALE_OPEN};
    const struct fs_outcome done = {.verdict = FS_DONE, .units_left = -1};
    struct fixture fixture;
    struct fs_op *op;

    set_up(&fixture, 1);
    op = fs_op_take(&fixture.ops, FS_OP_LIST, &client_type, &fixture.client);
    fs_op_submit(op);
    fixture.host.host.tell_sale(op, &sale);
    fixture.host.host.tell_sale(op, &sale);
    FS_CHECK_INT(fixture.client.sales, 2);
    FS_CHECK(op->sale.product.data == op->product);
    FS_CHECK_TEXT(op->sale.product.data, op->sale.product.len, "sock");
    fs_op_abandon(op);
    fixture.host.host.tell_sale(op, &sale);
    FS_CHECK_INT(fixture.client.sales, 2);
    fixture.host.host.complete(op, &done);
    fs_ops_settle(&fixture.ops);
    op = fs_op_take(&fixture.ops, FS_OP_AUDIT, &client_type, &fixture.client);
    fs_op_set_product(op, FS_TEXT("shoe"));
    fs_op_submit(op);
    fixture.host.host.tell_term(op, FS_TEXT("units_left"), 3);
    FS_CHECK_INT(fixture.client.terms, 1);
    fixture.host.host.complete(op, &done);
    fs_ops_settle(&fixture.ops);
    tear_down(&fixture);
}

static void a_probe_of_a_strategy_without_one_is_done(void)
{
    struct fixture fixture;

    set_up(&fixture, 1);
    fs_op_submit(fs_op_take(&fixture.ops, FS_OP_PROBE, &client_type, &fixture.client));
    FS_CHECK_INT(fs_ops_settle(&fixture.ops), 1);
    FS_CHECK_INT(fixture.client.outcome.verdict, FS_DONE);
    tear_down(&fixture);
}

static void a_change_keeps_its_texts(void)
{
    char product[] = "shoe";
    char name[] = "c1";
    const struct fs_sale_change change = {
        .kind = FS_CHANGE_UPDATE, .product = {product, 4}, .change = {name, 2}, .units_add = 5};
    struct fixture fixture;
    struct fs_op *op;

    set_up(&fixture, 1);
    op = fs_op_take(&fixture.ops, FS_OP_CHANGE, &client_type, &fixture.client);
    fs_op_set_change(op, &change);
    memset(product, 'x', 4);
    memset(name, 'x', 2);
    FS_CHECK_TEXT(op->request.change.product.data, op->request.change.product.len, "shoe");
    FS_CHECK_TEXT(op->request.change.change.data, op->request.change.change.len, "c1");
    FS_CHECK_INT(op->request.change.units_add, 5);
    fs_op_drop(op);
    tear_down(&fixture);
}

#define TESTS(T)                                                      \
    T(an_op_is_answered_once_and_freed_once_in_every_order)           \
    T(an_answer_never_comes_inside_submit)                            \
    T(what_an_answer_submits_is_settled_by_the_next_turn)             \
    T(an_op_abandoned_by_the_answer_to_another_is_not_answered)       \
    T(late_ops_are_answered_before_those_that_were_completed)         \
    T(the_deadline_is_the_span_after_submit_and_the_strategy_is_told) \
    T(an_audit_has_longer_and_others_are_answered_before_it)          \
    T(at_its_deadline_an_op_that_nothing_was_asked_for_is_busy)       \
    T(an_op_whose_client_left_may_still_be_asked_for)                 \
    T(a_read_past_its_deadline_took_nothing)                          \
    T(the_state_is_zero_for_each_op)                                  \
    T(when_all_are_in_flight_none_is_given_and_it_is_counted)         \
    T(a_purchase_that_nobody_waits_for_is_counted_by_its_completion)  \
    T(rows_are_told_until_the_client_has_gone)                        \
    T(a_probe_of_a_strategy_without_one_is_done)                      \
    T(a_change_keeps_its_texts)

FS_SUITE("purchase/op", TESTS)
