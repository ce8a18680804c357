/* Reads, compares and writes the manifest of the data folder. */
#include "server/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/settings.h"

#define HEAD "flashsale-data 1 "
#define LINE_SIZE 256

static int path_of(const char *data_dir, const char *name, char **path)
{
    return asprintf(path, "%s/%s", data_dir, name) < 0 ? -ENOMEM : 0;
}

/* Returns 0, -ENOENT, or another errno. */
static int read_line(const char *data_dir, char line[LINE_SIZE])
{
    char *path;
    ssize_t len;
    int rc = path_of(data_dir, "manifest", &path);
    int fd;

    if (rc != 0)
        return rc;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    rc = fd < 0 ? -errno : 0;
    free(path);
    if (rc != 0)
        return rc;
    len = read(fd, line, LINE_SIZE - 1);
    rc = len < 0 ? -errno : 0;
    close(fd);
    line[len > 0 ? len : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return rc;
}

static bool parse(char *line, struct fs_manifest *manifest)
{
    size_t mark_len = sizeof(FS_MANIFEST_UNUSED) - 1;
    size_t len = strlen(line);
    int prefix_at = 0;

    manifest->is_used = len <= mark_len || strcmp(line + len - mark_len, FS_MANIFEST_UNUSED) != 0;
    if (!manifest->is_used)
        line[len - mark_len] = '\0';
    if (sscanf(line, HEAD "%32[0-9a-f] %31[a-z0-9_] %31[a-z0-9/] %n", manifest->id,
               manifest->family, manifest->place, &prefix_at) != 3 ||
        prefix_at == 0 || strlen(manifest->id) != FS_DATA_ID_LEN)
        return false;
    snprintf(manifest->prefix, sizeof(manifest->prefix), "%s", line + prefix_at);
    manifest->is_there = true;
    return true;
}

bool fs_manifest_has_data(const char *data_dir)
{
    DIR *dir = opendir(data_dir);
    const struct dirent *entry;
    bool has_data = false;

    if (!dir)
        return false;
    while (!has_data && (entry = readdir(dir)))
        has_data = strcmp(entry->d_name, "v1") == 0 || strncmp(entry->d_name, "redis-", 6) == 0;
    closedir(dir);
    return has_data;
}

static const char *strategies_of(const char *family)
{
    return strcmp(family, "ledger") == 0    ? "v2 or v3"
           : strcmp(family, "shards") == 0  ? "v4"
           : strcmp(family, "journal") == 0 ? "v1"
                                            : family;
}

static int say_place(const char *data_dir, const struct fs_manifest *found,
                     const struct fs_manifest *wanted, struct fs_error *error)
{
    unsigned count = 0;

    if (sscanf(found->place, "private/%4u", &count) == 1)
        return fs_error_set(
            error, -EINVAL,
            "data_dir: %s holds the sales of %u private Redis servers, and this "
            "start would use %s: set redis.private_servers to %u and name no "
            "redis.urls, or carry closed sales over with the steps of docs/operations.md",
            data_dir, count, wanted->place, count);
    return fs_error_set(
        error, -EINVAL,
        "data_dir: %s belongs to sales that are kept in %s, and this start would use "
        "%s: name all servers of the sale data, or use another data folder",
        data_dir, found->place, wanted->place);
}

static int compare(const char *data_dir, const char *strategy, const struct fs_manifest *found,
                   const struct fs_manifest *wanted, struct fs_error *error)
{
    if (strcmp(found->family, wanted->family) != 0)
        return fs_error_set(
            error, -EINVAL,
            "data_dir: %s belongs to sales of strategy %s, which strategy %s cannot "
            "read: start with strategy %s, carry closed sales over with the steps of "
            "docs/operations.md, or use another data folder",
            data_dir, strategies_of(found->family), strategy, strategies_of(found->family));
    if (strcmp(found->place, wanted->place) != 0)
        return say_place(data_dir, found, wanted, error);
    if (strcmp(found->prefix, wanted->prefix) != 0)
        return fs_error_set(error, -EINVAL,
                            "data_dir: %s belongs to sales under the key prefix \"%s\", and "
                            "redis.prefix is \"%s\": set it back, or use another data folder",
                            data_dir, found->prefix, wanted->prefix);
    return 0;
}

int fs_manifest_check(const char *data_dir, const char *strategy, struct fs_manifest *wanted,
                      struct fs_error *error)
{
    struct fs_manifest found = {.id = ""};
    char line[LINE_SIZE];
    bool has_data = fs_manifest_has_data(data_dir);
    int rc = read_line(data_dir, line);

    if (rc == -ENOENT && has_data)
        return fs_error_set(error, -EINVAL,
                            "data_dir: %s holds sales and no manifest that says how they are to be "
                            "read: the steps of docs/redis.md show them and take them over",
                            data_dir);
    if (rc == -ENOENT)
        return 0;
    if (rc != 0)
        return fs_error_set(error, rc, "data_dir: %s/manifest cannot be read: %s", data_dir,
                            strerror(-rc));
    if (!parse(line, &found))
        return fs_error_set(
            error, -EINVAL,
            "data_dir: %s/manifest is damaged or of a newer version: restore it, or "
            "look at the folder with the steps of docs/redis.md",
            data_dir);
    rc = compare(data_dir, strategy, &found, wanted, error);
    if (rc != 0 && !found.is_used && !has_data)
        return 0; /* no sale was ever made by those options */
    if (rc != 0)
        return rc;
    memcpy(wanted->id, found.id, sizeof(wanted->id));
    wanted->is_there = true;
    wanted->is_used = found.is_used;
    return 0;
}

static int write_file(const char *path, const char *line)
{
    size_t len = strlen(line);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = fd < 0 ? -errno : 0;

    if (rc != 0)
        return rc;
    if (write(fd, line, len) != (ssize_t)len || fsync(fd) != 0)
        rc = errno ? -errno : -EIO;
    close(fd);
    return rc;
}

static int sync_folder(const char *data_dir)
{
    int fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    return rc;
}

int fs_manifest_write(const char *data_dir, const struct fs_manifest *manifest,
                      struct fs_error *error)
{
    char line[LINE_SIZE];
    char name[48];
    char *path = NULL;
    char *new = NULL;
    int rc;

    snprintf(line, sizeof(line), HEAD "%s %s %s %s%s\n", manifest->id, manifest->family,
             manifest->place, manifest->prefix, manifest->is_used ? "" : FS_MANIFEST_UNUSED);
    /* Servers may share a folder: each writes a file of its own, and the last to rename it wins. */
    snprintf(name, sizeof(name), "manifest.%ld", (long)getpid());
    rc = path_of(data_dir, "manifest", &path);
    if (rc == 0)
        rc = path_of(data_dir, name, &new);
    if (rc == 0)
        rc = write_file(new, line);
    if (rc == 0 && rename(new, path) != 0)
        rc = -errno;
    if (rc == 0)
        rc = sync_folder(data_dir);
    if (rc != 0)
        fs_error_set(error, rc, "data_dir: %s/manifest cannot be written: %s", data_dir,
                     strerror(-rc));
    free(path);
    free(new);
    return rc;
}
