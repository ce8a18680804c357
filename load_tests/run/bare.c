/* Starts a program that says nothing: it is ready when it listens. */
#include "run/bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define READY_US_MAX 5000000u
#define PAUSE_MS 2u

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* A port that was free a moment ago; 0: none. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
                    getsockname(fd, (struct sockaddr *)&address, &len) == 0;

    if (fd >= 0)
        close(fd);
    return is_bound ? ntohs(address.sin_port) : 0;
}

static bool listens(uint16_t port)
{
    const struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_open = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    if (fd >= 0)
        close(fd);
    return is_open;
}

int fs_bare_start(const struct fs_server_source *source, const struct fs_subject *subject,
                  struct fs_bench_server *server, char error[FS_RUN_ERROR_SIZE])
{
    const struct fs_cores *cores = &source->pinning.server;
    uint64_t limit_us = fs_clock_now_us() + READY_US_MAX;
    uint16_t port = free_port();
    char text[8];
    char *argv[] = {(char *)subject->program, text, NULL};
    int rc;

    snprintf(text, sizeof(text), "%u", port);
    rc = fs_child_start(&server->child,
                        &(struct fs_child_options){.argv = argv,
                                                   .output_path = server->log_path,
                                                   .error_path = server->log_path,
                                                   .cores = cores->count > 0 ? &cores->set : NULL,
                                                   .interrupt = source->interrupt});
    while (rc == 0 && !listens(port)) {
        if (fs_child_has_ended(&server->child) || fs_clock_now_us() > limit_us)
            rc = -ECHILD;
        fs_pause_ms(PAUSE_MS);
    }
    if (rc != 0)
        snprintf(error, FS_RUN_ERROR_SIZE, "%.300s does not listen: %s", subject->program,
                 strerror(-rc));
    snprintf(server->target.host, sizeof(server->target.host), "127.0.0.1");
    server->target.port = port;
    return rc;
}
