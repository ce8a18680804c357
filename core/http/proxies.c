/* The chain of proxies is read from its end: the last entry was written by the peer, which is trusted;
 * the one before it by the proxy that the last entry names, and so on.  What stands left of the first
 * address that is no proxy of ours was written by a client and says nothing.  Source: RFC 7239. */
#include "http/proxies.h"

#include <errno.h>
#include <netinet/in.h>

#define V1_LEN_MAX 107u /* bytes, with CRLF */
#define V2_HEAD_LEN 16u

static const uint8_t v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static bool trusts(const struct fs_proxies *proxies, const struct fs_ip *ip)
{
    for (size_t i = 0; i < proxies->count; i++)
        if (fs_network_has(&proxies->networks[i], ip))
            return true;
    return false;
}

bool fs_proxies_trust(const struct fs_proxies *proxies, const struct sockaddr_storage *peer)
{
    struct fs_ip ip;

    if (!fs_ip_of(peer, &ip))
        return proxies->trusts_unix && peer->ss_family == AF_UNIX;
    return trusts(proxies, &ip);
}

static struct fs_text trimmed(struct fs_text text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Takes what is behind the last separator that is not quoted off the end of list; false when it is
 * empty. */
static bool take_last(struct fs_text *list, char separator, struct fs_text *item)
{
    bool is_quoted = false;
    size_t at = list->len;

    if (list->len == 0)
        return false;
    while (at > 0 && (is_quoted || list->data[at - 1] != separator)) {
        at--;
        if (list->data[at] == '"')
            is_quoted = !is_quoted;
    }
    *item = trimmed((struct fs_text){list->data + at, list->len - at});
    list->len = at > 0 ? at - 1 : 0;
    return true;
}

/* An address, perhaps with a port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1]:80. */
static int read_node(struct fs_text node, struct fs_ip *ip)
{
    if (node.len > 1 && node.data[0] == '[') {
        const char *end = memchr(node.data, ']', node.len);

        if (!end || (end + 1 < node.data + node.len && end[1] != ':'))
            return -EINVAL;
        return fs_ip_parse((struct fs_text){node.data + 1, (size_t)(end - node.data - 1)}, ip);
    }
    if (node.len > 0) {
        const char *colon = memchr(node.data, ':', node.len);

        if (colon && !memchr(colon + 1, ':', node.len - (size_t)(colon + 1 - node.data)))
            node.len = (size_t)(colon - node.data);
    }
    return fs_ip_parse(node, ip);
}

/* The node of "for" in one element of Forwarded: for="[2001:db8::1]";proto=http. */
static int read_element(struct fs_text element, struct fs_ip *ip)
{
    struct fs_text pair, found = {0};

    while (take_last(&element, ';', &pair)) {
        if (pair.len < 4 || !fs_text_equals_nocase((struct fs_text){pair.data, 4}, FS_TEXT("for=")))
            continue;
        if (found.data)
            return -EINVAL; /* twice */
        found = (struct fs_text){pair.data + 4, pair.len - 4};
    }
    if (found.len >= 2 && found.data[0] == '"' && found.data[found.len - 1] == '"')
        found = (struct fs_text){found.data + 1, found.len - 2};
    return read_node(found, ip);
}

static struct fs_ip walk(const struct fs_proxies *proxies, struct fs_ip from, bool has_from,
                         struct fs_text list, int (*read)(struct fs_text, struct fs_ip *))
{
    struct fs_text item;

    while ((!has_from || trusts(proxies, &from)) && take_last(&list, ',', &item)) {
        if (read(item, &from) != 0)
            break;
        has_from = true;
    }
    return from;
}

void fs_proxies_client(const struct fs_proxies *proxies, const struct sockaddr_storage *peer,
                       struct fs_text forwarded, struct fs_text x_forwarded_for,
                       struct sockaddr_storage *client)
{
    struct fs_ip from = {{0}}, one, other;
    bool has_from = fs_ip_of(peer, &from);

    *client = *peer;
    if ((forwarded.len == 0 && x_forwarded_for.len == 0) || !fs_proxies_trust(proxies, peer))
        return;
    one = walk(proxies, from, has_from, forwarded, read_element);
    other = walk(proxies, from, has_from, x_forwarded_for, read_node);
    if (forwarded.len == 0)
        one = other;
    else if (x_forwarded_for.len > 0 && memcmp(one.bytes, other.bytes, sizeof(one.bytes)) != 0)
        return;
    if (memcmp(one.bytes, from.bytes, sizeof(one.bytes)) != 0)
        fs_ip_to_address(&one, client);
}

static void set_port(struct sockaddr_storage *client, uint16_t port)
{
    if (client->ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)client)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)(void *)client)->sin6_port = htons(port);
}

/* Takes a word and the space behind it. */
static bool take_word(struct fs_text *line, struct fs_text *word)
{
    const char *space = line->len > 0 ? memchr(line->data, ' ', line->len) : NULL;

    *word = (struct fs_text){line->data, space ? (size_t)(space - line->data) : line->len};
    line->data += word->len + (space ? 1 : 0);
    line->len -= word->len + (space ? 1 : 0);
    return word->len > 0;
}

static int read_v1(struct fs_text line, struct sockaddr_storage *client)
{
    struct fs_text family, source, target, source_port, target_port;
    struct fs_ip from, to;
    uint64_t port, ignored;
    bool is_v6;

    if (!take_word(&line, &family))
        return -EPROTO;
    if (fs_text_equals(family, FS_TEXT("UNKNOWN")))
        return 0;
    is_v6 = fs_text_equals(family, FS_TEXT("TCP6"));
    if ((!is_v6 && !fs_text_equals(family, FS_TEXT("TCP4"))) || !take_word(&line, &source) ||
        !take_word(&line, &target) || !take_word(&line, &source_port) ||
        !take_word(&line, &target_port) || line.len > 0 || fs_ip_parse(source, &from) != 0 ||
        fs_ip_parse(target, &to) != 0 || fs_text_to_u64(source_port, 65535, &port) != 0 ||
        fs_text_to_u64(target_port, 65535, &ignored) != 0 ||
        (memchr(source.data, ':', source.len) != NULL) != is_v6)
        return -EPROTO;
    fs_ip_to_address(&from, client);
    set_port(client, (uint16_t)port);
    return 0;
}

static int read_v2(const uint8_t *data, size_t len, struct sockaddr_storage *client)
{
    size_t body_len;
    struct fs_ip from = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    size_t address_len = data[13] == 0x11 ? 4 : data[13] == 0x21 ? 16 : 0;

    body_len = (size_t)data[14] << 8 | data[15];
    if (data[12] != 0x20 && data[12] != 0x21)
        return -EPROTO;
    if (V2_HEAD_LEN + body_len > FS_PROXY_HEADER_MAX ||
        (data[12] == 0x21 && body_len < 2 * address_len + (address_len > 0 ? 4 : 0)))
        return -EPROTO;
    if (len < V2_HEAD_LEN + body_len)
        return -EAGAIN;
    if (data[12] == 0x21 && address_len > 0) {
        const uint8_t *port = data + V2_HEAD_LEN + 2 * address_len;

        memcpy(from.bytes + (16 - address_len), data + V2_HEAD_LEN, address_len);
        fs_ip_to_address(&from, client);
        set_port(client, (uint16_t)(port[0] << 8 | port[1]));
    }
    return (int)(V2_HEAD_LEN + body_len);
}

int fs_proxy_header_read(const uint8_t *data, size_t len, struct sockaddr_storage *client)
{
    static const char v1[] = "PROXY ";
    size_t v1_len = len < sizeof(v1) - 1 ? len : sizeof(v1) - 1;
    size_t v2_len = len < sizeof(v2_signature) ? len : sizeof(v2_signature);
    const uint8_t *end;

    if (len == 0)
        return -EAGAIN;
    if (memcmp(data, v2_signature, v2_len) == 0)
        return len < V2_HEAD_LEN ? -EAGAIN : read_v2(data, len, client);
    if (memcmp(data, v1, v1_len) != 0)
        return -EPROTO;
    end = memchr(data, '\n', len < V1_LEN_MAX ? len : V1_LEN_MAX);
    if (!end)
        return len < V1_LEN_MAX ? -EAGAIN : -EPROTO;
    if (end - data < (ptrdiff_t)sizeof(v1) || end[-1] != '\r')
        return -EPROTO;
    if (read_v1((struct fs_text){(const char *)data + sizeof(v1) - 1,
                                 (size_t)(end - 1 - data) - (sizeof(v1) - 1)},
                client) != 0)
        return -EPROTO;
    return (int)(end + 1 - data);
}
