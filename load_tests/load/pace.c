/* Decides when users act: all at once, as many at a time as a stage says, or as the clock says. */
#include "load/worker.h"

#include <math.h>

#include "base/clock.h"

#define CHUNK 32u /* starts between two looks at the network */
#define HURT_PAUSE_US 10000u

static bool is_per_vu(const struct fs_load_worker *worker)
{
    return worker->scenario->executor == FS_EXECUTOR_PER_VU_ITERATIONS;
}

static void arm_chunk(struct fs_load_worker *worker, uint64_t after_us)
{
    struct timeval after = {(time_t)(after_us / 1000000u), (suseconds_t)(after_us % 1000000u)};

    event_add(worker->chunk, &after);
}

/* How many of this thread's users should be at work: user i of all is dealt to thread i % count. */
static uint32_t wanted_now(const struct fs_load_worker *worker)
{
    size_t stage;
    double target = floor(
        fs_scenario_target(
            worker->scenario,
            worker->now_us > worker->start_us ? worker->now_us - worker->start_us : 0, &stage) +
        1e-9);
    uint64_t all = target > 0 ? (uint64_t)target : 0;
    uint64_t mine = all > worker->index ? (all - worker->index - 1) / worker->count + 1 : 0;

    return mine < worker->actor_count ? (uint32_t)mine : worker->actor_count;
}

/* Wakes users up to the target, some at a time; those above it stop by themselves. */
static void follow_target(struct fs_load_worker *worker)
{
    uint32_t wanted = wanted_now(worker);

    if (worker->woken > wanted)
        worker->woken = wanted;
    for (uint32_t i = 0; i < CHUNK && worker->woken < wanted; i++) {
        struct fs_actor *actor = &worker->actors[worker->woken++];

        if (actor->state != FS_ACTOR_PARKED)
            continue; /* it had not stopped yet */
        worker->now_us = fs_clock_now_us();
        if (is_per_vu(worker)) {
            fs_record_start(worker, worker->start_us);
            fs_actor_begin(actor, actor->shopper, worker->start_us);
        } else {
            fs_actor_wake(actor);
        }
    }
    if (worker->woken < wanted)
        arm_chunk(worker, 0);
}

static uint64_t arrival_us(struct fs_load_worker *worker, uint64_t arrival, size_t *hint)
{
    return worker->start_us +
           fs_schedule_time_us(worker->schedule, arrival * worker->count + worker->index, hint);
}

static bool is_arrival(const struct fs_load_worker *worker, uint64_t arrival)
{
    return arrival * worker->count + worker->index < worker->schedule->count;
}

static void offer(struct fs_load_worker *worker)
{
    while (is_arrival(worker, worker->next_due)) {
        uint64_t due_us = arrival_us(worker, worker->next_due, &worker->due_hint);

        if (due_us > worker->now_us)
            return;
        worker->next_due++;
        fs_record_offered(worker, due_us);
    }
}

static struct fs_shopper *next_shopper(struct fs_load_worker *worker)
{
    struct fs_shopper *shopper = &worker->shoppers[worker->next_shopper];

    worker->next_shopper = (worker->next_shopper + 1) % worker->shopper_count;
    return shopper;
}

/* Whether an arrival waits or is still to come: when the load has ended, those that had come by then. */
static bool has_arrivals(const struct fs_load_worker *worker)
{
    return worker->phase == FS_PHASE_RUN     ? is_arrival(worker, worker->next_arrival)
           : worker->phase == FS_PHASE_DRAIN ? worker->next_arrival < worker->next_due
                                             : false;
}

/* Begins the next arrival when its time has come.  Without one the actor is free. */
static bool take_arrival(struct fs_actor *actor, bool is_by_clock)
{
    struct fs_load_worker *worker = actor->worker;

    while (has_arrivals(worker)) {
        uint64_t due_us = arrival_us(worker, worker->next_arrival, &worker->arrival_hint);
        struct fs_shopper *shopper;

        if (due_us > worker->now_us)
            break;
        worker->next_arrival++;
        shopper = next_shopper(worker);
        if (worker->now_us > due_us + worker->scenario->deadline_us) {
            fs_record_unsent(worker, shopper, due_us); /* this user has given up waiting */
            continue;
        }
        if (is_by_clock)
            fs_record_start(worker, due_us);
        fs_actor_begin(actor, shopper, due_us);
        return true;
    }
    actor->next = worker->free;
    worker->free = actor;
    fs_actor_park(actor);
    return false;
}

static void follow_clock(struct fs_load_worker *worker)
{
    uint64_t due_us;

    for (uint32_t i = 0; i < CHUNK && worker->free; i++) {
        struct fs_actor *actor = worker->free;

        worker->free = actor->next;
        worker->now_us = fs_clock_now_us();
        if (!take_arrival(actor, true))
            break;
    }
    if (!worker->free || !has_arrivals(worker))
        return;
    due_us = arrival_us(worker, worker->next_arrival, &worker->arrival_hint);
    arm_chunk(worker, due_us > worker->now_us ? due_us - worker->now_us : 0);
}

void fs_pace_start(struct fs_load_worker *worker)
{
    if (!worker->schedule) {
        follow_target(worker);
        return;
    }
    worker->free = NULL;
    for (uint32_t i = worker->actor_count; i > 0; i--) {
        worker->actors[i - 1].next = worker->free;
        worker->free = &worker->actors[i - 1];
    }
    follow_clock(worker);
}

/* The timer of starts. */
void fs_pace_continue(struct fs_load_worker *worker)
{
    if (worker->schedule)
        follow_clock(worker);
    else if (worker->phase == FS_PHASE_RUN)
        follow_target(worker);
}

void fs_pace_tick(struct fs_load_worker *worker)
{
    if (worker->schedule)
        offer(worker);
    else if (!is_per_vu(worker))
        follow_target(worker);
}

void fs_pace_stop(struct fs_load_worker *worker)
{
    if (!worker->schedule)
        return;
    offer(worker);
    /* What is due is sent, late by our own fault, as long as there is who could have sent it. */
    while (worker->free && worker->next_arrival < worker->next_due) {
        struct fs_actor *actor = worker->free;

        worker->free = actor->next;
        take_arrival(actor, true);
    }
}

void fs_pace_abandon(struct fs_load_worker *worker)
{
    while (worker->schedule && worker->next_arrival < worker->next_due) {
        uint64_t due_us = arrival_us(worker, worker->next_arrival, &worker->arrival_hint);

        fs_record_unsent(worker, next_shopper(worker), due_us);
        worker->next_arrival++;
    }
}

static void rest(struct fs_actor *actor, uint64_t pause_us)
{
    struct timeval after = {(time_t)(pause_us / 1000000u), (suseconds_t)(pause_us % 1000000u)};

    actor->state = FS_ACTOR_THINKING;
    actor->due_us = actor->worker->now_us + pause_us;
    event_add(&actor->timer, &after);
}

/* Whether the stage still wants this user. */
static bool is_wanted(const struct fs_actor *actor)
{
    const struct fs_load_worker *worker = actor->worker;

    return worker->phase == FS_PHASE_RUN && (uint32_t)(actor - worker->actors) < worker->woken;
}

static void leave(struct fs_actor *actor)
{
    if (actor->worker->phase == FS_PHASE_RUN && actor->wire && !is_per_vu(actor->worker))
        fs_wire_close(actor->wire, false);
    fs_actor_park(actor);
}

static void done_closed(struct fs_actor *actor)
{
    struct fs_load_worker *worker = actor->worker;
    uint64_t pause_us = actor->choice.think_us;

    if (!is_wanted(actor) || (is_per_vu(worker) && --actor->iterations_left == 0)) {
        leave(actor);
        return;
    }
    if (actor->had_transport && pause_us < HURT_PAUSE_US)
        pause_us = HURT_PAUSE_US;
    if (pause_us > 0)
        rest(actor, pause_us);
    else
        fs_actor_begin(actor, actor->shopper, worker->now_us);
}

void fs_pace_done(struct fs_actor *actor)
{
    struct fs_load_worker *worker = actor->worker;

    if (!worker->schedule) {
        done_closed(actor);
    } else if (worker->phase == FS_PHASE_ENDED) {
        fs_actor_park(actor);
    } else if (actor->had_transport) {
        rest(actor, HURT_PAUSE_US);
    } else if (!take_arrival(actor, false)) {
        follow_clock(worker);
    }
}

void fs_pace_due(struct fs_actor *actor)
{
    struct fs_load_worker *worker = actor->worker;

    if (worker->schedule) {
        if (!take_arrival(actor, false))
            follow_clock(worker);
        return;
    }
    if (!is_wanted(actor)) {
        leave(actor);
        return;
    }
    if (actor->due_us > worker->now_us)
        actor->due_us = worker->now_us;
    fs_record_start(worker, actor->due_us);
    fs_actor_begin(actor, actor->shopper, actor->due_us);
}
