/* Parses and prints single values: numbers with units, words, times, texts. */
#include "config/value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "config/problem.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* From the smallest; the first is what bounds are kept in. */
static const struct unit DURATION_UNITS[] = {
    {"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", 3600000000}};
static const struct unit SIZE_UNITS[] = {
    {"B", 1}, {"KiB", INT64_C(1) << 10}, {"MiB", INT64_C(1) << 20}, {"GiB", INT64_C(1) << 30}};

#define DURATION_UNIT_COUNT (sizeof(DURATION_UNITS) / sizeof(DURATION_UNITS[0]))
#define SIZE_UNIT_COUNT (sizeof(SIZE_UNITS) / sizeof(SIZE_UNITS[0]))

static int text_is_clean(const struct fs_config_key *key, struct fs_text text, const char *where,
                         struct fs_config_error *error)
{
    if (text.len > FS_CONFIG_VALUE_LEN_MAX)
        return fs_config_fail(error, where, "'%s' is longer than %u bytes", key->path,
                              FS_CONFIG_VALUE_LEN_MAX);
    for (size_t i = 0; i < text.len;) {
        uint32_t code;
        size_t len = fs_text_utf8_first((struct fs_text){text.data + i, text.len - i}, &code);
        if (len == 0)
            return fs_config_fail(error, where, "'%s' is not valid UTF-8", key->path);
        if (fs_config_is_control(code))
            return fs_config_fail(error, where, "'%s' contains a control character", key->path);
        i += len;
    }
    return 0;
}

/* A whole number and its unit.  Returns 0, -EINVAL (no such form) or -ERANGE. */
static int measure_parse(struct fs_text text, const struct unit *units, size_t count,
                         int64_t *value)
{
    size_t digits = 0;
    uint64_t number = 0;
    struct fs_text name;
    int rc;

    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    rc = fs_text_to_u64((struct fs_text){text.data, digits}, INT64_MAX, &number);
    if (rc == -EINVAL)
        return rc;
    name = (struct fs_text){text.data + digits, text.len - digits};
    for (size_t i = 0; i < count; i++) {
        if (!fs_text_equals(name, fs_text_of(units[i].name)))
            continue;
        return rc != 0 || __builtin_mul_overflow((int64_t)number, units[i].factor, value) ? -ERANGE
                                                                                          : 0;
    }
    return -EINVAL;
}

static void measure_format(int64_t value, const struct unit *units, size_t count,
                           char text[FS_CONFIG_NUMBER_SIZE])
{
    size_t i = count - 1;

    /* Zero is divisible by every unit and reads best in a usual one. */
    if (value == 0 && count > 2)
        i = 2;
    while (i > 0 && value % units[i].factor != 0)
        i--;
    snprintf(text, FS_CONFIG_NUMBER_SIZE, "%" PRId64 "%s", value / units[i].factor, units[i].name);
}

static int integer_parse(struct fs_text text, int64_t *value)
{
    bool negative = text.len > 1 && text.data[0] == '-';
    struct fs_text digits = {text.data + negative, text.len - negative};
    uint64_t number = 0;
    int rc = fs_text_to_u64(digits, INT64_MAX, &number);

    if (rc == 0)
        *value = negative ? -(int64_t)number : (int64_t)number;
    return rc;
}

void fs_config_value_choices(const struct fs_config_key *key, struct fs_buffer *names)
{
    for (size_t i = 0; key->choices[i].name; i++)
        fs_buffer_add_format(names, "%s%s",
                             i == 0                     ? ""
                             : key->choices[i + 1].name ? ", "
                                                        : " or ",
                             key->choices[i].name);
}

static int enum_fail(const struct fs_config_key *key, const char *shown, const char *where,
                     struct fs_config_error *error)
{
    char data[160];
    struct fs_buffer names = fs_buffer_of(data, sizeof(data));

    fs_config_value_choices(key, &names);
    return fs_config_fail(error, where, "'%s' must be %.*s, not '%s'", key->path, (int)names.len,
                          data, shown);
}

static int enum_parse(const struct fs_config_key *key, struct fs_text text, int64_t *value)
{
    for (size_t i = 0; key->choices[i].name; i++)
        if (fs_text_equals_nocase(text, fs_text_of(key->choices[i].name))) {
            *value = key->choices[i].value;
            return 0;
        }
    return -EINVAL;
}

const char *fs_config_value_format(const struct fs_config_key *key, int64_t number,
                                   char text[FS_CONFIG_NUMBER_SIZE])
{
    text[0] = '\0';
    switch (key->kind) {
    case FS_CONFIG_BOOL:
        return number ? "true" : "false";
    case FS_CONFIG_DURATION:
        measure_format(number, DURATION_UNITS, DURATION_UNIT_COUNT, text);
        break;
    case FS_CONFIG_SIZE:
        measure_format(number, SIZE_UNITS, SIZE_UNIT_COUNT, text);
        break;
    case FS_CONFIG_ENUM:
        for (size_t i = 0; key->choices[i].name; i++)
            if (key->choices[i].value == number)
                return key->choices[i].name;
        break;
    case FS_CONFIG_TIME:
        fs_clock_format(number, text);
        break;
    default:
        snprintf(text, FS_CONFIG_NUMBER_SIZE, "%" PRId64, number);
    }
    return text;
}

/* Says what a value of this kind looks like. */
static int form_fail(const struct fs_config_key *key, const char *shown, const char *where,
                     struct fs_config_error *error)
{
    switch (key->kind) {
    case FS_CONFIG_BOOL:
        return fs_config_fail(error, where, "'%s' must be true or false, not '%s'", key->path,
                              shown);
    case FS_CONFIG_INTEGER:
        return fs_config_fail(error, where, "'%s' must be a whole number, not '%s'", key->path,
                              shown);
    case FS_CONFIG_DURATION:
        return fs_config_fail(
            error, where,
            "'%s' must be a whole number with a unit (us, ms, s, m or h), such as "
            "2s or 500ms, not '%s'",
            key->path, shown);
    case FS_CONFIG_SIZE:
        return fs_config_fail(error, where,
                              "'%s' must be a whole number with a unit (B, KiB, MiB or GiB), such "
                              "as 4KiB, not '%s'",
                              key->path, shown);
    case FS_CONFIG_TIME:
        return fs_config_fail(error, where,
                              "'%s' must be a time such as 2026-11-27T00:00:00Z, not '%s'",
                              key->path, shown);
    default:
        return enum_fail(key, shown, where, error);
    }
}

static int range_fail(const struct fs_config_key *key, const char *shown, const char *where,
                      struct fs_config_error *error)
{
    char min[FS_CONFIG_NUMBER_SIZE], max[FS_CONFIG_NUMBER_SIZE];
    bool plain = key->kind == FS_CONFIG_INTEGER;

    return fs_config_fail(error, where, "'%s' must be from %s to %s%s%s, not '%s'", key->path,
                          fs_config_value_format(key, key->min, min),
                          fs_config_value_format(key, key->max, max), plain ? " " : "",
                          plain ? key->unit : "", shown);
}

static int number_parse(const struct fs_config_key *key, struct fs_text text, int64_t *value)
{
    switch (key->kind) {
    case FS_CONFIG_BOOL:
        *value = fs_text_equals(text, FS_TEXT("true"));
        return *value || fs_text_equals(text, FS_TEXT("false")) ? 0 : -EINVAL;
    case FS_CONFIG_INTEGER:
        return integer_parse(text, value);
    case FS_CONFIG_DURATION:
        return measure_parse(text, DURATION_UNITS, DURATION_UNIT_COUNT, value);
    case FS_CONFIG_SIZE:
        return measure_parse(text, SIZE_UNITS, SIZE_UNIT_COUNT, value);
    case FS_CONFIG_TIME:
        return fs_clock_parse(text.data, text.len, value);
    default:
        return enum_parse(key, text, value);
    }
}

static int text_check(const struct fs_config_key *key, struct fs_text text, const char *where,
                      struct fs_config_error *error)
{
    /* The bounds of a list are those of its count. */
    bool is_item = key->kind == FS_CONFIG_TEXTS;
    char *z;
    int rc;

    if (text.len == 0 && (is_item || key->min > 0))
        return fs_config_fail(error, where, "'%s' must not be empty", key->path);
    if (!is_item && key->kind != FS_CONFIG_OPTIONS && (int64_t)text.len > key->max)
        return fs_config_fail(error, where, "'%s' is longer than %" PRId64 " bytes", key->path,
                              key->max);
    if (!key->check)
        return 0;
    z = strndup(text.data, text.len);
    if (!z)
        return fs_config_fail_memory(error);
    rc = key->check(key->path, z, where, error);
    free(z);
    return rc;
}

bool fs_config_kind_is_number(enum fs_config_kind kind)
{
    return kind == FS_CONFIG_BOOL || kind == FS_CONFIG_INTEGER || kind == FS_CONFIG_DURATION ||
           kind == FS_CONFIG_SIZE || kind == FS_CONFIG_ENUM || kind == FS_CONFIG_TIME;
}

int fs_config_value_parse(const struct fs_config_key *key, struct fs_text text, const char *where,
                          int64_t *number, struct fs_config_error *error)
{
    char shown[FS_CONFIG_SHOWN_SIZE];
    bool ranged = key->kind != FS_CONFIG_ENUM && key->kind != FS_CONFIG_BOOL;
    int64_t value = 0;
    int rc = text_is_clean(key, text, where, error);

    if (rc != 0)
        return rc;
    *number = 0;
    if (!fs_config_kind_is_number(key->kind))
        return text_check(key, text, where, error);
    fs_config_show(text, shown);
    rc = number_parse(key, text, &value);
    if (rc == -EINVAL)
        return form_fail(key, shown, where, error);
    if (rc != 0 || (ranged && (value < key->min || value > key->max)))
        return range_fail(key, shown, where, error);
    *number = value;
    return 0;
}

void fs_config_number_put(const struct fs_config_key *key, void *record, int64_t number)
{
    char *field = (char *)record + key->offset;
    bool truth = number != 0;
    uint32_t small = (uint32_t)number;

    switch (key->size) {
    case sizeof(bool):
        memcpy(field, &truth, sizeof(truth));
        break;
    case sizeof(uint32_t):
        memcpy(field, &small, sizeof(small));
        break;
    default:
        assert(key->size == sizeof(number));
        memcpy(field, &number, sizeof(number));
    }
}

int64_t fs_config_number_get(const struct fs_config_key *key, const void *record)
{
    const char *field = (const char *)record + key->offset;
    int64_t number = 0;
    uint32_t small;

    if (key->size == sizeof(bool))
        return *(const bool *)field;
    if (key->size == sizeof(small)) {
        memcpy(&small, field, sizeof(small));
        return small;
    }
    assert(key->size == sizeof(number));
    memcpy(&number, field, sizeof(number));
    return number;
}

char **fs_config_text_field(const struct fs_config_key *key, void *record)
{
    assert(key->size == sizeof(char *));
    return (char **)(void *)((char *)record + key->offset);
}

struct fs_config_texts *fs_config_texts_field(const struct fs_config_key *key, void *record)
{
    assert(key->kind == FS_CONFIG_TEXTS);
    return (struct fs_config_texts *)(void *)((char *)record + key->offset);
}
