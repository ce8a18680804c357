/* Options by table: a strategy says what it knows, and everything else is refused by name. */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static bool read_word(const struct fs_ledger_option *option, const char *value)
{
    for (uint32_t i = 0; option->words[i]; i++)
        if (strcmp(option->words[i], value) == 0) {
            *option->value = i;
            return true;
        }
    return false;
}

static bool read_number(const struct fs_ledger_option *option, const char *value)
{
    int64_t number;

    if (!fs_ledger_read_number((struct fs_text){value, strlen(value)}, &number) ||
        number < option->min || number > option->max)
        return false;
    *option->value = (uint32_t)number;
    return true;
}

/* "a, b or c" of texts that option() names, in chars. */
static void join(char *chars, size_t size, const char *(*text_at)(const void *list, size_t index),
                 const void *list, size_t count)
{
    size_t len = 0;

    chars[0] = '\0';
    for (size_t i = 0; i < count && len < size; i++) {
        const char *between = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        int added = snprintf(chars + len, size - len, "%s%s", between, text_at(list, i));

        len += added > 0 ? (size_t)added : 0;
    }
}

static const char *word_at(const void *list, size_t index)
{
    return ((const char *const *)list)[index];
}

static const char *name_at(const void *list, size_t index)
{
    return ((const struct fs_ledger_option *)list)[index].name;
}

static int refuse_value(const struct fs_host *host, const char *strategy,
                        const struct fs_ledger_option *option, const char *value)
{
    char accepted[256];

    if (option->words) {
        size_t count = 0;

        while (option->words[count])
            count++;
        join(accepted, sizeof(accepted), word_at, option->words, count);
    } else {
        snprintf(accepted, sizeof(accepted), "a number from %" PRIu32 " to %" PRIu32, option->min,
                 option->max);
    }
    host->log(host, FS_LOG_ERROR, "%s: %s is '%s': use %s", strategy, option->name, value,
              accepted);
    return -EINVAL;
}

int fs_ledger_options_read(const struct fs_host *host, const char *strategy,
                           const struct fs_options *given, const struct fs_ledger_option *known,
                           size_t known_count)
{
    char names[256];

    for (size_t i = 0; i < given->count; i++) {
        const struct fs_ledger_option *option = NULL;
        const char *value = given->list[i].value;

        for (size_t k = 0; k < known_count && !option; k++)
            if (strcmp(known[k].name, given->list[i].name) == 0)
                option = &known[k];
        if (!option) {
            join(names, sizeof(names), name_at, known, known_count);
            host->log(host, FS_LOG_ERROR, "%s: there is no option %s: use %s", strategy,
                      given->list[i].name, names);
            return -EINVAL;
        }
        if (option->words ? !read_word(option, value) : !read_number(option, value))
            return refuse_value(host, strategy, option, value);
    }
    return 0;
}
