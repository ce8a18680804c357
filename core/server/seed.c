/* Creates the configured sales through the strategy itself, as an operator would. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "server/server.h"
#include "server/settings.h"

#define START_TIMEOUT_US 10000000u /* for the strategy to be able to decide */
#define RETRY_PAUSE_MS_MIN 50u
#define RETRY_PAUSE_MS_MAX 800u
#define ASKED_AT_ONCE_MAX 64u /* bounded by the ops of the admin's loop */

/* A round of questions, put by the admin's loop. */
struct round {
    struct fs_server *server;
    size_t count;     /* of questions; 0: one probe */
    char *is_done;    /* of each question */
    size_t next;      /* [loop] */
    size_t in_flight; /* [loop] */
    bool is_asking;   /* [loop] */

    pthread_mutex_t mutex;
    pthread_cond_t moved;
    bool is_over;              /* guarded by mutex */
    enum fs_verdict retryable; /* [loop] the last that may go away by itself */
    enum fs_verdict refused;   /* [loop] */
    size_t refused_index;
};

struct question {
    struct round *round;
    size_t index;
};

static const char *verdict_word(enum fs_verdict verdict)
{
    switch (verdict) {
    case FS_BUSY:
        return "busy";
    case FS_UNAVAILABLE:
        return "the store cannot be asked";
    case FS_UNDETERMINED:
        return "no answer in time";
    case FS_IN_PROGRESS:
        return "being changed elsewhere";
    case FS_TOO_MANY:
        return "there is no room for another sale";
    default:
        return "refused";
    }
}

static bool may_pass(enum fs_verdict verdict)
{
    return verdict == FS_BUSY || verdict == FS_UNAVAILABLE || verdict == FS_UNDETERMINED ||
           verdict == FS_IN_PROGRESS;
}

static void ask_more(struct fs_worker *worker, void *data);

static void on_end(struct fs_op *op, void *data)
{
    struct question *question = data;
    struct round *round = question->round;
    enum fs_verdict verdict = op->outcome.verdict;

    if (verdict == FS_DONE || verdict == FS_EXISTS) {
        round->is_done[question->index] = 1;
    } else if (verdict == FS_TOO_MANY && round->count > 0) {
        /* The others can be sold, and an operator can make room: no reason not to start. */
        fs_log_error(&round->server->log, "server",
                     "product \"%s\" of the configuration was not created: there are as many sales "
                     "as there may be; delete one (flashsale stock delete ID) and create it",
                     round->server->config->products[question->index].id);
        round->is_done[question->index] = 1;
    } else if (may_pass(verdict)) {
        round->retryable = verdict;
    } else {
        round->refused = verdict;
        round->refused_index = question->index;
    }
    free(question);
    round->in_flight--;
    if (!round->is_asking)
        ask_more(fs_server_admin_worker(round->server), round);
}

static const struct fs_op_client client = {.on_end = on_end};

static void fill(struct fs_op *op, const struct fs_config_product *product)
{
    const struct fs_sale_change change = {
        .kind = FS_CHANGE_CREATE,
        .product = fs_text_of(product->id),
        .units_reset = product->stock,
        .units_per_buyer_max = product->per_user_max,
        .units_per_order_max = product->max_quantity,
        .opens_at_ms = product->opens_at_ms,
        .closes_at_ms = product->closes_at_ms,
        .state = product->state,
    };

    fs_op_set_change(op, &change);
}

/* Returns whether the question was put. */
static bool ask(struct fs_worker *worker, struct round *round, size_t index)
{
    struct question *question = malloc(sizeof(*question));
    struct fs_op *op = NULL;

    if (question)
        op = fs_op_take(&worker->ops, round->count == 0 ? FS_OP_PROBE : FS_OP_CHANGE, &client,
                        question);
    if (!op) {
        free(question);
        round->retryable = FS_BUSY;
        return false;
    }
    *question = (struct question){round, index};
    if (round->count > 0)
        fill(op, &round->server->config->products[index]);
    round->in_flight++;
    fs_op_submit(op);
    return true;
}

static void ask_more(struct fs_worker *worker, void *data)
{
    struct round *round = data;
    size_t count = round->count == 0 ? 1 : round->count;

    round->is_asking = true;
    while (round->next < count && round->in_flight < ASKED_AT_ONCE_MAX) {
        size_t index = round->next++;

        if (!round->is_done[index] && !ask(worker, round, index))
            break;
    }
    round->is_asking = false;
    if (round->in_flight > 0)
        return;
    pthread_mutex_lock(&round->mutex);
    round->is_over = true;
    pthread_cond_signal(&round->moved);
    pthread_mutex_unlock(&round->mutex);
}

static void run_round(struct round *round)
{
    round->next = 0;
    round->retryable = round->refused = 0;
    round->is_over = false;
    fs_worker_call(fs_server_admin_worker(round->server), ask_more, round);
    pthread_mutex_lock(&round->mutex);
    while (!round->is_over)
        pthread_cond_wait(&round->moved, &round->mutex);
    pthread_mutex_unlock(&round->mutex);
}

/* What the servers of the store have to say to it. */
static int fail_late(const struct round *round, struct fs_error *error)
{
    struct fs_nodes *nodes = round->server->redis ? fs_redis_nodes(round->server->redis) : NULL;
    char trouble[FS_NODE_LABEL_SIZE + FS_NODE_TEXT_SIZE + 32];
    bool is_known = fs_nodes_trouble(nodes, trouble, sizeof(trouble));

    return fs_error_set(
        error, -ETIMEDOUT,
        "strategy %s did not become ready within %u s: %s%s%s (the log may say more)",
        round->server->module.strategy.name, START_TIMEOUT_US / 1000000u,
        verdict_word(round->retryable), is_known ? ": " : "", is_known ? trouble : "");
}

/* Asks until all is done, something is refused, or the time is over. */
static int run_until_done(struct round *round, uint64_t until_us, struct fs_error *error)
{
    uint32_t pause_ms = RETRY_PAUSE_MS_MIN;
    const struct fs_config *config = round->server->config;

    for (;;) {
        run_round(round);
        if (round->refused != 0 && round->count == 0)
            return fs_error_set(error, -EINVAL, "the strategy cannot decide: %s (verdict %d)",
                                verdict_word(round->refused), (int)round->refused);
        if (round->refused != 0)
            return fs_error_set(error, -EINVAL,
                                "product \"%s\" cannot be created: %s (verdict %d; the log may "
                                "say more)",
                                config->products[round->refused_index].id,
                                verdict_word(round->refused), (int)round->refused);
        if (round->retryable == 0)
            return 0;
        if (atomic_load(&round->server->is_cut))
            return fs_error_set(error, -EINTR, "the start was broken off");
        if (fs_clock_now_us() >= until_us)
            return fail_late(round, error);
        nanosleep(&(struct timespec){.tv_nsec = (long)pause_ms * 1000000l}, NULL);
        pause_ms = pause_ms < RETRY_PAUSE_MS_MAX ? 2 * pause_ms : RETRY_PAUSE_MS_MAX;
    }
}

static int run(struct fs_server *server, size_t count, uint64_t until_us, struct fs_error *error)
{
    struct round round = {.server = server, .count = count};
    int rc;

    round.is_done = calloc(count + 1, 1);
    if (!round.is_done)
        return fs_error_set(error, -ENOMEM, "out of memory");
    pthread_mutex_init(&round.mutex, NULL);
    pthread_cond_init(&round.moved, NULL);
    rc = run_until_done(&round, until_us, error);
    pthread_cond_destroy(&round.moved);
    pthread_mutex_destroy(&round.mutex);
    free(round.is_done);
    return rc;
}

int fs_server_seed(struct fs_server *server, struct fs_error *error)
{
    uint64_t until_us = fs_clock_now_us() + START_TIMEOUT_US;
    int rc = run(server, 0, until_us, error);

    if (rc != 0 || server->config->product_count == 0)
        return rc;
    return run(server, server->config->product_count, until_us, error);
}
