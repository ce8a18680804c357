/* Lines of a strategy that come again and again. */
#include "strategy/repeats.h"

#include <stdio.h>

#include "support/suite.h"

static struct fs_repeats repeats;

static void a_line_is_written_once_in_its_span_and_then_with_a_count(void)
{
    const uint64_t begun_us = 1000;
    uint32_t held_back = 0;

    fs_repeats_init(&repeats);
    FS_CHECK(fs_repeats_may_write(&repeats, "refused", begun_us, &held_back));
    FS_CHECK_INT(held_back, 0);
    for (unsigned i = 1; i <= 98; i++)
        FS_CHECK(!fs_repeats_may_write(&repeats, "refused", begun_us + i, &held_back));
    FS_CHECK(fs_repeats_may_write(&repeats, "another", begun_us + 99, &held_back));
    FS_CHECK(fs_repeats_may_write(&repeats, "refused", begun_us + FS_REPEATS_SPAN_US, &held_back));
    FS_CHECK_INT(held_back, 98);
    FS_CHECK(
        !fs_repeats_may_write(&repeats, "refused", begun_us + FS_REPEATS_SPAN_US + 1, &held_back));
}

static void more_lines_than_are_remembered_are_written(void)
{
    uint32_t held_back = 0;
    char line[32];

    fs_repeats_init(&repeats);
    for (unsigned i = 0; i < 3 * FS_REPEATS_LINES; i++) {
        snprintf(line, sizeof(line), "line %u", i);
        FS_CHECK(fs_repeats_may_write(&repeats, line, 1 + i, &held_back));
        FS_CHECK(!fs_repeats_may_write(&repeats, line, 1 + i, &held_back));
    }
}

#define TESTS(T)                                                \
    T(a_line_is_written_once_in_its_span_and_then_with_a_count) \
    T(more_lines_than_are_remembered_are_written)
FS_SUITE("strategy/repeats", TESTS)
