/* A host may be older than its header: what it does not have is not called. */
#ifndef FS_LEDGER_HOST_H
#define FS_LEDGER_HOST_H

#include <stddef.h>

#include <flashsale/strategy.h>

#define FS_LEDGER_HOST_HAS(host, member)                                                 \
    ((host)->struct_size >= offsetof(struct fs_host, member) + sizeof((host)->member) && \
     (host)->member)

#endif
