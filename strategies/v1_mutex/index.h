/* An open-addressing hash index over the slots of a table, and the memory both live in.
 *
 * Memory is reserved once, at open, and touched as it fills: a purchase never allocates, and there
 * is no pause to grow.  An entry is 64 bits, the upper half of the hash as a tag and the slot plus
 * one, so that a probe reads the table itself only where the tag matches.  Slots are never removed.
 * Linear probing (Knuth, volume 3, 6.4, algorithm L), filled to at most one half. */
#ifndef FS_V1_INDEX_H
#define FS_V1_INDEX_H

#include <stddef.h>
#include <stdint.h>

#define FS_V1_NO_SLOT UINT32_MAX

/* Zeroed memory, whole pages; given back by fs_v1_release().  NULL: out of memory.  [any] */
void *fs_v1_reserve(size_t bytes);
void fs_v1_release(void *memory, size_t bytes); /* NULL is fine */

struct fs_v1_index {
    uint64_t *entries; /* owned */
    uint64_t mask;     /* entries - 1 */
};

/* For at most slots entries.  Returns 0 or -ENOMEM. */
int fs_v1_index_init(struct fs_v1_index *index, uint32_t slots);
void fs_v1_index_dispose(struct fs_v1_index *index);

/* The same slot is put in once. */
void fs_v1_index_put(struct fs_v1_index *index, uint64_t hash, uint32_t slot);

struct fs_v1_probe {
    uint64_t at;
    uint32_t tag;
};

static inline struct fs_v1_probe fs_v1_index_probe(const struct fs_v1_index *index, uint64_t hash)
{
    return (struct fs_v1_probe){hash & index->mask, (uint32_t)(hash >> 32)};
}

/* Reads nothing, so it needs no lock. */
static inline void fs_v1_index_prefetch(const struct fs_v1_index *index, uint64_t hash)
{
    __builtin_prefetch(&index->entries[hash & index->mask]);
}

/* The next slot that may be the one looked for, FS_V1_NO_SLOT: there is none. */
static inline uint32_t fs_v1_index_next(const struct fs_v1_index *index, struct fs_v1_probe *probe)
{
    for (;;) {
        uint64_t entry = index->entries[probe->at];

        if (entry == 0)
            return FS_V1_NO_SLOT;
        probe->at = (probe->at + 1) & index->mask;
        if ((uint32_t)(entry >> 32) == probe->tag)
            return (uint32_t)entry - 1;
    }
}

#endif
