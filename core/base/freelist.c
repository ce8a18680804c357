/* Slots for what is made and unmade all the time, such as ops.
 *
 * Slots that were given back form a chain through their first bytes; slots that were never taken lie
 * behind the others, untouched.  The chain is empty exactly when the used slots are the first
 * used_max ones, so used_max is also the number of the first untouched slot. */
#include "base/freelist.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <sys/mman.h>

/* Under the address sanitizer a slot that nobody holds is poisoned: touching it is a report. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define HAS_ADDRESS_SANITIZER 1
#endif
#ifdef HAS_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#define HIDE(address, size) ASAN_POISON_MEMORY_REGION(address, size)
#define SHOW(address, size) ASAN_UNPOISON_MEMORY_REGION(address, size)
#define ROOT_ADD(address, size) __lsan_register_root_region(address, size)
#define ROOT_REMOVE(address, size) __lsan_unregister_root_region(address, size)
#else
#define HIDE(address, size) ((void)(address), (void)(size))
#define SHOW(address, size) ((void)(address), (void)(size))
#define ROOT_ADD(address, size) ((void)(address), (void)(size))
#define ROOT_REMOVE(address, size) ((void)(address), (void)(size))
#endif

static size_t block_size(const struct fs_freelist *list)
{
    return list->slot_size * list->slot_count;
}

int fs_freelist_init(struct fs_freelist *list, size_t slot_size, uint32_t slot_count)
{
    const size_t align = alignof(max_align_t);
    size_t size = slot_size < sizeof(void *) ? sizeof(void *) : slot_size;
    void *block;

    assert(slot_count > 0);
    if (size > SIZE_MAX - align)
        return -ENOMEM;
    size = (size + align - 1) / align * align;
    if (size > SIZE_MAX / slot_count)
        return -ENOMEM;
    /* Not calloc: a large block of it may come from memory used before, and is then cleared, so
     * touched, at once. */
    block =
        mmap(NULL, size * slot_count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return -ENOMEM;
    *list = (struct fs_freelist){.block = block, .slot_size = size, .slot_count = slot_count};
    ROOT_ADD(list->block, block_size(list));
    HIDE(list->block, block_size(list));
    return 0;
}

void fs_freelist_dispose(struct fs_freelist *list)
{
    if (!list->block)
        return;
    SHOW(list->block, block_size(list));
    ROOT_REMOVE(list->block, block_size(list));
    munmap(list->block, block_size(list));
    *list = (struct fs_freelist){0};
}

void *fs_freelist_take(struct fs_freelist *list)
{
    void *slot = list->first_free;

    if (slot) {
        SHOW(slot, list->slot_size);
        list->first_free = *(void **)slot;
    } else if (list->used_count < list->slot_count) {
        assert(list->used_count == list->used_max);
        slot = list->block + list->slot_size * list->used_count;
        SHOW(slot, list->slot_size);
    } else {
        return NULL;
    }
    list->used_count++;
    if (list->used_count > list->used_max)
        list->used_max = list->used_count;
    return slot;
}

void fs_freelist_give(struct fs_freelist *list, void *slot)
{
    size_t at = (size_t)((char *)slot - list->block);

    assert(list->used_count > 0);
    assert(at < block_size(list) && at % list->slot_size == 0);
    *(void **)slot = list->first_free;
    list->first_free = slot;
    list->used_count--;
    HIDE(slot, list->slot_size);
}
