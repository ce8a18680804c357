/* http/framing: heads as data. */
#include "http/framing.h"

#include "base/limits.h"
#include "support/suite.h"

#define LINE "POST /purchase/1 HTTP/1.1\r\n"
#define HOST "host: flashsale\r\n"

static const char *judge(const char *head)
{
    bool ignored;

    return fs_framing_problem(fs_text_of(head), &ignored);
}

static void a_head_with_one_meaning_passes(void)
{
    const char *heads[] = {
        LINE HOST "\r\n",
        LINE HOST "content-length: 14\r\n\r\n{\"quantity\":1}",
        LINE HOST "Content-Length:14\r\n\r\n",
        LINE HOST "content-length: \t 14 \t\r\n\r\n",
        LINE HOST "transfer-encoding: chunked\r\n\r\n",
        LINE HOST "Transfer-Encoding: CHUNKED\r\n\r\n",
        LINE HOST "x-note:\r\n\r\n",
        LINE HOST "x-note: content-length: 5\r\n\r\n",
        LINE HOST "x-content-length: 5\r\ncontent-length: 0\r\n\r\n",
        LINE "host:\r\n\r\n",
        "\r\n" LINE HOST "\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
        LINE HOST "content-length: 0\r\n\r\nGET / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        FS_CHECK_STR(judge(heads[i]) ? judge(heads[i]) : "passes", "passes");
}

static void a_head_with_two_meanings_is_refused_and_told_why(void)
{
    const struct {
        const char *head, *part;
    } rows[] = {
        {LINE HOST "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "exclude"},
        {LINE HOST "transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n", "exclude"},
        {LINE HOST "content-length: 1\r\ncontent-length: 1\r\n\r\n", "Content-Length is there"},
        {LINE HOST "content-length: 1\r\nContent-LENGTH: 2\r\n\r\n", "Content-Length is there"},
        {LINE HOST "content-length: 1, 1\r\n\r\n", "not a number"},
        {LINE HOST "content-length: +1\r\n\r\n", "not a number"},
        {LINE HOST "content-length: -1\r\n\r\n", "not a number"},
        {LINE HOST "content-length: 0x1\r\n\r\n", "not a number"},
        {LINE HOST "content-length: 1a\r\n\r\n", "not a number"},
        {LINE HOST "content-length:\r\n\r\n", "not a number"},
        {LINE HOST "content-length: 1 1\r\n\r\n", "not a number"},
        {LINE HOST "content-length: 18446744073709551630\r\n\r\n", "not a number"},
        {LINE HOST "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n", "Transfer"},
        {LINE HOST "transfer-encoding: xchunked\r\n\r\n", "not \"chunked\""},
        {LINE HOST "transfer-encoding: chunked, identity\r\n\r\n", "not \"chunked\""},
        {LINE HOST "transfer-encoding: gzip, chunked\r\n\r\n", "not \"chunked\""},
        {LINE HOST "transfer-encoding:\r\n\r\n", "not \"chunked\""},
        {LINE HOST "transfer-encoding: \x0b"
                   "chunked\r\n\r\n",
         "not \"chunked\""},
        {"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", "HTTP/1.0"},
        {LINE HOST "content-length : 1\r\n\r\n", "proper name"},
        {LINE HOST "content-length\t: 1\r\n\r\n", "proper name"},
        {LINE HOST ": 1\r\n\r\n", "proper name"},
        {LINE HOST "content-length\r\n\r\n", "proper name"},
        {LINE HOST "x-note: a\r\n b\r\n\r\n", "folded"},
        {LINE HOST "x-note: a\r\n\tcontent-length: 1\r\n\r\n", "folded"},
        {LINE " host: a\r\n\r\n", "folded"},
        {LINE "\r\n", "Host is missing"},
        {LINE HOST "host: b\r\n\r\n", "Host is there"},
        {"GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n", "Host is there"},
        {"POST / HTTP/1.1\nhost: a\n\n", "CRLF"},
        {LINE "host: a\n\r\n", "CRLF"},
        {LINE HOST "x: a\rcontent-length: 1\r\n\r\n", "CRLF"},
        {LINE HOST, "CRLF"},
        {LINE HOST "x", "CRLF"},
        {"", "CRLF"},
        {"\r\n\r\n", "CRLF"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        FS_CHECK_CONTAINS(judge(rows[i].head), rows[i].part);
}

static void a_head_that_is_too_long_is_refused(void)
{
    size_t len = FS_HEAD_LEN_MAX + 100;
    char *head = malloc(len + 1);
    size_t at;

    FS_REQUIRE(head != NULL);
    at = (size_t)snprintf(head, len, LINE HOST "x: ");
    memset(head + at, 'a', len - at);
    snprintf(head + len - 4, 5, "\r\n\r\n");
    FS_CHECK_CONTAINS(judge(head), "too long");
    memcpy(head + FS_HEAD_LEN_MAX - 4, "\r\n\r\n", 4);
    FS_CHECK(judge(head) == NULL);
    free(head);
}

/* Each prefix of a head: never read behind it, and never passed before its end. */
static void a_part_of_a_head_never_passes(void)
{
    const char whole[] = LINE HOST "content-length: 14\r\nx-note: a\r\n\r\n";

    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *part = malloc(len ? len : 1);
        bool ignored;

        FS_REQUIRE(part != NULL);
        memcpy(part, whole, len);
        FS_CHECK(fs_framing_problem((struct fs_text){part, len}, &ignored) != NULL);
        free(part);
    }
    FS_CHECK(judge(whole) == NULL);
}

static void chunks_are_noticed(void)
{
    bool is_chunked = true;

    FS_CHECK(!fs_framing_problem(FS_TEXT(LINE HOST "content-length: 1\r\n\r\n"), &is_chunked));
    FS_CHECK(!is_chunked);
    FS_CHECK(
        !fs_framing_problem(FS_TEXT(LINE HOST "transfer-encoding: chunked\r\n\r\n"), &is_chunked));
    FS_CHECK(is_chunked);
}

#define TESTS(T)                                        \
    T(a_head_with_one_meaning_passes)                   \
    T(a_head_with_two_meanings_is_refused_and_told_why) \
    T(a_head_that_is_too_long_is_refused)               \
    T(a_part_of_a_head_never_passes) T(chunks_are_noticed)
FS_SUITE("http/framing", TESTS)
