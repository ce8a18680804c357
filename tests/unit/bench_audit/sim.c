/* Requests wait in a heap for the instant at which they act, and what they lead to is put in behind. */
#include "sim.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define PERMILLE 1000u
#define NS_PER_US UINT64_C(1000)

/* Where a request acts, or where its client has an answer or gives up. */
struct event {
    uint64_t at_ns;
    size_t request;
    bool is_end;
};

struct request {
    uint64_t ended_ns;
    struct fs_operation *operation; /* filled when the answer is known */
    size_t order;                   /* in orders, when operation is about one */
    uint32_t asked;                 /* how often the attempt was asked before */
    bool is_answered;
};

struct order {
    uint64_t attempt;
    uint32_t user;
    uint16_t product;
    uint16_t units;
    int64_t remaining;
    bool is_cancelled;
    bool is_recorded; /* in the ledger */
    bool is_told;     /* a client has its id */
    bool by_itself;
};

struct sim {
    const struct fs_sim_options *options;
    struct fs_random *random;
    struct fs_sim_run *run;
    struct request *requests;
    size_t request_count, request_capacity;
    struct event *heap;
    size_t heap_count, heap_capacity;
    struct order *orders; /* by attempt at first, those of bugs behind */
    size_t order_count, order_capacity;
    size_t *order_of; /* by attempt: index + 1; 0: none */
    int64_t *bought;  /* by user and product */
    int64_t left[FS_SCENARIO_PRODUCTS_MAX];
    int64_t restocked[FS_SCENARIO_PRODUCTS_MAX];
};

static bool happens(struct sim *sim, uint32_t permille)
{
    return fs_random_below(sim->random, PERMILLE) < permille;
}

static bool bug_acts(struct sim *sim, enum fs_sim_bug bug, uint32_t permille)
{
    if (sim->options->bug != bug || !happens(sim, permille))
        return false;
    sim->run->bugs_shown++;
    return true;
}

static void *grow(void *array, size_t *capacity, size_t size)
{
    void *grown = reallocarray(array, *capacity ? 2 * *capacity : 256, size);

    assert(grown); /* tests are small */
    *capacity = *capacity ? 2 * *capacity : 256;
    return grown;
}

/* The heap: the earliest first. */

static void push(struct sim *sim, struct event event)
{
    size_t i = sim->heap_count++;

    if (sim->heap_count > sim->heap_capacity)
        sim->heap = grow(sim->heap, &sim->heap_capacity, sizeof(*sim->heap));
    for (; i > 0 && sim->heap[(i - 1) / 2].at_ns > event.at_ns; i = (i - 1) / 2)
        sim->heap[i] = sim->heap[(i - 1) / 2];
    sim->heap[i] = event;
}

static struct event pop(struct sim *sim)
{
    struct event first = sim->heap[0];
    struct event last = sim->heap[--sim->heap_count];
    size_t i = 0;

    for (size_t child = 1; child < sim->heap_count; child = 2 * i + 1) {
        if (child + 1 < sim->heap_count && sim->heap[child + 1].at_ns < sim->heap[child].at_ns)
            child++;
        if (sim->heap[child].at_ns >= last.at_ns)
            break;
        sim->heap[i] = sim->heap[child];
        i = child;
    }
    sim->heap[i] = last;
    return first;
}

/* Clients */

static const enum fs_answer open_answers[] = {FS_ANSWER_TIMEOUT, FS_ANSWER_TRANSPORT, FS_ANSWER_CUT,
                                              FS_ANSWER_UNDETERMINED, FS_ANSWER_5XX};
static const enum fs_answer refused_answers[] = {FS_ANSWER_BUSY, FS_ANSWER_UNAVAILABLE,
                                                 FS_ANSWER_IN_PROGRESS};

/* Puts a request on its way: when it acts and ends is drawn here, what is answered is seen when it
 * acts. */
static void send_at(struct sim *sim, uint64_t sent_ns, const struct fs_operation *asked,
                    size_t order, uint32_t times)
{
    uint64_t most_ns = (uint64_t)sim->options->duration_us * NS_PER_US *
                       (fs_random_below(sim->random, 20) == 0 ? 10 : 1);
    uint64_t lasts_ns = 1 + fs_random_below(sim->random, most_ns);
    uint64_t acts_ns = sent_ns + fs_random_below(sim->random, lasts_ns);
    struct fs_operation *operation = fs_history_add(&sim->run->history);
    struct request request = {sent_ns + lasts_ns, operation, order, times, true};
    bool acts = true;

    assert(operation);
    *operation = *asked;
    operation->intended_us = operation->sent_us = sent_ns / NS_PER_US;
    operation->answered_us = request.ended_ns / NS_PER_US;
    operation->again = times > 0;
    if (happens(sim, sim->options->unknown)) {
        request.is_answered = false;
        operation->answer = (uint8_t)open_answers[fs_random_below(sim->random, 5)];
        if (fs_random_below(sim->random, 2) == 0) /* the server is later than patience lasts */
            acts_ns = sent_ns + fs_random_below(sim->random, 20 * most_ns);
        acts = fs_random_below(sim->random, 3) != 0;
        if (!acts && fs_random_below(sim->random, 2) == 0 &&
            (operation->answer == FS_ANSWER_TRANSPORT || operation->answer == FS_ANSWER_TIMEOUT))
            operation->sent_us = 0;
    } else if (happens(sim, sim->options->busy)) {
        acts = false;
        operation->answer = (uint8_t)refused_answers[fs_random_below(sim->random, 3)];
    }
    if (sim->request_count == sim->request_capacity)
        sim->requests = grow(sim->requests, &sim->request_capacity, sizeof(*sim->requests));
    sim->requests[sim->request_count] = request;
    if (acts)
        push(sim, (struct event){acts_ns, sim->request_count, false});
    push(sim, (struct event){request.ended_ns, sim->request_count, true});
    sim->request_count++;
}

static void ask_more(struct sim *sim, const struct request *request)
{
    const struct fs_operation *operation = request->operation;
    uint64_t later_ns = request->ended_ns + 1 + fs_random_below(sim->random, 50 * NS_PER_US);
    struct fs_operation next = *operation;

    next.answer = 0;
    next.status = 0;
    next.replayed = false;
    next.remaining = -1;
    if (operation->kind == FS_OPERATION_PURCHASE && request->asked < 4 &&
        happens(sim, sim->options->again)) {
        next.order_id[0] = '\0';
        send_at(sim, later_ns, &next, 0, request->asked + 1);
    }
    if (operation->kind == FS_OPERATION_CANCEL && request->asked < 2 &&
        happens(sim, sim->options->again))
        send_at(sim, later_ns, &next, request->order, request->asked + 1);
    if (operation->kind != FS_OPERATION_PURCHASE || operation->answer != FS_ANSWER_OK)
        return;
    next = (struct fs_operation){
        .user = operation->user, .product = operation->product, .remaining = -1};
    memcpy(next.order_id, operation->order_id, sizeof(next.order_id));
    if (happens(sim, sim->options->cancelled)) {
        next.kind = FS_OPERATION_CANCEL;
        send_at(sim, later_ns, &next, request->order, 0);
    }
    if (happens(sim, sim->options->looked_up)) {
        next.kind = FS_OPERATION_LOOKUP;
        send_at(sim, later_ns, &next, request->order, 0);
    }
}

static void begin_attempts(struct sim *sim)
{
    const struct fs_sim_options *options = sim->options;

    for (uint64_t i = 0; i < options->attempts; i++) {
        uint64_t sent_ns = /* in the history 0 says that it was never sent */
            NS_PER_US + fs_random_below(sim->random, (uint64_t)options->span_us * NS_PER_US);
        struct fs_operation asked = {
            .attempt = i + 1,
            .user = (uint32_t)fs_random_below(sim->random, options->users),
            .product = (uint16_t)fs_random_below(sim->random, options->products),
            .quantity = (uint16_t)(1 + fs_random_below(sim->random, options->quantity_max)),
            .kind = FS_OPERATION_PURCHASE,
            .remaining = -1};

        send_at(sim, sent_ns, &asked, 0, 0);
        if (happens(sim, options->doubled))
            send_at(sim, sent_ns + fs_random_below(sim->random, 3 * NS_PER_US), &asked, 0, 1);
        if (happens(sim, options->restocks)) {
            asked.kind = FS_OPERATION_RESTOCK;
            asked.attempt = 0;
            send_at(sim, sent_ns + fs_random_below(sim->random, 100 * NS_PER_US), &asked, 0, 0);
        }
    }
}

/* The server */

/* By the attempt, as the server makes it from buyer and key: sold twice, it is the same name. */
static void name_order(const struct sim *sim, size_t order, char id[FS_ORDER_ID_SIZE])
{
    snprintf(id, FS_ORDER_ID_SIZE, "order-%" PRIu64, sim->orders[order].attempt);
}

static size_t add_order(struct sim *sim, const struct fs_operation *asked)
{
    if (sim->order_count == sim->order_capacity)
        sim->orders = grow(sim->orders, &sim->order_capacity, sizeof(*sim->orders));
    sim->orders[sim->order_count] = (struct order){.attempt = asked->attempt,
                                                   .user = asked->user,
                                                   .product = asked->product,
                                                   .units = asked->quantity,
                                                   .is_recorded = true};
    return sim->order_count++;
}

static int64_t *bought_by(struct sim *sim, uint32_t user, uint16_t product)
{
    return &sim->bought[(size_t)user * sim->options->products + product];
}

static enum fs_answer judge(struct sim *sim, const struct fs_operation *asked)
{
    const struct fs_sim_options *options = sim->options;
    int64_t has = *bought_by(sim, asked->user, asked->product);
    int64_t left = sim->left[asked->product];

    if (bug_acts(sim, FS_SIM_REFUSES_BY_LIMIT, 100))
        return FS_ANSWER_LIMIT;
    if (bug_acts(sim, FS_SIM_REFUSES_EARLY, 100))
        return FS_ANSWER_SOLD_OUT;
    if (options->per_user_max > 0 && has + asked->quantity > options->per_user_max &&
        !bug_acts(sim, FS_SIM_FORGETS_LIMITS, PERMILLE))
        return FS_ANSWER_LIMIT;
    if (options->bug == FS_SIM_SKIPS_A_SHARD)
        left -= options->stock / 4;
    if (asked->quantity <= left)
        return FS_ANSWER_OK;
    if (asked->quantity <= left + 1 && bug_acts(sim, FS_SIM_SELLS_ONE_TOO_MANY, PERMILLE))
        return FS_ANSWER_OK;
    if (options->bug == FS_SIM_SKIPS_A_SHARD && asked->quantity <= left + options->stock / 4)
        sim->run->bugs_shown++;
    return FS_ANSWER_SOLD_OUT;
}

static void replay(struct sim *sim, struct request *request, size_t order,
                   struct fs_operation *answer)
{
    answer->answer = FS_ANSWER_OK;
    answer->replayed = !bug_acts(sim, FS_SIM_REPLAYS_UNMARKED, PERMILLE);
    answer->remaining = sim->orders[order].remaining;
    name_order(sim, order, answer->order_id);
    request->order = order;
    if (sim->options->bug == FS_SIM_REPLAYS_OF_NOW &&
        answer->remaining != sim->left[answer->product]) {
        answer->remaining = sim->left[answer->product];
        sim->run->bugs_shown++;
    }
    if (bug_acts(sim, FS_SIM_REPLAYS_OTHER_ORDER, 500))
        snprintf(answer->order_id, sizeof(answer->order_id), "other-%zu", order);
    if (!sim->orders[order].is_cancelled && bug_acts(sim, FS_SIM_REFUSES_REPLAYS, 300)) {
        answer->answer = FS_ANSWER_SOLD_OUT;
        answer->replayed = false;
        answer->order_id[0] = '\0';
    }
}

static void sell(struct sim *sim, struct request *request, struct fs_operation *answer)
{
    size_t order = add_order(sim, answer);

    request->order = order;
    sim->order_of[answer->attempt] = order + 1;
    answer->answer = FS_ANSWER_OK;
    name_order(sim, order, answer->order_id);
    if (bug_acts(sim, FS_SIM_LOSES_WRITES, 20)) {
        sim->orders[order].is_recorded = false;
        answer->remaining = sim->orders[order].remaining = sim->left[answer->product];
        return;
    }
    sim->left[answer->product] -= answer->quantity;
    *bought_by(sim, answer->user, answer->product) += answer->quantity;
    answer->remaining = sim->orders[order].remaining = sim->left[answer->product];
    if (request->asked == 0 && bug_acts(sim, FS_SIM_MARKS_FIRST, 50))
        answer->replayed = true;
    if (order > 0 && bug_acts(sim, FS_SIM_SELLS_TWO_KEYS_ONE_ORDER, 20))
        name_order(sim, order - 1, answer->order_id);
    if (bug_acts(sim, FS_SIM_CANCELS_BY_ITSELF, 20)) {
        sim->orders[order].is_cancelled = sim->orders[order].by_itself = true;
        sim->left[answer->product] += answer->quantity;
        *bought_by(sim, answer->user, answer->product) -= answer->quantity;
    }
    if (sim->left[answer->product] > 0 && bug_acts(sim, FS_SIM_SELLS_BY_ITSELF, 20)) {
        size_t extra = add_order(sim, answer);

        sim->orders[extra].units = 1;
        sim->orders[extra].attempt = 0;
        sim->left[answer->product]--;
    }
}

static void act_purchase(struct sim *sim, struct request *request, struct fs_operation *answer)
{
    size_t known = sim->order_of[answer->attempt];
    struct fs_metrics_delta *metrics = &sim->run->metrics;

    if (known && bug_acts(sim, FS_SIM_FORGETS_KEYS, PERMILLE) &&
        sim->left[answer->product] >= answer->quantity)
        known = 0;
    if (known) {
        replay(sim, request, known - 1, answer);
    } else {
        answer->answer = (uint8_t)judge(sim, answer);
        if (answer->answer == FS_ANSWER_OK)
            sell(sim, request, answer);
    }
    if (request->operation->answer == FS_ANSWER_UNDETERMINED)
        return; /* counted as that */
    if (answer->answer == FS_ANSWER_OK && answer->replayed)
        metrics->purchases_replayed += !bug_acts(sim, FS_SIM_MISCOUNTS_REPLAYS, 100);
    else if (answer->answer == FS_ANSWER_OK)
        metrics->purchases_sold += 1 + bug_acts(sim, FS_SIM_MISCOUNTS_SOLD, 100);
    else if (answer->answer == FS_ANSWER_SOLD_OUT)
        metrics->purchases_sold_out += !bug_acts(sim, FS_SIM_MISCOUNTS_SOLD_OUT, 500);
    else if (answer->answer == FS_ANSWER_LIMIT)
        metrics->purchases_limit++;
}

static void act_cancel(struct sim *sim, const struct request *request, struct fs_operation *answer)
{
    struct order *order = &sim->orders[request->order];

    answer->answer = FS_ANSWER_OK;
    answer->status = 200;
    if (order->is_cancelled || !order->is_recorded || bug_acts(sim, FS_SIM_FORGETS_CANCELS, 200))
        return;
    order->is_cancelled = true;
    sim->left[order->product] += order->units;
    *bought_by(sim, order->user, order->product) -= order->units;
    if (bug_acts(sim, FS_SIM_RETURNS_TWICE, 200))
        sim->left[order->product] += order->units;
}

static void act(struct sim *sim, struct request *request, struct fs_operation *answer)
{
    switch ((enum fs_operation_kind)answer->kind) {
    case FS_OPERATION_PURCHASE:
        act_purchase(sim, request, answer);
        return;
    case FS_OPERATION_CANCEL:
        act_cancel(sim, request, answer);
        return;
    case FS_OPERATION_RESTOCK:
        answer->answer = FS_ANSWER_OK;
        if (bug_acts(sim, FS_SIM_LOSES_RESTOCKS, 200))
            return;
        sim->left[answer->product] += answer->quantity;
        sim->restocked[answer->product] += answer->quantity;
        return;
    case FS_OPERATION_LOOKUP:
        answer->answer = FS_ANSWER_OK;
        answer->status = bug_acts(sim, FS_SIM_FINDS_NO_ORDERS, 200) ? 404 : 200;
        return;
    case FS_OPERATION_INVENTORY:
    case FS_OPERATION_LOGIN:
        return;
    }
}

static void run_to_end(struct sim *sim)
{
    while (sim->heap_count > 0) {
        struct event event = pop(sim);
        struct request request = sim->requests[event.request];
        struct fs_operation answer = *request.operation;

        if (event.is_end) {
            ask_more(sim, &request);
            continue;
        }
        act(sim, &request, &answer);
        sim->requests[event.request].order = request.order;
        if (!request.is_answered)
            continue;
        *request.operation = answer;
        if (answer.kind == FS_OPERATION_PURCHASE && answer.answer == FS_ANSWER_OK)
            sim->orders[request.order].is_told = true;
    }
}

/* What is found afterwards */

static void tell_ledgers(struct sim *sim)
{
    struct fs_ledger_terms *ledgers = sim->run->ledgers;

    for (uint32_t p = 0; p < sim->options->products; p++) {
        ledgers[p] = (struct fs_ledger_terms){.known = true,
                                              .initial = sim->options->stock,
                                              .restocked = sim->restocked[p],
                                              .left = sim->left[p]};
    }
    for (size_t i = 0; i < sim->order_count; i++) {
        const struct order *order = &sim->orders[i];

        if (!order->is_recorded)
            continue;
        ledgers[order->product].orders += !order->is_cancelled;
        ledgers[order->product].orders_cancelled += order->is_cancelled;
        ledgers[order->product].sold += order->is_cancelled ? 0 : order->units;
    }
    for (uint32_t p = 0; p < sim->options->products; p++)
        ledgers[p].consistent =
            ledgers[p].initial + ledgers[p].restocked == ledgers[p].left + ledgers[p].sold;
}

static void tell_lookups(struct sim *sim)
{
    struct fs_sim_run *run = sim->run;

    run->resolved = calloc(sim->options->attempts + 1u, sizeof(*run->resolved));
    assert(run->resolved);
    for (uint64_t attempt = 1; attempt <= sim->options->attempts; attempt++) {
        size_t order = sim->order_of[attempt];
        struct fs_resolved *resolved = &run->resolved[run->resolved_count];

        if (order && sim->orders[order - 1].is_told ? !happens(sim, sim->options->verified)
                                                    : happens(sim, sim->options->unresolved))
            continue;
        run->resolved_count++;
        resolved->attempt = attempt;
        resolved->status = FS_RESOLVED_NONE;
        if (!order || !sim->orders[order - 1].is_recorded)
            continue;
        resolved->status =
            sim->orders[order - 1].is_cancelled ? FS_RESOLVED_CANCELLED : FS_RESOLVED_SOLD;
        name_order(sim, order - 1, resolved->order_id);
    }
}

static void describe(const struct fs_sim_options *options, struct fs_scenario *scenario)
{
    snprintf(scenario->name, sizeof(scenario->name), "simulated");
    scenario->product_count = options->products;
    for (uint32_t p = 0; p < options->products; p++)
        snprintf(scenario->products[p], sizeof(scenario->products[p]), "%u", (unsigned)p + 1);
    scenario->stock = options->stock;
    scenario->per_user_max = options->per_user_max;
    scenario->quantity_max = options->quantity_max;
    scenario->users = options->users;
    scenario->sells_out = options->sells_out;
}

int fs_sim_run(const struct fs_sim_options *options, struct fs_random *random,
               struct fs_sim_run *run)
{
    struct sim sim = {.options = options, .random = random, .run = run};

    *run = (struct fs_sim_run){0};
    fs_history_init(&run->history);
    sim.order_of = calloc(options->attempts + 1u, sizeof(*sim.order_of));
    sim.bought = calloc((size_t)options->users * options->products, sizeof(*sim.bought));
    if (!sim.order_of || !sim.bought) {
        free(sim.order_of);
        free(sim.bought);
        return -ENOMEM;
    }
    for (uint32_t p = 0; p < options->products; p++)
        sim.left[p] = options->stock;
    describe(options, &run->scenario);
    begin_attempts(&sim);
    run_to_end(&sim);
    tell_ledgers(&sim);
    tell_lookups(&sim);
    free(sim.heap);
    free(sim.requests);
    free(sim.orders);
    free(sim.order_of);
    free(sim.bought);
    return 0;
}

void fs_sim_run_dispose(struct fs_sim_run *run)
{
    fs_history_dispose(&run->history);
    free(run->resolved);
}

struct fs_audit_report fs_sim_audit(const struct fs_sim_run *run)
{
    const struct fs_audit_input input = {.scenario = &run->scenario,
                                         .history = &run->history,
                                         .ledgers = run->ledgers,
                                         .metrics = &run->metrics,
                                         .resolved = run->resolved,
                                         .resolved_count = run->resolved_count};
    struct fs_audit_report report;
    int rc = fs_audit_run(&input, &report);

    assert(rc == 0);
    (void)rc;
    return report;
}
