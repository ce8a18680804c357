/* v2: purchases decided in Redis by whoever holds the product's lock.
 *
 * The table, options and workers; lock.c takes the lock, trips.c is what is done with it, and the
 * ledger is v3's.  See README.md for the argument. */
#include <errno.h>
#include <sys/random.h>

#include "lock.h"

#include "ledger/table.h"

#define LEASE_MS_MIN 10u
#define LEASE_MS_DEFAULT 1000u /* a thousand times what a trip takes */
#define BACKOFF_MS_MAX 1000u
#define BACKOFF_MS_DEFAULT 50u
#define OPS_PER_LOCK_DEFAULT 1u

static int read_options(struct fs_ledger *ledger, const struct fs_options *options)
{
    static const char *const modes[] = {"fenced", "textbook", NULL};
    struct fs_v2 *v2 = (struct fs_v2 *)(void *)ledger;
    const struct fs_ledger_option known[] = {
        {"mode", &v2->is_textbook, modes, 0, 0},
        {"lease", &v2->lease_ms, NULL, LEASE_MS_MIN, FS_V2_LEASE_MS_MAX},
        {"backoff", &v2->backoff_ms, NULL, 1, BACKOFF_MS_MAX},
        {"ops_per_lock", &v2->ops_per_lock, NULL, 1, FS_LEDGER_BATCH_DEFAULT},
        FS_LEDGER_OPTIONS_OF_RECORDS(ledger),
    };
    int error;

    v2->lease_ms = LEASE_MS_DEFAULT;
    v2->backoff_ms = BACKOFF_MS_DEFAULT;
    v2->ops_per_lock = OPS_PER_LOCK_DEFAULT;
    error = fs_ledger_options_read(ledger->host, ledger->name, options, known,
                                   sizeof(known) / sizeof(known[0]));
    if (!error && v2->is_textbook && v2->ops_per_lock != 1) {
        ledger->host->log(
            ledger->host, FS_LOG_ERROR,
            "v2: ops_per_lock is for mode fenced: textbook decides one purchase at a time");
        return -EINVAL;
    }
    return error;
}

static int open_v2(const struct fs_host *host, const struct fs_options *options, void **strategy)
{
    return fs_ledger_open(sizeof(struct fs_v2), host, "v2", options, read_options, strategy);
}

static int attach(void *strategy, struct fs_loop *loop, void **out)
{
    struct fs_v2_worker *worker;
    int error = fs_ledger_attach(strategy, loop, sizeof(*worker), sizeof(struct fs_v2_lock),
                                 fs_v2_pump, out);

    if (error)
        return error;
    worker = *out;
    worker->base.has_lock = true;
    worker->base.probe_more = fs_v2_probe_lock;
    if (getrandom(&worker->random, sizeof(worker->random), 0) != (ssize_t)sizeof(worker->random)) {
        fs_ledger_detach(worker);
        return -EIO;
    }
    worker->random |= 1; /* never 0, from which xorshift does not move */
    return 0;
}

static const struct fs_strategy v2_strategy = {
    FS_STRATEGY_HEAD,
    .name = "v2",
    .data_family = "ledger",
    .summary = "a lock in Redis with an owner, a lease and a fence; the write is guarded by them",
    .flags = FS_STRATEGY_USES_STORE | FS_STRATEGY_SAYS_ASKED,
    .open = open_v2,
    .attach = attach,
    FS_LEDGER_MEMBERS,
};

FS_STRATEGY_EXPORT(v2_strategy)
