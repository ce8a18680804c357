/* Decimal numbers to text and back, without a locale and without NUL bytes. */
#include "text.h"

struct fs_text fs_ledger_number(char chars[FS_LEDGER_NUMBER_SIZE], int64_t value)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *end = chars + FS_LEDGER_NUMBER_SIZE;
    char *at = end;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    return (struct fs_text){at, (size_t)(end - at)};
}

struct fs_text fs_ledger_numbers(char chars[2 * FS_LEDGER_NUMBER_SIZE], int64_t first,
                                 int64_t second)
{
    char number[FS_LEDGER_NUMBER_SIZE];
    struct fs_text text = fs_ledger_number(number, first);
    size_t len = text.len;

    memcpy(chars, text.data, len);
    chars[len++] = '|';
    text = fs_ledger_number(number, second);
    memcpy(chars + len, text.data, text.len);
    return (struct fs_text){chars, len + text.len};
}

struct fs_text fs_ledger_append(char *chars, struct fs_text text, struct fs_text more)
{
    if (more.len == 0)
        return text;
    if (text.len > 0)
        memmove(chars, text.data, text.len);
    chars[text.len] = '|';
    memcpy(chars + text.len + 1, more.data, more.len);
    return (struct fs_text){chars, text.len + 1 + more.len};
}

bool fs_ledger_read_number(struct fs_text text, int64_t *value)
{
    bool is_negative = text.len > 0 && text.data[0] == '-';
    int64_t number = 0;

    if (text.len == (is_negative ? 1 : 0) || text.len > 19)
        return false;
    for (size_t i = is_negative ? 1 : 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > (INT64_MAX - 9) / 10)
            return false;
        number = number * 10 + (text.data[i] - '0');
    }
    *value = is_negative ? -number : number;
    return true;
}

bool fs_ledger_read_integer(const struct fs_reply *reply, int64_t *value)
{
    if (reply->kind == FS_REPLY_TEXT)
        return fs_ledger_read_number(reply->text, value);
    if (reply->kind != FS_REPLY_INTEGER)
        return false;
    *value = reply->integer;
    return true;
}
