/* Sockets and http_parser, and nothing of what is asked over them. */
#include "load/wire.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#define SCRATCH_SIZE 65536u

int fs_endpoint_resolve(struct fs_endpoint *endpoint, const char *host, uint16_t port, char *error,
                        size_t error_size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct sockaddr_un *path = (struct sockaddr_un *)&endpoint->address;
    struct addrinfo *found;
    char service[8];
    int rc;

    memset(endpoint, 0, sizeof(*endpoint));
    if (port == 0) {
        if (strlen(host) >= sizeof(path->sun_path)) {
            snprintf(error, error_size, "%.100s...: too long for a unix socket", host);
            return -EINVAL;
        }
        path->sun_family = AF_UNIX;
        memcpy(path->sun_path, host, strlen(host) + 1);
        endpoint->address_len = sizeof(*path);
        snprintf(endpoint->host, sizeof(endpoint->host), "localhost");
        return 0;
    }
    snprintf(service, sizeof(service), "%u", port);
    rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0) {
        snprintf(error, error_size, "%s:%u: %s", host, port, gai_strerror(rc));
        return -EINVAL;
    }
    memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
    endpoint->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    snprintf(endpoint->host, sizeof(endpoint->host), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host,
             port);
    return 0;
}

int fs_wires_init(struct fs_wires *wires, struct event_base *base)
{
    *wires = (struct fs_wires){.base = base, .scratch = malloc(SCRATCH_SIZE)};
    return wires->scratch ? 0 : -ENOMEM;
}

void fs_wires_dispose(struct fs_wires *wires)
{
    free(wires->scratch);
    wires->scratch = NULL;
}

void fs_wire_init(struct fs_wire *wire, struct fs_wires *wires, const struct fs_endpoint *endpoint)
{
    memset(wire, 0, offsetof(struct fs_wire, reply));
    wire->wires = wires;
    wire->endpoint = endpoint;
    wire->fd = -1;
}

void fs_wire_close(struct fs_wire *wire, bool with_reset)
{
    const struct linger reset = {1, 0};

    if (wire->fd < 0)
        return;
    event_del(&wire->event);
    if (with_reset)
        setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(wire->fd);
    free(wire->unsent);
    wire->unsent = NULL;
    wire->unsent_len = 0;
    wire->fd = -1;
    wire->state = FS_WIRE_CLOSED;
    wire->awaits_reply = false;
}

static int on_message_begin(http_parser *parser)
{
    struct fs_wire *wire = parser->data;

    if (!wire->awaits_reply || wire->is_whole)
        return 1; /* an answer that nobody asked for */
    wire->reply.replayed = false;
    wire->reply.body_len = 0;
    wire->field_len = 0;
    wire->is_in_value = false;
    return 0;
}

static int on_header_field(http_parser *parser, const char *data, size_t len)
{
    struct fs_wire *wire = parser->data;
    size_t room;

    if (wire->is_in_value) {
        wire->is_in_value = false;
        wire->field_len = 0;
    }
    room = sizeof(wire->field) - wire->field_len;
    if (len > room)
        len = room; /* longer than the name that is looked for */
    memcpy(wire->field + wire->field_len, data, len);
    wire->field_len = (uint8_t)(wire->field_len + len);
    return 0;
}

static int on_header_value(http_parser *parser, const char *data, size_t len)
{
    static const char name[] = "idempotency-replayed";
    struct fs_wire *wire = parser->data;

    wire->is_in_value = true;
    if (wire->field_len == sizeof(name) - 1 && len > 0 &&
        strncasecmp(wire->field, name, sizeof(name) - 1) == 0)
        wire->reply.replayed = data[0] == 't' || wire->reply.replayed;
    return 0;
}

static int on_body(http_parser *parser, const char *data, size_t len)
{
    struct fs_wire *wire = parser->data;
    size_t room = sizeof(wire->reply.body) - wire->reply.body_len;

    if (len > room)
        len = room;
    memcpy(wire->reply.body + wire->reply.body_len, data, len);
    wire->reply.body_len += (uint32_t)len;
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    struct fs_wire *wire = parser->data;

    wire->is_whole = true;
    return 0;
}

static void lose(struct fs_wire *wire, int error)
{
    fs_wire_close(wire, false);
    wire->wires->client->on_lost(wire, error);
}

/* Parses what was read, nothing at the end of the stream.  Returns whether the wire is still as it was
 * and more may be read. */
static bool parse(struct fs_wire *wire, size_t len)
{
    static const http_parser_settings settings = {
        .on_message_begin = on_message_begin,
        .on_header_field = on_header_field,
        .on_header_value = on_header_value,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
    };
    size_t parsed = http_parser_execute(&wire->parser, &settings, wire->wires->scratch, len);

    if (HTTP_PARSER_ERRNO(&wire->parser) != HPE_OK || parsed != len) {
        lose(wire, EPROTO);
        return false;
    }
    if (!wire->is_whole) {
        if (len == 0)
            lose(wire, ECONNRESET);
        return len > 0;
    }
    wire->is_whole = false;
    wire->awaits_reply = false;
    wire->reply.status = (uint16_t)wire->parser.status_code;
    if (len == 0 || !http_should_keep_alive(&wire->parser))
        fs_wire_close(wire, false);
    wire->wires->client->on_reply(wire);
    return false;
}

static void read_some(struct fs_wire *wire)
{
    ssize_t len;

    do {
        len = recv(wire->fd, wire->wires->scratch, SCRATCH_SIZE, MSG_DONTWAIT);
        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len < 0 || (len == 0 && !wire->awaits_reply)) {
            lose(wire, len < 0 ? errno : ECONNRESET);
            return;
        }
    } while (parse(wire, (size_t)len));
}

/* Whether the wire is still there. */
static bool send_rest(struct fs_wire *wire)
{
    ssize_t sent = send(wire->fd, wire->unsent, wire->unsent_len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        lose(wire, errno);
        return false;
    }
    if (sent <= 0)
        return true;
    wire->unsent_len -= (size_t)sent;
    memmove(wire->unsent, wire->unsent + sent, wire->unsent_len);
    if (wire->unsent_len == 0) {
        free(wire->unsent);
        wire->unsent = NULL;
    }
    return true;
}

static bool is_ours(int error)
{
    return error == EADDRNOTAVAIL || error == EMFILE || error == ENFILE || error == ENOMEM ||
           error == ENOBUFS || error == EAGAIN;
}

static void count_failure(struct fs_wires *wires, int error)
{
    if (!is_ours(error))
        return;
    wires->connects_failed++;
    wires->failed_error = error;
}

static void open_done(struct fs_wire *wire)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        fs_wire_close(wire, false);
        count_failure(wire->wires, error);
    } else {
        wire->state = FS_WIRE_OPEN;
        http_parser_init(&wire->parser, HTTP_RESPONSE);
        wire->parser.data = wire;
        wire->is_whole = false;
    }
    wire->wires->client->on_open(wire, error);
}

static void on_event(evutil_socket_t fd, short what, void *data)
{
    struct fs_wire *wire = data;

    (void)fd;
    if (wire->state == FS_WIRE_CONNECTING) {
        open_done(wire);
        return;
    }
    if (wire->unsent && !send_rest(wire))
        return;
    if (what & EV_READ)
        read_some(wire);
}

int fs_wire_open(struct fs_wire *wire)
{
    const int on = 1;
    int error;

    wire->wires->connects++;
    wire->fd =
        socket(wire->endpoint->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->fd < 0) {
        error = errno;
        count_failure(wire->wires, error);
        return -error;
    }
    if (wire->endpoint->address.ss_family != AF_UNIX)
        setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(wire->fd, (const struct sockaddr *)&wire->endpoint->address,
                wire->endpoint->address_len) != 0 &&
        errno != EINPROGRESS) {
        error = errno;
        close(wire->fd);
        wire->fd = -1;
        count_failure(wire->wires, error);
        return -error;
    }
    wire->state = FS_WIRE_CONNECTING;
    if (event_assign(&wire->event, wire->wires->base, wire->fd,
                     EV_READ | EV_WRITE | EV_ET | EV_PERSIST, on_event, wire) != 0 ||
        event_add(&wire->event, NULL) != 0) {
        close(wire->fd);
        wire->fd = -1;
        wire->state = FS_WIRE_CLOSED;
        count_failure(wire->wires, ENOMEM);
        return -ENOMEM;
    }
    return 0;
}

int fs_wire_send(struct fs_wire *wire, const char *data, size_t len)
{
    ssize_t sent = send(wire->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    int error = errno;

    if (sent < 0 && error != EAGAIN && error != EINTR) {
        fs_wire_close(wire, false);
        return -error;
    }
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < len) {
        wire->unsent = malloc(len - (size_t)sent);
        if (!wire->unsent) {
            fs_wire_close(wire, true);
            return -ENOMEM;
        }
        wire->unsent_len = len - (size_t)sent;
        memcpy(wire->unsent, data + sent, wire->unsent_len);
    }
    wire->awaits_reply = true;
    return 0;
}
