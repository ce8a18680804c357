/* The journal thread: see journal.h for how it meets the loops.
 *
 * Batch k+1 is written only after the sync of batch k, and a new segment is durable with its header
 * before the first batch goes into it.  From this segment.h concludes what a bad record means.
 *
 * Zeros are written ahead of the records, a megabyte at a time: a sync inside a file that does not
 * grow has no new size and no new extents to write, and took half the time where it was measured
 * (133 against 270 us on ext4). */
#include "journal.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "birth.h"
#include "index.h"
#include "limits.h"
#include "segment.h"

/* span_us 0: without end. */
static void futex(_Atomic uint32_t *word, int operation, uint32_t value, uint64_t span_us)
{
    const struct timespec span = {
        .tv_sec = (time_t)(span_us / 1000000),
        .tv_nsec = (long)(span_us % 1000000) * 1000,
    };

    syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, span_us > 0 ? &span : NULL,
            NULL, 0);
}

static void wake(struct fs_v1_journal *journal)
{
    if (atomic_exchange(&journal->is_asleep, 0))
        futex(&journal->is_asleep, FUTEX_WAKE, 1, 0);
}

void fs_v1_journal_kick(struct fs_v1_journal *journal)
{
    if (atomic_load(&journal->is_asleep) &&
        atomic_load(&journal->tail) >= atomic_load(&journal->wanted))
        wake(journal);
}

/* Until a kick finds the tail at wanted, or the span is over; also returns for no reason. */
static void sleep_until(struct fs_v1_journal *journal, uint64_t wanted, uint64_t span_us)
{
    atomic_store(&journal->wanted, wanted);
    /* Either the kick sees the flag, or this sees the tail that was moved in front of it. */
    atomic_store(&journal->is_asleep, 1);
    if (atomic_load(&journal->tail) < wanted && !atomic_load(&journal->is_stopping))
        futex(&journal->is_asleep, FUTEX_WAIT, 1, span_us);
    atomic_store(&journal->is_asleep, 0);
}

/* Returns the last position to write, or the durable one when there is nothing and never will be. */
static uint64_t wait_for_records(struct fs_v1_journal *journal)
{
    uint64_t durable = fs_v1_journal_durable(journal);

    for (;;) {
        uint64_t tail = atomic_load(&journal->tail);

        if (tail != durable || atomic_load(&journal->is_stopping))
            return tail;
        sleep_until(journal, durable + 1, 0);
    }
}

/* A batch costs about 80 us of processor time, whatever is in it, so where many are in flight it pays
 * to wait for those whose answers were just given and who are asking again: asleep, until the turn of
 * a loop that brings enough of them.  Only within
 * FS_V1_GATHER_SPAN_US of the last batch, so never on a disk that is slower than that; and only
 * while records keep coming, since a few in flight would all be waiting for this very batch. */
static uint64_t gather(struct fs_v1_journal *journal, uint64_t tail)
{
    const struct fs_host *host = journal->setup.folder->host;
    uint64_t durable = fs_v1_journal_durable(journal);
    uint64_t until_us = journal->batch_began_us + FS_V1_GATHER_SPAN_US;
    uint64_t enough = journal->in_flight * FS_V1_GATHER_PERCENT / 100;

    if (journal->in_flight < FS_V1_GATHER_IN_FLIGHT_MIN)
        return tail;
    if (enough > FS_V1_GATHER_RECORDS)
        enough = FS_V1_GATHER_RECORDS;
    while (tail - durable < enough && !atomic_load(&journal->is_stopping)) {
        uint64_t now_us = host->now_us();
        uint64_t before = tail;

        if (now_us >= until_us)
            break;
        sleep_until(journal, durable + enough,
                    until_us - now_us < FS_V1_GATHER_IDLE_US ? until_us - now_us
                                                             : FS_V1_GATHER_IDLE_US);
        tail = atomic_load(&journal->tail);
        if (tail == before)
            break;
    }
    return tail;
}

static void begin_segment(struct fs_v1_journal *journal, uint64_t position_first)
{
    int fd = fs_v1_segment_create(journal->setup.folder, journal->segment + 1, position_first);
    const struct fs_v1_birth birth = {journal->segment + 1, position_first - 1};

    fs_v1_birth_write(journal->setup.folder, &birth);
    if (journal->fd >= 0)
        close(journal->fd);
    journal->fd = fd;
    journal->segment++;
    journal->end = journal->zeroed_to = FS_V1_RECORD_SIZE;
}

static void write_zeros_ahead(struct fs_v1_journal *journal, const char *name, uint64_t needed)
{
    while (journal->zeroed_to < needed && journal->zeroed_to < journal->setup.segment_size) {
        uint64_t len = journal->setup.segment_size - journal->zeroed_to;

        if (len > FS_V1_ZEROED_AHEAD)
            len = FS_V1_ZEROED_AHEAD;
        fs_v1_folder_write(journal->setup.folder, name, journal->fd, journal->zeros, len,
                           (off_t)journal->zeroed_to);
        journal->zeroed_to += len;
    }
}

/* One write and one sync: from the one behind durable to last, or to the end of the ring. */
static void write_batch(struct fs_v1_journal *journal, uint64_t last)
{
    uint64_t first = fs_v1_journal_durable(journal) + 1;
    uint64_t slot = (first - 1) & journal->ring_mask;
    uint64_t count = last - first + 1;
    char name[FS_V1_NAME_MAX];
    uint64_t len;

    if (count > FS_V1_BATCH_RECORDS_MAX)
        count = FS_V1_BATCH_RECORDS_MAX;
    if (count > journal->ring_mask + 1 - slot)
        count = journal->ring_mask + 1 - slot;
    len = count * FS_V1_RECORD_SIZE;
    if (journal->end > FS_V1_RECORD_SIZE && journal->end + len > journal->setup.segment_size) {
        begin_segment(journal, first);
        journal->setup.on_segment(journal->setup.data, journal->segment);
    }
    for (uint64_t i = 0; i < count; i++) {
        struct fs_v1_record *record = &journal->ring[slot + i];

        assert(record->position == first + i);
        record->batch_first = first;
        fs_v1_record_seal(record);
    }
    journal->batch_began_us = journal->setup.folder->host->now_us();
    fs_v1_segment_name(name, journal->segment);
    write_zeros_ahead(journal, name, journal->end + len);
    fs_v1_folder_write(journal->setup.folder, name, journal->fd, &journal->ring[slot], len,
                       (off_t)journal->end);
    fs_v1_folder_sync_data(journal->setup.folder, name, journal->fd);
    journal->end += len;
    if (journal->zeroed_to < journal->end)
        journal->zeroed_to = journal->end;
    journal->batches++;
    /* Before anybody is answered: who asks again would be counted twice. */
    journal->in_flight = atomic_load(&journal->tail) - first + 1;
    atomic_store(&journal->durable, first + count - 1);
    journal->setup.on_durable(journal->setup.data, first + count - 1);
}

static void *journal_main(void *data)
{
    struct fs_v1_journal *journal = data;

    prctl(PR_SET_NAME, "v1-journal");
    prctl(PR_SET_TIMERSLACK, 1000ul); /* a sleep of 600 us is not one of 650 */
    for (;;) {
        uint64_t last = wait_for_records(journal);

        if (last == fs_v1_journal_durable(journal))
            return NULL;
        write_batch(journal, gather(journal, last));
    }
}

static void release(struct fs_v1_journal *journal)
{
    if (journal->fd >= 0)
        close(journal->fd);
    fs_v1_release(journal->zeros, FS_V1_ZEROED_AHEAD);
    fs_v1_release(journal->ring, (journal->ring_mask + 1) * sizeof(*journal->ring));
}

int fs_v1_journal_start(struct fs_v1_journal *journal, const struct fs_v1_journal_setup *setup)
{
    int error = 0;

    assert(setup->ring_records > 0 && (setup->ring_records & (setup->ring_records - 1)) == 0);
    journal->setup = *setup;
    journal->ring_mask = setup->ring_records - 1;
    journal->fd = -1;
    journal->segment = setup->segment;
    journal->end = setup->end;
    journal->zeroed_to = setup->zeroed_to;
    journal->batches = journal->in_flight = journal->batch_began_us = 0;
    atomic_init(&journal->tail, setup->position_last);
    atomic_init(&journal->durable, setup->position_last);
    atomic_init(&journal->wanted, 0);
    atomic_init(&journal->is_asleep, 0);
    atomic_init(&journal->is_stopping, false);
    journal->ring = fs_v1_reserve(setup->ring_records * sizeof(*journal->ring));
    journal->zeros = fs_v1_reserve(FS_V1_ZEROED_AHEAD);
    if (!journal->ring || !journal->zeros)
        error = -ENOMEM;
    if (!error && setup->segment == 0)
        begin_segment(journal, setup->position_last + 1);
    else if (!error)
        journal->fd = fs_v1_segment_open(setup->folder, setup->segment);
    if (!error && journal->fd < 0)
        error = journal->fd;
    if (!error)
        error = -pthread_create(&journal->thread, NULL, journal_main, journal);
    if (error)
        release(journal);
    return error;
}

void fs_v1_journal_stop(struct fs_v1_journal *journal)
{
    atomic_store(&journal->is_stopping, true);
    wake(journal);
    pthread_join(journal->thread, NULL);
    fs_v1_birth_write(journal->setup.folder, &(const struct fs_v1_birth){
                                                 journal->segment, fs_v1_journal_durable(journal)});
    release(journal);
}
