/* Numbers that one thread writes and others may read at any time: no lock, no bus traffic. */
#ifndef FS_BASE_COUNTER_H
#define FS_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct fs_counter {
    _Atomic uint64_t value;
};

/* One writer only: a load and a store, not an atomic addition. */
static inline void fs_counter_add(struct fs_counter *counter, uint64_t n)
{
    uint64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);

    atomic_store_explicit(&counter->value, value + n, memory_order_relaxed);
}

static inline void fs_counter_set(struct fs_counter *counter, uint64_t value)
{
    atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

static inline uint64_t fs_counter_read(const struct fs_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

#endif
