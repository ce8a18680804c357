/* After a run: asks ledgers and lookups until nothing moves any more, for fs_audit_run().
 *
 * An open answer is closed by GET /orders/{id}, never by sending the purchase again: that would sell
 * where nothing was sold, and so change what is to be judged.  The id is computed from buyer and key,
 * as the server computes it (core/purchase); whether this server does so is seen from the orders that
 * were acknowledged, and if it does not, open answers stay open and only the ledger's counts bound them. */
#ifndef FS_AUDIT_GATHER_H
#define FS_AUDIT_GATHER_H

#include <stdatomic.h>

#include "audit/audit.h"
#include "load/load.h"

/* Acknowledged orders that are looked up unless told otherwise, by the scenario's profile. */
#define FS_GATHER_LOOKUPS_SMOKE 1000u
#define FS_GATHER_LOOKUPS_CI 4000u
#define FS_GATHER_LOOKUPS_FULL 20000u
#define FS_GATHER_ERROR_SIZE 256

struct fs_gather_options {
    const struct fs_scenario *scenario;
    const struct fs_target *target; /* without admin token: no ledgers */
    const struct fs_history *history;
    uint64_t run;         /* of fs_load_result: names the keys */
    uint32_t lookups_max; /* acknowledged orders, chosen evenly; open answers are all looked up.
                             0: FS_GATHER_LOOKUPS_... */
    uint32_t lanes;       /* connections that look up at the same time; 0: 16 */
    uint64_t time_max_us; /* of all; 0: 30 s */
    atomic_bool *stop;    /* borrowed; set: what was not asked yet stays unknown; NULL: never */
};

struct fs_gathered {
    struct fs_ledger_terms ledgers[FS_SCENARIO_PRODUCTS_MAX];
    struct fs_resolved *resolved; /* owned */
    size_t resolved_count;
    uint64_t acknowledged;              /* orders looked up that were acknowledged */
    uint64_t open;                      /* attempts looked up whose answer was open */
    uint64_t unanswered;                /* lookups without a useful answer, of both */
    char problem[FS_GATHER_ERROR_SIZE]; /* what could not be asked, the first; empty: nothing */
};

/* Returns 0, also when something could not be asked (it is unknown then, and problem says why), or
 * -ENOMEM.  [any] */
int fs_gather(const struct fs_gather_options *options, struct fs_gathered *gathered);
void fs_gathered_dispose(struct fs_gathered *gathered);

#endif
