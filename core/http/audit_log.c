/* Appends to the audit log: see the header. */
#include "http/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void fs_audit_log_write(struct fs_log *log, const char *path, struct fs_text line)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : 0;

    if (fd >= 0) {
        ssize_t written = write(fd, line.data, line.len);

        if (written != (ssize_t)line.len)
            error = written < 0 ? errno : ENOSPC;
        close(fd);
    }
    if (error)
        fs_log_error(log, "audit", "%s cannot be written (%s): %.*s", path, strerror(error),
                     (int)line.len - 1, line.data);
}
