/* Addresses as 16 bytes, and networks of them as CIDR writes them. */
#ifndef FS_BASE_NETWORK_H
#define FS_BASE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/text.h"

/* IPv6, or IPv4 as IPv6 maps it (::ffff:192.0.2.1). */
struct fs_ip {
    uint8_t bytes[16];
};

struct fs_network {
    struct fs_ip ip;
    unsigned prefix_bits; /* 0 to 128; of IPv4 96 more than is written */
};

/* "192.0.2.1" or "2001:db8::1"; no port, brackets or zone.  Returns 0 or -EINVAL.  [any] */
int fs_ip_parse(struct fs_text text, struct fs_ip *ip);

/* As text: IPv4 where it is one.  text: 46 bytes or more. */
void fs_ip_format(const struct fs_ip *ip, struct fs_buffer *text);

/* False: not of TCP (a unix socket's). */
bool fs_ip_of(const struct sockaddr_storage *address, struct fs_ip *ip);

void fs_ip_to_address(const struct fs_ip *ip, struct sockaddr_storage *address);

/* "10.0.0.0/8", "2001:db8::/32", or one address.  Returns 0; -EINVAL: no network; -EDOM: bits behind the
 * prefix are set, and *network is the one that was probably meant.  [any] */
int fs_network_parse(struct fs_text text, struct fs_network *network);

bool fs_network_has(const struct fs_network *network, const struct fs_ip *ip);

#endif
