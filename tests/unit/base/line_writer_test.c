/* A writer of lines: no caller waits for the reader, no line is torn, each lost line is counted. */
#include "base/line_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/suite.h"

#define CAPACITY 65536u
#define LINE_LEN (sizeof("line 00000000 of many that are about this long\n") - 1)

struct reported {
    _Atomic uint64_t dropped;
    _Atomic int error;
};

static void on_report(void *data, uint64_t dropped, int error)
{
    struct reported *reported = data;

    atomic_fetch_add(&reported->dropped, dropped);
    atomic_store(&reported->error, error);
}

/* Adds lines to a pipe that nobody reads until some are dropped; returns how many were added. */
static unsigned fill(struct fs_line_writer *writer)
{
    char line[128];
    unsigned count = 0;

    for (;; count++) {
        int len =
            snprintf(line, sizeof(line), "line %08u of many that are about this long\n", count);

        if (!fs_line_writer_add(writer, (struct fs_text){line, (size_t)len}))
            return count;
    }
}

static void lines_come_in_order_and_whole(void)
{
    struct fs_line_writer *writer;
    char text[64] = "";
    int pipes[2];

    FS_REQUIRE(pipe(pipes) == 0);
    FS_REQUIRE(fs_line_writer_create(pipes[1], CAPACITY, NULL, NULL, &writer) == 0);
    fs_line_writer_add(writer, FS_TEXT("one\n"));
    fs_line_writer_add(writer, FS_TEXT("two\n"));
    FS_CHECK(fs_line_writer_flush(writer, 5000000));
    FS_CHECK_INT(read(pipes[0], text, sizeof(text) - 1), 8);
    FS_CHECK_STR(text, "one\ntwo\n");
    FS_CHECK_INT(fs_line_writer_dropped(writer), 0);
    fs_line_writer_destroy(writer);
    close(pipes[0]);
    close(pipes[1]);
}

static void an_unread_pipe_delays_no_caller_and_no_destroy(void)
{
    struct fs_line_writer *writer;
    uint64_t begun_us;
    int pipes[2];

    FS_REQUIRE(pipe(pipes) == 0);
    FS_REQUIRE(fs_line_writer_create(pipes[1], CAPACITY, NULL, NULL, &writer) == 0);
    FS_CHECK(fill(writer) >= CAPACITY / 64);
    FS_CHECK_INT(fs_line_writer_dropped(writer), 1);
    begun_us = fs_clock_now_us();
    FS_CHECK(!fs_line_writer_flush(writer, 50000));
    fs_line_writer_destroy(writer);
    FS_CHECK(fs_clock_now_us() - begun_us < 5000000);
    close(pipes[0]);
    close(pipes[1]);
}

static void drops_are_reported_once_the_reader_is_back_and_every_line_kept_is_whole(void)
{
    struct fs_line_writer *writer;
    struct reported reported = {0};
    static char text[4 * CAPACITY];
    size_t len = 0;
    unsigned kept, seen = 0;
    int pipes[2];

    FS_REQUIRE(pipe(pipes) == 0);
    FS_REQUIRE(fs_line_writer_create(pipes[1], CAPACITY, on_report, &reported, &writer) == 0);
    kept = fill(writer);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 5000; i++) {
        ssize_t got = read(pipes[0], text + len, sizeof(text) - len);

        len += got > 0 ? (size_t)got : 0;
        if (atomic_load(&reported.dropped) > 0 && len == kept * LINE_LEN)
            break;
        usleep(1000);
    }
    FS_CHECK_INT(atomic_load(&reported.dropped), 1);
    FS_CHECK_INT(atomic_load(&reported.error), 0);
    for (char *at = text; at < text + len; seen++, at = strchr(at, '\n') + 1) {
        unsigned number = UINT32_MAX;

        FS_REQUIRE(sscanf(at, "line %8u of many", &number) == 1);
        FS_CHECK_INT(number, seen);
    }
    FS_CHECK_INT(seen, kept);
    fs_line_writer_destroy(writer);
    close(pipes[0]);
    close(pipes[1]);
}

static void a_full_disk_drops_and_counts_and_says_why(void)
{
    struct fs_line_writer *writer;
    struct reported reported = {0};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    FS_REQUIRE(fd >= 0);
    FS_REQUIRE(fs_line_writer_create(fd, CAPACITY, on_report, &reported, &writer) == 0);
    fs_line_writer_add(writer, FS_TEXT("one\n"));
    FS_CHECK(fs_line_writer_flush(writer, 5000000));
    FS_CHECK_INT(fs_line_writer_dropped(writer), 1);
    for (int i = 0; i < 5000 && atomic_load(&reported.dropped) == 0; i++)
        usleep(1000);
    FS_CHECK_INT(atomic_load(&reported.error), ENOSPC);
    fs_line_writer_destroy(writer);
    close(fd);
}

static void a_reader_that_left_drops_lines_and_raises_no_signal(void)
{
    struct fs_line_writer *writer;
    int pipes[2];

    FS_REQUIRE(pipe(pipes) == 0);
    FS_REQUIRE(fs_line_writer_create(pipes[1], CAPACITY, NULL, NULL, &writer) == 0);
    close(pipes[0]);
    fs_line_writer_add(writer, FS_TEXT("one\n"));
    FS_CHECK(fs_line_writer_flush(writer, 5000000));
    FS_CHECK_INT(fs_line_writer_dropped(writer), 1);
    fs_line_writer_destroy(writer);
    close(pipes[1]);
}

#define TESTS(T)                                                               \
    T(lines_come_in_order_and_whole)                                           \
    T(an_unread_pipe_delays_no_caller_and_no_destroy)                          \
    T(drops_are_reported_once_the_reader_is_back_and_every_line_kept_is_whole) \
    T(a_full_disk_drops_and_counts_and_says_why)                               \
    T(a_reader_that_left_drops_lines_and_raises_no_signal)

FS_SUITE("base/line_writer", TESTS)
