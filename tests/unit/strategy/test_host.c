/* The host table and the loop behind it, without a server. */
#include "support/suite.h"

#include <pthread.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "strategy/host.h"

#define LETTERS 1000u

/* A strategy that counts the ends of turns. */
struct worker {
    unsigned turn_ends;
};

static void count_turn_end(void *data)
{
    struct worker *worker = data;

    worker->turn_ends++;
}

static const struct fs_strategy strategy = {FS_STRATEGY_HEAD, .turn_end = count_turn_end};

/* A store that answers its calls when told to. */
struct store {
    struct fs_store base;
    struct fs_call *waiting;
    unsigned commands, scripts, flushes, expiries;
    uint64_t due_us;
};

static unsigned store_node_count(const struct fs_store *store)
{
    (void)store;
    return 1;
}

static void store_command(struct fs_store *base, struct fs_call *call, struct fs_text key,
                          uint64_t deadline_us, size_t argc, const struct fs_text *argv)
{
    struct store *store = FS_CONTAINER_OF(base, struct store, base);

    (void)key;
    (void)deadline_us;
    (void)argc;
    (void)argv;
    store->commands++;
    store->waiting = call;
}

static void store_script(struct fs_store *base, struct fs_call *call,
                         const struct fs_script *script, uint64_t deadline_us, size_t key_count,
                         size_t argc, const struct fs_text *argv)
{
    struct store *store = FS_CONTAINER_OF(base, struct store, base);

    (void)script;
    (void)deadline_us;
    (void)key_count;
    (void)argc;
    (void)argv;
    store->scripts++;
    store->waiting = call;
}

static void store_flush(struct fs_store *base)
{
    FS_CONTAINER_OF(base, struct store, base)->flushes++;
}

static uint64_t store_next_due_us(const struct fs_store *base)
{
    return FS_CONTAINER_OF(base, struct store, base)->due_us;
}

static void store_expire(struct fs_store *base, uint64_t now_us)
{
    (void)now_us;
    FS_CONTAINER_OF(base, struct store, base)->expiries++;
}

static const struct fs_store_type store_type = {.node_count = store_node_count,
                                                .command = store_command,
                                                .script = store_script,
                                                .flush = store_flush,
                                                .next_due_us = store_next_due_us,
                                                .expire = store_expire};

/* A call that remembers how it was answered. */
struct question {
    struct fs_call call;
    unsigned answers;
    enum fs_reply_kind kind;
    unsigned order;
    unsigned *counter;
    struct fs_loop *again; /* wait or post once more when answered */
    const struct fs_host *host;
};

static void on_answer(struct fs_call *call, const struct fs_reply *reply)
{
    struct question *question = FS_CONTAINER_OF(call, struct question, call);

    question->answers++;
    question->kind = reply ? reply->kind : 0;
    if (question->counter)
        question->order = (*question->counter)++;
    if (question->again)
        question->host->wait(question->again, call, 0);
}

struct fixture {
    struct fs_strategy_host host;
    struct fs_log log;
    struct fs_metrics metrics;
    struct fs_loop loop;
    struct store store;
    struct worker worker;
    char line[256];
};

static void keep_line(void *data, enum fs_log_level level, const char *line)
{
    struct fixture *fixture = data;

    (void)level;
    snprintf(fixture->line, sizeof(fixture->line), "%s", line);
}

static void set_up(struct fixture *fixture, bool with_store)
{
    *fixture = (struct fixture){.store = {.base = {.type = &store_type}, .due_us = UINT64_MAX}};
    fs_log_init(&fixture->log, FS_LOG_INFO, FS_LOG_TEXT, keep_line, fixture);
    fs_metrics_init(&fixture->metrics);
    fs_strategy_host_init(&fixture->host, &fixture->log, with_store ? 1 : 0);
    FS_CHECK_INT(fs_loop_init(&fixture->loop, &strategy, with_store ? &fixture->store.base : NULL,
                              &fixture->metrics),
                 0);
    fixture->loop.worker = &fixture->worker;
}

static void turn(struct fixture *fixture)
{
    fs_loop_deliver(&fixture->loop);
    fs_loop_turn_end(&fixture->loop);
    fs_loop_flush(&fixture->loop);
}

static void a_letter_is_delivered_by_the_next_turn(void)
{
    struct fixture fixture;
    struct question question = {.call = {.done = on_answer}};

    set_up(&fixture, false);
    fixture.host.host.post(&fixture.loop, &question.call);
    FS_CHECK_INT(question.answers, 0);
    turn(&fixture);
    FS_CHECK_INT(question.answers, 1);
    turn(&fixture);
    FS_CHECK_INT(question.answers, 1);
    fs_loop_dispose(&fixture.loop);
}

struct poster {
    struct fixture *fixture;
    struct question *questions;
};

static void *post_all(void *data)
{
    struct poster *poster = data;

    for (unsigned i = 0; i < LETTERS; i++)
        poster->fixture->host.host.post(&poster->fixture->loop, &poster->questions[i].call);
    return NULL;
}

static void letters_of_two_threads_all_come_each_in_its_order(void)
{
    static struct question questions[2][LETTERS];
    struct fixture fixture;
    struct poster posters[2];
    pthread_t threads[2];
    unsigned counter = 0;
    unsigned wrong = 0;

    set_up(&fixture, false);
    memset(questions, 0, sizeof(questions));
    for (unsigned t = 0; t < 2; t++) {
        for (unsigned i = 0; i < LETTERS; i++) {
            questions[t][i].call.done = on_answer;
            questions[t][i].counter = &counter;
        }
        posters[t] = (struct poster){&fixture, questions[t]};
        FS_REQUIRE(pthread_create(&threads[t], NULL, post_all, &posters[t]) == 0);
    }
    while (counter < 2 * LETTERS) {
        struct pollfd fd = {.fd = fixture.loop.mailbox.fd, .events = POLLIN};

        FS_REQUIRE(poll(&fd, 1, 5000) == 1);
        turn(&fixture);
    }
    for (unsigned t = 0; t < 2; t++) {
        pthread_join(threads[t], NULL);
        for (unsigned i = 0; i < LETTERS; i++)
            wrong += questions[t][i].answers != 1 ||
                     (i > 0 && questions[t][i].order < questions[t][i - 1].order);
    }
    FS_CHECK_INT(wrong, 0);
    fs_loop_dispose(&fixture.loop);
}

static void a_wait_ends_when_its_time_has_come(void)
{
    struct fixture fixture;
    struct question question = {.call = {.done = on_answer}};
    uint64_t asked_us = fs_clock_now_us();

    set_up(&fixture, false);
    FS_CHECK(fs_loop_next_due_us(&fixture.loop) == UINT64_MAX);
    fixture.host.host.wait(&fixture.loop, &question.call, 5);
    FS_CHECK(fs_loop_next_due_us(&fixture.loop) >= asked_us + 5000);
    turn(&fixture);
    FS_CHECK_INT(question.answers, fs_clock_now_us() >= asked_us + 5000 ? question.answers : 0);
    poll(NULL, 0, 7);
    turn(&fixture);
    FS_CHECK_INT(question.answers, 1);
    FS_CHECK(fs_loop_next_due_us(&fixture.loop) == UINT64_MAX);
    fs_loop_dispose(&fixture.loop);
}

static void a_wait_within_a_wait_is_for_the_next_turn(void)
{
    struct fixture fixture;
    struct question question = {.call = {.done = on_answer}};

    set_up(&fixture, false);
    question.again = &fixture.loop;
    question.host = &fixture.host.host;
    fixture.host.host.wait(&fixture.loop, &question.call, 0);
    turn(&fixture);
    FS_CHECK_INT(question.answers, 1);
    poll(NULL, 0, 1);
    turn(&fixture);
    FS_CHECK_INT(question.answers, 2);
    question.again = NULL;
    poll(NULL, 0, 1);
    turn(&fixture);
    FS_CHECK_INT(question.answers, 3);
    fs_loop_dispose(&fixture.loop);
}

static void without_a_store_a_call_is_answered_not_sent_later(void)
{
    const struct fs_text argv[] = {{"GET", 3}, {"k", 1}};
    const struct fs_script script = {"s", "return 1"};
    struct fixture fixture;
    struct question command = {.call = {.done = on_answer}};
    struct question run = {.call = {.done = on_answer}};

    set_up(&fixture, false);
    fixture.host.host.store(&fixture.loop, &command.call, argv[1], 0, 2, argv);
    fixture.host.host.script(&fixture.loop, &run.call, &script, 0, 1, 1, argv);
    FS_CHECK_INT(command.answers + run.answers, 0);
    FS_CHECK(fs_loop_next_due_us(&fixture.loop) == 0);
    turn(&fixture);
    FS_CHECK_INT(command.answers, 1);
    FS_CHECK_INT(command.kind, FS_REPLY_NOT_SENT);
    FS_CHECK_INT(run.answers, 1);
    FS_CHECK_INT(run.kind, FS_REPLY_NOT_SENT);
    FS_CHECK_INT(fixture.host.host.store_count(&fixture.host.host), 0);
    fs_loop_dispose(&fixture.loop);
}

static void a_store_is_asked_flushed_and_expired(void)
{
    const struct fs_text argv[] = {{"GET", 3}, {"k", 1}};
    const struct fs_script script = {"s", "return 1"};
    struct fixture fixture;
    struct question question = {.call = {.done = on_answer}};

    set_up(&fixture, true);
    FS_CHECK_INT(fixture.host.host.store_count(&fixture.host.host), 1);
    fixture.host.host.store(&fixture.loop, &question.call, argv[1], 0, 2, argv);
    fixture.host.host.script(&fixture.loop, &question.call, &script, 0, 1, 1, argv);
    FS_CHECK_INT(fixture.store.commands, 1);
    FS_CHECK_INT(fixture.store.scripts, 1);
    turn(&fixture);
    FS_CHECK_INT(fixture.store.flushes, 1);
    FS_CHECK_INT(fixture.store.expiries, 0);
    fixture.store.due_us = 12345;
    FS_CHECK(fs_loop_next_due_us(&fixture.loop) == 12345);
    turn(&fixture);
    FS_CHECK_INT(fixture.store.expiries, 1);
    fs_loop_dispose(&fixture.loop);
}

static void a_turn_that_brought_nothing_does_not_end_the_strategy_s_turn(void)
{
    const struct fs_reply reply = {.kind = FS_REPLY_INTEGER, .integer = 1};
    struct fixture fixture;
    struct question question = {.call = {.done = on_answer}};

    set_up(&fixture, true);
    turn(&fixture);
    FS_CHECK_INT(fixture.worker.turn_ends, 0);
    fixture.host.host.post(&fixture.loop, &question.call);
    turn(&fixture);
    turn(&fixture);
    FS_CHECK_INT(fixture.worker.turn_ends, 1);
    fs_store_answer(&fixture.store.base, &question.call, &reply);
    turn(&fixture);
    turn(&fixture);
    FS_CHECK_INT(fixture.worker.turn_ends, 2);
    fixture.loop.touched = true; /* as fs_op_submit() does */
    turn(&fixture);
    turn(&fixture);
    FS_CHECK_INT(fixture.worker.turn_ends, 3);
    fs_loop_dispose(&fixture.loop);
}

static void lock_events_are_counted(void)
{
    struct fixture fixture;
    const struct fs_host *host = &fixture.host.host;

    set_up(&fixture, false);
    host->lock_event(&fixture.loop, FS_LOCK_CONTENDED, 0);
    host->lock_event(&fixture.loop, FS_LOCK_ACQUIRED, 250);
    host->lock_event(&fixture.loop, FS_LOCK_ACQUIRED, 0);
    host->lock_event(&fixture.loop, FS_LOCK_FAILED, 1000);
    host->lock_event(&fixture.loop, FS_LOCK_LOST, 0);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.lock_acquired), 2);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.lock_contended), 1);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.lock_failed), 1);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.lock_lost), 1);
    FS_CHECK_INT(fs_counter_read(&fixture.metrics.lock_wait_us.sum), 1250);
    fs_loop_dispose(&fixture.loop);
}

static void a_strategy_logs_into_the_server_s_log(void)
{
    struct fixture fixture;

    set_up(&fixture, false);
    fixture.host.host.log(&fixture.host.host, FS_LOG_WARNING, "shard %d of %s is down", 3, "shoe");
    FS_CHECK_CONTAINS(fixture.line, "shard 3 of shoe is down");
    FS_CHECK_CONTAINS(fixture.line, "strategy");
    FS_CHECK(fixture.host.host.now_us() <= fs_clock_now_us());
    FS_CHECK_INT(fixture.host.host.abi_version, FS_STRATEGY_ABI);
    FS_CHECK_INT(fixture.host.host.struct_size, sizeof(struct fs_host));
    fixture.host.host.sales_frozen(&fixture.host.host, 3);
    FS_CHECK_INT(atomic_load(&fixture.host.sales_frozen), 3);
    fs_loop_dispose(&fixture.loop);
}

#define TESTS(T)                                                    \
    T(a_letter_is_delivered_by_the_next_turn)                       \
    T(letters_of_two_threads_all_come_each_in_its_order)            \
    T(a_wait_ends_when_its_time_has_come)                           \
    T(a_wait_within_a_wait_is_for_the_next_turn)                    \
    T(without_a_store_a_call_is_answered_not_sent_later)            \
    T(a_store_is_asked_flushed_and_expired)                         \
    T(a_turn_that_brought_nothing_does_not_end_the_strategy_s_turn) \
    T(lock_events_are_counted)                                      \
    T(a_strategy_logs_into_the_server_s_log)

FS_SUITE("strategy/host", TESTS)
