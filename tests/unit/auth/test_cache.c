/* The ring of verified tokens: finds what was put in, whole, until newer ones need the room. */
#include "auth/cache.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "fixture.h"
#include "support/suite.h"

/* Text that looks like a token with a random end; number makes it unique. */
static struct fs_text make_token(struct fs_random *random, char *data, size_t len, unsigned number)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (char)('a' + fs_random_below(random, 26));
    snprintf(data, len, "%08u", number);
    data[8] = '.';
    return (struct fs_text){data, len};
}

static bool finds(const struct fs_auth_cache *cache, struct fs_text token, uint64_t generation,
                  const char *expected_buyer)
{
    struct fs_text buyer = {NULL, 0};
    int64_t expires_s = 0;

    if (!fs_cache_find(cache, token, generation, &buyer, &expires_s))
        return false;
    FS_CHECK_TEXT(buyer.data, buyer.len, expected_buyer);
    FS_CHECK_INT(expires_s, 77);
    return true;
}

static void what_was_put_in_is_found_with_its_generation_only(void)
{
    struct fs_random random = fs_random_begin("tokens");
    struct fs_auth_cache cache;
    char data[160];
    struct fs_text token = make_token(&random, data, sizeof(data), 1);

    FS_REQUIRE(fs_cache_init(&cache, 64, 256) == 0);
    FS_CHECK(!finds(&cache, token, 1, "user_1"));
    fs_cache_put(&cache, token, 1, FS_TEXT("user_1"), 77);
    FS_CHECK(finds(&cache, token, 1, "user_1"));
    FS_CHECK(!finds(&cache, token, 2, "user_1"));
    fs_cache_put(&cache, token, 2, FS_TEXT("user_2"), 77);
    FS_CHECK(finds(&cache, token, 2, "user_2"));
    fs_cache_dispose(&cache);
}

static void a_token_that_differs_in_any_byte_is_not_found(void)
{
    struct fs_random random = fs_random_begin("tokens");
    struct fs_auth_cache cache;
    char data[161];
    struct fs_text token = make_token(&random, data, 160, 1);

    FS_REQUIRE(fs_cache_init(&cache, 64, 256) == 0);
    fs_cache_put(&cache, token, 1, FS_TEXT("user_1"), 77);
    for (size_t bit = 0; bit < token.len * 8; bit++) {
        data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
        FS_CHECK(!finds(&cache, token, 1, "user_1"));
        data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t len = 0; len < token.len; len++) {
        FS_CHECK(!finds(&cache, (struct fs_text){data, len}, 1, "user_1"));
        FS_CHECK(!finds(&cache, (struct fs_text){data + token.len - len, len}, 1, "user_1"));
    }
    FS_CHECK(!finds(&cache, (struct fs_text){data, 161}, 1, "user_1"));
    FS_CHECK(finds(&cache, token, 1, "user_1"));
    fs_cache_dispose(&cache);
}

/* Puts tokens of many lengths in, and checks after each that exactly the newest are there. */
static void the_oldest_make_room_and_the_newest_stay(void)
{
    enum { TOKENS = 3000, LEN_MAX = 700 };
    struct fs_random random = fs_random_begin("lengths");
    struct fs_auth_cache cache;
    char(*data)[LEN_MAX] = calloc(TOKENS, sizeof(*data));
    size_t *lens = calloc(TOKENS, sizeof(*lens));
    char buyer[32];
    unsigned oldest = 0;

    FS_REQUIRE(data != NULL && lens != NULL);
    FS_REQUIRE(fs_cache_init(&cache, 100, 256) == 0);
    for (unsigned n = 0; n < TOKENS; n++) {
        unsigned found = 0;

        lens[n] = 50 + fs_random_below(&random, LEN_MAX - 50);
        make_token(&random, data[n], lens[n], n);
        snprintf(buyer, sizeof(buyer), "user_%u", n);
        fs_cache_put(&cache, (struct fs_text){data[n], lens[n]}, 1, fs_text_of(buyer), 77);
        for (unsigned i = oldest; i <= n; i++) {
            snprintf(buyer, sizeof(buyer), "user_%u", i);
            if (finds(&cache, (struct fs_text){data[i], lens[i]}, 1, buyer))
                found++;
            else if (found == 0)
                oldest = i + 1;
            else
                FS_REQUIRE(found == 0); /* a gap: something newer went before something older */
        }
        FS_REQUIRE(found == n - oldest + 1);
        FS_REQUIRE(found >= 25 || oldest == 0); /* 25,600 bytes, at most 832 for one */
    }
    FS_CHECK(oldest > TOKENS - 100);
    fs_cache_dispose(&cache);
    free(data);
    free(lens);
}

static size_t resident_pages(const struct fs_auth_cache *cache)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = (cache->mapping_size + page - 1) / page, resident = 0;
    unsigned char *pages = calloc(count, 1);

    if (!pages || mincore(cache->mapping, cache->mapping_size, pages) != 0)
        abort();
    for (size_t i = 0; i < count; i++)
        resident += pages[i] & 1;
    free(pages);
    return resident;
}

static void an_unused_cache_takes_no_memory_and_a_full_one_what_it_holds(void)
{
    struct fs_random random = fs_random_begin("tokens");
    struct fs_auth_cache cache;
    char data[160];
    unsigned kept = 0;

    FS_REQUIRE(fs_cache_init(&cache, 16384, 256) == 0);
    FS_CHECK_INT(resident_pages(&cache), 0);
    fs_cache_put(&cache, make_token(&random, data, sizeof(data), 1), 1, FS_TEXT("a"), 77);
    FS_CHECK(resident_pages(&cache) <= 2);
    for (unsigned n = 0; n < 40000; n++)
        fs_cache_put(&cache, make_token(&random, data, sizeof(data), n), 1, FS_TEXT("a"), 77);
    FS_CHECK(cache.mapping_size <= 16384 * (256 + 4));
    for (uint32_t i = 0; i <= cache.head_mask; i++)
        kept += cache.heads[i] != 0;
    FS_CHECK(kept > 9000); /* of 16,384 tokens thrown at as many chains, 63 % are hit */
    fs_cache_dispose(&cache);
}

static void a_cache_of_nothing_and_tokens_too_long_are_harmless(void)
{
    struct fs_random random = fs_random_begin("tokens");
    struct fs_auth_cache cache;
    char data[FS_TOKEN_LEN_MAX + 1];
    struct fs_text longest = make_token(&random, data, FS_TOKEN_LEN_MAX, 1);
    struct fs_text longer = {data, FS_TOKEN_LEN_MAX + 1};

    FS_REQUIRE(fs_cache_init(&cache, 0, 256) == 0);
    fs_cache_put(&cache, longest, 1, FS_TEXT("a"), 77);
    FS_CHECK(!finds(&cache, longest, 1, "a"));
    fs_cache_dispose(&cache);
    FS_REQUIRE(fs_cache_init(&cache, 1, 256) == 0);
    for (unsigned n = 0; n < 50; n++) {
        fs_cache_put(&cache, longest, n, FS_TEXT("a"), 77);
        FS_CHECK(finds(&cache, longest, n, "a"));
    }
    fs_cache_put(&cache, longer, 1, FS_TEXT("a"), 77);
    FS_CHECK(!finds(&cache, longer, 1, "a"));
    fs_cache_put(&cache, FS_TEXT("short"), 1, FS_TEXT("a"), 77);
    FS_CHECK(!finds(&cache, FS_TEXT("short"), 1, "a"));
    fs_cache_dispose(&cache);
}

#define TESTS(T)                                                    \
    T(what_was_put_in_is_found_with_its_generation_only)            \
    T(a_token_that_differs_in_any_byte_is_not_found)                \
    T(the_oldest_make_room_and_the_newest_stay)                     \
    T(an_unused_cache_takes_no_memory_and_a_full_one_what_it_holds) \
    T(a_cache_of_nothing_and_tokens_too_long_are_harmless)
FS_SUITE("auth/cache", TESTS)
