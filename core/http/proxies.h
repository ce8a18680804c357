/* Who a client is when proxies stand before the server: the PROXY protocol and forwarding headers,
 * believed from http.trusted_proxies only. */
#ifndef FS_HTTP_PROXIES_H
#define FS_HTTP_PROXIES_H

#include "base/network.h"

#define FS_PROXY_HEADER_MAX 536u /* bytes: of version 2 with 520 bytes of addresses and more */

struct fs_proxies {
    const struct fs_network *networks; /* borrowed */
    size_t count;
    bool trusts_unix; /* peers on unix sockets */
};

bool fs_proxies_trust(const struct fs_proxies *proxies, const struct sockaddr_storage *peer);

/* The client as the chain of proxies names it, from the right: the first address that is no trusted
 * proxy's, or the last that can be read.  forwarded, x_forwarded_for: the headers' values, each of several
 * lines joined in order by commas; empty: not there.  Where both are there and do not agree, a proxy
 * passes on what a client made up, and the peer itself is the answer.  [any] */
void fs_proxies_client(const struct fs_proxies *proxies, const struct sockaddr_storage *peer,
                       struct fs_text forwarded, struct fs_text x_forwarded_for,
                       struct sockaddr_storage *client);

/* Reads a PROXY header of version 1 or 2 at the start of data.  Returns its length in bytes with *client
 * set, or left alone where the proxy speaks for itself (UNKNOWN, LOCAL, unix); -EAGAIN: more is needed;
 * -EPROTO: it is none.  Source: haproxy.org, proxy-protocol.txt.  [any] */
int fs_proxy_header_read(const uint8_t *data, size_t len, struct sockaddr_storage *client);

#endif
