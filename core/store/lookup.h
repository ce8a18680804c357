/* Numeric addresses of a host name, from the system's resolver or from a test's. */
#ifndef FS_STORE_LOOKUP_H
#define FS_STORE_LOOKUP_H

#include "base/limits.h"

#include <stdbool.h>

#define FS_NODE_ADDRESS_SIZE 64 /* of a numeric address, with its NUL */

struct fs_addresses {
    char list[FS_STORE_ADDRESSES_MAX][FS_NODE_ADDRESS_SIZE]; /* in the resolver's order */
    unsigned count;
};

/* Finds the addresses of a host.  Returns 0 and one address or more, or an EAI_ number of
 * getaddrinfo(3) with *found untouched.  May block for as long as the resolver's own time-outs. */
typedef int fs_lookup(void *data, const char *host, struct fs_addresses *found);

/* getaddrinfo(3), which reads /etc/hosts and asks the DNS anew in each call.  data: not used.  [any] */
int fs_lookup_system(void *data, const char *host, struct fs_addresses *found);

bool fs_lookup_is_numeric(const char *host); /* an address, which cannot move.  [any] */

/* The same addresses in any order: the DNS deals its answers in turn.  [any] */
bool fs_addresses_same(const struct fs_addresses *a, const struct fs_addresses *b);
bool fs_addresses_have(const struct fs_addresses *addresses, const char *address); /* [any] */

#endif
