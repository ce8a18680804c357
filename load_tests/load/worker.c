/* A thread's life: log in, connect, wait for the others, run, drain. */
#include "load/worker.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"

#define TICK_US 10000u
#define STOP_DRAIN_US 2000000u /* after Ctrl-C */

void fs_gate_fail(struct fs_gate *gate, int failure, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    pthread_mutex_lock(&gate->mutex);
    if (gate->failure == 0) {
        gate->failure = failure;
        vsnprintf(gate->error, sizeof(gate->error), format, arguments);
        pthread_cond_broadcast(&gate->changed);
    }
    pthread_mutex_unlock(&gate->mutex);
    va_end(arguments);
}

bool fs_gate_has_failed(struct fs_gate *gate)
{
    bool has_failed;

    pthread_mutex_lock(&gate->mutex);
    has_failed = gate->failure != 0;
    pthread_mutex_unlock(&gate->mutex);
    return has_failed;
}

static uint64_t cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* How long this thread was ready to run and did not; 0: the kernel does not tell. */
static uint64_t waited_us(void)
{
    FILE *file = fopen("/proc/thread-self/schedstat", "re");
    char line[96]; /* "<ran> <waited> <slices>", ns */
    char *end = line;
    uint64_t waited_ns = 0;

    if (!file)
        return 0;
    if (fgets(line, sizeof(line), file)) {
        (void)strtoull(line, &end, 10);
        waited_ns = strtoull(end, NULL, 10);
    }
    fclose(file);
    return waited_ns / 1000u;
}

static void begin_measuring(struct fs_load_worker *worker)
{
    if (worker->is_measuring || fs_record_is_warmup(worker, worker->now_us))
        return;
    worker->is_measuring = true;
    worker->cpu_begin_us = cpu_us();
    worker->waited_begin_us = waited_us();
    worker->cpu_wall_begin_us = worker->now_us;
}

static void end_measuring(struct fs_load_worker *worker)
{
    if (!worker->is_measuring)
        return;
    worker->is_measuring = false;
    worker->cpu_us = cpu_us() - worker->cpu_begin_us;
    worker->waited_us = waited_us() - worker->waited_begin_us;
    worker->cpu_wall_us = worker->now_us - worker->cpu_wall_begin_us;
}

static void end(struct fs_load_worker *worker)
{
    worker->phase = FS_PHASE_ENDED;
    event_base_loopbreak(worker->base);
}

/* What is under way is still answered. */
static void count_unfinished(struct fs_load_worker *worker)
{
    if (worker->scenario->executor != FS_EXECUTOR_PER_VU_ITERATIONS)
        return;
    for (uint32_t i = 0; i < worker->actor_count; i++) {
        const struct fs_actor *actor = &worker->actors[i];

        worker->unfinished += actor->iterations_left > (actor->state >= FS_ACTOR_RENEWING);
    }
}

void fs_load_worker_drain(struct fs_load_worker *worker)
{
    if (worker->phase != FS_PHASE_RUN)
        return;
    worker->now_us = fs_clock_now_us();
    fs_pace_stop(worker);
    end_measuring(worker);
    count_unfinished(worker);
    worker->phase = FS_PHASE_DRAIN;
    worker->drain_us = worker->now_us;
    for (uint32_t i = 0; i < worker->actor_count; i++) {
        struct fs_actor *actor = &worker->actors[i];

        if (worker->schedule) /* those that rest go on with what has come */
            continue;
        if (actor->state == FS_ACTOR_CONNECTING && actor->wire)
            fs_wire_close(actor->wire, false);
        if (actor->state == FS_ACTOR_CONNECTING || actor->state == FS_ACTOR_THINKING)
            fs_actor_park(actor);
    }
    if (worker->busy_actors == 0)
        end(worker);
}

void fs_load_worker_count_actor(struct fs_load_worker *worker, int change)
{
    worker->busy_actors += (uint32_t)change;
    if (worker->busy_actors > 0)
        return;
    if (worker->phase == FS_PHASE_DRAIN)
        end(worker);
    else if (worker->phase == FS_PHASE_RUN &&
             worker->scenario->executor == FS_EXECUTOR_PER_VU_ITERATIONS &&
             worker->woken == worker->actor_count)
        fs_load_worker_drain(worker);
}

static void tick_drain(struct fs_load_worker *worker, bool is_stopped)
{
    uint64_t patience_us = worker->scenario->deadline_us + 1000000u;

    if (is_stopped && patience_us > STOP_DRAIN_US)
        patience_us = STOP_DRAIN_US;
    if (worker->now_us < worker->drain_us + patience_us)
        return;
    end(worker);
    fs_actor_expire(worker, UINT64_MAX);
    fs_pace_abandon(worker);
}

static void on_tick(evutil_socket_t fd, short what, void *data)
{
    struct fs_load_worker *worker = data;
    bool is_stopped = worker->options->stop && atomic_load(worker->options->stop);

    (void)fd;
    (void)what;
    worker->now_us = fs_clock_now_us();
    if (worker->phase == FS_PHASE_RUN && worker->now_us >= worker->start_us) {
        begin_measuring(worker);
        fs_pace_tick(worker);
    }
    if (worker->now_us > worker->scenario->deadline_us)
        fs_actor_expire(worker, worker->now_us - worker->scenario->deadline_us);
    fs_record_second(worker, false);
    if (worker->phase == FS_PHASE_RUN &&
        (is_stopped ||
         worker->now_us >= worker->start_us + fs_scenario_duration_us(worker->scenario)))
        fs_load_worker_drain(worker);
    if (worker->phase == FS_PHASE_DRAIN)
        tick_drain(worker, is_stopped);
}

static void on_chunk(evutil_socket_t fd, short what, void *data)
{
    struct fs_load_worker *worker = data;

    (void)fd;
    (void)what;
    worker->now_us = fs_clock_now_us();
    if (worker->phase == FS_PHASE_READY) {
        worker->phase = FS_PHASE_RUN;
        begin_measuring(worker);
        fs_pace_start(worker);
    } else {
        fs_pace_continue(worker);
    }
}

/* Waits until all threads are ready.  Returns when the clock starts, or -ECANCELED. */
static int wait_at_gate(struct fs_load_worker *worker)
{
    struct fs_gate *gate = worker->gate;
    int rc;

    pthread_mutex_lock(&gate->mutex);
    gate->ready++;
    pthread_cond_broadcast(&gate->changed);
    while (gate->start_us == 0 && gate->failure == 0)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    worker->start_us = gate->start_us;
    rc = gate->failure == 0 ? 0 : -ECANCELED;
    pthread_mutex_unlock(&gate->mutex);
    return rc;
}

static void run(struct fs_load_worker *worker)
{
    const struct timeval every = {0, TICK_US};
    struct timeval after = {0, 0};
    uint64_t now_us = fs_clock_now_us();

    worker->wires.client = fs_actor_wire_client();
    worker->phase = FS_PHASE_READY;
    worker->now_us = now_us;
    worker->stage_begin_us = worker->stage_end_us = 0; /* nothing looked up yet */
    worker->cpu_wall_us = 0;
    if (worker->start_us > now_us)
        after.tv_usec = (suseconds_t)(worker->start_us - now_us);
    event_add(worker->chunk, &after);
    event_add(worker->tick, &every);
    event_base_dispatch(worker->base);
    event_del(worker->tick);
    event_del(worker->chunk);
    worker->now_us = fs_clock_now_us();
    fs_record_second(worker, true);
}

static void pin(const struct fs_load_worker *worker)
{
    cpu_set_t set;

    if (worker->options->core_count == 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)worker->options->cores[worker->index % worker->options->core_count], &set);
    sched_setaffinity(0, sizeof(set), &set);
}

void *fs_load_worker_main(void *data)
{
    struct fs_load_worker *worker = data;

    pin(worker);
    if (fs_load_worker_log_in(worker) == 0 && fs_load_worker_connect(worker) == 0 &&
        wait_at_gate(worker) == 0)
        run(worker);
    for (uint32_t i = 0; i < worker->wire_count; i++)
        fs_wire_close(&worker->wire_list[i], false);
    pthread_mutex_lock(&worker->gate->mutex);
    worker->gate->ended++;
    pthread_cond_broadcast(&worker->gate->changed);
    pthread_mutex_unlock(&worker->gate->mutex);
    return NULL;
}

static uint32_t share(uint32_t count, const struct fs_load_worker *worker)
{
    return count > worker->index ? (count - worker->index - 1) / worker->count + 1 : 0;
}

static void init_pool(struct fs_pool *pool, struct fs_wire *wires, uint32_t count)
{
    pool->free = NULL;
    fs_link_init(&pool->waiting);
    for (uint32_t i = count; i > 0; i--) {
        wires[i - 1].next = pool->free;
        pool->free = &wires[i - 1];
    }
}

static int make_base(struct fs_load_worker *worker)
{
    struct event_config *config = event_config_new();
    bool has_timed_starts = worker->schedule || worker->scenario->think_us_max > 0;

    if (!config)
        return -ENOMEM;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    if (has_timed_starts) /* it costs a system call each turn of the loop */
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
    worker->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!worker->base)
        return -ENOMEM;
    worker->tick = event_new(worker->base, -1, EV_PERSIST, on_tick, worker);
    worker->chunk = event_new(worker->base, -1, 0, on_chunk, worker);
    return worker->tick && worker->chunk ? fs_wires_init(&worker->wires, worker->base) : -ENOMEM;
}

static void init_wires(struct fs_load_worker *worker)
{
    uint32_t own = worker->own_count;
    bool is_pooled = !worker->schedule && own < worker->actor_count;

    for (uint32_t i = 0; i < worker->wire_count; i++)
        fs_wire_init(&worker->wire_list[i], &worker->wires,
                     i + 1 < worker->wire_count ? worker->endpoint : worker->admin_endpoint);
    init_pool(&worker->pool, worker->wire_list, is_pooled ? own : 0);
    init_pool(&worker->spare, worker->wire_list + own, worker->spare_count);
    init_pool(&worker->admin, worker->wire_list + own + worker->spare_count, 1);
    for (uint32_t i = 0; i < worker->actor_count; i++) {
        fs_actor_init(&worker->actors[i], worker);
        worker->actors[i].shopper = &worker->shoppers[i % worker->shopper_count];
        if (is_pooled)
            continue;
        worker->actors[i].wire = &worker->wire_list[i];
        worker->wire_list[i].owner = &worker->actors[i];
    }
}

int fs_load_worker_init(struct fs_load_worker *worker)
{
    const struct fs_scenario *scenario = worker->scenario;
    uint32_t own = share(scenario->connections_max, worker);

    worker->shopper_count = share(scenario->users, worker);
    worker->actor_count = worker->schedule ? own : worker->shopper_count;
    if (own > worker->actor_count)
        own = worker->actor_count;
    assert(own > 0 && worker->shopper_count > 0); /* no more threads than users or connections */
    worker->spare_count = scenario->retry.share_concurrent > 0 ? own / 4 + 16 : 0;
    worker->own_count = own;
    worker->wire_count = own + worker->spare_count + 1;
    worker->shoppers = calloc(worker->shopper_count, sizeof(*worker->shoppers));
    worker->wire_list = calloc(worker->wire_count, sizeof(*worker->wire_list));
    worker->actors = calloc(worker->actor_count, sizeof(*worker->actors));
    if (!worker->shoppers || !worker->wire_list || !worker->actors || make_base(worker) != 0 ||
        fs_latency_init(&worker->latency) != 0 || fs_latency_init(&worker->service) != 0 ||
        fs_latency_init(&worker->others) != 0 || fs_tally_init(&worker->tally) != 0)
        return -ENOMEM;
    fs_history_init(&worker->history);
    fs_link_init(&worker->open);
    for (uint32_t i = 0; i < worker->shopper_count; i++)
        fs_shopper_init(&worker->shoppers[i], i * worker->count + worker->index,
                        worker->options->seed);
    init_wires(worker);
    return 0;
}

void fs_load_worker_dispose(struct fs_load_worker *worker)
{
    for (uint32_t i = 0; worker->actors && i < worker->actor_count; i++)
        if (worker->actors[i].worker)
            event_del(&worker->actors[i].timer);
    for (uint32_t i = 0; worker->wire_list && i < worker->wire_count; i++)
        if (worker->wire_list[i].wires)
            fs_wire_close(&worker->wire_list[i], false);
    for (uint32_t i = 0; worker->shoppers && i < worker->shopper_count; i++)
        fs_shopper_dispose(&worker->shoppers[i]);
    if (worker->tick)
        event_free(worker->tick);
    if (worker->chunk)
        event_free(worker->chunk);
    fs_wires_dispose(&worker->wires);
    if (worker->base)
        event_base_free(worker->base);
    fs_tally_dispose(&worker->tally);
    fs_latency_dispose(&worker->latency);
    fs_latency_dispose(&worker->service);
    fs_latency_dispose(&worker->others);
    fs_history_dispose(&worker->history);
    free(worker->actors);
    free(worker->wire_list);
    free(worker->shoppers);
}
