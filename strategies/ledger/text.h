/* Numbers and texts of the ledger's commands and replies. */
#ifndef FS_LEDGER_TEXT_H
#define FS_LEDGER_TEXT_H

#include <string.h>

#include <flashsale/strategy.h>

#define FS_LEDGER_NUMBER_SIZE 24u /* room for any number as text */

/* A string literal as a text. */
#define FS_LEDGER_TEXT(literal) ((struct fs_text){(literal), sizeof(literal) - 1})

/* Writes value in decimal into chars. */
struct fs_text fs_ledger_number(char chars[FS_LEDGER_NUMBER_SIZE], int64_t value);

/* Likewise "first|second". */
struct fs_text fs_ledger_numbers(char chars[2 * FS_LEDGER_NUMBER_SIZE], int64_t first,
                                 int64_t second);

/* Writes text, which may lie in chars, and behind it "|more" where more is not empty.  chars has room. */
struct fs_text fs_ledger_append(char *chars, struct fs_text text, struct fs_text more);

/* The whole text as a decimal number.  False: it is none, or too large; *value is untouched. */
bool fs_ledger_read_number(struct fs_text text, int64_t *value);

/* An integer, or a text that is a number; otherwise is as fs_ledger_read_number(). */
bool fs_ledger_read_integer(const struct fs_reply *reply, int64_t *value);

/* FNV-1a.  Names that were chosen to collide only share a bucket while they are asked for. */
static inline size_t fs_ledger_hash(struct fs_text text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

static inline bool fs_ledger_same(struct fs_text a, struct fs_text b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

#endif
