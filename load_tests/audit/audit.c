/* The audit: what can be said for certain of a run of which only the outside was seen.
 *
 * A request acts, if at all, at one instant between sent_us and answered_us (history.h says how these
 * are read; both are cut to whole microseconds, so an instant lies in [sent, answered + 1)).  Nobody
 * knows which instant, nor in which order two requests acted whose spans overlap.  An answer that did
 * not come, or says only that something failed, leaves open whether the request acted; one that says
 * busy, unavailable, in progress or refused says that it did not.  So every sum has a lower and an
 * upper end, and an accusation is made only from the end that favours the server:
 *
 *   taken for certain by t     attempts with an answer "sold" read by t
 *   taken at most by t         attempts with a request sent by t that was sold or is open
 *   returned for certain by t  orders with a cancel answered before t
 *   returned at most by t      orders with a cancel sent by t that was not refused; restocks likewise
 *
 * An attempt takes its units once, whatever its number of requests; an order returns them once.
 *
 * Oversold: at one t, taken for certain less returned at most is above stock and restocks at most.
 *
 * False refusal: "sold out" for q units, true only if fewer than q were left at one instant of its
 * span.  Two lower bounds of what was left at t:
 *     forwards   stock + restocked and returned for certain - taken at most by t
 *     backwards  left at the end + taken for certain after t (sent after t, sold in the end)
 *                - returned and restocked at most after t
 * When the greater of them is q or more at each instant of the span, the refusal was false.  The
 * second one is used when the ledger agrees with every answer; it is the stronger one when many
 * answers are open, since the ledger knows what became of them.  The sums change only at known
 * instants, so each refusal is one question for the least value over a span: O(log n).
 *
 * Undersold: units are left at the end, demand reached all there was, and there are false refusals
 * that these units sufficed for.  Units left alone prove nothing: buyers may have been told busy.
 *
 * Limit: as oversold and false refusal, with one buyer's units in the place of the stock.
 *
 * Ledger: sold at the end is between taken for certain - returned at most (less: orders are lost) and
 * taken at most - returned for certain (more: orders that nobody asked for, or, where requests of one
 * attempt may each have sold, duplicates).  An attempt answered twice as sold without a mark is a
 * duplicate when the ledger has more than each attempt once, else a replay that is not marked.
 *
 * Lookups after the run close what is open, and are one more witness of what was acknowledged.  They
 * count for certain because audit/gather.c asks until nothing moves any more.
 *
 * Metrics: the server counts an outcome before it answers.  So it counted no outcome less often than
 * it was answered, nor more often than that and all open answers together.
 *
 * What cannot be seen so: two wrongs that cancel out between the same two answers; which of two orders
 * was the one too many; anything of a product that someone else sells at the same time. */
#include "audit/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/judge.h"

static void add_row(struct fs_audit *audit, size_t product)
{
    const struct fs_ledger_terms *ledger = &audit->input->ledgers[product];
    struct fs_audit_report *report = audit->report;
    const struct fs_product_sums sums = fs_audit_sums(audit, product);
    const struct fs_attempt *attempts;
    size_t count = fs_collection_product(&audit->collection, product, &attempts);

    report->stock += ledger->known ? ledger->initial : audit->input->scenario->stock;
    report->restocked += ledger->known ? ledger->restocked : sums.restocked;
    for (size_t i = 0; i < count; i++) {
        const struct fs_attempt *attempt = &attempts[i];
        int64_t units = attempt->returned_by_us == FS_AUDIT_NEVER ? attempt->units : 0;

        report->unknown_left += attempt->fate == FS_FATE_MAYBE;
        if (attempt->fate == FS_FATE_SOLD && attempt->first_sold)
            report->sold_acknowledged += units;
        else if (attempt->fate == FS_FATE_SOLD)
            report->sold_resolved += units;
    }
    if (!ledger->known) {
        report->ledgers_unread++;
        return;
    }
    report->sold_ledger += ledger->sold;
    report->left += ledger->left;
    report->in_transit += ledger->in_transit;
}

/* Why a scenario that sells out did not, when nobody is to blame. */
static void write_note(struct fs_audit *audit)
{
    struct fs_audit_report *report = audit->report;
    uint64_t undecided = 0;

    if (report->ledgers_unread > 0)
        snprintf(report->note, sizeof(report->note),
                 "%" PRIu32 " ledgers could not be read: judged by the answers alone",
                 report->ledgers_unread);
    if (!audit->input->scenario->sells_out || report->left <= 0 ||
        report->violations[FS_VIOLATION_UNDERSOLD] > 0)
        return;
    for (size_t i = 0; i < audit->collection.purchase_count; i++) {
        const struct fs_operation *request = audit->collection.purchases[i];

        undecided += request->answer != FS_ANSWER_OK && request->answer != FS_ANSWER_SOLD_OUT &&
                     request->answer != FS_ANSWER_LIMIT;
    }
    snprintf(report->note, sizeof(report->note),
             "%" PRId64
             " units are left of a sale that was to sell out: demand did not reach them; "
             "%" PRIu64 " requests were not decided",
             report->left, undecided);
}

static int judge_product(struct fs_audit *audit, size_t product)
{
    const struct fs_ledger_verdict ledger = fs_judge_ledger(audit, product);
    uint64_t found = fs_judge_answers(audit, product, ledger.has_excess);
    bool is_lossy = fs_judge_lost(audit, product, found);
    int rc = fs_judge_stock(audit, product, ledger.is_whole && !ledger.has_excess && !is_lossy);

    return rc != 0 ? rc : fs_judge_buyers(audit, product);
}

int fs_audit_run(const struct fs_audit_input *input, struct fs_audit_report *report)
{
    struct fs_audit audit = {.input = input, .report = report};
    size_t product_count = input->scenario->product_count;
    int rc = fs_collection_init(&audit.collection, input);

    *report = (struct fs_audit_report){0};
    if (rc != 0)
        return rc;
    for (size_t product = 0; product < product_count && rc == 0; product++) {
        rc = judge_product(&audit, product);
        add_row(&audit, product);
    }
    fs_judge_shared_orders(&audit);
    fs_judge_lookups(&audit);
    fs_judge_metrics(&audit);
    if (report->ledgers_unread == product_count)
        report->sold_ledger = report->left = report->in_transit = -1;
    write_note(&audit);
    fs_collection_dispose(&audit.collection);
    return rc;
}
