/* Clients behind proxies: who is believed, what is read from the right, what is refused. */
#include "http/proxies.h"

#include <errno.h>
#include <netinet/in.h>

#include "support/suite.h"

static struct fs_network networks[2];
static struct fs_proxies trusted;

static void trust(const char *one, const char *other)
{
    FS_CHECK_INT(fs_network_parse(fs_text_of(one), &networks[0]), 0);
    FS_CHECK_INT(fs_network_parse(fs_text_of(other), &networks[1]), 0);
    trusted = (struct fs_proxies){networks, 2, false};
}

/* The client's address as text. */
static const char *client_of(const char *peer, const char *forwarded, const char *x_forwarded_for)
{
    static char text[64];
    struct fs_buffer buffer = fs_buffer_of(text, sizeof(text) - 1);
    struct sockaddr_storage from, client;
    struct fs_ip ip;

    FS_CHECK_INT(fs_ip_parse(fs_text_of(peer), &ip), 0);
    fs_ip_to_address(&ip, &from);
    fs_proxies_client(&trusted, &from, fs_text_of(forwarded), fs_text_of(x_forwarded_for), &client);
    FS_CHECK(fs_ip_of(&client, &ip));
    fs_ip_format(&ip, &buffer);
    text[buffer.len] = '\0';
    return text;
}

static void headers_of_strangers_are_not_believed(void)
{
    trust("10.0.0.0/8", "2001:db8::/32");
    FS_CHECK_STR(client_of("192.0.2.9", "", "203.0.113.1"), "192.0.2.9");
    FS_CHECK_STR(client_of("192.0.2.9", "for=203.0.113.1", ""), "192.0.2.9");
    FS_CHECK_STR(client_of("11.0.0.1", "", "203.0.113.1"), "11.0.0.1");
}

static void the_chain_is_read_from_the_right(void)
{
    trust("10.0.0.0/8", "2001:db8::/32");
    FS_CHECK_STR(client_of("10.0.0.1", "", "203.0.113.1"), "203.0.113.1");
    FS_CHECK_STR(client_of("10.0.0.1", "", "1.1.1.1, 203.0.113.1"), "203.0.113.1");
    FS_CHECK_STR(client_of("10.0.0.1", "", "1.1.1.1, 203.0.113.1, 10.0.0.2"), "203.0.113.1");
    FS_CHECK_STR(client_of("10.0.0.1", "", "10.0.0.3,10.0.0.2"), "10.0.0.3");
    FS_CHECK_STR(client_of("10.0.0.1", "", "[2001:db9::7]:80"), "2001:db9::7");
    FS_CHECK_STR(client_of("2001:db8::1", "", "192.0.2.3:4711"), "192.0.2.3");
    FS_CHECK_STR(client_of("10.0.0.1", "for=1.1.1.1, for=\"[2001:db9::7]:1\";proto=https", ""),
                 "2001:db9::7");
    FS_CHECK_STR(client_of("10.0.0.1", "by=x;For=\"203.0.113.4\"", ""), "203.0.113.4");
}

static void what_cannot_be_read_ends_the_chain_at_the_last_proxy(void)
{
    trust("10.0.0.0/8", "2001:db8::/32");
    FS_CHECK_STR(client_of("10.0.0.1", "", "203.0.113.1, unknown"), "10.0.0.1");
    FS_CHECK_STR(client_of("10.0.0.1", "", "unknown, 10.0.0.2"), "10.0.0.2");
    FS_CHECK_STR(client_of("10.0.0.1", "for=_hidden", ""), "10.0.0.1");
    FS_CHECK_STR(client_of("10.0.0.1", "for=1.1.1.1;for=2.2.2.2", ""), "10.0.0.1");
    FS_CHECK_STR(client_of("10.0.0.1", "for=\"a,b\"", ""), "10.0.0.1");
    FS_CHECK_STR(client_of("10.0.0.1", "", ","), "10.0.0.1");
    FS_CHECK_STR(client_of("10.0.0.1", "", "203.0.113.1,"), "10.0.0.1");
}

static void two_headers_that_disagree_are_both_not_believed(void)
{
    trust("10.0.0.0/8", "2001:db8::/32");
    FS_CHECK_STR(client_of("10.0.0.1", "for=203.0.113.1", "203.0.113.1"), "203.0.113.1");
    FS_CHECK_STR(client_of("10.0.0.1", "for=1.1.1.1", "203.0.113.1"), "10.0.0.1");
}

static int read_header(const char *data, size_t len, struct sockaddr_storage *client)
{
    memset(client, 0, sizeof(*client));
    return fs_proxy_header_read((const uint8_t *)data, len, client);
}

#define READ(text, client) read_header(text, sizeof(text) - 1, client)

static void proxy_headers_of_both_versions_name_the_client(void)
{
    struct sockaddr_storage client;

    FS_CHECK_INT(READ("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET", &client), 45);
    FS_CHECK_INT(ntohl(((struct sockaddr_in *)(void *)&client)->sin_addr.s_addr), 0xc0000201);
    FS_CHECK_INT(ntohs(((struct sockaddr_in *)(void *)&client)->sin_port), 56324);
    FS_CHECK_INT(READ("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", &client), 40);
    FS_CHECK_INT(client.ss_family, AF_INET6);
    FS_CHECK_INT(READ("PROXY UNKNOWN\r\n", &client), 15);
    FS_CHECK_INT(client.ss_family, 0);
    FS_CHECK_INT(
        READ("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb", &client),
        28);
    FS_CHECK_INT(ntohl(((struct sockaddr_in *)(void *)&client)->sin_addr.s_addr), 0xc0000201);
    FS_CHECK_INT(READ("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", &client), 16);
    FS_CHECK_INT(client.ss_family, 0);
}

static void what_is_no_proxy_header_is_refused(void)
{
    struct sockaddr_storage client;

    FS_CHECK_INT(READ("GET / HTTP/1.1\r\n", &client), -EPROTO);
    FS_CHECK_INT(READ("PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n", &client), -EPROTO);
    FS_CHECK_INT(READ("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", &client), -EPROTO);
    FS_CHECK_INT(READ("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n", &client), -EPROTO);
    FS_CHECK_INT(READ("PROXY TCP4 192.0.2.1 198.51.100.2 1 70000\r\n", &client), -EPROTO);
    FS_CHECK_INT(READ("\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0c", &client), -EPROTO);
    FS_CHECK_INT(READ("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\4\xc0\0\2\1", &client), -EPROTO);
    FS_CHECK_INT(READ("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", &client), -EPROTO);
    FS_CHECK_INT(READ("PROXY TCP4 ", &client), -EAGAIN);
    FS_CHECK_INT(READ("", &client), -EAGAIN);
}

static void networks_are_exact(void)
{
    struct fs_network network;
    struct fs_ip ip;

    FS_CHECK_INT(fs_network_parse(FS_TEXT("10.1.2.3/8"), &network), -EDOM);
    FS_CHECK_INT(fs_network_parse(FS_TEXT("10.0.0.0/33"), &network), -EINVAL);
    FS_CHECK_INT(fs_network_parse(FS_TEXT("10.0.0.0/"), &network), -EINVAL);
    FS_CHECK_INT(fs_network_parse(FS_TEXT("ten"), &network), -EINVAL);
    FS_CHECK_INT(fs_network_parse(FS_TEXT("0.0.0.0/0"), &network), 0);
    FS_CHECK_INT(fs_ip_parse(FS_TEXT("2001:db8::1"), &ip), 0);
    FS_CHECK(!fs_network_has(&network, &ip));
    FS_CHECK_INT(fs_ip_parse(FS_TEXT("::ffff:1.2.3.4"), &ip), 0);
    FS_CHECK(fs_network_has(&network, &ip));
    FS_CHECK_INT(fs_network_parse(FS_TEXT("192.0.2.128/25"), &network), 0);
    FS_CHECK_INT(fs_ip_parse(FS_TEXT("192.0.2.127"), &ip), 0);
    FS_CHECK(!fs_network_has(&network, &ip));
}

#define TESTS(T)                                            \
    T(headers_of_strangers_are_not_believed)                \
    T(the_chain_is_read_from_the_right)                     \
    T(what_cannot_be_read_ends_the_chain_at_the_last_proxy) \
    T(two_headers_that_disagree_are_both_not_believed)      \
    T(proxy_headers_of_both_versions_name_the_client)       \
    T(what_is_no_proxy_header_is_refused)                   \
    T(networks_are_exact)

FS_SUITE("http/proxies", TESTS)
