/* The access log: written where a reply is sent, so it costs one system call a request while it is
 * on, and nothing while it is off. */
#include "http/access_log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/trace.h"

#define LINE_SIZE 4096u    /* room for all of a line, each byte escaped */
#define SHOWN_LEN_MAX 256u /* bytes of a path */

struct fs_access_log {
    int fd;
    bool owns_fd;
    enum fs_log_format format;
};

static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

    return fd < 0 ? -errno : fd;
}

int fs_access_log_open(const char *path, enum fs_log_format format, struct fs_access_log **opened)
{
    struct fs_access_log *log = calloc(1, sizeof(*log));

    if (!log)
        return -ENOMEM;
    log->format = format;
    log->fd = STDERR_FILENO;
    if (strcmp(path, "stderr") != 0) {
        log->fd = open_file(path);
        if (log->fd < 0) {
            int error = log->fd;

            free(log);
            return error;
        }
        log->owns_fd = true;
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
    rc = dup3(fd, log->fd, O_CLOEXEC) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

void fs_access_log_close(struct fs_access_log *log)
{
    if (!log)
        return;
    if (log->owns_fd)
        close(log->fd);
    free(log);
}

void fs_peer_text(const struct sockaddr_storage *peer, struct fs_buffer *buffer)
{
    char text[INET6_ADDRSTRLEN];
    const char *shown = NULL;

    if (!peer) {
        shown = "-";
    } else if (peer->ss_family == AF_INET) {
        shown = inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
                          text, sizeof(text));
    } else if (peer->ss_family == AF_INET6) {
        shown = inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
                          text, sizeof(text));
    } else if (peer->ss_family == AF_UNIX) {
        shown = "unix";
    }
    fs_buffer_add(buffer, fs_text_of(shown ? shown : "-"));
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
    ssize_t written;

    fs_clock_format(fs_clock_wall_ms(), time);
    if (log->format == FS_LOG_JSON)
        write_json(&line, time, access);
    else
        write_text(&line, time, access);
    if (line.overflowed)
        return;
    do
        written = write(log->fd, line.data, line.len);
    while (written < 0 && errno == EINTR);
}
