/* PROXY headers, Forwarded, X-Forwarded-For and CIDR lists of any bytes: nothing is read beyond them, and
 * what is taken for an address can be written and read again as the same. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>

#include "http/proxies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct fs_ip *ip)
{
    char text[64];
    struct fs_buffer buffer = fs_buffer_of(text, sizeof(text));
    struct fs_ip again;

    fs_ip_format(ip, &buffer);
    assert(!buffer.overflowed);
    assert(fs_ip_parse((struct fs_text){text, buffer.len}, &again) == 0);
    assert(memcmp(ip, &again, sizeof(again)) == 0);
}

static void read_header(const uint8_t *data, size_t size)
{
    struct sockaddr_storage client = {.ss_family = AF_UNIX};
    struct fs_ip ip;
    int len = fs_proxy_header_read(data, size, &client);

    assert(len == -EAGAIN || len == -EPROTO || (len > 0 && (size_t)len <= size));
    assert(len > 0 || client.ss_family == AF_UNIX);
    if (fs_ip_of(&client, &ip))
        check_again(&ip);
    /* Byte by byte, as slow as it may come: never an error before the whole header is there. */
    for (int n = 0; n < len; n++)
        assert(fs_proxy_header_read(data, (size_t)n, &client) == -EAGAIN);
}

static void read_lists(struct fs_text text)
{
    const struct fs_network loopback = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}}, 104};
    const struct fs_proxies proxies = {&loopback, 1, false};
    struct sockaddr_storage peer = {.ss_family = AF_INET}, client;
    struct fs_ip ip;

    ((struct sockaddr_in *)(void *)&peer)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fs_proxies_client(&proxies, &peer, text, (struct fs_text){0}, &client);
    assert(fs_ip_of(&client, &ip));
    fs_proxies_client(&proxies, &peer, (struct fs_text){0}, text, &client);
    assert(fs_ip_of(&client, &ip));
    check_again(&ip);
    ((struct sockaddr_in *)(void *)&peer)->sin_addr.s_addr = htonl(0x0a000001);
    fs_proxies_client(&proxies, &peer, text, text, &client);
    assert(memcmp(&client, &peer, sizeof(peer)) == 0); /* not trusted: never believed */
}

static void read_network(struct fs_text text)
{
    struct fs_network network;
    int rc = fs_network_parse(text, &network);

    assert(rc == 0 || rc == -EINVAL || rc == -EDOM);
    if (rc == -EINVAL)
        return;
    assert(network.prefix_bits <= 128 && fs_network_has(&network, &network.ip));
    check_again(&network.ip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fs_text text = {(const char *)data, size};

    read_header(data, size);
    read_lists(text);
    read_network(text);
    return 0;
}
