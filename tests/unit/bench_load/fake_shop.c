/* The shop's side of HTTP, on libevent's buffers: nothing of the generator's own code is used. */
#include "fake_shop.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    struct fs_fake_shop *shop;
    struct bufferevent *stream;
    struct event *timer; /* of a delayed answer */
    struct fs_fake_answer answer;
    struct connection *next, **link; /* of those that are open */
    unsigned number;
};

struct shop_list {
    struct fs_fake_shop *shop;
    struct connection *first;
};

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void close_connection(struct connection *connection, bool with_reset)
{
    const struct linger reset = {1, 0};

    if (with_reset)
        setsockopt(bufferevent_getfd(connection->stream), SOL_SOCKET, SO_LINGER, &reset,
                   sizeof(reset));
    connection->shop->connections_open--;
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    event_free(connection->timer);
    bufferevent_free(connection->stream);
    free(connection);
}

static void on_written(struct bufferevent *stream, void *data)
{
    (void)stream;
    close_connection(data, false);
}

static void on_end(struct bufferevent *stream, short what, void *data)
{
    (void)stream;
    (void)what;
    close_connection(data, false);
}

static void answer_now(struct connection *connection)
{
    const struct fs_fake_answer *answer = &connection->answer;
    struct evbuffer *out = bufferevent_get_output(connection->stream);
    size_t len = strlen(answer->body);
    const char *type = answer->status < 400 ? "application/json" : "application/problem+json";

    switch (answer->action) {
    case FS_FAKE_SILENT:
        return;
    case FS_FAKE_RESET:
        close_connection(connection, true);
        return;
    case FS_FAKE_GARBAGE:
        evbuffer_add_printf(out, "SSH-2.0-surprise\r\n\r\n");
        return;
    default:
        break;
    }
    evbuffer_add_printf(out, "HTTP/1.1 %d Whatever\r\nContent-Type: %s\r\n", answer->status, type);
    if (answer->replayed)
        evbuffer_add_printf(out, "Idempotency-Replayed: true\r\n");
    if (answer->action == FS_FAKE_CHUNKED)
        evbuffer_add_printf(out,
                            "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%.*s\r\n%zx\r\n%s\r\n"
                            "0\r\n\r\n",
                            len / 2, (int)(len / 2), answer->body, len - len / 2,
                            answer->body + len / 2);
    else if (answer->action == FS_FAKE_END)
        evbuffer_add_printf(out, "\r\n%s", answer->body);
    else
        evbuffer_add_printf(out, "%sContent-Length: %zu\r\n\r\n%.*s",
                            answer->action == FS_FAKE_CLOSE ? "Connection: close\r\n" : "", len,
                            (int)(answer->action == FS_FAKE_HALF ? len / 2 : len), answer->body);
    if (answer->action == FS_FAKE_CLOSE || answer->action == FS_FAKE_HALF ||
        answer->action == FS_FAKE_END)
        bufferevent_setcb(connection->stream, NULL, on_written, on_end, connection);
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    answer_now(data);
}

/* The value of a header; empty when there is none such. */
static void copy_header(const char *head, const char *name, char *value, size_t size)
{
    const char *at = strstr(head, name);
    size_t len;

    value[0] = '\0';
    if (!at)
        return;
    at += strlen(name);
    len = strcspn(at, "\r");
    snprintf(value, size, "%.*s", (int)len, at);
}

static unsigned times_asked(const struct fs_fake_shop *shop, const char *key)
{
    unsigned times = 0;

    for (size_t i = 0; i < shop->count && key[0] != '\0'; i++)
        times += strcmp(shop->requests[i].key, key) == 0;
    return times;
}

static void keep(struct fs_fake_shop *shop, const struct fs_fake_request *request)
{
    if (shop->count == shop->capacity) {
        shop->capacity = 2 * shop->capacity + 256;
        shop->requests = reallocarray(shop->requests, shop->capacity, sizeof(*request));
        if (!shop->requests)
            die("fake shop");
    }
    shop->requests[shop->count++] = *request;
}

/* What a shop with enough of everything says. */
static void usual_answer(const struct fs_fake_shop *shop, const struct fs_fake_request *request,
                         struct fs_fake_answer *answer)
{
    unsigned user = 0;

    answer->status = 200;
    if (strcmp(request->path, "/login") == 0 &&
        sscanf(request->body, "{\"username\":\"user_%u\"", &user) == 1)
        snprintf(answer->body, sizeof(answer->body),
                 "{\"access_token\":\"token-of-%u\",\"token_type\":\"bearer\",\"expires_in\":%u}",
                 user, shop->token_life_s ? shop->token_life_s : 3600);
    else if (strncmp(request->path, "/purchase/", 10) == 0)
        snprintf(answer->body, sizeof(answer->body),
                 "{\"order_id\":\"o%s\",\"product_id\":1,\"quantity\":1,\"remaining\":41}",
                 request->key[0] ? request->key + 8 : "");
    else if (strncmp(request->path, "/inventory/", 11) == 0)
        snprintf(answer->body, sizeof(answer->body), "{\"product_id\":1,\"stock\":42}");
    else
        snprintf(answer->body, sizeof(answer->body), "{}");
    answer->replayed = request->asked > 0 && strncmp(request->path, "/purchase/", 10) == 0;
}

static bool take_request(struct connection *connection, struct fs_fake_request *request)
{
    struct evbuffer *in = bufferevent_get_input(connection->stream);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    char head[4096], text[16];
    size_t head_len, body_len;

    if (end.pos < 0)
        return false;
    head_len = (size_t)end.pos + 4;
    if (head_len >= sizeof(head))
        die("fake shop: a head that is too long");
    evbuffer_copyout(in, head, head_len);
    head[head_len] = '\0';
    copy_header(head, "Content-Length: ", text, sizeof(text));
    body_len = strtoul(text, NULL, 10);
    if (evbuffer_get_length(in) < head_len + body_len)
        return false;
    evbuffer_drain(in, head_len);
    memset(request, 0, sizeof(*request));
    if (body_len >= sizeof(request->body))
        die("fake shop: a body that is too long");
    evbuffer_remove(in, request->body, body_len);
    if (sscanf(head, "%7s %79s", request->method, request->path) != 2)
        die("fake shop: no request");
    copy_header(head, "Authorization: Bearer ", request->token, sizeof(request->token));
    copy_header(head, "Idempotency-Key: ", request->key, sizeof(request->key));
    request->connection = connection->number;
    request->asked = times_asked(connection->shop, request->key);
    return true;
}

static void on_read(struct bufferevent *stream, void *data)
{
    struct connection *connection = data;
    struct fs_fake_shop *shop = connection->shop;
    struct fs_fake_answer *answer = &connection->answer;
    struct fs_fake_request request;

    (void)stream;
    if (!take_request(connection, &request))
        return;
    memset(answer, 0, sizeof(*answer));
    usual_answer(shop, &request, answer);
    if (shop->script)
        shop->script(shop, &request, answer);
    keep(shop, &request);
    if (answer->delay_ms > 0) {
        struct timeval after = {answer->delay_ms / 1000, answer->delay_ms % 1000 * 1000};

        event_add(connection->timer, &after);
    } else {
        answer_now(connection);
    }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int address_len, void *data)
{
    struct shop_list *list = data;
    struct fs_fake_shop *shop = list->shop;
    struct connection *connection = calloc(1, sizeof(*connection));

    (void)listener;
    (void)address;
    (void)address_len;
    if (!connection)
        die("fake shop");
    connection->shop = shop;
    connection->number = ++shop->connections;
    connection->stream = bufferevent_socket_new(shop->base, fd, BEV_OPT_CLOSE_ON_FREE);
    connection->timer = event_new(shop->base, -1, 0, on_timer, connection);
    connection->next = list->first;
    connection->link = &list->first;
    if (list->first)
        list->first->link = &connection->next;
    list->first = connection;
    if (++shop->connections_open > shop->connections_open_max)
        shop->connections_open_max = shop->connections_open;
    bufferevent_setcb(connection->stream, on_read, NULL, on_end, connection);
    bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
}

static void on_stop(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(data);
}

static void *main_of_shop(void *data)
{
    struct fs_fake_shop *shop = data;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons(shop->port)};
    socklen_t address_len = sizeof(address);
    struct shop_list list = {shop, NULL};

    shop->listener = evconnlistener_new_bind(shop->base, on_accept, &list,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 1024,
                                             (struct sockaddr *)&address, sizeof(address));
    if (!shop->listener || getsockname(evconnlistener_get_fd(shop->listener),
                                       (struct sockaddr *)&address, &address_len) != 0)
        die("fake shop");
    shop->port = ntohs(address.sin_port);
    shop->stop_event =
        event_new(shop->base, shop->stop_pipe[0], EV_READ | EV_PERSIST, on_stop, shop->base);
    if (!shop->stop_event || event_add(shop->stop_event, NULL) != 0 ||
        sem_post(&shop->is_ready) != 0)
        die("fake shop");
    event_base_dispatch(shop->base);
    event_free(shop->stop_event);
    evconnlistener_free(shop->listener);
    while (list.first)
        close_connection(list.first, false);
    return NULL;
}

void fs_fake_shop_start(struct fs_fake_shop *shop)
{
    struct event_config *config = event_config_new();

    /* A delay begins with its request and not with the turn of the loop. */
    if (!config || event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) != 0 ||
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) != 0)
        die("fake shop");
    shop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!shop->base || pipe(shop->stop_pipe) != 0)
        die("fake shop");
    if (sem_init(&shop->is_ready, 0, 0) != 0 ||
        pthread_create(&shop->thread, NULL, main_of_shop, shop) != 0)
        die("fake shop");
    while (sem_wait(&shop->is_ready) != 0)
        continue;
}

void fs_fake_shop_stop(struct fs_fake_shop *shop)
{
    if (write(shop->stop_pipe[1], "", 1) != 1)
        die("fake shop");
    pthread_join(shop->thread, NULL);
    event_base_free(shop->base);
    sem_destroy(&shop->is_ready);
    close(shop->stop_pipe[0]);
    close(shop->stop_pipe[1]);
}

void fs_fake_shop_dispose(struct fs_fake_shop *shop)
{
    free(shop->requests);
    shop->requests = NULL;
}

size_t fs_fake_shop_count(const struct fs_fake_shop *shop, const char *method, const char *path)
{
    size_t count = 0;

    for (size_t i = 0; i < shop->count; i++)
        count += strcmp(shop->requests[i].method, method) == 0 &&
                 strncmp(shop->requests[i].path, path, strlen(path)) == 0;
    return count;
}
