/* Sockets and just enough of HTTP/1.1 to ask a server that is under test. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t parse(const char *address, struct sockaddr_storage *storage)
{
    const char *colon = strrchr(address, ':');
    char host[64];

    memset(storage, 0, sizeof(*storage));
    if (strncmp(address, "unix:", 5) == 0) {
        struct sockaddr_un *un = (struct sockaddr_un *)(void *)storage;

        un->sun_family = AF_UNIX;
        snprintf(un->sun_path, sizeof(un->sun_path), "%s", address + 5);
        return sizeof(*un);
    }
    if (!colon)
        return 0;
    if (address[0] == '[') {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)storage;

        snprintf(host, sizeof(host), "%.*s", (int)(colon - address - 2), address + 1);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((in_port_t)strtoul(colon + 1, NULL, 10));
        return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 ? sizeof(*v6) : 0;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)storage;

    snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
    v4->sin_family = AF_INET;
    v4->sin_port = htons((in_port_t)strtoul(colon + 1, NULL, 10));
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? sizeof(*v4) : 0;
}

int client_use(int fd, const char *address)
{
    const struct timeval patience = {.tv_sec = 30};
    struct sockaddr_storage storage;
    socklen_t len = parse(address, &storage);

    if (len == 0)
        return -EINVAL;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return connect(fd, (struct sockaddr *)(void *)&storage, len) == 0 ? 0 : -errno;
}

int client_connect(const char *address)
{
    struct sockaddr_storage storage;
    int fd;
    int rc;

    if (parse(address, &storage) == 0)
        return -EINVAL;
    fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    rc = client_use(fd, address);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

bool client_send(int fd, const char *text)
{
    size_t len = strlen(text);

    return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* An address as /proc/net/tcp has it. */
static void write_end(char text[32], int fd, int (*end_of)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_in end = {.sin_family = AF_INET};
    socklen_t len = sizeof(end);

    end_of(fd, (struct sockaddr *)(void *)&end, &len);
    snprintf(text, 32, "%08X:%04X", end.sin_addr.s_addr, ntohs(end.sin_port));
}

/* Whether nothing that has come waits to be read at the other end. */
static bool is_taken(int fd)
{
    char wanted[80], ours[32], theirs[32], line[256];
    FILE *file = fopen("/proc/net/tcp", "r");
    bool found = false;

    write_end(ours, fd, getsockname);
    write_end(theirs, fd, getpeername);
    snprintf(wanted, sizeof(wanted), " %s %s 01 ", theirs, ours); /* established, at their end */
    while (file && !found && fgets(line, sizeof(line), file)) {
        const char *queues = strstr(line, wanted); /* tx:rx behind it */

        found = queues && strncmp(queues + strlen(wanted) + 9, "00000000 ", 9) == 0;
    }
    if (file)
        fclose(file);
    return found;
}

bool client_was_read(int fd)
{
    for (int waited_ms = 0; waited_ms < 20000; waited_ms++) {
        int on_the_way = 1;

        if (ioctl(fd, SIOCOUTQ, &on_the_way) == 0 && on_the_way == 0 && is_taken(fd))
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}

/* Bytes of the answer, once its head is there; SIZE_MAX before. */
static size_t whole_len(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *line = text;
    size_t body_len = 0;

    if (!end)
        return (size_t)-1;
    while (line < end) {
        if (strncasecmp(line, "content-length:", 15) == 0)
            body_len = strtoul(line + 15, NULL, 10);
        line = strstr(line, "\r\n") + 2;
    }
    return (size_t)(end + 4 - text) + body_len;
}

int client_read(int fd, char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    while (len + 1 < size && len < whole_len(text)) {
        ssize_t got = recv(fd, text + len, size - 1 - len, 0);

        if (got <= 0)
            return 0;
        len += (size_t)got;
        text[len] = '\0';
    }
    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? (int)strtol(text + 9, NULL, 10) : 0;
}

int client_ask(const char *address, const char *method, const char *path, const char *headers,
               const char *body, char *text, size_t size)
{
    char request[8192];
    int fd = client_connect(address);
    int status;

    text[0] = '\0';
    if (fd < 0)
        return 0;
    snprintf(request, sizeof(request),
             "%s %s HTTP/1.1\r\nHost: test\r\n%sContent-Length: %zu\r\n\r\n%s", method, path,
             headers, strlen(body), body);
    status = client_send(fd, request) ? client_read(fd, text, size) : 0;
    close(fd);
    return status;
}

bool client_login(const char *address, char *header, size_t size)
{
    char answer[4096];
    const char *token;

    if (client_ask(address, "POST", "/login", "",
                   "{\"username\":\"user_1\",\"password\":\"password123\"}", answer,
                   sizeof(answer)) != 200)
        return false;
    token = strstr(answer, "\"access_token\":\"");
    if (!token)
        return false;
    token += strlen("\"access_token\":\"");
    snprintf(header, size, "Authorization: Bearer %.*s\r\n", (int)strcspn(token, "\""), token);
    return true;
}
