/* Time and what happens next: a binary heap of events, and draws that depend on the seed alone. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdlib.h>

#include "sim/history.h"

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

void sim_world_at(struct sim_world *world, uint64_t at_us,
                  void (*run)(struct sim_world *world, void *data, uint64_t argument), void *data,
                  uint64_t argument)
{
    struct sim_events *events = &world->events;
    size_t at = events->count;
    struct sim_event event = {.at_us = at_us < world->now_us ? world->now_us : at_us,
                              .number = events->next_number++,
                              .run = run,
                              .data = data,
                              .argument = argument};

    if (events->count == events->capacity) {
        events->capacity = events->capacity ? events->capacity * 2 : 256;
        events->heap = realloc(events->heap, events->capacity * sizeof(*events->heap));
        if (!events->heap)
            abort();
    }
    events->count++;
    for (; at > 0 && is_before(&event, &events->heap[(at - 1) / 2]); at = (at - 1) / 2)
        events->heap[at] = events->heap[(at - 1) / 2];
    events->heap[at] = event;
}

static struct sim_event take_first(struct sim_events *events)
{
    struct sim_event first = events->heap[0];
    struct sim_event last = events->heap[--events->count];
    size_t at = 0;

    for (;;) {
        size_t child = at * 2 + 1;

        if (child >= events->count)
            break;
        if (child + 1 < events->count && is_before(&events->heap[child + 1], &events->heap[child]))
            child++;
        if (!is_before(&events->heap[child], &last))
            break;
        events->heap[at] = events->heap[child];
        at = child;
    }
    if (events->count > 0)
        events->heap[at] = last;
    return first;
}

void sim_world_run(struct sim_world *world, uint64_t until_us)
{
    while (!world->history->complaint[0] && !world->is_over && world->events.count > 0 &&
           world->events.heap[0].at_us <= until_us) {
        struct sim_event event = take_first(&world->events);

        world->now_us = event.at_us;
        world->event_count++;
        sim_clock_set(world, NULL);
        event.run(world, event.data, event.argument);
    }
    if (world->now_us < until_us && !world->is_over)
        world->now_us = until_us;
}

void sim_trace(struct sim_world *world, const char *format, ...)
{
    va_list args;

    if (!world->trace)
        return;
    fprintf(world->trace, "%10.6f ", (double)(world->now_us - SIM_BEGIN_US) / 1e6);
    va_start(args, format);
    vfprintf(world->trace, format, args);
    va_end(args);
    fputc('\n', world->trace);
}

uint64_t sim_between(struct fs_random *random, uint64_t min, uint64_t max)
{
    return min + fs_random_below(random, max - min + 1);
}

uint64_t sim_draw(const struct sim_world *world, uint64_t class, uint64_t number)
{
    struct fs_random random = {world->plan->seed * UINT64_C(0x9e3779b97f4a7c15) ^ class << 48 ^
                               number};

    (void)fs_random_u64(&random);
    return fs_random_u64(&random);
}

void sim_count_fault(struct sim_world *world, enum sim_fault fault)
{
    world->fault_counts[fault]++;
}

bool sim_strikes(struct sim_world *world, enum sim_fault fault, uint64_t number)
{
    double rate = world->plan->rates[fault];

    if (rate <= 0 || world->is_healed || world->history->started_us == 0 ||
        world->plan->is_dropped[fault])
        return false;
    if ((double)(sim_draw(world, fault + 1, number) >> 11) / (double)(UINT64_C(1) << 53) >= rate)
        return false;
    sim_count_fault(world, fault);
    return true;
}
