/* The access log: a line is formatted where a reply is sent and written by a thread of its own, so a
 * reader that stops, a FIFO or a full disk never holds an event loop. */
#include "http/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/line_writer.h"
#include "base/network.h"
#include "http/trace.h"

#define LINE_SIZE 4096u /* room for all of a line, each byte escaped */
#define FLUSH_PATIENCE_US 200000u
#define SHOWN_LEN_MAX 256u /* bytes of a path */

struct fs_access_log {
    int fd;
    bool owns_fd;
    enum fs_log_format format;
    struct fs_log *report_log;     /* borrowed; told of dropped lines */
    struct fs_line_writer *writer; /* owned */
};

/* Without O_NONBLOCK the open of a FIFO waits for its reader. */
static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);

    return fd < 0 ? -errno : fd;
}

static void report_drops(void *data, uint64_t dropped, int error)
{
    struct fs_access_log *log = data;

    fs_log_warning(log->report_log, "server", "access log: %llu line(s) dropped: %s",
                   (unsigned long long)dropped, error ? strerror(error) : "its reader is too slow");
}

void fs_access_log_flush(struct fs_access_log *log)
{
    fs_line_writer_flush(log->writer, FLUSH_PATIENCE_US);
}

void fs_access_log_close(struct fs_access_log *log)
{
    if (!log)
        return;
    if (log->writer)
        fs_access_log_flush(log);
    fs_line_writer_destroy(log->writer);
    if (log->owns_fd && log->fd >= 0)
        close(log->fd);
    free(log);
}

int fs_access_log_open(const char *path, enum fs_log_format format, struct fs_log *report_log,
                       struct fs_access_log **opened)
{
    struct fs_access_log *log = calloc(1, sizeof(*log));
    int rc = 0;

    if (!log)
        return -ENOMEM;
    log->format = format;
    log->report_log = report_log;
    log->fd = STDERR_FILENO;
    if (strcmp(path, "stderr") != 0) {
        rc = log->fd = open_file(path);
        log->owns_fd = true;
    }
    if (rc >= 0)
        rc = fs_line_writer_create(log->fd, FS_ACCESS_LOG_BUFFER_LEN, report_drops, log,
                                   &log->writer);
    if (rc != 0) {
        fs_access_log_close(log);
        return rc;
    }
    *opened = log;
    return 0;
}

/* The number stays, so that no loop needs to be told. */
int fs_access_log_reopen(struct fs_access_log *log, const char *path)
{
    int fd;
    int rc;

    if (!log->owns_fd)
        return 0;
    fd = open_file(path);
    if (fd < 0)
        return fd;
    fs_access_log_flush(log); /* to the file that they were written for */
    rc = dup3(fd, log->fd, O_CLOEXEC) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

uint64_t fs_access_log_dropped(const struct fs_access_log *log)
{
    return log ? fs_line_writer_dropped(log->writer) : 0;
}

void fs_peer_text(const struct sockaddr_storage *peer, struct fs_buffer *buffer)
{
    struct fs_ip ip;

    if (peer && fs_ip_of(peer, &ip))
        fs_ip_format(&ip, buffer);
    else
        fs_buffer_add(buffer, peer && peer->ss_family == AF_UNIX ? FS_TEXT("unix") : FS_TEXT("-"));
}

static struct fs_text shortened(struct fs_text text)
{
    return (struct fs_text){text.data, text.len < SHOWN_LEN_MAX ? text.len : SHOWN_LEN_MAX};
}

static void add_trace(struct fs_buffer *line, const struct fs_access *access, bool is_json)
{
    struct fs_trace trace;
    const char *sampled;

    if (fs_trace_parse(access->traceparent, &trace) != 0)
        return;
    sampled = trace.is_sampled ? "true" : "false";
    fs_buffer_add(line, is_json ? FS_TEXT(",\"trace_id\":\"") : FS_TEXT(" trace_id="));
    fs_buffer_add(line, trace.trace_id);
    fs_buffer_add(line, is_json ? FS_TEXT("\",\"parent_id\":\"") : FS_TEXT(" parent_id="));
    fs_buffer_add(line, trace.span_id);
    fs_buffer_add(line, is_json ? FS_TEXT("\",\"sampled\":") : FS_TEXT(" sampled="));
    fs_buffer_add(line, fs_text_of(sampled));
}

static void write_json(struct fs_buffer *line, const char *time, const struct fs_access *access)
{
    fs_buffer_add_format(line, "{\"time\":\"%s\",\"peer\":\"", time);
    fs_peer_text(access->peer, line);
    fs_buffer_add(line, FS_TEXT("\",\"method\":"));
    fs_buffer_add_json(line, shortened(access->method));
    fs_buffer_add(line, FS_TEXT(",\"path\":"));
    fs_buffer_add_json(line, shortened(access->path));
    fs_buffer_add_format(line, ",\"status\":%d,\"bytes\":%zu,\"duration_us\":%llu", access->status,
                         access->body_len, (unsigned long long)access->duration_us);
    fs_buffer_add(line, FS_TEXT(",\"request_id\":"));
    fs_buffer_add_json(line, access->request_id);
    add_trace(line, access, true);
    fs_buffer_add(line, FS_TEXT("}\n"));
}

/* Method and path as JSON strings here too, so that no request can forge a line. */
static void write_text(struct fs_buffer *line, const char *time, const struct fs_access *access)
{
    fs_buffer_add_format(line, "%s ", time);
    fs_peer_text(access->peer, line);
    fs_buffer_add(line, FS_TEXT(" "));
    fs_buffer_add_json(line, shortened(access->method));
    fs_buffer_add(line, FS_TEXT(" "));
    fs_buffer_add_json(line, shortened(access->path));
    fs_buffer_add_format(line, " %d %zu %lluus ", access->status, access->body_len,
                         (unsigned long long)access->duration_us);
    fs_buffer_add(line, access->request_id);
    add_trace(line, access, false);
    fs_buffer_add(line, FS_TEXT("\n"));
}

void fs_access_log_write(struct fs_access_log *log, const struct fs_access *access)
{
    char time[FS_CLOCK_TEXT_SIZE];
    char data[LINE_SIZE];
    struct fs_buffer line = fs_buffer_of(data, sizeof(data));

    fs_clock_format(fs_clock_wall_ms(), time);
    if (log->format == FS_LOG_JSON)
        write_json(&line, time, access);
    else
        write_text(&line, time, access);
    if (!line.overflowed)
        fs_line_writer_add(log->writer, (struct fs_text){line.data, line.len});
}
