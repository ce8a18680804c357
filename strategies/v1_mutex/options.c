/* Reading the options: every value is checked, and an unknown name is an error. */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"
#include "record.h"

/* A number, and behind it a unit where units is true.  False: it is none, or too large. */
static bool read_number(const char *text, bool has_units, uint64_t *number)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (errno != 0 || *number > (uint64_t)1 << 32)
        return false;
    if (!has_units)
        return *end == '\0';
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].name) == 0) {
            *number <<= units[i].shift;
            return true;
        }
    return false;
}

static bool read_bounded(const char *text, bool has_units, uint64_t min, uint64_t max,
                         uint64_t *number)
{
    uint64_t value;

    if (!read_number(text, has_units, &value) || value < min || value > max)
        return false;
    *number = value;
    return true;
}

/* Each returns NULL, or what it accepts. */

static const char *read_durability(const char *value, struct fs_v1_options *options)
{
    if (strcmp(value, "journal") != 0 && strcmp(value, "memory") != 0)
        return "journal or memory";
    options->is_durable = strcmp(value, "journal") == 0;
    return NULL;
}

static const char *read_orders_max(const char *value, struct fs_v1_options *options)
{
    uint64_t number;

    if (!read_bounded(value, false, 1, FS_V1_ORDERS_MAX, &number))
        return "a number from 1 to 16777216";
    options->orders_max = (uint32_t)number;
    return NULL;
}

static const char *read_sales_max(const char *value, struct fs_v1_options *options)
{
    uint64_t number;

    if (!read_bounded(value, false, 1, FS_V1_SALES_MAX, &number))
        return "a number from 1 to 4096";
    options->sales_max = (uint32_t)number;
    return NULL;
}

static const char *read_segment_size(const char *value, struct fs_v1_options *options)
{
    uint64_t number;

    if (!read_bounded(value, true, FS_V1_SEGMENT_MIN, FS_V1_SEGMENT_MAX, &number))
        return "a size from 64KiB to 1GiB, such as 64MiB";
    options->segment_size = number - number % FS_V1_RECORD_SIZE;
    return NULL;
}

static const char *read_repair(const char *value, struct fs_v1_options *options)
{
    if (strcmp(value, "none") != 0 && strcmp(value, "cut-last-batch") != 0)
        return "none or cut-last-batch";
    options->may_cut_last_batch = strcmp(value, "cut-last-batch") == 0;
    return NULL;
}

static const struct {
    const char *name;
    const char *(*read)(const char *value, struct fs_v1_options *options);
} known[] = {
    {"durability", read_durability}, {"orders_max", read_orders_max},
    {"sales_max", read_sales_max},   {"segment_size", read_segment_size},
    {"repair", read_repair},
};
#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

/* How many letters of the shorter name stand at the same place from the front or the back: enough to
 * find a slip of the pen among five names. */
static size_t likeness(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    size_t len = a_len < b_len ? a_len : b_len;
    size_t front = 0, back = 0;

    while (front < len && a[front] == b[front])
        front++;
    while (back < len - front && a[a_len - 1 - back] == b[b_len - 1 - back])
        back++;
    return front + back;
}

static int refuse_unknown(const struct fs_host *host, const char *name)
{
    size_t best = 0;

    for (size_t i = 1; i < KNOWN_COUNT; i++)
        if (likeness(name, known[i].name) > likeness(name, known[best].name))
            best = i;
    host->log(host, FS_LOG_ERROR,
              "v1: there is no option %s: did you mean %s? (durability, orders_max, sales_max, "
              "segment_size, repair)",
              name, known[best].name);
    return -EINVAL;
}

static int read_option(const struct fs_host *host, const struct fs_option *option,
                       struct fs_v1_options *options)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        const char *accepts;

        if (strcmp(option->name, known[i].name) != 0)
            continue;
        accepts = known[i].read(option->value, options);
        if (!accepts)
            return 0;
        host->log(host, FS_LOG_ERROR, "v1: %s is '%s': use %s", option->name, option->value,
                  accepts);
        return -EINVAL;
    }
    return refuse_unknown(host, option->name);
}

int fs_v1_options_read(const struct fs_host *host, const struct fs_options *given,
                       struct fs_v1_options *options)
{
    int error = 0;

    *options = (struct fs_v1_options){
        .is_durable = true,
        .orders_max = FS_V1_ORDERS_DEFAULT,
        .sales_max = FS_V1_SALES_MAX,
        .segment_size = FS_V1_SEGMENT_DEFAULT,
    };
    for (size_t i = 0; i < given->count && !error; i++)
        error = read_option(host, &given->list[i], options);
    return error;
}
