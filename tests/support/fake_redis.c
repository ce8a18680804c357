/* Reads commands, answers those of a handshake by itself: CLIENT, INFO, PING, SCRIPT. */
#include "support/fake_redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "\nfake redis: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void answer_command(struct fs_fake_redis *fake, size_t count, char **words,
                           char answer[FS_FAKE_REDIS_ANSWER_SIZE])
{
    char info[160];

    if (strcasecmp(words[0], "CLIENT") == 0) {
        snprintf(answer, FS_FAKE_REDIS_ANSWER_SIZE,
                 count > 1 && strcasecmp(words[1], "ID") == 0 ? ":7\r\n" : "+OK\r\n");
    } else if (strcasecmp(words[0], "PING") == 0 || strcasecmp(words[0], "SCRIPT") == 0) {
        snprintf(answer, FS_FAKE_REDIS_ANSWER_SIZE, "+PONG\r\n");
    } else if (strcasecmp(words[0], "INFO") == 0) {
        int len = snprintf(info, sizeof(info),
                           "redis_version:7.0.15\r\nrole:%s\r\ncluster_enabled:%d\r\n"
                           "maxmemory_policy:noeviction\r\nrun_id:%040d\r\n",
                           atomic_load(&fake->is_replica) ? "slave" : "master", !fake->is_alone,
                           fake->port);

        snprintf(answer, FS_FAKE_REDIS_ANSWER_SIZE, "$%d\r\n%s\r\n", len, info);
    } else {
        atomic_fetch_add(&fake->asked_count, 1);
        fake->answer(fake, count, words, answer);
    }
}

/* Takes one command of bulk strings from the front; returns its length, 0: not all there. */
static size_t take_command(char *bytes, size_t len, char **words, size_t *count)
{
    char *end = bytes + len;
    char *at = len > 0 ? memchr(bytes, '\n', len) : NULL;
    long left = at ? strtol(bytes + 1, NULL, 10) : 0;

    *count = 0;
    if (!at)
        return 0;
    for (at++; left > 0; left--) {
        char *line_end = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        long size = line_end ? strtol(at + 1, NULL, 10) : 0;

        if (!line_end || end - line_end - 1 < size + 2)
            return 0;
        at = line_end + 1;
        at[size] = '\0'; /* of the line's end, which nobody reads again */
        if (*count < FS_FAKE_REDIS_WORDS)
            words[(*count)++] = at;
        at += size + 2;
    }
    return (size_t)(at - bytes);
}

static void read_client(struct fs_fake_redis *fake, size_t index)
{
    char *bytes = fake->clients[index].bytes;
    size_t *len = &fake->clients[index].len;
    ssize_t got =
        recv(fake->clients[index].fd, bytes + *len, sizeof(fake->clients[index].bytes) - *len, 0);
    char *words[FS_FAKE_REDIS_WORDS];
    size_t count;
    size_t taken;

    if (got <= 0) {
        close(fake->clients[index].fd);
        fake->clients[index].fd = -1;
        *len = 0;
        return;
    }
    *len += (size_t)got;
    while ((taken = take_command(bytes, *len, words, &count)) > 0) {
        char answer[FS_FAKE_REDIS_ANSWER_SIZE] = "";

        if (count > 0)
            answer_command(fake, count, words, answer);
        (void)send(fake->clients[index].fd, answer, strlen(answer), MSG_NOSIGNAL);
        memmove(bytes, bytes + taken, *len - taken);
        *len -= taken;
    }
}

static void accept_client(struct fs_fake_redis *fake)
{
    int fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    atomic_fetch_add(&fake->accepted_count, 1);
    for (size_t i = 0; fd >= 0 && i < FS_FAKE_REDIS_CLIENTS; i++) {
        if (fake->clients[i].fd >= 0)
            continue;
        fake->clients[i].fd = fd;
        return;
    }
    if (fd >= 0)
        close(fd);
}

static void *run(void *data)
{
    struct fs_fake_redis *fake = data;
    struct pollfd fds[FS_FAKE_REDIS_CLIENTS + 2];

    for (;;) {
        fds[0] = (struct pollfd){.fd = fake->wake_fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = fake->listen_fd, .events = POLLIN};
        for (size_t i = 0; i < FS_FAKE_REDIS_CLIENTS; i++)
            fds[i + 2] = (struct pollfd){.fd = fake->clients[i].fd, .events = POLLIN};
        if (poll(fds, FS_FAKE_REDIS_CLIENTS + 2, -1) < 0)
            continue;
        if (fds[0].revents)
            return NULL;
        for (size_t i = 0; i < FS_FAKE_REDIS_CLIENTS; i++)
            if (fds[i + 2].revents)
                read_client(fake, i);
        if (fds[1].revents)
            accept_client(fake);
    }
}

void fs_fake_redis_start(struct fs_fake_redis *fake)
{
    uint8_t loopback = fake->loopback ? fake->loopback : 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)fake->wanted_port),
                                  .sin_addr = {htonl((INADDR_LOOPBACK & ~0xffu) | loopback)}};
    socklen_t len = sizeof(address);
    const int one = 1;

    fake->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fake->wake_fd = eventfd(0, EFD_CLOEXEC);
    atomic_store(&fake->asked_count, 0);
    atomic_store(&fake->accepted_count, 0);
    atomic_store(&fake->is_replica, false);
    for (size_t i = 0; i < FS_FAKE_REDIS_CLIENTS; i++) {
        fake->clients[i].fd = -1;
        fake->clients[i].len = 0;
    }
    if (fake->listen_fd < 0 || fake->wake_fd < 0 ||
        setsockopt(fake->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fake->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fake->listen_fd, 64) != 0 ||
        getsockname(fake->listen_fd, (struct sockaddr *)&address, &len) != 0)
        die("no socket");
    fake->port = ntohs(address.sin_port);
    snprintf(fake->url, sizeof(fake->url), "redis://127.0.0.%u:%d", loopback, fake->port);
    if (pthread_create(&fake->thread, NULL, run, fake) != 0)
        die("no thread");
}

void fs_fake_redis_stop(struct fs_fake_redis *fake)
{
    const uint64_t one = 1;

    if (write(fake->wake_fd, &one, sizeof(one)) != sizeof(one))
        die("cannot be stopped");
    pthread_join(fake->thread, NULL);
    for (size_t i = 0; i < FS_FAKE_REDIS_CLIENTS; i++)
        if (fake->clients[i].fd >= 0)
            close(fake->clients[i].fd);
    close(fake->listen_fd);
    close(fake->wake_fd);
}
