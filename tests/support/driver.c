/* Drives loops without h2o, and carries requests of a test's thread to them and back. */
#include "support/driver.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define GIVE_BACK_TIMEOUT_S 10 /* after the deadline, for a strategy to complete what it holds */

/* What ops tell */

static void on_sale(struct fs_op *op, void *data, const struct fs_sale_info *sale)
{
    struct fs_request *request = data;

    (void)op;
    if (request->rows && request->row_count < request->row_capacity) {
        struct fs_driver_row *row = &request->rows[request->row_count];

        row->sale = *sale;
        memcpy(row->name, sale->product.data, sale->product.len);
        row->name[sale->product.len] = '\0';
        row->sale.product.data = row->name;
    }
    request->row_count++;
}

static void on_term(struct fs_op *op, void *data, struct fs_text name, int64_t value)
{
    struct fs_request *request = data;

    (void)op;
    if (request->rows && request->row_count < request->row_capacity) {
        struct fs_driver_row *row = &request->rows[request->row_count];
        size_t len = name.len < sizeof(row->name) ? name.len : sizeof(row->name) - 1;

        memcpy(row->name, name.data, len);
        row->name[len] = '\0';
        row->value = value;
    }
    request->row_count++;
}

static struct fs_text request_text(const char *text)
{
    return (struct fs_text){text, strlen(text)};
}

static void on_end(struct fs_op *op, void *data)
{
    struct fs_request *request = data;
    struct fs_driver_job *job = request->driver_loop->job;

    request->end_count++;
    request->ended_in_submit = request->in_submit;
    request->ended_at_us = fs_clock_now_us();
    request->outcome = op->outcome;
    request->timed_out = op->timed_out;
    request->has_sale = op->has_sale;
    request->has_order = op->has_order;
    if (op->has_sale && op->kind != FS_OP_LIST) {
        request->sale = op->sale;
        request->sale.product = request_text(request->product);
    }
    if (op->has_order) {
        request->found = op->found;
        request->found.product = request_text(request->product);
        request->found.buyer = request_text(request->buyer);
        request->found.order = request_text(request->order);
    }
    request->trouble = op->trouble;
    memcpy(request->reason, op->reason, sizeof(request->reason));
    request->trouble.reason.data = request->reason;
    if (!request->abandoned) {
        job->in_flight--;
        job->ended++;
    }
}

static const struct fs_op_client driver_client = {
    .on_end = on_end, .on_sale = on_sale, .on_term = on_term};

static void set_op(struct fs_op *op, struct fs_request *request)
{
    struct fs_text product = request_text(request->product);
    struct fs_text buyer = request_text(request->buyer);
    struct fs_text order = request_text(request->order);

    switch (request->kind) {
    case FS_OP_PURCHASE:
        fs_op_set_purchase(op, product, buyer, order, request->units);
        return;
    case FS_OP_CANCEL:
    case FS_OP_LOOKUP:
        fs_op_set_ref(op, product, buyer, order);
        return;
    case FS_OP_COUNT:
    case FS_OP_AUDIT:
        fs_op_set_product(op, product);
        return;
    case FS_OP_CHANGE:
        request->change.product = product;
        request->change.change = order;
        fs_op_set_change(op, &request->change);
        return;
    case FS_OP_LIST:
    case FS_OP_PROBE:
        return;
    }
}

/* The loop's thread */

/* False: no slot is free, try again when one is. */
static bool bring(struct fs_driver_loop *loop, struct fs_request *request)
{
    struct fs_op *op = fs_op_take(&loop->ops, request->kind, &driver_client, request);

    if (!op)
        return false;
    request->driver_loop = loop;
    set_op(op, request);
    request->in_submit = true;
    request->asked_at_us = fs_clock_now_us();
    fs_op_submit(op);
    request->in_submit = false;
    if (request->abandoned)
        fs_op_abandon(op);
    return true;
}

static void feed(struct fs_driver_loop *loop)
{
    struct fs_driver_job *job = loop->job;

    while (job->next < job->count && job->in_flight < job->in_flight_max) {
        struct fs_request *request = job->requests[job->next];

        if (!bring(loop, request))
            return;
        job->next++;
        if (request->abandoned)
            job->ended++;
        else
            job->in_flight++;
    }
}

/* A slot may have become free without an answer, when its client had hung up. */
static bool can_feed(const struct fs_driver_loop *loop)
{
    const struct fs_driver_job *job = loop->job;

    return job && job->next < job->count && job->in_flight < job->in_flight_max &&
           loop->ops.in_flight < loop->driver->config.in_flight_max;
}

/* Runs after settle: the job's requests belong to the test's thread again. */
static void end_job_when_done(struct fs_driver_loop *loop)
{
    struct fs_driver *driver = loop->driver;

    if (!loop->job || loop->job->ended < loop->job->count)
        return;
    loop->job = NULL;
    pthread_mutex_lock(&driver->mutex);
    driver->jobs_running--;
    pthread_cond_broadcast(&driver->changed);
    pthread_mutex_unlock(&driver->mutex);
}

static void start_job(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_driver_job *job = FS_CONTAINER_OF(call, struct fs_driver_job, call);

    (void)reply;
    assert(!job->loop->job);
    job->loop->job = job;
}

static void stop_loop(struct fs_call *call, const struct fs_reply *reply)
{
    struct fs_driver_loop *loop = FS_CONTAINER_OF(call, struct fs_driver_loop, stop_call);

    (void)reply;
    loop->stopping = true;
}

static struct timespec time_until(uint64_t due_us)
{
    uint64_t now_us = fs_clock_now_us();
    uint64_t left_us = due_us > now_us ? due_us - now_us : 0;

    if (left_us > 1000000)
        left_us = 1000000;
    return (struct timespec){.tv_sec = (time_t)(left_us / 1000000),
                             .tv_nsec = (long)(left_us % 1000000) * 1000};
}

/* must_not_sleep: the last turn left something that no descriptor tells of. */
static void wait_for_work(struct fs_driver_loop *loop, bool must_not_sleep)
{
    const struct fs_driver_store *store = loop->driver->config.store;
    struct pollfd fds[FS_DRIVER_FDS_MAX + 1] = {{.fd = loop->loop.mailbox.fd, .events = POLLIN}};
    size_t fd_count = 0;
    uint64_t due_us = fs_loop_next_due_us(&loop->loop);
    uint64_t ops_due_us = fs_ops_next_due_us(&loop->ops);
    struct timespec timeout;

    if (store && store->watch)
        fd_count = store->watch(store->data, loop->store, fds + 1);
    if (must_not_sleep)
        due_us = 0;
    timeout = time_until(due_us < ops_due_us ? due_us : ops_due_us);
    if (ppoll(fds, (nfds_t)fd_count + 1, &timeout, NULL) > 0 && store && store->ready)
        store->ready(store->data, loop->store, fds + 1, fd_count);
}

static void *run_loop(void *data)
{
    struct fs_driver_loop *loop = data;
    size_t answered_count = 0;

    while (!loop->stopping || loop->ops.in_flight > 0) {
        wait_for_work(loop, answered_count > 0 || can_feed(loop));
        fs_loop_deliver(&loop->loop);
        if (loop->job)
            feed(loop);
        fs_loop_turn_end(&loop->loop);
        fs_loop_flush(&loop->loop);
        answered_count = fs_ops_settle(&loop->ops);
        end_job_when_done(loop);
        loop->turn_count++;
    }
    return NULL;
}

/* The test's thread */

static void drop_line(void *data, enum fs_log_level level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
}

static int open_loop(struct fs_driver *driver, unsigned index)
{
    const struct fs_driver_config *config = &driver->config;
    struct fs_driver_loop *loop = &driver->loops[index];
    int error;

    loop->driver = driver;
    loop->index = index;
    loop->stop_call.done = stop_loop;
    fs_metrics_init(&loop->metrics);
    if (config->store)
        loop->store = config->store->create(config->store->data, index);
    error = fs_loop_init(&loop->loop, config->strategy, loop->store, &loop->metrics);
    if (!error)
        error =
            fs_ops_init(&loop->ops, &loop->loop, config->in_flight_max, config->deadline_span_us);
    if (!error)
        error = config->strategy->attach(driver->strategy, &loop->loop, &loop->loop.worker);
    return error;
}

/* A wall clock that steps must not end a wait. */
static void init_waiting(struct fs_driver *driver)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&driver->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&driver->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

int fs_driver_open(struct fs_driver *driver, const struct fs_driver_config *config)
{
    const struct fs_options options = {.list = config->option_list,
                                       .count = config->option_count,
                                       .data_dir = config->data_dir,
                                       .key_prefix = "fs:"};
    int error;

    assert(config->loop_count >= 1 && config->loop_count <= FS_DRIVER_LOOPS_MAX);
    *driver = (struct fs_driver){.config = *config};
    init_waiting(driver);
    fs_log_init(&driver->log, config->quiet ? FS_LOG_ERROR : FS_LOG_WARNING, FS_LOG_TEXT,
                config->quiet ? drop_line : NULL, NULL);
    fs_strategy_host_init(&driver->host, &driver->log,
                          config->store ? config->store->node_count : 0);
    driver->host.is_cluster = config->store && config->store->is_cluster;
    fs_ops_offer(&driver->host.host);
    error = config->strategy->open(&driver->host.host, &options, &driver->strategy);
    if (error)
        goto destroy_mutex;
    driver->loops = calloc(config->loop_count, sizeof(*driver->loops));
    assert(driver->loops);
    for (unsigned i = 0; i < config->loop_count; i++) {
        error = open_loop(driver, i);
        assert(!error);
    }
    for (unsigned i = 0; i < config->loop_count; i++) {
        error = pthread_create(&driver->loops[i].thread, NULL, run_loop, &driver->loops[i]);
        assert(!error);
    }
    return 0;

destroy_mutex:
    pthread_cond_destroy(&driver->changed);
    pthread_mutex_destroy(&driver->mutex);
    return error;
}

/* Gives up on a strategy that keeps ops for ever: nothing that follows would mean anything. */
static void join_in_time(struct fs_driver_loop *loop, uint64_t until_us)
{
    while (pthread_tryjoin_np(loop->thread, NULL) != 0) {
        if (fs_clock_now_us() > until_us) {
            fprintf(stderr, "\ndriver: the strategy still holds ops of loop %u: not completed\n",
                    loop->index);
            abort();
        }
        poll(NULL, 0, 1);
    }
}

void fs_driver_close(struct fs_driver *driver)
{
    const struct fs_driver_config *config = &driver->config;
    uint64_t until_us =
        fs_clock_now_us() + config->deadline_span_us + GIVE_BACK_TIMEOUT_S * UINT64_C(1000000);

    for (unsigned i = 0; i < config->loop_count; i++)
        driver->host.host.post(&driver->loops[i].loop, &driver->loops[i].stop_call);
    for (unsigned i = 0; i < config->loop_count; i++)
        join_in_time(&driver->loops[i], until_us);
    for (unsigned i = 0; i < config->loop_count; i++)
        config->strategy->detach(driver->loops[i].loop.worker);
    config->strategy->close(driver->strategy);
    for (unsigned i = 0; i < config->loop_count; i++) {
        struct fs_driver_loop *loop = &driver->loops[i];

        fs_ops_dispose(&loop->ops);
        fs_loop_dispose(&loop->loop);
        if (loop->store)
            config->store->destroy(config->store->data, loop->store);
    }
    free(driver->loops);
    pthread_cond_destroy(&driver->changed);
    pthread_mutex_destroy(&driver->mutex);
}

static void wait_for_jobs(struct fs_driver *driver, size_t request_count)
{
    struct timespec until;
    int error = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(driver->config.deadline_span_us / 1000000) + GIVE_BACK_TIMEOUT_S +
                    (time_t)(request_count / 100);
    pthread_mutex_lock(&driver->mutex);
    while (driver->jobs_running > 0 && !error)
        error = pthread_cond_timedwait(&driver->changed, &driver->mutex, &until);
    pthread_mutex_unlock(&driver->mutex);
    if (error) {
        fprintf(stderr, "\ndriver: a run of %zu requests did not end in time\n", request_count);
        abort();
    }
}

void fs_driver_run(struct fs_driver *driver, struct fs_request *requests, size_t count,
                   size_t in_flight_max)
{
    struct fs_driver_job jobs[FS_DRIVER_LOOPS_MAX] = {0};
    unsigned loop_count = driver->config.loop_count;

    for (unsigned i = 0; i < loop_count; i++) {
        struct fs_driver_job *job = &jobs[i];

        job->call.done = start_job;
        job->loop = &driver->loops[i];
        job->in_flight_max = in_flight_max;
        job->requests = calloc(count ? count : 1, sizeof(struct fs_request *));
        assert(job->requests);
    }
    for (size_t i = 0; i < count; i++) {
        struct fs_driver_job *job = &jobs[requests[i].loop % loop_count];

        job->requests[job->count++] = &requests[i];
    }
    pthread_mutex_lock(&driver->mutex);
    for (unsigned i = 0; i < loop_count; i++)
        driver->jobs_running += jobs[i].count > 0;
    pthread_mutex_unlock(&driver->mutex);
    for (unsigned i = 0; i < loop_count; i++)
        if (jobs[i].count > 0)
            driver->host.host.post(&driver->loops[i].loop, &jobs[i].call);
    wait_for_jobs(driver, count);
    for (unsigned i = 0; i < loop_count; i++)
        free(jobs[i].requests);
}

void fs_driver_ask(struct fs_driver *driver, struct fs_request *request)
{
    fs_driver_run(driver, request, 1, 1);
}

void fs_driver_settle(struct fs_driver *driver)
{
    uint64_t until_us = fs_clock_now_us() + driver->config.deadline_span_us +
                        GIVE_BACK_TIMEOUT_S * UINT64_C(1000000);
    uint64_t in_flight;

    do {
        in_flight = 0;
        for (unsigned i = 0; i < driver->config.loop_count; i++)
            in_flight += fs_counter_read(&driver->loops[i].metrics.ops_in_flight);
        if (in_flight > 0)
            poll(NULL, 0, 1);
    } while (in_flight > 0 && fs_clock_now_us() < until_us);
    if (in_flight > 0) {
        fprintf(stderr, "\ndriver: %" PRIu64 " ops were never completed\n", in_flight);
        abort();
    }
}

const char *fs_driver_durability(const struct fs_driver *driver)
{
    const struct fs_strategy *strategy = driver->config.strategy;
    const char *class = strategy->durability ? strategy->durability(driver->strategy) : NULL;

    return class ? class : "the store's";
}
