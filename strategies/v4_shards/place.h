/* Where the shards of a sale are: its layout. */
#ifndef FS_V4_PLACE_H
#define FS_V4_PLACE_H

#include "sale.h"

/* As place.lua answers. */
struct fs_v4_layout {
    bool is_done;
    uint64_t number;
    uint32_t shard_count; /* 0: no sale was ever made */
    uint64_t moving;      /* 0: nobody moves it */
    uint64_t next;
    uint64_t old; /* of one to be removed */
    uint32_t old_shard_count;
};

enum fs_v4_placed {
    FS_V4_PLACED = 1, /* the shards are where the sale has them */
    FS_V4_ELSEWHERE,  /* they are not: the sale is retired, take it anew */
    FS_V4_MOVING,     /* they are, and are being moved: nothing can be changed now */
    FS_V4_UNPLACED,   /* the store did not say */
    FS_V4_LOST        /* the store does not have it any more; logged and counted the first time */
};

static inline bool fs_v4_place_is_known(enum fs_v4_placed placed)
{
    return placed != FS_V4_UNPLACED && placed != FS_V4_LOST;
}

/* Asks place.lua.  value and lease: where the verb has them. */
void fs_v4_layout_ask(struct fs_v4_worker *worker, struct fs_text name, struct fs_call *call,
                      uint64_t deadline_us, struct fs_text verb, int64_t value, int64_t second,
                      int64_t third);

/* False: reply is not place.lua's. */
bool fs_v4_layout_read(const struct fs_reply *reply, struct fs_v4_layout *layout);

/* Asks where the sale is, and takes marks away that a move left that was given up.  is_claim: a sale
 * that was never made gets the place where this one looks for it.  False: no memory; done() is then not
 * called, else once, later.  [loop] */
bool fs_v4_place_begin(struct fs_v4_sale *sale, uint64_t deadline_us, bool is_claim,
                       void (*done)(void *data, enum fs_v4_placed placed), void *data);

#endif
