/* Looks orders up: GET /orders/{id} as the buyer, many at a time. */
#ifndef FS_AUDIT_RESOLVE_H
#define FS_AUDIT_RESOLVE_H

#include <stdatomic.h>

#include "audit/audit.h"
#include "load/load.h"

/* One order to look up, and what was found. */
struct fs_lookup {
    struct fs_resolved *resolved; /* borrowed: order_id is asked for, status is filled in */
    uint32_t user;
    bool is_open; /* it was not acknowledged: the caller's */
};

struct fs_lookup_tally {
    uint64_t unanswered; /* FS_RESOLVED_UNKNOWN: no useful answer, or no time */
    char problem[256];   /* the first; empty: none */
};

/* lookups: by user, so that one log-in serves many.  Each lane is one connection with one question at
 * a time.  Ends at deadline_us (fs_clock_now_us()) or when *stop is set (NULL: never).
 * Returns 0 or -ENOMEM. */
int fs_resolve(const struct fs_target *target, struct fs_lookup *lookups, size_t count,
               uint32_t lanes, uint64_t deadline_us, const atomic_bool *stop,
               struct fs_lookup_tally *tally);

/* The id of the order that a purchase of this user with this key has, if it was sold.
 * Returns 0, -ENOMEM or -EIO. */
struct fs_order_namer;
int fs_resolve_order_id(struct fs_order_namer *namer, uint32_t user, const char *key,
                        const char *product, char order_id[FS_ORDER_ID_SIZE]);

#endif
