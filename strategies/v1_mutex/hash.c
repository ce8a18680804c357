/* SipHash-1-3: see hash.h for the source. */
#include "hash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static inline void sip_round(struct sip *sip)
{
    sip->v0 += sip->v1;
    sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
    sip->v0 = rotate(sip->v0, 32);
    sip->v2 += sip->v3;
    sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
    sip->v0 += sip->v3;
    sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
    sip->v2 += sip->v1;
    sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
    sip->v2 = rotate(sip->v2, 32);
}

int fs_v1_hash_key_init(struct fs_v1_hash_key *key)
{
    ssize_t got;

    do
        got = getrandom(key, sizeof(*key), 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    return got == sizeof(*key) ? 0 : -EIO;
}

uint64_t fs_v1_hash(const struct fs_v1_hash_key *key, const void *data, size_t len)
{
    struct sip sip = {
        key->low ^ 0x736f6d6570736575u,
        key->high ^ 0x646f72616e646f6du,
        key->low ^ 0x6c7967656e657261u,
        key->high ^ 0x7465646279746573u,
    };
    const unsigned char *at = data;
    size_t whole = len & ~(size_t)7; /* data may be NULL where len is 0 */
    uint64_t word;

    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, at + i, 8);
        word = le64toh(word);
        sip.v3 ^= word;
        sip_round(&sip);
        sip.v0 ^= word;
    }
    word = (uint64_t)len << 56;
    for (size_t i = whole; i < len; i++)
        word |= (uint64_t)at[i] << (8 * (i - whole));
    sip.v3 ^= word;
    sip_round(&sip);
    sip.v0 ^= word;
    sip.v2 ^= 0xff;
    for (unsigned i = 0; i < 3; i++)
        sip_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}
