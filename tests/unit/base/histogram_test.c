/* Buckets at their edges, and against a search that is too simple to be wrong. */
#include "base/histogram.h"

#include "support/random.h"
#include "support/suite.h"

static const uint64_t bounds[] = {10, 20, 50};

static uint64_t bucket(const struct fs_histogram *histogram, size_t i)
{
    return fs_counter_read(&histogram->buckets[i]);
}

static void a_new_histogram_counts_nothing(void)
{
    struct fs_histogram histogram;

    memset(&histogram, 0xff, sizeof(histogram));
    fs_histogram_init(&histogram, bounds, 3);
    for (size_t i = 0; i <= FS_HISTOGRAM_BUCKETS_MAX; i++)
        FS_CHECK_INT(bucket(&histogram, i), 0);
    FS_CHECK_INT(fs_counter_read(&histogram.sum), 0);
}

static void a_bound_belongs_to_its_bucket(void)
{
    struct fs_histogram histogram;

    fs_histogram_init(&histogram, bounds, 3);
    fs_histogram_record(&histogram, 0);
    fs_histogram_record(&histogram, 10);
    fs_histogram_record(&histogram, 11);
    fs_histogram_record(&histogram, 20);
    fs_histogram_record(&histogram, 50);
    fs_histogram_record(&histogram, 51);
    fs_histogram_record(&histogram, 1000000);
    FS_CHECK_INT(bucket(&histogram, 0), 2);
    FS_CHECK_INT(bucket(&histogram, 1), 2);
    FS_CHECK_INT(bucket(&histogram, 2), 1);
    FS_CHECK_INT(bucket(&histogram, 3), 2);
    FS_CHECK_INT(fs_counter_read(&histogram.sum), 1000142);
}

static void a_histogram_may_have_no_bound_or_as_many_as_fit(void)
{
    struct fs_histogram histogram;
    uint64_t many[FS_HISTOGRAM_BUCKETS_MAX];

    fs_histogram_init(&histogram, NULL, 0);
    fs_histogram_record(&histogram, 7);
    FS_CHECK_INT(bucket(&histogram, 0), 1);
    for (size_t i = 0; i < FS_HISTOGRAM_BUCKETS_MAX; i++)
        many[i] = i;
    fs_histogram_init(&histogram, many, FS_HISTOGRAM_BUCKETS_MAX);
    for (size_t i = 0; i <= FS_HISTOGRAM_BUCKETS_MAX; i++)
        fs_histogram_record(&histogram, i);
    for (size_t i = 0; i <= FS_HISTOGRAM_BUCKETS_MAX; i++)
        FS_CHECK_INT(bucket(&histogram, i), 1);
}

static void any_value_is_counted_where_a_linear_search_finds_it(void)
{
    struct fs_random random = fs_random_start();

    for (int i = 0; i < 2000; i++) {
        uint64_t rising[FS_HISTOGRAM_BUCKETS_MAX];
        size_t count = fs_random_below(&random, FS_HISTOGRAM_BUCKETS_MAX + 1);
        uint64_t expected[FS_HISTOGRAM_BUCKETS_MAX + 1] = {0};
        uint64_t sum = 0;
        struct fs_histogram histogram;

        for (size_t j = 0; j < count; j++)
            rising[j] = (j > 0 ? rising[j - 1] + 1 : 0) + fs_random_below(&random, 4);
        fs_histogram_init(&histogram, rising, count);
        for (int j = 0; j < 50; j++) {
            uint64_t value = fs_random_below(&random, 64);
            size_t at = 0;

            while (at < count && value > rising[at])
                at++;
            expected[at]++;
            sum += value;
            fs_histogram_record(&histogram, value);
        }
        for (size_t j = 0; j <= count; j++)
            FS_CHECK_INT(bucket(&histogram, j), expected[j]);
        FS_CHECK_INT(fs_counter_read(&histogram.sum), sum);
    }
}

static void merge_adds_what_the_other_counted(void)
{
    struct fs_histogram into, from;

    fs_histogram_init(&into, bounds, 3);
    fs_histogram_init(&from, bounds, 3);
    fs_histogram_record(&into, 5);
    fs_histogram_record(&from, 6);
    fs_histogram_record(&from, 15);
    fs_histogram_record(&from, 99);
    fs_histogram_merge(&into, &from);
    FS_CHECK_INT(bucket(&into, 0), 2);
    FS_CHECK_INT(bucket(&into, 1), 1);
    FS_CHECK_INT(bucket(&into, 2), 0);
    FS_CHECK_INT(bucket(&into, 3), 1);
    FS_CHECK_INT(fs_counter_read(&into.sum), 125);
    FS_CHECK_INT(bucket(&from, 0), 1);
    FS_CHECK_INT(fs_counter_read(&from.sum), 120);
}

#define TESTS(T)                                           \
    T(a_new_histogram_counts_nothing)                      \
    T(a_bound_belongs_to_its_bucket)                       \
    T(a_histogram_may_have_no_bound_or_as_many_as_fit)     \
    T(any_value_is_counted_where_a_linear_search_finds_it) \
    T(merge_adds_what_the_other_counted)

FS_SUITE("base/histogram", TESTS)
