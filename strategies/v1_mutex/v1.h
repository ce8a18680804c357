/* v1: one process-wide mutex around a ledger in memory, made durable by a journal.
 *
 *   loops     take the mutex, decide, copy a record into the journal's ring, let go; ops that wrote
 *             wait in their worker until their position is durable
 *   journal   one thread: one write and one fdatasync a batch, then one post() to each loop with ops
 *             that became durable
 *   folding   one thread: closed segments become a snapshot, on a ledger of its own */
#ifndef FS_V1_V1_H
#define FS_V1_V1_H

#include <pthread.h>
#include <stdatomic.h>

#include <flashsale/strategy.h>

#include "compaction.h"
#include "folder.h"
#include "journal.h"
#include "ledger.h"
#include "options.h"
#include "waiting.h"

/* What tests replace. */
struct fs_v1_setup {
    struct fs_v1_files *files; /* borrowed until close */
    uint32_t ring_records;     /* a power of two */
};

struct fs_v1_worker;

struct fs_v1 {
    /* constant after open */
    const struct fs_host *host; /* borrowed */
    bool says_asked;            /* the host listens: an older one has no such member */
    struct fs_v1_options options;
    struct fs_v1_files system_files;

    /* owned; folder, compaction and journal only where options.is_durable */
    struct fs_v1_folder folder;
    struct fs_v1_compaction compaction;
    struct fs_v1_journal journal;

    /* changing */
    _Alignas(64) pthread_mutex_t mutex; /* the one: guards what follows up to the next line */
    struct fs_v1_ledger ledger;
    struct fs_v1_record scratch; /* where records go that no journal keeps */

    _Alignas(64) pthread_mutex_t workers_mutex; /* guards workers; never taken on a purchase */
    struct fs_v1_worker *workers;
    _Atomic bool is_logged[FS_V1_UNITS_TOO_MANY + 1]; /* by enum fs_v1_trouble */
};

/* open() of the table, with parts to replace.  setup NULL: the system's files and the usual ring. */
int fs_v1_open(const struct fs_host *host, const struct fs_options *options,
               const struct fs_v1_setup *setup, struct fs_v1 **v1);
void fs_v1_close(struct fs_v1 *v1);

/* worker.c: the callbacks of the table, by the names they have there. */

/* To be told when position is durable: on_durable() of the journal. */
void fs_v1_workers_wake(struct fs_v1 *v1, uint64_t position);

int fs_v1_attach(void *strategy, struct fs_loop *loop, void **worker);
void fs_v1_detach(void *worker);
void fs_v1_purchase(void *worker, struct fs_op *op, void *state,
                    const struct fs_purchase *purchase);
void fs_v1_cancel(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref);
void fs_v1_lookup(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *ref);
void fs_v1_count(void *worker, struct fs_op *op, void *state, struct fs_text product);
void fs_v1_list(void *worker, struct fs_op *op, void *state);
void fs_v1_audit(void *worker, struct fs_op *op, void *state, struct fs_text product);
void fs_v1_change(void *worker, struct fs_op *op, void *state, const struct fs_sale_change *change);
void fs_v1_turn_end(void *worker);
void fs_v1_probe(void *worker, struct fs_op *op, void *state);

#endif
