/* v2: purchases decided in Redis by whoever holds the product's lock.
 *
 * The table, options and workers; lock.c takes the lock, trips.c is what is done with it, and the
 * ledger is v3's.  See README.md for the argument. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lock.h"

#include "ledger/ask.h"
#include "ledger/options.h"

#define LEASE_MS_MIN 10u
#define LEASE_MS_MAX 60000u
#define LEASE_MS_DEFAULT 1000u /* a thousand times what a trip takes */
#define BACKOFF_MS_MAX 1000u
#define BACKOFF_MS_DEFAULT 50u
#define OPS_PER_LOCK_DEFAULT 1u

union state {
    struct fs_ledger_op queued;
    struct fs_ledger_ask asked;
};

static int read_options(struct fs_v2 *v2, const struct fs_host *host,
                        const struct fs_options *options)
{
    static const char *const modes[] = {"fenced", "textbook", NULL};
    struct fs_ledger *ledger = &v2->ledger;
    const struct fs_ledger_option known[] = {
        {"mode", &v2->is_textbook, modes, 0, 0},
        {"lease", &v2->lease_ms, NULL, LEASE_MS_MIN, LEASE_MS_MAX},
        {"backoff", &v2->backoff_ms, NULL, 1, BACKOFF_MS_MAX},
        {"ops_per_lock", &v2->ops_per_lock, NULL, 1, FS_LEDGER_BATCH_DEFAULT},
        {"log_max", &ledger->log_max, NULL, 0, FS_LEDGER_LOG_MAX},
        {"audit_max", &ledger->audit_max, NULL, 1, FS_LEDGER_AUDIT_MAX},
    };
    int error =
        fs_ledger_options_read(host, "v2", options, known, sizeof(known) / sizeof(known[0]));

    if (!error && v2->is_textbook && v2->ops_per_lock != 1) {
        host->log(host, FS_LOG_ERROR,
                  "v2: ops_per_lock is for mode fenced: textbook decides one purchase at a time");
        return -EINVAL;
    }
    return error;
}

static int open_v2(const struct fs_host *host, const struct fs_options *options, void **strategy)
{
    struct fs_v2 *v2 = calloc(1, sizeof(*v2));
    int error;

    if (!v2)
        return -ENOMEM;
    strncpy(v2->prefix, options->key_prefix, sizeof(v2->prefix) - 1);
    v2->lease_ms = LEASE_MS_DEFAULT;
    v2->backoff_ms = BACKOFF_MS_DEFAULT;
    v2->ops_per_lock = OPS_PER_LOCK_DEFAULT;
    error = fs_ledger_init(&v2->ledger, host, "v2", v2->prefix);
    if (!error) {
        error = read_options(v2, host, options);
        if (error)
            fs_ledger_dispose(&v2->ledger);
    }
    if (error) {
        free(v2);
        return error;
    }
    *strategy = v2;
    return 0;
}

static void close_v2(void *strategy)
{
    struct fs_v2 *v2 = strategy;

    fs_ledger_dispose(&v2->ledger);
    free(v2);
}

static int attach(void *strategy, struct fs_loop *loop, void **out)
{
    struct fs_v2 *v2 = strategy;
    struct fs_v2_worker *worker = calloc(1, sizeof(*worker));
    int error;

    if (!worker)
        return -ENOMEM;
    error = fs_ledger_worker_init(&worker->base, &v2->ledger, loop, sizeof(struct fs_v2_lock),
                                  fs_v2_pump);
    if (!error &&
        getrandom(&worker->random, sizeof(worker->random), 0) != (ssize_t)sizeof(worker->random)) {
        fs_ledger_worker_dispose(&worker->base);
        error = -EIO;
    }
    if (error) {
        free(worker);
        return error;
    }
    worker->random |= 1; /* never 0, from which xorshift does not move */
    *out = worker;
    return 0;
}

static const struct fs_strategy v2_strategy = {
    FS_STRATEGY_HEAD,
    .name = "v2",
    .summary = "a lock in Redis with an owner, a lease and a fence; the write is guarded by them",
    .flags = FS_STRATEGY_USES_STORE | FS_STRATEGY_SAYS_ASKED,
    .state_size = sizeof(union state),
    .open = open_v2,
    .close = close_v2,
    .attach = attach,
    .detach = fs_ledger_detach,
    .purchase = fs_ledger_purchase,
    .cancel = fs_ledger_cancel,
    .lookup = fs_ledger_lookup,
    .count = fs_ledger_count,
    .list = fs_ledger_list,
    .audit = fs_ledger_audit_sale,
    .change = fs_ledger_make_change,
    .turn_end = fs_ledger_turn_end,
    .probe = fs_ledger_probe,
};

FS_STRATEGY_EXPORT(v2_strategy)
