/* Text in and out of bounded memory, without locale and without malloc on the way of a request. */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DISTANCE_LEN_MAX 64

static char lower_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

bool fs_text_equals_nocase(struct fs_text a, struct fs_text b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower_of(a.data[i]) != lower_of(b.data[i]))
            return false;
    return true;
}

bool fs_text_is_id(struct fs_text text, size_t len_max)
{
    if (text.len == 0 || text.len > len_max)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = lower_of(text.data[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return true;
}

int fs_text_to_u64(struct fs_text text, uint64_t max, uint64_t *value)
{
    uint64_t read = 0;
    bool is_too_large = false;

    if (text.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.data[i] - '0';

        if (digit > 9)
            return -EINVAL;
        if (digit > max || read > (max - digit) / 10)
            is_too_large = true;
        else
            read = read * 10 + digit;
    }
    if (is_too_large)
        return -ERANGE;
    *value = read;
    return 0;
}

static unsigned min_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The unrestricted distance, after Lowrance and Wagner, "An Extension of the String-to-String
 * Correction Problem" (1975).  edits[i + 1][j + 1] is the distance of the first i bytes of a and the
 * first j of b; row and column 0 are a border that is never the smallest. */
size_t fs_text_distance(struct fs_text a, struct fs_text b)
{
    unsigned char edits[DISTANCE_LEN_MAX + 2][DISTANCE_LEN_MAX + 2];
    unsigned char row_of_byte[256] = {0}; /* last row in which a had this byte, from 1 */

    if (a.len > DISTANCE_LEN_MAX || b.len > DISTANCE_LEN_MAX)
        return SIZE_MAX;
    for (unsigned i = 0; i <= a.len + 1; i++) {
        edits[i][0] = (unsigned char)(a.len + b.len);
        edits[i][1] = (unsigned char)(i > 0 ? i - 1 : a.len + b.len);
    }
    for (unsigned j = 1; j <= b.len + 1; j++) {
        edits[0][j] = (unsigned char)(a.len + b.len);
        edits[1][j] = (unsigned char)(j - 1);
    }
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned same_column = 0; /* last column of this row in which the bytes were the same */

        for (unsigned j = 1; j <= b.len; j++) {
            unsigned row = row_of_byte[(unsigned char)b.data[j - 1]];
            unsigned column = same_column;
            bool is_same = a.data[i - 1] == b.data[j - 1];
            unsigned changed = edits[i][j] + (is_same ? 0u : 1u);
            unsigned swapped = edits[row][column] + (i - row - 1) + 1 + (j - column - 1);
            unsigned moved = min_of(edits[i + 1][j], edits[i][j + 1]) + 1u;

            edits[i + 1][j + 1] = (unsigned char)min_of(min_of(changed, moved), swapped);
            if (is_same)
                same_column = j;
        }
        row_of_byte[(unsigned char)a.data[i - 1]] = (unsigned char)i;
    }
    return edits[a.len + 1][b.len + 1];
}

/* The table of well-formed sequences: The Unicode Standard, table 3-7. */
size_t fs_text_utf8_first(struct fs_text text, uint32_t *code)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    unsigned char second_min = 0x80;
    unsigned char second_max = 0xbf;
    uint32_t read;
    size_t len;

    if (text.len == 0)
        return 0;
    if (bytes[0] < 0x80) {
        *code = bytes[0];
        return 1;
    }
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4)
        return 0;
    len = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    if (bytes[0] == 0xe0)
        second_min = 0xa0; /* else overlong */
    else if (bytes[0] == 0xed)
        second_max = 0x9f; /* else a surrogate */
    else if (bytes[0] == 0xf0)
        second_min = 0x90; /* else overlong */
    else if (bytes[0] == 0xf4)
        second_max = 0x8f; /* else above U+10FFFF */
    if (text.len < len || bytes[1] < second_min || bytes[1] > second_max)
        return 0;
    read = bytes[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        read = read << 6 | (bytes[i] & 0x3fu);
    }
    *code = read;
    return len;
}

/* Room for len more bytes, which the caller fills; NULL: they do not fit, or are none. */
static char *reserve(struct fs_buffer *buffer, size_t len)
{
    if (len == 0)
        return NULL;
    if (buffer->overflowed || len > buffer->capacity - buffer->len) {
        buffer->overflowed = true;
        return NULL;
    }
    buffer->len += len;
    return buffer->data + buffer->len - len;
}

void fs_buffer_add(struct fs_buffer *buffer, struct fs_text text)
{
    char *at = reserve(buffer, text.len);

    if (at)
        memcpy(at, text.data, text.len);
}

static void add_number(struct fs_buffer *buffer, uint64_t value, bool is_negative)
{
    char digits[21]; /* 20 of UINT64_MAX, or a sign and 19 */
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (is_negative)
        digits[--at] = '-';
    fs_buffer_add(buffer, (struct fs_text){digits + at, sizeof(digits) - at});
}

void fs_buffer_add_u64(struct fs_buffer *buffer, uint64_t value)
{
    add_number(buffer, value, false);
}

void fs_buffer_add_i64(struct fs_buffer *buffer, int64_t value)
{
    /* Negated as unsigned: INT64_MIN has no positive counterpart. */
    add_number(buffer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

/* vsnprintf wants room for a NUL, which the buffer does not owe it: a text that fits to the byte is
 * formatted again beside the buffer. */
__attribute__((format(printf, 2, 0))) static void
add_format_exactly(struct fs_buffer *buffer, const char *format, va_list args)
{
    char *copy;
    int len = vasprintf(&copy, format, args);

    if (len < 0) {
        buffer->overflowed = true;
        return;
    }
    fs_buffer_add(buffer, (struct fs_text){copy, (size_t)len});
    free(copy);
}

void fs_buffer_add_format(struct fs_buffer *buffer, const char *format, ...)
{
    size_t room = buffer->capacity - buffer->len;
    va_list args, again;
    int len;

    if (buffer->overflowed)
        return;
    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(room > 0 ? buffer->data + buffer->len : NULL, room, format, args);
    if (len < 0 || (size_t)len > room)
        buffer->overflowed = true;
    else if ((size_t)len == room)
        add_format_exactly(buffer, format, again);
    else
        buffer->len += (size_t)len;
    va_end(again);
    va_end(args);
}

static void add_json_escape(struct fs_buffer *buffer, char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = c ? strchr(plain, c) : NULL;

    if (found) {
        fs_buffer_add(buffer, (struct fs_text){(char[]){'\\', letters[found - plain]}, 2});
        return;
    }
    fs_buffer_add(buffer, FS_TEXT("\\u00"));
    fs_buffer_add(buffer, (struct fs_text){(char[]){hex[c >> 4 & 0xf], hex[c & 0xf]}, 2});
}

static bool is_plain_in_json(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f && c != '"' && c != '\\';
}

void fs_buffer_add_json(struct fs_buffer *buffer, struct fs_text text)
{
    size_t start = buffer->len;
    size_t at = 0;

    fs_buffer_add(buffer, FS_TEXT("\""));
    while (at < text.len) {
        struct fs_text rest = {text.data + at, 0};
        uint32_t code;
        size_t len;

        while (at + rest.len < text.len && is_plain_in_json(rest.data[rest.len]))
            rest.len++;
        fs_buffer_add(buffer, rest);
        at += rest.len;
        if (at == text.len)
            break;
        rest = (struct fs_text){text.data + at, text.len - at};
        len = fs_text_utf8_first(rest, &code);
        if (len == 0)
            fs_buffer_add(buffer, FS_TEXT("\xef\xbf\xbd"));
        else if (len == 1)
            add_json_escape(buffer, *rest.data);
        else
            fs_buffer_add(buffer, (struct fs_text){rest.data, len});
        at += len ? len : 1;
    }
    fs_buffer_add(buffer, FS_TEXT("\""));
    if (buffer->overflowed)
        buffer->len = start;
}

void fs_buffer_add_base32(struct fs_buffer *buffer, const void *bytes, size_t len)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    const unsigned char *from = bytes;
    uint32_t bits = 0;      /* the last bit_count bits are not written yet */
    unsigned bit_count = 0; /* at most 4 between bytes */
    char *at;

    /* Asked first, so that the size below cannot wrap around. */
    if (len > buffer->capacity) {
        buffer->overflowed = true;
        return;
    }
    at = reserve(buffer, (len / 5) * 8 + (len % 5 * 8 + 4) / 5);
    if (!at)
        return;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | from[i];
        for (bit_count += 8; bit_count >= 5; bit_count -= 5)
            *at++ = alphabet[bits >> (bit_count - 5) & 31];
    }
    if (bit_count > 0)
        *at = alphabet[bits << (5 - bit_count) & 31];
}
