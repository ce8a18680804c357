/* The limits of the ledger in one place.  Those that users may move are options; their bounds are
 * here. */
#ifndef FS_LEDGER_LIMITS_H
#define FS_LEDGER_LIMITS_H

#define FS_LEDGER_PREFIX_LEN_MAX 64u
#define FS_LEDGER_NAME_LEN_MAX (FS_PRODUCT_LEN_MAX + 20u) /* a product, or a shard of one */
#define FS_LEDGER_KEY_LEN_MAX (FS_LEDGER_PREFIX_LEN_MAX + FS_LEDGER_NAME_LEN_MAX + 16u)

/* Whose a sale is: the id of the sale data; and of a shard, layout and number of shards. */
#define FS_LEDGER_DATA_LEN_MAX 64u
#define FS_LEDGER_SEEN_SIZE (2 * FS_LEDGER_NUMBER_SIZE + FS_LEDGER_DATA_LEN_MAX + 2)
#define FS_LEDGER_EPOCH_AHEAD_MAX \
    1000000u /* by so much, at random, a new epoch is above all known */

/* Ops in one script.  Lua's unpack() gives up at 8,000 values, and the order stream takes two a
 * sale: 1,024 ops are a quarter of that. */
#define FS_LEDGER_BATCH_MAX 1024u
#define FS_LEDGER_BATCH_DEFAULT 256u
#define FS_LEDGER_BATCHES_MAX 64u
#define FS_LEDGER_BATCHES_DEFAULT 1u
#define FS_LEDGER_BATCH_LARGE 64u /* more to a script saves little */

#define FS_LEDGER_LOG_MAX 1000000000u /* entries kept in the stream of one sale */
#define FS_LEDGER_LOG_DEFAULT 100000u /* an entry is a batch */
/* Order records that one audit script walks, while the store does nothing else: the default takes a
 * tenth of a second.  Longer sales are audited in steps of so many records, up to 240 MB for the names
 * of those that were met. */
#define FS_LEDGER_AUDIT_MAX 1000000u
#define FS_LEDGER_AUDIT_DEFAULT 20000u
#define FS_LEDGER_AUDIT_STEP 500u
#define FS_LEDGER_AUDIT_RECORDS_MAX 20000000

/* Of one epoch.  The scripts write numbers as Lua does, exact below 10^14. */
#define FS_LEDGER_UNITS_MAX 10000000000000
/* Of any number in a sale: more is not ours, and sums over shards have room. */
#define FS_LEDGER_STORED_MAX 1000000000000000

#define FS_LEDGER_SALES_MAX 4096u       /* that may be created, deleted ones among them */
#define FS_LEDGER_EPOCHS_MAX 4096u      /* sales, or shards of them, whose epochs are kept */
#define FS_LEDGER_LIST_MAX 4096u        /* names that list() reads */
#define FS_LEDGER_REASON_LEN_MAX 120u   /* bytes kept of the reason why a sale is frozen */
#define FS_LEDGER_RETRY_MS 10u          /* between two asks for what may have been decided */
#define FS_LEDGER_PRODUCT_BUCKETS 1024u /* a power of two; of one worker's table */

#endif
