/* Borrowed text: comparing, reading numbers, distance, UTF-8. */
#include "base/text.h"

#include <errno.h>

#include "support/random.h"
#include "support/suite.h"

static void texts_are_equal_byte_by_byte(void)
{
    FS_CHECK(fs_text_equals(FS_TEXT(""), fs_text_of(NULL)));
    FS_CHECK(fs_text_equals(FS_TEXT("abc"), fs_text_of("abc")));
    FS_CHECK(fs_text_equals(FS_TEXT("a\0c"), (struct fs_text){"a\0c", 3}));
    FS_CHECK(!fs_text_equals(FS_TEXT("a\0c"), FS_TEXT("a\0d")));
    FS_CHECK(!fs_text_equals(FS_TEXT("abc"), FS_TEXT("abC")));
    FS_CHECK(!fs_text_equals(FS_TEXT("abc"), FS_TEXT("abcd")));
}

static void without_case_only_ascii_letters_are_alike(void)
{
    FS_CHECK(fs_text_equals_nocase(FS_TEXT("BeArEr"), FS_TEXT("bearer")));
    FS_CHECK(!fs_text_equals_nocase(FS_TEXT("bearer"), FS_TEXT("beare")));
    FS_CHECK(!fs_text_equals_nocase(FS_TEXT("bearer"), FS_TEXT("bearez")));
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char one = (char)a, other = (char)b;
            bool is_letter = (a >= 'a' && a <= 'z') || (a >= 'A' && a <= 'Z');
            bool expected = a == b || (is_letter && (a ^ b) == 0x20);

            if (fs_text_equals_nocase((struct fs_text){&one, 1}, (struct fs_text){&other, 1}) !=
                expected)
                FS_CHECK_INT(a, b);
        }
    }
}

static void an_id_is_made_of_letters_digits_underscores_and_dashes(void)
{
    for (unsigned c = 0; c < 256; c++) {
        char text[] = {'a', (char)c, 'z'};
        bool expected = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '-';

        if (fs_text_is_id((struct fs_text){text, 3}, 3) != expected)
            FS_CHECK_INT(c, -1);
    }
    FS_CHECK(fs_text_is_id(FS_TEXT("10"), 64));
}

static void an_id_is_neither_empty_nor_longer_than_allowed(void)
{
    FS_CHECK(!fs_text_is_id(FS_TEXT(""), 64));
    FS_CHECK(!fs_text_is_id((struct fs_text){NULL, 0}, 64));
    FS_CHECK(fs_text_is_id(FS_TEXT("abcd"), 4));
    FS_CHECK(!fs_text_is_id(FS_TEXT("abcde"), 4));
}

static void check_u64(const char *text, uint64_t max, int result, uint64_t expected)
{
    uint64_t value = 4242;

    FS_CHECK_INT(fs_text_to_u64(fs_text_of(text), max, &value), result);
    FS_CHECK(value == (result == 0 ? expected : 4242));
}

static void a_number_is_digits_up_to_the_largest_allowed(void)
{
    check_u64("0", 0, 0, 0);
    check_u64("1", 0, -ERANGE, 0);
    check_u64("7", 3, -ERANGE, 0);
    check_u64("007", 7, 0, 7);
    check_u64("8", 7, -ERANGE, 0);
    check_u64("65535", 65535, 0, 65535);
    check_u64("65536", 65535, -ERANGE, 0);
    check_u64("18446744073709551615", UINT64_MAX, 0, UINT64_MAX);
    check_u64("18446744073709551616", UINT64_MAX, -ERANGE, 0);
    check_u64("18446744073709551625", UINT64_MAX, -ERANGE, 0);
    check_u64("99999999999999999999999999999999999", UINT64_MAX, -ERANGE, 0);
    check_u64("000000000000000000000000000000000000001", 1, 0, 1);
}

static void anything_but_digits_is_no_number(void)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "+1",
                                        "-1",
                                        "1 ",
                                        " 1",
                                        "1.0",
                                        "0x1",
                                        "1e",
                                        "1_0",
                                        "\xb2",
                                        "a",
                                        "99999999999999999999999x"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_u64(texts[i], UINT64_MAX, -EINVAL, 0);
}

static void any_number_is_read_as_printed(void)
{
    struct fs_random random = fs_random_start();

    for (int i = 0; i < 100000; i++) {
        uint64_t number = fs_random_u64(&random) >> fs_random_below(&random, 64);
        uint64_t max = fs_random_u64(&random) >> fs_random_below(&random, 64);
        uint64_t value = 0;
        char text[32];

        snprintf(text, sizeof(text), "%" PRIu64, number);
        FS_REQUIRE(fs_text_to_u64(fs_text_of(text), max, &value) == (number <= max ? 0 : -ERANGE));
        FS_REQUIRE(value == (number <= max ? number : 0));
    }
}

static void distance_of_known_pairs(void)
{
    FS_CHECK_INT(fs_text_distance(FS_TEXT(""), FS_TEXT("")), 0);
    FS_CHECK_INT(fs_text_distance(FS_TEXT("workers"), FS_TEXT("workers")), 0);
    FS_CHECK_INT(fs_text_distance(FS_TEXT("workers"), FS_TEXT("wrokers")), 1);
    FS_CHECK_INT(fs_text_distance(FS_TEXT("worker"), FS_TEXT("workers")), 1);
    FS_CHECK_INT(fs_text_distance(FS_TEXT("kitten"), FS_TEXT("sitting")), 3);
    FS_CHECK_INT(fs_text_distance(FS_TEXT("ca"), FS_TEXT("abc")), 2);
    FS_CHECK_INT(fs_text_distance(FS_TEXT(""), FS_TEXT("abc")), 3);
}

static void texts_of_more_than_64_bytes_are_far_apart(void)
{
    char long_text[65];

    memset(long_text, 'a', sizeof(long_text));
    FS_CHECK(fs_text_distance((struct fs_text){long_text, 65}, FS_TEXT("a")) == SIZE_MAX);
    FS_CHECK(fs_text_distance(FS_TEXT("a"), (struct fs_text){long_text, 65}) == SIZE_MAX);
    FS_CHECK_INT(fs_text_distance((struct fs_text){long_text, 64}, FS_TEXT("a")), 63);
    FS_CHECK_INT(fs_text_distance((struct fs_text){long_text, 64}, FS_TEXT("")), 64);
    FS_CHECK_INT(fs_text_distance((struct fs_text){long_text, 64},
                                  FS_TEXT("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                                          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")),
                 64);
}

/* All texts of up to 5 letters of an alphabet of 3, numbered; the distance is the shortest way in
 * the graph of single edits. */
#define WORD_LEN_MAX 5
#define WORDS 364 /* 1 + 3 + 9 + 27 + 81 + 243 */

struct word {
    char text[WORD_LEN_MAX + 2];
    size_t len;
};

static size_t number_of(const struct word *word)
{
    size_t number = 0;

    for (size_t i = 0; i < word->len; i++)
        number = number * 3 + (size_t)(word->text[i] - 'a') + 1;
    return number;
}

static struct word word_of(size_t number)
{
    struct word word = {.len = 0};

    for (; number > 0; number = (number - 1) / 3) {
        memmove(word.text + 1, word.text, word.len++);
        word.text[0] = (char)('a' + (number - 1) % 3);
    }
    return word;
}

static void reach(const struct word *word, size_t distance, size_t distances[WORDS])
{
    size_t number = number_of(word);

    if (word->len <= WORD_LEN_MAX && distances[number] > distance)
        distances[number] = distance;
}

static void reach_neighbours(const struct word *word, size_t distance, size_t distances[WORDS])
{
    for (size_t at = 0; at <= word->len; at++) {
        struct word edited = *word;

        for (char c = 'a'; c <= 'c' && word->len < WORD_LEN_MAX; c++) {
            edited = (struct word){.len = word->len + 1};
            memcpy(edited.text, word->text, at);
            edited.text[at] = c;
            memcpy(edited.text + at + 1, word->text + at, word->len - at);
            reach(&edited, distance, distances);
        }
        edited = *word;
        for (char c = 'a'; c <= 'c' && at < word->len; c++) {
            edited.text[at] = c;
            reach(&edited, distance, distances);
        }
        edited = *word;
        if (at + 1 < word->len) {
            edited.text[at] = word->text[at + 1];
            edited.text[at + 1] = word->text[at];
            reach(&edited, distance, distances);
        }
        edited = *word;
        if (at < word->len) {
            memmove(edited.text + at, word->text + at + 1, word->len - at - 1);
            edited.len--;
            reach(&edited, distance, distances);
        }
    }
}

static void distance_is_the_least_number_of_edits(void)
{
    for (size_t from = 0; from < WORDS; from++) {
        size_t distances[WORDS];
        struct word start = word_of(from);

        for (size_t i = 0; i < WORDS; i++)
            distances[i] = i == from ? 0 : SIZE_MAX - 1;
        for (size_t distance = 0; distance < 2 * WORD_LEN_MAX; distance++) {
            for (size_t i = 0; i < WORDS; i++) {
                struct word word = word_of(i);

                if (distances[i] == distance)
                    reach_neighbours(&word, distance + 1, distances);
            }
        }
        for (size_t to = 0; to < WORDS; to++) {
            struct word end = word_of(to);

            FS_CHECK_INT(fs_text_distance((struct fs_text){start.text, start.len},
                                          (struct fs_text){end.text, end.len}),
                         distances[to]);
        }
    }
}

static size_t encode(uint32_t code, char bytes[4])
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    bytes[0] = (char)(0xf0 | code >> 18);
    bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
    bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
    bytes[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static void every_code_point_but_surrogates_is_read(void)
{
    for (uint32_t code = 0; code < 0x120000; code++) {
        char bytes[4];
        size_t len = encode(code, bytes);
        bool is_valid = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
        uint32_t read = 4242;

        FS_REQUIRE(fs_text_utf8_first((struct fs_text){bytes, len}, &read) == (is_valid ? len : 0));
        FS_REQUIRE(read == (is_valid ? code : 4242));
        FS_REQUIRE(len == 1 || fs_text_utf8_first((struct fs_text){bytes, len - 1}, &read) == 0);
    }
}

/* All sequences of three bytes, and of four as far as their last two matter. */
static void nothing_else_is_well_formed(void)
{
    static const unsigned char ends[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    size_t counts[5] = {0};
    size_t fours = 0;
    uint32_t code;

    for (uint32_t i = 0; i < 1u << 24; i++) {
        char bytes[] = {(char)(i >> 16), (char)(i >> 8), (char)i};

        counts[fs_text_utf8_first((struct fs_text){bytes, 3}, &code)]++;
    }
    FS_CHECK_INT(counts[1], 128 * 65536);
    FS_CHECK_INT(counts[2], (0x800 - 0x80) * 256);
    FS_CHECK_INT(counts[3], 0x10000 - 0x800 - 0x800);
    FS_CHECK_INT(counts[4], 0);
    for (uint32_t i = 0; i < 1u << 16; i++)
        for (size_t j = 0; j < 36; j++) {
            char bytes[] = {(char)(i >> 8), (char)i, (char)ends[j / 6], (char)ends[j % 6]};

            fours += fs_text_utf8_first((struct fs_text){bytes, 4}, &code) == 4;
        }
    FS_CHECK_INT(fours, 0x100000 / 4096 * 4);
}

#define TESTS(T)                                              \
    T(texts_are_equal_byte_by_byte)                           \
    T(without_case_only_ascii_letters_are_alike)              \
    T(an_id_is_made_of_letters_digits_underscores_and_dashes) \
    T(an_id_is_neither_empty_nor_longer_than_allowed)         \
    T(a_number_is_digits_up_to_the_largest_allowed)           \
    T(anything_but_digits_is_no_number)                       \
    T(any_number_is_read_as_printed)                          \
    T(distance_of_known_pairs)                                \
    T(texts_of_more_than_64_bytes_are_far_apart)              \
    T(distance_is_the_least_number_of_edits)                  \
    T(every_code_point_but_surrogates_is_read)                \
    T(nothing_else_is_well_formed)

FS_SUITE("base/text", TESTS)
