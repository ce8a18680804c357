/* Labels, statuses and merging, also while a loop writes. */
#include "metrics/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "support/suite.h"

static void every_label_has_a_name(void)
{
    for (size_t i = 0; i < FS_ENDPOINT_COUNT; i++) {
        FS_CHECK(fs_endpoint_methods[i] && *fs_endpoint_methods[i]);
        FS_CHECK(fs_endpoint_paths[i] && *fs_endpoint_paths[i]);
    }
    for (size_t i = 0; i < FS_RESULT_COUNT; i++)
        FS_CHECK(fs_purchase_results[i] && *fs_purchase_results[i]);
}

static void no_two_series_have_the_same_labels(void)
{
    for (size_t i = 0; i < FS_ENDPOINT_COUNT; i++)
        for (size_t j = 0; j < i; j++)
            FS_CHECK(strcmp(fs_endpoint_methods[i], fs_endpoint_methods[j]) != 0 ||
                     strcmp(fs_endpoint_paths[i], fs_endpoint_paths[j]) != 0);
    for (size_t i = 0; i < FS_RESULT_COUNT; i++)
        for (size_t j = 0; j < i; j++)
            FS_CHECK(strcmp(fs_purchase_results[i], fs_purchase_results[j]) != 0);
}

static void a_status_is_found_at_its_index(void)
{
    for (size_t i = 0; i < FS_STATUS_COUNT; i++) {
        FS_CHECK_INT(fs_status_index(fs_statuses[i]), i);
        FS_CHECK(i == 0 || fs_statuses[i - 1] < fs_statuses[i]);
    }
}

static void any_other_status_counts_as_500(void)
{
    static const int others[] = {0, -1, 199, 202, 301, 418, 499, 501, 505, 599, 1000};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        FS_CHECK_INT(fs_statuses[fs_status_index(others[i])], 500);
}

static void buckets_go_from_100_us_to_10_s_and_from_1_to_1024(void)
{
    FS_CHECK_INT(fs_duration_bounds_us[0], 100);
    FS_CHECK_INT(fs_duration_bounds_us[fs_duration_bound_count - 1], 10000000);
    FS_CHECK_INT(fs_duration_bound_count, 16);
    FS_CHECK_INT(fs_batch_bounds[0], 1);
    FS_CHECK_INT(fs_batch_bounds[fs_batch_bound_count - 1], 1024);
    for (size_t i = 1; i < fs_batch_bound_count; i++)
        FS_CHECK_INT(fs_batch_bounds[i], fs_batch_bounds[i - 1] * 2);
}

/* Where the histograms keep their bounds, which are no counts. */
static bool is_count(const struct fs_metrics *metrics, size_t offset)
{
    const struct fs_histogram *singles[] = {&metrics->purchase_duration_us, &metrics->lock_wait_us,
                                            &metrics->store_command_us, &metrics->store_batch,
                                            &metrics->turn_us};
    const char *at = (const char *)metrics + offset;

    for (size_t i = 0; i < FS_ENDPOINT_COUNT + 5; i++) {
        const struct fs_histogram *histogram = i < FS_ENDPOINT_COUNT
                                                   ? &metrics->request_duration_us[i]
                                                   : singles[i - FS_ENDPOINT_COUNT];

        if (at >= (const char *)histogram && at < (const char *)histogram->buckets)
            return false;
        if (at >= (const char *)&histogram->buckets[histogram->bound_count + 1] &&
            at < (const char *)&histogram->sum)
            return false;
    }
    return true;
}

/* The struct is nothing but counters and bounds, so that it can be walked without its names: a
 * member that merge forgets is found, also one that is new. */
static void merge_forgets_no_counter(void)
{
    struct fs_metrics from, once, twice;

    fs_metrics_init(&from);
    fs_metrics_init(&once);
    fs_metrics_init(&twice);
    for (size_t at = 0; at < sizeof(from); at += sizeof(uint64_t)) {
        uint64_t value = 1000 + at;

        if (is_count(&from, at))
            memcpy((char *)&from + at, &value, sizeof(value));
    }
    fs_metrics_merge(&once, &from);
    FS_CHECK(memcmp(&once, &from, sizeof(from)) == 0);
    fs_metrics_merge(&twice, &from);
    fs_metrics_merge(&twice, &from);
    for (size_t at = 0; at < sizeof(from); at += sizeof(uint64_t)) {
        uint64_t value;

        memcpy(&value, (char *)&twice + at, sizeof(value));
        if (is_count(&from, at) && at != offsetof(struct fs_metrics, turn_at_us))
            FS_CHECK_INT(value, 2 * (1000 + at));
    }
}

static void the_oldest_turn_is_kept(void)
{
    struct fs_metrics total, loop;

    fs_metrics_init(&total);
    fs_metrics_init(&loop);
    fs_metrics_merge(&total, &loop);
    FS_CHECK_INT(fs_counter_read(&total.turn_at_us), 0);
    fs_counter_set(&loop.turn_at_us, 500);
    fs_metrics_merge(&total, &loop);
    fs_counter_set(&loop.turn_at_us, 300);
    fs_metrics_merge(&total, &loop);
    fs_counter_set(&loop.turn_at_us, 400);
    fs_metrics_merge(&total, &loop);
    fs_counter_set(&loop.turn_at_us, 0);
    fs_metrics_merge(&total, &loop);
    FS_CHECK_INT(fs_counter_read(&total.turn_at_us), 300);
}

struct loop {
    struct fs_metrics metrics;
    _Atomic bool stopped;
    uint64_t rounds;
};

static void *write_metrics(void *data)
{
    struct loop *loop = data;

    while (!atomic_load(&loop->stopped)) {
        struct fs_metrics *metrics = &loop->metrics;

        fs_counter_add(&metrics->requests[FS_ENDPOINT_PURCHASE][0], 1);
        fs_counter_add(&metrics->results[FS_RESULT_SOLD], 1);
        fs_counter_set(&metrics->ops_in_flight, loop->rounds % 100);
        fs_counter_set(&metrics->turn_at_us, fs_clock_now_us());
        fs_histogram_record(&metrics->purchase_duration_us, loop->rounds % 20000);
        fs_histogram_record(&metrics->store_batch, loop->rounds % 2000);
        fs_counter_add(&metrics->turns, 1);
        loop->rounds++;
    }
    return NULL;
}

static uint64_t count_of(const struct fs_histogram *histogram)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= histogram->bound_count; i++)
        count += fs_counter_read(&histogram->buckets[i]);
    return count;
}

/* Under the thread sanitizer the proof that a scrape may read what a loop writes. */
static void merging_while_a_loop_writes_sees_counters_only_rise(void)
{
    static struct loop loop;
    struct fs_metrics total;
    uint64_t last_turns = 0, last_count = 0;
    pthread_t thread;

    fs_metrics_init(&loop.metrics);
    FS_REQUIRE(pthread_create(&thread, NULL, write_metrics, &loop) == 0);
    for (int merges = 0; merges < 2000 || last_turns == 0; merges++) {
        uint64_t turns, count;

        fs_metrics_init(&total);
        fs_metrics_merge(&total, &loop.metrics);
        turns = fs_counter_read(&total.turns);
        count = count_of(&total.purchase_duration_us);
        if (turns < last_turns || count < last_count) {
            FS_CHECK_INT(turns, last_turns);
            FS_CHECK_INT(count, last_count);
            break;
        }
        last_turns = turns;
        last_count = count;
    }
    atomic_store(&loop.stopped, true);
    pthread_join(thread, NULL);
    fs_metrics_init(&total);
    fs_metrics_merge(&total, &loop.metrics);
    FS_CHECK_INT(fs_counter_read(&total.turns), loop.rounds);
    FS_CHECK_INT(count_of(&total.purchase_duration_us), loop.rounds);
    FS_CHECK_INT(count_of(&total.store_batch), loop.rounds);
}

#define TESTS(T)                                         \
    T(every_label_has_a_name)                            \
    T(no_two_series_have_the_same_labels)                \
    T(a_status_is_found_at_its_index)                    \
    T(any_other_status_counts_as_500)                    \
    T(buckets_go_from_100_us_to_10_s_and_from_1_to_1024) \
    T(merge_forgets_no_counter)                          \
    T(the_oldest_turn_is_kept)                           \
    T(merging_while_a_loop_writes_sees_counters_only_rise)

FS_SUITE("metrics/metrics", TESTS)
