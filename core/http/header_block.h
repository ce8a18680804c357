/* Looks at a block of compressed headers before anybody decodes it. */
#ifndef FS_HTTP_HEADER_BLOCK_H
#define FS_HTTP_HEADER_BLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Counts the fields of a whole block, decoding none of them: what a block of a few bytes would become
 * in memory is known only by their number.
 * Returns how many there are, 0 or more; -E2BIG when there are more than fields_max; -EINVAL when the
 * block ends within a field, has a number of more than 28 bits, or a name without a byte.
 * Source: RFC 7541, sections 5 and 6.  [any] */
int fs_header_block_count(const uint8_t *block, size_t len, unsigned fields_max);

#endif
