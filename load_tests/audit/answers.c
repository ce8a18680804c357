/* The answers to one attempt against each other, and against what lookup says afterwards. */
#include "audit/judge.h"

#include <inttypes.h>
#include <string.h>

#define WHO "%.40s of user_%" PRIu32 ", product %.64s"

struct subject {
    struct fs_audit *audit;
    const struct fs_attempt *attempt;
    const char *order;
    const char *product;
    uint32_t user; /* as in its name */
    uint64_t at_us;
};

static const char *order_or_dash(const struct fs_attempt *attempt)
{
    const char *order = fs_attempt_order(attempt);

    return order[0] ? order : "-";
}

/* An answer of another order than the first one's. */
static const struct fs_operation *other_order(const struct fs_attempt *attempt)
{
    for (uint32_t i = 0; i < attempt->request_count; i++)
        if (attempt->requests[i]->answer == FS_ANSWER_OK &&
            strcmp(attempt->requests[i]->order_id, attempt->first_sold->order_id) != 0)
            return attempt->requests[i];
    return NULL;
}

/* Whether an answer marked as replay had nothing before it that it could repeat: all other requests
 * were refused, or sent when it was answered already. */
static const struct fs_operation *replay_of_nothing(const struct fs_attempt *attempt)
{
    for (uint32_t i = 0; i < attempt->request_count; i++) {
        const struct fs_operation *replay = attempt->requests[i];
        bool has_first = false;

        if (replay->answer != FS_ANSWER_OK || !replay->replayed)
            continue;
        for (uint32_t j = 0; j < attempt->request_count && !has_first; j++) {
            const struct fs_operation *request = attempt->requests[j];

            has_first = j != i && fs_operation_may_have_run(request) &&
                        !(request->answer == FS_ANSWER_OK && request->replayed) &&
                        request->sent_us <= replay->answered_us;
        }
        if (!has_first)
            return replay;
    }
    return NULL;
}

/* The same decision told with other numbers. */
static const struct fs_operation *other_remaining(const struct fs_attempt *attempt)
{
    for (uint32_t i = 0; i < attempt->request_count; i++) {
        const struct fs_operation *request = attempt->requests[i];

        if (request->answer == FS_ANSWER_OK && request->remaining >= 0 &&
            attempt->first_sold->remaining >= 0 &&
            request->remaining != attempt->first_sold->remaining)
            return request;
    }
    return NULL;
}

/* Refused when it had been sold.  A cancelled order is left aside. */
static const struct fs_operation *late_refusal(const struct fs_attempt *attempt)
{
    if (attempt->returned_from_us != FS_AUDIT_NEVER)
        return NULL;
    for (uint32_t i = 0; i < attempt->request_count; i++) {
        const struct fs_operation *request = attempt->requests[i];

        if ((request->answer == FS_ANSWER_SOLD_OUT || request->answer == FS_ANSWER_LIMIT) &&
            request->sent_us > attempt->first_sold->answered_us)
            return request;
    }
    return NULL;
}

static void judge_repeats(const struct subject *of, bool has_excess)
{
    const struct fs_attempt *attempt = of->attempt;
    const struct fs_operation *other = other_order(attempt);
    const struct fs_operation *repeat;

    if (other) {
        bool is_replay = other->replayed || attempt->first_sold->replayed;

        fs_offend(of->audit, is_replay ? FS_VIOLATION_REPLAY : FS_VIOLATION_DUPLICATE_ORDER, 1,
                  other->answered_us,
                  "order " WHO ": asked again, answered with order %.40s at " FS_SECONDS_FORMAT,
                  of->order, of->user, of->product, other->order_id,
                  fs_seconds(other->answered_us));
        return;
    }
    if (attempt->sold_unmarked > 1) {
        fs_offend(of->audit, has_excess ? FS_VIOLATION_DUPLICATE_ORDER : FS_VIOLATION_REPLAY, 1,
                  of->at_us, "order " WHO ": sold %" PRIu32 " times, not marked as replay%s",
                  of->order, of->user, of->product, attempt->sold_unmarked,
                  has_excess ? ", and the ledger has more than was asked for" : "");
        return;
    }
    repeat = replay_of_nothing(attempt);
    if (repeat)
        fs_offend(of->audit, FS_VIOLATION_REPLAY, 1, repeat->answered_us,
                  "order " WHO ": marked as replay at " FS_SECONDS_FORMAT
                  ", but nothing was sold before",
                  of->order, of->user, of->product, fs_seconds(repeat->answered_us));
    else if ((repeat = other_remaining(attempt)))
        fs_offend(of->audit, FS_VIOLATION_REPLAY, 1, repeat->answered_us,
                  "order " WHO ": remaining %" PRId64 " at first, %" PRId64 " in the replay",
                  of->order, of->user, of->product, attempt->first_sold->remaining,
                  repeat->remaining);
    else if ((repeat = late_refusal(attempt)))
        fs_offend(of->audit, FS_VIOLATION_REPLAY, 1, repeat->answered_us,
                  "order " WHO ": sold, then refused as %s at " FS_SECONDS_FORMAT, of->order,
                  of->user, of->product, fs_answer_name((enum fs_answer)repeat->answer),
                  fs_seconds(repeat->answered_us));
}

/* The order that is kept is the one that was asked for. */
static void judge_terms(const struct subject *of)
{
    const struct fs_resolved *resolved = of->attempt->resolved;
    int64_t units;
    const char *product;

    if (!resolved ||
        (resolved->status != FS_RESOLVED_SOLD && resolved->status != FS_RESOLVED_CANCELLED))
        return;
    units = resolved->units != 0 ? resolved->units : of->attempt->units;
    product = resolved->product[0] ? resolved->product : of->product;
    if (units != of->attempt->units || strcmp(product, of->product) != 0)
        fs_offend(of->audit, FS_VIOLATION_LOST_ORDER, 1, of->at_us,
                  "order " WHO ": %u units were asked for, kept are %" PRId64 " of product %.64s",
                  of->order, of->user, of->product, (unsigned)of->attempt->units, units, product);
}

static bool judge_lookup(const struct subject *of)
{
    const struct fs_attempt *attempt = of->attempt;

    if (!attempt->resolved)
        return false;
    if (attempt->resolved->status == FS_RESOLVED_NONE) {
        fs_offend(of->audit, FS_VIOLATION_LOST_ORDER, 1, of->at_us,
                  "order " WHO ": acknowledged at " FS_SECONDS_FORMAT ", unknown afterwards",
                  of->order, of->user, of->product, fs_seconds(of->at_us));
    } else if (attempt->cancelled_by_nobody) {
        fs_offend(of->audit, FS_VIOLATION_LOST_ORDER, 1, of->at_us,
                  "order " WHO ": acknowledged at " FS_SECONDS_FORMAT
                  ", cancelled though nobody asked for that",
                  of->order, of->user, of->product, fs_seconds(of->at_us));
    } else if (attempt->resolved->status == FS_RESOLVED_SOLD &&
               attempt->returned_by_us != FS_AUDIT_NEVER) {
        fs_offend(of->audit, FS_VIOLATION_LOST_ORDER, 1, attempt->returned_by_us,
                  "order " WHO ": cancel acknowledged at " FS_SECONDS_FORMAT
                  ", still sold afterwards",
                  of->order, of->user, of->product, fs_seconds(attempt->returned_by_us));
    } else {
        return false;
    }
    return true;
}

uint64_t fs_judge_answers(struct fs_audit *audit, size_t product, bool has_excess)
{
    const struct fs_attempt *attempts;
    size_t count = fs_collection_product(&audit->collection, product, &attempts);
    uint64_t lost = 0;

    for (size_t i = 0; i < count; i++) {
        const struct fs_attempt *attempt = &attempts[i];
        struct subject of = {audit,
                             attempt,
                             order_or_dash(attempt),
                             fs_audit_product_name(audit, product),
                             attempt->user + 1,
                             0};

        of.at_us = attempt->first_sold ? attempt->first_sold->answered_us : attempt->taken_from_us;
        if (attempt->is_falsely_denied)
            fs_offend(audit, FS_VIOLATION_FALSE_NOT_TAKEN, 1, attempt->denied_us,
                      "order " WHO ": answered at " FS_SECONDS_FORMAT
                      " that nothing was taken, and found afterwards",
                      attempt->resolved->order_id, of.user, of.product,
                      fs_seconds(attempt->denied_us));
        if (!has_excess) /* else counts.c says it of all of them */
            judge_terms(&of);
        if (!attempt->first_sold)
            continue;
        judge_repeats(&of, has_excess);
        lost += judge_lookup(&of);
    }
    return lost;
}

void fs_judge_shared_orders(struct fs_audit *audit)
{
    const struct fs_collection *collection = &audit->collection;

    for (size_t i = 1; i < collection->by_order_count; i++) {
        const struct fs_attempt *first = collection->by_order[i - 1];
        const struct fs_attempt *second = collection->by_order[i];

        if (strcmp(fs_attempt_order(first), fs_attempt_order(second)) == 0)
            fs_offend(audit, FS_VIOLATION_DUPLICATE_ORDER, 1, second->taken_by_us,
                      "order " WHO ": given for two purchases, the other one of user_%" PRIu32,
                      fs_attempt_order(second), second->user + 1,
                      fs_audit_product_name(audit, second->product), first->user + 1);
    }
}

/* An order that was acknowledged before it was asked for is never unknown. */
void fs_judge_lookups(struct fs_audit *audit)
{
    const struct fs_history *history = audit->input->history;

    for (size_t i = 0; i < history->count; i++) {
        const struct fs_operation *operation = fs_history_at(history, i);
        const struct fs_attempt *attempt;

        if ((operation->kind != FS_OPERATION_LOOKUP && operation->kind != FS_OPERATION_CANCEL) ||
            operation->status != 404)
            continue;
        attempt = fs_collection_find(&audit->collection, operation->order_id);
        if (attempt && attempt->user == operation->user &&
            attempt->taken_by_us < operation->sent_us)
            fs_offend(audit, FS_VIOLATION_LOST_ORDER, 1, operation->answered_us,
                      "order " WHO ": acknowledged at " FS_SECONDS_FORMAT
                      ", unknown at " FS_SECONDS_FORMAT,
                      operation->order_id, operation->user + 1,
                      fs_audit_product_name(audit, attempt->product),
                      fs_seconds(attempt->taken_by_us), fs_seconds(operation->answered_us));
    }
}
