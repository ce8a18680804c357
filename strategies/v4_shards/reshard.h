/* Moving a closed sale to another number of shards. */
#ifndef FS_V4_RESHARD_H
#define FS_V4_RESHARD_H

#include "ask.h"

/* What became of a move. */
enum fs_v4_moved {
    FS_V4_MOVED = 1,       /* or somebody else was first: ask where the sale is */
    FS_V4_MOVE_NOT_CLOSED, /* nothing was done */
    FS_V4_MOVE_FAILED      /* the shards that count are those from before */
};

/* Begins to move the sale, whose place was asked for, to shard_count shards.  asker->moved becomes what
 * became of it, unless it has left before; the move goes on without it.  False: no memory.  [loop] */
bool fs_v4_reshard_begin(struct fs_v4_sale *sale, uint32_t shard_count, struct fs_v4_ask *asker);
void fs_v4_reshard_leave(struct fs_v4_worker *worker, const struct fs_v4_ask *asker);

/* After the last op.  Moves that are under way are given up when their time is over.  [main] */
void fs_v4_reshards_dispose(struct fs_v4_worker *worker);

#endif
