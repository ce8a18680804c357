/* Reads secrets from files, and tells in one sentence why it would not. */
#include "auth/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/fail.h"
#include "base/secret_file.h"

static int check_kind(const struct fs_private_file *file, const struct stat *status, char *error)
{
    unsigned mode = (unsigned)status->st_mode & 0777u;

    if (!S_ISREG(status->st_mode))
        return fs_auth_fail(error, -EINVAL, "%s %s is not a regular file", file->what, file->path);
    if (mode & file->mode_forbidden)
        return fs_auth_fail(error, -EACCES, "%s %s is open to others (mode %04o): run chmod %o %s",
                            file->what, file->path, mode, mode & ~file->mode_forbidden, file->path);
    if (status->st_size > (off_t)file->len_max)
        return fs_auth_fail(error, -EINVAL, "%s %s has more than %zu bytes", file->what, file->path,
                            file->len_max);
    return 0;
}

/* Reads up to room bytes.  Returns how many, or a negative errno. */
static ssize_t read_all(int fd, char *data, size_t room)
{
    size_t len = 0;

    while (len < room) {
        ssize_t n = read(fd, data + len, room - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static int read_open_file(const struct fs_private_file *file, int fd, char **data, size_t *len,
                          char *error)
{
    struct stat status;
    ssize_t got;
    char *buffer;
    int rc;

    if (fstat(fd, &status) != 0)
        return fs_auth_fail(error, -EIO, "%s %s cannot be examined: %s", file->what, file->path,
                            strerror(errno));
    rc = check_kind(file, &status, error);
    if (rc != 0)
        return rc;
    if (file->log && fs_secret_file_is_exposed(fd, &status, file->path))
        fs_log_warning(file->log, "auth",
                       "%s %s: every user of this machine can read it: chmod o-r", file->what,
                       file->path);
    /* One byte more than allowed shows a file that grows while it is read. */
    buffer = malloc((size_t)status.st_size + 2);
    if (!buffer)
        return fs_auth_fail(error, -ENOMEM, "no memory for %s %s", file->what, file->path);
    got = read_all(fd, buffer, (size_t)status.st_size + 1);
    if (got < 0 || got > status.st_size) {
        fs_private_file_release(buffer, (size_t)status.st_size + 2);
        return fs_auth_fail(error, -EIO, "%s %s cannot be read: %s", file->what, file->path,
                            got < 0 ? strerror((int)-got) : "it is being written");
    }
    buffer[got] = '\0';
    *data = buffer;
    *len = (size_t)got;
    return 0;
}

int fs_private_file_read(const struct fs_private_file *file, char **data, size_t *len, char *error)
{
    /* Not blocking: a FIFO in the place of the file must not hang a start. */
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int rc;

    if (fd < 0) {
        rc = errno == ENOENT || errno == ENOTDIR ? -ENOENT
             : errno == EACCES || errno == EPERM ? -EACCES
                                                 : -EIO;
        return fs_auth_fail(error, rc, "%s %s cannot be opened: %s", file->what, file->path,
                            strerror(errno));
    }
    rc = read_open_file(file, fd, data, len, error);
    close(fd);
    return rc;
}

void fs_private_file_release(char *data, size_t len)
{
    if (!data)
        return;
    explicit_bzero(data, len);
    free(data);
}
