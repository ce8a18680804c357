/* One run: a world is made, sales are created in calm, then clients and faults, then calm again when it
 * is to be live, then the judge. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/history.h"

const char *sim_verdict_name(enum fs_verdict verdict)
{
    static const char *const names[FS_VERDICT_COUNT] = {
        "nothing",         "done",    "sold out",    "limit reached", "too many",
        "closed",          "unknown", "exists",      "key reused",    "in progress",
        "not cancellable", "busy",    "unavailable", "undetermined"};

    return verdict < FS_VERDICT_COUNT ? names[verdict] : "?";
}

struct sim_op *sim_history_add(struct sim_history *history)
{
    struct sim_op *op = calloc(1, sizeof(*op));

    if (history->count == history->capacity) {
        history->capacity = history->capacity ? history->capacity * 2 : 256;
        history->list = realloc(history->list, history->capacity * sizeof(struct sim_op *));
    }
    if (!op || !history->list)
        abort();
    op->number = (unsigned)history->count;
    op->invoked_us = op->brought_us = op->answered_us = SIM_NEVER;
    history->list[history->count++] = op;
    return op;
}

/* Ops may still be named by what a killed server left: they stay. */
void sim_history_dispose(struct sim_history *history)
{
    for (size_t i = 0; i < history->count; i++)
        free(history->list[i]);
    free(history->list);
}

void sim_complain(struct sim_world *world, const char *format, ...)
{
    struct sim_history *history = world->history;
    va_list args;

    if (history->complaint[0])
        return;
    va_start(args, format);
    vsnprintf(history->complaint, sizeof(history->complaint), format, args);
    va_end(args);
    sim_trace(world, "COMPLAINT: %s", history->complaint);
}

static void play(struct sim_world *world)
{
    const struct sim_plan *plan = world->plan;
    struct sim_history *history = world->history;

    for (unsigned s = 0; s < plan->server_count; s++)
        if (sim_server_start(world, s) != 0) {
            sim_complain(world, "server %u does not start", s);
            return;
        }
    if (!sim_create_sales(world))
        return;
    history->started_us = world->now_us;
    sim_clients_begin(world);
    sim_faults_begin(world);
    sim_world_run(world, world->now_us + plan->span_us);
    if (plan->is_live && !history->complaint[0]) {
        sim_faults_heal(world);
        history->healed_us = world->now_us;
        sim_world_run(world, world->now_us + 300000);
        sim_settle(world);
    }
    if (!history->complaint[0])
        sim_judge(world, plan->is_live);
}

static void close_all(struct sim_world *world)
{
    for (unsigned s = 0; s < world->plan->server_count; s++) {
        if (!world->servers[s])
            continue;
        if (world->plan->is_live && !world->history->complaint[0] && sim_in_flight(world) == 0)
            sim_server_stop(world, s);
        else
            sim_server_kill(world, s);
    }
}

static void add_up(const struct sim_world *world, struct sim_totals *totals)
{
    const struct sim_history *history = world->history;

    totals->runs++;
    totals->events += world->event_count;
    totals->ops += history->count;
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        totals->faults[i] += world->fault_counts[i];
    for (size_t i = 0; i < history->count; i++) {
        const struct sim_op *op = history->list[i];

        totals->verdicts[op->end_count > 0 ? op->outcome.verdict : 0]++;
        totals->sold += op->kind == FS_OP_PURCHASE && op->outcome.verdict == FS_DONE;
    }
}

bool sim_run(const struct sim_plan *plan, const struct fs_strategy *type, struct sim_lua *lua,
             FILE *trace, struct sim_totals *totals, char complaint[SIM_COMPLAINT_SIZE])
{
    struct sim_history history = {0};
    struct sim_world world = {.plan = plan,
                              .type = type,
                              .lua = lua,
                              .now_us = SIM_BEGIN_US,
                              .random = {plan->seed ^ UINT64_C(0x2545f4914f6cdd1d)},
                              .shards = plan->shards,
                              .history = &history,
                              .trace = trace};

    sim_clock_begin(&world);
    sim_nodes_init(&world);
    if (sim_is_local(&world)) {
        sim_disk_make(&world);
        sim_disk_begin(&world);
        sim_threads_begin(&world);
    }
    play(&world);
    close_all(&world);
    if (sim_is_local(&world)) {
        sim_threads_begin(NULL);
        sim_disk_begin(NULL);
        sim_disk_remove(&world);
    }
    world.is_over = true;
    add_up(&world, totals);
    sim_clock_begin(NULL);
    memcpy(complaint, history.complaint, SIM_COMPLAINT_SIZE);
    sim_nodes_dispose(&world);
    sim_history_dispose(&history);
    free(world.clients);
    free(world.events.heap);
    return complaint[0] == '\0';
}
