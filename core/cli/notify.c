/* One datagram a state, written here: the protocol is ten lines, and libsystemd would be a dependency of
 * every user of the program. */
#include "cli/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <flashsale/flashsale.h>

#define FIRST_SOCKET 3l /* of those that systemd passes */
#define SOCKETS_MAX 16

void fs_cli_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') /* an abstract name */
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

void fs_cli_notify_reloading(void)
{
    struct timespec now;
    char state[64];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    fs_cli_notify(state);
}

uint64_t fs_cli_watchdog_us(void)
{
    const char *span = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (!span || (pid && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    return strtoull(span, NULL, 10);
}

int fs_cli_take_sockets(struct fs_settings *settings, struct fs_error *error)
{
    const char *count_text = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    const char *names = getenv("LISTEN_FDNAMES");
    long count = count_text && pid && strtol(pid, NULL, 10) == (long)getpid()
                     ? strtol(count_text, NULL, 10)
                     : 0;
    int rc = 0;

    for (long i = 0; i < count && i < SOCKETS_MAX && rc == 0; i++) {
        size_t len = names ? strcspn(names, ":") : 0;
        bool is_admin = len == 5 && strncmp(names, "admin", len) == 0;
        char text[32];

        snprintf(text, sizeof(text), "fd:%ld", FIRST_SOCKET + i);
        rc = fs_settings_set_from(settings, is_admin ? "admin.listen" : "listen", text,
                                  "LISTEN_FDS", error);
        names = names && names[len] == ':' ? names + len + 1 : NULL;
    }
    return rc;
}
