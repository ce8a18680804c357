/* What the tables of strategies on the ledger have in common: their life, and the members that are the
 * ledger's own.  A strategy begins with a struct fs_ledger, its worker with a struct fs_ledger_worker. */
#ifndef FS_LEDGER_TABLE_H
#define FS_LEDGER_TABLE_H

#include "ask.h"
#include "options.h"

/* The state of an op, whatever it asks. */
union fs_ledger_state {
    struct fs_ledger_op queued;
    struct fs_ledger_ask asked;
};

/* clang-format off */
#define FS_LEDGER_OPTIONS_OF_BATCHES(ledger)                                       \
    {"batch_max", &(ledger)->batch_max, NULL, 1, FS_LEDGER_BATCH_MAX},             \
    {"batches", &(ledger)->batches_max, NULL, 1, FS_LEDGER_BATCHES_MAX}
#define FS_LEDGER_OPTIONS_OF_RECORDS(ledger)                                       \
    {"log_max", &(ledger)->log_max, NULL, 0, FS_LEDGER_LOG_MAX},                   \
    {"audit_max", &(ledger)->audit_max, NULL, 1, FS_LEDGER_AUDIT_MAX}
/* clang-format on */

/* Makes a strategy of size bytes, zeroed but for its ledger, and has it read its options, for which it
 * sets the defaults before.  Returns 0, -EINVAL (logged) or -ENOMEM.  [main] */
int fs_ledger_open(size_t size, const struct fs_host *host, const char *name,
                   const struct fs_options *options,
                   int (*read)(struct fs_ledger *ledger, const struct fs_options *options),
                   void **strategy);
void fs_ledger_close(void *strategy); /* [main] */

/* Makes a worker of worker_size bytes, zeroed but for its ledger.  Returns 0 or -ENOMEM.  [main] */
int fs_ledger_attach(struct fs_ledger *ledger, struct fs_loop *loop, size_t worker_size,
                     size_t extra_size, void (*pump)(struct fs_ledger_product *product),
                     void **worker);
void fs_ledger_detach(void *worker); /* [main] */

/* The members of a table whose ops are of a product and its one ledger. */
/* clang-format off */
#define FS_LEDGER_MEMBERS                                                          \
    .state_size = sizeof(union fs_ledger_state), .close = fs_ledger_close,         \
    .detach = fs_ledger_detach, .purchase = fs_ledger_purchase,                    \
    .cancel = fs_ledger_cancel, .lookup = fs_ledger_lookup,                        \
    .count = fs_ledger_count, .list = fs_ledger_list,                              \
    .audit = fs_ledger_audit_sale, .change = fs_ledger_make_change,                \
    .turn_end = fs_ledger_turn_end, .probe = fs_ledger_probe
/* clang-format on */

#endif
