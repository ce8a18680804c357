/* The strategy's table, opening and closing.  See README.md for the design, worker.c for a purchase. */
#include "v1.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"
#include "recovery.h"

static void on_durable(void *data, uint64_t position)
{
    fs_v1_workers_wake(data, position);
}

static void on_segment(void *data, uint64_t segment)
{
    struct fs_v1 *v1 = data;

    fs_v1_compaction_closed(&v1->compaction, segment - 1);
}

static int start_threads(struct fs_v1 *v1, const struct fs_v1_recovered *recovered,
                         uint32_t ring_records)
{
    uint64_t closed = recovered->segment > 0 ? recovered->segment - 1 : 0;
    struct fs_v1_journal_setup setup = {
        .folder = &v1->folder,
        .ring_records = ring_records,
        .segment_size = v1->options.segment_size,
        .position_last = recovered->position_last,
        .segment = recovered->segment,
        .end = recovered->end,
        .zeroed_to = recovered->zeroed_to,
        .on_durable = on_durable,
        .on_segment = on_segment,
        .data = v1,
    };
    int error = fs_v1_compaction_start(&v1->compaction, &v1->folder, v1->options.orders_max,
                                       v1->options.sales_max, closed, recovered->snapshot);

    if (error)
        return error;
    error = fs_v1_journal_start(&v1->journal, &setup);
    if (error)
        fs_v1_compaction_stop(&v1->compaction);
    return error;
}

/* Recovers the ledger from data_dir and starts journal and compaction. */
static int open_journal(struct fs_v1 *v1, const struct fs_options *options,
                        const struct fs_v1_setup *setup)
{
    const struct fs_host *host = v1->host;
    uint64_t began_us = host->now_us();
    struct fs_v1_recovered recovered;
    int error = fs_v1_folder_open(&v1->folder, host, setup->files, options->data_dir);

    if (error)
        return error;
    error = fs_v1_recover(&v1->folder, &v1->ledger, v1->options.may_cut_last_batch, &recovered);
    if (error)
        goto close_folder;
    error = start_threads(v1, &recovered, setup->ring_records);
    if (error) {
        host->log(host, FS_LOG_ERROR, "v1: cannot start the journal: %s", strerror(-error));
        goto close_folder;
    }
    host->log(host, FS_LOG_INFO,
              "v1: journal at record %" PRIu64 " (snapshot %" PRIu64 ", %" PRIu64
              " records replayed from %" PRIu64 " files) in %" PRIu64 " ms: %" PRIu32
              " sales, %" PRIu32 " orders",
              recovered.position_last, recovered.snapshot, recovered.records, recovered.segments,
              (host->now_us() - began_us) / 1000, v1->ledger.sale_count, v1->ledger.order_count);
    return 0;

close_folder:
    fs_v1_folder_close(&v1->folder);
    return error;
}

/* Waiters spin a little before they sleep: what the mutex guards takes less than a microsecond. */
static int init_mutexes(struct fs_v1 *v1)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);

    if (error)
        return -error;
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    error = pthread_mutex_init(&v1->mutex, &attributes);
    if (!error) {
        error = pthread_mutex_init(&v1->workers_mutex, NULL);
        if (error)
            pthread_mutex_destroy(&v1->mutex);
    }
    pthread_mutexattr_destroy(&attributes);
    return -error;
}

int fs_v1_open(const struct fs_host *host, const struct fs_options *options,
               const struct fs_v1_setup *setup, struct fs_v1 **out)
{
    struct fs_v1_setup usual = {.ring_records = FS_V1_RING_RECORDS};
    struct fs_v1 *v1 = aligned_alloc(64, sizeof(*v1));
    int error;

    if (!v1)
        return -ENOMEM;
    memset(v1, 0, sizeof(*v1));
    v1->host = host;
    v1->says_asked =
        host->struct_size >= offsetof(struct fs_host, asked) + sizeof(host->asked) && host->asked;
    fs_v1_files_init(&v1->system_files);
    usual.files = &v1->system_files;
    error = fs_v1_options_read(host, options, &v1->options);
    if (error)
        goto free_v1;
    if (!v1->options.is_durable)
        error = fs_v1_folder_refuse(host, options->data_dir);
    if (!error)
        error = init_mutexes(v1);
    if (error)
        goto free_v1;
    error = fs_v1_ledger_init(&v1->ledger, v1->options.orders_max, v1->options.sales_max);
    if (error) {
        host->log(host, FS_LOG_ERROR, "v1: no memory for %" PRIu32 " orders: %s",
                  v1->options.orders_max, strerror(-error));
        goto destroy_mutexes;
    }
    if (v1->options.is_durable) {
        error = open_journal(v1, options, setup ? setup : &usual);
        if (error)
            goto dispose_ledger;
    }
    *out = v1;
    return 0;

dispose_ledger:
    fs_v1_ledger_dispose(&v1->ledger);
destroy_mutexes:
    pthread_mutex_destroy(&v1->workers_mutex);
    pthread_mutex_destroy(&v1->mutex);
free_v1:
    free(v1);
    return error;
}

void fs_v1_close(struct fs_v1 *v1)
{
    if (v1->options.is_durable) {
        fs_v1_journal_stop(&v1->journal);
        fs_v1_compaction_stop(&v1->compaction);
        fs_v1_folder_close(&v1->folder);
    }
    fs_v1_ledger_dispose(&v1->ledger);
    pthread_mutex_destroy(&v1->workers_mutex);
    pthread_mutex_destroy(&v1->mutex);
    free(v1);
}

static int open_strategy(const struct fs_host *host, const struct fs_options *options,
                         void **strategy)
{
    struct fs_v1 *v1;
    int error = fs_v1_open(host, options, NULL, &v1);

    if (!error)
        *strategy = v1;
    return error;
}

static void close_strategy(void *strategy)
{
    fs_v1_close(strategy);
}

static const char *durability(void *strategy)
{
    const struct fs_v1 *v1 = strategy;

    return v1->options.is_durable ? "journal" : "memory";
}

static const struct fs_strategy v1_strategy = {
    FS_STRATEGY_HEAD,
    .name = "v1",
    .data_family = "journal",
    .summary = "one mutex in this process, durable by a journal with group commit",
    .flags = FS_STRATEGY_PROCESS_LOCAL | FS_STRATEGY_SAYS_ASKED,
    .state_size = sizeof(struct fs_v1_pending),
    .open = open_strategy,
    .close = close_strategy,
    .attach = fs_v1_attach,
    .detach = fs_v1_detach,
    .purchase = fs_v1_purchase,
    .cancel = fs_v1_cancel,
    .lookup = fs_v1_lookup,
    .count = fs_v1_count,
    .list = fs_v1_list,
    .audit = fs_v1_audit,
    .change = fs_v1_change,
    .turn_end = fs_v1_turn_end,
    .durability = durability,
    .probe = fs_v1_probe,
};

FS_STRATEGY_EXPORT(v1_strategy)
