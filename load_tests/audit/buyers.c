/* The limit of units per buyer, by real time: nobody had more, nobody was refused with room left. */
#include "audit/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "audit/timeline.h"

struct buyer {
    struct fs_audit *audit;
    size_t product;
    const struct fs_attempt *attempts; /* theirs of the product */
    size_t attempt_count;
};

/* Least room at each instant, or most of it: what may have been taken counts for the least, what was
 * taken for certain for the most. */
static int add_up(const struct buyer *buyer, bool is_least, struct fs_timeline *room)
{
    for (size_t i = 0; i < buyer->attempt_count; i++) {
        const struct fs_attempt *attempt = &buyer->attempts[i];
        uint64_t taken_us = is_least ? attempt->taken_from_us : attempt->taken_by_us;
        uint64_t back_us = is_least ? attempt->returned_by_us : attempt->returned_from_us;

        if (attempt->fate == FS_FATE_NONE || (!is_least && attempt->fate != FS_FATE_SOLD))
            continue;
        if (is_least && back_us < FS_AUDIT_AT_END)
            back_us++; /* certain only from the next microsecond on */
        if (fs_timeline_add(room, taken_us, -attempt->units) != 0 ||
            fs_timeline_add(room, back_us, attempt->units) != 0)
            return -ENOMEM;
    }
    return fs_timeline_build(room);
}

static int judge_buyer(const struct buyer *buyer)
{
    const struct fs_attempt *first = &buyer->attempts[0];
    int64_t units_max = buyer->audit->input->scenario->per_user_max;
    struct fs_timeline room;
    uint64_t at_us = 0;
    int64_t most = 0;
    int rc;

    fs_timeline_init(&room, units_max);
    rc = add_up(buyer, false, &room);
    for (size_t i = 0; i < room.count && rc == 0; i++)
        if (-room.steps[i].units > most) {
            most = -room.steps[i].units;
            at_us = room.steps[i].at_us;
        }
    fs_timeline_dispose(&room);
    if (most > 0)
        fs_offend(buyer->audit, FS_VIOLATION_LIMIT, 1, at_us,
                  "user_%" PRIu32 ", product %.64s: had %" PRId64 " units, the limit is %" PRId64,
                  first->user + 1, fs_audit_product_name(buyer->audit, buyer->product),
                  units_max + most, units_max);
    return rc;
}

static int by_user(const void *left, const void *right)
{
    const struct fs_operation *a = *(const struct fs_operation *const *)left;
    const struct fs_operation *b = *(const struct fs_operation *const *)right;

    return (a->user > b->user) - (a->user < b->user);
}

static void judge_refusal(struct fs_audit *audit, const struct fs_operation *refusal,
                          const struct fs_timeline *room)
{
    int64_t least = fs_timeline_least(room, refusal->sent_us, refusal->answered_us);

    if (least >= refusal->quantity)
        fs_offend(audit, FS_VIOLATION_FALSE_REFUSAL, 1, refusal->sent_us,
                  "user_%" PRIu32
                  ", product %.64s: refused %u by the limit between " FS_SECONDS_FORMAT
                  " and " FS_SECONDS_FORMAT ", but could have %" PRId64 " more",
                  refusal->user + 1, fs_audit_product_name(audit, refusal->product),
                  (unsigned)refusal->quantity, fs_seconds(refusal->sent_us),
                  fs_seconds(refusal->answered_us), least);
}

/* The attempts of user within those of a product, which are sorted by user; *from moves on. */
static struct buyer find_buyer(struct fs_audit *audit, size_t product, uint32_t user,
                               const struct fs_attempt *attempts, size_t count, size_t *from)
{
    struct buyer buyer = {.audit = audit, .product = product};

    while (*from < count && attempts[*from].user < user)
        (*from)++;
    buyer.attempts = attempts + *from;
    while (*from + buyer.attempt_count < count && buyer.attempts[buyer.attempt_count].user == user)
        buyer.attempt_count++;
    return buyer;
}

static int judge_refusals(struct fs_audit *audit, size_t product,
                          const struct fs_operation **refusals, size_t count)
{
    int64_t units_max = audit->input->scenario->per_user_max;
    const struct fs_attempt *attempts;
    size_t attempt_count = fs_collection_product(&audit->collection, product, &attempts);
    size_t from = 0;
    size_t end;
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i = end) {
        struct buyer buyer =
            find_buyer(audit, product, refusals[i]->user, attempts, attempt_count, &from);
        struct fs_timeline room;

        fs_timeline_init(&room, units_max == 0 ? INT32_MAX : units_max);
        rc = add_up(&buyer, true, &room);
        for (end = i; end < count && refusals[end]->user == refusals[i]->user; end++)
            if (rc == 0)
                judge_refusal(audit, refusals[end], &room);
        fs_timeline_dispose(&room);
    }
    return rc;
}

static int judge_all_refusals(struct fs_audit *audit, size_t product)
{
    const struct fs_collection *collection = &audit->collection;
    size_t begin = collection->refusals_begin[product];
    size_t end = collection->refusals_begin[product + 1];
    const struct fs_operation **refusals;
    size_t count = 0;
    int rc;

    if (begin == end)
        return 0;
    refusals = calloc(end - begin, sizeof(const struct fs_operation *));
    if (!refusals)
        return -ENOMEM;
    for (size_t i = begin; i < end; i++)
        if (collection->refusals[i]->answer == FS_ANSWER_LIMIT)
            refusals[count++] = collection->refusals[i];
    if (count > 1)
        qsort(refusals, count, sizeof(const struct fs_operation *), by_user);
    rc = judge_refusals(audit, product, refusals, count);
    free(refusals);
    return rc;
}

int fs_judge_buyers(struct fs_audit *audit, size_t product)
{
    const struct fs_attempt *attempts;
    size_t count = fs_collection_product(&audit->collection, product, &attempts);
    int rc = 0;

    if (audit->input->stock_unknown)
        return 0;
    for (size_t i = 0; i < count && rc == 0 && audit->input->scenario->per_user_max > 0;) {
        struct buyer buyer = {audit, product, attempts + i, 0};

        while (i < count && attempts[i].user == buyer.attempts[0].user) {
            buyer.attempt_count++;
            i++;
        }
        rc = judge_buyer(&buyer);
    }
    return rc != 0 ? rc : judge_all_refusals(audit, product);
}
