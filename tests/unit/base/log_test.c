/* Log lines: their forms, and that no input forges one. */
#include "base/log.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "support/random.h"
#include "support/suite.h"

#define THREADS 4
#define LINES_EACH 200

struct sink {
    char line[FS_LOG_LINE_MAX * 2];
    enum fs_log_level level;
    int count;
};

static void keep_line(void *data, enum fs_log_level level, const char *line)
{
    struct sink *sink = data;

    snprintf(sink->line, sizeof(sink->line), "%s", line);
    sink->level = level;
    sink->count++;
    errno = EDOM;
}

static void open_log(struct fs_log *log, struct sink *sink, enum fs_log_format format)
{
    *sink = (struct sink){.count = 0};
    fs_log_init(log, FS_LOG_DEBUG, format, keep_line, sink);
}

/* The line behind its time. */
static const char *without_time(const char *line)
{
    return strlen(line) > 25 ? line + 25 : line;
}

static void text_lines_have_time_level_part_and_message(void)
{
    struct fs_log log;
    struct sink sink;
    int64_t at_ms = 0;

    open_log(&log, &sink, FS_LOG_TEXT);
    fs_log_info(&log, "store", "node %d of %s", 2, "three");
    FS_CHECK_STR(without_time(sink.line), "INFO  store: node 2 of three");
    FS_CHECK_INT(fs_clock_parse(sink.line, 24, &at_ms), 0);
    FS_CHECK(llabs(fs_clock_wall_ms() - at_ms) < 60000);
    FS_CHECK_INT(sink.level, FS_LOG_INFO);
    fs_log_debug(&log, "a", "b");
    FS_CHECK_STR(without_time(sink.line), "DEBUG a: b");
    fs_log_warning(&log, "a", "b");
    FS_CHECK_STR(without_time(sink.line), "WARN  a: b");
    fs_log_error(&log, "a", "b");
    FS_CHECK_STR(without_time(sink.line), "ERROR a: b");
}

static void json_lines_have_the_same_as_an_object(void)
{
    static const char *const levels[] = {"", "debug", "info", "warning", "error"};

    for (int level = FS_LOG_DEBUG; level <= FS_LOG_ERROR; level++) {
        const char *time, *name, *part, *message;
        struct fs_log log;
        struct sink sink;
        int64_t at_ms;
        json_t *read;

        open_log(&log, &sink, FS_LOG_JSON);
        fs_log_write(&log, (enum fs_log_level)level, "http", "a \"quoted\" \\ %s", "\xe2\x82\xac");
        read = json_loads(sink.line, 0, NULL);
        FS_REQUIRE(read != NULL);
        FS_CHECK_INT(json_object_size(read), 4);
        FS_REQUIRE(json_unpack(read, "{s:s, s:s, s:s, s:s}", "time", &time, "level", &name, "part",
                               &part, "message", &message) == 0);
        FS_CHECK_INT(fs_clock_parse(time, strlen(time), &at_ms), 0);
        FS_CHECK_STR(name, levels[level]);
        FS_CHECK_STR(part, "http");
        FS_CHECK_STR(message, "a \"quoted\" \\ \xe2\x82\xac");
        json_decref(read);
    }
}

static void lines_below_the_level_are_dropped(void)
{
    struct fs_log log;
    struct sink sink;

    open_log(&log, &sink, FS_LOG_TEXT);
    fs_log_set_level(&log, FS_LOG_WARNING);
    fs_log_debug(&log, "a", "b");
    fs_log_info(&log, "a", "b");
    FS_CHECK_INT(sink.count, 0);
    fs_log_warning(&log, "a", "b");
    fs_log_error(&log, "a", "b");
    FS_CHECK_INT(sink.count, 2);
    fs_log_set_level(&log, FS_LOG_DEBUG);
    fs_log_debug(&log, "a", "b");
    FS_CHECK_INT(sink.count, 3);
}

static void errno_is_the_same_before_and_after(void)
{
    struct fs_log log;
    struct sink sink;

    open_log(&log, &sink, FS_LOG_TEXT);
    errno = EACCES;
    fs_log_error(&log, "a", "%m");
    FS_CHECK_INT(errno, EACCES);
    FS_CHECK_STR(without_time(sink.line), "ERROR a: Permission denied");
}

static void check_text(const char *message, const char *expected)
{
    struct fs_log log;
    struct sink sink;

    open_log(&log, &sink, FS_LOG_TEXT);
    fs_log_info(&log, "a", "%s", message);
    FS_CHECK_STR(without_time(sink.line) + strlen("INFO  a: "), expected);
}

static void what_could_forge_a_line_is_escaped_in_text(void)
{
    check_text("one\n2026-11-27T00:00:00.123Z ERROR two",
               "one\\n2026-11-27T00:00:00.123Z ERROR two");
    check_text("\r\t\x1b[2J\x01\x7f", "\\r\\t\\x1b[2J\\x01\\x7f");
    check_text("a\\nb \"c\"", "a\\\\nb \"c\"");
    check_text("\xc2\x85 \xe2\x80\xa8 \xe2\x80\xae \xe2\x81\xa6",
               "\\u0085 \\u2028 \\u202e \\u2066");
    check_text("\xff \xc3 \xc0\xaf", "\\xff \\xc3 \\xc0\\xaf");
    check_text("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9b\x92", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9b\x92");
}

static void a_nul_in_a_message_does_not_end_it(void)
{
    struct fs_log log;
    struct sink sink;

    open_log(&log, &sink, FS_LOG_TEXT);
    fs_log_info(&log, "a", "b%cc", 0);
    FS_CHECK_STR(without_time(sink.line), "INFO  a: b\\x00c");
    open_log(&log, &sink, FS_LOG_JSON);
    fs_log_info(&log, "a", "b%cc", 0);
    FS_CHECK_CONTAINS(sink.line, "\"message\":\"b\\u0000c\"");
}

static void a_message_that_cannot_be_formatted_still_makes_a_line(void)
{
    struct fs_log log;
    struct sink sink;

    open_log(&log, &sink, FS_LOG_TEXT);
    fs_log_info(&log, "a", "%ls", (wchar_t[]){0xd800, 0});
    FS_CHECK_STR(without_time(sink.line), "INFO  a: (not printable: %ls)");
}

/* Lengths around the limit, with characters of every width at the cut. */
static void check_cut(enum fs_log_format format, const char *character, const char *end)
{
    for (size_t len = FS_LOG_LINE_MAX - 100; len < FS_LOG_LINE_MAX + 100; len++) {
        static char message[FS_LOG_LINE_MAX * 3];
        size_t width = strlen(character);
        size_t message_len = 0;
        struct fs_log log;
        struct sink sink;
        bool is_cut;

        while (message_len < len)
            message[message_len++] = 'x';
        for (int i = 0; i < 20; i++, message_len += width)
            memcpy(message + message_len, character, width);
        message[message_len] = '\0';
        open_log(&log, &sink, format);
        fs_log_info(&log, "a", "%s", message);
        is_cut = strstr(sink.line, "...[cut]") != NULL;
        FS_CHECK(strlen(sink.line) + 1 <= FS_LOG_LINE_MAX);
        FS_CHECK(is_cut || strlen(sink.line) > message_len);
        FS_CHECK_STR(sink.line + strlen(sink.line) - strlen(end), end);
        if (is_cut)
            FS_CHECK(strlen(sink.line) > FS_LOG_LINE_MAX - 30);
        if (format == FS_LOG_JSON) {
            json_t *read = json_loads(sink.line, 0, NULL);

            FS_CHECK(read != NULL);
            json_decref(read);
        }
    }
}

static void a_long_line_is_cut_between_characters_and_marked(void)
{
    check_cut(FS_LOG_TEXT, "xxxxxxxx", "...[cut]");
    check_cut(FS_LOG_TEXT, "\xf0\x9f\x9b\x92\xf0\x9f\x9b\x92", "...[cut]");
    check_cut(FS_LOG_TEXT, "\x01\x01\x01\x01\x01\x01\x01\x01", "...[cut]");
    check_cut(FS_LOG_JSON, "\"\"\"\"\"\"\"\"", "...[cut]\"}");
    check_cut(FS_LOG_JSON, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", "...[cut]\"}");
    check_cut(FS_LOG_JSON, "\x01\x01\x01\x01\x01\x01\x01\x01", "...[cut]\"}");
}

static void a_short_line_is_not_marked(void)
{
    struct fs_log log;
    struct sink sink;

    open_log(&log, &sink, FS_LOG_TEXT);
    fs_log_info(&log, "a", "%0*d", (int)FS_LOG_LINE_MAX - 64, 7);
    FS_CHECK(strstr(sink.line, "cut") == NULL);
    FS_CHECK(sink.line[strlen(sink.line) - 1] == '7');
}

static bool is_one_plain_line(const char *line)
{
    for (; *line; line++)
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            return false;
    return true;
}

static void any_bytes_make_one_line_of_whole_characters(void)
{
    struct fs_random random = fs_random_start();

    for (int i = 0; i < 20000; i++) {
        char message[300];
        size_t len = 1 + fs_random_below(&random, sizeof(message) - 1);
        struct fs_log log;
        struct sink sink;
        json_t *read;

        for (size_t j = 0; j < len; j++)
            message[j] = (char)(1 + fs_random_below(&random, 255));
        message[len - 1] = '\0';
        open_log(&log, &sink, FS_LOG_JSON);
        fs_log_info(&log, "a", "%s", message);
        read = json_loads(sink.line, 0, NULL); /* refuses invalid UTF-8 */
        FS_REQUIRE(read != NULL && is_one_plain_line(sink.line));
        json_decref(read);

        open_log(&log, &sink, FS_LOG_TEXT);
        fs_log_info(&log, "a", "%s", message);
        read = json_string(sink.line);
        FS_REQUIRE(read != NULL && is_one_plain_line(sink.line));
        json_decref(read);
    }
}

static void *write_lines(void *data)
{
    struct fs_log *log = data;

    for (int i = 0; i < LINES_EACH; i++)
        fs_log_info(log, "a", "%0*d", 10 + i * 5, i);
    return NULL;
}

/* Standard error becomes a socket that keeps the bounds of each write. */
static void without_a_sink_each_line_is_one_write_to_standard_error(void)
{
    pthread_t threads[THREADS];
    struct fs_log log;
    int pair[2];
    int before = dup(STDERR_FILENO);
    int lines = 0;

    FS_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    FS_REQUIRE(dup2(pair[1], STDERR_FILENO) >= 0);
    fs_log_init(&log, FS_LOG_INFO, FS_LOG_TEXT, NULL, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, write_lines, &log);
    for (; lines < THREADS * LINES_EACH; lines++) {
        char packet[FS_LOG_LINE_MAX * 2];
        ssize_t len = recv(pair[0], packet, sizeof(packet), 0);

        if (len <= 0 || memchr(packet, '\n', (size_t)len) != packet + len - 1 ||
            memcmp(packet + 24, " INFO  a: 0", 11) != 0)
            break;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    dup2(before, STDERR_FILENO);
    close(before);
    close(pair[0]);
    close(pair[1]);
    FS_CHECK_INT(lines, THREADS * LINES_EACH);
}

static void *change_level(void *data)
{
    struct fs_log *log = data;

    for (int i = 0; i < 10000; i++)
        fs_log_set_level(log, i % 2 ? FS_LOG_ERROR : FS_LOG_WARNING);
    return NULL;
}

/* Of use under the thread sanitizer. */
static void the_level_may_change_while_lines_are_written(void)
{
    struct fs_log log;
    struct sink sink;
    pthread_t thread;

    open_log(&log, &sink, FS_LOG_TEXT);
    FS_REQUIRE(pthread_create(&thread, NULL, change_level, &log) == 0);
    for (int i = 0; i < 10000; i++)
        fs_log_error(&log, "a", "b");
    pthread_join(thread, NULL);
    FS_CHECK_INT(sink.count, 10000);
}

#define TESTS(T)                                               \
    T(text_lines_have_time_level_part_and_message)             \
    T(json_lines_have_the_same_as_an_object)                   \
    T(lines_below_the_level_are_dropped)                       \
    T(errno_is_the_same_before_and_after)                      \
    T(what_could_forge_a_line_is_escaped_in_text)              \
    T(a_nul_in_a_message_does_not_end_it)                      \
    T(a_message_that_cannot_be_formatted_still_makes_a_line)   \
    T(a_long_line_is_cut_between_characters_and_marked)        \
    T(a_short_line_is_not_marked)                              \
    T(any_bytes_make_one_line_of_whole_characters)             \
    T(without_a_sink_each_line_is_one_write_to_standard_error) \
    T(the_level_may_change_while_lines_are_written)

FS_SUITE("base/log", TESTS)
