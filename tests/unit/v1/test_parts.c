/* Hash, checksum, record and index against known values. */
#include "crc32c.h"
#include "hash.h"
#include "index.h"
#include "record.h"

#include "support/suite.h"
#include "tiny_host.h"

static void crc32c_gives_the_values_of_rfc_3720(void)
{
    unsigned char data[32] = {0};

    FS_CHECK_INT(fs_v1_crc32c("123456789", 9), 0xe3069283);
    FS_CHECK_INT(fs_v1_crc32c(data, 32), 0x8a9136aa);
    memset(data, 0xff, sizeof(data));
    FS_CHECK_INT(fs_v1_crc32c(data, 32), 0x62a8ab43);
    for (unsigned char i = 0; i < 32; i++)
        data[i] = i;
    FS_CHECK_INT(fs_v1_crc32c(data, 32), 0x46dd794e);
    for (size_t len = 0; len <= 32; len++)
        FS_CHECK_INT(fs_v1_crc32c(data, len), fs_v1_crc32c_portable(data, len));
}

/* Key 00 01 .. 0f; the values agree with CPython's own SipHash-1-3, the first with the vectors of Rust. */
static void siphash_1_3_gives_known_values(void)
{
    const struct fs_v1_hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    static const unsigned char data[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

    FS_CHECK(fs_v1_hash(&key, data, 0) == 0xabac0158050fc4dc);
    FS_CHECK(fs_v1_hash(&key, NULL, 0) == 0xabac0158050fc4dc);
    FS_CHECK(fs_v1_hash(&key, data, 1) == 0xc9f49bf37d57ca93);
    FS_CHECK(fs_v1_hash(&key, data, 8) == 0x369095118d299a8e);
    FS_CHECK(fs_v1_hash(&key, data, 13) == 0x306f760c1229ffa7);
}

static void two_keys_of_a_process_differ(void)
{
    struct fs_v1_hash_key a, b;

    FS_CHECK_INT(fs_v1_hash_key_init(&a), 0);
    FS_CHECK_INT(fs_v1_hash_key_init(&b), 0);
    FS_CHECK(memcmp(&a, &b, sizeof(a)) != 0);
}

static void a_sealed_record_shows_every_changed_bit(void)
{
    struct fs_v1_record record = {.type = FS_V1_RECORD_SOLD, .position = 7, .units = 3};
    struct fs_v1_record copy;

    fs_v1_record_seal(&record);
    copy = record;
    FS_CHECK(fs_v1_record_unseal(&copy));
    FS_CHECK_INT(copy.position, 7);
    for (unsigned bit = 0; bit < 8 * sizeof(record); bit++) {
        copy = record;
        ((unsigned char *)&copy)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        FS_CHECK(!fs_v1_record_is_sealed(&copy));
    }
    memset(&copy, 0, sizeof(copy));
    FS_CHECK(!fs_v1_record_is_sealed(&copy));
}

static void a_sealed_record_with_impossible_fields_is_none(void)
{
    struct fs_v1_record record = {.type = FS_V1_RECORD_CHANGED + 1};

    fs_v1_record_seal(&record);
    FS_CHECK(!fs_v1_record_is_sealed(&record));
    record = (struct fs_v1_record){.type = FS_V1_RECORD_SOLD, .buyer_len = FS_BUYER_LEN_MAX + 1};
    fs_v1_record_seal(&record);
    FS_CHECK(!fs_v1_record_is_sealed(&record));
}

static void the_index_finds_all_slots_and_no_others(void)
{
    struct fs_v1_index index;
    uint64_t state = 1;

    FS_REQUIRE(fs_v1_index_init(&index, 1000) == 0);
    for (uint32_t slot = 0; slot < 1000; slot++)
        fs_v1_index_put(&index, fs_tiny_random(&state) % 5 ? fs_tiny_random(&state) : 77, slot);
    state = 1;
    for (uint32_t slot = 0; slot < 1000; slot++) {
        uint64_t hash = fs_tiny_random(&state) % 5 ? fs_tiny_random(&state) : 77;
        struct fs_v1_probe probe = fs_v1_index_probe(&index, hash);
        uint32_t found;

        do
            found = fs_v1_index_next(&index, &probe);
        while (found != slot && found != FS_V1_NO_SLOT);
        FS_CHECK_INT(found, slot);
    }
    struct fs_v1_probe probe = fs_v1_index_probe(&index, 0x123456789abcdef);
    FS_CHECK_INT(fs_v1_index_next(&index, &probe), FS_V1_NO_SLOT);
    fs_v1_index_dispose(&index);
}

#define TESTS(T)                                      \
    T(crc32c_gives_the_values_of_rfc_3720)            \
    T(siphash_1_3_gives_known_values)                 \
    T(two_keys_of_a_process_differ)                   \
    T(a_sealed_record_shows_every_changed_bit)        \
    T(a_sealed_record_with_impossible_fields_is_none) \
    T(the_index_finds_all_slots_and_no_others)
FS_SUITE("v1/parts", TESTS)
