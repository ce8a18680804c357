/* v4's structures.  README.md is the protocol; names of its steps are kept here. */
#ifndef FS_V4_V4_H
#define FS_V4_V4_H

#include "ledger/ask.h"
#include "ledger/ledger.h"

#define FS_V4_SHARDS_MAX 32u
#define FS_V4_NAMED_MAX 64u     /* purchases that one transfer is for */
#define FS_V4_SALE_BUCKETS 256u /* a power of two; of one worker's table */

/* Order records of one shard that an audit walks: half a second in which its store does nothing
 * else. */
#define FS_V4_AUDIT_DEFAULT 100000u

struct fs_v4 {
    struct fs_ledger ledger; /* first */
    uint32_t shard_count;    /* of a sale that is made */
    uint32_t shards_wanted;  /* of a sale that is opened; 0: as many as it has */
    uint32_t node_count;
    bool is_cluster;
    pthread_mutex_t mutex;
    struct fs_v4_stock *stocks; /* owned; guarded by mutex */
};

/* What a batch at home is told of the other shards. */
struct fs_v4_elsewhere {
    uint64_t epoch;
    int64_t units;
    uint64_t moves; /* of home itself, as known: with fewer it has lost some */
};

/* A purchase or a cancel. */
struct fs_v4_op {
    struct fs_ledger_op queued; /* first */
    uint64_t read_number; /* of the last READ that had ended before its last DECIDE was sent */
    struct fs_v4_transfer *transfer;  /* that its last DECIDE was part of; NULL: none */
    struct fs_v4_elsewhere elsewhere; /* as told to the batch; in its first op */
    bool is_asked;                    /* of home, once at least */
    bool is_taken_for;                /* by a TAKE that may have run: whoever puts it decides it */
    bool is_told_frozen;              /* by home, before its place was asked for again */
    bool is_copy;                     /* its transfer is for another op of the same order, too */
};

/* What a proof compares. */
struct fs_v4_mark {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t moves;
};

struct fs_v4_shard {
    struct fs_ledger_product *product;
    struct fs_v4_mark mark; /* as last READ */
};

/* One worker's view of one sale. */
struct fs_v4_sale {
    /* constant after take */
    struct fs_v4_worker *worker;
    struct fs_text name;
    char name_chars[FS_PRODUCT_LEN_MAX];
    struct fs_v4_stock *stock; /* shared with the other workers */
    uint64_t layout;           /* the number in its shards' names */
    uint32_t shard_count;

    /* changing [loop] */
    struct fs_v4_sale *next_in_bucket;
    struct fs_v4_sale *next_dirty;
    bool is_dirty;
    bool is_gathering;
    bool is_checked; /* its layout was read, and nothing since has said that it is another */
    bool is_suspect; /* a shard said so */
    bool has_layout; /* the store has one */
    bool is_absent;  /* and shard 0 was not there, before it was asked for again */
    bool is_missed;  /* a probe missed what a shard had, once */
    struct fs_v4_sale *successor; /* has taken its place, and stays for as long as this does */
    bool is_retired; /* its shards count no more: another sale of this name has taken its place */
    uint32_t user_count;   /* reads, transfers and asks that need it */
    uint32_t acting_count; /* steps of the gathering under way */
    bool is_failing;       /* a step was not answered by its script: begin no other for these */
    struct fs_ledger_queue waiting; /* ops that home is short for */
    struct fs_ledger_queue asking;  /* of them, those that waited when the READ under way began */
    bool has_memory;                /* of a READ of all shards: the marks */
    uint64_t read_number;           /* how many READs of all shards have ended */
    uint64_t same_number;           /* of the first of them that found what all since have found */
    struct fs_v4_shard shards[];    /* shard_count */
};

struct fs_v4_worker {
    struct fs_ledger_worker ledger; /* first */
    struct fs_v4_sale *buckets[FS_V4_SALE_BUCKETS];
    struct fs_v4_sale *retired; /* replaced, and not yet let go */
    struct fs_v4_sale *dirty;
    struct fs_v4_transfer *transfers; /* all that are under way */
    struct fs_v4_reshard *reshards;   /* likewise */
    struct fs_v4_read *reads;         /* likewise */
};

static inline struct fs_v4 *fs_v4_of(const struct fs_v4_worker *worker)
{
    return (struct fs_v4 *)(void *)worker->ledger.ledger;
}

static inline const struct fs_host *fs_v4_host(const struct fs_v4_worker *worker)
{
    return worker->ledger.ledger->host;
}

/* What marks the shards of a layout as ours: the id of the sale data, the layout, the number of shards. */
struct fs_text fs_v4_data_write(char chars[FS_LEDGER_DATA_LEN_MAX], const struct fs_v4 *v4,
                                uint64_t layout, uint32_t shard_count);

/* The shards of a sale are dealt to so many equal ranges of slots.  The nodes of a cluster come and go,
 * and its slots move: there each shard has a range of its own.  Of independent nodes each has one; where
 * they divide the shards, a buyer's homes in all sales are on one node, so that a name used for two
 * products is noticed there. */
static inline uint32_t fs_v4_ranges(const struct fs_v4 *v4, uint32_t shard_count)
{
    return v4->is_cluster ? shard_count : v4->node_count;
}

#endif
