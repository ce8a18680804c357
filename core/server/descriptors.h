/* Shares out the descriptors that this process may open: connections get what the journal, the store,
 * health and operators leave. */
#ifndef FS_SERVER_DESCRIPTORS_H
#define FS_SERVER_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

struct fs_descriptors {
    uint64_t limit;       /* RLIMIT_NOFILE, the soft one */
    uint64_t reserved;    /* open already, and kept for what is not a buyer's connection */
    uint32_t connections; /* of the main listeners: what is left; 0: not enough to serve */
    uint32_t admin_connections;
};

/* For loop_count loops that each listen on listener_count sockets and hold a connection to each of
 * node_count stores.  Counts what the process has open now.  [main] */
struct fs_descriptors fs_descriptors_share(size_t loop_count, size_t listener_count,
                                           size_t node_count);

#endif
