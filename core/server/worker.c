/* The worker's thread: the turn of its loop, and letters from others. */
#include "server/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "server/accept.h"
#include "server/world.h"

#define TICK_US 1000000u     /* a loop turns at least as often, so that /livez sees it live */
#define DRAIN_SPAN_US 15000u /* between two looks for connections to end */
#define FAILED_PAUSE_MS 100  /* between turns of a loop that failed: letters are still read */

/* What another thread wants done on the loop; lies on that thread's stack until it is done. */
struct fs_letter {
    struct fs_link link;
    void (*function)(struct fs_worker *worker, void *data);
    void *data;
    struct fs_worker *worker;
    bool done; /* guarded by the worker's mutex */
};

static int32_t wait_ms(const struct fs_worker *worker, bool is_busy)
{
    uint64_t now_us = fs_clock_now_us();
    uint64_t dues_us[] = {fs_loop_next_due_us(&worker->loop), fs_ops_next_due_us(&worker->ops),
                          worker->draining ? worker->drain_at_us : UINT64_MAX,
                          worker->resume_at_us};
    uint64_t due_us = now_us + TICK_US;

    if (is_busy)
        return 0;
    for (size_t i = 0; i < sizeof(dues_us) / sizeof(dues_us[0]); i++)
        if (dues_us[i] < due_us)
            due_us = dues_us[i];
    return due_us <= now_us ? 0 : (int32_t)((due_us - now_us + 999u) / 1000u);
}

static void deliver_logins(struct fs_worker *worker)
{
    struct fs_link taken;
    struct fs_link *letter;

    fs_link_init(&taken);
    fs_mailbox_take(&worker->logins, &taken);
    while ((letter = fs_link_shift(&taken)))
        fs_auth_delivered(letter);
}

static void deliver_letters(struct fs_worker *worker)
{
    struct fs_link taken;
    struct fs_link *link;

    fs_link_init(&taken);
    fs_mailbox_take(&worker->letters, &taken);
    while ((link = fs_link_shift(&taken))) {
        struct fs_letter *letter = FS_CONTAINER_OF(link, struct fs_letter, link);

        letter->function(worker, letter->data);
        pthread_mutex_lock(&worker->mutex);
        letter->done = true;
        pthread_cond_broadcast(&worker->moved);
        pthread_mutex_unlock(&worker->mutex);
    }
}

static void look_after_connections(struct fs_worker *worker, uint64_t now_us)
{
    if (now_us >= worker->sweep_at_us) {
        fs_http_sweep(&worker->http, now_us);
        worker->sweep_at_us = now_us + FS_HTTP_SWEEP_SPAN_US;
    }
    if (now_us >= worker->resume_at_us)
        fs_accept_resume(worker);
    if (worker->draining && now_us >= worker->drain_at_us) {
        worker->drain_at_us = now_us + DRAIN_SPAN_US;
        atomic_store(&worker->ops_in_flight,
                     worker->ops.in_flight + worker->http.login_count +
                         (uint32_t)fs_counter_read(&worker->metrics.store_in_flight));
        atomic_store(&worker->connections_open, fs_http_drain(&worker->http));
    }
}

/* Time spent in epoll is not the turn's, and h2o does not say when it woke: so the turn is measured
 * by the processor time of its thread. */
static void record_turn(struct fs_worker *worker)
{
    struct timespec used;
    uint64_t cpu_us;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    cpu_us = (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
    fs_histogram_record(&worker->metrics.turn_us, cpu_us - worker->cpu_us);
    fs_counter_add(&worker->metrics.turns, 1);
    worker->cpu_us = cpu_us;
}

static void fail(struct fs_worker *worker, int error)
{
    const struct timespec pause = {0, FAILED_PAUSE_MS * 1000000l};

    if (!worker->failed) {
        worker->failed = true;
        fs_log_error(worker->options.log, "server", "loop %u cannot wait for events: %s",
                     worker->options.index, strerror(error));
        worker->options.on_failed(worker->options.data, -error);
    }
    nanosleep(&pause, NULL);
}

static void run_turns(struct fs_worker *worker)
{
    bool is_busy = true;

    while (!worker->stopped) {
        if (fs_evloop_run(worker->h2o, &worker->timeouts, wait_ms(worker, is_busy)) != 0 &&
            errno != EINTR)
            fail(worker, errno);
        fs_counter_set(&worker->metrics.turn_at_us, fs_clock_now_us());
        deliver_letters(worker);
        deliver_logins(worker);
        look_after_connections(worker, fs_clock_now_us());
        fs_loop_deliver(&worker->loop);
        fs_loop_turn_end(&worker->loop);
        fs_loop_flush(&worker->loop);
        fs_ops_settle(&worker->ops);
        fs_http_finish_writes(&worker->http);
        /* Which may have brought requests that wait for the end of a turn. */
        is_busy = worker->loop.touched || !fs_link_is_alone(&worker->ops.completed);
        record_turn(worker);
    }
}

static void *worker_main(void *data)
{
    struct fs_worker *worker = data;
    int rc = fs_world_open(worker);
    bool run;

    pthread_mutex_lock(&worker->mutex);
    worker->opened = rc;
    worker->gate = FS_WORKER_WAITING;
    pthread_cond_broadcast(&worker->moved);
    while (worker->gate == FS_WORKER_WAITING)
        pthread_cond_wait(&worker->moved, &worker->mutex);
    run = worker->gate == FS_WORKER_RUNNING;
    pthread_mutex_unlock(&worker->mutex);
    if (rc == 0) {
        if (run)
            run_turns(worker);
        if (!worker->is_given_up)
            fs_world_close(worker);
    }
    fs_evloop_thread_end();
    return NULL;
}

static void set_gate(struct fs_worker *worker, enum fs_worker_gate gate)
{
    pthread_mutex_lock(&worker->mutex);
    worker->gate = gate;
    pthread_cond_broadcast(&worker->moved);
    pthread_mutex_unlock(&worker->mutex);
}

/* The thread takes no signals: they are the program's, whose threads they shall reach. */
static int start_thread(struct fs_worker *worker)
{
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return -rc;
    pthread_mutex_lock(&worker->mutex);
    while (worker->gate == FS_WORKER_OPENING)
        pthread_cond_wait(&worker->moved, &worker->mutex);
    rc = worker->opened;
    pthread_mutex_unlock(&worker->mutex);
    if (rc != 0) {
        set_gate(worker, FS_WORKER_ENDED);
        pthread_join(worker->thread, NULL);
    }
    return rc;
}

static int build(struct fs_worker *worker)
{
    const struct fs_worker_options *options = &worker->options;
    int rc = fs_loop_init(&worker->loop, options->strategy, NULL, &worker->metrics);

    if (rc != 0)
        return rc;
    rc =
        fs_ops_init(&worker->ops, &worker->loop, options->in_flight_max, options->deadline_span_us);
    if (rc != 0)
        goto dispose_loop;
    rc = fs_auth_cache_create(options->auth, options->token_cache, &worker->tokens);
    if (rc != 0)
        goto dispose_ops;
    rc = fs_mailbox_init(&worker->logins);
    if (rc != 0)
        goto destroy_tokens;
    rc = fs_mailbox_init(&worker->letters);
    if (rc != 0)
        goto dispose_logins;
    rc = start_thread(worker);
    if (rc == 0)
        return 0;

    fs_mailbox_dispose(&worker->letters);
dispose_logins:
    fs_mailbox_dispose(&worker->logins);
destroy_tokens:
    fs_auth_cache_destroy(worker->tokens);
dispose_ops:
    fs_ops_dispose(&worker->ops);
dispose_loop:
    fs_loop_dispose(&worker->loop);
    return rc;
}

int fs_worker_create(const struct fs_worker_options *options, struct fs_worker **worker)
{
    struct fs_worker *new = calloc(1, sizeof(*new));
    int rc;

    if (!new)
        return -ENOMEM;
    new->options = *options;
    new->gate = FS_WORKER_OPENING;
    new->resume_at_us = UINT64_MAX;
    fs_metrics_init(&new->metrics);
    pthread_mutex_init(&new->mutex, NULL);
    pthread_cond_init(&new->moved, NULL);
    rc = build(new);
    if (rc != 0) {
        pthread_cond_destroy(&new->moved);
        pthread_mutex_destroy(&new->mutex);
        free(new);
        return rc;
    }
    *worker = new;
    return 0;
}

int fs_worker_attach(struct fs_worker *worker, void *strategy_instance)
{
    return worker->options.strategy->attach(strategy_instance, &worker->loop, &worker->loop.worker);
}

void fs_worker_run(struct fs_worker *worker)
{
    fs_counter_set(&worker->metrics.turn_at_us, fs_clock_now_us());
    set_gate(worker, FS_WORKER_RUNNING);
}

void fs_worker_call(struct fs_worker *worker, void (*function)(struct fs_worker *, void *data),
                    void *data)
{
    struct fs_letter letter = {.function = function, .data = data, .worker = worker};

    assert(worker->gate == FS_WORKER_RUNNING);
    fs_link_init(&letter.link);
    fs_mailbox_post(&worker->letters, &letter.link);
    pthread_mutex_lock(&worker->mutex);
    while (!letter.done)
        pthread_cond_wait(&worker->moved, &worker->mutex);
    pthread_mutex_unlock(&worker->mutex);
}

static void start_drain(struct fs_worker *worker, void *data)
{
    (void)data;
    worker->draining = true;
    worker->drain_at_us = fs_clock_now_us() + DRAIN_SPAN_US;
    atomic_store(&worker->connections_open, SIZE_MAX);
    atomic_store(&worker->ops_in_flight, UINT32_MAX);
}

void fs_worker_drain(struct fs_worker *worker)
{
    fs_worker_call(worker, start_drain, NULL);
}

static void cut(struct fs_worker *worker, void *data)
{
    (void)data;
    fs_http_cut(&worker->http);
}

void fs_worker_cut(struct fs_worker *worker)
{
    fs_worker_call(worker, cut, NULL);
}

static void stop_turning(struct fs_worker *worker, void *data)
{
    (void)data;
    worker->stopped = true;
}

void fs_worker_end(struct fs_worker *worker)
{
    if (worker->gate == FS_WORKER_RUNNING)
        fs_worker_call(worker, stop_turning, NULL);
    else
        set_gate(worker, FS_WORKER_ENDED);
    pthread_join(worker->thread, NULL);
    worker->gate = FS_WORKER_ENDED;
}

void fs_worker_detach(struct fs_worker *worker)
{
    worker->options.strategy->detach(worker->loop.worker);
    worker->loop.worker = NULL;
}

void fs_worker_destroy(struct fs_worker *worker)
{
    fs_mailbox_dispose(&worker->letters);
    fs_mailbox_dispose(&worker->logins);
    fs_auth_cache_destroy(worker->tokens);
    fs_ops_dispose(&worker->ops);
    fs_loop_dispose(&worker->loop);
    pthread_cond_destroy(&worker->moved);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}
