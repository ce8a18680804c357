/* The names of every key of the ledger.  No other file spells one.
 *
 *   fs:{shoe}:sale      hash    counters, limits, window, state
 *   fs:{shoe}:orders    hash    order name -> record
 *   fs:{shoe}:buyers    hash    buyer -> units had in this epoch
 *   fs:{shoe}:log       stream  the records in the order in which they were made
 *   fs:{shoe}:changes   hash    name of a change -> what it asked for
 *   fs:{shoe}:layout    hash    v4: where the sale's shards are, see v4_shards/place.lua
 *   fs:claims           hash    order name -> product
 *   fs:products         set     every product that ever had a sale
 *   lock:{shoe}         string  v2: who holds the lock
 *
 * "fs:" is the configured prefix; the lock has none, as the plan names it.  What is between braces
 * is the hash tag: all keys of a product live in one slot of a Redis Cluster, the lock's too.
 * redis-cli --scan --pattern "lock:*" shows the locks that are held.
 *
 * Claims catch an order name that is used for two products.  They are one key for all products, so
 * they work where all products live on one node; on several nodes and in a cluster, where a script has
 * one slot, the same idempotency key may be used once for each product, and is never sold twice for
 * one. */
#ifndef FS_LEDGER_KEYS_H
#define FS_LEDGER_KEYS_H

#include <flashsale/strategy.h>

#include "limits.h"

enum fs_ledger_key {
    FS_LEDGER_KEY_SALE,
    FS_LEDGER_KEY_ORDERS,
    FS_LEDGER_KEY_BUYERS,
    FS_LEDGER_KEY_LOG,
    FS_LEDGER_KEY_CHANGES,
    FS_LEDGER_KEY_LOCK,
    FS_LEDGER_KEY_LAYOUT,
    FS_LEDGER_KEY_COUNT
};

/* The keys of one product.  Texts point into the struct: not to be copied. */
struct fs_ledger_keys {
    struct fs_text list[FS_LEDGER_KEY_COUNT];
    char chars[FS_LEDGER_KEY_COUNT * FS_LEDGER_KEY_LEN_MAX];
};

/* prefix: at most FS_LEDGER_PREFIX_LEN_MAX bytes; product: at most FS_LEDGER_NAME_LEN_MAX. */
void fs_ledger_keys_init(struct fs_ledger_keys *keys, struct fs_text prefix,
                         struct fs_text product);

/* Writes prefix and name into chars.  name: "claims" or "products". */
struct fs_text fs_ledger_key_write(char chars[FS_LEDGER_KEY_LEN_MAX], struct fs_text prefix,
                                   const char *name);

#endif
