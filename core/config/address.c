/* Reads listener addresses and Redis URLs.
 *
 * Nothing is resolved: a name that resolves differently tomorrow is no address to serve a sale on. */
#include "config/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "base/network.h"
#include "config/problem.h"

/* Splits "host:port" or "[v6]:port"; host is without its brackets. */
static int host_port_split(struct fs_text text, struct fs_text *host, struct fs_text *port,
                           bool *bracketed)
{
    const char *colon = memrchr(text.data, ':', text.len);

    if (!colon)
        return -EINVAL;
    *host = (struct fs_text){text.data, (size_t)(colon - text.data)};
    *port = (struct fs_text){colon + 1, text.len - host->len - 1};
    *bracketed = host->len > 1 && host->data[0] == '[' && host->data[host->len - 1] == ']';
    if (*bracketed) {
        host->data += 1;
        host->len -= 2;
    }
    return host->len > 0 && (*bracketed || !memchr(host->data, ':', host->len)) ? 0 : -EINVAL;
}

static int unix_parse(const char *path, const char *file, const char *where,
                      struct fs_config_address *address, struct fs_config_error *error)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&address->storage;
    size_t len = strlen(file);

    if (len == 0)
        return fs_config_fail(error, where, "'%s' lacks the path after 'unix:'", path);
    if (len >= sizeof(un->sun_path))
        return fs_config_fail(error, where, "'%s': the path of a unix socket has at most %zu bytes",
                              path, sizeof(un->sun_path) - 1);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, file, len + 1);
    address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return 0;
}

static int host_parse(const char *host, bool bracketed, uint16_t port,
                      struct fs_config_address *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&address->storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&address->storage;

    if (bracketed) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        address->len = sizeof(*in6);
        return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? 0 : -EINVAL;
    }
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    address->len = sizeof(*in);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? 0 : -EINVAL;
}

/* A listening socket that the process was given: AF_UNSPEC, with its number where a port is. */
static int fd_parse(const char *path, const char *text, const char *where,
                    struct fs_config_address *address, struct fs_config_error *error)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&address->storage;
    uint64_t fd;

    if (fs_text_to_u64(fs_text_of(text), UINT16_MAX, &fd) != 0 || fd < 3)
        return fs_config_fail(error, where, "'%s': fd: takes the number of a descriptor from 3 on",
                              path);
    in->sin_family = AF_UNSPEC;
    in->sin_port = htons((uint16_t)fd);
    address->len = sizeof(*in);
    return 0;
}

int fs_config_address_fd(const struct fs_config_address *address)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&address->storage;

    return address->storage.ss_family == AF_UNSPEC ? ntohs(in->sin_port) : -1;
}

int fs_config_address_parse(const char *path, const char *text, const char *where,
                            struct fs_config_address *address, struct fs_config_error *error)
{
    struct fs_config_address parsed = {.len = 0};
    char shown[FS_CONFIG_SHOWN_SIZE];
    char host_text[INET6_ADDRSTRLEN + 1] = "";
    struct fs_text host, port_text;
    bool bracketed;
    uint64_t port;
    int rc;

    fs_config_show(fs_text_of(text), shown);
    if (strncmp(text, "unix:", 5) == 0) {
        rc = unix_parse(path, text + 5, where, &parsed, error);
        if (rc == 0)
            *address = parsed;
        return rc;
    }
    if (strncmp(text, "fd:", 3) == 0) {
        rc = fd_parse(path, text + 3, where, &parsed, error);
        if (rc == 0)
            *address = parsed;
        return rc;
    }
    if (host_port_split(fs_text_of(text), &host, &port_text, &bracketed) != 0)
        return fs_config_fail(error, where,
                              "'%s' must be an address such as 127.0.0.1:8000, [::1]:8000 or "
                              "unix:/path, not '%s'",
                              path, shown);
    if (fs_text_to_u64(port_text, UINT16_MAX, &port) != 0)
        return fs_config_fail(error, where, "'%s': the port of '%s' must be from 0 to 65535", path,
                              shown);
    if (host.len < sizeof(host_text))
        memcpy(host_text, host.data, host.len);
    if (host.len >= sizeof(host_text) ||
        host_parse(host_text, bracketed, (uint16_t)port, &parsed) != 0)
        return fs_config_fail(error, where,
                              "'%s' takes addresses only, no host names but localhost, not '%s'; "
                              "0.0.0.0 is every IPv4 address of this machine, [::] every address",
                              path, shown);
    *address = parsed;
    return 0;
}

static bool is_fd_local(int fd)
{
    struct fs_config_address bound = {.len = sizeof(bound.storage)};

    return getsockname(fd, (struct sockaddr *)&bound.storage, &bound.len) == 0 &&
           bound.storage.ss_family != AF_UNSPEC && fs_config_address_is_local(&bound);
}

bool fs_config_address_is_local(const struct fs_config_address *address)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&address->storage;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&address->storage;

    switch (address->storage.ss_family) {
    case AF_UNSPEC:
        return is_fd_local(fs_config_address_fd(address));
    case AF_UNIX:
        return true;
    case AF_INET:
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && in6->sin6_addr.s6_addr[12] == 127);
    default:
        return false;
    }
}

bool fs_config_address_same(const struct fs_config_address *a, const struct fs_config_address *b)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&a->storage;

    /* The port is at the same place for IPv4 and IPv6. */
    if (a->storage.ss_family != AF_UNIX && in->sin_port == 0)
        return false;
    return a->len == b->len && memcmp(&a->storage, &b->storage, a->len) == 0;
}

int fs_config_check_address(const char *path, const char *text, const char *where,
                            struct fs_config_error *error)
{
    struct fs_config_address address;

    return fs_config_address_parse(path, text, where, &address, error);
}

/* host:port[/db]: port from 1, db at most what Redis can be configured for. */
static bool place_is_well_formed(struct fs_text place)
{
    const char *slash = memchr(place.data, '/', place.len);
    struct fs_text host, port_text;
    bool bracketed;
    uint64_t number;

    if (slash) {
        struct fs_text db = {slash + 1, (size_t)(place.data + place.len - slash) - 1};
        if (fs_text_to_u64(db, INT32_MAX, &number) != 0)
            return false;
        place.len = (size_t)(slash - place.data);
    }
    if (host_port_split(place, &host, &port_text, &bracketed) != 0 ||
        fs_text_to_u64(port_text, UINT16_MAX, &number) != 0 || number == 0)
        return false;
    for (size_t i = 0; i < host.len; i++)
        if (!isalnum((unsigned char)host.data[i]) && !strchr("._-:", host.data[i]))
            return false;
    return true;
}

/* host:port,host:port/master[/db]; a port may be left away. */
static bool sentinels_are_well_formed(struct fs_text rest)
{
    const char *slash = memchr(rest.data, '/', rest.len);
    struct fs_text places = {rest.data, slash ? (size_t)(slash - rest.data) : 0};
    struct fs_text master = {slash ? slash + 1 : NULL, slash ? rest.len - places.len - 1 : 0};
    const char *database = slash ? memchr(master.data, '/', master.len) : NULL;
    uint64_t number;

    if (database) {
        struct fs_text db = {database + 1, (size_t)(master.data + master.len - database) - 1};

        if (fs_text_to_u64(db, INT32_MAX, &number) != 0)
            return false;
        master.len = (size_t)(database - master.data);
    }
    if (places.len == 0 || master.len == 0 || master.len > 64)
        return false;
    for (size_t i = 0; i < master.len; i++)
        if (!isalnum((unsigned char)master.data[i]) && !strchr("._-", master.data[i]))
            return false;
    for (size_t i = 0; i < places.len; i++)
        if (!isalnum((unsigned char)places.data[i]) && !strchr("._-:,[]", places.data[i]))
            return false;
    return places.data[0] != ',' && places.data[places.len - 1] != ',';
}

int fs_config_check_redis_url(const char *path, const char *text, const char *where,
                              struct fs_config_error *error)
{
    struct fs_config_url_parts parts = fs_config_url_split(fs_text_of(text));
    struct fs_config_address address;
    char shown[FS_CONFIG_SHOWN_SIZE];

    if (strncmp(text, "unix:", 5) == 0)
        return unix_parse(path, text + 5, where, &address, error);
    if (strncmp(text, "rediss:", 7) == 0)
        return fs_config_fail(error, where,
                              "'%s': rediss:// (TLS to Redis) is not available; use redis:// in a "
                              "network of your own, or a TLS tunnel",
                              path);
    if (fs_text_equals(parts.scheme, FS_TEXT("redis://")) && place_is_well_formed(parts.place))
        return 0;
    if ((fs_text_equals(parts.scheme, FS_TEXT("sentinel://")) ||
         fs_text_equals(parts.scheme, FS_TEXT("redis-sentinel://"))) &&
        sentinels_are_well_formed(parts.place))
        return 0;
    fs_config_show(parts.place, shown);
    return fs_config_fail(error, where,
                          "'%s' must be redis://[user:password@]host:port[/db], unix:/path or "
                          "sentinel://[user:password@]host:port,host:port/master[/db]; the part "
                          "without user and password is '%s'",
                          path, shown);
}

int fs_config_check_network(const char *path, const char *text, const char *where,
                            struct fs_config_error *error)
{
    char shown[FS_CONFIG_SHOWN_SIZE];
    char meant[64];
    struct fs_buffer buffer = fs_buffer_of(meant, sizeof(meant) - 1);
    struct fs_network network;
    bool is_v4;
    int rc = strcmp(text, "unix:") == 0 ? 0 : fs_network_parse(fs_text_of(text), &network);

    if (rc == 0)
        return 0;
    if (rc == -EINVAL)
        return fs_config_fail(error, where,
                              "'%s' must be a network such as 10.0.0.0/8 or 2001:db8::/32, an "
                              "address, or unix:, not '%s'",
                              path, fs_config_show(fs_text_of(text), shown));
    fs_ip_format(&network.ip, &buffer);
    meant[buffer.len] = '\0';
    is_v4 = strchr(meant, ':') == NULL;
    return fs_config_fail(error, where, "'%s': %s has bits behind its prefix; did you mean %s/%u?",
                          path, fs_config_show(fs_text_of(text), shown), meant,
                          network.prefix_bits - (is_v4 ? 96 : 0));
}
