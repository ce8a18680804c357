/* Sells in a thread of its own, never far ahead of the audits. */
#include "market.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

struct market {
    struct world *seller;
    struct fs_request *requests; /* owned */
    unsigned part_size;
    unsigned part_count;
    _Atomic unsigned parts_sold;
    _Atomic unsigned audits;
};

static void wait_for(_Atomic unsigned *count, unsigned wanted)
{
    while (atomic_load(count) < wanted)
        poll(NULL, 0, 1);
}

static void *sell(void *data)
{
    struct market *market = data;

    for (unsigned i = 0; i < market->part_count; i++) {
        wait_for(&market->audits, i > 0 ? i - 1 : 0);
        fs_driver_run(&market->seller->driver, market->requests + (size_t)i * market->part_size,
                      market->part_size, 16);
        atomic_store(&market->parts_sold, i + 1);
    }
    return NULL;
}

int64_t market_term(const struct fs_request *audit, const char *name)
{
    for (size_t i = 0; i < audit->row_count; i++)
        if (strcmp(audit->rows[i].name, name) == 0)
            return audit->rows[i].value;
    return INT64_MIN;
}

struct fs_request market_audit(struct world *asked, const char *product,
                               struct fs_driver_row rows[MARKET_ROWS])
{
    struct fs_request request = {.rows = rows, .row_capacity = MARKET_ROWS};

    fs_request_read(&request, FS_OP_AUDIT, product);
    return world_ask(asked, request);
}

static void set_requests(struct fs_request *requests, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char order[16];

        snprintf(order, sizeof(order), "o%u", i);
        if (i % 4 == 3)
            fs_request_ref(&requests[i], FS_OP_CANCEL, "shoe", requests[i - 3].buyer,
                           requests[i - 3].order);
        else
            fs_request_purchase(&requests[i], "shoe", order, order, 1);
    }
}

void market_sell_and_audit(struct world *seller, struct world *auditor, unsigned order_count,
                           unsigned audit_count)
{
    struct market market = {
        .seller = seller,
        .requests = calloc(order_count, sizeof(*market.requests)),
        .part_size = order_count / audit_count,
        .part_count = audit_count,
    };
    struct fs_driver_row rows[MARKET_ROWS];
    int64_t sequences[MARKET_AUDITS_MAX];
    int64_t sequence_last;
    unsigned in_the_midst = 0;
    pthread_t thread;

    if (!market.requests || audit_count > MARKET_AUDITS_MAX)
        abort();
    set_requests(market.requests, order_count);
    if (pthread_create(&thread, NULL, sell, &market) != 0)
        abort();
    for (unsigned i = 0; i < audit_count; i++) {
        struct fs_request audited;

        wait_for(&market.parts_sold, i);
        audited = market_audit(auditor, "shoe", rows);
        atomic_store(&market.audits, i + 1);
        sequences[i] = market_term(&audited, "sequence");
        FS_CHECK_INT(audited.outcome.verdict, FS_DONE);
        FS_CHECK_INT(market_term(&audited, "sold_difference"), 0);
        FS_CHECK_INT(market_term(&audited, "conservation_difference"), 0);
    }
    pthread_join(thread, NULL);
    sequence_last = (int64_t)world_count(seller, "shoe").sale.sequence;
    for (unsigned i = 0; i < audit_count; i++)
        in_the_midst += sequences[i] > 3 && sequences[i] < sequence_last;
    printf("%u of %u audits in the midst ", in_the_midst, audit_count);
    FS_CHECK(in_the_midst >= audit_count - 2);
    free(market.requests);
}
