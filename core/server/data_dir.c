/* Makes what a first start needs on disk, private to its user. */
#include "server/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/secret_file.h"
#include "server/settings.h"

#define TOKEN_BYTES 32
#define TOKEN_LEN_MIN 16

int fs_data_dir_open(const char *path, struct fs_log *log, char **absolute, struct fs_error *error)
{
    struct stat status;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fs_error_set(error, -errno, "data_dir: %s cannot be made: %s%s", path,
                            strerror(errno), errno == ENOENT ? " (of the folder above it)" : "");
    if (stat(path, &status) != 0)
        return fs_error_set(error, -errno, "data_dir: %s: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return fs_error_set(error, -ENOTDIR, "data_dir: %s is no folder", path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return fs_error_set(error, -errno, "data_dir: %s: %s", path, strerror(errno));
    /* A folder of another owner is one that was given to our group, as to containers of any user. */
    if ((status.st_mode & (status.st_uid == geteuid() ? S_IRWXG | S_IRWXO : S_IRWXO)) != 0)
        fs_log_warning(log, "server", "data_dir: others can look into %s: chmod 700 it", path);
    *absolute = realpath(path, NULL);
    if (!*absolute)
        return fs_error_set(error, -errno, "data_dir: %s: %s", path, strerror(errno));
    return 0;
}

char *fs_admin_token_path(const char *data_dir, const char *configured)
{
    char *path;

    if (configured[0] != '\0')
        return strdup(configured);
    return asprintf(&path, "%s/admin.token", data_dir) < 0 ? NULL : path;
}

static int make_token(const char *path, struct fs_error *error)
{
    unsigned char bytes[TOKEN_BYTES];
    char text[2 * TOKEN_BYTES + 2];
    bool is_made;
    int rc;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return fs_error_set(error, -EIO, "%s: no random bytes for a token", path);
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    text[sizeof(text) - 2] = '\n';
    rc = fs_secret_file_make(path, text, 2 * TOKEN_BYTES + 1, &is_made);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    OPENSSL_cleanse(text, sizeof(text));
    return rc == 0 ? 0 : fs_error_set(error, rc, "%s cannot be made: %s", path, strerror(-rc));
}

static int check_token(const char *path, char *token, ssize_t len, struct fs_error *error)
{
    while (len > 0 && (token[len - 1] == '\n' || token[len - 1] == '\r' || token[len - 1] == ' '))
        len--;
    token[len] = '\0';
    for (ssize_t i = 0; i < len; i++)
        if (token[i] <= ' ' || token[i] > '~')
            return fs_error_set(error, -EINVAL, "%s: a token is one word of visible ASCII", path);
    if (len < TOKEN_LEN_MIN)
        return fs_error_set(error, -EINVAL, "%s: a token has %d to %d characters, this has %zd",
                            path, TOKEN_LEN_MIN, FS_ADMIN_TOKEN_SIZE - 1, len);
    return 0;
}

static int check_access(const char *path, bool is_ours, struct fs_log *log, int fd,
                        const struct stat *status, struct fs_error *error)
{
    mode_t forbidden = is_ours ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH;

    if ((status->st_mode & forbidden) != 0)
        return fs_error_set(
            error, -EACCES,
            "admin token: others than its owner can %s %s: chmod 600 it, and make a "
            "new one if they may have",
            is_ours ? "read" : "write", path);
    if (fs_secret_file_is_exposed(fd, status, path))
        fs_log_warning(log, "server",
                       "admin token %s: every user of this machine can read it: chmod o-r", path);
    return 0;
}

int fs_admin_token_read(const char *path, bool is_ours, struct fs_log *log,
                        char token[FS_ADMIN_TOKEN_SIZE], struct fs_error *error)
{
    char text[FS_ADMIN_TOKEN_SIZE + 2];
    struct stat status;
    ssize_t len;
    int fd;
    int rc;

    if (is_ours && (rc = make_token(path, error)) != 0)
        return rc;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fs_error_set(error, -errno, "admin token: %s: %s", path, strerror(errno));
    len = read(fd, text, sizeof(text) - 1);
    rc = fstat(fd, &status) != 0 || len < 0
             ? fs_error_set(error, -EIO, "admin token: %s cannot be read", path)
             : check_access(path, is_ours, log, fd, &status, error);
    close(fd);
    if (rc != 0)
        return rc;
    if ((rc = check_token(path, text, len, error)) != 0)
        return rc;
    if (strlen(text) >= FS_ADMIN_TOKEN_SIZE)
        return fs_error_set(error, -EINVAL, "admin token: %s is longer than %d characters", path,
                            FS_ADMIN_TOKEN_SIZE - 1);
    memcpy(token, text, strlen(text) + 1);
    return 0;
}
