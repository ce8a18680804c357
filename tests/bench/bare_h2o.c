/* The least that an h2o server can do for a purchase: one handler that answers every request with a
 * constant body as long as a purchase's.  The yardstick of the null strategy: what flashsale adds to
 * it is the price of routing, authentication, validation, ops and metrics.
 *
 *     bare_h2o PORT      one loop, one thread, until it is killed
 *
 * Log-ins get a token of the usual length, so that flashsale-bench can load it as any server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <h2o.h>

struct bare_handler {
    h2o_handler_t super;
};

static int on_req(h2o_handler_t *handler, h2o_req_t *req)
{
    static const char body[] =
        "{\"order_id\":\"abcdefghijklmnopqrstuvwxyz234567\",\"product_id\":1,"
        "\"quantity\":1,\"remaining\":999999999}";
    static const char login[] =
        "{\"access_token\":"
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
        "\"token_type\":\"bearer\",\"expires_in\":86400}";
    bool is_login = req->path.len == 6 && memcmp(req->path.base, "/login", 6) == 0;
    (void)handler;

    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = is_login ? sizeof(login) - 1 : sizeof(body) - 1;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_send_inline(req, is_login ? login : body, req->res.content_length);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    h2o_accept_ctx_t *accept = listener->data;
    h2o_socket_t *socket;

    if (err)
        return;
    while ((socket = h2o_evloop_socket_accept(listener)))
        h2o_accept(accept, socket);
}

static int listen_on(unsigned short port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_hostconf_t *host;
    h2o_pathconf_t *path;
    h2o_evloop_t *loop;
    h2o_socket_t *listener;
    int fd = argc == 2 ? listen_on((unsigned short)strtoul(argv[1], NULL, 10)) : -1;

    if (fd == -1) {
        fprintf(stderr, "usage: bare_h2o PORT (%s)\n", strerror(errno));
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    h2o_config_init(&config);
    host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(struct bare_handler))->on_req = on_req;
    loop = h2o_evloop_create();
    h2o_context_init(&context, loop, &config);
    memset(&accept, 0, sizeof(accept));
    accept.ctx = &context;
    accept.hosts = config.hosts;
    listener = h2o_evloop_socket_create(loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->data = &accept;
    h2o_socket_read_start(listener, on_accept);
    for (;;)
        h2o_evloop_run(loop, INT32_MAX);
}
