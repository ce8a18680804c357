/* What h2o's header of its HTTP/2 connection needs, and Debian's package does not bring: the shape of
 * the table of streams, to look into and never to change.
 *
 * The names are those that <h2o/http2_internal.h> asks for.  The table is open addressing: a power of
 * two of buckets, two bits a bucket (2: never used, 1: deleted), and steps that grow by one.
 * fs_http2_prove() tries out at each start that this fits the library that is there. */
#ifndef FS_HTTP_H2O_PRIVATE_KHASH_H
#define FS_HTTP_H2O_PRIVATE_KHASH_H

#include <stdbool.h>
#include <stdint.h>

#define KHASH_MAP_INIT_INT64(name, value)                                              \
    struct kh_##name {                                                                 \
        uint32_t n_buckets, n_used, n_touched, n_touched_max;                          \
        uint32_t *flags;                                                               \
        uint64_t *keys;                                                                \
        value *vals;                                                                   \
    };                                                                                 \
    static inline uint32_t kh_get_##name(const struct kh_##name *table, uint64_t key)  \
    {                                                                                  \
        const uint32_t mask = table->n_buckets - 1;                                    \
        uint32_t at = (uint32_t)(key >> 33 ^ key ^ key << 11) & mask;                  \
                                                                                       \
        for (uint32_t step = 1; step <= table->n_buckets; at = (at + step++) & mask) { \
            if (fs_kh_flags(table->flags, at) & 2)                                     \
                break;                                                                 \
            if (fs_kh_flags(table->flags, at) == 0 && table->keys[at] == key)          \
                return at;                                                             \
        }                                                                              \
        return table->n_buckets;                                                       \
    }

#define khash_t(name) struct kh_##name
#define khiter_t uint32_t
#define kh_get(name, table, key) kh_get_##name(table, key)
#define kh_val(table, at) ((table)->vals[at])
#define kh_end(table) ((table)->n_buckets)

static inline uint32_t fs_kh_flags(const uint32_t *flags, uint32_t at)
{
    return flags[at >> 4] >> ((at & 15) << 1) & 3;
}

#endif
