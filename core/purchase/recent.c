/* A table of sets of FS_RECENT_WAYS slots; each set is a ring.  Order names are digests or random, so
 * their characters are spread evenly enough to choose a set by. */
#include "purchase/recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SET_COUNT (FS_RECENT_ORDERS / FS_RECENT_WAYS)

int fs_recent_create(struct fs_recent **recent)
{
    struct fs_recent *made = calloc(1, sizeof(*made));

    if (made)
        made->names = calloc(FS_RECENT_ORDERS, sizeof(*made->names));
    if (!made || !made->names) {
        free(made);
        return -ENOMEM;
    }
    *recent = made;
    return 0;
}

void fs_recent_destroy(struct fs_recent *recent)
{
    if (!recent)
        return;
    free(recent->names);
    free(recent);
}

/* Never 0. */
static uint64_t digest_of(struct fs_text order)
{
    uint64_t digest = 0;

    for (size_t at = 0; at < order.len; at += sizeof(uint64_t)) {
        uint64_t word = 0;
        size_t len = order.len - at < sizeof(word) ? order.len - at : sizeof(word);

        memcpy(&word, order.data + at, len);
        digest = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        digest ^= digest >> 29;
    }
    return digest | 1;
}

static size_t set_of(uint64_t digest)
{
    return (size_t)(digest >> 32) % SET_COUNT;
}

void fs_recent_add(struct fs_recent *recent, struct fs_text order)
{
    uint64_t digest = digest_of(order);
    size_t set = set_of(digest);
    uint32_t slot = recent->next[set];

    recent->next[set] = (slot + 1) % FS_RECENT_WAYS;
    atomic_store_explicit(&recent->names[set * FS_RECENT_WAYS + slot], digest,
                          memory_order_relaxed);
}

bool fs_recent_has(const struct fs_recent *recent, struct fs_text order)
{
    uint64_t digest = digest_of(order);
    size_t first = set_of(digest) * FS_RECENT_WAYS;

    for (size_t i = first; i < first + FS_RECENT_WAYS; i++)
        if (atomic_load_explicit(&recent->names[i], memory_order_relaxed) == digest)
            return true;
    return false;
}
