/* One thread, poll(2), blocking writes: test loads are small. */
#include "support/redis_proxy.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK 65536

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "\nproxy of a test: %s: %s\n", what, strerror(errno));
    exit(2);
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void pair_end(struct fs_proxy_pair *pair)
{
    close_fd(&pair->client_fd);
    close_fd(&pair->server_fd);
    free(pair->held);
    free(pair->late);
    pair->held = NULL;
    pair->held_len = 0;
    pair->late = NULL;
    pair->late_len = 0;
    pair->is_holding = false;
    pair->cut_at_answer = false;
    pair->half_answer = false;
}

/* False: the other side takes nothing any more. */
static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        data += sent;
        len -= (size_t)sent;
    }
    return true;
}

static void keep(char **kept, size_t *kept_len, const char *data, size_t len)
{
    char *grown;

    assert(len > 0); /* realloc() to nothing frees */
    grown = realloc(*kept, *kept_len + len);
    if (!grown)
        die("out of memory");
    memcpy(grown + *kept_len, data, len);
    *kept = grown;
    *kept_len += len;
}

static void strike(struct fs_redis_proxy *proxy)
{
    proxy->fault = FS_PROXY_NONE;
    proxy->struck_count++;
}

/* Whether one more message passes before a fault that is to come. */
static bool let_pass(struct fs_redis_proxy *proxy)
{
    if (proxy->fault == FS_PROXY_NONE || proxy->passing == 0)
        return false;
    proxy->passing--;
    return true;
}

static void from_client(struct fs_redis_proxy *proxy, struct fs_proxy_pair *pair, const char *data,
                        size_t len)
{
    if (pair->is_holding) {
        keep(&pair->held, &pair->held_len, data, len);
        proxy->held_len += len;
        return;
    }
    switch (proxy->fault != FS_PROXY_DELAY && let_pass(proxy) ? FS_PROXY_NONE : proxy->fault) {
    case FS_PROXY_CUT_BEFORE:
        strike(proxy);
        pair_end(pair);
        return;
    case FS_PROXY_CUT_AFTER:
    case FS_PROXY_CUT_INSIDE:
        pair->cut_at_answer = true;
        pair->half_answer = proxy->fault == FS_PROXY_CUT_INSIDE;
        strike(proxy);
        break;
    case FS_PROXY_NONE:
    case FS_PROXY_HOLD:
    case FS_PROXY_DELAY:
        break;
    }
    if (!send_all(pair->server_fd, data, len))
        pair_end(pair);
}

static void from_server(struct fs_redis_proxy *proxy, struct fs_proxy_pair *pair, const char *data,
                        size_t len)
{
    if (pair->cut_at_answer) {
        if (pair->half_answer)
            send_all(pair->client_fd, data, len / 2);
        pair_end(pair);
        return;
    }
    if (proxy->fault == FS_PROXY_DELAY && !let_pass(proxy)) {
        keep(&pair->late, &pair->late_len, data, len);
        return;
    }
    if (pair->client_fd >= 0 && !send_all(pair->client_fd, data, len))
        pair_end(pair);
}

/* What a client that hung up had sent stays with the proxy while it is held. */
static void client_gone(struct fs_proxy_pair *pair)
{
    close_fd(&pair->client_fd);
    if (!pair->is_holding)
        pair_end(pair);
}

static void server_gone(struct fs_redis_proxy *proxy, struct fs_proxy_pair *pair)
{
    proxy->held_len -= pair->held_len;
    pair_end(pair);
}

static void take_client(struct fs_redis_proxy *proxy, int fd)
{
    for (int i = 0; i < FS_REDIS_PROXY_PAIRS; i++) {
        struct fs_proxy_pair *pair = &proxy->pairs[i];

        if (pair->client_fd >= 0 || pair->server_fd >= 0)
            continue;
        pair->server_fd = connect_to(proxy->upstream);
        pair->client_fd = fd;
        proxy->accepted_count++;
        if (pair->server_fd < 0)
            pair_end(pair);
        return;
    }
    close(fd);
}

static void release(struct fs_redis_proxy *proxy)
{
    for (int i = 0; i < FS_REDIS_PROXY_PAIRS; i++) {
        struct fs_proxy_pair *pair = &proxy->pairs[i];

        if (pair->late_len > 0 && pair->client_fd >= 0)
            send_all(pair->client_fd, pair->late, pair->late_len);
        pair->late_len = 0;
        if (!pair->is_holding)
            continue;
        if (pair->held_len > 0 && pair->server_fd >= 0 &&
            send_all(pair->server_fd, pair->held, pair->held_len))
            proxy->delivered_len += pair->held_len;
        pair->held_len = 0;
        pair->is_holding = false;
    }
    proxy->held_len = 0;
    proxy->fault = FS_PROXY_NONE;
    proxy->is_releasing = false;
}

static void serve(struct fs_redis_proxy *proxy, struct fs_proxy_pair *pair,
                  const struct pollfd fds[2])
{
    char data[CHUNK];

    if (fds[0].revents && pair->client_fd == fds[0].fd && fds[0].fd >= 0) {
        ssize_t len = read(pair->client_fd, data, sizeof(data));

        if (len > 0)
            from_client(proxy, pair, data, (size_t)len);
        else
            client_gone(pair);
    }
    if (fds[1].revents && pair->server_fd == fds[1].fd && fds[1].fd >= 0) {
        ssize_t len = read(pair->server_fd, data, sizeof(data));

        if (len > 0)
            from_server(proxy, pair, data, (size_t)len);
        else
            server_gone(proxy, pair);
    }
}

static void *run(void *data)
{
    struct fs_redis_proxy *proxy = data;
    struct pollfd fds[2 + 2 * FS_REDIS_PROXY_PAIRS];
    uint64_t woken;

    pthread_mutex_lock(&proxy->mutex);
    while (!proxy->is_stopping) {
        fds[0] = (struct pollfd){.fd = proxy->listen_fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = proxy->wake_fd, .events = POLLIN};
        for (int i = 0; i < FS_REDIS_PROXY_PAIRS; i++) {
            fds[2 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].client_fd, .events = POLLIN};
            fds[3 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].server_fd, .events = POLLIN};
        }
        pthread_mutex_unlock(&proxy->mutex);
        poll(fds, sizeof(fds) / sizeof(fds[0]), -1);
        pthread_mutex_lock(&proxy->mutex);
        if (fds[1].revents && read(proxy->wake_fd, &woken, sizeof(woken)) < 0)
            die("eventfd");
        if (proxy->is_releasing)
            release(proxy);
        for (int i = 0; i < FS_REDIS_PROXY_PAIRS; i++)
            serve(proxy, &proxy->pairs[i], &fds[2 + 2 * (size_t)i]);
        if (fds[0].revents)
            take_client(proxy, accept4(proxy->listen_fd, NULL, NULL, SOCK_CLOEXEC));
        pthread_cond_broadcast(&proxy->changed);
    }
    pthread_mutex_unlock(&proxy->mutex);
    return NULL;
}

void fs_redis_proxy_start(struct fs_redis_proxy *proxy, const char *dir, const char *upstream)
{
    struct sockaddr_un address;

    *proxy = (struct fs_redis_proxy){.fault = FS_PROXY_NONE};
    snprintf(proxy->socket, sizeof(proxy->socket), "%.64s/proxy.sock", dir);
    snprintf(proxy->url, sizeof(proxy->url), "unix:%s", proxy->socket);
    snprintf(proxy->upstream, sizeof(proxy->upstream), "%.95s", upstream);
    address = address_of(proxy->socket);
    for (int i = 0; i < FS_REDIS_PROXY_PAIRS; i++)
        proxy->pairs[i] = (struct fs_proxy_pair){.client_fd = -1, .server_fd = -1};
    pthread_mutex_init(&proxy->mutex, NULL);
    pthread_cond_init(&proxy->changed, NULL);
    proxy->wake_fd = eventfd(0, EFD_CLOEXEC);
    proxy->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->wake_fd < 0 || proxy->listen_fd < 0 ||
        bind(proxy->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(proxy->listen_fd, 64) != 0 || pthread_create(&proxy->thread, NULL, run, proxy) != 0)
        die("cannot start");
}

static void wake(struct fs_redis_proxy *proxy)
{
    const uint64_t one = 1;

    if (write(proxy->wake_fd, &one, sizeof(one)) < 0)
        die("eventfd");
}

void fs_redis_proxy_stop(struct fs_redis_proxy *proxy)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->is_stopping = true;
    wake(proxy);
    pthread_mutex_unlock(&proxy->mutex);
    pthread_join(proxy->thread, NULL);
    for (int i = 0; i < FS_REDIS_PROXY_PAIRS; i++)
        pair_end(&proxy->pairs[i]);
    close(proxy->listen_fd);
    close(proxy->wake_fd);
    unlink(proxy->socket);
    pthread_cond_destroy(&proxy->changed);
    pthread_mutex_destroy(&proxy->mutex);
}

void fs_redis_proxy_fault_after(struct fs_redis_proxy *proxy, enum fs_proxy_fault fault,
                                unsigned passing)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->fault = fault;
    proxy->passing = passing;
    pthread_mutex_unlock(&proxy->mutex);
}

void fs_redis_proxy_fault(struct fs_redis_proxy *proxy, enum fs_proxy_fault fault)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->fault = fault;
    proxy->passing = 0;
    if (fault == FS_PROXY_HOLD) {
        for (int i = 0; i < FS_REDIS_PROXY_PAIRS; i++)
            proxy->pairs[i].is_holding = proxy->pairs[i].client_fd >= 0;
        strike(proxy);
    }
    pthread_mutex_unlock(&proxy->mutex);
}

void fs_redis_proxy_release(struct fs_redis_proxy *proxy)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->is_releasing = true;
    wake(proxy);
    while (proxy->is_releasing)
        pthread_cond_wait(&proxy->changed, &proxy->mutex);
    pthread_mutex_unlock(&proxy->mutex);
}

size_t fs_redis_proxy_held(struct fs_redis_proxy *proxy)
{
    size_t len;

    pthread_mutex_lock(&proxy->mutex);
    len = proxy->held_len;
    pthread_mutex_unlock(&proxy->mutex);
    return len;
}
