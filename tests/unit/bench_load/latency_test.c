/* The histogram against exact percentiles of the same values. */
#include "load/latency.h"

#include <stdio.h>

#include "support/random.h"
#include "support/suite.h"

#define COUNT 20000

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Within three digits above the exact one, never below it. */
static void check_percentile(const struct fs_latency *latency, const uint64_t *sorted, size_t count,
                             double percentile)
{
    size_t rank = (size_t)(percentile / 100.0 * (double)count + 0.999999);
    uint64_t exact = sorted[rank < 1 ? 0 : rank - 1];
    uint64_t found = fs_latency_percentile(latency, percentile);

    FS_CHECK(found >= exact);
    FS_CHECK(found <= exact + exact / 1000 + 1);
}

static void percentiles_agree_with_sorted_values_in_three_digits(void)
{
    static const double percentiles[] = {1, 10, 50, 90, 95, 99, 99.9, 100};
    struct fs_random random = fs_random_start();
    uint64_t *values = malloc(COUNT * sizeof(*values));
    struct fs_latency latency;

    FS_REQUIRE(values && fs_latency_init(&latency) == 0);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = fs_random_u64(&random) % (UINT64_C(1) << (1 + fs_random_below(&random, 31)));
        fs_latency_record(&latency, values[i]);
    }
    qsort(values, COUNT, sizeof(*values), compare);
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
        check_percentile(&latency, values, COUNT, percentiles[i]);
    FS_CHECK_INT(latency.min_us, values[0]);
    FS_CHECK_INT(latency.max_us, values[COUNT - 1]);
    FS_CHECK_INT(fs_latency_percentile(&latency, 100), values[COUNT - 1]);
    fs_latency_dispose(&latency);
    free(values);
}

static void merged_parts_are_the_same_as_the_whole(void)
{
    struct fs_random random = fs_random_start();
    struct fs_latency whole, parts[3];

    FS_REQUIRE(fs_latency_init(&whole) == 0);
    for (size_t i = 0; i < 3; i++)
        FS_REQUIRE(fs_latency_init(&parts[i]) == 0);
    for (size_t i = 0; i < 3000; i++) {
        uint64_t us = fs_random_below(&random, UINT64_C(1) << (i % 32));

        fs_latency_record(&whole, us);
        fs_latency_record(&parts[1 + i % 2], us);
    }
    for (size_t i = 0; i < 3; i++) /* the first is empty */
        fs_latency_merge(&parts[0], &parts[i == 0 ? 0 : i]);
    FS_CHECK_INT(parts[0].total, whole.total);
    FS_CHECK_INT(parts[0].min_us, whole.min_us);
    FS_CHECK_INT(parts[0].max_us, whole.max_us);
    FS_CHECK(fs_latency_mean(&parts[0]) == fs_latency_mean(&whole));
    for (double p = 0; p <= 100; p += 0.5)
        FS_CHECK_INT(fs_latency_percentile(&parts[0], p), fs_latency_percentile(&whole, p));
    for (size_t i = 0; i < 3; i++)
        fs_latency_dispose(&parts[i]);
    fs_latency_dispose(&whole);
}

static void a_reset_histogram_is_empty_and_counts_again(void)
{
    struct fs_latency latency;

    FS_REQUIRE(fs_latency_init(&latency) == 0);
    FS_CHECK_INT(fs_latency_percentile(&latency, 50), 0);
    for (uint64_t us = 1; us < 5000000; us = us * 3 + 1)
        fs_latency_record(&latency, us);
    fs_latency_reset(&latency);
    FS_CHECK_INT(latency.total, 0);
    FS_CHECK_INT(fs_latency_percentile(&latency, 99), 0);
    fs_latency_record(&latency, 7);
    FS_CHECK_INT(fs_latency_percentile(&latency, 1), 7);
    FS_CHECK_INT(fs_latency_percentile(&latency, 100), 7);
    fs_latency_dispose(&latency);
}

static void what_is_longer_than_an_hour_counts_as_an_hour(void)
{
    struct fs_latency latency;

    FS_REQUIRE(fs_latency_init(&latency) == 0);
    fs_latency_record(&latency, UINT64_MAX);
    fs_latency_record(&latency, 0);
    FS_CHECK_INT(latency.max_us, FS_LATENCY_US_MAX);
    FS_CHECK_INT(fs_latency_percentile(&latency, 100), FS_LATENCY_US_MAX);
    FS_CHECK_INT(fs_latency_percentile(&latency, 50), 0);
    fs_latency_dispose(&latency);
}

/* The rows of a .hgrm: value and percentile grow, counts end at the total. */
static void the_percentile_distribution_is_what_plotters_read(void)
{
    struct fs_latency latency;
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    double value = 0, level = 0, value_before = -1, level_before = -1, inverse;
    unsigned long long count = 0, count_before = 0;
    size_t rows = 0;

    FS_REQUIRE(file && fs_latency_init(&latency) == 0);
    for (uint64_t us = 1; us <= 1000; us++)
        fs_latency_record(&latency, us * 100);
    FS_CHECK_INT(fs_latency_write_hgrm(&latency, file), 0);
    fclose(file);
    FS_CHECK(strncmp(text, "       Value     Percentile TotalCount 1/(1-Percentile)\n\n", 57) == 0);
    for (const char *line = text + 57; line && *line != '#'; line = strchr(line, '\n') + 1) {
        int fields = sscanf(line, "%lf %lf %llu %lf", &value, &level, &count, &inverse);

        FS_CHECK(fields == 4 || (fields == 3 && level == 1.0));
        FS_CHECK(value >= value_before && level > level_before && count >= count_before);
        FS_CHECK((double)count >= level * 1000 - 1e-6);
        value_before = value;
        level_before = level;
        count_before = count;
        rows++;
    }
    FS_CHECK(rows > 20);
    FS_CHECK_INT(count, 1000);
    FS_CHECK(value == 100.0); /* milliseconds */
    FS_CHECK_CONTAINS(text, "#[Mean    =       50.0");
    FS_CHECK_CONTAINS(text, "#[Max     =      100.000, Total count    =         1000]\n");
    FS_CHECK_CONTAINS(text, "SubBuckets     =         2048]\n");
    free(text);
    fs_latency_dispose(&latency);
}

#define TESTS(T)                                            \
    T(percentiles_agree_with_sorted_values_in_three_digits) \
    T(merged_parts_are_the_same_as_the_whole)               \
    T(a_reset_histogram_is_empty_and_counts_again)          \
    T(what_is_longer_than_an_hour_counts_as_an_hour)        \
    T(the_percentile_distribution_is_what_plotters_read)

FS_SUITE("bench_load/latency", TESTS)
