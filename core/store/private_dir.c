/* What makes a folder safe to run a redis-server in.
 *
 * Two locks, both flock(2).  `owner.lock` is this process' alone, so a second flashsale is refused at
 * once.  `server.lock` is shared with the redis-server, which inherits the open file: it stays locked
 * until both are gone, so the next flashsale waits for a redis-server that is still writing its last
 * data after its flashsale was killed. */
#include "store/private_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define LEFT_BEHIND_WAIT_MS 10000 /* for a redis-server of an earlier flashsale to end */
#define LOCK_PAUSE_MS 50
#define CONFIGURATION_SIZE 16384u
#define DIR_LEN_MAX (PATH_MAX - 64)

__attribute__((format(printf, 3, 4))) static int fail(struct fs_error *error, int rc,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return rc;
}

static int fail_file(struct fs_error *error, const struct fs_private_dir *dir, const char *name)
{
    int rc = -errno;

    return fail(error, rc, "cannot use %s/%s: %s", dir->path, name, strerror(-rc));
}

static int make_folder(struct fs_private_dir *dir, struct fs_error *error)
{
    struct stat status;

    if (mkdir(dir->path, 0700) != 0 && errno != EEXIST)
        return fail(error, -errno, "cannot make the folder %s: %s", dir->path, strerror(errno));
    if (lstat(dir->path, &status) != 0)
        return fail(error, -errno, "cannot read the folder %s: %s", dir->path, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return fail(error, -ENOTDIR, "%s is no folder", dir->path);
    if (status.st_uid != geteuid())
        return fail(error, -EACCES, "the folder %s belongs to another user", dir->path);
    if (status.st_mode & 077)
        return fail(error, -EACCES, "others can read the folder %s: run chmod 700 on it",
                    dir->path);
    return 0;
}

static int open_in(const struct fs_private_dir *dir, const char *name, int flags)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%.*s/%s", (int)DIR_LEN_MAX, dir->path, name);
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

static int lock_owner(struct fs_private_dir *dir, struct fs_error *error)
{
    dir->owner_lock_fd = open_in(dir, "owner.lock", O_RDWR | O_CREAT);
    if (dir->owner_lock_fd < 0)
        return fail_file(error, dir, "owner.lock");
    if (flock(dir->owner_lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return fail(error, -EBUSY,
                "the folder %s is in use by another flashsale: stop it, or give this one a data "
                "folder of its own",
                dir->path);
}

static int lock_server(struct fs_private_dir *dir, struct fs_error *error)
{
    dir->server_lock_fd = open_in(dir, "server.lock", O_RDWR | O_CREAT);
    if (dir->server_lock_fd < 0)
        return fail_file(error, dir, "server.lock");
    for (int waited_ms = 0; waited_ms < LEFT_BEHIND_WAIT_MS; waited_ms += LOCK_PAUSE_MS) {
        if (flock(dir->server_lock_fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        pause_ms(LOCK_PAUSE_MS);
    }
    return fail(error, -EBUSY,
                "a redis-server that an earlier flashsale started in %s is still running: stop it "
                "with redis-cli -s %s shutdown",
                dir->path, dir->socket);
}

/* The path of a socket is short by tradition; a long data folder gets one elsewhere. */
static int place_socket(struct fs_private_dir *dir, struct fs_error *error)
{
    static const char name[] = "redis.sock";
    size_t len = strlen(dir->path);

    if (len + 1 + sizeof(name) <= sizeof(dir->socket)) {
        snprintf(dir->socket, sizeof(dir->socket), "%.*s/%s", (int)(sizeof(dir->socket) - 12),
                 dir->path, name);
        return 0;
    }
    snprintf(dir->socket_dir, sizeof(dir->socket_dir), "%s", "/tmp/flashsale-XXXXXX");
    if (!mkdtemp(dir->socket_dir)) {
        dir->socket_dir[0] = '\0';
        return fail(error, -errno, "cannot make a folder for a socket in /tmp: %s",
                    strerror(errno));
    }
    snprintf(dir->socket, sizeof(dir->socket), "%s/%s", dir->socket_dir, name);
    return 0;
}

/* Removes what a redis-server left that was killed; refuses anything that lives. */
static int clear_socket(const struct fs_private_dir *dir, struct fs_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    bool is_served;
    int fd;

    if (lstat(dir->socket, &status) != 0)
        return errno == ENOENT ? 0 : fail(error, -errno, "%s: %s", dir->socket, strerror(errno));
    if (!S_ISSOCK(status.st_mode))
        return fail(error, -EBUSY, "%s is in the way of a socket: remove it", dir->socket);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(error, -errno, "cannot open a socket: %s", strerror(errno));
    memcpy(address.sun_path, dir->socket, strlen(dir->socket) + 1);
    is_served = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
                errno != ECONNREFUSED;
    close(fd);
    if (is_served)
        return fail(error, -EBUSY,
                    "%s is served by a Redis that this flashsale did not start: stop it, or use it "
                    "by --redis unix:%s",
                    dir->socket, dir->socket);
    if (unlink(dir->socket) != 0)
        return fail(error, -errno, "cannot remove %s: %s", dir->socket, strerror(errno));
    return 0;
}

static bool is_secret(const char *text, ssize_t len)
{
    return len == FS_PRIVATE_SECRET_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == FS_PRIVATE_SECRET_SIZE - 1;
}

static int make_secret(struct fs_private_dir *dir)
{
    unsigned char bytes[(FS_PRIVATE_SECRET_SIZE - 1) / 2];
    int fd;
    int rc = 0;

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return -EIO;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(dir->secret + i * 2, 3, "%02x", bytes[i]);
    explicit_bzero(bytes, sizeof(bytes));
    fd = open_in(dir, "secret", O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0)
        return -errno;
    if (write(fd, dir->secret, FS_PRIVATE_SECRET_SIZE - 1) != FS_PRIVATE_SECRET_SIZE - 1)
        rc = -EIO;
    if (close(fd) != 0)
        rc = -EIO;
    return rc;
}

/* Kept from start to start, so that an operator's redis-cli keeps working. */
static int read_secret(struct fs_private_dir *dir, struct fs_error *error)
{
    int fd = open_in(dir, "secret", O_RDONLY);
    ssize_t len = 0;
    int rc;

    if (fd >= 0) {
        len = read(fd, dir->secret, sizeof(dir->secret) - 1);
        close(fd);
        dir->secret[len > 0 ? len : 0] = '\0';
        if (is_secret(dir->secret, len))
            return 0;
    } else if (errno != ENOENT) {
        return fail_file(error, dir, "secret");
    }
    rc = make_secret(dir);
    if (rc != 0)
        return fail(error, rc, "cannot write %s/secret: %s", dir->path, strerror(-rc));
    return 0;
}

int fs_private_dir_open(const char *data_dir, unsigned index, struct fs_private_dir *dir,
                        struct fs_error *error)
{
    int rc = 0;

    *dir = (struct fs_private_dir){.owner_lock_fd = -1, .server_lock_fd = -1};
    if (strlen(data_dir) > DIR_LEN_MAX - 16)
        return fail(error, -ENAMETOOLONG, "the path of the data folder is too long");
    snprintf(dir->path, sizeof(dir->path), "%s/redis-%u", data_dir, index);
    rc = make_folder(dir, error);
    if (rc == 0)
        rc = lock_owner(dir, error);
    if (rc == 0)
        rc = place_socket(dir, error);
    if (rc == 0)
        rc = lock_server(dir, error);
    if (rc == 0)
        rc = clear_socket(dir, error);
    if (rc == 0)
        rc = read_secret(dir, error);
    if (rc != 0)
        fs_private_dir_close(dir);
    return rc;
}

void fs_private_dir_close(struct fs_private_dir *dir)
{
    if (dir->socket_dir[0]) {
        unlink(dir->socket);
        rmdir(dir->socket_dir);
    }
    if (dir->server_lock_fd >= 0)
        close(dir->server_lock_fd);
    if (dir->owner_lock_fd >= 0)
        close(dir->owner_lock_fd);
    explicit_bzero(dir->secret, sizeof(dir->secret));
    dir->server_lock_fd = -1;
    dir->owner_lock_fd = -1;
}

/* As redis.conf quotes: "...", with \" \\ and \xHH. */
static void add_quoted(struct fs_buffer *buffer, const char *name, const char *value)
{
    fs_buffer_add_format(buffer, "%s \"", name);
    for (const char *at = value; *at; at++) {
        if (*at == '"' || *at == '\\')
            fs_buffer_add_format(buffer, "\\%c", *at);
        else if ((unsigned char)*at < 0x20)
            fs_buffer_add_format(buffer, "\\x%02x", (unsigned)(unsigned char)*at);
        else
            fs_buffer_add(buffer, (struct fs_text){at, 1});
    }
    fs_buffer_add(buffer, FS_TEXT("\"\n"));
}

static void add_configuration(struct fs_buffer *buffer, const struct fs_private_dir *dir,
                              enum fs_durability durability)
{
    fs_buffer_add(buffer, FS_TEXT("# Written by flashsale at each start: changes are lost.\n"
                                  "port 0\n"
                                  "unixsocketperm 700\n"
                                  "daemonize no\n"
                                  "supervised no\n"
                                  "save \"\"\n"
                                  "appendonly yes\n"
                                  "maxmemory 0\n"
                                  "maxmemory-policy noeviction\n"
                                  "maxclients 1024\n"
                                  "databases 16\n"
                                  "timeout 0\n"
                                  /* A rewrite forks: not in a small sale, and the file of a long
                                   * one stays below twice its data. */
                                  "auto-aof-rewrite-percentage 100\n"
                                  "auto-aof-rewrite-min-size 256mb\n"
                                  /* A small hash is a list that is searched from its head: with
                                   * some hundred buyers a quarter of what a purchase costs.  7.0
                                   * calls it listpack, and takes this name, too. */
                                  "hash-max-ziplist-entries 32\n"
                                  "logfile \"\"\n"));
    fs_buffer_add_format(buffer, "appendfsync %s\n",
                         durability == FS_DURABILITY_AOF_ALWAYS ? "always" : "everysec");
    add_quoted(buffer, "unixsocket", dir->socket);
    add_quoted(buffer, "dir", dir->path);
    add_quoted(buffer, "requirepass", dir->secret);
}

int fs_private_dir_configure(const struct fs_private_dir *dir, enum fs_durability durability,
                             struct fs_error *error)
{
    char text[CONFIGURATION_SIZE];
    struct fs_buffer buffer = fs_buffer_of(text, sizeof(text));
    int fd = open_in(dir, "redis.conf", O_WRONLY | O_CREAT | O_TRUNC);
    int rc = 0;

    if (fd < 0)
        return fail_file(error, dir, "redis.conf");
    add_configuration(&buffer, dir, durability);
    if (buffer.overflowed || write(fd, buffer.data, buffer.len) != (ssize_t)buffer.len)
        rc = -EIO;
    if (close(fd) != 0)
        rc = -EIO;
    explicit_bzero(text, sizeof(text));
    if (rc != 0)
        return fail(error, rc, "cannot write %s/redis.conf", dir->path);
    return 0;
}
