/* Equal-sized slots taken from one block that is allocated once: no malloc afterwards. */
#ifndef FS_BASE_FREELIST_H
#define FS_BASE_FREELIST_H

#include <stddef.h>
#include <stdint.h>

struct fs_freelist {
    char *block; /* owned */
    size_t slot_size;
    uint32_t slot_count;
    uint32_t used_count;
    uint32_t used_max; /* highest used_count so far */
    void *first_free;
};

/* slot_size: bytes, rounded up for any type; slot_count: 1 or more.  Pages are touched only as slots
 * are first taken.  Returns 0 or -ENOMEM.  [main] */
int fs_freelist_init(struct fs_freelist *list, size_t slot_size, uint32_t slot_count);
void fs_freelist_dispose(
    struct fs_freelist *list); /* also twice, or after zeroing instead of init */

/* A slot whose content is what its last user left (zeroes at first), except the first pointer-sized
 * bytes; NULL when all are in use.  A slot that nobody holds may not be touched, not even read: the
 * address sanitizer reports it.  [loop] */
void *fs_freelist_take(struct fs_freelist *list);
void fs_freelist_give(struct fs_freelist *list, void *slot);

#endif
