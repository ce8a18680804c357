/* HTTP/2 names a header that was sent before by one byte, so a block of 400 KiB is 400,000 headers to
 * h2o 2.2.5, which has no limit on their number and keeps 60 bytes for each. */
#include "http/header_block.h"

#include <errno.h>
#include <stdbool.h>

#define NUMBER_BITS_MAX 28u /* what h2o itself reads at most */
#define SIZE_UPDATES_MAX 2u /* at the head of a block: RFC 7541, section 4.2 */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* A number whose first bits are in the byte at the cursor.  False where it does not end, or is too
 * large. */
static bool take_number(struct cursor *cursor, unsigned prefix_bits, uint32_t *number)
{
    const uint32_t prefix_max = (1u << prefix_bits) - 1;
    uint32_t value = *cursor->at++ & prefix_max;

    if (value == prefix_max) {
        for (unsigned shift = 0;; shift += 7) {
            if (cursor->at == cursor->end || shift >= NUMBER_BITS_MAX)
                return false;
            value += (uint32_t)(*cursor->at & 0x7f) << shift;
            if ((*cursor->at++ & 0x80) == 0)
                break;
        }
    }
    *number = value;
    return true;
}

static bool skip_text(struct cursor *cursor, uint32_t len_min)
{
    uint32_t len;

    if (cursor->at == cursor->end || !take_number(cursor, 7, &len) || len < len_min ||
        len > (size_t)(cursor->end - cursor->at))
        return false;
    cursor->at += len;
    return true;
}

/* A field whose name may be given by number and whose value is a text. */
static bool skip_literal(struct cursor *cursor, unsigned prefix_bits)
{
    uint32_t index;

    if (!take_number(cursor, prefix_bits, &index))
        return false;
    return (index != 0 || skip_text(cursor, 1)) && skip_text(cursor, 0);
}

int fs_header_block_count(const uint8_t *block, size_t len, unsigned fields_max)
{
    struct cursor cursor = {block, block + len};
    unsigned field_count = 0, update_count = 0;
    uint32_t ignored;

    while (cursor.at != cursor.end) {
        const uint8_t first = *cursor.at;
        bool is_update = (first & 0xe0) == 0x20;
        bool is_whole;

        if (!is_update && field_count++ == fields_max)
            return -E2BIG;
        if (is_update && (field_count > 0 || update_count++ == SIZE_UPDATES_MAX))
            return -EINVAL;
        if ((first & 0x80) != 0)
            is_whole = take_number(&cursor, 7, &ignored);
        else if ((first & 0x40) != 0)
            is_whole = skip_literal(&cursor, 6);
        else if (is_update)
            is_whole = take_number(&cursor, 5, &ignored);
        else
            is_whole = skip_literal(&cursor, 4);
        if (!is_whole)
            return -EINVAL;
    }
    return (int)field_count;
}
