/* Single values: units, bounds, and that what is printed is read back. */
#include "config/value.h"
#include "support/suite.h"

#include <errno.h>

static const struct fs_config_key SIZE_KEY = {
    .path = "size", .kind = FS_CONFIG_SIZE, .size = 8, .min = 1, .max = 1 << 30, .unit = ""};
static const struct fs_config_key DURATION_KEY = {
    .path = "time", .kind = FS_CONFIG_DURATION, .size = 8, .max = INT64_MAX, .unit = ""};
static const struct fs_config_key INTEGER_KEY = {.path = "count",
                                                 .kind = FS_CONFIG_INTEGER,
                                                 .size = 8,
                                                 .min = -5,
                                                 .max = INT64_MAX,
                                                 .unit = "u"};

static int64_t parse(const struct fs_config_key *key, const char *text)
{
    struct fs_config_error error = {""};
    int64_t number = -77;

    FS_CHECK_INT(fs_config_value_parse(key, fs_text_of(text), NULL, &number, &error), 0);
    FS_CHECK_STR(error.text, "");
    return number;
}

static void sizes_have_binary_units(void)
{
    FS_CHECK_INT(parse(&SIZE_KEY, "1B"), 1);
    FS_CHECK_INT(parse(&SIZE_KEY, "4KiB"), 4096);
    FS_CHECK_INT(parse(&SIZE_KEY, "3MiB"), 3 * 1048576);
    FS_CHECK_INT(parse(&SIZE_KEY, "1GiB"), 1 << 30);
}

static void durations_have_units_from_microseconds_to_hours(void)
{
    FS_CHECK_INT(parse(&DURATION_KEY, "0s"), 0);
    FS_CHECK_INT(parse(&DURATION_KEY, "7us"), 7);
    FS_CHECK_INT(parse(&DURATION_KEY, "500ms"), 500000);
    FS_CHECK_INT(parse(&DURATION_KEY, "002s"), 2000000);
    FS_CHECK_INT(parse(&DURATION_KEY, "3m"), 180000000);
    FS_CHECK_INT(parse(&DURATION_KEY, "2h"), 7200000000);
    FS_CHECK_INT(parse(&DURATION_KEY, "9223372036854775807us"), INT64_MAX);
}

static void a_wrong_value_says_what_is_right(void)
{
    static const struct {
        const struct fs_config_key *key;
        const char *text;
        const char *message;
    } WRONG[] = {
        {&SIZE_KEY, "4",
         "x: 'size' must be a whole number with a unit (B, KiB, MiB or GiB), such "
         "as 4KiB, not '4'"},
        {&SIZE_KEY, "4KB",
         "x: 'size' must be a whole number with a unit (B, KiB, MiB or GiB), such "
         "as 4KiB, not '4KB'"},
        {&SIZE_KEY, "0B", "x: 'size' must be from 1B to 1GiB, not '0B'"},
        {&SIZE_KEY, "2GiB", "x: 'size' must be from 1B to 1GiB, not '2GiB'"},
        {&DURATION_KEY, "9223372036854776ms",
         "x: 'time' must be from 0s to 9223372036854775807us, not '9223372036854776ms'"},
        {&INTEGER_KEY, "-6", "x: 'count' must be from -5 to 9223372036854775807 u, not '-6'"},
        {&INTEGER_KEY, "-", "x: 'count' must be a whole number, not '-'"},
        {&INTEGER_KEY, "0x10", "x: 'count' must be a whole number, not '0x10'"},
        {&INTEGER_KEY, "9223372036854775808",
         "x: 'count' must be from -5 to 9223372036854775807 u, not '9223372036854775808'"},
        {&INTEGER_KEY, "1\x1b[2J", "x: 'count' contains a control character"},
        {&INTEGER_KEY, "\xc2\x9b", "x: 'count' contains a control character"},
        {&INTEGER_KEY, "\xed\xa0\x80", "x: 'count' is not valid UTF-8"},
    };

    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        struct fs_config_error error = {""};
        int64_t number = -77;
        FS_CHECK_INT(
            fs_config_value_parse(WRONG[i].key, fs_text_of(WRONG[i].text), "x", &number, &error),
            -EINVAL);
        FS_CHECK_STR(error.text, WRONG[i].message);
    }
}

static void a_printed_number_is_read_back_the_same(void)
{
    char text[FS_CONFIG_NUMBER_SIZE];

    for (int64_t number = 1; number < INT64_MAX / 7; number = number * 5 + number % 3) {
        FS_CHECK_INT(parse(&DURATION_KEY, fs_config_value_format(&DURATION_KEY, number, text)),
                     number);
        FS_CHECK_INT(parse(&INTEGER_KEY, fs_config_value_format(&INTEGER_KEY, number, text)),
                     number);
        if (number <= SIZE_KEY.max)
            FS_CHECK_INT(parse(&SIZE_KEY, fs_config_value_format(&SIZE_KEY, number, text)), number);
    }
    FS_CHECK_STR(fs_config_value_format(&DURATION_KEY, 90000000, text), "90s");
    FS_CHECK_STR(fs_config_value_format(&DURATION_KEY, 0, text), "0s");
    FS_CHECK_STR(fs_config_value_format(&SIZE_KEY, 1536, text), "1536B");
}

#define TESTS(T)                                       \
    T(sizes_have_binary_units)                         \
    T(durations_have_units_from_microseconds_to_hours) \
    T(a_wrong_value_says_what_is_right)                \
    T(a_printed_number_is_read_back_the_same)

FS_SUITE("config/value", TESTS)
