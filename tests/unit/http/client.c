/* See client.h. */
#include "client.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 20000

int client_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        perror(path);
        exit(2);
    }
    return fd;
}

bool client_send(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        data += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool client_send_text(int fd, const char *text)
{
    return client_send(fd, text, strlen(text));
}

/* At most len bytes; 0: ended, or nothing came in time. */
static size_t read_some(int fd, char *data, size_t len)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t got;

    if (poll(&ready, 1, PATIENCE_MS) != 1)
        return 0;
    got = read(fd, data, len);
    return got > 0 ? (size_t)got : 0;
}

/* Byte by byte, so that nothing of the next answer is taken. */
static bool read_head(int fd, struct answer *answer)
{
    size_t len = 0;

    while (len + 1 < sizeof(answer->head)) {
        if (read_some(fd, answer->head + len, 1) != 1)
            return false;
        answer->head[++len] = '\0';
        if (len >= 4 && memcmp(answer->head + len - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

bool client_read(int fd, struct answer *answer, bool expects_body)
{
    char value[256];
    size_t wanted;

    answer->status = 0;
    answer->body_len = 0;
    answer->body[0] = '\0';
    if (!read_head(fd, answer) || strncmp(answer->head, "HTTP/1.1 ", 9) != 0)
        return false;
    answer->status = (int)strtol(answer->head + 9, NULL, 10);
    wanted = strtoul(client_header(answer, "content-length", value), NULL, 10);
    if (!expects_body)
        return true;
    while (answer->body_len < wanted && answer->body_len + 1 < sizeof(answer->body)) {
        size_t room = wanted - answer->body_len;
        size_t got = read_some(fd, answer->body + answer->body_len, room);

        if (got == 0) {
            answer->status = 0;
            return false;
        }
        answer->body_len += got;
        answer->body[answer->body_len] = '\0';
    }
    return true;
}

bool client_was_read(int fd)
{
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms++) {
        int unread = 0;

        if (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread == 0)
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}

bool client_is_ended(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char byte;

    return poll(&ready, 1, PATIENCE_MS) == 1 && read(fd, &byte, 1) <= 0;
}

void client_ask(const char *path, const char *text, struct answer *answer)
{
    int fd = client_connect(path);

    client_send_text(fd, text);
    client_read(fd, answer, strncmp(text, "HEAD ", 5) != 0);
    close(fd);
}

const char *client_header(const struct answer *answer, const char *name, char value[256])
{
    size_t name_len = strlen(name);
    const char *line = answer->head;

    value[0] = '\0';
    while ((line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':') {
            size_t len = strcspn(line + name_len + 2, "\r\n");

            snprintf(value, 256, "%.*s", (int)len, line + name_len + 2);
            break;
        }
    }
    return value;
}

const char *client_member(const struct answer *answer, const char *name, char value[512])
{
    json_t *body = json_loadb(answer->body, answer->body_len, 0, NULL);
    const json_t *member = json_object_get(body, name);
    char *text;

    value[0] = '\0';
    if (json_is_string(member)) {
        snprintf(value, 512, "%s", json_string_value(member));
    } else if (member && (text = json_dumps(member, JSON_ENCODE_ANY | JSON_COMPACT)) != NULL) {
        snprintf(value, 512, "%s", text);
        free(text);
    }
    json_decref(body);
    return value;
}
