/* http/trace: what is a traceparent, and what is none. */
#include "http/trace.h"
#include "support/suite.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static int parse(const char *text, struct fs_trace *trace)
{
    return fs_trace_parse(fs_text_of(text), trace);
}

static void the_example_of_the_standard_is_read(void)
{
    struct fs_trace trace;

    FS_REQUIRE(parse("00-" TRACE "-" SPAN "-01", &trace) == 0);
    FS_CHECK_TEXT(trace.trace_id.data, trace.trace_id.len, TRACE);
    FS_CHECK_TEXT(trace.span_id.data, trace.span_id.len, SPAN);
    FS_CHECK(trace.is_sampled);
}

static void only_the_lowest_flag_says_sampled(void)
{
    struct fs_trace trace;

    FS_CHECK(parse("00-" TRACE "-" SPAN "-fe", &trace) == 0 && !trace.is_sampled);
    FS_CHECK(parse("00-" TRACE "-" SPAN "-0b", &trace) == 0 && trace.is_sampled);
    FS_CHECK(parse("00-" TRACE "-" SPAN "-00", &trace) == 0 && !trace.is_sampled);
}

static void a_later_version_is_read_as_far_as_it_is_known(void)
{
    struct fs_trace trace;

    FS_CHECK_INT(parse("cc-" TRACE "-" SPAN "-01", &trace), 0);
    FS_CHECK_INT(parse("cc-" TRACE "-" SPAN "-01-what-comes", &trace), 0);
    FS_CHECK(parse("cc-" TRACE "-" SPAN "-01.what-comes", &trace) != 0);
}

static void what_is_malformed_belongs_to_no_trace(void)
{
    const char *const wrong[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-0",
        "00-" TRACE "-" SPAN "-01-more",
        "00-" TRACE "-" SPAN "-0g",
        "ff-" TRACE "-" SPAN "-01",
        "0x-" TRACE "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "00-4bf92f3577b34da6a3ce929d0e0e47\"6-" SPAN "-01",
    };
    struct fs_trace trace = {.is_sampled = true};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (parse(wrong[i], &trace) == 0)
            CU_FAIL(wrong[i]);
    FS_CHECK(trace.is_sampled && !trace.trace_id.data);
}

static void no_byte_beyond_the_text_is_read(void)
{
    const char *whole = "00-" TRACE "-" SPAN "-01";
    struct fs_trace trace;

    for (size_t len = 0; len < strlen(whole); len++) {
        char *copy = malloc(len ? len : 1); /* so that a sanitizer sees the end */

        FS_REQUIRE(copy != NULL);
        memcpy(copy, whole, len);
        FS_CHECK(fs_trace_parse((struct fs_text){copy, len}, &trace) != 0);
        free(copy);
    }
}

#define TESTS(T)                                     \
    T(the_example_of_the_standard_is_read)           \
    T(only_the_lowest_flag_says_sampled)             \
    T(a_later_version_is_read_as_far_as_it_is_known) \
    T(what_is_malformed_belongs_to_no_trace)         \
    T(no_byte_beyond_the_text_is_read)
FS_SUITE("http/trace", TESTS)
