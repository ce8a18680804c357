/* Buyers by their home shards. */
#ifndef FS_TESTS_V4_HOMES_H
#define FS_TESTS_V4_HOMES_H

#include <stdio.h>
#include <string.h>

#include "ledger/text.h"
#include "tag.h"

/* The number-th buyer of "shoe" whose home is that shard, of shard_count. */
static inline void name_buyer(char buyer[16], unsigned shard, unsigned shard_count, unsigned number)
{
    const struct fs_text product = FS_LEDGER_TEXT("shoe");

    for (unsigned i = 0;; i++) {
        snprintf(buyer, 16, "b%u", i);
        if (fs_v4_home_of((struct fs_text){buyer, strlen(buyer)}, product, shard_count) == shard &&
            number-- == 0)
            return;
    }
}

#endif
