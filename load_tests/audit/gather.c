/* Waits until the server is at rest, then asks: ledgers, lookups, ledgers again.  When the second
 * ledgers are the first ones, what was looked up in between is of the same instant as far as anybody
 * can tell; else something still moved, and open answers are asked once more. */
#include "audit/gather.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/collect.h"
#include "audit/ledger.h"
#include "audit/resolve.h"
#include "base/clock.h"
#include "purchase/purchase.h"

#define LANES_DEFAULT 16u
#define TIME_MAX_US_DEFAULT 30000000u
#define REST_US_MAX 10000000u /* for requests of clients who left */
#define PAUSE_MS 20u
#define SHOWN_US_MAX 2000000u /* for what buyers are shown to be what there is */
#define CHECKED_IDS 64u       /* acknowledged orders whose id is computed too */

struct gathering {
    const struct fs_gather_options *options;
    struct fs_gathered *gathered;
    struct fs_asker *admin; /* NULL: no token */
    struct fs_order_namer *namer;
    struct fs_collection collection;
    struct fs_lookup *lookups; /* one for each of gathered->resolved, by user */
    uint64_t deadline_us;
    bool ids_are_known; /* computed ids are this server's */
};

static bool is_over(const struct gathering *gathering)
{
    return fs_clock_now_us() >= gathering->deadline_us ||
           (gathering->options->stop && *gathering->options->stop);
}

static void pause_ms(uint32_t ms)
{
    const struct timespec span = {.tv_nsec = (long)ms * 1000000l};

    nanosleep(&span, NULL);
}

static void tell_problem(struct gathering *gathering, const char *problem)
{
    char *told = gathering->gathered->problem;

    if (told[0] == '\0')
        snprintf(told, FS_GATHER_ERROR_SIZE, "%s", problem);
}

/* The server's operations in flight; one of them is the scrape itself.  -1: not told. */
static int64_t in_flight(struct fs_asker *admin)
{
    static const char name[] = "\nflashsale_operations_in_flight ";
    const struct fs_answer_text *text;
    const char *line;
    char problem[FS_GATHER_ERROR_SIZE];

    if (fs_asker_get(admin, "/metrics", &text, problem, sizeof(problem)) != 200 || !text->data)
        return -1;
    line = strstr(text->data, name);
    return line ? strtoll(line + sizeof(name) - 1, NULL, 10) : -1;
}

/* A client that left does not end what it asked for: wait for that, so that no order comes after its
 * lookup. */
static void wait_for_rest(struct gathering *gathering)
{
    uint64_t until_us = fs_clock_now_us() + REST_US_MAX;
    int64_t count = gathering->admin ? in_flight(gathering->admin) : -1;

    while (count > 1 && fs_clock_now_us() < until_us && !is_over(gathering)) {
        pause_ms(PAUSE_MS);
        count = in_flight(gathering->admin);
    }
    if (count > 1)
        tell_problem(gathering, "the server still works on requests of the run");
}

/* What to look up */

static bool has_open_answer(const struct fs_attempt *attempt)
{
    return attempt->fate == FS_FATE_MAYBE;
}

static size_t lookups_max(const struct fs_gather_options *options)
{
    if (options->lookups_max)
        return options->lookups_max;
    switch (options->scenario->profile) {
    case FS_PROFILE_SMOKE:
        return FS_GATHER_LOOKUPS_SMOKE;
    case FS_PROFILE_CI:
        return FS_GATHER_LOOKUPS_CI;
    case FS_PROFILE_FULL:
        break;
    }
    return FS_GATHER_LOOKUPS_FULL;
}

/* Its buyer was told that nothing was taken, and nothing else. */
static bool is_denied(const struct fs_attempt *attempt)
{
    return attempt->fate == FS_FATE_NONE && attempt->denied_us != 0;
}

/* Of the acknowledged ones, and of those that were denied, every nth. */
static size_t count_lookups(const struct gathering *gathering, size_t *open, size_t *acknowledged,
                            size_t *denied)
{
    const struct fs_collection *collection = &gathering->collection;
    size_t most = lookups_max(gathering->options);

    *open = *acknowledged = *denied = 0;
    for (size_t i = 0; i < collection->attempt_count; i++) {
        *open += has_open_answer(&collection->attempts[i]);
        *acknowledged += collection->attempts[i].first_sold != NULL;
        *denied += is_denied(&collection->attempts[i]);
    }
    return *open + (*acknowledged < most ? *acknowledged : most) +
           (*denied < most ? *denied : most);
}

static int compute_id(const struct gathering *gathering, const struct fs_attempt *attempt,
                      char order_id[FS_ORDER_ID_SIZE])
{
    const struct fs_scenario *scenario = gathering->options->scenario;
    char key[FS_LOAD_KEY_SIZE];

    fs_load_key(gathering->options->run, attempt->attempt, key);
    return fs_resolve_order_id(gathering->namer, attempt->user, key,
                               scenario->products[attempt->product], order_id);
}

static bool ids_can_be_computed(const struct gathering *gathering)
{
    const struct fs_collection *collection = &gathering->collection;
    size_t checked = 0;

    for (size_t i = 0; i < collection->attempt_count && checked < CHECKED_IDS; i++) {
        const struct fs_attempt *attempt = &collection->attempts[i];
        char order_id[FS_ORDER_ID_SIZE];

        if (!attempt->first_sold)
            continue;
        if (compute_id(gathering, attempt, order_id) != 0 ||
            strcmp(order_id, attempt->first_sold->order_id) != 0)
            return false;
        checked++;
    }
    return checked > 0;
}

static int by_user(const void *left, const void *right)
{
    const struct fs_lookup *a = left;
    const struct fs_lookup *b = right;

    return (a->user > b->user) - (a->user < b->user);
}

/* Chooses wanted of count, evenly. */
static bool is_nth(size_t *seen, size_t wanted, size_t count)
{
    size_t number = (*seen)++;

    return number * wanted / count != (number + 1) * wanted / count;
}

static int choose(struct gathering *gathering)
{
    struct fs_gathered *gathered = gathering->gathered;
    const struct fs_collection *collection = &gathering->collection;
    size_t open;
    size_t acknowledged;
    size_t denied;
    size_t count = count_lookups(gathering, &open, &acknowledged, &denied);
    size_t most = lookups_max(gathering->options);
    size_t wanted = acknowledged < most ? acknowledged : most;
    size_t denied_wanted = denied < most ? denied : most;
    size_t seen = 0;
    size_t denied_seen = 0;

    gathered->resolved = calloc(count + 1, sizeof(*gathered->resolved));
    gathering->lookups = calloc(count + 1, sizeof(*gathering->lookups));
    if (!gathered->resolved || !gathering->lookups)
        return -ENOMEM;
    for (size_t i = 0; i < collection->attempt_count; i++) {
        const struct fs_attempt *attempt = &collection->attempts[i];
        struct fs_resolved *resolved = &gathered->resolved[gathered->resolved_count];

        if (attempt->first_sold) {
            if (!is_nth(&seen, wanted, acknowledged))
                continue;
            memcpy(resolved->order_id, attempt->first_sold->order_id, FS_ORDER_ID_SIZE);
        } else if ((!has_open_answer(attempt) &&
                    !(is_denied(attempt) && is_nth(&denied_seen, denied_wanted, denied))) ||
                   compute_id(gathering, attempt, resolved->order_id) != 0) {
            continue;
        }
        resolved->attempt = attempt->attempt;
        gathering->lookups[gathered->resolved_count++] =
            (struct fs_lookup){resolved, attempt->user, has_open_answer(attempt)};
    }
    gathered->open = open;
    gathered->acknowledged = wanted;
    if (gathered->resolved_count > 1)
        qsort(gathering->lookups, gathered->resolved_count, sizeof(*gathering->lookups), by_user);
    return 0;
}

/* Asking */

/* That an id which may be wrong is unknown says nothing of the attempt.  That one is found says that
 * none is wrong. */
static void doubt_absent(struct gathering *gathering)
{
    struct fs_gathered *gathered = gathering->gathered;

    for (size_t i = 0; i < gathered->resolved_count; i++)
        if (gathering->lookups[i].is_open &&
            (gathering->lookups[i].resolved->status == FS_RESOLVED_SOLD ||
             gathering->lookups[i].resolved->status == FS_RESOLVED_CANCELLED)) {
            gathering->ids_are_known = true;
            return;
        }
    for (size_t i = 0; i < gathered->resolved_count; i++)
        if (gathering->lookups[i].is_open &&
            gathering->lookups[i].resolved->status == FS_RESOLVED_NONE)
            gathering->lookups[i].resolved->status = FS_RESOLVED_UNKNOWN;
}

static int look_up(struct gathering *gathering)
{
    const struct fs_gather_options *options = gathering->options;
    struct fs_gathered *gathered = gathering->gathered;
    struct fs_lookup_tally tally;
    int rc = fs_resolve(options->target, gathering->lookups, gathered->resolved_count,
                        options->lanes ? options->lanes : LANES_DEFAULT, gathering->deadline_us,
                        options->stop, &tally);

    if (rc != 0)
        return rc;
    gathered->unanswered = tally.unanswered;
    if (tally.problem[0] != '\0')
        tell_problem(gathering, tally.problem);
    if (!gathering->ids_are_known)
        doubt_absent(gathering);
    return 0;
}

static void read_ledgers(struct gathering *gathering, struct fs_ledger_terms *ledgers)
{
    const struct fs_scenario *scenario = gathering->options->scenario;
    char problem[FS_GATHER_ERROR_SIZE];

    for (size_t i = 0; i < scenario->product_count; i++)
        if (fs_ledger_read(gathering->admin, scenario->products[i], &ledgers[i], problem,
                           sizeof(problem)) != 0)
            tell_problem(gathering, problem);
}

static bool are_same(const struct gathering *gathering, const struct fs_ledger_terms *before,
                     const struct fs_ledger_terms *after)
{
    for (size_t i = 0; i < gathering->options->scenario->product_count; i++)
        if (!fs_ledger_is_same(&before[i], &after[i]))
            return false;
    return true;
}

static bool are_consistent(const struct gathering *gathering, const struct fs_ledger_terms *ledgers)
{
    for (size_t i = 0; i < gathering->options->scenario->product_count; i++)
        if (ledgers[i].known && !ledgers[i].consistent)
            return false;
    return true;
}

/* A difference that stays over all these is one. */
#define ROUNDS_MAX 10u

static int ask_until_rest(struct gathering *gathering)
{
    struct fs_ledger_terms before[FS_SCENARIO_PRODUCTS_MAX] = {0};
    struct fs_ledger_terms *after = gathering->gathered->ledgers;
    bool is_same = false;
    uint32_t rounds = 0;
    int rc;

    if (!gathering->admin)
        return look_up(gathering);
    read_ledgers(gathering, before);
    do {
        if (rounds++ > 0)
            pause_ms(PAUSE_MS);
        if (!is_same) {
            rc = look_up(gathering);
            if (rc != 0)
                return rc;
        }
        read_ledgers(gathering, after);
        is_same = are_same(gathering, before, after);
        memcpy(before, after, sizeof(before));
    } while ((!is_same || !are_consistent(gathering, after)) && rounds < ROUNDS_MAX &&
             !is_over(gathering));
    if (is_same)
        return 0;
    tell_problem(gathering, "the ledgers did not come to rest");
    for (size_t i = 0; i < gathering->options->scenario->product_count; i++)
        after[i].known = false;
    return 0;
}

static bool shows_what_is_left(const struct fs_ledger_terms *ledger)
{
    return ledger->shown >= ledger->left && ledger->shown <= ledger->left + ledger->in_transit;
}

/* A buyer's look at each product, until it shows what its ledger says or has had the time for it. */
static void look_at_stock(struct gathering *gathering)
{
    const struct fs_scenario *scenario = gathering->options->scenario;
    const struct fs_target *target = gathering->options->target;
    uint64_t until_us = fs_clock_now_us() + SHOWN_US_MAX;
    struct fs_asker *shop;

    if (!gathering->admin || fs_asker_create(target->host, target->port, "", &shop) != 0)
        return;
    for (size_t i = 0; i < scenario->product_count; i++) {
        struct fs_ledger_terms *ledger = &gathering->gathered->ledgers[i];
        bool is_right = !ledger->known;

        while (!is_right && !is_over(gathering)) {
            ledger->is_shown =
                fs_ledger_read_shown(shop, scenario->products[i], &ledger->shown) == 0;
            is_right = !ledger->is_shown || shows_what_is_left(ledger);
            if (fs_clock_now_us() >= until_us)
                break;
            if (!is_right)
                pause_ms(PAUSE_MS);
        }
    }
    fs_asker_destroy(shop);
}

int fs_gather(const struct fs_gather_options *options, struct fs_gathered *gathered)
{
    const struct fs_audit_input input = {.scenario = options->scenario,
                                         .history = options->history};
    const struct fs_target *target = options->target;
    struct gathering gathering = {.options = options, .gathered = gathered};
    int rc;

    memset(gathered, 0, sizeof(*gathered));
    gathering.deadline_us =
        fs_clock_now_us() + (options->time_max_us ? options->time_max_us : TIME_MAX_US_DEFAULT);
    rc = fs_collection_init(&gathering.collection, &input);
    if (rc != 0)
        return rc;
    rc = fs_order_namer_create(&gathering.namer);
    if (rc == 0 && target->admin_token[0] != '\0')
        rc = fs_asker_create(target->admin_host, target->admin_port, target->admin_token,
                             &gathering.admin);
    if (rc == 0)
        rc = choose(&gathering);
    if (rc == 0) {
        gathering.ids_are_known = ids_can_be_computed(&gathering);
        wait_for_rest(&gathering);
        rc = ask_until_rest(&gathering);
    }
    if (rc == 0)
        look_at_stock(&gathering);
    free(gathering.lookups);
    fs_asker_destroy(gathering.admin);
    if (gathering.namer)
        fs_order_namer_destroy(gathering.namer);
    fs_collection_dispose(&gathering.collection);
    if (rc != 0)
        fs_gathered_dispose(gathered);
    return rc;
}

void fs_gathered_dispose(struct fs_gathered *gathered)
{
    free(gathered->resolved);
    gathered->resolved = NULL;
    gathered->resolved_count = 0;
}
