/* RFC 3339 in and out, against tables, an own calendar and libc's. */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

#include "support/random.h"
#include "support/suite.h"

#define YEAR_0_MS INT64_C(-62167219200000)
#define YEAR_9999_END_MS INT64_C(253402300799999)
#define UNTOUCHED INT64_C(-4242)

struct example {
    const char *text;
    int64_t unix_ms;
};

static int parse(const char *text, int64_t *unix_ms)
{
    *unix_ms = UNTOUCHED;
    return fs_clock_parse(text, strlen(text), unix_ms);
}

static void check_format(int64_t unix_ms, const char *expected)
{
    char text[FS_CLOCK_TEXT_SIZE];
    size_t len = fs_clock_format(unix_ms, text);

    FS_CHECK_TEXT(text, len, expected);
    FS_CHECK_INT(text[len], 0);
}

static void the_monotonic_clock_never_goes_back(void)
{
    uint64_t last_us = fs_clock_now_us();
    uint64_t first_us = last_us;

    for (int i = 0; i < 100000; i++) {
        uint64_t now_us = fs_clock_now_us();

        FS_REQUIRE(now_us >= last_us);
        last_us = now_us;
    }
    FS_CHECK(last_us > first_us);
    FS_CHECK(last_us - first_us < UINT64_C(60000000));
}

static void the_wall_clock_is_that_of_libc(void)
{
    int64_t before_ms = (int64_t)time(NULL) * 1000;
    int64_t wall_ms = fs_clock_wall_ms();

    /* time() may lag behind by a tick of the kernel. */
    FS_CHECK(wall_ms >= before_ms);
    FS_CHECK(wall_ms <= ((int64_t)time(NULL) + 2) * 1000);
}

static void format_writes_utc_with_milliseconds(void)
{
    check_format(0, "1970-01-01T00:00:00.000Z");
    check_format(-1, "1969-12-31T23:59:59.999Z");
    check_format(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
    check_format(INT64_C(1795737600007), "2026-11-27T00:00:00.007Z");
    check_format(INT64_C(-2203891200000), "1900-03-01T00:00:00.000Z");
}

static void format_stops_at_the_years_0_and_9999(void)
{
    check_format(YEAR_0_MS, "0000-01-01T00:00:00.000Z");
    check_format(YEAR_0_MS - 1, "0000-01-01T00:00:00.000Z");
    check_format(INT64_MIN, "0000-01-01T00:00:00.000Z");
    check_format(YEAR_9999_END_MS, "9999-12-31T23:59:59.999Z");
    check_format(YEAR_9999_END_MS + 1, "9999-12-31T23:59:59.999Z");
    check_format(INT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void parse_reads_what_the_rfc_allows(void)
{
    static const struct example examples[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1970-01-01T00:00:00.0Z", 0},
        {"1970-01-01T00:00:00.1Z", 100},
        {"1970-01-01T00:00:00.12Z", 120},
        {"1970-01-01T00:00:00.123Z", 123},
        {"1970-01-01T00:00:00.1239999999999999999999999999999999Z", 123},
        {"1970-01-01T00:00:00.000999Z", 0},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T23:59:00-00:01", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T00:00:00+23:59", -86340000},
        {"1970-01-01T00:00:00-23:59", 86340000},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"2024-02-29T12:00:00Z", INT64_C(1709208000000)},
        {"1985-04-12T23:20:50.52Z", INT64_C(482196050520)},
        {"1996-12-19T16:39:57-08:00", INT64_C(851042397000)},
        {"1937-01-01T12:00:27.87+00:20", INT64_C(-1041337172130)},
        {"0000-01-01T00:00:00Z", YEAR_0_MS},
        {"9999-12-31T23:59:59.999Z", YEAR_9999_END_MS},
    };

    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        int64_t unix_ms;

        FS_CHECK_INT(parse(examples[i].text, &unix_ms), 0);
        if (unix_ms != examples[i].unix_ms)
            printf("%s ", examples[i].text);
        FS_CHECK_INT(unix_ms, examples[i].unix_ms);
    }
}

static void a_leap_second_is_the_last_millisecond_before_it(void)
{
    int64_t unix_ms;

    FS_CHECK_INT(parse("1990-12-31T23:59:60Z", &unix_ms), 0);
    FS_CHECK_INT(unix_ms, INT64_C(662687999999));
    FS_CHECK_INT(parse("1990-12-31T15:59:60-08:00", &unix_ms), 0);
    FS_CHECK_INT(unix_ms, INT64_C(662687999999));
    FS_CHECK_INT(parse("2016-12-31T23:59:60.250Z", &unix_ms), 0);
    FS_CHECK_INT(unix_ms, INT64_C(1483228799999));
    FS_CHECK_INT(parse("2017-01-01T00:59:60+01:00", &unix_ms), 0);
    FS_CHECK_INT(unix_ms, INT64_C(1483228799999));
    FS_CHECK_INT(parse("0000-01-01T00:59:60+01:00", &unix_ms), 0);
    FS_CHECK_INT(unix_ms, YEAR_0_MS - 1);
}

static void parse_refuses_what_the_rfc_does_not_allow(void)
{
    static const char *const texts[] = {
        "",
        "Z",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00.5",
        "1970-01-01_00:00:00Z",
        "1970-01-01  00:00:00Z",
        " 1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z ",
        "1970-01-01T00:00:00Zz",
        "1970-1-01T00:00:00Z",
        "170-01-01T00:00:00Z",
        "11970-01-01T00:00:00Z",
        "-970-01-01T00:00:00Z",
        "+970-01-01T00:00:00Z",
        "1970/01/01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "1970-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2000-02-30T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T23:59:60Z",
        "1990-12-31T23:59:60+01:00",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+01",
        "1970-01-01T00:00:00+01:0",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00 01:00",
        "1970-01-01T00:00:00\342\210\22201:00",
        "1970-01-01T00:00:00UTC",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t unix_ms;
        int result = parse(texts[i], &unix_ms);

        if (result != -EINVAL)
            printf("'%s' ", texts[i]);
        FS_CHECK_INT(result, -EINVAL);
        FS_CHECK_INT(unix_ms, UNTOUCHED);
    }
}

static void parse_looks_at_no_byte_behind_the_length(void)
{
    static const char text[] = "1985-04-12T23:20:50.52+01:30";
    int64_t unix_ms;

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *exact = malloc(len ? len : 1); /* the address sanitizer watches its end */

        FS_REQUIRE(exact != NULL);
        memcpy(exact, text, len);
        unix_ms = UNTOUCHED;
        FS_CHECK_INT(fs_clock_parse(exact, len, &unix_ms), -EINVAL);
        FS_CHECK_INT(unix_ms, UNTOUCHED);
        free(exact);
    }
    FS_CHECK_INT(fs_clock_parse("1970-01-01T00:00:00Z\0", 21, &unix_ms), -EINVAL);
}

static void every_day_of_ten_thousand_years_is_the_next_of_the_one_before(void)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 0, month = 1, day = 1;
    int64_t unix_ms = YEAR_0_MS;

    for (; year <= 9999; unix_ms += 86400000) {
        char text[FS_CLOCK_TEXT_SIZE], expected[FS_CLOCK_TEXT_SIZE * 2];
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        int64_t read_ms = UNTOUCHED;
        size_t len = fs_clock_format(unix_ms, text);

        /* A check a day would be slow to count; one that fails is told. */
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT00:00:00.000Z", year, month, day);
        if (strcmp(text, expected) != 0 || fs_clock_parse(text, len, &read_ms) != 0 ||
            read_ms != unix_ms) {
            FS_CHECK_STR(text, expected);
            FS_CHECK_INT(read_ms, unix_ms);
            return;
        }
        if (++day > days[month - 1] + (month == 2 && leap)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
    FS_CHECK_INT(unix_ms, YEAR_9999_END_MS + 1);
}

static int64_t any_time(struct fs_random *random)
{
    return YEAR_0_MS +
           (int64_t)fs_random_below(random, (uint64_t)(YEAR_9999_END_MS - YEAR_0_MS + 1));
}

static void any_time_survives_format_and_parse(void)
{
    struct fs_random random = fs_random_start();

    for (int i = 0; i < 100000; i++) {
        int64_t unix_ms = any_time(&random);
        int64_t read_ms = UNTOUCHED;
        char text[FS_CLOCK_TEXT_SIZE];

        FS_REQUIRE(fs_clock_parse(text, fs_clock_format(unix_ms, text), &read_ms) == 0);
        FS_REQUIRE(read_ms == unix_ms);
    }
}

static void any_time_is_the_one_of_libc(void)
{
    struct fs_random random = fs_random_start();

    for (int i = 0; i < 20000; i++) {
        int64_t unix_ms = any_time(&random);
        int64_t day_ms = (unix_ms - YEAR_0_MS) % 1000;
        time_t seconds = (time_t)((unix_ms - day_ms) / 1000);
        char text[FS_CLOCK_TEXT_SIZE], expected[128];
        struct tm tm;

        FS_REQUIRE(gmtime_r(&seconds, &tm) != NULL);
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)day_ms);
        fs_clock_format(unix_ms, text);
        FS_CHECK_STR(text, expected);
    }
}

static void any_offset_is_taken_off(void)
{
    struct fs_random random = fs_random_start();

    for (int i = 0; i < 20000; i++) {
        int offset_min = (int)fs_random_below(&random, 2 * 1439 + 1) - 1439;
        int64_t unix_ms = any_time(&random);
        int64_t local_ms = unix_ms + offset_min * INT64_C(60000);
        int64_t read_ms = UNTOUCHED;
        char text[FS_CLOCK_TEXT_SIZE], local[FS_CLOCK_TEXT_SIZE * 2];

        if (local_ms < YEAR_0_MS || local_ms > YEAR_9999_END_MS)
            continue;
        fs_clock_format(local_ms, text);
        snprintf(local, sizeof(local), "%.23s%c%02d:%02d", text, offset_min < 0 ? '-' : '+',
                 abs(offset_min) / 60, abs(offset_min) % 60);
        FS_CHECK_INT(fs_clock_parse(local, strlen(local), &read_ms), 0);
        FS_REQUIRE(read_ms == unix_ms);
    }
}

static void a_changed_byte_is_refused_or_makes_another_time(void)
{
    struct fs_random random = fs_random_start();
    int refused = 0, read = 0;

    for (int i = 0; i < 100000; i++) {
        int64_t unix_ms = any_time(&random);
        int64_t read_ms = UNTOUCHED;
        char text[FS_CLOCK_TEXT_SIZE], before[FS_CLOCK_TEXT_SIZE];
        size_t len = fs_clock_format(unix_ms, text);
        size_t at = fs_random_below(&random, len);

        memcpy(before, text, sizeof(before));
        text[at] = (char)fs_random_below(&random, 256);
        if (memcmp(text, before, len) == 0)
            continue;
        if (fs_clock_parse(text, len, &read_ms) != 0) {
            FS_REQUIRE(read_ms == UNTOUCHED);
            refused++;
        } else {
            /* "t", " " and "z" are other words for the same. */
            FS_REQUIRE(read_ms != unix_ms || at == 10 || at == 23);
            read++;
        }
    }
    FS_CHECK(refused > 1000);
    FS_CHECK(read > 100);
}

#define TESTS(T)                                                     \
    T(the_monotonic_clock_never_goes_back)                           \
    T(the_wall_clock_is_that_of_libc)                                \
    T(format_writes_utc_with_milliseconds)                           \
    T(format_stops_at_the_years_0_and_9999)                          \
    T(parse_reads_what_the_rfc_allows)                               \
    T(a_leap_second_is_the_last_millisecond_before_it)               \
    T(parse_refuses_what_the_rfc_does_not_allow)                     \
    T(parse_looks_at_no_byte_behind_the_length)                      \
    T(every_day_of_ten_thousand_years_is_the_next_of_the_one_before) \
    T(any_time_survives_format_and_parse)                            \
    T(any_time_is_the_one_of_libc)                                   \
    T(any_offset_is_taken_off)                                       \
    T(a_changed_byte_is_refused_or_makes_another_time)

FS_SUITE("base/clock", TESTS)
