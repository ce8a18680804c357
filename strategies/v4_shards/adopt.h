/* Brings shards up to what shard 0 says of the sale. */
#ifndef FS_V4_ADOPT_H
#define FS_V4_ADOPT_H

#include "read.h"

/* Of a read in which shard 0 is there: one step for each shard that is behind.  done() is given data
 * once, when all are answered, whatever they say: the next READ tells.  Returns how many; 0: none, or
 * no memory, and done is not called.  [loop] */
unsigned fs_v4_adopt_begin(const struct fs_v4_read *read, uint64_t deadline_us,
                           void (*done)(void *data), void *data);

/* Units of total that shard k is dealt. */
int64_t fs_v4_deal(int64_t total, unsigned shard, unsigned shard_count);

#endif
