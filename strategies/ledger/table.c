/* Opening and attaching. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>

int fs_ledger_open(size_t size, const struct fs_host *host, const char *name,
                   const struct fs_options *options,
                   int (*read)(struct fs_ledger *ledger, const struct fs_options *options),
                   void **strategy)
{
    struct fs_ledger *ledger = calloc(1, size);
    int error;

    if (!ledger)
        return -ENOMEM;
    error = fs_ledger_init(ledger, host, name, options->key_prefix);
    if (error) {
        free(ledger);
        return error;
    }
    error = read(ledger, options);
    if (error) {
        fs_ledger_close(ledger);
        return error;
    }
    *strategy = ledger;
    return 0;
}

void fs_ledger_close(void *strategy)
{
    fs_ledger_dispose(strategy);
    free(strategy);
}

int fs_ledger_attach(struct fs_ledger *ledger, struct fs_loop *loop, size_t worker_size,
                     size_t extra_size, void (*pump)(struct fs_ledger_product *product),
                     void **worker)
{
    struct fs_ledger_worker *made = calloc(1, worker_size);
    int error;

    if (!made)
        return -ENOMEM;
    error = fs_ledger_worker_init(made, ledger, loop, extra_size, pump);
    if (error) {
        free(made);
        return error;
    }
    *worker = made;
    return 0;
}

void fs_ledger_detach(void *worker)
{
    fs_ledger_worker_dispose(worker);
    free(worker);
}
