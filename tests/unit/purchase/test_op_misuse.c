/* What a strategy or a client must not do with an op ends the process, in every build. */
#include "support/suite.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/purchase/holding.h"

static bool dies(void (*misuse)(struct fixture *fixture))
{
    pid_t child;
    int status;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        struct fixture fixture;

        if (!freopen("/dev/null", "w", stderr))
            _exit(0);
        set_up(&fixture, 2);
        misuse(&fixture);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child &&
           !(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void complete_twice(struct fixture *fixture)
{
    submit_purchase(&fixture->ops, &fixture->client);
    fixture->host.host.complete(fixture->worker.held[0], &done_outcome);
    fixture->host.host.complete(fixture->worker.held[0], &done_outcome);
}

static void complete_a_free_op(struct fixture *fixture)
{
    submit_purchase(&fixture->ops, &fixture->client);
    fixture->host.host.complete(fixture->worker.held[0], &done_outcome);
    fs_ops_settle(&fixture->ops);
    fixture->host.host.complete(fixture->worker.held[0], &done_outcome);
}

static void complete_an_op_taken_again(struct fixture *fixture)
{
    submit_purchase(&fixture->ops, &fixture->client);
    fixture->host.host.complete(fixture->worker.held[0], &done_outcome);
    fs_ops_settle(&fixture->ops);
    take_purchase(&fixture->ops, &fixture->client);
    fixture->host.host.complete(fixture->worker.held[0], &done_outcome);
}

static void complete_without_a_verdict(struct fixture *fixture)
{
    const struct fs_outcome none = {0};

    submit_purchase(&fixture->ops, &fixture->client);
    fixture->host.host.complete(fixture->worker.held[0], &none);
}

static void complete_with_a_verdict_of_another_kind(struct fixture *fixture)
{
    const struct fs_outcome exists = {.verdict = FS_EXISTS};

    submit_purchase(&fixture->ops, &fixture->client);
    fixture->host.host.complete(fixture->worker.held[0], &exists);
}

static void complete_a_lookup_without_its_order(struct fixture *fixture)
{
    struct fs_op *op = fs_op_take(&fixture->ops, FS_OP_LOOKUP, &client_type, &fixture->client);

    fs_op_set_ref(op, FS_TEXT("shoe"), FS_TEXT("ann"), FS_TEXT("o1"));
    fs_op_submit(op);
    fixture->host.host.complete(op, &done_outcome);
}

static void tell_after_complete(struct fixture *fixture)
{
    struct fs_op *op = fs_op_take(&fixture->ops, FS_OP_AUDIT, &client_type, &fixture->client);

    fs_op_set_product(op, FS_TEXT("shoe"));
    fs_op_submit(op);
    fixture->host.host.complete(op, &done_outcome);
    fixture->host.host.tell_term(op, FS_TEXT("units_left"), 1);
}

static void tell_another_buyer_s_order(struct fixture *fixture)
{
    const struct fs_order_info order = {.product = FS_TEXT("shoe"),
                                        .buyer = FS_TEXT("bob"),
                                        .order = FS_TEXT("o1"),
                                        .status = FS_ORDER_SOLD};
    struct fs_op *op = fs_op_take(&fixture->ops, FS_OP_LOOKUP, &client_type, &fixture->client);

    fs_op_set_ref(op, FS_TEXT("shoe"), FS_TEXT("ann"), FS_TEXT("o1"));
    fs_op_submit(op);
    fixture->host.host.tell_order(op, &order);
}

static void abandon_an_answered_op(struct fixture *fixture)
{
    submit_purchase(&fixture->ops, &fixture->client);
    fixture->worker.held[0]->deadline_us = 1;
    fs_ops_settle(&fixture->ops);
    fs_op_abandon(fixture->worker.held[0]);
}

static void *complete_there(void *data)
{
    struct fixture *fixture = data;

    fixture->host.host.complete(fixture->worker.held[0], &done_outcome);
    return NULL;
}

static void complete_on_another_thread(struct fixture *fixture)
{
    pthread_t thread;

    submit_purchase(&fixture->ops, &fixture->client);
    pthread_create(&thread, NULL, complete_there, fixture);
    pthread_join(thread, NULL);
}

static void nothing(struct fixture *fixture)
{
    submit_purchase(&fixture->ops, &fixture->client);
}

static void misuse_ends_the_process(void)
{
    FS_CHECK(!dies(nothing));
    FS_CHECK(dies(complete_twice));
    FS_CHECK(dies(complete_a_free_op));
    FS_CHECK(dies(complete_an_op_taken_again));
    FS_CHECK(dies(complete_without_a_verdict));
    FS_CHECK(dies(complete_with_a_verdict_of_another_kind));
    FS_CHECK(dies(complete_a_lookup_without_its_order));
    FS_CHECK(dies(tell_after_complete));
    FS_CHECK(dies(tell_another_buyer_s_order));
    FS_CHECK(dies(abandon_an_answered_op));
    FS_CHECK(dies(complete_on_another_thread));
}

#define TESTS(T) T(misuse_ends_the_process)

FS_SUITE("purchase/op_misuse", TESTS)
