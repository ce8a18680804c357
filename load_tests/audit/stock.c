/* Oversold, undersold, false refusals of one product by real time: the bounds of audit.c. */
#include "audit/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "audit/timeline.h"

struct stock {
    struct fs_audit *audit;
    size_t product;
    const struct fs_attempt *attempts;
    size_t attempt_count;
    int64_t initial;
    struct fs_product_sums sums;
    int64_t refused_units;        /* asked for in vain */
    uint64_t false_refusals;      /* of what is left at the end */
    int64_t left_at_end;          /* not sold; -1: not known */
    struct fs_timeline by_stock;  /* least that was left: from the stock forwards */
    struct fs_timeline by_ledger; /* the same, from what is left at the end backwards */
};

/* Certain from the microsecond after the one in which the answer was read. */
static uint64_t after(uint64_t by_us)
{
    return by_us >= FS_AUDIT_AT_END ? by_us : by_us + 1;
}

static int add_attempts(struct stock *stock)
{
    for (size_t i = 0; i < stock->attempt_count; i++) {
        const struct fs_attempt *attempt = &stock->attempts[i];
        uint64_t from_us = attempt->taken_from_us;
        uint64_t back_us = after(attempt->returned_by_us);

        if (attempt->fate == FS_FATE_NONE)
            continue;
        if (fs_timeline_add(&stock->by_stock, from_us, -attempt->units) != 0 ||
            fs_timeline_add(&stock->by_stock, back_us, attempt->units) != 0)
            return -ENOMEM;
        if (attempt->fate == FS_FATE_SOLD &&
            (fs_timeline_add(&stock->by_ledger, from_us, -attempt->units) != 0 ||
             fs_timeline_add(&stock->by_ledger, back_us, attempt->units) != 0))
            return -ENOMEM;
    }
    return 0;
}

static int add_restocks(struct stock *stock)
{
    const struct fs_collection *collection = &stock->audit->collection;

    for (size_t i = 0; i < collection->restock_count; i++) {
        const struct fs_restock *restock = &collection->restocks[i];

        if (restock->product == stock->product &&
            (fs_timeline_add(&stock->by_stock, after(restock->by_us), restock->units) != 0 ||
             fs_timeline_add(&stock->by_ledger, after(restock->by_us), restock->units) != 0))
            return -ENOMEM;
    }
    return 0;
}

static void judge_refusal(struct stock *stock, const struct fs_operation *refusal)
{
    int64_t least = fs_timeline_least(&stock->by_stock, refusal->sent_us, refusal->answered_us);
    int64_t least_by_ledger = INT64_MIN;

    stock->refused_units += refusal->quantity;
    if (stock->left_at_end >= 0)
        least_by_ledger =
            fs_timeline_least(&stock->by_ledger, refusal->sent_us, refusal->answered_us);
    if (least < least_by_ledger)
        least = least_by_ledger;
    if (least < refusal->quantity)
        return;
    if (refusal->quantity <= stock->left_at_end)
        stock->false_refusals++;
    fs_offend(stock->audit, FS_VIOLATION_FALSE_REFUSAL, 1, refusal->sent_us,
              "user_%" PRIu32 ", product %.64s: refused %u as sold out between " FS_SECONDS_FORMAT
              " and " FS_SECONDS_FORMAT ", but at least %" PRId64 " were left",
              refusal->user + 1, fs_audit_product_name(stock->audit, stock->product),
              (unsigned)refusal->quantity, fs_seconds(refusal->sent_us),
              fs_seconds(refusal->answered_us), least);
}

static int judge_refusals(struct stock *stock, bool ledger_is_usable)
{
    const struct fs_collection *collection = &stock->audit->collection;
    const struct fs_ledger_terms *ledger = &stock->audit->input->ledgers[stock->product];
    int rc = -ENOMEM;

    stock->left_at_end = ledger_is_usable ? ledger->left + ledger->in_transit : -1;
    fs_timeline_init(&stock->by_stock, stock->initial);
    fs_timeline_init(&stock->by_ledger, stock->left_at_end + stock->sums.sold_units -
                                            stock->sums.returning_units - stock->sums.restocking);
    if (add_attempts(stock) == 0 && add_restocks(stock) == 0 &&
        fs_timeline_build(&stock->by_stock) == 0 && fs_timeline_build(&stock->by_ledger) == 0) {
        for (size_t i = collection->refusals_begin[stock->product];
             i < collection->refusals_begin[stock->product + 1]; i++)
            if (collection->refusals[i]->answer == FS_ANSWER_SOLD_OUT)
                judge_refusal(stock, collection->refusals[i]);
        rc = 0;
    }
    fs_timeline_dispose(&stock->by_stock);
    fs_timeline_dispose(&stock->by_ledger);
    return rc;
}

/* The most that was sold for certain at one instant beyond all that can have been there then.
 * The sum of the other side: what is left at most. */
static int most_oversold(struct stock *stock, int64_t *units, uint64_t *at_us)
{
    const struct fs_collection *collection = &stock->audit->collection;
    struct fs_timeline most;
    int rc = 0;

    fs_timeline_init(&most, stock->initial);
    for (size_t i = 0; i < stock->attempt_count && rc == 0; i++) {
        const struct fs_attempt *attempt = &stock->attempts[i];

        if (attempt->fate != FS_FATE_SOLD)
            continue;
        rc = fs_timeline_add(&most, attempt->taken_by_us, -attempt->units);
        if (rc == 0)
            rc = fs_timeline_add(&most, attempt->returned_from_us, attempt->units);
    }
    for (size_t i = 0; i < collection->restock_count && rc == 0; i++)
        if (collection->restocks[i].product == stock->product)
            rc = fs_timeline_add(&most, collection->restocks[i].from_us,
                                 collection->restocks[i].units);
    if (rc == 0)
        rc = fs_timeline_build(&most);
    *units = 0;
    for (size_t i = 0; i < most.count && rc == 0; i++)
        if (-most.steps[i].units > *units) {
            *units = -most.steps[i].units;
            *at_us = most.steps[i].at_us;
        }
    fs_timeline_dispose(&most);
    return rc;
}

static int judge_oversold(struct stock *stock)
{
    const struct fs_ledger_terms *ledger = &stock->audit->input->ledgers[stock->product];
    const char *name = fs_audit_product_name(stock->audit, stock->product);
    int64_t by_ledger = ledger->known ? ledger->sold - ledger->initial - ledger->restocked : 0;
    uint64_t at_us = 0;
    int64_t by_answers;
    int rc = most_oversold(stock, &by_answers, &at_us);

    if (rc != 0)
        return rc;
    if (by_ledger > 0 && by_ledger >= by_answers)
        fs_offend(stock->audit, FS_VIOLATION_OVERSOLD, (uint64_t)by_ledger, FS_AUDIT_AT_END,
                  "product %s: the ledger has %" PRId64 " units sold of %" PRId64, name,
                  ledger->sold, ledger->initial + ledger->restocked);
    else if (by_answers > 0)
        fs_offend(stock->audit, FS_VIOLATION_OVERSOLD, (uint64_t)by_answers, at_us,
                  "product %s: %" PRId64
                  " units more acknowledged than there were at " FS_SECONDS_FORMAT,
                  name, by_answers, fs_seconds(at_us));
    return 0;
}

/* Undersold: demand reached all there was, units are left at the end, and a buyer was refused
 * falsely who asked for no more than those. */
static void judge_undersold(struct stock *stock)
{
    int64_t supply = stock->initial + stock->sums.restocking;
    int64_t asked = stock->sums.sold_units + stock->refused_units;
    bool is_reached = stock->audit->input->scenario->sells_out || asked >= supply;

    if (is_reached && stock->left_at_end > 0 && stock->false_refusals > 0)
        fs_offend(stock->audit, FS_VIOLATION_UNDERSOLD, (uint64_t)stock->left_at_end,
                  FS_AUDIT_AT_END,
                  "product %s: %" PRId64 " units are left, and %" PRIu64
                  " purchases that they sufficed for were refused as sold out",
                  fs_audit_product_name(stock->audit, stock->product), stock->left_at_end,
                  stock->false_refusals);
}

int fs_judge_stock(struct fs_audit *audit, size_t product, bool ledger_is_usable)
{
    struct stock stock = {.audit = audit,
                          .product = product,
                          .initial = fs_audit_initial(audit, product),
                          .sums = fs_audit_sums(audit, product)};
    int rc;

    if (stock.initial < 0)
        return 0;
    stock.attempt_count = fs_collection_product(&audit->collection, product, &stock.attempts);
    rc = judge_oversold(&stock);
    if (rc == 0)
        rc = judge_refusals(&stock, ledger_is_usable);
    if (rc == 0)
        judge_undersold(&stock);
    return rc;
}
