/* Names of shards, and homes of buyers. */
#include "tag.h"

#include <assert.h>

#define SLOT_COUNT 16384u /* of Redis Cluster; independent nodes share them in equal ranges */
#define TRIES_MAX 999u

/* CRC16-CCITT (XMODEM), as the Redis Cluster specification has it. */
static unsigned slot_of(struct fs_text tag)
{
    unsigned crc = 0;

    for (size_t i = 0; i < tag.len; i++) {
        crc ^= (unsigned)(unsigned char)tag.data[i] << 8;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
    }
    return crc % SLOT_COUNT;
}

/* FNV-1a, and the finish of splitmix64, so that the low bits depend on all. */
static uint64_t hash_of(struct fs_text text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

static struct fs_text append_number(struct fs_text tag, char *chars, char mark, uint64_t value)
{
    char number[FS_LEDGER_NUMBER_SIZE];
    struct fs_text text = fs_ledger_number(number, (int64_t)value);

    assert(tag.len + 1 + text.len <= FS_LEDGER_NAME_LEN_MAX);
    chars[tag.len] = mark;
    memcpy(chars + tag.len + 1, text.data, text.len);
    return (struct fs_text){chars, tag.len + 1 + text.len};
}

struct fs_text fs_v4_tag_write(char chars[FS_LEDGER_NAME_LEN_MAX], struct fs_text product,
                               uint64_t layout, unsigned shard, unsigned node_count)
{
    unsigned node = (unsigned)((hash_of(product) + shard) % node_count);
    struct fs_text plain;
    struct fs_text tag;

    assert(product.len <= FS_PRODUCT_LEN_MAX);
    memcpy(chars, product.data, product.len);
    plain = (struct fs_text){chars, product.len};
    if (layout > 0)
        plain = append_number(plain, chars, '/', layout);
    plain = append_number(plain, chars, '/', shard);
    tag = plain;
    for (unsigned try = 0; try <= TRIES_MAX; try++) {
        if (slot_of(tag) * node_count / SLOT_COUNT == node)
            return tag;
        tag = append_number(plain, chars, '.', try);
    }
    return plain; /* on another node: only the load is less even */
}

/* The node of shard k is (hash of the product + k) mod nodes; so that of this shard is the hash of the
 * buyer mod nodes, whatever the product. */
unsigned fs_v4_home_of(struct fs_text buyer, struct fs_text product, unsigned shard_count)
{
    return (
        unsigned)((hash_of(buyer) % shard_count + shard_count - hash_of(product) % shard_count) %
                  shard_count);
}
