/* Reads and writes base64url. */
#include "auth/base64url.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of a character, -1 for others. */
static int sextet_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool fs_base64url_is_canonical(struct fs_text text)
{
    int sextet = 0;

    if (text.len == 0 || text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        sextet = sextet_of((unsigned char)text.data[i]);
        if (sextet < 0)
            return false;
    }
    /* The last of two characters carries 4 bits too many, the last of three 2. */
    return text.len % 4 == 2 ? (sextet & 15) == 0 : text.len % 4 == 3 ? (sextet & 3) == 0 : true;
}

ssize_t fs_base64url_decode(struct fs_text text, unsigned char *bytes, size_t size)
{
    uint32_t held = 0;
    unsigned held_bits = 0;
    size_t len = 0;

    if (text.len % 4 == 1)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        int sextet = sextet_of((unsigned char)text.data[i]);

        if (sextet < 0)
            return -1;
        held = held << 6 | (uint32_t)sextet;
        held_bits += 6;
        if (held_bits < 8)
            continue;
        held_bits -= 8;
        if (len == size)
            return -1;
        bytes[len++] = (unsigned char)(held >> held_bits);
        held &= (1u << held_bits) - 1;
    }
    return held == 0 ? (ssize_t)len : -1;
}

void fs_base64url_add(struct fs_buffer *buffer, const void *bytes, size_t len)
{
    const unsigned char *data = bytes;

    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)data[i] << 16 | (i + 1 < len ? (uint32_t)data[i + 1] << 8 : 0) |
                         (i + 2 < len ? data[i + 2] : 0u);
        char four[4] = {alphabet[three >> 18], alphabet[three >> 12 & 63],
                        alphabet[three >> 6 & 63], alphabet[three & 63]};

        fs_buffer_add(buffer, (struct fs_text){four, len - i >= 3 ? 4 : len - i + 1});
    }
}
