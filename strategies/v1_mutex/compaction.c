/* Compaction: see compaction.h.  The order of steps, each of which may be the last before a crash:
 *
 *   1. snapshot.tmp is written and synced       a start deletes it
 *   2. it is renamed and the folder synced      a start loads it, and deletes what it covers
 *   3. the segments it covers are deleted       a start deletes the rest
 *
 * 2 is done only when the next segment's header says that it follows the snapshot.
 *
 * A segment is closed, so the next one is durable, before it is folded: the journal always goes on
 * behind the snapshot. */
#include "compaction.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/prctl.h>
#include <time.h>

#include "ledger.h"
#include "recovery.h"
#include "segment.h"
#include "snapshot.h"

/* A segment that was cut short on disk meanwhile looks whole: the one behind it knows where it ended. */
static int check_end(const struct fs_v1_folder *folder, uint64_t closed, uint64_t position)
{
    uint64_t position_first;
    int error = fs_v1_segment_first(folder, closed + 1, &position_first);

    if (!error && position_first == position + 1)
        return 0;
    folder->host->log(folder->host, FS_LOG_ERROR,
                      "v1: the segments up to %" PRIu64 " end at record %" PRIu64
                      ", and the next does not follow: nothing was removed; copy the folder before "
                      "you stop the server",
                      closed, position);
    return error ? error : -EBADMSG;
}

int fs_v1_compaction_run(struct fs_v1_compaction *compaction, uint64_t folded, uint64_t closed)
{
    const struct fs_v1_folder *folder = compaction->folder;
    struct fs_v1_ledger ledger;
    uint64_t position = 0;
    int error = fs_v1_ledger_init(&ledger, compaction->orders_max, compaction->sales_max);

    if (error)
        return error;
    if (folded > 0)
        error = fs_v1_snapshot_load(folder, folded, &ledger, &position);
    if (!error)
        error = fs_v1_replay_closed(folder, &ledger, folded + 1, closed, &compaction->is_stopping,
                                    &position);
    if (!error)
        error = check_end(folder, closed, position);
    if (!error)
        error = fs_v1_snapshot_write(folder, closed, &ledger, position);
    fs_v1_ledger_dispose(&ledger);
    if (!error)
        fs_v1_folder_sweep(folder, closed);
    return error;
}

static void *compaction_main(void *data)
{
    struct fs_v1_compaction *compaction = data;
    const struct fs_host *host = compaction->folder->host;

    prctl(PR_SET_NAME, "v1-folding");
    pthread_mutex_lock(&compaction->mutex);
    while (!compaction->is_stopping) {
        uint64_t folded = compaction->folded, closed = compaction->closed;
        int error;

        if (closed == folded) {
            pthread_cond_wait(&compaction->wake, &compaction->mutex);
            continue;
        }
        pthread_mutex_unlock(&compaction->mutex);
        error = fs_v1_compaction_run(compaction, folded, closed);
        pthread_mutex_lock(&compaction->mutex);
        if (error == -EMFILE || error == -ENFILE) {
            struct timespec until;

            clock_gettime(CLOCK_REALTIME,
                          &until); /* of the condition; a step costs this pause only */
            until.tv_sec++;
            pthread_cond_timedwait(&compaction->wake, &compaction->mutex, &until);
            continue;
        }
        if (error && error != -ECANCELED) {
            host->log(host, FS_LOG_ERROR,
                      "v1: segments up to %" PRIu64 " could not be folded into a snapshot (%d): "
                      "they stay, and folding stops until the next start",
                      closed, error);
            break;
        }
        if (!error)
            compaction->folded = closed;
    }
    pthread_mutex_unlock(&compaction->mutex);
    return NULL;
}

int fs_v1_compaction_start(struct fs_v1_compaction *compaction, const struct fs_v1_folder *folder,
                           uint32_t orders_max, uint32_t sales_max, uint64_t closed,
                           uint64_t folded)
{
    int error;

    compaction->folder = folder;
    compaction->orders_max = orders_max;
    compaction->sales_max = sales_max;
    compaction->closed = closed > folded ? closed : folded;
    compaction->folded = folded;
    atomic_init(&compaction->is_stopping, false);
    pthread_mutex_init(&compaction->mutex, NULL);
    pthread_cond_init(&compaction->wake, NULL);
    error = -pthread_create(&compaction->thread, NULL, compaction_main, compaction);
    if (error) {
        pthread_cond_destroy(&compaction->wake);
        pthread_mutex_destroy(&compaction->mutex);
    }
    return error;
}

void fs_v1_compaction_stop(struct fs_v1_compaction *compaction)
{
    pthread_mutex_lock(&compaction->mutex);
    compaction->is_stopping = true;
    pthread_cond_signal(&compaction->wake);
    pthread_mutex_unlock(&compaction->mutex);
    pthread_join(compaction->thread, NULL);
    pthread_cond_destroy(&compaction->wake);
    pthread_mutex_destroy(&compaction->mutex);
}

void fs_v1_compaction_closed(struct fs_v1_compaction *compaction, uint64_t segment)
{
    pthread_mutex_lock(&compaction->mutex);
    if (segment > compaction->closed)
        compaction->closed = segment;
    pthread_cond_signal(&compaction->wake);
    pthread_mutex_unlock(&compaction->mutex);
}
