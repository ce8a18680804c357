/* READ: all shards of a sale, at once, each at an instant of its own. */
#ifndef FS_V4_READ_H
#define FS_V4_READ_H

#include "ledger/record.h"
#include "sale.h"

/* The last transfer of one shard to another, as the donor has it. */
struct fs_v4_out {
    uint64_t epoch;
    uint64_t number;
    bool is_pending;
    int64_t units;
    struct fs_text text;  /* whole, see take.lua */
    struct fs_text named; /* its part about purchases */
    struct fs_text deadline;
};

struct fs_v4_in {
    uint64_t epoch;
    uint64_t number;
};

/* One shard as read. */
struct fs_v4_view {
    struct fs_call call;
    struct fs_v4_read *read;
    bool is_answered;
    bool is_there;
    bool is_moved; /* it is there, and marked: nothing changes it any more */
    uint64_t moved_by;
    uint64_t epoch_known; /* the highest that this worker was answered before it asked */
    struct fs_ledger_sale sale;
    uint64_t moves;
    uint64_t fence;
    int64_t state;         /* as set, whatever the clock says */
    int64_t total;         /* shard 0: dealt in this epoch */
    int64_t shard_count;   /* that the sale was made with */
    struct fs_v4_out *out; /* owned: shard_count, by destination */
    struct fs_v4_in *in;   /* owned: shard_count, by donor */
    char *chars;           /* owned: texts of pending transfers */
};

struct fs_v4_read {
    struct fs_v4_sale *sale; /* used */
    struct fs_v4_read *next, **at;
    void (*done)(struct fs_v4_read *read);
    void *data; /* the asker's */
    uint32_t pending_count;
    uint64_t begin_us;
    uint64_t begin_number; /* the sale's read_number when this began */
    bool is_whole;         /* every shard answered */
    bool is_reset;         /* the asker begins the epoch that is adopted */
    struct fs_v4_view views[];
};

/* done: given the read, which it must end with fs_v4_read_end().  Returns NULL: no memory, done is
 * then not called.  [loop] */
struct fs_v4_read *fs_v4_read_begin(struct fs_v4_sale *sale, uint64_t deadline_us,
                                    void (*done)(struct fs_v4_read *read), void *data);
void fs_v4_read_end(struct fs_v4_read *read);

/* Ends those that nobody waits for any more.  [main] */
void fs_v4_reads_dispose(struct fs_v4_worker *worker);

/* A transfer's text, see take.lua.  Parts point into it. */
bool fs_v4_out_parse(struct fs_text text, struct fs_v4_out *out);

/* Takes the next purchase off named.  False: there is none. */
bool fs_v4_named_next(struct fs_text *named, struct fs_text *order, struct fs_text *buyer,
                      struct fs_text *units);

/* Units on their way from one shard to another: taken there and not put here. */
int64_t fs_v4_read_transit(const struct fs_v4_read *read, unsigned from, unsigned to);

/* Sums over all shards; of a whole read of a sale that is there. */
struct fs_sale_info fs_v4_read_sum(const struct fs_v4_read *read);

/* Whether this read is whole and finds every shard as the one remembered in the sale found it, which
 * had ended before this one began. */
bool fs_v4_read_is_proof(const struct fs_v4_read *read);

/* The same of two reads, of which the first had ended before the second began. */
bool fs_v4_read_is_same(const struct fs_v4_read *first, const struct fs_v4_read *second);

/* Makes this read the one that is remembered.  Only for reads that do not overlap. */
void fs_v4_read_remember(const struct fs_v4_read *read);

/* Shard 0 is not there, or some shard is marked: the layout may be another by now. */
bool fs_v4_read_is_suspect(const struct fs_v4_read *read);

/* This shard is gone, or back in an earlier epoch, though it had answered in one that is in force: what
 * was sold from it is not known any more. */
bool fs_v4_read_is_lost(const struct fs_v4_read *read, unsigned shard);

/* Whether there is such a shard; logged and counted the first time.  Not of a suspect read, unless the
 * layout was asked for since. */
bool fs_v4_read_tell_lost(const struct fs_v4_read *read);

/* Shard 0 is not there, and others are: of the sale nothing is known but that it was there. */
bool fs_v4_read_is_headless(const struct fs_v4_read *read);

/* Some shard is frozen, and not by a move. */
bool fs_v4_read_is_frozen(const struct fs_v4_read *read);

/* Some shard, not lost, does not have what shard 0 says, which is there. */
bool fs_v4_read_is_behind(const struct fs_v4_read *read, unsigned shard);

#endif
