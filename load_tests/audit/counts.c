/* What the ledger and the metrics say at the end, against what the answers add up to. */
#include "audit/judge.h"

#include <inttypes.h>

int64_t fs_audit_initial(const struct fs_audit *audit, size_t product)
{
    if (audit->input->stock_unknown)
        return -1;
    if (audit->input->ledgers[product].known)
        return audit->input->ledgers[product].initial;
    return audit->input->scenario->stock;
}

struct fs_product_sums fs_audit_sums(const struct fs_audit *audit, size_t product)
{
    const struct fs_collection *collection = &audit->collection;
    const struct fs_attempt *attempts;
    size_t count = fs_collection_product(collection, product, &attempts);
    struct fs_product_sums sums = {0};

    for (size_t i = 0; i < count; i++) {
        const struct fs_attempt *attempt = &attempts[i];

        if (attempt->fate == FS_FATE_MAYBE) {
            sums.maybe_units += attempt->units;
            sums.maybe_orders++;
        }
        if (attempt->may_have_run > 1)
            sums.doubting_units += (int64_t)attempt->units * (attempt->may_have_run - 1);
        if (attempt->fate != FS_FATE_SOLD)
            continue;
        sums.sold_units += attempt->units;
        sums.sold_orders++;
        if (attempt->sold_unmarked > 1)
            sums.doubled_units += (int64_t)attempt->units * (attempt->sold_unmarked - 1);
        if (attempt->returned_from_us != FS_AUDIT_NEVER) {
            sums.returning_units += attempt->units;
            sums.returning_orders++;
        }
        if (attempt->returned_by_us != FS_AUDIT_NEVER) {
            sums.returned_units += attempt->units;
            sums.returned_orders++;
        }
    }
    for (size_t i = 0; i < collection->restock_count; i++) {
        const struct fs_restock *restock = &collection->restocks[i];

        if (restock->product != product)
            continue;
        sums.restocking += restock->units;
        sums.restocked += restock->by_us != FS_AUDIT_NEVER ? restock->units : 0;
    }
    return sums;
}

/* The ledger by itself, and against what the run put in. */
static bool judge_conservation(struct fs_audit *audit, size_t product,
                               const struct fs_product_sums *sums)
{
    const struct fs_ledger_terms *ledger = &audit->input->ledgers[product];
    const char *name = fs_audit_product_name(audit, product);
    int64_t in = ledger->initial + ledger->restocked;
    int64_t out = ledger->left + ledger->sold + ledger->in_transit;

    if (in != out || ledger->sold < 0 || ledger->in_transit < 0 || ledger->restocked < 0) {
        fs_offend(audit, FS_VIOLATION_CONSERVATION, 1, FS_AUDIT_AT_END,
                  "product %s: initial %" PRId64 " + restocked %" PRId64 " != left %" PRId64
                  " + sold %" PRId64 " + in transit %" PRId64,
                  name, ledger->initial, ledger->restocked, ledger->left, ledger->sold,
                  ledger->in_transit);
        return false;
    }
    if (!ledger->consistent) {
        fs_offend(audit, FS_VIOLATION_CONSERVATION, 1, FS_AUDIT_AT_END,
                  "product %s: the server's own audit finds a difference", name);
        return false;
    }
    if (ledger->initial != audit->input->scenario->stock) {
        fs_offend(audit, FS_VIOLATION_CONSERVATION, 1, FS_AUDIT_AT_END,
                  "product %s: began with %" PRId64 " units, %" PRId64 " were put there", name,
                  ledger->initial, audit->input->scenario->stock);
        return false;
    }
    if (ledger->restocked < sums->restocked || ledger->restocked > sums->restocking) {
        fs_offend(audit, FS_VIOLATION_CONSERVATION, 1, FS_AUDIT_AT_END,
                  "product %s: restocked by %" PRId64 " units, acknowledged %" PRId64
                  ", asked for %" PRId64,
                  name, ledger->restocked, sums->restocked, sums->restocking);
        return false;
    }
    return true;
}

/* What is on its way between shards may be shown or not. */
static void judge_shown(struct fs_audit *audit, size_t product)
{
    const struct fs_ledger_terms *ledger = &audit->input->ledgers[product];

    if (ledger->is_shown &&
        (ledger->shown < ledger->left || ledger->shown > ledger->left + ledger->in_transit))
        fs_offend(audit, FS_VIOLATION_CONSERVATION, 1, FS_AUDIT_AT_END,
                  "product %s: GET /inventory shows %" PRId64 " units, %" PRId64 " are left",
                  fs_audit_product_name(audit, product), ledger->shown, ledger->left);
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* More in the ledger than each attempt once.  Attempts that were asked several times and may have
 * been sold each time are the first to explain it: those are duplicates; the rest nobody asked for. */
static bool judge_unasked(struct fs_audit *audit, size_t product,
                          const struct fs_product_sums *sums)
{
    const struct fs_ledger_terms *ledger = &audit->input->ledgers[product];
    int64_t units_most = sums->sold_units + sums->maybe_units - sums->returned_units;
    int64_t orders_most = sums->sold_orders + sums->maybe_orders - sums->returned_orders;
    int64_t units = ledger->sold - units_most;
    int64_t orders = ledger->orders < 0 ? 0 : ledger->orders - orders_most;
    enum fs_violation_kind kind = FS_VIOLATION_UNASKED_ORDER;

    if (units <= 0 && orders <= 0)
        return false;
    if (sums->doubled_units > 0 && units <= sums->doubled_units)
        return true; /* answers.c names each of them */
    if (units <= sums->doubting_units)
        kind = FS_VIOLATION_DUPLICATE_ORDER;
    fs_offend(audit, kind, (uint64_t)greater(orders, 1), FS_AUDIT_AT_END,
              "product %s: the ledger has %" PRId64 " units sold in %" PRId64
              " orders, the answers explain at most %" PRId64 " in %" PRId64 "%s",
              fs_audit_product_name(audit, product), ledger->sold, ledger->orders, units_most,
              orders_most,
              kind == FS_VIOLATION_DUPLICATE_ORDER ? "; requests asked again explain the rest"
                                                   : "");
    return true;
}

struct fs_ledger_verdict fs_judge_ledger(struct fs_audit *audit, size_t product)
{
    const struct fs_product_sums sums = fs_audit_sums(audit, product);
    struct fs_ledger_verdict verdict = {0};

    if (!audit->input->ledgers[product].known || audit->input->stock_unknown)
        return verdict;
    verdict.is_whole = judge_conservation(audit, product, &sums);
    judge_shown(audit, product);
    verdict.has_excess = judge_unasked(audit, product, &sums);
    return verdict;
}

bool fs_judge_lost(struct fs_audit *audit, size_t product, uint64_t found)
{
    const struct fs_ledger_terms *ledger = &audit->input->ledgers[product];
    const struct fs_product_sums sums = fs_audit_sums(audit, product);
    int64_t units_least = sums.sold_units - sums.returning_units;
    int64_t orders_least = sums.sold_orders - sums.returning_orders;
    int64_t missing;

    if (!ledger->known || audit->input->stock_unknown)
        return found > 0;
    missing = ledger->orders < 0 ? 0 : orders_least - ledger->orders;
    if (missing <= 0 && units_least > ledger->sold)
        missing = 1;
    if (missing <= (int64_t)found)
        return found > 0;
    fs_offend(audit, FS_VIOLATION_LOST_ORDER, (uint64_t)missing - found, FS_AUDIT_AT_END,
              "product %s: the ledger has %" PRId64 " units sold in %" PRId64
              " orders, acknowledged are at least %" PRId64 " in %" PRId64,
              fs_audit_product_name(audit, product), ledger->sold, ledger->orders, units_least,
              orders_least);
    return true;
}

/* Answers of purchases by what the server counts them as. */
struct answered {
    int64_t sold, replayed, sold_out, limit, busy;
    int64_t too_many;   /* 429: busy to the client, and no outcome of a purchase */
    int64_t unanswered; /* may have been counted as anything, once */
};

static struct answered count_answers(const struct fs_collection *collection)
{
    struct answered answered = {0};

    for (size_t i = 0; i < collection->purchase_count; i++) {
        const struct fs_operation *request = collection->purchases[i];

        switch ((enum fs_answer)request->answer) {
        case FS_ANSWER_OK:
            answered.sold += !request->replayed;
            answered.replayed += request->replayed;
            break;
        case FS_ANSWER_SOLD_OUT:
            answered.sold_out++;
            break;
        case FS_ANSWER_LIMIT:
            answered.limit++;
            break;
        case FS_ANSWER_BUSY:
            answered.busy += request->status == 503;
            answered.too_many += request->status != 503;
            break;
        case FS_ANSWER_UNDETERMINED:
            break;
        default:
            answered.unanswered += fs_operation_may_have_run(request);
        }
    }
    return answered;
}

static void judge_counter(struct fs_audit *audit, const char *outcome, int64_t counted,
                          int64_t answered, int64_t unanswered)
{
    if (counted < 0 || (counted >= answered && counted <= answered + unanswered))
        return;
    fs_offend(audit, FS_VIOLATION_METRICS, 1, FS_AUDIT_AT_END,
              "the server counted %" PRId64 " purchases as %s; it answered so %" PRId64
              " times, and %" PRId64 " answers did not come",
              counted, outcome, answered, unanswered);
}

/* What the server answered it had counted before.  Of an answer that did not come, or that says only
 * that something failed, it may have counted anything, once. */
void fs_judge_metrics(struct fs_audit *audit)
{
    const struct fs_metrics_delta *metrics = audit->input->metrics;
    const struct answered answered = count_answers(&audit->collection);
    int64_t open = answered.unanswered;

    if (!metrics || audit->input->stock_unknown) /* others may be served at the same time */
        return;
    judge_counter(audit, "sold", metrics->purchases_sold, answered.sold, open);
    judge_counter(audit, "replayed", metrics->purchases_replayed, answered.replayed, open);
    judge_counter(audit, "sold_out", metrics->purchases_sold_out, answered.sold_out, open);
    judge_counter(audit, "limit", metrics->purchases_limit, answered.limit, open);
    judge_counter(audit, "busy", metrics->purchases_busy, answered.busy, open + answered.too_many);
}
