/* http/header_block: blocks as bytes. */
#include "http/header_block.h"

#include <errno.h>
#include <string.h>

#include "support/random.h"
#include "support/suite.h"

#define MAX 100u

static int count(const char *block, size_t len)
{
    return fs_header_block_count((const uint8_t *)block, len, MAX);
}

#define COUNT(literal) count(literal, sizeof(literal) - 1)

static void fields_are_counted_however_they_are_written(void)
{
    FS_CHECK_INT(COUNT(""), 0);
    FS_CHECK_INT(COUNT("\x82"), 1);              /* both by one number */
    FS_CHECK_INT(COUNT("\xff\x80\x01"), 1);      /* by a number of three bytes */
    FS_CHECK_INT(COUNT("\x44\x01/"), 1);         /* the name by number, kept */
    FS_CHECK_INT(COUNT("\x40\x01x\x01y"), 1);    /* the name as text, kept */
    FS_CHECK_INT(COUNT("\x00\x01x\x00"), 1);     /* not kept, an empty value */
    FS_CHECK_INT(COUNT("\x10\x01x\x81\x07"), 1); /* never kept, a value by Huffman's code */
    FS_CHECK_INT(COUNT("\x0f\x0d\x02"
                       "14"),
                 1);                                /* content-length, as h2o writes it */
    FS_CHECK_INT(COUNT("\x20\x3f\xe1\x1f\x82"), 1); /* two sizes of the table before */
    FS_CHECK_INT(COUNT("\x82\x84\x87\x41\x01"
                       "a"),
                 4);
}

static void what_ends_within_a_field_is_no_block(void)
{
    FS_CHECK_INT(COUNT("\xff"), -EINVAL);
    FS_CHECK_INT(COUNT("\xff\x80"), -EINVAL);
    FS_CHECK_INT(COUNT("\x44"), -EINVAL);
    FS_CHECK_INT(COUNT("\x44\x02/"), -EINVAL);
    FS_CHECK_INT(COUNT("\x40\x01"), -EINVAL);
    FS_CHECK_INT(COUNT("\x40\x01x"), -EINVAL);
    FS_CHECK_INT(COUNT("\x40\x01x\x7f"), -EINVAL);
    FS_CHECK_INT(COUNT("\x3f"), -EINVAL);
}

static void a_name_has_at_least_a_byte(void)
{
    FS_CHECK_INT(COUNT("\x40\x00\x01y"), -EINVAL);
    FS_CHECK_INT(COUNT("\x00\x80\x01y"), -EINVAL);
}

static void numbers_have_28_bits(void)
{
    FS_CHECK_INT(COUNT("\xff\x80\x80\x80\x01"), 1);
    FS_CHECK_INT(COUNT("\xff\x80\x80\x80\x80\x01"), -EINVAL);
    FS_CHECK_INT(COUNT("\x40\x7f\xff\xff\xff\x7fx"), -EINVAL); /* a length past all memory */
}

static void sizes_of_the_table_stand_at_the_head_and_are_two_at_most(void)
{
    FS_CHECK_INT(COUNT("\x20\x20\x20\x82"), -EINVAL);
    FS_CHECK_INT(COUNT("\x82\x20"), -EINVAL);
}

static void one_field_too_many_is_told_before_the_rest_is_read(void)
{
    char block[400000];

    memset(block, 0x82, sizeof(block));
    FS_CHECK_INT(count(block, MAX), (int)MAX);
    FS_CHECK_INT(count(block, MAX + 1), -E2BIG);
    block[MAX + 1] = '\x3f';
    FS_CHECK_INT(count(block, sizeof(block)), -E2BIG);
}

/* Each block lies at the end of memory of its own, so that a sanitizer sees a byte too far. */
static void any_bytes_are_read_to_their_end_and_no_further(void)
{
    struct fs_random random = fs_random_start();

    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)fs_random_below(&random, 60);
        uint8_t *block = malloc(len ? len : 1);
        int found;

        for (size_t i = 0; i < len; i++)
            block[i] = (uint8_t)fs_random_u64(&random);
        found = fs_header_block_count(block, len, MAX);
        FS_CHECK(found == -EINVAL || (found >= 0 && (size_t)found <= len));
        free(block);
    }
}

#define TESTS(T)                                                \
    T(fields_are_counted_however_they_are_written)              \
    T(what_ends_within_a_field_is_no_block)                     \
    T(a_name_has_at_least_a_byte)                               \
    T(numbers_have_28_bits)                                     \
    T(sizes_of_the_table_stand_at_the_head_and_are_two_at_most) \
    T(one_field_too_many_is_told_before_the_rest_is_read)       \
    T(any_bytes_are_read_to_their_end_and_no_further)

FS_SUITE("http/header_block", TESTS)
