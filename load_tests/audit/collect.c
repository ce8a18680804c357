/* Gathers the requests of each attempt, then what lookup said of it, then cancels and restocks. */
#include "audit/collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool fs_operation_may_have_run(const struct fs_operation *operation)
{
    switch ((enum fs_answer)operation->answer) {
    case FS_ANSWER_SOLD_OUT:
    case FS_ANSWER_LIMIT:
    case FS_ANSWER_BUSY:
    case FS_ANSWER_UNAVAILABLE:
    case FS_ANSWER_IN_PROGRESS:
    case FS_ANSWER_UNEXPECTED_4XX:
        return false;
    case FS_ANSWER_OK:
    case FS_ANSWER_UNDETERMINED:
    case FS_ANSWER_5XX:
        return true;
    case FS_ANSWER_TIMEOUT:
    case FS_ANSWER_TRANSPORT:
    case FS_ANSWER_CUT:
    case FS_ANSWER_KINDS:
        break;
    }
    return operation->sent_us != 0;
}

const char *fs_attempt_order(const struct fs_attempt *attempt)
{
    if (attempt->first_sold && attempt->first_sold->order_id[0])
        return attempt->first_sold->order_id;
    if (attempt->fate == FS_FATE_SOLD && attempt->resolved)
        return attempt->resolved->order_id;
    return "";
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_attempt_and_time(const void *left, const void *right)
{
    const struct fs_operation *a = *(const struct fs_operation *const *)left;
    const struct fs_operation *b = *(const struct fs_operation *const *)right;
    int order = compare(a->attempt, b->attempt);

    return order ? order : compare(a->sent_us, b->sent_us);
}

static int by_resolved_attempt(const void *left, const void *right)
{
    const struct fs_resolved *a = *(const struct fs_resolved *const *)left;
    const struct fs_resolved *b = *(const struct fs_resolved *const *)right;

    return compare(a->attempt, b->attempt);
}

static int by_buyer(const void *left, const void *right)
{
    const struct fs_attempt *a = left;
    const struct fs_attempt *b = right;
    int order = compare(a->product, b->product);

    if (order == 0)
        order = compare(a->user, b->user);
    return order ? order : compare(a->attempt, b->attempt);
}

static int by_order_id(const void *left, const void *right)
{
    const struct fs_attempt *a = *(struct fs_attempt *const *)left;
    const struct fs_attempt *b = *(struct fs_attempt *const *)right;
    int order = strcmp(fs_attempt_order(a), fs_attempt_order(b));

    return order ? order : compare(a->attempt, b->attempt);
}

static int collect_purchases(struct fs_collection *collection, const struct fs_history *history)
{
    bool is_sorted = true;

    collection->purchases =
        reallocarray(NULL, history->count + 1, sizeof(const struct fs_operation *));
    if (!collection->purchases)
        return -ENOMEM;
    for (size_t i = 0; i < history->count; i++) {
        const struct fs_operation *operation = fs_history_at(history, i);
        size_t n = collection->purchase_count;

        if (operation->kind != FS_OPERATION_PURCHASE)
            continue;
        collection->purchases[n] = operation;
        if (n > 0 &&
            by_attempt_and_time(&collection->purchases[n - 1], &collection->purchases[n]) > 0)
            is_sorted = false;
        collection->purchase_count++;
    }
    if (!is_sorted)
        qsort(collection->purchases, collection->purchase_count,
              sizeof(const struct fs_operation *), by_attempt_and_time);
    return 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The sale itself tells more than a replay of it, though it may be read later. */
static bool is_better_witness(const struct fs_operation *request, const struct fs_operation *known)
{
    if (request->replayed != known->replayed)
        return known->replayed;
    return request->answered_us < known->answered_us;
}

static struct fs_attempt summarise(const struct fs_operation *const *requests, size_t count)
{
    struct fs_attempt attempt = {.attempt = requests[0]->attempt,
                                 .requests = requests,
                                 .request_count = (uint32_t)count,
                                 .fate = FS_FATE_NONE,
                                 .taken_from_us = FS_AUDIT_NEVER,
                                 .taken_by_us = FS_AUDIT_NEVER,
                                 .returned_from_us = FS_AUDIT_NEVER,
                                 .returned_by_us = FS_AUDIT_NEVER,
                                 .user = requests[0]->user,
                                 .product = requests[0]->product,
                                 .units = requests[0]->quantity};

    for (size_t i = 0; i < count; i++) {
        const struct fs_operation *request = requests[i];

        if (request->answer == FS_ANSWER_BUSY || request->answer == FS_ANSWER_UNAVAILABLE)
            attempt.denied_us = request->answered_us;
        if (!fs_operation_may_have_run(request))
            continue;
        attempt.taken_from_us = earlier(attempt.taken_from_us, request->sent_us);
        attempt.may_have_run += !(request->answer == FS_ANSWER_OK && request->replayed);
        if (request->answer != FS_ANSWER_OK) {
            if (attempt.fate == FS_FATE_NONE)
                attempt.fate = FS_FATE_MAYBE;
            continue;
        }
        attempt.fate = FS_FATE_SOLD;
        attempt.taken_by_us = earlier(attempt.taken_by_us, request->answered_us);
        attempt.sold_marked += request->replayed;
        attempt.sold_unmarked += !request->replayed;
        if (!attempt.first_sold || is_better_witness(request, attempt.first_sold))
            attempt.first_sold = request;
    }
    return attempt;
}

/* An answer is never taken back by what lookup says; that is for the judges. */
static void apply_lookup(struct fs_attempt *attempt, const struct fs_resolved *resolved)
{
    bool exists = resolved->status == FS_RESOLVED_SOLD || resolved->status == FS_RESOLVED_CANCELLED;

    attempt->resolved = resolved;
    if (attempt->fate == FS_FATE_NONE && attempt->denied_us != 0 && exists) {
        attempt->is_falsely_denied = true;
        attempt->taken_from_us = attempt->requests[0]->sent_us;
        attempt->may_have_run = 1;
        attempt->fate = FS_FATE_MAYBE;
    }
    if (attempt->fate != FS_FATE_MAYBE)
        return;
    if (resolved->status == FS_RESOLVED_NONE) {
        attempt->fate = FS_FATE_NONE;
    } else if (exists) {
        attempt->fate = FS_FATE_SOLD;
        attempt->taken_by_us = FS_AUDIT_AT_END;
    }
}

static size_t count_attempts(const struct fs_collection *collection)
{
    size_t count = 0;

    for (size_t i = 0; i < collection->purchase_count; i++)
        count +=
            i == 0 || collection->purchases[i]->attempt != collection->purchases[i - 1]->attempt;
    return count;
}

static int collect_attempts(struct fs_collection *collection, const struct fs_audit_input *input)
{
    const struct fs_resolved **resolved =
        calloc(input->resolved_count + 1, sizeof(const struct fs_resolved *));
    size_t next_resolved = 0;
    size_t end;

    collection->attempts = calloc(count_attempts(collection) + 1, sizeof(*collection->attempts));
    if (!resolved || !collection->attempts) {
        free(resolved);
        return -ENOMEM;
    }
    for (size_t i = 0; i < input->resolved_count; i++)
        resolved[i] = &input->resolved[i];
    if (input->resolved_count > 1)
        qsort(resolved, input->resolved_count, sizeof(const struct fs_resolved *),
              by_resolved_attempt);
    for (size_t i = 0; i < collection->purchase_count; i = end) {
        struct fs_attempt attempt;
        uint64_t number = collection->purchases[i]->attempt;

        for (end = i + 1; end < collection->purchase_count; end++)
            if (collection->purchases[end]->attempt != number)
                break;
        attempt = summarise(collection->purchases + i, end - i);
        while (next_resolved < input->resolved_count && resolved[next_resolved]->attempt < number)
            next_resolved++;
        if (next_resolved < input->resolved_count && resolved[next_resolved]->attempt == number)
            apply_lookup(&attempt, resolved[next_resolved]);
        if (attempt.fate != FS_FATE_NONE || attempt.request_count > 1 || attempt.resolved ||
            attempt.denied_us != 0)
            collection->attempts[collection->attempt_count++] = attempt;
    }
    free(resolved);
    if (collection->attempt_count > 1)
        qsort(collection->attempts, collection->attempt_count, sizeof(*collection->attempts),
              by_buyer);
    return 0;
}

static int index_orders(struct fs_collection *collection)
{
    collection->by_order = calloc(collection->attempt_count + 1, sizeof(struct fs_attempt *));
    if (!collection->by_order)
        return -ENOMEM;
    for (size_t i = 0; i < collection->attempt_count; i++)
        if (fs_attempt_order(&collection->attempts[i])[0])
            collection->by_order[collection->by_order_count++] = &collection->attempts[i];
    if (collection->by_order_count > 1)
        qsort(collection->by_order, collection->by_order_count, sizeof(struct fs_attempt *),
              by_order_id);
    return 0;
}

struct fs_attempt *fs_collection_find(const struct fs_collection *collection, const char *order_id)
{
    size_t low = 0;
    size_t high = collection->by_order_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(fs_attempt_order(collection->by_order[middle]), order_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == collection->by_order_count ||
        strcmp(fs_attempt_order(collection->by_order[low]), order_id) != 0)
        return NULL;
    return collection->by_order[low];
}

static void collect_cancels(struct fs_collection *collection, const struct fs_history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct fs_operation *operation = fs_history_at(history, i);
        struct fs_attempt *attempt;

        if (operation->kind != FS_OPERATION_CANCEL || !fs_operation_may_have_run(operation))
            continue;
        attempt = fs_collection_find(collection, operation->order_id);
        if (!attempt)
            continue;
        attempt->returned_from_us = earlier(attempt->returned_from_us, operation->sent_us);
        if (operation->answer == FS_ANSWER_OK)
            attempt->returned_by_us = earlier(attempt->returned_by_us, operation->answered_us);
    }
}

/* What lookup found after the run is stronger than a cancel without an answer. */
static void settle_cancels(struct fs_collection *collection)
{
    for (size_t i = 0; i < collection->attempt_count; i++) {
        struct fs_attempt *attempt = &collection->attempts[i];

        if (!attempt->resolved)
            continue;
        if (attempt->resolved->status == FS_RESOLVED_SOLD &&
            attempt->returned_by_us == FS_AUDIT_NEVER)
            attempt->returned_from_us = FS_AUDIT_NEVER;
        if (attempt->resolved->status != FS_RESOLVED_CANCELLED)
            continue;
        attempt->cancelled_by_nobody = attempt->returned_from_us == FS_AUDIT_NEVER;
        attempt->returned_from_us = earlier(attempt->returned_from_us, attempt->taken_by_us);
        attempt->returned_by_us = earlier(attempt->returned_by_us, FS_AUDIT_AT_END);
    }
}

static int by_restock_attempt(const void *left, const void *right)
{
    const struct fs_operation *a = *(const struct fs_operation *const *)left;
    const struct fs_operation *b = *(const struct fs_operation *const *)right;

    return compare(a->attempt, b->attempt);
}

/* A restock that carries an attempt is made once, however often it is asked. */
static int collect_restocks(struct fs_collection *collection, const struct fs_history *history)
{
    const struct fs_operation **asked;
    size_t count = 0;

    for (size_t i = 0; i < history->count; i++)
        count += fs_history_at(history, i)->kind == FS_OPERATION_RESTOCK;
    asked = calloc(count + 1, sizeof(const struct fs_operation *));
    collection->restocks = calloc(count + 1, sizeof(*collection->restocks));
    if (!asked || !collection->restocks) {
        free(asked);
        return -ENOMEM;
    }
    count = 0;
    for (size_t i = 0; i < history->count; i++)
        if (fs_history_at(history, i)->kind == FS_OPERATION_RESTOCK &&
            fs_operation_may_have_run(fs_history_at(history, i)))
            asked[count++] = fs_history_at(history, i);
    if (count > 1)
        qsort(asked, count, sizeof(const struct fs_operation *), by_restock_attempt);
    for (size_t i = 0; i < count; i++) {
        bool is_same =
            i > 0 && asked[i]->attempt != 0 && asked[i]->attempt == asked[i - 1]->attempt;
        struct fs_restock *restock;

        if (!is_same)
            collection->restocks[collection->restock_count++] =
                (struct fs_restock){.from_us = FS_AUDIT_NEVER,
                                    .by_us = FS_AUDIT_NEVER,
                                    .units = asked[i]->quantity,
                                    .product = asked[i]->product};
        restock = &collection->restocks[collection->restock_count - 1];
        restock->from_us = earlier(restock->from_us, asked[i]->sent_us);
        if (asked[i]->answer == FS_ANSWER_OK)
            restock->by_us = earlier(restock->by_us, asked[i]->answered_us);
    }
    free(asked);
    return 0;
}

static bool is_refusal(const struct fs_operation *purchase)
{
    return purchase->answer == FS_ANSWER_SOLD_OUT || purchase->answer == FS_ANSWER_LIMIT;
}

/* They are the mass of a sale that sells out: dealt out in two walks, not sorted. */
static int collect_refusals(struct fs_collection *collection)
{
    size_t next[FS_SCENARIO_PRODUCTS_MAX];

    for (size_t i = 0; i < collection->purchase_count; i++)
        if (is_refusal(collection->purchases[i]))
            collection->refusals_begin[collection->purchases[i]->product + 1]++;
    for (size_t p = 0; p < FS_SCENARIO_PRODUCTS_MAX; p++) {
        collection->refusals_begin[p + 1] += collection->refusals_begin[p];
        next[p] = collection->refusals_begin[p];
    }
    collection->refusals = calloc(collection->refusals_begin[FS_SCENARIO_PRODUCTS_MAX] + 1,
                                  sizeof(const struct fs_operation *));
    if (!collection->refusals)
        return -ENOMEM;
    for (size_t i = 0; i < collection->purchase_count; i++)
        if (is_refusal(collection->purchases[i]))
            collection->refusals[next[collection->purchases[i]->product]++] =
                collection->purchases[i];
    return 0;
}

int fs_collection_init(struct fs_collection *collection, const struct fs_audit_input *input)
{
    *collection = (struct fs_collection){0};
    if (collect_purchases(collection, input->history) != 0 ||
        collect_attempts(collection, input) != 0 || index_orders(collection) != 0 ||
        collect_restocks(collection, input->history) != 0 || collect_refusals(collection) != 0) {
        fs_collection_dispose(collection);
        return -ENOMEM;
    }
    collect_cancels(collection, input->history);
    settle_cancels(collection);
    return 0;
}

void fs_collection_dispose(struct fs_collection *collection)
{
    free(collection->attempts);
    free(collection->by_order);
    free(collection->restocks);
    free(collection->purchases);
    free(collection->refusals);
    *collection = (struct fs_collection){0};
}

size_t fs_collection_product(const struct fs_collection *collection, size_t product,
                             const struct fs_attempt **first)
{
    size_t low = 0;
    size_t end;

    /* Products are few: two walks over the attempts of all are as good as a search. */
    while (low < collection->attempt_count && collection->attempts[low].product < product)
        low++;
    for (end = low; end < collection->attempt_count; end++)
        if (collection->attempts[end].product != product)
            break;
    *first = collection->attempts + low;
    return end - low;
}
