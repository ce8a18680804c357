/* How often one buyer and one address may ask: purchases, cancels and lookups, before any strategy.
 *
 * Token buckets of a second's worth, kept as the time at which a bucket would be full again (the generic
 * cell rate algorithm, ITU-T I.371).  Memory is fixed, and nothing is evicted: each name owns one cell
 * in each of two rows, chosen by a keyed hash, and shares them with others; the emptier one counts, so
 * nobody gets more than the rate, and one who is quiet is refused only when both cells are shared with
 * somebody who is not.  Lock-free: the loops share the cells. */
#ifndef FS_HTTP_RATES_H
#define FS_HTTP_RATES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define FS_RATES_ROWS 2u

struct fs_rates {
    uint64_t seed; /* constant: nobody can aim at another's cells */
    _Atomic uint64_t
        *cells; /* owned: rows of FS_RATES_CELLS; pages are touched only as names come */
};

int fs_rates_init(struct fs_rates *rates); /* 0, -ENOMEM.  [main] */
void fs_rates_dispose(struct fs_rates *rates);

/* Takes one of name's tokens.  per_second 0: no limit.  False: none is left, and *retry_after_s, 1 or
 * more, says when one will be.  now_us: fs_clock_now_us().  [any] */
bool fs_rates_take(struct fs_rates *rates, struct fs_text name, uint32_t per_second,
                   uint64_t now_us, unsigned *retry_after_s);

#endif
