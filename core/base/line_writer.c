/* Two buffers: callers fill one while the thread writes the other.  They change places when the thread
 * has written all of its own, so a line is copied once and the lock is never held over a write.
 *
 * The descriptor may be shared with other processes (standard error), so its O_NONBLOCK flag is left
 * alone: poll(2) comes before each write, and where a write blocks all the same, because somebody else
 * filled the pipe meanwhile, only this thread waits.  To a pipe at most PIPE_BUF bytes of whole lines
 * are written at once: such a write is not mixed with others'. */
#include "base/line_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define WRITE_LEN_MAX 65536u    /* bytes of one write to a file */
#define POLL_MS 100             /* between two looks at whether the thread is to end */
#define REPORT_SPAN_US 1000000u /* between two reports of dropped lines */
#define GIVE_UP_US 1000000u     /* for a thread that was cancelled to end */
#define NS_PER_US 1000u
#define US_PER_SECOND 1000000u

struct half {
    char *data;
    size_t len;
};

struct fs_line_writer {
    /* constant after create */
    int fd;
    size_t capacity;
    fs_line_writer_report *report;
    void *report_data;

    /* owned */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t filled;  /* a line was added to an empty half, or the thread is to end */
    pthread_cond_t written; /* the thread has written or dropped something */
    char *memory;           /* of both halves */

    /* guarded by mutex */
    struct half filling;
    uint64_t bytes_added;
    uint64_t bytes_done; /* written or dropped */
    bool is_ending;
    bool has_ended; /* the thread touches nothing more */

    /* changing [the thread] */
    struct half writing;
    size_t written_len;    /* of writing */
    bool is_in_line;       /* a line was written in part: the next needs a newline first */
    uint64_t reported;     /* drops that report() has been told of */
    uint64_t report_at_us; /* the next report, not before */
    int error;             /* of the last line that the descriptor refused */

    /* changing [any] */
    _Atomic uint64_t dropped;
    _Atomic bool is_stuck; /* the descriptor took nothing when last asked */
};

static struct timespec after(uint64_t span_us)
{
    struct timespec at;
    uint64_t at_us = fs_clock_now_us() + span_us;

    at.tv_sec = (time_t)(at_us / US_PER_SECOND);
    at.tv_nsec = (long)(at_us % US_PER_SECOND * NS_PER_US);
    return at;
}

static bool is_ending(struct fs_line_writer *writer)
{
    bool is_ending;

    pthread_mutex_lock(&writer->mutex);
    is_ending = writer->is_ending;
    pthread_mutex_unlock(&writer->mutex);
    return is_ending;
}

static void note_done(struct fs_line_writer *writer, size_t len)
{
    writer->written_len += len;
    pthread_mutex_lock(&writer->mutex);
    writer->bytes_done += len;
    pthread_cond_broadcast(&writer->written);
    pthread_mutex_unlock(&writer->mutex);
}

/* Whole lines at the start of what is left, at most max bytes of them; a longer line alone. */
static size_t lines_len(const char *data, size_t len, size_t max)
{
    const char *end;

    if (len <= max)
        return len;
    end = memrchr(data, '\n', max);
    if (!end)
        end = memchr(data, '\n', len);
    return end ? (size_t)(end + 1 - data) : len;
}

static size_t count_lines(const char *data, size_t len)
{
    size_t count = 0;

    for (const char *end = data + len; data < end; count++) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));

        data = newline ? newline + 1 : end;
    }
    return count;
}

static size_t write_len_max(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? WRITE_LEN_MAX : PIPE_BUF;
}

/* False: not writable within POLL_MS.  An error of poll() or of the descriptor is write()'s to name. */
static bool wait_for_room(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLOUT};

    return poll(&polled, 1, POLL_MS) != 0;
}

/* Bytes, or a negative errno.  Only here can the thread be cancelled. */
static ssize_t write_cancellable(int fd, const char *data, size_t len)
{
    ssize_t written;
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    written = write(fd, data, len);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return written < 0 ? -errno : written;
}

/* Writes the next lines or a part of them, or drops them where the descriptor refuses. */
static void write_next(struct fs_line_writer *writer)
{
    const char *data = writer->writing.data + writer->written_len;
    size_t len =
        lines_len(data, writer->writing.len - writer->written_len, write_len_max(writer->fd));
    ssize_t written;

    if (!wait_for_room(writer->fd)) {
        atomic_store(&writer->is_stuck, true);
        return;
    }
    atomic_store(&writer->is_stuck, false);
    if (writer->is_in_line && writer->error != 0 && write_cancellable(writer->fd, "\n", 1) == 1)
        writer->is_in_line = false;
    written = write_cancellable(writer->fd, data, len);
    if (written >= 0) {
        if (written > 0)
            writer->is_in_line = data[written - 1] != '\n';
        note_done(writer, (size_t)written);
    } else if (written != -EINTR && written != -EAGAIN) {
        writer->error = (int)-written;
        atomic_fetch_add(&writer->dropped, count_lines(data, len));
        note_done(writer, len);
    }
}

static void report_drops(struct fs_line_writer *writer)
{
    uint64_t dropped = atomic_load(&writer->dropped);
    uint64_t now_us;

    if (!writer->report || dropped == writer->reported)
        return;
    now_us = fs_clock_now_us();
    if (now_us < writer->report_at_us)
        return;
    writer->report(writer->report_data, dropped - writer->reported, writer->error);
    writer->reported = dropped;
    writer->error = 0;
    writer->report_at_us = now_us + REPORT_SPAN_US;
}

/* Waits for lines and takes them; false when there are none and the thread is to end. */
static bool take_lines(struct fs_line_writer *writer)
{
    struct half empty = writer->writing;
    bool taken;

    empty.len = 0;
    pthread_mutex_lock(&writer->mutex);
    while (writer->filling.len == 0 && !writer->is_ending) {
        const struct timespec until = after(REPORT_SPAN_US);

        if (!writer->report || atomic_load(&writer->dropped) == writer->reported) {
            pthread_cond_wait(&writer->filled, &writer->mutex);
        } else if (pthread_cond_timedwait(&writer->filled, &writer->mutex, &until) == ETIMEDOUT) {
            break; /* with a report to make */
        }
    }
    taken = writer->filling.len > 0 || !writer->is_ending;
    writer->writing = writer->filling;
    writer->filling = empty;
    writer->written_len = 0;
    pthread_mutex_unlock(&writer->mutex);
    return taken;
}

static void note_end(void *data)
{
    struct fs_line_writer *writer = data;

    pthread_mutex_lock(&writer->mutex);
    writer->has_ended = true;
    pthread_cond_broadcast(&writer->written);
    pthread_mutex_unlock(&writer->mutex);
}

static void *writer_main(void *data)
{
    struct fs_line_writer *writer = data;
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_cleanup_push(note_end, writer);
    while (take_lines(writer)) {
        while (writer->written_len < writer->writing.len && !is_ending(writer))
            write_next(writer);
        report_drops(writer);
        if (is_ending(writer))
            break;
    }
    pthread_cleanup_pop(1);
    return NULL;
}

static int start_thread(struct fs_line_writer *writer)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all); /* signals are the program's; SIGPIPE of a reader that left is EPIPE here */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&writer->thread, NULL, writer_main, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

static void free_writer(struct fs_line_writer *writer)
{
    pthread_cond_destroy(&writer->written);
    pthread_cond_destroy(&writer->filled);
    pthread_mutex_destroy(&writer->mutex);
    free(writer->memory);
    free(writer);
}

int fs_line_writer_create(int fd, size_t capacity, fs_line_writer_report *report, void *data,
                          struct fs_line_writer **writer)
{
    struct fs_line_writer *new = calloc(1, sizeof(*new));
    pthread_condattr_t monotonic;
    int rc;

    if (!new)
        return -ENOMEM;
    new->memory = malloc(2 * capacity); /* pages that are never written cost nothing */
    if (!new->memory) {
        free(new);
        return -ENOMEM;
    }
    new->fd = fd;
    new->capacity = capacity;
    new->report = report;
    new->report_data = data;
    new->filling.data = new->memory;
    new->writing.data = new->memory + capacity;
    pthread_mutex_init(&new->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&new->filled, &monotonic);
    pthread_cond_init(&new->written, &monotonic);
    pthread_condattr_destroy(&monotonic);
    rc = start_thread(new);
    if (rc != 0) {
        free_writer(new);
        return rc;
    }
    *writer = new;
    return 0;
}

bool fs_line_writer_add(struct fs_line_writer *writer, struct fs_text line)
{
    bool fits;

    pthread_mutex_lock(&writer->mutex);
    fits = line.len <= writer->capacity - writer->filling.len;
    if (fits) {
        memcpy(writer->filling.data + writer->filling.len, line.data, line.len);
        if (writer->filling.len == 0)
            pthread_cond_signal(&writer->filled);
        writer->filling.len += line.len;
        writer->bytes_added += line.len;
    }
    pthread_mutex_unlock(&writer->mutex);
    if (!fits)
        atomic_fetch_add(&writer->dropped, 1);
    return fits;
}

uint64_t fs_line_writer_dropped(const struct fs_line_writer *writer)
{
    return atomic_load(&writer->dropped);
}

bool fs_line_writer_flush(struct fs_line_writer *writer, uint64_t patience_us)
{
    bool is_flushed;
    uint64_t wanted;

    pthread_mutex_lock(&writer->mutex);
    wanted = writer->bytes_added;
    while (writer->bytes_done < wanted) {
        const struct timespec until = after(patience_us);
        uint64_t done = writer->bytes_done;

        if (pthread_cond_timedwait(&writer->written, &writer->mutex, &until) == ETIMEDOUT &&
            writer->bytes_done == done)
            break;
    }
    is_flushed = writer->bytes_done >= wanted;
    pthread_mutex_unlock(&writer->mutex);
    return is_flushed;
}

void fs_line_writer_settle(struct fs_line_writer *writer, uint64_t patience_us)
{
    if (!atomic_load(&writer->is_stuck) && !fs_line_writer_flush(writer, patience_us))
        atomic_store(&writer->is_stuck, true);
}

void fs_line_writer_destroy(struct fs_line_writer *writer)
{
    struct timespec until;
    bool has_ended;

    if (!writer)
        return;
    pthread_mutex_lock(&writer->mutex);
    writer->is_ending = true;
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->mutex);
    pthread_cancel(writer->thread);
    until = after(GIVE_UP_US);
    pthread_mutex_lock(&writer->mutex);
    while (!writer->has_ended &&
           pthread_cond_timedwait(&writer->written, &writer->mutex, &until) == 0)
        ;
    has_ended = writer->has_ended;
    pthread_mutex_unlock(&writer->mutex);
    /* A write that nothing can interrupt, to a dead network disk say, keeps its memory. */
    if (!has_ended) {
        pthread_detach(writer->thread);
        return;
    }
    pthread_join(writer->thread, NULL);
    free_writer(writer);
}
