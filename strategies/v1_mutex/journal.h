/* The journal: a ring of records waiting for the disk, and the one thread that takes them there.
 *
 * The ring is filled under the strategy's mutex, by a copy and no more; the order in the ring is the
 * order of decisions.  The thread takes all that waits, writes it by one write, syncs it by one
 * fdatasync, and then tells of it once.  The counters by which both sides meet:
 *
 *     durable <= tail <= durable + ring_records
 *
 *     tail     last position filled in; moved by the owner of the mutex
 *     durable  last position on disk; moved by the journal thread, which may read the ring's records
 *              up to tail, and lets go of them by moving durable
 *
 * Wake-ups: a kick costs a system call only while the thread sleeps and the tail has come to where it
 * wants to be woken: at the first record when all is durable, at enough for a batch while it gathers
 * (see gather() in journal.c).  While it is busy, what comes in meanwhile is the next batch. */
#ifndef FS_V1_JOURNAL_H
#define FS_V1_JOURNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "folder.h"
#include "record.h"

struct fs_v1_journal_setup {
    const struct fs_v1_folder *folder; /* borrowed */
    uint32_t ring_records;             /* a power of two */
    uint64_t segment_size;             /* bytes */
    uint64_t position_last;            /* what the disk holds */
    uint64_t segment;                  /* that is written on; 0: none yet */
    uint64_t end;                      /* of its records, bytes */
    uint64_t zeroed_to;                /* zeros from end to here, bytes */

    /* On the journal thread: all up to position is durable; a new segment was begun. */
    void (*on_durable)(void *data, uint64_t position);
    void (*on_segment)(void *data, uint64_t segment);
    void *data;
};

struct fs_v1_journal {
    /* constant after start */
    struct fs_v1_journal_setup setup;
    uint64_t ring_mask;

    /* owned */
    struct fs_v1_record *ring;
    char *zeros; /* FS_V1_ZEROED_AHEAD bytes that are never written to */
    pthread_t thread;
    int fd; /* the journal thread's */

    /* changing, the journal thread's */
    uint64_t segment;
    uint64_t end;
    uint64_t zeroed_to;
    uint64_t batches;
    uint64_t in_flight;      /* records of the last batch and those that came during it */
    uint64_t batch_began_us; /* its write */

    /* changing, shared */
    _Alignas(64) _Atomic uint64_t tail;
    _Alignas(64) _Atomic uint64_t durable;
    _Alignas(64) _Atomic uint32_t is_asleep; /* a futex */
    _Atomic uint64_t wanted;                 /* while asleep: the tail to be woken for */
    _Atomic bool is_stopping;
};

/* Opens or begins the segment and starts the thread.  Returns 0 or a negative errno.  [main] */
int fs_v1_journal_start(struct fs_v1_journal *journal, const struct fs_v1_journal_setup *setup);

/* Makes durable what waits, ends the thread, closes.  [main] */
void fs_v1_journal_stop(struct fs_v1_journal *journal);

/* The record at the next position; NULL: the ring is full.  [owner of the mutex] */
static inline struct fs_v1_record *fs_v1_journal_next(struct fs_v1_journal *journal,
                                                      uint64_t *position)
{
    uint64_t tail = atomic_load_explicit(&journal->tail, memory_order_relaxed);
    uint64_t durable = atomic_load_explicit(&journal->durable, memory_order_acquire);

    if (tail - durable > journal->ring_mask)
        return NULL;
    *position = tail + 1;
    return &journal->ring[tail & journal->ring_mask];
}

/* The record that next() gave is filled in.  [owner of the mutex] */
static inline void fs_v1_journal_publish(struct fs_v1_journal *journal, uint64_t position)
{
    atomic_store(&journal->tail, position);
}

/* After publish(), with or without the mutex: the thread sleeps no longer, but for more.  [any] */
void fs_v1_journal_kick(struct fs_v1_journal *journal);

static inline uint64_t fs_v1_journal_durable(struct fs_v1_journal *journal)
{
    return atomic_load(&journal->durable);
}

#endif
