/* A connection that is refused costs one buyer one attempt; a journal that cannot open its next file
 * costs all of them the sale.  So connections are bounded by what is left when everything else has had
 * its share. */
#include "server/descriptors.h"

#include <sys/resource.h>

#include "base/limits.h"
#include "metrics/process.h"

#define PER_LOOP 12u    /* epoll, h2o's queue, mailboxes and their copies, a connection refused */
#define PER_NODE 2u     /* a connection of a loop, and the one that takes its place */
#define SPARE 48u       /* journal, snapshot, keys, users, logs, a reload of all of them, scrapes */
#define ADMIN_SHARE 16u /* of the limit, one part in so many */
#define ADMIN_MIN 16u   /* connections */
#define CONNECTIONS_MIN 16u

struct fs_descriptors fs_descriptors_share(size_t loop_count, size_t listener_count,
                                           size_t node_count)
{
    struct fs_descriptors share = {.limit = UINT32_MAX};
    struct fs_process process;
    struct rlimit limit;
    uint64_t left;

    fs_process_read(&process);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < UINT32_MAX)
        share.limit = limit.rlim_cur;
    share.admin_connections = share.limit / ADMIN_SHARE < ADMIN_MIN ? ADMIN_MIN
                              : share.limit / ADMIN_SHARE > FS_ADMIN_CONNECTIONS_MAX
                                  ? FS_ADMIN_CONNECTIONS_MAX
                                  : (uint32_t)(share.limit / ADMIN_SHARE);
    share.reserved = (process.open_fds > 0 ? (uint64_t)process.open_fds : 0) + SPARE +
                     2 * share.admin_connections + /* those that are being closed, too */
                     loop_count * (PER_LOOP + listener_count + PER_NODE * node_count);
    left = share.limit > share.reserved ? share.limit - share.reserved : 0;
    share.connections = left < CONNECTIONS_MIN ? 0 : (uint32_t)left;
    return share;
}
