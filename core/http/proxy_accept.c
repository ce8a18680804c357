/* The header comes before TLS and HTTP, in the first bytes of the connection; what follows it in the
 * buffer is left for them, which look there first. */
#include "http/proxy_accept.h"

#include <errno.h>
#include <stdlib.h>

#include "http/proxies.h"

/* The socket's data until the header is there. */
struct wait {
    h2o_timeout_entry_t patience;
    h2o_accept_ctx_t *accept;
    h2o_socket_t *socket;
    void (*go_on)(h2o_accept_ctx_t *accept, h2o_socket_t *socket);
};

static void end_wait(struct wait *wait)
{
    h2o_timeout_unlink(&wait->patience);
    h2o_socket_read_stop(wait->socket);
    wait->socket->data = NULL;
    free(wait);
}

static void refuse(struct wait *wait)
{
    h2o_socket_t *socket = wait->socket;
    struct fs_connection_guard *connection = socket->on_close.data;

    fs_counter_add(&connection->http->metrics->connections_refused, 1);
    end_wait(wait);
    h2o_socket_close(socket);
}

static void on_patience_over(h2o_timeout_entry_t *patience)
{
    refuse(FS_CONTAINER_OF(patience, struct wait, patience));
}

/* Only now is it known whose connection it is. */
static bool count_client(struct fs_connection_guard *connection,
                         const struct sockaddr_storage *client)
{
    struct fs_http *http = connection->http;

    if (client->ss_family == AF_UNSPEC) /* the proxy speaks for itself */
        return true;
    connection->peer = *client;
    connection->is_from_proxy = fs_proxies_trust(&http->server->proxies, client);
    if (connection->is_from_proxy)
        return true;
    if (!fs_guard_count_address(&http->server->guard, client,
                                http->settings->connections_per_address_max))
        return false;
    connection->counted = *client;
    return true;
}

static void on_read(h2o_socket_t *socket, const char *error)
{
    struct wait *wait = socket->data;
    h2o_accept_ctx_t *accept = wait->accept;
    void (*go_on)(h2o_accept_ctx_t *, h2o_socket_t *) = wait->go_on;
    struct sockaddr_storage client = {.ss_family = AF_UNSPEC};
    int len;

    len = error ? -EPROTO
                : fs_proxy_header_read((const uint8_t *)socket->input->bytes, socket->input->size,
                                       &client);
    if (len == -EAGAIN)
        return;
    if (len < 0 || !count_client(socket->on_close.data, &client)) {
        refuse(wait);
        return;
    }
    h2o_buffer_consume(&socket->input, (size_t)len);
    end_wait(wait);
    go_on(accept, socket);
}

void fs_proxy_accept(h2o_accept_ctx_t *accept, h2o_socket_t *socket,
                     void (*go_on)(h2o_accept_ctx_t *accept, h2o_socket_t *socket))
{
    struct wait *wait = calloc(1, sizeof(*wait));

    if (!wait) {
        h2o_socket_close(socket);
        return;
    }
    *wait = (struct wait){
        .patience = {.cb = on_patience_over}, .accept = accept, .socket = socket, .go_on = go_on};
    socket->data = wait;
    h2o_timeout_link(accept->ctx->loop, &accept->ctx->handshake_timeout, &wait->patience);
    h2o_socket_read_start(socket, on_read);
}
