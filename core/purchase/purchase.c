/* How an order gets its name, and how the outcome of a purchase is counted.
 *
 * Names use the plain SHA256_...() functions: since OpenSSL 3.0 EVP_DigestInit_ex() frees and
 * allocates its state at each use, also of a context that is used again. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "purchase/purchase.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/sha.h>

#define NAME_BYTES 16u               /* 128 bits: 26 characters of base32 */
#define TAG_BYTES 5u                 /* 40 bits, of which 30 are shown: 6 characters */
#define RANDOM_BYTES_PER_FETCH 1024u /* one system call for 64 names */

struct fs_order_namer {
    size_t random_left; /* bytes at the end of random that were not used */
    unsigned char random[RANDOM_BYTES_PER_FETCH];
};

int fs_order_namer_create(struct fs_order_namer **namer)
{
    struct fs_order_namer *created = calloc(1, sizeof(*created));

    if (!created)
        return -ENOMEM;
    *namer = created;
    return 0;
}

void fs_order_namer_destroy(struct fs_order_namer *namer)
{
    free(namer);
}

static int take_random(struct fs_order_namer *namer, unsigned char bytes[NAME_BYTES])
{
    if (namer->random_left < NAME_BYTES) {
        ssize_t got;

        do
            got = getrandom(namer->random, sizeof(namer->random), 0);
        while (got < 0 && errno == EINTR);
        if (got != (ssize_t)sizeof(namer->random))
            return -EIO;
        namer->random_left = sizeof(namer->random);
    }
    memcpy(bytes, namer->random + sizeof(namer->random) - namer->random_left, NAME_BYTES);
    namer->random_left -= NAME_BYTES;
    return 0;
}

/* The buyer's length comes first: else buyer "ab" with key "c" were buyer "a" with key "bc". */
static int digest_key(struct fs_text buyer, struct fs_text key, unsigned char bytes[NAME_BYTES])
{
    unsigned char whole[SHA256_DIGEST_LENGTH];
    unsigned char buyer_len = (unsigned char)buyer.len;
    SHA256_CTX digest;

    assert(buyer.len <= FS_BUYER_LEN_MAX);
    if (!SHA256_Init(&digest) || !SHA256_Update(&digest, &buyer_len, sizeof(buyer_len)) ||
        !SHA256_Update(&digest, buyer.data, buyer.len) ||
        !SHA256_Update(&digest, key.data, key.len) || !SHA256_Final(whole, &digest))
        return -EIO;
    memcpy(bytes, whole, NAME_BYTES);
    return 0;
}

/* FNV-1a with 64 bits, folded so that all of the hash counts in the bits that are shown.  Part of
 * every order id ever given out: it never changes. */
static void digest_product(struct fs_text product, unsigned char bytes[TAG_BYTES])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < product.len; i++)
        hash = (hash ^ (unsigned char)product.data[i]) * UINT64_C(0x100000001b3);
    hash ^= hash >> 32;
    for (size_t i = 0; i < TAG_BYTES; i++)
        bytes[i] = (unsigned char)(hash >> (8 * i));
}

static void write_tag(struct fs_text product, char tag[FS_ORDER_ID_LEN - FS_ORDER_NAME_LEN])
{
    unsigned char bytes[TAG_BYTES];
    char text[8];
    struct fs_buffer buffer = fs_buffer_of(text, sizeof(text));

    digest_product(product, bytes);
    fs_buffer_add_base32(&buffer, bytes, sizeof(bytes));
    assert(!buffer.overflowed && buffer.len == sizeof(text));
    memcpy(tag, text, FS_ORDER_ID_LEN - FS_ORDER_NAME_LEN);
}

int fs_order_name(struct fs_order_namer *namer, struct fs_text buyer, struct fs_text key,
                  struct fs_text product, struct fs_order_id *id)
{
    unsigned char bytes[NAME_BYTES];
    struct fs_buffer buffer = fs_buffer_of(id->text, FS_ORDER_NAME_LEN);
    int error = key.len ? digest_key(buyer, key, bytes) : take_random(namer, bytes);

    if (error)
        return error;
    fs_buffer_add_base32(&buffer, bytes, sizeof(bytes));
    assert(!buffer.overflowed && buffer.len == FS_ORDER_NAME_LEN);
    write_tag(product, id->text + FS_ORDER_NAME_LEN);
    return 0;
}

bool fs_order_id_is_valid(struct fs_text text)
{
    if (text.len != FS_ORDER_ID_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '2' && c <= '7'))
            return false;
    }
    return true;
}

bool fs_order_id_matches(struct fs_text id, struct fs_text product)
{
    char tag[FS_ORDER_ID_LEN - FS_ORDER_NAME_LEN];

    if (id.len != FS_ORDER_ID_LEN)
        return false;
    write_tag(product, tag);
    return memcmp(id.data + FS_ORDER_NAME_LEN, tag, sizeof(tag)) == 0;
}

enum fs_purchase_result fs_purchase_result_of(const struct fs_outcome *outcome)
{
    switch (outcome->verdict) {
    case FS_DONE:
        return outcome->replayed ? FS_RESULT_REPLAYED : FS_RESULT_SOLD;
    case FS_SOLD_OUT:
        return FS_RESULT_SOLD_OUT;
    case FS_LIMIT_REACHED:
        return FS_RESULT_LIMIT;
    case FS_TOO_MANY:
        return FS_RESULT_INVALID;
    case FS_CLOSED:
        return FS_RESULT_CLOSED;
    case FS_UNKNOWN:
        return FS_RESULT_UNKNOWN_PRODUCT;
    case FS_KEY_REUSED:
        return FS_RESULT_KEY_REUSED;
    case FS_IN_PROGRESS:
        return FS_RESULT_IN_PROGRESS;
    case FS_BUSY:
        return FS_RESULT_BUSY;
    case FS_UNAVAILABLE:
        return FS_RESULT_UNAVAILABLE;
    case FS_UNDETERMINED:
        return FS_RESULT_UNDETERMINED;
    case FS_EXISTS:
    case FS_NOT_CANCELLABLE:
        break;
    }
    assert(false && "a verdict of a purchase");
    return FS_RESULT_UNDETERMINED;
}
