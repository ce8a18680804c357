/* What one loop counts.  Each loop has a struct of its own and is its only writer; a scrape merges
 * them (prometheus.h).  Every label set is known before the first request, so each series starts
 * at 0. */
#ifndef FS_METRICS_METRICS_H
#define FS_METRICS_METRICS_H

#include <flashsale/strategy.h>

#include "base/counter.h"
#include "base/histogram.h"

/* Routes as labels: method and endpoint of http_requests_total. */
enum fs_endpoint {
    FS_ENDPOINT_LOGIN = 0, /* POST /login */
    FS_ENDPOINT_INVENTORY, /* GET /inventory/{product_id} */
    FS_ENDPOINT_PURCHASE,  /* POST /purchase/{product_id} */
    FS_ENDPOINT_ORDER,     /* GET /orders/{order_id} */
    FS_ENDPOINT_CANCEL,    /* DELETE /orders/{order_id} */
    FS_ENDPOINT_ADMIN,     /* all of the admin listener: method "any", endpoint "admin" */
    FS_ENDPOINT_OTHER,     /* whatever matches no route: method "any", endpoint "other" */
    FS_ENDPOINT_COUNT
};

extern const char *const fs_endpoint_methods[FS_ENDPOINT_COUNT];
extern const char *const fs_endpoint_paths[FS_ENDPOINT_COUNT];

/* Statuses that this server sends, in rising order; anything else counts as 500. */
#define FS_STATUS_COUNT 19
extern const int fs_statuses[FS_STATUS_COUNT];

/* What became of a purchase request, as a label: the verdicts of strategy.h and what the server
 * itself refused before a strategy saw it. */
enum fs_purchase_result {
    FS_RESULT_SOLD = 0,
    FS_RESULT_REPLAYED,
    FS_RESULT_SOLD_OUT,
    FS_RESULT_LIMIT,
    FS_RESULT_CLOSED,
    FS_RESULT_UNKNOWN_PRODUCT,
    FS_RESULT_INVALID,
    FS_RESULT_RATE, /* of its buyer or address: answered 429 */
    FS_RESULT_UNAUTHORIZED,
    FS_RESULT_KEY_REUSED,
    FS_RESULT_IN_PROGRESS,
    FS_RESULT_BUSY,
    FS_RESULT_UNAVAILABLE,
    FS_RESULT_UNDETERMINED, /* past its deadline without an answer, or the strategy said so */
    FS_RESULT_COUNT
};

extern const char *const fs_purchase_results[FS_RESULT_COUNT];

extern const char *const fs_transfer_events[FS_TRANSFER_EVENT_COUNT - 1];

/* Buckets in microseconds, from 100 us to 10 s; and in purchases, 1 to 1024. */
extern const uint64_t fs_duration_bounds_us[];
extern const size_t fs_duration_bound_count;
extern const uint64_t fs_batch_bounds[];
extern const size_t fs_batch_bound_count;

/* Whose rate a request about orders was over. */
enum fs_rate { FS_RATE_BUYER = 0, FS_RATE_ADDRESS, FS_RATE_COUNT };

extern const char *const fs_rates_by[FS_RATE_COUNT];

struct fs_metrics {
    struct fs_counter requests[FS_ENDPOINT_COUNT][FS_STATUS_COUNT];
    struct fs_histogram request_duration_us[FS_ENDPOINT_COUNT];
    struct fs_counter results[FS_RESULT_COUNT];
    struct fs_histogram purchase_duration_us; /* from the strategy's call to its completion */
    struct fs_counter lock_acquired;
    struct fs_counter lock_contended;
    struct fs_counter lock_failed;
    struct fs_counter lock_lost;
    struct fs_histogram lock_wait_us; /* 0 for a lock that was free */
    struct fs_histogram store_command_us;
    struct fs_histogram store_batch; /* purchases per store command */
    struct fs_counter store_reconnects;
    struct fs_counter store_denied; /* commands refused for want of a permission */
    struct fs_counter transfers[FS_TRANSFER_EVENT_COUNT - 1]; /* between shards, by event */
    struct fs_counter store_in_flight;                        /* gauge */
    struct fs_counter ops_in_flight;                          /* gauge */
    struct fs_counter ops_refused;                            /* no free slot: answered 503 */
    struct fs_counter connections;                            /* gauge: open, main listener */
    struct fs_counter connections_accepted;
    struct fs_counter connections_refused; /* over a limit */
    struct fs_counter unsent_bytes;        /* gauge: of answers that clients left unread */
    struct fs_counter connections_unread;  /* ended since all left too much unread */
    struct fs_counter login_failures;
    struct fs_counter logins_limited;               /* answered 429 */
    struct fs_counter rates_limited[FS_RATE_COUNT]; /* answered 429: requests about orders */
    struct fs_counter turns;      /* turns of the loop; a loop that stands still shows here */
    struct fs_counter turn_at_us; /* monotonic time of the last turn's start */
    struct fs_histogram turn_us;  /* processor time of a turn */
};

void fs_metrics_init(struct fs_metrics *metrics); /* [main] */

/* Adds all of from to into.  Gauges are added too; of turn_at_us the older is kept (0: no turn yet).
 * [any], into the caller's own */
void fs_metrics_merge(struct fs_metrics *into, const struct fs_metrics *from);

/* Index of a status in fs_statuses. */
size_t fs_status_index(int status);

#endif
