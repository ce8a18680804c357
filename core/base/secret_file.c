/* A draft is written and synced beside its place, and then linked there. */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

static int write_draft(int fd, const char *data, size_t len)
{
    ssize_t written;

    if (fchmod(fd, 0600) != 0)
        return -errno;
    written = write(fd, data, len);
    if (written < 0)
        return -errno;
    if ((size_t)written != len)
        return -ENOSPC;
    return fsync(fd) == 0 ? 0 : -errno;
}

/* A new name is durable only once its folder is. */
static void sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    int fd;

    snprintf(copy, sizeof(copy), "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

int fs_secret_file_make(const char *path, const char *data, size_t len, bool *made)
{
    char draft[PATH_MAX];
    int fd, rc;

    *made = false;
    if (access(path, F_OK) == 0)
        return 0;
    if ((size_t)snprintf(draft, sizeof(draft), "%s.XXXXXX", path) >= sizeof(draft))
        return -ENAMETOOLONG;
    fd = mkostemp(draft, O_CLOEXEC); /* exclusive, mode 0600 less the umask */
    if (fd < 0)
        return -errno;
    rc = write_draft(fd, data, len);
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    /* A link never replaces: of two starts at once, both use the file of the first. */
    if (rc == 0 && link(draft, path) != 0)
        rc = -errno;
    unlink(draft);
    if (rc == -EEXIST)
        return 0;
    if (rc != 0)
        return rc;
    sync_folder_of(path);
    *made = true;
    return 0;
}

static bool is_in_memory(int fd)
{
    struct statfs mount;

    return fstatfs(fd, &mount) == 0 && (mount.f_type == TMPFS_MAGIC || mount.f_type == RAMFS_MAGIC);
}

bool fs_secret_file_is_exposed(int fd, const struct stat *status, const char *path)
{
    char folder[PATH_MAX];
    struct stat above;
    char *slash;

    if ((status->st_mode & S_IROTH) == 0 || is_in_memory(fd) || !realpath(path, folder))
        return false;
    while ((slash = strrchr(folder, '/')) && slash > folder) {
        *slash = '\0';
        if (stat(folder, &above) == 0 && (above.st_mode & S_IXOTH) == 0)
            return false;
    }
    return true;
}
