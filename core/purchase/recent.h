/* Names of the orders of one loop that exist, or may exist: sold, or left in doubt.
 *
 * A store that cannot be asked says nothing about an order.  These names are what this process knows by
 * itself: a request that names one of them is never answered as if the order did not exist.  The table
 * is a fixed number of slots; the oldest name of a slot gives way.  It improves the response and decides
 * nothing, so a name that has given way makes no response untrue. */
#ifndef FS_PURCHASE_RECENT_H
#define FS_PURCHASE_RECENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <flashsale/strategy.h>

#include "base/limits.h"

struct fs_recent {
    _Atomic uint64_t *names; /* owned: FS_RECENT_ORDERS, digests of names; 0: empty */
    uint32_t
        next[FS_RECENT_ORDERS / FS_RECENT_WAYS]; /* of each set: the slot that is written next */
};

int fs_recent_create(struct fs_recent **recent); /* 0 or -ENOMEM.  [main] */
void fs_recent_destroy(struct fs_recent *recent);

/* One thread writes.  [loop] */
void fs_recent_add(struct fs_recent *recent, struct fs_text order);

/* Two names are taken for one once in 2^50 questions.  [any] */
bool fs_recent_has(const struct fs_recent *recent, struct fs_text order);

#endif
