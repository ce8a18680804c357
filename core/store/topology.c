/* Reads the addresses of Redis servers, and deals keys to them.
 *
 * The slot of a key is Redis Cluster's (https://redis.io/docs/reference/cluster-spec/, "Key
 * distribution model"), also for independent servers: what runs on several of them runs on a cluster
 * with the same key names. */
#include "store/topology.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"

#define PORT_DEFAULT 6379
#define SENTINEL_PORT_DEFAULT 26379
#define DATABASE_MAX INT32_MAX
#define PATH_LEN_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

__attribute__((format(printf, 2, 3))) static int refuse(struct fs_error *error, const char *format,
                                                        ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return -EINVAL;
}

/* Takes what stands before the first `mark` out of *rest; false: there is none. */
static bool split(struct fs_text *rest, char mark, struct fs_text *before)
{
    const char *at = rest->len ? memchr(rest->data, mark, rest->len) : NULL;

    if (!at)
        return false;
    *before = (struct fs_text){rest->data, (size_t)(at - rest->data)};
    *rest = (struct fs_text){at + 1, rest->len - before->len - 1};
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decoded, malloc'd.  A '%' that begins no code, and one of NUL, is -EINVAL. */
static int decode(struct fs_text text, char **decoded)
{
    char *copy = malloc(text.len + 1);
    size_t len = 0;

    if (!copy)
        return -ENOMEM;
    for (size_t i = 0; i < text.len; i++) {
        int high = text.data[i] == '%' && i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;

        if (text.data[i] == '%' && (low < 0 || high * 16 + low == 0)) {
            free(copy);
            return -EINVAL;
        }
        copy[len] = text.data[i];
        if (text.data[i] == '%') {
            copy[len] = (char)(high * 16 + low);
            i += 2;
        }
        len++;
    }
    copy[len] = '\0';
    *decoded = copy;
    return 0;
}

static int read_database(struct fs_node *node, struct fs_text text, struct fs_error *error)
{
    uint64_t database;

    if (fs_text_to_u64(text, DATABASE_MAX, &database) != 0)
        return refuse(error, "the database of %s must be a number such as 0, not '%.*s'",
                      node->name, (int)(text.len < 64 ? text.len : 64), text.data);
    node->database = (unsigned)database;
    return 0;
}

static int read_unix(struct fs_node *node, struct fs_text rest, struct fs_error *error)
{
    struct fs_text path = rest;

    if (split(&rest, '?', &path)) {
        if (rest.len < 3 || memcmp(rest.data, "db=", 3) != 0)
            return refuse(error, "after unix:/path only ?db=number may follow");
        rest = (struct fs_text){rest.data + 3, rest.len - 3};
    } else {
        rest = FS_TEXT("0");
    }
    if (path.len == 0 || path.data[0] != '/')
        return refuse(error, "a unix socket is named unix:/path, with an absolute path");
    if (path.len > PATH_LEN_MAX)
        return refuse(error, "the path of a unix socket has at most %zu bytes, this one %zu",
                      PATH_LEN_MAX, path.len);
    node->path = strndup(path.data, path.len);
    if (!node->path)
        return -ENOMEM;
    snprintf(node->name, sizeof(node->name), "unix:%s", node->path);
    return read_database(node, rest, error);
}

static int read_login(struct fs_node *node, struct fs_text login, struct fs_error *error)
{
    struct fs_text user = {0};
    int rc;

    if (!split(&login, ':', &user))
        return refuse(error, "a log-in is written user:password@ or :password@");
    rc = decode(login, &node->password);
    if (rc == 0 && user.len > 0)
        rc = decode(user, &node->user);
    if (rc == -EINVAL)
        return refuse(error, "in user and password '%%' begins a code such as %%40 for '@'");
    return rc;
}

/* host[:port] or [address][:port]. */
static int split_place(struct fs_text place, int port_default, struct fs_text *host, int *port,
                       struct fs_error *error)
{
    struct fs_text port_text = {0};
    uint64_t number = (uint64_t)port_default;
    bool is_bracketed = place.len > 0 && place.data[0] == '[';

    *host = place;
    if (is_bracketed) {
        place = (struct fs_text){place.data + 1, place.len - 1};
        if (!split(&place, ']', host) || (place.len > 0 && place.data[0] != ':'))
            return refuse(error, "an IPv6 address is written [::1]:6379");
        if (place.len > 0)
            port_text = (struct fs_text){place.data + 1, place.len - 1};
    } else if (split(&place, ':', host)) {
        port_text = place;
    }
    if (host->len == 0 || host->len > 255 || (is_bracketed && place.len == 1))
        return refuse(error, "a Redis server is named by host:port");
    if (port_text.data && (fs_text_to_u64(port_text, UINT16_MAX, &number) != 0 || number == 0))
        return refuse(error, "the port of a Redis server must be from 1 to 65535, not '%.*s'",
                      (int)(port_text.len < 64 ? port_text.len : 64), port_text.data);
    *port = (int)number;
    return 0;
}

static int read_place(struct fs_node *node, struct fs_text place, struct fs_error *error)
{
    struct fs_text host;
    int rc = split_place(place, PORT_DEFAULT, &host, &node->port, error);

    if (rc != 0)
        return rc;
    node->host = strndup(host.data, host.len);
    if (!node->host)
        return -ENOMEM;
    snprintf(node->name, sizeof(node->name),
             memchr(node->host, ':', host.len) ? "[%s]:%d" : "%s:%d", node->host, node->port);
    return 0;
}

static int read_sentinels(struct fs_node *node, struct fs_text places, struct fs_text master,
                          struct fs_error *error)
{
    struct fs_sentinels *sentinels = calloc(1, sizeof(*sentinels));
    bool is_last = false;

    node->sentinels = sentinels;
    if (!sentinels || !(sentinels->master = strndup(master.data, master.len)))
        return -ENOMEM;
    while (!is_last) {
        struct fs_text place = places;
        struct fs_text host;
        int rc;

        is_last = !split(&places, ',', &place);
        if (sentinels->count == FS_STORE_SENTINELS_MAX)
            return refuse(error, "more than %u sentinels", FS_STORE_SENTINELS_MAX);
        rc = split_place(place, SENTINEL_PORT_DEFAULT, &host,
                         &sentinels->list[sentinels->count].port, error);
        if (rc != 0)
            return rc;
        memcpy(sentinels->list[sentinels->count++].host, host.data, host.len);
    }
    snprintf(node->name, sizeof(node->name), "%s, as the sentinels say", sentinels->master);
    return 0;
}

/* What stands before the '@', if anything. */
static int read_optional_login(struct fs_node *node, struct fs_text *rest, struct fs_error *error)
{
    const char *at = memrchr(rest->data, '@', rest->len);
    struct fs_text login = {rest->data, at ? (size_t)(at - rest->data) : 0};

    if (!at)
        return 0;
    *rest = (struct fs_text){at + 1, rest->len - login.len - 1};
    return read_login(node, login, error);
}

static int read_sentinel(struct fs_node *node, struct fs_text rest, struct fs_error *error)
{
    struct fs_text database = FS_TEXT("0");
    struct fs_text places = {0};
    struct fs_text master;
    int rc = read_optional_login(node, &rest, error);

    if (rc != 0)
        return rc;
    if (!split(&rest, '/', &places))
        rest.len = 0;
    master = rest;
    if (split(&rest, '/', &master) && rest.len > 0)
        database = rest;
    if (master.len == 0 || master.len > 64)
        return refuse(error,
                      "sentinels are named sentinel://host:port,host:port/master[/database], "
                      "master being what they call the primary");
    rc = read_sentinels(node, places, master, error);
    return rc == 0 ? read_database(node, database, error) : rc;
}

static int read_tcp(struct fs_node *node, struct fs_text rest, struct fs_error *error)
{
    struct fs_text database = FS_TEXT("0");
    struct fs_text place;
    int rc = read_optional_login(node, &rest, error);

    place = rest;
    if (split(&rest, '/', &place) && rest.len > 0)
        database = rest;
    if (rc == 0)
        rc = read_place(node, place, error);
    return rc == 0 ? read_database(node, database, error) : rc;
}

static void free_secret(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void node_dispose(struct fs_node *node)
{
    free(node->host);
    free(node->path);
    free(node->user);
    free_secret(node->password);
    if (node->sentinels)
        free(node->sentinels->master);
    free(node->sentinels);
    *node = (struct fs_node){0};
}

int fs_topology_add(struct fs_topology *topology, const char *url, struct fs_error *error)
{
    struct fs_node *node = &topology->nodes[topology->node_count];
    int rc;

    if (topology->node_count == FS_STORE_NODES_MAX) {
        refuse(error, "more than %u Redis servers", FS_STORE_NODES_MAX);
        return -ENOSPC;
    }
    *node = (struct fs_node){0};
    if (strncmp(url, "unix:", 5) == 0)
        rc = read_unix(node, fs_text_of(url + 5), error);
    else if (strncmp(url, "redis://", 8) == 0)
        rc = read_tcp(node, fs_text_of(url + 8), error);
    else if (strncmp(url, "sentinel://", 11) == 0)
        rc = read_sentinel(node, fs_text_of(url + 11), error);
    else if (strncmp(url, "redis-sentinel://", 17) == 0)
        rc = read_sentinel(node, fs_text_of(url + 17), error);
    else
        rc = refuse(error, "a Redis server is named redis://[user:password@]host:port[/database], "
                           "unix:/path or sentinel://host:port,host:port/master");
    if (rc != 0)
        node_dispose(node);
    else
        topology->node_count++;
    return rc;
}

int fs_topology_resolve(struct fs_topology *topology, fs_lookup *lookup, void *lookup_data,
                        struct fs_error *error)
{
    for (unsigned i = 0; i < topology->node_count; i++) {
        struct fs_node *node = &topology->nodes[i];
        int rc = node->host
                     ? (lookup ? lookup : fs_lookup_system)(lookup_data, node->host, &node->at)
                     : 0;

        if (rc != 0) {
            refuse(error, "the Redis server %s has no address: %s", node->name, gai_strerror(rc));
            return -EHOSTUNREACH;
        }
    }
    return 0;
}

void fs_topology_move(struct fs_node *node, const char *address, int port)
{
    if (!address[0])
        return;
    snprintf(node->at.list[0], sizeof(node->at.list[0]), "%s", address);
    node->at.count = 1;
    node->port = port;
    snprintf(node->name, sizeof(node->name), strchr(address, ':') ? "[%s]:%d" : "%s:%d", address,
             port);
}

void fs_topology_dispose(struct fs_topology *topology)
{
    for (unsigned i = 0; i < topology->node_count; i++)
        node_dispose(&topology->nodes[i]);
    topology->node_count = 0;
}

/* CRC16-CCITT (XMODEM): polynomial 0x1021, from 0, highest bit first. */
static uint16_t crc16(struct fs_text text)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < text.len; i++) {
        crc = (uint16_t)(crc ^ (uint16_t)((unsigned char)text.data[i] << 8));
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

unsigned fs_topology_slot(struct fs_text key)
{
    struct fs_text rest = key;
    struct fs_text tag;

    if (split(&rest, '{', &tag) && split(&rest, '}', &tag) && tag.len > 0)
        key = tag;
    return crc16(key) % FS_STORE_SLOT_COUNT;
}

unsigned fs_topology_node_of(const struct fs_topology *topology, struct fs_text key)
{
    if (topology->node_count == 1)
        return 0;
    return fs_topology_slot(key) * topology->node_count / FS_STORE_SLOT_COUNT;
}
