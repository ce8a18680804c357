/* A run from its start to its figures: threads, the clock, and whether the figures may be believed. */
#include "load/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "load/figures.h"

#define SECOND_US 1000000u
#define START_AFTER_US 2000u /* for the threads to wake up */
#define LATE_US 10000u       /* a start that is later is late */
#define LATE_RUSH_US 100000u /* where all are released at once: a tenth of the second of a rush */
#define DESCRIPTORS_SPARE 64u

struct run {
    const struct fs_scenario *scenario;
    struct fs_endpoint endpoint, admin_endpoint;
    struct fs_schedule *schedule; /* owned; NULL: closed model */
    struct fs_gate gate;
    struct fs_board board;
    struct fs_load_worker *workers; /* owned */
    uint32_t thread_count;
    uint32_t started_count;
};

static int fail_errno(char error[FS_SCENARIO_ERROR_SIZE], int failure, const char *what)
{
    snprintf(error, FS_SCENARIO_ERROR_SIZE, "%s: %s", what, strerror(-failure));
    return failure;
}

static int raise_descriptors(const struct run *run, char error[FS_SCENARIO_ERROR_SIZE])
{
    rlim_t needed = DESCRIPTORS_SPARE;
    struct rlimit limit;

    for (uint32_t i = 0; i < run->thread_count; i++)
        needed += run->workers[i].wire_count + 4;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return fail_errno(error, -errno, "limit of descriptors");
    if (limit.rlim_cur >= needed)
        return 0;
    if (limit.rlim_max < needed) {
        snprintf(error, FS_SCENARIO_ERROR_SIZE,
                 "%llu descriptors are needed and %llu allowed: raise the hard limit (ulimit -Hn)",
                 (unsigned long long)needed, (unsigned long long)limit.rlim_max);
        return -EMFILE;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0
               ? 0
               : fail_errno(error, -errno, "limit of descriptors");
}

static void init_gate(struct fs_gate *gate)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static uint32_t count_threads(const struct fs_scenario *scenario,
                              const struct fs_load_options *options)
{
    uint32_t count = options->threads > 0 ? options->threads : 1;

    if (count > scenario->users)
        count = scenario->users;
    return count < scenario->connections_max ? count : scenario->connections_max;
}

static int init_workers(struct run *run, const struct fs_target *target,
                        const struct fs_load_options *options, uint64_t id)
{
    run->workers = calloc(run->thread_count, sizeof(*run->workers));
    if (!run->workers)
        return -ENOMEM;
    for (uint32_t i = 0; i < run->thread_count; i++) {
        struct fs_load_worker *worker = &run->workers[i];

        worker->scenario = run->scenario;
        worker->target = target;
        worker->options = options;
        worker->endpoint = &run->endpoint;
        worker->admin_endpoint = &run->admin_endpoint;
        worker->schedule = run->schedule;
        worker->gate = &run->gate;
        worker->board = &run->board;
        worker->index = i;
        worker->count = run->thread_count;
        worker->run = id;
        worker->late_limit_us =
            run->scenario->executor == FS_EXECUTOR_PER_VU_ITERATIONS ? LATE_RUSH_US : LATE_US;
        worker->has_admin = target->admin_token[0] != '\0' && target->admin_host[0] != '\0';
        if (fs_load_worker_init(worker) != 0)
            return -ENOMEM;
    }
    return 0;
}

static int init_run(struct run *run, const struct fs_scenario *scenario,
                    const struct fs_target *target, const struct fs_load_options *options,
                    uint64_t id, char error[FS_SCENARIO_ERROR_SIZE])
{
    int rc;

    run->scenario = scenario;
    init_gate(&run->gate);
    run->thread_count = count_threads(scenario, options);
    if (fs_board_init(&run->board, run->thread_count) != 0)
        return fail_errno(error, -ENOMEM, "start");
    rc = fs_endpoint_resolve(&run->endpoint, target->host, target->port, error,
                             FS_SCENARIO_ERROR_SIZE);
    if (rc == 0 && target->admin_host[0] != '\0')
        rc = fs_endpoint_resolve(&run->admin_endpoint, target->admin_host, target->admin_port,
                                 error, FS_SCENARIO_ERROR_SIZE);
    if (rc != 0)
        return rc;
    if (fs_scenario_is_open_model(scenario)) {
        run->schedule = malloc(sizeof(*run->schedule));
        if (!run->schedule)
            return fail_errno(error, -ENOMEM, "start");
        fs_schedule_init(run->schedule, scenario);
    }
    rc = init_workers(run, target, options, id);
    return rc == 0 ? raise_descriptors(run, error) : fail_errno(error, rc, "start");
}

static void dispose_run(struct run *run)
{
    for (uint32_t i = 0; run->workers && i < run->thread_count; i++)
        fs_load_worker_dispose(&run->workers[i]);
    free(run->workers);
    free(run->schedule);
    fs_board_dispose(&run->board);
    pthread_cond_destroy(&run->gate.changed);
    pthread_mutex_destroy(&run->gate.mutex);
}

static void start_threads(struct run *run)
{
    int rc;

    for (uint32_t i = 0; i < run->thread_count; i++) {
        rc = pthread_create(&run->workers[i].thread, NULL, fs_load_worker_main, &run->workers[i]);
        if (rc != 0) {
            fs_gate_fail(&run->gate, -rc, "thread %u: %s", i + 1, strerror(rc));
            return;
        }
        run->started_count++;
    }
}

/* When the calling thread should look again: at the next second or stage. */
static uint64_t next_look_us(const struct fs_scenario *scenario, uint64_t elapsed_us)
{
    uint64_t next_us = (elapsed_us / SECOND_US + 1) * SECOND_US;
    uint64_t stage_us = 0;

    for (size_t i = 0; i < scenario->stage_count; i++) {
        stage_us += scenario->stages[i].ramp_us + scenario->stages[i].hold_us;
        if (stage_us > elapsed_us)
            return stage_us < next_us ? stage_us : next_us;
    }
    return next_us;
}

static void wait_until(struct fs_gate *gate, uint64_t at_us)
{
    struct timespec at = {(time_t)(at_us / SECOND_US), (long)(at_us % SECOND_US) * 1000};

    pthread_cond_timedwait(&gate->changed, &gate->mutex, &at);
}

static void tell(struct run *run, uint64_t elapsed_us,
                 void (*progress)(void *data, const struct fs_load_progress *now), void *data)
{
    struct fs_load_progress now;

    if (!progress)
        return;
    fs_board_read(&run->board, &now);
    now.elapsed_us = elapsed_us;
    fs_scenario_target(run->scenario, elapsed_us, &now.stage);
    progress(data, &now);
}

/* Opens the gate when all are ready, and follows the run to its end. */
static void follow(struct run *run,
                   void (*progress)(void *data, const struct fs_load_progress *now), void *data)
{
    struct fs_gate *gate = &run->gate;
    uint64_t elapsed_us = 0;

    pthread_mutex_lock(&gate->mutex);
    while (gate->ready < run->thread_count && gate->failure == 0)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    if (gate->failure == 0)
        gate->start_us = fs_clock_now_us() + START_AFTER_US;
    pthread_cond_broadcast(&gate->changed);
    if (gate->failure == 0) { /* who measures beside us begins here */
        pthread_mutex_unlock(&gate->mutex);
        tell(run, 0, progress, data);
        pthread_mutex_lock(&gate->mutex);
    }
    while (gate->ended < run->started_count) {
        /* A little later, so that the threads have handed their second over. */
        uint64_t look_us = gate->start_us + next_look_us(run->scenario, elapsed_us) + 30000u;

        if (gate->failure != 0) {
            pthread_cond_wait(&gate->changed, &gate->mutex);
            continue;
        }
        wait_until(gate, look_us);
        if (fs_clock_now_us() < look_us)
            continue;
        elapsed_us = fs_clock_now_us() - gate->start_us;
        pthread_mutex_unlock(&gate->mutex);
        tell(run, elapsed_us, progress, data);
        pthread_mutex_lock(&gate->mutex);
    }
    pthread_mutex_unlock(&gate->mutex);
    for (uint32_t i = 0; i < run->started_count; i++)
        pthread_join(run->workers[i].thread, NULL);
}

static void judge(const struct run *run, struct fs_load_result *result)
{
    bool is_short = run->board.is_short_of_memory;
    int error = 0;

    for (uint32_t i = 0; i < run->thread_count; i++) {
        is_short |= run->workers[i].is_short_of_memory;
        if (run->workers[i].wires.failed_error != 0)
            error = run->workers[i].wires.failed_error;
    }
    fs_figures_judge(result, is_short, error);
}

static int init_result(struct fs_load_result *result)
{
    memset(result, 0, sizeof(*result));
    fs_history_init(&result->history);
    if (fs_latency_init(&result->latency) == 0 && fs_latency_init(&result->service) == 0 &&
        fs_latency_init(&result->latency_others) == 0)
        return 0;
    fs_load_result_dispose(result);
    return -ENOMEM;
}

static int finish(struct run *run, const struct fs_load_options *options,
                  struct fs_load_result *result, char error[FS_SCENARIO_ERROR_SIZE])
{
    fs_board_finish(&run->board);
    if (fs_figures_merge(run->workers, run->thread_count, result) != 0)
        return fail_errno(error, -ENOMEM, "merge");
    fs_board_read(&run->board, &result->totals);
    result->totals.latency_p50_us = fs_latency_percentile(&result->latency, 50);
    result->totals.latency_p99_us = fs_latency_percentile(&result->latency, 99);
    result->seconds = run->board.seconds;
    result->second_count = run->board.second_count;
    run->board.seconds = NULL;
    fs_figures_rate(run->workers, run->thread_count, result);
    result->totals.elapsed_us = result->measured_us;
    result->totals.in_flight = 0;
    fs_figures_find_sell_out(run->scenario, result);
    result->stopped_early = options->stop && atomic_load(options->stop);
    judge(run, result);
    return 0;
}

int fs_load_run(const struct fs_scenario *scenario, const struct fs_target *target,
                const struct fs_load_options *options,
                void (*progress)(void *data, const struct fs_load_progress *now), void *data,
                struct fs_load_result *result, char error[FS_SCENARIO_ERROR_SIZE])
{
    struct run *run = calloc(1, sizeof(*run));
    int rc;

    if (!run || init_result(result) != 0) {
        free(run);
        return fail_errno(error, -ENOMEM, "start");
    }
    if (getrandom(&result->run, sizeof(result->run), 0) != sizeof(result->run))
        result->run = fs_clock_now_us() * UINT64_C(0x9e3779b97f4a7c15);
    rc = init_run(run, scenario, target, options, result->run, error);
    if (rc == 0) {
        start_threads(run);
        follow(run, progress, data);
        result->started_wall_ms = (uint64_t)fs_clock_wall_ms();
        if (run->gate.start_us > 0)
            result->started_wall_ms -= (fs_clock_now_us() - run->gate.start_us) / 1000u;
        rc = run->gate.failure;
        if (rc != 0)
            snprintf(error, FS_SCENARIO_ERROR_SIZE, "%s", run->gate.error);
    }
    if (rc == 0)
        rc = finish(run, options, result, error);
    dispose_run(run);
    free(run);
    if (rc != 0)
        fs_load_result_dispose(result);
    return rc;
}

void fs_load_result_dispose(struct fs_load_result *result)
{
    fs_history_dispose(&result->history);
    fs_latency_dispose(&result->latency);
    fs_latency_dispose(&result->service);
    fs_latency_dispose(&result->latency_others);
    free(result->seconds);
    memset(result, 0, sizeof(*result));
}
