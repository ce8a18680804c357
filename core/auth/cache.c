/* The ring of verified tokens and its chains. */
#include "auth/cache.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/limits.h"

#define UNIT 64u             /* bytes: records begin on cache lines, and a rest holds a header */
#define RING_SIZE_MIN 32768u /* holds the longest token */
#define HASHED_LEN 32u       /* bytes at the end of a token */

struct fs_cache_record {
    uint64_t hash;
    uint64_t generation;
    int64_t expires_s;
    uint32_t next;      /* of the chain, as in heads */
    uint32_t size;      /* bytes, whole units */
    uint16_t token_len; /* 0: fills the end of the ring */
    uint16_t buyer_len;
    char text[]; /* the token, the buyer */
};

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

int fs_cache_init(struct fs_auth_cache *cache, unsigned capacity, size_t room)
{
    size_t head_count = 64;
    size_t heads_size;

    memset(cache, 0, sizeof(*cache));
    if (capacity == 0)
        return 0;
    if (capacity > FS_TOKEN_CACHE_MAX || room > FS_TOKEN_LEN_MAX)
        return -ENOMEM;
    if (getrandom(&cache->seed, sizeof(cache->seed), 0) != (ssize_t)sizeof(cache->seed))
        return -EIO;
    while (head_count < capacity)
        head_count *= 2;
    heads_size = round_up(head_count * sizeof(uint32_t), UNIT);
    cache->ring_size = round_up(capacity * room, UNIT);
    if (cache->ring_size < RING_SIZE_MIN)
        cache->ring_size = RING_SIZE_MIN;
    cache->mapping_size = heads_size + cache->ring_size;
    cache->mapping = mmap(NULL, cache->mapping_size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (cache->mapping == MAP_FAILED) {
        cache->mapping = NULL;
        return -ENOMEM;
    }
    /* A huge page would be resident from its first token on. */
    madvise(cache->mapping, cache->mapping_size, MADV_NOHUGEPAGE);
    cache->heads = (uint32_t *)(void *)cache->mapping;
    cache->head_mask = (uint32_t)head_count - 1;
    cache->ring = cache->mapping + heads_size;
    return 0;
}

void fs_cache_dispose(struct fs_auth_cache *cache)
{
    if (cache->mapping)
        munmap(cache->mapping, cache->mapping_size);
    cache->mapping = NULL;
}

/* Hashes the end of the signature.  Only verified tokens are kept and their signatures look random,
 * so nobody can choose tokens that crowd one chain; the seed hides which chain a token is in. */
static uint64_t hash_of(const struct fs_auth_cache *cache, struct fs_text token)
{
    uint64_t hash = cache->seed ^ token.len;
    uint64_t words[HASHED_LEN / sizeof(uint64_t)];

    memcpy(words, token.data + token.len - HASHED_LEN, sizeof(words));
    for (size_t i = 0; i < HASHED_LEN / sizeof(uint64_t); i++) {
        hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static struct fs_cache_record *record_at(const struct fs_auth_cache *cache, size_t offset)
{
    return (struct fs_cache_record *)(void *)(cache->ring + offset);
}

static struct fs_cache_record *record_of(const struct fs_auth_cache *cache, uint32_t number)
{
    return number ? record_at(cache, (size_t)(number - 1) * UNIT) : NULL;
}

static bool may_hold(const struct fs_auth_cache *cache, struct fs_text token)
{
    return cache->mapping && token.len >= HASHED_LEN && token.len <= FS_TOKEN_LEN_MAX;
}

bool fs_cache_find(const struct fs_auth_cache *cache, struct fs_text token, uint64_t generation,
                   struct fs_text *buyer, int64_t *expires_s)
{
    const struct fs_cache_record *record;
    uint64_t hash;

    if (!may_hold(cache, token))
        return false;
    hash = hash_of(cache, token);
    record = record_of(cache, cache->heads[hash & cache->head_mask]);
    for (; record; record = record_of(cache, record->next)) {
        if (record->hash != hash || record->generation != generation ||
            record->token_len != token.len || memcmp(record->text, token.data, token.len) != 0)
            continue;
        *buyer = (struct fs_text){record->text + record->token_len, record->buyer_len};
        *expires_s = record->expires_s;
        return true;
    }
    return false;
}

static void unchain(struct fs_auth_cache *cache, struct fs_cache_record *record)
{
    uint32_t number = (uint32_t)((size_t)((char *)record - cache->ring) / UNIT) + 1;
    uint32_t *link = &cache->heads[record->hash & cache->head_mask];

    while (*link != number) {
        assert(*link != 0);
        link = &record_of(cache, *link)->next;
    }
    *link = record->next;
}

static void drop_oldest(struct fs_auth_cache *cache)
{
    struct fs_cache_record *record = record_at(cache, cache->oldest);

    assert(cache->used >= record->size && record->size > 0);
    if (record->token_len > 0)
        unchain(cache, record);
    cache->used -= record->size;
    cache->oldest += record->size;
    if (cache->oldest == cache->ring_size)
        cache->oldest = 0;
}

/* Makes size bytes free at newest_end, and takes them. */
static struct fs_cache_record *take_room(struct fs_auth_cache *cache, size_t size)
{
    struct fs_cache_record *record;

    while (cache->ring_size - cache->used < size)
        drop_oldest(cache);
    record = record_at(cache, cache->newest_end);
    record->size = (uint32_t)size;
    record->token_len = 0;
    cache->used += size;
    cache->newest_end += size;
    if (cache->newest_end == cache->ring_size)
        cache->newest_end = 0;
    return record;
}

void fs_cache_put(struct fs_auth_cache *cache, struct fs_text token, uint64_t generation,
                  struct fs_text buyer, int64_t expires_s)
{
    size_t size = round_up(sizeof(struct fs_cache_record) + token.len + buyer.len, UNIT);
    struct fs_cache_record *record;
    uint32_t *head;

    if (!may_hold(cache, token) || size > cache->ring_size)
        return;
    assert(buyer.len <= FS_BUYER_LEN_MAX);
    if (cache->ring_size - cache->newest_end < size)
        take_room(cache, cache->ring_size - cache->newest_end);
    record = take_room(cache, size);
    record->hash = hash_of(cache, token);
    record->generation = generation;
    record->expires_s = expires_s;
    record->token_len = (uint16_t)token.len;
    record->buyer_len = (uint16_t)buyer.len;
    memcpy(record->text, token.data, token.len);
    memcpy(record->text + token.len, buyer.data, buyer.len);
    head = &cache->heads[record->hash & cache->head_mask];
    record->next = *head;
    *head = (uint32_t)((size_t)((char *)record - cache->ring) / UNIT) + 1;
}
