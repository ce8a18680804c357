/* One loop's memory of tokens that it has verified, so that a buyer's next request costs a hash and
 * a comparison instead of a signature.
 *
 * Records lie one behind the other in a ring, the oldest making room for the newest: a long token
 * takes more room, a short one less.  The ring is one mapping whose pages are touched only as it
 * fills.  A lookup compares the whole token, so a forged one cannot hit; a hash that nobody can
 * predict is compared first, so the comparison tells nothing by its time. */
#ifndef FS_AUTH_CACHE_H
#define FS_AUTH_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct fs_cache_record;

struct fs_auth_cache {
    /* constant after init */
    uint64_t seed;
    char *mapping; /* owned: heads, then the ring; NULL when it holds nothing */
    size_t mapping_size;
    uint32_t *heads; /* first record of each chain, as a number of units from 1; 0: none */
    uint32_t head_mask;
    char *ring;
    size_t ring_size; /* bytes */

    /* changing */
    size_t newest_end; /* where the next record goes */
    size_t oldest;
    size_t used; /* bytes */

    char buyer[FS_BUYER_LEN_MAX]; /* of the last token that was not found here */
    const char *why;              /* which check the last refused token failed; static */
};

/* capacity: tokens of room bytes (with about 80 bytes of overhead), 0 for none.
 * Returns 0, -ENOMEM or -EIO (no random bytes).  [main] */
int fs_cache_init(struct fs_auth_cache *cache, unsigned capacity, size_t room);
void fs_cache_dispose(struct fs_auth_cache *cache);

/* Finds a token put in with this generation.  *buyer: borrowed until the next put.  [loop] */
bool fs_cache_find(const struct fs_auth_cache *cache, struct fs_text token, uint64_t generation,
                   struct fs_text *buyer, int64_t *expires_s);

/* Remembers a verified token that find did not find; one too long for the ring is not kept.
 * [loop] */
void fs_cache_put(struct fs_auth_cache *cache, struct fs_text token, uint64_t generation,
                  struct fs_text buyer, int64_t expires_s);

#endif
