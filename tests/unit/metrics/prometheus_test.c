/* The page of metrics, line by line. */
#include "metrics/prometheus.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "metrics/process.h"
#include "support/suite.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_SANITIZER 1
#endif

static struct fs_prometheus_scrape scrape_of(struct fs_metrics *total)
{
    fs_metrics_init(total);
    return (struct fs_prometheus_scrape){.total = total,
                                         .strategy = "v1",
                                         .durability = "journal",
                                         .version = "1.2.3",
                                         .workers = 4,
                                         .started_at_s = 1795737600.25};
}

/* Given to the caller; NULL after a failed check. */
static char *page_of(const struct fs_prometheus_scrape *scrape)
{
    char *text = NULL;
    size_t len = 0;

    FS_CHECK_INT(fs_prometheus_write(scrape, &text, &len), 0);
    FS_CHECK(text && len == strlen(text));
    return text;
}

/* The text behind "series ", up to the end of its line; NULL: no such line. */
static const char *value_of(const char *page, const char *series, char value[64])
{
    char start[256];
    const char *found;

    snprintf(start, sizeof(start), "\n%s ", series);
    found = strstr(page, start);
    if (!found)
        return NULL;
    found += strlen(start);
    snprintf(value, 64, "%.*s", (int)strcspn(found, "\n"), found);
    return value;
}

static void check_value(const char *page, const char *series, const char *expected)
{
    char value[64];
    const char *found = value_of(page, series, value);

    if (!found)
        printf("no %s ", series);
    FS_CHECK_STR(found, expected);
}

static void check_number_between(const char *page, const char *series, double low, double high)
{
    char value[64];
    const char *found = value_of(page, series, value);
    double number = found ? strtod(found, NULL) : -1;

    if (number < low || number > high)
        printf("%s is %s ", series, found ? found : "not there");
    FS_CHECK(number >= low && number <= high);
}

static size_t count_lines(const char *page, const char *start, const char *end)
{
    size_t count = 0;

    for (const char *line = page; *line; line += strcspn(line, "\n") + 1) {
        size_t len = strcspn(line, "\n");

        count += len >= strlen(end) && strncmp(line, start, strlen(start)) == 0 &&
                 memcmp(line + len - strlen(end), end, strlen(end)) == 0;
    }
    return count;
}

static void the_plan_s_metrics_have_their_names_and_types(void)
{
    static const char *const types[] = {
        "http_requests_total counter",
        "http_request_duration_seconds histogram",
        "inventory_stock_current gauge",
        "lock_acquired_total counter",
        "lock_failed_total counter",
        "lock_wait_seconds histogram",
        "lock_contended_total counter",
        "lock_lost_total counter",
        "purchase_outcomes_total counter",
        "purchase_duration_seconds histogram",
        "store_command_duration_seconds histogram",
        "store_batch_size histogram",
        "store_reconnects_total counter",
        "store_in_flight gauge",
        "shard_stock_current gauge",
        "shard_transfers_total counter",
        "build_info gauge",
        "process_cpu_seconds_total counter",
        "process_resident_memory_bytes gauge",
        "process_virtual_memory_bytes gauge",
        "process_open_fds gauge",
        "process_max_fds gauge",
        "process_start_time_seconds gauge",
        "process_threads gauge",
        "flashsale_info gauge",
    };
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    char *page = page_of(&scrape);

    FS_REQUIRE(page != NULL);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char line[128];

        snprintf(line, sizeof(line), "# TYPE %s", types[i]);
        FS_CHECK_INT(count_lines(page, line, types[i]), 1);
    }
    free(page);
}

static void every_series_is_there_at_zero_before_the_first_request(void)
{
    static const struct {
        const char *start;
        size_t count;
    } families[] = {
        {"http_requests_total{", 7 * FS_STATUS_COUNT},
        {"http_request_duration_seconds_bucket{", 7 * 17},
        {"http_request_duration_seconds_sum{", 7},
        {"http_request_duration_seconds_count{", 7},
        {"purchase_outcomes_total{strategy=\"v1\",outcome=", 14},
        {"purchase_duration_seconds_bucket{strategy=\"v1\",le=", 17},
        {"lock_acquired_total ", 1},
        {"lock_wait_seconds_bucket{le=", 17},
        {"lock_wait_seconds_sum ", 1},
        {"lock_wait_seconds_count ", 1},
        {"store_batch_size_bucket{le=", 12},
        {"flashsale_sales_frozen ", 1},
    };
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    char *page = page_of(&scrape);

    FS_REQUIRE(page != NULL);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        FS_CHECK_INT(count_lines(page, families[i].start, " 0"), families[i].count);
        FS_CHECK_INT(count_lines(page, families[i].start, ""), families[i].count);
    }
    free(page);
}

/* As in metrics_test.c the struct is walked without the names of its members, so that a counter
 * which no family shows is found. */
static void every_counter_is_on_the_page(void)
{
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    size_t shown = 0;
    char *page;

    for (int pass = 0; pass < 2; pass++) {
        page = pass == 1 ? page_of(&scrape) : NULL;
        for (size_t at = 0; at < sizeof(total);) {
            char *here = (char *)&total + at;
            const uint64_t *bounds;
            uint64_t value = 1000000007 + at;
            char end[32];

            /* A histogram begins with the address of its bounds. */
            memcpy(&bounds, here, sizeof(bounds));
            if (bounds == fs_duration_bounds_us || bounds == fs_batch_bounds) {
                here = (char *)((struct fs_histogram *)(void *)here)->buckets;
                at += sizeof(struct fs_histogram);
            } else {
                at += sizeof(uint64_t);
            }
            if (here == (char *)&total.turn_at_us)
                continue;
            if (pass == 0) {
                memcpy(here, &value, sizeof(value));
                continue;
            }
            snprintf(end, sizeof(end), " %" PRIu64, value);
            FS_CHECK(count_lines(page, "", end) >= 1);
            shown++;
        }
        free(page);
    }
    FS_CHECK_INT(shown, 7 * FS_STATUS_COUNT + 14 + 7 + 5 + 5 + 14 + 5);
}

static void counts_stand_beside_their_labels(void)
{
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    char *page;

    fs_counter_set(&total.requests[FS_ENDPOINT_PURCHASE][fs_status_index(504)], 7);
    fs_counter_set(&total.requests[FS_ENDPOINT_CANCEL][fs_status_index(200)], UINT64_MAX);
    fs_counter_set(&total.results[FS_RESULT_SOLD_OUT], 900);
    page = page_of(&scrape);
    FS_REQUIRE(page != NULL);
    check_value(page,
                "http_requests_total{method=\"POST\",endpoint=\"/purchase/{product_id}\","
                "status=\"504\"}",
                "7");
    check_value(page,
                "http_requests_total{method=\"DELETE\",endpoint=\"/orders/{order_id}\","
                "status=\"200\"}",
                "18446744073709551615");
    check_value(page, "purchase_outcomes_total{strategy=\"v1\",outcome=\"sold_out\"}", "900");
    check_value(page, "purchase_outcomes_total{strategy=\"v1\",outcome=\"sold\"}", "0");
    free(page);
}

static void histograms_add_up_and_are_in_seconds(void)
{
    static const char expected[] = "# HELP lock_wait_seconds Time waited for a lock.\n"
                                   "# TYPE lock_wait_seconds histogram\n"
                                   "lock_wait_seconds_bucket{le=\"0.0001\"} 2\n"
                                   "lock_wait_seconds_bucket{le=\"0.00025\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.0005\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.001\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.0025\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.005\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.01\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.025\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.05\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.1\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.25\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"0.5\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"1\"} 3\n"
                                   "lock_wait_seconds_bucket{le=\"2.5\"} 4\n"
                                   "lock_wait_seconds_bucket{le=\"5\"} 4\n"
                                   "lock_wait_seconds_bucket{le=\"10\"} 4\n"
                                   "lock_wait_seconds_bucket{le=\"+Inf\"} 5\n"
                                   "lock_wait_seconds_sum 22.000202\n"
                                   "lock_wait_seconds_count 5\n";
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    char *page;

    fs_histogram_record(&total.lock_wait_us, 0);
    fs_histogram_record(&total.lock_wait_us, 100);
    fs_histogram_record(&total.lock_wait_us, 101);
    fs_histogram_record(&total.lock_wait_us, 2000000);
    fs_histogram_record(&total.lock_wait_us, 20000001);
    page = page_of(&scrape);
    FS_REQUIRE(page != NULL);
    FS_CHECK_CONTAINS(strstr(page, "# HELP lock_wait_seconds"), expected);
    free(page);
}

static void batches_are_in_purchases(void)
{
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    char *page;

    fs_histogram_record(&total.store_batch, 64);
    fs_histogram_record(&total.store_batch, 2000);
    page = page_of(&scrape);
    FS_REQUIRE(page != NULL);
    check_value(page, "store_batch_size_bucket{le=\"32\"}", "0");
    check_value(page, "store_batch_size_bucket{le=\"64\"}", "1");
    check_value(page, "store_batch_size_bucket{le=\"1024\"}", "1");
    check_value(page, "store_batch_size_bucket{le=\"+Inf\"}", "2");
    check_value(page, "store_batch_size_sum", "2064");
    check_value(page, "store_batch_size_count", "2");
    free(page);
}

static void sales_and_shards_have_a_line_each(void)
{
    static const struct fs_prometheus_sale sales[] = {{FS_TEXT("1"), 100, 0, NULL},
                                                      {FS_TEXT("tee_XL-2"), INT64_MAX, 3, "frozen"},
                                                      {FS_TEXT("odd"), -1, 0, NULL},
                                                      {FS_TEXT("gone"), -1, -1, "lost"}};
    static const struct fs_prometheus_shard shards[] = {{FS_TEXT("1"), 0, 60},
                                                        {FS_TEXT("1"), 4294967295u, 40}};
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    char *page;

    scrape.sales = sales;
    scrape.sale_count = 4;
    scrape.shards = shards;
    scrape.shard_count = 2;
    page = page_of(&scrape);
    FS_REQUIRE(page != NULL);
    check_value(page, "inventory_stock_current{product_id=\"1\"}", "100");
    check_value(page, "inventory_stock_current{product_id=\"tee_XL-2\"}", "9223372036854775807");
    check_value(page, "inventory_stock_current{product_id=\"odd\"}", "-1");
    FS_CHECK_INT(count_lines(page, "inventory_stock_current{product_id=\"gone\"}", ""), 0);
    check_value(page, "flashsale_sale_trouble{product_id=\"tee_XL-2\",state=\"frozen\"}", "1");
    FS_CHECK_INT(count_lines(page, "flashsale_sale_trouble{", ""), 2);
    check_value(page, "flashsale_inventory_in_transit{product_id=\"tee_XL-2\"}", "3");
    check_value(page, "shard_stock_current{product_id=\"1\",shard=\"0\"}", "60");
    check_value(page, "shard_stock_current{product_id=\"1\",shard=\"4294967295\"}", "40");
    check_value(page, "flashsale_inventory_readable", "1");
    free(page);
}

static void a_store_that_did_not_answer_is_told(void)
{
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    char *page;

    scrape.sale_count = 3; /* of no meaning without sales */
    page = page_of(&scrape);
    FS_REQUIRE(page != NULL);
    check_value(page, "flashsale_inventory_readable", "0");
    FS_CHECK_INT(count_lines(page, "inventory_stock_current{", ""), 0);
    free(page);
}

static void facts_of_the_server_are_shown(void)
{
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    char *page;

    scrape.sales_frozen = 2;
    page = page_of(&scrape);
    FS_REQUIRE(page != NULL);
    check_value(page, "build_info{version=\"1.2.3\"}", "1");
    check_value(page, "flashsale_info{strategy=\"v1\",durability=\"journal\"}", "1");
    check_value(page, "flashsale_workers", "4");
    check_value(page, "flashsale_sales_frozen", "2");
    check_value(page, "flashsale_start_time_seconds", "1795737600.25");
    free(page);
}

static void facts_of_the_process_are_shown(void)
{
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    double now_s = (double)fs_clock_wall_ms() / 1000;
    char *page = page_of(&scrape);

    FS_REQUIRE(page != NULL);
    check_number_between(page, "process_cpu_seconds_total", 0, 3600);
    check_number_between(page, "process_resident_memory_bytes", 4096, 1e12);
    check_number_between(page, "process_virtual_memory_bytes", 4096, 1e15);
    check_number_between(page, "process_open_fds", 1, 1e6);
    check_number_between(page, "process_max_fds", 1, 1e19);
    check_number_between(page, "process_start_time_seconds", now_s - 600, now_s + 2);
    check_number_between(page, "process_threads", 1, 100);
    free(page);
}

static void a_loop_that_stands_still_shows(void)
{
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    uint64_t now_us = fs_clock_now_us();
    char *page = page_of(&scrape);

    FS_REQUIRE(page != NULL);
    FS_CHECK(strstr(page, "flashsale_loop_turn_age_seconds") == NULL);
    free(page);
    fs_counter_set(&total.turn_at_us, now_us > 2500000 ? now_us - 2500000 : 1);
    page = page_of(&scrape);
    FS_REQUIRE(page != NULL);
    check_number_between(page, "flashsale_loop_turn_age_seconds", now_us > 2500000 ? 2.5 : 0, 60);
    free(page);
    fs_counter_set(&total.turn_at_us, now_us + 60000000); /* a turn began while the page is made */
    page = page_of(&scrape);
    FS_REQUIRE(page != NULL);
    check_value(page, "flashsale_loop_turn_age_seconds", "0");
    free(page);
}

static void label_values_are_escaped(void)
{
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    char *page;

    scrape.strategy = "a\"b\\c\nd";
    page = page_of(&scrape);
    FS_REQUIRE(page != NULL);
    check_value(page, "flashsale_info{strategy=\"a\\\"b\\\\c\\nd\",durability=\"journal\"}", "1");
    free(page);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each line is HELP, then TYPE of the same name, or a sample of that family; none comes twice. */
static void the_page_is_families_of_distinct_series(void)
{
    static char *series[4096];
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    size_t count = 0;
    char family[128] = "";
    char *page = page_of(&scrape);
    char *rest = page;
    char *line;

    FS_REQUIRE(page != NULL && page[strlen(page) - 1] == '\n');
    while ((line = strsep(&rest, "\n")) && *line && count < 4096) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            snprintf(family, sizeof(family), "%.*s", (int)strcspn(line + 7, " "), line + 7);
            FS_CHECK(strlen(line + 7) > strlen(family) + 5); /* says something */
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            FS_CHECK_TEXT(line + 7, strcspn(line + 7, " "), family);
        } else {
            FS_CHECK(strncmp(line, family, strlen(family)) == 0);
            FS_CHECK(strspn(strrchr(line, ' ') + 1, "0123456789.") ==
                     strlen(strrchr(line, ' ') + 1));
            *strrchr(line, ' ') = '\0';
        }
        series[count++] = line;
    }
    qsort(series, count, sizeof(series[0]), compare_lines);
    for (size_t i = 1; i < count; i++)
        FS_CHECK(strcmp(series[i - 1], series[i]) != 0);
    FS_CHECK(count > 400 && count < 4096);
    free(page);
}

#ifndef WITH_SANITIZER
/* Room for a little more than there is, and a page of many megabytes.  (Sanitizers map more than
 * any limit allows.) */
static void without_memory_nothing_is_given(void)
{
    enum { SALES = 200000 };
    struct fs_prometheus_sale *sales = calloc(SALES, sizeof(*sales));
    struct fs_metrics total;
    struct fs_prometheus_scrape scrape = scrape_of(&total);
    struct fs_process process;
    struct rlimit before, little;
    char *text = NULL;
    size_t len = 4242;
    int result;

    FS_REQUIRE(sales != NULL);
    for (size_t i = 0; i < SALES; i++)
        sales[i].product = FS_TEXT("a-product-with-a-name-of-some-length");
    scrape.sales = sales;
    scrape.sale_count = SALES;
    fs_process_read(&process);
    FS_REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
    little = before;
    little.rlim_cur = (rlim_t)process.virtual_bytes + (2u << 20);
    FS_REQUIRE(setrlimit(RLIMIT_AS, &little) == 0);
    result = fs_prometheus_write(&scrape, &text, &len);
    setrlimit(RLIMIT_AS, &before);
    FS_CHECK_INT(result, -ENOMEM);
    FS_CHECK(text == NULL);
    FS_CHECK_INT(len, 4242);
    FS_CHECK_INT(fs_prometheus_write(&scrape, &text, &len), 0);
    FS_CHECK(len > SALES * 50);
    free(text);
    free(sales);
}
#define MEMORY_TESTS(T) T(without_memory_nothing_is_given)
#else
#define MEMORY_TESTS(T)
#endif

#define TESTS(T)                                              \
    T(the_plan_s_metrics_have_their_names_and_types)          \
    T(every_series_is_there_at_zero_before_the_first_request) \
    T(every_counter_is_on_the_page)                           \
    T(counts_stand_beside_their_labels)                       \
    T(histograms_add_up_and_are_in_seconds)                   \
    T(batches_are_in_purchases)                               \
    T(sales_and_shards_have_a_line_each)                      \
    T(a_store_that_did_not_answer_is_told)                    \
    T(facts_of_the_server_are_shown)                          \
    T(facts_of_the_process_are_shown)                         \
    T(a_loop_that_stands_still_shows)                         \
    T(label_values_are_escaped)                               \
    T(the_page_is_families_of_distinct_series)                \
    MEMORY_TESTS(T)

FS_SUITE("metrics/prometheus", TESTS)
