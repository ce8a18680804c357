/* Draws what a run does from its seed. */
#include "sim/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/random.h"

const char *const sim_fault_names[SIM_FAULT_COUNT] = {
#define X(name, text) [SIM_FAULT_##name] = (text),
    SIM_FAULTS(X)
#undef X
};

static uint64_t between(struct fs_random *random, uint64_t min, uint64_t max)
{
    return min + fs_random_below(random, max - min + 1);
}

static bool one_in(struct fs_random *random, uint64_t count)
{
    return fs_random_below(random, count) == 0;
}

bool sim_fault_loses(enum sim_fault fault)
{
    return fault == SIM_FAULT_STORE_TAIL || fault == SIM_FAULT_STORE_REPLICA ||
           fault == SIM_FAULT_STORE_EMPTY || fault == SIM_FAULT_STORE_KEY;
}

/* Which faults can strike a strategy at all. */
static bool is_possible(const struct sim_plan *plan, enum sim_fault fault)
{
    bool has_store = plan->strategy[1] != '1';

    switch (fault) {
    case SIM_FAULT_TURN_LATE:
    case SIM_FAULT_HANG_UP:
    case SIM_FAULT_SERVER_KILLED:
    case SIM_FAULT_WORKER_STOPPED:
    case SIM_FAULT_SERVER_SKEW:
        return true;
    case SIM_FAULT_DISK_SHORT:
    case SIM_FAULT_DISK_ERROR:
    case SIM_FAULT_DISK_TORN:
        return !has_store;
    case SIM_FAULT_MOVED:
    case SIM_FAULT_TRYAGAIN:
        return plan->is_cluster;
    case SIM_FAULT_SHARDS_CHANGED:
        return plan->strategy[1] == '4';
    case SIM_FAULT_STORES_SWAPPED:
        return plan->node_count > 1 && !plan->is_cluster;
    case SIM_FAULT_RATED:
        return false;
    default:
        return has_store;
    }
}

static void draw_size(struct sim_plan *plan, struct fs_random *random)
{
    bool is_local = plan->strategy[1] == '1';

    plan->node_count = is_local ? 0 : 1;
    if (plan->strategy[1] == '4')
        plan->node_count = (unsigned)between(random, 1, 3);
    else if (!is_local && one_in(random, 4))
        plan->node_count = 2;
    plan->is_cluster = plan->node_count > 1 && one_in(random, 4);
    plan->server_count = is_local ? 1 : (unsigned)between(random, 1, 3);
    plan->loop_count = (unsigned)between(random, 1, is_local ? 3 : 2);
    plan->shards = plan->strategy[1] == '4' ? (unsigned)between(random, 0, 5) : 0;
    plan->is_textbook = one_in(random, 3);
    plan->batches = one_in(random, 3) ? 2 : 1;
    plan->batch_max = one_in(random, 4) ? 1 : one_in(random, 3) ? 3 : 256;
    plan->product_count = one_in(random, 3) ? 2 : 1;
    plan->units_max = one_in(random, 2) ? 1 : (unsigned)between(random, 2, 10);
    for (unsigned i = 0; i < plan->product_count; i++) {
        plan->units[i] = (int64_t)between(random, 1, one_in(random, 4) ? 200 : 30);
        plan->per_buyer[i] = one_in(random, 2) ? 0 : (int64_t)between(random, 1, 12);
        plan->per_order[i] = one_in(random, 4) ? (int64_t)between(random, 1, 10) : 0;
    }
    plan->client_count = (unsigned)between(random, 2, 10);
    plan->ops_per_client = (unsigned)between(random, 3, 12);
    if (is_local && one_in(random, 16)) { /* for several files of a journal, and for folding them */
        plan->client_count = 15;
        plan->ops_per_client = 90;
        plan->units[0] = 2000;
        plan->per_buyer[0] = plan->per_order[0] = 0;
    }
    plan->audit_max = one_in(random, 2) ? 1 : 20000;
    plan->log_max = one_in(random, 3) ? 0 : one_in(random, 2) ? 2 : 100000;
    plan->has_changes = one_in(random, 2);
    plan->span_us = between(random, 2000000, 8000000);
    plan->think_us = one_in(random, 4) ? 5000 : plan->span_us / plan->ops_per_client * 3 / 2;
    plan->deadline_us = between(random, 300000, 2000000);
    plan->is_live = !one_in(random, 4);
    if (one_in(random, 5)) {
        plan->opens_ms = (int64_t)between(random, 0, plan->span_us / 2000);
        plan->closes_ms = plan->opens_ms + (int64_t)between(random, 1, plan->span_us / 1000);
    }
}

static void draw_faults(struct sim_plan *plan, struct fs_random *random)
{
    bool is_calm = one_in(random, 12);
    bool may_lose = one_in(random, 4);
    uint64_t eager = between(random, 2, 6);

    for (unsigned fault = 0; fault < SIM_FAULT_RATED; fault++) {
        static const double rates[] = {0.002, 0.01, 0.03, 0.1};
        double rate = rates[fs_random_below(random, 4)];

        if (one_in(random, eager) && !is_calm && is_possible(plan, (enum sim_fault)fault))
            plan->rates[fault] = rate;
    }
    for (unsigned i = 0; i < SIM_HAPPENINGS_MAX; i++) {
        enum sim_fault fault =
            (enum sim_fault)between(random, SIM_FAULT_RATED + 1, SIM_FAULT_COUNT - 1);
        struct sim_happening happening = {.at_us = between(random, 0, plan->span_us),
                                          .fault = fault,
                                          .target = (unsigned)fs_random_below(random, 12),
                                          .span_us = between(random, 1000, 3000000),
                                          .draw = fs_random_u64(random)};

        if (is_calm || !one_in(random, eager) || !is_possible(plan, fault) ||
            (sim_fault_loses(fault) && !may_lose))
            continue;
        plan->happenings[plan->happening_count++] = happening;
    }
    plan->happenings_kept = UINT32_MAX;
    /* A lost layout of a moved sale is not noticed by all: see README.md. */
    for (unsigned i = 0; i < plan->happening_count; i++)
        if (sim_fault_loses(plan->happenings[i].fault))
            plan->is_dropped[SIM_FAULT_SHARDS_CHANGED] = true;
}

void sim_plan_draw(struct sim_plan *plan, const char *strategy, uint64_t seed)
{
    /* What the product does not yet withstand is off until it does: see README.md. */
    static const enum sim_fault unmended[] = {SIM_FAULT_STORES_SWAPPED};
    struct fs_random random = {seed * UINT64_C(0xda942042e4dd58b5) + 77};

    *plan = (struct sim_plan){.seed = seed, .strategy = strategy};
    draw_size(plan, &random);
    draw_faults(plan, &random);
    for (size_t i = 0; i < sizeof(unmended) / sizeof(unmended[0]); i++)
        plan->is_dropped[unmended[i]] = true;
}

static bool read_number(const char *name, uint64_t min, uint64_t max, uint64_t *number)
{
    const char *text = getenv(name);
    char *end;

    if (!text)
        return true;
    *number = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && *end == '\0' && *number >= min && *number <= max;
}

static bool read_names(struct sim_plan *plan, const char *names, bool is_dropped)
{
    while (names && *names) {
        size_t len = strcspn(names, ",");
        bool is_known = false;

        for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
            if (i != SIM_FAULT_RATED && strlen(sim_fault_names[i]) == len &&
                memcmp(sim_fault_names[i], names, len) == 0) {
                is_known = true;
                plan->is_dropped[i] = is_dropped;
            }
        if (!is_known)
            return false;
        names += len;
        names += *names == ',';
    }
    return true;
}

const char *sim_plan_narrow(struct sim_plan *plan)
{
    uint64_t clients = plan->client_count, ops = plan->ops_per_client, kept = UINT32_MAX;

    if (!read_names(plan, getenv("FS_WITH"), false))
        return "FS_WITH: names of faults with commas between them";
    if (!read_names(plan, getenv("FS_DROP"), true))
        return "FS_DROP: names of faults with commas between them";
    if (!read_number("FS_KEEP", 0, UINT32_MAX, &kept))
        return "FS_KEEP: a bit for each happening";
    if (!read_number("FS_CLIENTS", 1, SIM_CLIENTS_MAX, &clients))
        return "FS_CLIENTS: 1 to 16";
    if (!read_number("FS_OPS", 1, 1000, &ops))
        return "FS_OPS: 1 to 1000";
    plan->client_count = (unsigned)clients;
    plan->ops_per_client = (unsigned)ops;
    plan->happenings_kept = (uint32_t)kept;
    return NULL;
}

void sim_plan_print(const struct sim_plan *plan, char *chars, size_t size)
{
    struct sim_plan whole;
    size_t len;
    bool is_first = true;

    sim_plan_draw(&whole, plan->strategy, plan->seed);
    len = (size_t)snprintf(chars, size, "FS_SEED=%" PRIu64, plan->seed);
    for (unsigned i = 0; i < SIM_FAULT_COUNT && len < size; i++)
        if (plan->is_dropped[i] && !whole.is_dropped[i]) {
            len += (size_t)snprintf(chars + len, size - len, "%s%s", is_first ? " FS_DROP=" : ",",
                                    sim_fault_names[i]);
            is_first = false;
        }
    is_first = true;
    for (unsigned i = 0; i < SIM_FAULT_COUNT && len < size; i++)
        if (!plan->is_dropped[i] && whole.is_dropped[i]) {
            len += (size_t)snprintf(chars + len, size - len, "%s%s", is_first ? " FS_WITH=" : ",",
                                    sim_fault_names[i]);
            is_first = false;
        }
    if (plan->happenings_kept != UINT32_MAX && len < size)
        len +=
            (size_t)snprintf(chars + len, size - len, " FS_KEEP=%" PRIu32, plan->happenings_kept);
    if (plan->client_count != whole.client_count && len < size)
        len += (size_t)snprintf(chars + len, size - len, " FS_CLIENTS=%u", plan->client_count);
    if (plan->ops_per_client != whole.ops_per_client && len < size)
        (void)snprintf(chars + len, size - len, " FS_OPS=%u", plan->ops_per_client);
}
