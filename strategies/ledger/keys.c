/* Writes the names of keys; keys.h lists them. */
#include "keys.h"

#include <assert.h>
#include <string.h>

static size_t append(char *chars, size_t len, struct fs_text text)
{
    memcpy(chars + len, text.data, text.len);
    return len + text.len;
}

static struct fs_text text_of(const char *text)
{
    return (struct fs_text){text, strlen(text)};
}

void fs_ledger_keys_init(struct fs_ledger_keys *keys, struct fs_text prefix, struct fs_text product)
{
    static const char *const names[FS_LEDGER_KEY_COUNT] = {
        [FS_LEDGER_KEY_SALE] = "sale",       [FS_LEDGER_KEY_ORDERS] = "orders",
        [FS_LEDGER_KEY_BUYERS] = "buyers",   [FS_LEDGER_KEY_LOG] = "log",
        [FS_LEDGER_KEY_CHANGES] = "changes", [FS_LEDGER_KEY_LOCK] = NULL,
        [FS_LEDGER_KEY_LAYOUT] = "layout",
    };
    size_t at = 0;

    assert(prefix.len <= FS_LEDGER_PREFIX_LEN_MAX && product.len <= FS_LEDGER_NAME_LEN_MAX);
    for (unsigned i = 0; i < FS_LEDGER_KEY_COUNT; i++) {
        char *chars = keys->chars + at;
        size_t len = append(chars, 0, names[i] ? prefix : text_of("lock:"));

        len = append(chars, len, text_of("{"));
        len = append(chars, len, product);
        len = append(chars, len, text_of("}"));
        if (names[i]) {
            len = append(chars, len, text_of(":"));
            len = append(chars, len, text_of(names[i]));
        }
        assert(len <= FS_LEDGER_KEY_LEN_MAX);
        keys->list[i] = (struct fs_text){chars, len};
        at += len;
    }
}

struct fs_text fs_ledger_key_write(char chars[FS_LEDGER_KEY_LEN_MAX], struct fs_text prefix,
                                   const char *name)
{
    size_t len = append(chars, 0, prefix);

    assert(prefix.len <= FS_LEDGER_PREFIX_LEN_MAX && strlen(name) <= 16);
    return (struct fs_text){chars, append(chars, len, text_of(name))};
}
