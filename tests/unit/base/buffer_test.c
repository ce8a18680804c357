/* The bounded buffer: all of a write or nothing, and what its writers write. */
#include "base/text.h"

#include <jansson.h>

#include "support/random.h"
#include "support/suite.h"

#define GUARD '#'

typedef void write_one(struct fs_buffer *buffer);

static void write_text(struct fs_buffer *buffer)
{
    fs_buffer_add(buffer, FS_TEXT("hello"));
}

static void write_nothing(struct fs_buffer *buffer)
{
    fs_buffer_add(buffer, FS_TEXT(""));
}

static void write_u64(struct fs_buffer *buffer)
{
    fs_buffer_add_u64(buffer, UINT64_MAX);
}

static void write_i64(struct fs_buffer *buffer)
{
    fs_buffer_add_i64(buffer, INT64_MIN);
}

static void write_format(struct fs_buffer *buffer)
{
    fs_buffer_add_format(buffer, "%d-%s", 42, "abc");
}

static void write_empty_format(struct fs_buffer *buffer)
{
    fs_buffer_add_format(buffer, "%s", "");
}

static void write_json(struct fs_buffer *buffer)
{
    fs_buffer_add_json(buffer, FS_TEXT("a\n\x01\xc3\xa4\xff\"z"));
}

static void write_base32(struct fs_buffer *buffer)
{
    fs_buffer_add_base32(buffer, "\x00\x01\x02\xfd\xfe\xff", 6);
}

static const struct writer {
    write_one *write;
    const char *expected;
} writers[] = {
    {write_text, "hello"},
    {write_nothing, ""},
    {write_u64, "18446744073709551615"},
    {write_i64, "-9223372036854775808"},
    {write_format, "42-abc"},
    {write_empty_format, ""},
    {write_json, "\"a\\n\\u0001\xc3\xa4\xef\xbf\xbd\\\"z\""},
    {write_base32, "aaaqf7p674"},
};

#define WRITERS (sizeof(writers) / sizeof(writers[0]))

static void each_writer_writes_all_or_nothing_at_every_capacity(void)
{
    for (size_t i = 0; i < WRITERS; i++) {
        size_t len = strlen(writers[i].expected);

        for (size_t capacity = 0; capacity < len + 8; capacity++) {
            char memory[64];
            struct fs_buffer buffer = fs_buffer_of(memory + 4, capacity);
            size_t before = capacity < 3 ? capacity : 3;
            bool fits = before + len <= capacity;

            memset(memory, GUARD, sizeof(memory));
            fs_buffer_add(&buffer, (struct fs_text){"abc", before});
            writers[i].write(&buffer);
            FS_CHECK_INT(buffer.overflowed, !fits);
            FS_CHECK_INT(buffer.len, before + (fits ? len : 0));
            FS_CHECK(memcmp(buffer.data, "abc", before) == 0);
            if (fits)
                FS_CHECK_TEXT(buffer.data + before, len, writers[i].expected);
            for (size_t j = 0; j < sizeof(memory); j++)
                FS_CHECK((j >= 4 && j < 4 + capacity) || memory[j] == GUARD);
        }
    }
}

static void after_an_overflow_nothing_more_is_written(void)
{
    for (size_t i = 0; i < WRITERS; i++) {
        char memory[64];
        struct fs_buffer buffer = fs_buffer_of(memory, sizeof(memory));

        fs_buffer_add(&buffer, (struct fs_text){(char[65]){0}, 65});
        FS_CHECK(buffer.overflowed);
        writers[i].write(&buffer);
        FS_CHECK(buffer.overflowed);
        FS_CHECK_INT(buffer.len, 0);
    }
}

static void a_buffer_without_memory_takes_only_nothing(void)
{
    struct fs_buffer buffer = fs_buffer_of(NULL, 0);

    fs_buffer_add(&buffer, FS_TEXT(""));
    fs_buffer_add_format(&buffer, "%s", "");
    fs_buffer_add_base32(&buffer, "", 0);
    FS_CHECK(!buffer.overflowed);
    fs_buffer_add_format(&buffer, "%d", 1);
    FS_CHECK(buffer.overflowed);
}

static void a_format_that_cannot_be_written_is_an_overflow(void)
{
    char memory[64];
    struct fs_buffer buffer = fs_buffer_of(memory, sizeof(memory));

    /* No such character in the C locale. */
    fs_buffer_add_format(&buffer, "%ls", (wchar_t[]){0xd800, 0});
    FS_CHECK(buffer.overflowed);
    FS_CHECK_INT(buffer.len, 0);
}

static void any_number_is_written_as_libc_prints_it(void)
{
    struct fs_random random = fs_random_start();

    for (int i = 0; i < 50000; i++) {
        uint64_t number = fs_random_u64(&random) >> fs_random_below(&random, 64);
        int64_t negative =
            (int64_t)(fs_random_u64(&random) | UINT64_C(1) << 63) >> fs_random_below(&random, 63);
        char memory[64], expected[64];
        struct fs_buffer buffer = fs_buffer_of(memory, sizeof(memory));

        fs_buffer_add_u64(&buffer, number);
        fs_buffer_add(&buffer, FS_TEXT(" "));
        fs_buffer_add_i64(&buffer, negative);
        fs_buffer_add(&buffer, FS_TEXT(" "));
        fs_buffer_add_i64(&buffer, (int64_t)(number >> 1));
        snprintf(expected, sizeof(expected), "%" PRIu64 " %" PRId64 " %" PRIu64, number, negative,
                 number >> 1);
        FS_CHECK_TEXT(buffer.data, buffer.len, expected);
    }
}

static void check_json(struct fs_text text, const char *expected)
{
    char memory[256];
    struct fs_buffer buffer = fs_buffer_of(memory, sizeof(memory));

    fs_buffer_add_json(&buffer, text);
    FS_CHECK_TEXT(buffer.data, buffer.len, expected);
}

static void json_escapes_what_json_wants_escaped(void)
{
    check_json(FS_TEXT(""), "\"\"");
    check_json(FS_TEXT("plain /text/"), "\"plain /text/\"");
    check_json(FS_TEXT("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
    check_json(FS_TEXT("a\0b"), "\"a\\u0000b\"");
    check_json(FS_TEXT("\x1f\x7f"), "\"\\u001f\\u007f\"");
    check_json(FS_TEXT("\xe2\x82\xac \xf0\x9f\x9b\x92"), "\"\xe2\x82\xac \xf0\x9f\x9b\x92\"");
}

static void json_replaces_each_byte_that_is_not_utf8(void)
{
    check_json(FS_TEXT("\xff"), "\"\xef\xbf\xbd\"");
    check_json(FS_TEXT("a\xc3"), "\"a\xef\xbf\xbd\"");
    check_json(FS_TEXT("\xc3(\xe2\x82"), "\"\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"");
    check_json(FS_TEXT("\xc0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    check_json(FS_TEXT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* What a JSON string of text has to hold, after the table of well-formed UTF-8. */
static size_t repair(const char *bytes, size_t len, char *repaired)
{
    size_t count = 0;

    for (size_t at = 0; at < len;) {
        uint32_t code;
        size_t step = fs_text_utf8_first((struct fs_text){bytes + at, len - at}, &code);

        memcpy(repaired + count, step ? bytes + at : "\xef\xbf\xbd", step ? step : 3);
        count += step ? step : 3;
        at += step ? step : 1;
    }
    return count;
}

static void any_bytes_become_json_that_a_parser_reads_back(void)
{
    static const char pieces[] =
        "a\"\\\n\x01\x7f\x80\xbf\xc3\xa4\xe2\x82\xac\xed\xa0\xf0\x9f\x9b\x92\xf4";
    struct fs_random random = fs_random_start();

    for (int i = 0; i < 50000; i++) {
        char bytes[24], repaired[72], memory[256];
        size_t len = fs_random_below(&random, sizeof(bytes) + 1);
        struct fs_buffer buffer = fs_buffer_of(memory, sizeof(memory));
        json_t *read;
        size_t repaired_len;

        for (size_t j = 0; j < len; j++)
            bytes[j] = fs_random_below(&random, 4) == 0
                           ? (char)fs_random_below(&random, 256)
                           : pieces[fs_random_below(&random, sizeof(pieces) - 1)];
        fs_buffer_add_json(&buffer, (struct fs_text){bytes, len});
        FS_REQUIRE(!buffer.overflowed);
        read = json_loadb(buffer.data, buffer.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        FS_REQUIRE(json_is_string(read));
        repaired_len = repair(bytes, len, repaired);
        FS_CHECK_INT(json_string_length(read), repaired_len);
        FS_CHECK(memcmp(json_string_value(read), repaired, repaired_len) == 0);
        json_decref(read);
    }
}

static void check_base32(const char *bytes, const char *expected)
{
    char memory[64];
    struct fs_buffer buffer = fs_buffer_of(memory, sizeof(memory));

    fs_buffer_add_base32(&buffer, bytes, strlen(bytes));
    FS_CHECK_TEXT(buffer.data, buffer.len, expected);
}

static void base32_is_that_of_the_rfc(void)
{
    check_base32("", "");
    check_base32("f", "my");
    check_base32("fo", "mzxq");
    check_base32("foo", "mzxw6");
    check_base32("foob", "mzxw6yq");
    check_base32("fooba", "mzxw6ytb");
    check_base32("foobar", "mzxw6ytboi");
}

static void any_bytes_can_be_read_back_from_base32(void)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct fs_random random = fs_random_start();

    for (int i = 0; i < 20000; i++) {
        unsigned char bytes[20], read[20] = {0};
        size_t len = fs_random_below(&random, sizeof(bytes) + 1);
        char memory[64];
        struct fs_buffer buffer = fs_buffer_of(memory, sizeof(memory));

        for (size_t j = 0; j < len; j++)
            bytes[j] = (unsigned char)fs_random_u64(&random);
        fs_buffer_add_base32(&buffer, bytes, len);
        FS_CHECK_INT(buffer.len, (len * 8 + 4) / 5);
        for (size_t bit = 0; bit < buffer.len * 5; bit++) {
            const char *letter = memchr(alphabet, buffer.data[bit / 5], 32);
            unsigned value;

            FS_REQUIRE(letter != NULL);
            value = (unsigned)(letter - alphabet) >> (4 - bit % 5) & 1;
            if (bit < len * 8)
                read[bit / 8] = (unsigned char)(read[bit / 8] | value << (7 - bit % 8));
            else
                FS_REQUIRE(value == 0);
        }
        FS_CHECK(memcmp(read, bytes, len) == 0);
    }
}

static void sixteen_bytes_are_26_characters(void)
{
    char memory[26];
    struct fs_buffer buffer = fs_buffer_of(memory, sizeof(memory));

    fs_buffer_add_base32(&buffer, (char[16]){0}, 16);
    FS_CHECK(!buffer.overflowed);
    FS_CHECK_INT(buffer.len, 26);
}

#define TESTS(T)                                           \
    T(each_writer_writes_all_or_nothing_at_every_capacity) \
    T(after_an_overflow_nothing_more_is_written)           \
    T(a_buffer_without_memory_takes_only_nothing)          \
    T(a_format_that_cannot_be_written_is_an_overflow)      \
    T(any_number_is_written_as_libc_prints_it)             \
    T(json_escapes_what_json_wants_escaped)                \
    T(json_replaces_each_byte_that_is_not_utf8)            \
    T(any_bytes_become_json_that_a_parser_reads_back)      \
    T(base32_is_that_of_the_rfc)                           \
    T(any_bytes_can_be_read_back_from_base32)              \
    T(sixteen_bytes_are_26_characters)

FS_SUITE("base/buffer", TESTS)
