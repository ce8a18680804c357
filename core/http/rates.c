/* Token buckets in fixed memory: see the header. */
#include "http/rates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CELLS 32768u /* of a row, a power of two */
#define SECOND_US UINT64_C(1000000)

int fs_rates_init(struct fs_rates *rates)
{
    if (getrandom(&rates->seed, sizeof(rates->seed), 0) != (ssize_t)sizeof(rates->seed))
        return -EIO;
    rates->cells = calloc(FS_RATES_ROWS * (size_t)CELLS, sizeof(*rates->cells));
    return rates->cells ? 0 : -ENOMEM;
}

void fs_rates_dispose(struct fs_rates *rates)
{
    free(rates->cells);
    rates->cells = NULL;
}

static void find_cells(const struct fs_rates *rates, struct fs_text name,
                       _Atomic uint64_t *cells[FS_RATES_ROWS])
{
    uint64_t hash = rates->seed;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 29 ^ rates->seed) * UINT64_C(0xbf58476d1ce4e5b9);
    hash ^= hash >> 32;
    for (uint32_t row = 0; row < FS_RATES_ROWS; row++)
        cells[row] = &rates->cells[row * CELLS + (hash >> (16 * row) & (CELLS - 1))];
}

static void raise_to(_Atomic uint64_t *cell, uint64_t full_at_us)
{
    uint64_t now = atomic_load_explicit(cell, memory_order_relaxed);

    while (now < full_at_us && !atomic_compare_exchange_weak(cell, &now, full_at_us))
        ;
}

bool fs_rates_take(struct fs_rates *rates, struct fs_text name, uint32_t per_second,
                   uint64_t now_us, unsigned *retry_after_s)
{
    _Atomic uint64_t *cells[FS_RATES_ROWS];
    uint64_t full_at_us;

    if (per_second == 0)
        return true;
    find_cells(rates, name, cells);
    for (;;) {
        _Atomic uint64_t *emptier = cells[0];
        uint64_t found_us;

        for (uint32_t row = 1; row < FS_RATES_ROWS; row++)
            if (atomic_load(cells[row]) < atomic_load(emptier))
                emptier = cells[row];
        found_us = atomic_load(emptier);
        full_at_us = (found_us > now_us ? found_us : now_us) + SECOND_US / per_second;
        if (full_at_us > now_us + SECOND_US) {
            *retry_after_s =
                (unsigned)((full_at_us - now_us - SECOND_US + SECOND_US - 1) / SECOND_US);
            return false;
        }
        if (atomic_compare_exchange_strong(emptier, &found_us, full_at_us))
            break; /* else another loop took one meanwhile */
    }
    for (uint32_t row = 0; row < FS_RATES_ROWS; row++)
        raise_to(cells[row], full_at_us);
    return true;
}
