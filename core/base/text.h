/* Borrowed text with a length, and a bounded buffer to write text into. */
#ifndef FS_BASE_TEXT_H
#define FS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <flashsale/strategy.h> /* struct fs_text */

#define FS_TEXT(literal) ((struct fs_text){"" literal, sizeof(literal) - 1})

static inline struct fs_text fs_text_of(const char *z)
{
    return (struct fs_text){z, z ? strlen(z) : 0};
}

static inline bool fs_text_equals(struct fs_text a, struct fs_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ASCII letters without regard to case. */
bool fs_text_equals_nocase(struct fs_text a, struct fs_text b);

/* 1 to len_max bytes of [A-Za-z0-9_-]: what a product id may be. */
bool fs_text_is_id(struct fs_text text, size_t len_max);

/* Reads decimal digits, nothing else, up to max.  Returns 0, -EINVAL or -ERANGE; *value is left
 * alone on failure. */
int fs_text_to_u64(struct fs_text text, uint64_t max, uint64_t *value);

/* Edits between two short texts (Damerau-Levenshtein, at most 64 bytes each; longer ones are far
 * apart: SIZE_MAX), for "did you mean". */
size_t fs_text_distance(struct fs_text a, struct fs_text b);

/* Length of the character that text begins with, 1 to 4 bytes, and its code point; 0 where text does
 * not begin with well-formed UTF-8 (or is empty), *code is then left alone. */
size_t fs_text_utf8_first(struct fs_text text, uint32_t *code);

/* A bounded buffer in memory of the caller's.  What does not fit is not written at all, sets
 * overflowed and every later write is dropped: check once at the end. */
struct fs_buffer {
    char *data;
    size_t len;      /* bytes written */
    size_t capacity; /* bytes */
    bool overflowed;
};

static inline struct fs_buffer fs_buffer_of(char *data, size_t capacity)
{
    return (struct fs_buffer){data, 0, capacity, false};
}

void fs_buffer_add(struct fs_buffer *buffer, struct fs_text text);
void fs_buffer_add_u64(struct fs_buffer *buffer, uint64_t value);
void fs_buffer_add_i64(struct fs_buffer *buffer, int64_t value);
void fs_buffer_add_format(struct fs_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds text as a JSON string with its quotes; each byte that is not part of well-formed UTF-8
 * becomes U+FFFD. */
void fs_buffer_add_json(struct fs_buffer *buffer, struct fs_text text);

/* Adds bytes as lower-case base32 (RFC 4648 alphabet, no padding): 26 characters for 16 bytes. */
void fs_buffer_add_base32(struct fs_buffer *buffer, const void *bytes, size_t len);

#endif
