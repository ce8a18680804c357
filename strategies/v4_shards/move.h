/* A move of a sale to other shards, as its files share it. */
#ifndef FS_V4_MOVE_H
#define FS_V4_MOVE_H

#include "reshard.h"

#define FS_V4_LEASE_MS 10000   /* a move that is silent for so long is given up */
#define FS_V4_RENEW_US 2000000 /* it says that it goes on */

/* What is compared before the new shards count. */
struct fs_v4_tally {
    int64_t sold, orders, buyers, changes;
};

struct fs_v4_reshard;

/* Of a copy: one to each new shard. */
struct fs_v4_copy {
    struct fs_call call;
    struct fs_v4_reshard *reshard;
};

struct fs_v4_reshard {
    struct fs_call call;
    struct fs_v4_sale *sale; /* used: as it was */
    struct fs_v4_reshard *next, **at;
    struct fs_v4_ask *asker; /* borrowed; NULL: it has left */
    uint32_t shard_count;    /* it will have */
    uint32_t try_count;      /* READs before it begins */
    uint64_t number;         /* of the move, and of the layout */
    uint64_t renewed_us;
    unsigned shard;          /* that the step is at */
    struct fs_sale_info sum; /* of the old shards, all of which are marked */
    int64_t state, total;
    uint64_t fence, sequence; /* the new shards begin with */
    struct fs_v4_tally before, after;

    /* copying */
    unsigned table; /* of the shard */
    char cursor[FS_LEDGER_NUMBER_SIZE];
    size_t cursor_len;
    unsigned pending_count;
    bool is_failed;
    struct fs_v4_copy copies[FS_V4_SHARDS_MAX];

    /* cleaning up */
    struct fs_v4_layout layout;
};

struct fs_v4_reshard *fs_v4_move_of(struct fs_call *call);

/* The keys of a shard of a layout of this sale. */
void fs_v4_move_keys(const struct fs_v4_reshard *reshard, uint64_t layout, unsigned shard,
                     uint32_t shard_count, struct fs_ledger_keys *keys);

/* The number of the move with whose shards it makes, as build.lua and copy.lua have it. */
struct fs_text fs_v4_move_mark(const struct fs_v4_reshard *reshard,
                               char chars[FS_LEDGER_SEEN_SIZE]);

/* Asks place.lua for this move. */
void fs_v4_move_ask_layout(struct fs_v4_reshard *reshard, struct fs_text verb, int64_t value,
                           void (*done)(struct fs_call *call, const struct fs_reply *reply));

/* Sends mark.lua, or build.lua, to one shard: its keys, and argc words. */
void fs_v4_move_ask_shard(struct fs_v4_reshard *reshard, const struct fs_script *script,
                          const struct fs_ledger_keys *keys, size_t argc,
                          const struct fs_text *words,
                          void (*done)(struct fs_call *call, const struct fs_reply *reply));

/* Tells the asker, if it is still there. */
void fs_v4_move_tell(struct fs_v4_reshard *reshard, enum fs_v4_moved moved);

/* It is over: frees it. */
void fs_v4_move_end(struct fs_v4_reshard *reshard);

/* The same where the sale has the shards it had. */
void fs_v4_move_end_unmoved(struct fs_v4_reshard *reshard, enum fs_v4_moved moved);

/* Gives the move up, logged. */
void fs_v4_move_fail(struct fs_v4_reshard *reshard, const char *why);

/* build.c: makes the new shards, and has them copied to; ends them, compares, and has them flipped to. */
void fs_v4_build_begin(struct fs_v4_reshard *reshard);
void fs_v4_build_end(struct fs_v4_reshard *reshard);

/* copy.c: copies orders, buyers and changes of all shards, and ends the new ones. */
void fs_v4_copy_begin(struct fs_v4_reshard *reshard);

/* reshard.c: from now on the new shards count. */
void fs_v4_move_flip(struct fs_v4_reshard *reshard);

#endif
