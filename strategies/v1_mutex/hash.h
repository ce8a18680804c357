/* A keyed hash: buyers choose their names and keys, and may not choose where these fall in our
 * tables.  SipHash-1-3, after Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), with
 * the round counts that Rust and Python use for their hash tables. */
#ifndef FS_V1_HASH_H
#define FS_V1_HASH_H

#include <stddef.h>
#include <stdint.h>

struct fs_v1_hash_key {
    uint64_t low;
    uint64_t high;
};

/* A new random key.  Returns 0 or the negative errno of getrandom(2).  [any] */
int fs_v1_hash_key_init(struct fs_v1_hash_key *key);

uint64_t fs_v1_hash(const struct fs_v1_hash_key *key, const void *data, size_t len); /* [any] */

#endif
