/* One line for each answered request, to a file or to standard error; off by default. */
#ifndef FS_HTTP_ACCESS_LOG_H
#define FS_HTTP_ACCESS_LOG_H

#include <sys/socket.h>

#include "base/log.h"
#include "base/text.h"

struct fs_access_log;

struct fs_access {
    const struct sockaddr_storage *peer; /* NULL: not known */
    struct fs_text method;
    struct fs_text path; /* without the query, which may hold secrets */
    int status;
    size_t body_len; /* bytes */
    uint64_t duration_us;
    struct fs_text request_id;
    struct fs_text traceparent; /* as it came; what is malformed is left out */
};

/* path: "stderr", or a file that is appended to, made with mode 0640; a FIFO needs a reader.
 * report_log: borrowed; told of dropped lines.  Returns 0, -ENOMEM, -ENXIO (a FIFO that no program
 * reads), or a negative errno of open(2).  [main] */
int fs_access_log_open(const char *path, enum fs_log_format format, struct fs_log *report_log,
                       struct fs_access_log **log);

/* Opens the file anew, where an earlier one was moved away; standard error stays.  On failure lines go
 * on to the old one.  Returns 0 or a negative errno of open(2) or dup(2).  [main] */
int fs_access_log_reopen(struct fs_access_log *log, const char *path);

/* Waits until the lines so far are written, or 200 ms for a file that takes nothing.  [main] */
void fs_access_log_flush(struct fs_access_log *log);

void fs_access_log_close(struct fs_access_log *log); /* NULL: does nothing.  [main] */

/* Lines that were dropped: the buffer was full, or the file refused them.  NULL: 0.  [any] */
uint64_t fs_access_log_dropped(const struct fs_access_log *log);

/* Never waits for the file: lines beyond FS_ACCESS_LOG_BUFFER_LEN are dropped.  Lines of several loops
 * do not mix.  [any] */
void fs_access_log_write(struct fs_access_log *log, const struct fs_access *access);

/* The peer's address without its port: "192.0.2.1", "2001:db8::1", "unix", or "-". */
void fs_peer_text(const struct sockaddr_storage *peer, struct fs_buffer *buffer);

#endif
