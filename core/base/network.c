/* Addresses and networks: IPv4 lives within IPv6, so there is one comparison. */
#include "base/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int fs_ip_parse(struct fs_text text, struct fs_ip *ip)
{
    char copy[INET6_ADDRSTRLEN];
    struct fs_ip read;

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len))
        return -EINVAL;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, read.bytes + 12) == 1)
        memcpy(read.bytes, mapped, sizeof(mapped));
    else if (inet_pton(AF_INET6, copy, read.bytes) != 1)
        return -EINVAL;
    *ip = read;
    return 0;
}

static bool is_v4(const struct fs_ip *ip)
{
    return memcmp(ip->bytes, mapped, sizeof(mapped)) == 0;
}

void fs_ip_format(const struct fs_ip *ip, struct fs_buffer *text)
{
    char copy[INET6_ADDRSTRLEN];

    if (is_v4(ip))
        inet_ntop(AF_INET, ip->bytes + 12, copy, sizeof(copy));
    else
        inet_ntop(AF_INET6, ip->bytes, copy, sizeof(copy));
    fs_buffer_add(text, fs_text_of(copy));
}

bool fs_ip_of(const struct sockaddr_storage *address, struct fs_ip *ip)
{
    if (address->ss_family == AF_INET) {
        memcpy(ip->bytes, mapped, sizeof(mapped));
        memcpy(ip->bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
        return true;
    }
    if (address->ss_family != AF_INET6)
        return false;
    memcpy(ip->bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    return true;
}

void fs_ip_to_address(const struct fs_ip *ip, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof(*address));
    if (is_v4(ip)) {
        address->ss_family = AF_INET;
        memcpy(&((struct sockaddr_in *)(void *)address)->sin_addr, ip->bytes + 12, 4);
    } else {
        address->ss_family = AF_INET6;
        memcpy(&((struct sockaddr_in6 *)(void *)address)->sin6_addr, ip->bytes, 16);
    }
}

/* The first bits of ip, and zeros. */
static struct fs_ip masked(const struct fs_ip *ip, unsigned bits)
{
    struct fs_ip result = {{0}};

    memcpy(result.bytes, ip->bytes, bits / 8);
    if (bits % 8 != 0)
        result.bytes[bits / 8] = (uint8_t)(ip->bytes[bits / 8] & (0xff00u >> (bits % 8)));
    return result;
}

int fs_network_parse(struct fs_text text, struct fs_network *network)
{
    const char *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    struct fs_text address = {text.data, slash ? (size_t)(slash - text.data) : text.len};
    struct fs_network read = {.prefix_bits = 128};
    struct fs_ip given;
    uint64_t bits;
    bool is_short; /* IPv4 as it is written */

    if (fs_ip_parse(address, &given) != 0)
        return -EINVAL;
    is_short = memchr(address.data, ':', address.len) == NULL;
    if (slash) {
        struct fs_text prefix = {slash + 1, text.len - address.len - 1};

        if (fs_text_to_u64(prefix, is_short ? 32 : 128, &bits) != 0)
            return -EINVAL;
        read.prefix_bits = (unsigned)bits + (is_short ? 96 : 0);
    }
    read.ip = masked(&given, read.prefix_bits);
    *network = read;
    return memcmp(read.ip.bytes, given.bytes, sizeof(given.bytes)) == 0 ? 0 : -EDOM;
}

bool fs_network_has(const struct fs_network *network, const struct fs_ip *ip)
{
    struct fs_ip its = masked(ip, network->prefix_bits);

    return memcmp(its.bytes, network->ip.bytes, sizeof(its.bytes)) == 0;
}
