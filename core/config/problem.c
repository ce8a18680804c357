/* Builds the one line that a user sees when a configuration is refused. */
#include "config/problem.h"

#include <errno.h>
#include <stdio.h>

#include "config/address.h"

bool fs_config_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
           (code & 0xfffe) == 0xfffe;
}

void fs_config_clean(char *text)
{
    size_t left = strlen(text), len;

    for (; left > 0; text += len, left -= len) {
        uint32_t code = 0;
        len = fs_text_utf8_first((struct fs_text){text, left}, &code);
        if (len == 0 || fs_config_is_control(code)) {
            len = len ? len : 1;
            memset(text, '?', len);
        }
    }
}

int fs_config_fail(struct fs_config_error *error, const char *where, const char *format, ...)
{
    size_t used = 0;
    va_list args;

    if (where) {
        int len = snprintf(error->text, sizeof(error->text), "%.480s: ", where);
        used = len > 0 ? (size_t)len : 0;
    }
    va_start(args, format);
    vsnprintf(error->text + used, sizeof(error->text) - used, format, args);
    va_end(args);
    fs_config_clean(error->text);
    return -EINVAL;
}

int fs_config_fail_memory(struct fs_config_error *error)
{
    fs_config_fail(error, NULL, "out of memory");
    return -ENOMEM;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

const char *fs_config_show(struct fs_text text, char shown[FS_CONFIG_SHOWN_SIZE])
{
    size_t room = FS_CONFIG_SHOWN_SIZE - sizeof("...");
    size_t len = text.len;

    if (len > room)
        for (len = room; len > 0 && is_continuation(text.data[len]);)
            len--;
    if (len > 0)
        memcpy(shown, text.data, len);
    memcpy(shown + len, len < text.len ? "..." : "", len < text.len ? 4 : 1);
    return shown;
}

int fs_config_mistakes_add(struct fs_config_mistakes *mistakes, int rc,
                           const struct fs_config_error *error)
{
    size_t len = strlen(error->text);

    if (rc != -EINVAL)
        return rc;
    mistakes->count++;
    if (mistakes->len + len + 32 > sizeof(mistakes->text)) { /* there stays room for "and n more" */
        mistakes->left_out++;
        return 0;
    }
    mistakes->len +=
        (size_t)snprintf(mistakes->text + mistakes->len, sizeof(mistakes->text) - mistakes->len,
                         "%s%s", mistakes->len > 0 ? "\n" : "", error->text);
    return 0;
}

int fs_config_mistakes_end(struct fs_config_mistakes *mistakes, int rc,
                           struct fs_config_error *error)
{
    if (rc != 0)
        rc = fs_config_mistakes_add(mistakes, rc, error);
    if (rc != 0 || mistakes->count == 0)
        return rc;
    if (mistakes->left_out > 0)
        snprintf(mistakes->text + mistakes->len, sizeof(mistakes->text) - mistakes->len,
                 "\nand %u more", mistakes->left_out);
    if (mistakes->len > 0)
        memcpy(error->text, mistakes->text, sizeof(error->text));
    return -EINVAL;
}

struct fs_config_url_parts fs_config_url_split(struct fs_text text)
{
    const char *scheme_end = memmem(text.data, text.len, "://", 3);
    const char *at = memrchr(text.data, '@', text.len);
    struct fs_config_url_parts parts = {{text.data, 0}, text, false};

    /* A path may contain anything and hides nothing. */
    if (text.len >= 5 && memcmp(text.data, "unix:", 5) == 0)
        return parts;
    if (scheme_end && (!at || scheme_end < at))
        parts.scheme.len = (size_t)(scheme_end - text.data) + 3;
    parts.place.data += parts.scheme.len;
    parts.place.len -= parts.scheme.len;
    if (at) {
        parts.hidden = true;
        parts.place = (struct fs_text){at + 1, (size_t)(text.data + text.len - at) - 1};
    }
    return parts;
}

const char *fs_config_show_value(const struct fs_config_key *key, struct fs_text text,
                                 char shown[FS_CONFIG_SHOWN_SIZE])
{
    struct fs_config_url_parts parts;
    char line[2 * FS_CONFIG_SHOWN_SIZE];

    if (key && key->kind == FS_CONFIG_SECRET)
        return fs_config_show(FS_TEXT("(set)"), shown);
    if (!key || key->check != fs_config_check_redis_url || text.len == 0)
        return fs_config_show(text, shown);
    parts = fs_config_url_split(text);
    snprintf(line, sizeof(line), "%.*s%s%.*s", (int)(parts.scheme.len < 20 ? parts.scheme.len : 20),
             parts.scheme.data, parts.hidden ? "(set)@" : "",
             (int)(parts.place.len < 120 ? parts.place.len : 120), parts.place.data);
    return fs_config_show(fs_text_of(line), shown);
}
