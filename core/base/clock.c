/* Reads the clocks, and RFC 3339 times without asking libc, whose calendar functions depend on
 * locale and time zone.
 *
 * The calendar is the proleptic Gregorian one; day numbers after Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms" (howardhinnant.github.io/date_algorithms.html). */
#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE (MS_PER_SECOND * 60)
#define MS_PER_DAY (MS_PER_MINUTE * 60 * 24)

#define UNIX_MS_MIN INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define UNIX_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

struct date {
    int64_t year;
    unsigned month; /* 1 to 12 */
    unsigned day;   /* 1 to 31 */
};

/* What is left to read. */
struct cursor {
    const char *at;
    const char *end;
};

uint64_t fs_clock_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

int64_t fs_clock_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
}

/* Days from 1970-01-01 of a date from year 0 on.  The year of the calculation starts in March, so
 * that the leap day is its last. */
static int64_t days_of_date(struct date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = (date.month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static struct date date_of_days(int64_t days)
{
    int64_t from_march_0000 = days + 719468;
    int64_t era = (from_march_0000 >= 0 ? from_march_0000 : from_march_0000 - 146096) / 146097;
    int64_t day_of_era = from_march_0000 - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    struct date date;

    date.day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    date.month = (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

static unsigned days_of_month(int64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Writes value with exactly width digits; returns what follows. */
static char *put_digits(char *at, int64_t value, size_t width)
{
    for (size_t i = width; i > 0; i--, value /= 10)
        at[i - 1] = (char)('0' + value % 10);
    return at + width;
}

size_t fs_clock_format(int64_t unix_ms, char text[FS_CLOCK_TEXT_SIZE])
{
    int64_t clamped = unix_ms < UNIX_MS_MIN   ? UNIX_MS_MIN
                      : unix_ms > UNIX_MS_MAX ? UNIX_MS_MAX
                                              : unix_ms;
    int64_t from_year_0 = clamped - UNIX_MS_MIN; /* not negative, so that / and % round down */
    int64_t ms = from_year_0 % MS_PER_DAY;
    struct date date = date_of_days(from_year_0 / MS_PER_DAY + UNIX_MS_MIN / MS_PER_DAY);
    char *at = text;

    at = put_digits(at, date.year, 4);
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_digits(at, ms / (60 * MS_PER_MINUTE), 2);
    *at++ = ':';
    at = put_digits(at, ms / MS_PER_MINUTE % 60, 2);
    *at++ = ':';
    at = put_digits(at, ms / MS_PER_SECOND % 60, 2);
    *at++ = '.';
    at = put_digits(at, ms % MS_PER_SECOND, 3);
    *at++ = 'Z';
    *at = '\0';
    return (size_t)(at - text);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads exactly count digits into *value, which must be from min to max. */
static bool read_number(struct cursor *cursor, unsigned count, unsigned min, unsigned max,
                        unsigned *value)
{
    unsigned read = 0;

    for (unsigned i = 0; i < count; i++) {
        if (cursor->at == cursor->end || !is_digit(*cursor->at))
            return false;
        read = read * 10 + (unsigned)(*cursor->at++ - '0');
    }
    *value = read;
    return read >= min && read <= max;
}

/* Reads one of the characters of choices, which it returns; 0: another one follows. */
static char read_one_of(struct cursor *cursor, const char *choices)
{
    if (cursor->at == cursor->end)
        return 0;
    for (const char *choice = choices; *choice; choice++)
        if (*cursor->at == *choice)
            return *cursor->at++;
    return 0;
}

static bool read_date(struct cursor *cursor, struct date *date)
{
    unsigned year;

    if (!read_number(cursor, 4, 0, 9999, &year) || !read_one_of(cursor, "-") ||
        !read_number(cursor, 2, 1, 12, &date->month) || !read_one_of(cursor, "-") ||
        !read_number(cursor, 2, 1, 31, &date->day))
        return false;
    date->year = year;
    return date->day <= days_of_month(date->year, date->month);
}

/* Milliseconds since midnight; a 60th second is read as the last millisecond before it. */
static bool read_time_of_day(struct cursor *cursor, int64_t *ms, bool *is_leap_second)
{
    unsigned hour, minute, second;
    int64_t fraction = 0;

    if (!read_number(cursor, 2, 0, 23, &hour) || !read_one_of(cursor, ":") ||
        !read_number(cursor, 2, 0, 59, &minute) || !read_one_of(cursor, ":") ||
        !read_number(cursor, 2, 0, 60, &second))
        return false;
    if (read_one_of(cursor, ".")) {
        int64_t digit_ms = 100;

        if (cursor->at == cursor->end || !is_digit(*cursor->at))
            return false;
        for (; cursor->at < cursor->end && is_digit(*cursor->at); cursor->at++, digit_ms /= 10)
            fraction += (*cursor->at - '0') * digit_ms;
    }
    *is_leap_second = second == 60;
    if (*is_leap_second) {
        second = 59;
        fraction = 999;
    }
    *ms = (hour * INT64_C(60) + minute) * MS_PER_MINUTE + second * MS_PER_SECOND + fraction;
    return true;
}

static bool read_offset(struct cursor *cursor, int64_t *ms)
{
    char sign = read_one_of(cursor, "Zz+-");
    unsigned hour, minute;

    *ms = 0;
    if (sign == 'Z' || sign == 'z')
        return true;
    if (!sign || !read_number(cursor, 2, 0, 23, &hour) || !read_one_of(cursor, ":") ||
        !read_number(cursor, 2, 0, 59, &minute))
        return false;
    *ms = (hour * INT64_C(60) + minute) * MS_PER_MINUTE;
    if (sign == '-')
        *ms = -*ms;
    return true;
}

/* Leap seconds are the last of a month, in UTC. */
static bool ends_a_month(int64_t unix_ms)
{
    int64_t next_ms = unix_ms + 1 - UNIX_MS_MIN;

    return next_ms % MS_PER_DAY == 0 &&
           date_of_days(next_ms / MS_PER_DAY + UNIX_MS_MIN / MS_PER_DAY).day == 1;
}

int fs_clock_parse(const char *text, size_t len, int64_t *unix_ms)
{
    struct cursor cursor = {text, text + len};
    struct date date;
    int64_t time_ms, offset_ms, read_ms;
    bool is_leap_second;

    if (!read_date(&cursor, &date) || !read_one_of(&cursor, "Tt ") ||
        !read_time_of_day(&cursor, &time_ms, &is_leap_second) ||
        !read_offset(&cursor, &offset_ms) || cursor.at != cursor.end)
        return -EINVAL;
    read_ms = days_of_date(date) * MS_PER_DAY + time_ms - offset_ms;
    if (is_leap_second && !ends_a_month(read_ms))
        return -EINVAL;
    *unix_ms = read_ms;
    return 0;
}
