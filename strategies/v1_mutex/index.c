/* The index: reserving memory, and putting slots in.  Looking up is inline in index.h. */
#include "index.h"

#include <errno.h>
#include <sys/mman.h>

void *fs_v1_reserve(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void fs_v1_release(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, bytes);
}

int fs_v1_index_init(struct fs_v1_index *index, uint32_t slots)
{
    uint64_t entries = 2;

    while (entries < 2 * (uint64_t)slots)
        entries *= 2;
    index->entries = fs_v1_reserve(entries * sizeof(*index->entries));
    if (!index->entries)
        return -ENOMEM;
    index->mask = entries - 1;
    return 0;
}

void fs_v1_index_dispose(struct fs_v1_index *index)
{
    fs_v1_release(index->entries, (index->mask + 1) * sizeof(*index->entries));
    *index = (struct fs_v1_index){0};
}

void fs_v1_index_put(struct fs_v1_index *index, uint64_t hash, uint32_t slot)
{
    uint64_t at = hash & index->mask;

    while (index->entries[at] != 0)
        at = (at + 1) & index->mask;
    index->entries[at] = (hash >> 32 << 32) | ((uint64_t)slot + 1);
}
