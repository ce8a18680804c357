/* Looks up the names of Redis servers again and again, on a thread of its own, so that a name that
 * moves (a failover by DNS, a pod that was started elsewhere) is followed without a restart.
 *
 * A loop asks for a look when it has lost a connection; without being asked each name is looked up
 * every FS_RESOLVER_TTL_US, because a server that was replaced may go on answering at the old address. */
#ifndef FS_STORE_RESOLVER_H
#define FS_STORE_RESOLVER_H

#include "base/log.h"
#include "store/topology.h"

#define FS_RESOLVER_TTL_US 500000u  /* how old an address may be while all is well */
#define FS_RESOLVER_PAUSE_US 50000u /* between looks that loops ask for */

struct fs_resolver;

struct fs_resolver_options {
    const struct fs_topology *topology; /* borrowed for the call: independent servers, resolved */
    fs_lookup *lookup;                  /* NULL: fs_lookup_system */
    void *lookup_data;                  /* borrowed until destroy */
    struct fs_log *log;                 /* borrowed until destroy */
};

/* Starts the thread.  *resolver becomes NULL where no server has a name: an address, a socket and a
 * server that sentinels name cannot move by a name.  Returns 0, -ENOMEM or -EAGAIN.  [main] */
int fs_resolver_create(const struct fs_resolver_options *options, struct fs_resolver **resolver);

/* Does not wait for a look that hangs in the system's resolver: the thread then ends by itself later.
 * NULL: nothing.  [main] */
void fs_resolver_destroy(struct fs_resolver *resolver);

/* A connection is missing: look all names up soon.  [any] */
void fs_resolver_ask(struct fs_resolver *resolver);

/* Changes when an address has changed; starts at 1.  [any] */
uint64_t fs_resolver_generation(const struct fs_resolver *resolver);

/* When the last look at this server's name began that was answered, also by "no such name"; monotonic
 * microseconds, 0: none yet.  [any] */
uint64_t fs_resolver_looked_at_us(const struct fs_resolver *resolver, unsigned index);

/* The addresses of a server of the topology; one without a name has none.  Gives the generation.
 * [any] */
uint64_t fs_resolver_copy(struct fs_resolver *resolver, unsigned index,
                          struct fs_addresses *addresses);

#endif
