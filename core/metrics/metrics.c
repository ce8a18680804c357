/* What is counted: the labels, the buckets, and how the counts of several loops become one. */
#include "metrics/metrics.h"

const char *const fs_endpoint_methods[FS_ENDPOINT_COUNT] = {
    [FS_ENDPOINT_LOGIN] = "POST", [FS_ENDPOINT_INVENTORY] = "GET", [FS_ENDPOINT_PURCHASE] = "POST",
    [FS_ENDPOINT_ORDER] = "GET",  [FS_ENDPOINT_CANCEL] = "DELETE", [FS_ENDPOINT_ADMIN] = "any",
    [FS_ENDPOINT_OTHER] = "any",
};

const char *const fs_endpoint_paths[FS_ENDPOINT_COUNT] = {
    [FS_ENDPOINT_LOGIN] = "/login",
    [FS_ENDPOINT_INVENTORY] = "/inventory/{product_id}",
    [FS_ENDPOINT_PURCHASE] = "/purchase/{product_id}",
    [FS_ENDPOINT_ORDER] = "/orders/{order_id}",
    [FS_ENDPOINT_CANCEL] = "/orders/{order_id}",
    [FS_ENDPOINT_ADMIN] = "admin",
    [FS_ENDPOINT_OTHER] = "other",
};

const int fs_statuses[FS_STATUS_COUNT] = {200, 201, 204, 304, 400, 401, 403, 404, 405, 408,
                                          409, 413, 415, 422, 429, 431, 500, 503, 504};

const char *const fs_rates_by[FS_RATE_COUNT] = {
    [FS_RATE_BUYER] = "buyer", [FS_RATE_ADDRESS] = "address"};

const char *const fs_purchase_results[FS_RESULT_COUNT] = {
    [FS_RESULT_SOLD] = "sold",
    [FS_RESULT_REPLAYED] = "replayed",
    [FS_RESULT_SOLD_OUT] = "sold_out",
    [FS_RESULT_LIMIT] = "limit",
    [FS_RESULT_CLOSED] = "closed",
    [FS_RESULT_UNKNOWN_PRODUCT] = "unknown_product",
    [FS_RESULT_INVALID] = "invalid",
    [FS_RESULT_RATE] = "rate_limited",
    [FS_RESULT_UNAUTHORIZED] = "unauthorized",
    [FS_RESULT_KEY_REUSED] = "key_reused",
    [FS_RESULT_IN_PROGRESS] = "in_progress",
    [FS_RESULT_BUSY] = "busy",
    [FS_RESULT_UNAVAILABLE] = "unavailable",
    [FS_RESULT_UNDETERMINED] = "undetermined",
};

const char *const fs_transfer_events[FS_TRANSFER_EVENT_COUNT - 1] = {
    [FS_TRANSFER_MADE - 1] = "made",         [FS_TRANSFER_SWEPT - 1] = "swept",
    [FS_TRANSFER_FINISHED - 1] = "finished", [FS_TRANSFER_REFUSED - 1] = "refused",
    [FS_TRANSFER_FAILED - 1] = "failed",
};

const uint64_t fs_duration_bounds_us[] = {100,     250,     500,     1000,    2500,   5000,
                                          10000,   25000,   50000,   100000,  250000, 500000,
                                          1000000, 2500000, 5000000, 10000000};
const size_t fs_duration_bound_count =
    sizeof(fs_duration_bounds_us) / sizeof(fs_duration_bounds_us[0]);

const uint64_t fs_batch_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
const size_t fs_batch_bound_count = sizeof(fs_batch_bounds) / sizeof(fs_batch_bounds[0]);

void fs_metrics_init(struct fs_metrics *metrics)
{
    *metrics = (struct fs_metrics){0};
    for (size_t i = 0; i < FS_ENDPOINT_COUNT; i++)
        fs_histogram_init(&metrics->request_duration_us[i], fs_duration_bounds_us,
                          fs_duration_bound_count);
    fs_histogram_init(&metrics->purchase_duration_us, fs_duration_bounds_us,
                      fs_duration_bound_count);
    fs_histogram_init(&metrics->lock_wait_us, fs_duration_bounds_us, fs_duration_bound_count);
    fs_histogram_init(&metrics->store_command_us, fs_duration_bounds_us, fs_duration_bound_count);
    fs_histogram_init(&metrics->store_batch, fs_batch_bounds, fs_batch_bound_count);
    fs_histogram_init(&metrics->turn_us, fs_duration_bounds_us, fs_duration_bound_count);
}

static void merge_counter(struct fs_counter *into, const struct fs_counter *from)
{
    fs_counter_add(into, fs_counter_read(from));
}

/* Times cannot be added: the loop that is furthest behind is the one to see. */
static void merge_turn_at(struct fs_counter *into, const struct fs_counter *from)
{
    uint64_t at_us = fs_counter_read(from);
    uint64_t oldest_us = fs_counter_read(into);

    if (at_us != 0 && (oldest_us == 0 || at_us < oldest_us))
        fs_counter_set(into, at_us);
}

void fs_metrics_merge(struct fs_metrics *into, const struct fs_metrics *from)
{
    for (size_t i = 0; i < FS_ENDPOINT_COUNT; i++) {
        for (size_t j = 0; j < FS_STATUS_COUNT; j++)
            merge_counter(&into->requests[i][j], &from->requests[i][j]);
        fs_histogram_merge(&into->request_duration_us[i], &from->request_duration_us[i]);
    }
    for (size_t i = 0; i < FS_RESULT_COUNT; i++)
        merge_counter(&into->results[i], &from->results[i]);
    fs_histogram_merge(&into->purchase_duration_us, &from->purchase_duration_us);
    merge_counter(&into->lock_acquired, &from->lock_acquired);
    merge_counter(&into->lock_contended, &from->lock_contended);
    merge_counter(&into->lock_failed, &from->lock_failed);
    merge_counter(&into->lock_lost, &from->lock_lost);
    fs_histogram_merge(&into->lock_wait_us, &from->lock_wait_us);
    fs_histogram_merge(&into->store_command_us, &from->store_command_us);
    fs_histogram_merge(&into->store_batch, &from->store_batch);
    merge_counter(&into->store_reconnects, &from->store_reconnects);
    merge_counter(&into->store_denied, &from->store_denied);
    for (size_t i = 0; i < FS_TRANSFER_EVENT_COUNT - 1; i++)
        merge_counter(&into->transfers[i], &from->transfers[i]);
    merge_counter(&into->store_in_flight, &from->store_in_flight);
    merge_counter(&into->ops_in_flight, &from->ops_in_flight);
    merge_counter(&into->ops_refused, &from->ops_refused);
    merge_counter(&into->connections, &from->connections);
    merge_counter(&into->connections_accepted, &from->connections_accepted);
    merge_counter(&into->connections_refused, &from->connections_refused);
    merge_counter(&into->unsent_bytes, &from->unsent_bytes);
    merge_counter(&into->connections_unread, &from->connections_unread);
    merge_counter(&into->login_failures, &from->login_failures);
    merge_counter(&into->logins_limited, &from->logins_limited);
    for (size_t i = 0; i < FS_RATE_COUNT; i++)
        merge_counter(&into->rates_limited[i], &from->rates_limited[i]);
    merge_counter(&into->turns, &from->turns);
    merge_turn_at(&into->turn_at_us, &from->turn_at_us);
    fs_histogram_merge(&into->turn_us, &from->turn_us);
}

size_t fs_status_index(int status)
{
    size_t other = 0;

    for (size_t i = 0; i < FS_STATUS_COUNT; i++) {
        if (fs_statuses[i] == status)
            return i;
        if (fs_statuses[i] == 500)
            other = i;
    }
    return other;
}
