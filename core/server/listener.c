/* Opens the sockets of one configured address. */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/address.h"

#define UNIX_PREFIX "unix:"
#define UNIX_MODE 0660

static int fail(char error[FS_LISTENER_ERROR_SIZE], const char *text, const char *what, int number)
{
    if (number == EADDRINUSE)
        snprintf(error, FS_LISTENER_ERROR_SIZE,
                 "%s is in use by another program: stop it, or choose another address", text);
    else if (number == EACCES)
        snprintf(error, FS_LISTENER_ERROR_SIZE,
                 "%s: permission denied (a port below 1024 needs CAP_NET_BIND_SERVICE)", text);
    else
        snprintf(error, FS_LISTENER_ERROR_SIZE, "%s: %s: %s", text, what, strerror(number));
    return -number;
}

/* Returns a bound descriptor or a negative errno. */
static int bind_tcp(const struct fs_config_address *address, bool is_shared, bool is_dual)
{
    const int on = 1;
    const int v6_only = !is_dual;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (is_shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (address->storage.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
    if (bind(fd, (const struct sockaddr *)&address->storage, address->len) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

static in_port_t *port_of(struct fs_config_address *address)
{
    return address->storage.ss_family == AF_INET6
               ? &((struct sockaddr_in6 *)&address->storage)->sin6_port
               : &((struct sockaddr_in *)&address->storage)->sin_port;
}

static void describe_tcp(struct fs_listener *listener, struct fs_config_address *address)
{
    char host[INET6_ADDRSTRLEN + 32] = "?";
    bool is_v6 = address->storage.ss_family == AF_INET6;

    getnameinfo((const struct sockaddr *)&address->storage, address->len, host, sizeof(host), NULL,
                0, NI_NUMERICHOST);
    snprintf(listener->text, sizeof(listener->text), is_v6 ? "[%s]:%u" : "%s:%u", host,
             ntohs(*port_of(address)));
    listener->is_loopback = fs_config_address_is_local(address);
}

/* With SO_REUSEPORT a second server would share the port unnoticed: so it is first asked for alone. */
static int ask_for_port(const struct fs_config_address *address, bool is_dual)
{
    int fd = bind_tcp(address, false, is_dual);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

static int open_tcp(const char *text, struct fs_config_address *address, bool is_dual,
                    size_t fd_count, int backlog, struct fs_listener *listener,
                    char error[FS_LISTENER_ERROR_SIZE])
{
    int rc = *port_of(address) == 0 ? 0 : ask_for_port(address, is_dual);

    if (rc != 0)
        return fail(error, text, "cannot be bound", -rc);
    for (size_t i = 0; i < fd_count; i++) {
        int fd = bind_tcp(address, true, is_dual);

        if (fd < 0)
            return fail(error, text, "cannot be bound", -fd);
        listener->fds[listener->fd_count++] = fd;
        if (listen(fd, backlog) != 0 ||
            getsockname(fd, (struct sockaddr *)&address->storage, &address->len) != 0)
            return fail(error, text, "cannot be listened to", errno);
    }
    describe_tcp(listener, address);
    return 0;
}

/* Whether somebody answers on the socket file. */
static bool is_served(const struct fs_config_address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_refused;

    if (fd < 0)
        return true;
    is_refused = connect(fd, (const struct sockaddr *)&address->storage, address->len) != 0 &&
                 errno == ECONNREFUSED;
    close(fd);
    return !is_refused;
}

/* A file that a crashed server left behind goes; anything else stays. */
static int remove_stale(const char *text, const struct fs_config_address *address, const char *path,
                        char error[FS_LISTENER_ERROR_SIZE])
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return errno == ENOENT ? 0 : fail(error, text, "cannot be looked at", errno);
    if (!S_ISSOCK(status.st_mode)) {
        snprintf(error, FS_LISTENER_ERROR_SIZE, "%s: the file exists and is no socket", text);
        return -EADDRINUSE;
    }
    if (is_served(address))
        return fail(error, text, "", EADDRINUSE);
    if (unlink(path) != 0 && errno != ENOENT)
        return fail(error, text, "the stale socket cannot be removed", errno);
    return 0;
}

static int open_unix(const char *text, const struct fs_config_address *address, size_t fd_count,
                     int backlog, struct fs_listener *listener, char error[FS_LISTENER_ERROR_SIZE])
{
    const char *path = ((const struct sockaddr_un *)&address->storage)->sun_path;
    struct stat status;
    int rc = remove_stale(text, address, path, error);
    int fd;

    if (rc != 0)
        return rc;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(error, text, "cannot be opened", errno);
    listener->fds[listener->fd_count++] = fd;
    /* The mode before bind is the mode of the file, so that it is never open to more. */
    fchmod(fd, UNIX_MODE);
    if (bind(fd, (const struct sockaddr *)&address->storage, address->len) != 0)
        return fail(error, text, "cannot be bound", errno);
    snprintf(listener->path, sizeof(listener->path), "%s", path);
    listener->is_unix = listener->is_loopback = true;
    if (lstat(path, &status) == 0) {
        listener->device = status.st_dev;
        listener->inode = status.st_ino;
    }
    if (chmod(path, UNIX_MODE) != 0 || listen(fd, backlog) != 0)
        return fail(error, text, "cannot be listened to", errno);
    while (listener->fd_count < fd_count) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

        if (copy < 0)
            return fail(error, text, "cannot be shared", errno);
        listener->fds[listener->fd_count++] = copy;
    }
    snprintf(listener->text, sizeof(listener->text), UNIX_PREFIX "%s", path);
    return 0;
}

/* A socket of the service manager's, or of the embedding program's: its queue outlives a restart.  The
 * loops get copies, and the one that was given stays open. */
static int open_given(const char *text, int fd, size_t fd_count, struct fs_listener *listener,
                      char error[FS_LISTENER_ERROR_SIZE])
{
    struct fs_config_address bound = {.len = sizeof(bound.storage)};
    int is_listening = 0;
    socklen_t len = sizeof(is_listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0 || !is_listening ||
        getsockname(fd, (struct sockaddr *)&bound.storage, &bound.len) != 0) {
        snprintf(error, FS_LISTENER_ERROR_SIZE, "%s: the descriptor is no listening socket", text);
        return -EINVAL;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    while (listener->fd_count < fd_count) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

        if (copy < 0)
            return fail(error, text, "cannot be shared", errno);
        listener->fds[listener->fd_count++] = copy;
    }
    if (bound.storage.ss_family == AF_UNIX) {
        snprintf(listener->text, sizeof(listener->text), UNIX_PREFIX "%s",
                 ((const struct sockaddr_un *)(const void *)&bound.storage)->sun_path);
        listener->is_loopback = true;
    } else {
        describe_tcp(listener, &bound);
    }
    return 0;
}

static bool is_any_v6(const struct fs_config_address *address)
{
    return address->storage.ss_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(
               &((const struct sockaddr_in6 *)(const void *)&address->storage)->sin6_addr);
}

int fs_listener_open(const char *key, const char *text, bool is_dual, size_t fd_count, int backlog,
                     struct fs_listener *listener, char error[FS_LISTENER_ERROR_SIZE])
{
    struct fs_config_address address;
    struct fs_config_error problem;
    int rc = fs_config_address_parse(key, text, NULL, &address, &problem);

    if (rc != 0) {
        snprintf(error, FS_LISTENER_ERROR_SIZE, "%s", problem.text);
        return rc;
    }
    memset(listener, 0, sizeof(*listener));
    if (fs_config_address_fd(&address) >= 0)
        rc = open_given(text, fs_config_address_fd(&address), fd_count, listener, error);
    else if (address.storage.ss_family == AF_UNIX)
        rc = open_unix(text, &address, fd_count, backlog, listener, error);
    else
        rc = open_tcp(text, &address, is_dual && is_any_v6(&address), fd_count, backlog, listener,
                      error);
    if (rc != 0)
        fs_listener_close(listener);
    return rc;
}

void fs_listener_close(struct fs_listener *listener)
{
    struct stat status;

    for (size_t i = 0; i < listener->fd_count; i++)
        if (listener->fds[i] >= 0)
            close(listener->fds[i]);
    listener->fd_count = 0;
    if (listener->is_unix && lstat(listener->path, &status) == 0 &&
        status.st_dev == listener->device && status.st_ino == listener->inode)
        unlink(listener->path);
    listener->is_unix = false;
}
