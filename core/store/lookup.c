/* The only caller of getaddrinfo(3) in the server. */
#include "store/lookup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

bool fs_lookup_is_numeric(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

int fs_lookup_system(void *data, const char *host, struct fs_addresses *found)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    struct fs_addresses read = {.count = 0};
    int rc = getaddrinfo(host, NULL, &hints, &list);

    (void)data;
    if (rc != 0)
        return rc;
    for (const struct addrinfo *at = list; at && read.count < FS_STORE_ADDRESSES_MAX;
         at = at->ai_next)
        if (getnameinfo(at->ai_addr, at->ai_addrlen, read.list[read.count], FS_NODE_ADDRESS_SIZE,
                        NULL, 0, NI_NUMERICHOST) == 0)
            read.count++;
    freeaddrinfo(list);
    if (read.count == 0)
        return EAI_NONAME;
    *found = read;
    return 0;
}

bool fs_addresses_have(const struct fs_addresses *addresses, const char *address)
{
    for (unsigned i = 0; i < addresses->count; i++)
        if (strcmp(addresses->list[i], address) == 0)
            return true;
    return false;
}

bool fs_addresses_same(const struct fs_addresses *a, const struct fs_addresses *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (!fs_addresses_have(b, a->list[i]))
            return false;
    return true;
}
