/* A run from its start to its figures: threads, the clock, and whether the figures may be believed. */
#include "load/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "load/worker.h"

#define SECOND_US 1000000u
#define START_AFTER_US 2000u /* for the threads to wake up */
#define LATE_US 10000u       /* a start that is later is late */
#define LATE_RUSH_US 100000u /* where all are released at once: a tenth of the second of a rush */
#define LATE_MAX 5u          /* starts: in a short run one hiccup is more than the share */
#define LATE_SHARE_MAX 0.001 /* of the starts */
#define BUSY_MAX 0.9         /* of a core */
#define BUSY_SPAN_US_MIN \
    SECOND_US /* a shorter burst may fill a core: it makes latencies worse, not better */
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
        uint64_t now_us = fs_clock_now_us();
        uint64_t elapsed_us = now_us > gate->start_us ? now_us - gate->start_us : 0;

        /* A little later, so that the threads have handed their second over. */
        wait_until(gate, gate->start_us + next_look_us(run->scenario, elapsed_us) + 30000u);
        if (gate->start_us == 0 || gate->ended == run->started_count)
            continue;
        pthread_mutex_unlock(&gate->mutex);
        tell(run, fs_clock_now_us() - gate->start_us, progress, data);
        pthread_mutex_lock(&gate->mutex);
    }
    pthread_mutex_unlock(&gate->mutex);
    for (uint32_t i = 0; i < run->started_count; i++)
        pthread_join(run->workers[i].thread, NULL);
}

/* The time up to end_us that was not warm-up. */
static uint64_t measured_until(const struct fs_scenario *scenario, uint64_t end_us)
{
    uint64_t begin_us = 0;
    uint64_t sum_us = 0;

    for (size_t i = 0; i < scenario->stage_count; i++) {
        const struct fs_stage *stage = &scenario->stages[i];
        uint64_t stage_end_us = begin_us + stage->ramp_us + stage->hold_us;
        uint64_t until_us = stage_end_us < end_us ? stage_end_us : end_us;

        if (!stage->warmup && until_us > begin_us)
            sum_us += until_us - begin_us;
        begin_us = stage_end_us;
    }
    return sum_us;
}

static void sum_windows(const struct run *run, struct fs_load_result *result)
{
    uint64_t offered = 0, answered = 0, sold = 0, drain_us = 0, last_us = 0;
    double seconds;

    for (uint32_t i = 0; i < run->thread_count; i++) {
        const struct fs_load_worker *worker = &run->workers[i];

        offered += worker->window_offered;
        answered += worker->window_answered;
        sold += worker->window_sold;
        drain_us = worker->drain_us > drain_us ? worker->drain_us : drain_us;
        last_us = worker->last_answer_us > last_us ? worker->last_answer_us : last_us;
    }
    if (run->scenario->executor == FS_EXECUTOR_PER_VU_ITERATIONS)
        result->measured_us = last_us > run->gate.start_us ? last_us - run->gate.start_us : 0;
    else
        result->measured_us = measured_until(
            run->scenario, drain_us > run->gate.start_us ? drain_us - run->gate.start_us : 0);
    seconds = (double)result->measured_us / 1e6;
    if (seconds <= 0)
        return;
    result->offered_per_s = (double)offered / seconds;
    result->answered_per_s = (double)answered / seconds;
    result->sold_per_s = (double)sold / seconds;
}

static int merge_workers(struct run *run, struct fs_load_result *result)
{
    for (uint32_t i = 0; i < run->thread_count; i++) {
        struct fs_load_worker *worker = &run->workers[i];
        double busy =
            worker->cpu_wall_us > 0 ? (double)worker->cpu_us / (double)worker->cpu_wall_us : 0.0;

        fs_latency_merge(&result->latency, &worker->latency);
        fs_latency_merge(&result->service, &worker->service);
        fs_latency_merge(&result->latency_others, &worker->others);
        if (fs_history_append(&result->history, &worker->history) != 0)
            return -ENOMEM;
        result->warmup_requests += worker->warmup_requests;
        result->late_starts += worker->late_starts;
        result->late_limit_us = worker->late_limit_us;
        result->busy_max = busy > result->busy_max ? busy : result->busy_max;
        result->cpu_us += worker->cpu_us;
        result->connects += worker->wires.connects;
        result->connects_failed += worker->wires.connects_failed;
    }
    return 0;
}

/* When the last unit was sold, where nothing brings units back. */
static void find_sell_out(const struct fs_scenario *scenario, struct fs_load_result *result)
{
    int64_t units = 0;

    if (scenario->mix.cancel > 0 || scenario->mix.restock > 0)
        return;
    for (size_t i = 0; i < result->second_count; i++)
        units += (int64_t)result->seconds[i].sold_units;
    if (units == 0 || units < scenario->stock * (int64_t)scenario->product_count)
        return;
    for (size_t i = 0; i < result->history.count; i++) {
        const struct fs_operation *operation = fs_history_at(&result->history, i);

        if (operation->kind == FS_OPERATION_PURCHASE && operation->answer == FS_ANSWER_OK &&
            !operation->replayed && operation->answered_us > result->sold_out_us)
            result->sold_out_us = operation->answered_us;
    }
}

/* Whether the generator has measured itself. */
static void judge(const struct run *run, struct fs_load_result *result)
{
    bool is_short = run->board.is_short_of_memory;
    int error = 0;
    double late_share =
        result->totals.sent > 0 ? (double)result->late_starts / (double)result->totals.sent : 0;

    for (uint32_t i = 0; i < run->thread_count; i++) {
        is_short |= run->workers[i].is_short_of_memory;
        if (run->workers[i].wires.failed_error != 0)
            error = run->workers[i].wires.failed_error;
    }
    if (is_short)
        snprintf(result->invalid, sizeof(result->invalid),
                 "memory ran out: the history has gaps, so nothing can be audited");
    else if (result->connects_failed > 0)
        snprintf(result->invalid, sizeof(result->invalid),
                 "%llu of %llu connections failed on the generator's side: %s",
                 (unsigned long long)result->connects_failed, (unsigned long long)result->connects,
                 strerror(error));
    else if (late_share > LATE_SHARE_MAX && result->late_starts > LATE_MAX)
        snprintf(result->invalid, sizeof(result->invalid),
                 "%.2f %% of the requests started more than %llu ms late, by the generator's fault "
                 "(at most %.1f %%): it had too little CPU",
                 100 * late_share, (unsigned long long)result->late_limit_us / 1000,
                 100 * LATE_SHARE_MAX);
    else if (result->busy_max > BUSY_MAX && result->measured_us >= BUSY_SPAN_US_MIN)
        snprintf(result->invalid, sizeof(result->invalid),
                 "a thread of the generator was %.0f %% busy (at most %.0f %%): the generator was "
                 "the limit, not the server",
                 100 * result->busy_max, 100 * BUSY_MAX);
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
    if (merge_workers(run, result) != 0)
        return fail_errno(error, -ENOMEM, "merge");
    fs_board_read(&run->board, &result->totals);
    result->totals.latency_p50_us = fs_latency_percentile(&result->latency, 50);
    result->totals.latency_p99_us = fs_latency_percentile(&result->latency, 99);
    result->seconds = run->board.seconds;
    result->second_count = run->board.second_count;
    run->board.seconds = NULL;
    sum_windows(run, result);
    result->totals.elapsed_us = result->measured_us;
    result->totals.in_flight = 0;
    find_sell_out(run->scenario, result);
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
