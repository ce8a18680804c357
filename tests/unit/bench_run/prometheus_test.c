/* Pages of /metrics as numbers: values, differences, quantiles. */
#include "run/prometheus.h"

#include <math.h>

#include "support/suite.h"

static const char before_text[] = "# HELP x Things.\n"
                                  "# TYPE x counter\n"
                                  "x{kind=\"a\",rule=\"1\"} 10\n"
                                  "x{kind=\"b\",rule=\"12\"} 5\n"
                                  "alone 3\n"
                                  "wait_seconds_bucket{le=\"0.001\"} 100\n"
                                  "wait_seconds_bucket{le=\"0.01\"} 100\n"
                                  "wait_seconds_bucket{le=\"+Inf\"} 100\n";

static const char after_text[] = "x{kind=\"a\",rule=\"1\"} 30\n"
                                 "x{kind=\"b\",rule=\"12\"} 6\n"
                                 "x{kind=\"new\",rule=\"1\"} 4\n"
                                 "alone 3.5\n"
                                 "wait_seconds_bucket{le=\"0.001\"} 150\n"
                                 "wait_seconds_bucket{le=\"0.01\"} 190\n"
                                 "wait_seconds_bucket{le=\"0.1\"} 200\n"
                                 "wait_seconds_bucket{le=\"+Inf\"} 200\n"
                                 "quoted{text=\"a } b \\\" c\"} 7\n"
                                 "huge 1e300\n"
                                 "minus -2 1795412549000\n";

struct pages {
    struct fs_prom_page before, after;
};

static void read_pages(struct pages *pages)
{
    *pages = (struct pages){0};
    FS_CHECK_INT(fs_prom_read(&pages->before, before_text), 0);
    FS_CHECK_INT(fs_prom_read(&pages->after, after_text), 0);
}

static void dispose_pages(struct pages *pages)
{
    fs_prom_dispose(&pages->before);
    fs_prom_dispose(&pages->after);
}

static void series_of_a_name_are_added_up(void)
{
    struct pages pages;

    read_pages(&pages);
    FS_CHECK(fs_prom_value(&pages.before, "x", NULL) == 15);
    FS_CHECK(fs_prom_value(&pages.before, "alone", NULL) == 3);
    FS_CHECK(fs_prom_value(&pages.after, "minus", NULL) == -2);
    FS_CHECK(fs_prom_value(&pages.after, "huge", NULL) == 1e300);
    dispose_pages(&pages);
}

static void a_label_is_compared_whole(void)
{
    struct pages pages;

    read_pages(&pages);
    FS_CHECK(fs_prom_value(&pages.before, "x", "kind=\"a\"") == 10);
    FS_CHECK(fs_prom_value(&pages.before, "x", "rule=\"1\"") == 10);
    FS_CHECK(fs_prom_value(&pages.after, "quoted", NULL) == 7);
    FS_CHECK(isnan(fs_prom_value(&pages.before, "x", "ule=\"1\"")));
    dispose_pages(&pages);
}

static void what_is_not_there_is_unknown_and_not_zero(void)
{
    struct pages pages;

    read_pages(&pages);
    FS_CHECK(isnan(fs_prom_value(&pages.before, "nothing", NULL)));
    FS_CHECK(isnan(fs_prom_delta(&pages.before, &pages.after, "nothing", NULL)));
    FS_CHECK(isnan(fs_prom_quantile(&pages.before, &pages.after, "x", 0.5)));
    dispose_pages(&pages);
}

static void a_series_that_is_new_began_at_zero(void)
{
    struct pages pages;

    read_pages(&pages);
    FS_CHECK(fs_prom_delta(&pages.before, &pages.after, "x", "kind=\"new\"") == 4);
    FS_CHECK(fs_prom_delta(&pages.before, &pages.after, "x", NULL) == 25);
    dispose_pages(&pages);
}

/* Between the pages: 50 up to 1 ms, 40 up to 10 ms, 10 up to 100 ms (whose bucket is new). */
static void quantiles_are_of_what_came_between_the_pages(void)
{
    struct pages pages;

    read_pages(&pages);
    FS_CHECK(fabs(fs_prom_quantile(&pages.before, &pages.after, "wait_seconds", 0.25) - 0.0005) <
             1e-9);
    FS_CHECK(fabs(fs_prom_quantile(&pages.before, &pages.after, "wait_seconds", 0.7) - 0.0055) <
             1e-9);
    dispose_pages(&pages);
}

static void beyond_the_last_bucket_its_bound_is_told(void)
{
    struct fs_prom_page none = {0};
    struct fs_prom_page page;

    FS_REQUIRE(fs_prom_read(&page, "t_bucket{le=\"1\"} 1\nt_bucket{le=\"+Inf\"} 100\n") == 0);
    FS_CHECK(fs_prom_quantile(&none, &page, "t", 0.99) == 1);
    fs_prom_dispose(&page);
}

static void a_histogram_without_new_values_has_no_quantile(void)
{
    struct pages pages;

    read_pages(&pages);
    FS_CHECK(isnan(fs_prom_quantile(&pages.before, &pages.before, "wait_seconds", 0.5)));
    dispose_pages(&pages);
}

static void garbage_is_passed_over(void)
{
    struct fs_prom_page page;

    FS_REQUIRE(fs_prom_read(&page, "\n#x\nnovalue\nname{open=\"1 5\n{} 1\nfine 1\nbad text\n") ==
               0);
    FS_CHECK_INT(page.count, 1);
    FS_CHECK(fs_prom_value(&page, "fine", NULL) == 1);
    fs_prom_dispose(&page);
}

static void a_label_can_be_read(void)
{
    struct pages pages;
    char text[16];

    read_pages(&pages);
    fs_prom_label(&pages.before, "x", "kind", text, sizeof(text));
    FS_CHECK_STR(text, "a");
    fs_prom_label(&pages.before, "alone", "kind", text, sizeof(text));
    FS_CHECK_STR(text, "");
    dispose_pages(&pages);
}

#define TESTS(T)                                      \
    T(series_of_a_name_are_added_up)                  \
    T(a_label_is_compared_whole)                      \
    T(what_is_not_there_is_unknown_and_not_zero)      \
    T(a_series_that_is_new_began_at_zero)             \
    T(quantiles_are_of_what_came_between_the_pages)   \
    T(beyond_the_last_bucket_its_bound_is_told)       \
    T(a_histogram_without_new_values_has_no_quantile) \
    T(garbage_is_passed_over)                         \
    T(a_label_can_be_read)
FS_SUITE("bench_run/prometheus", TESTS)
