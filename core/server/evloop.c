/* What h2o 2.2.5 does not free when a loop and its thread end, and its timeouts on the monotonic clock.
 *
 * h2o 2.2.5 sets the time of its loop by gettimeofday(2), before and after each epoll_wait(2), inside
 * h2o_evloop_run(); no option changes that.  With the clock stepped back by an hour, each timeout that
 * was set before waits an hour more, even those of 0 ms by which HTTP/2 writes; stepped forward by 30 s,
 * all idle connections end at once.  A correction after the run would come too late: the run itself fires.
 *
 * So h2o's loop is left without timeouts: all of them hang in a list of ours while h2o runs, and are run
 * here, by h2o's own exported functions, with a time that counts from ERA_MS on the monotonic clock.
 * What a callback of h2o links during the run is stamped by the wall clock, which no ERA_MS can be
 * mistaken for; those entries are the last of their list, since h2o appends, and get the time of this
 * turn.  Between runs the loop's time is ours, so what we link is right at once.  h2o itself reads the
 * loop's time for two more ends: it takes a new wall time for the Date header whenever the loop's time is
 * another, which it is at least as often as before, and it counts its execution time, which nobody reads.
 * Nothing is interposed, and of h2o's structures only what its headers show is used. */
#include "server/evloop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

#define ERA_MS (UINT64_C(1) << 62) /* far from any wall clock */

/* Descriptors that one loop needs before its first connection: epoll, queue, mailboxes. */
#define DESCRIPTORS_NEEDED 8

/* Chunks that h2o keeps a thread: the limit of its mempool_allocator (lib/common/memory.c). */
#define POOL_CHUNKS_KEPT 16

/* A quarter of a chunk is the least that h2o allocates on its own. */
#define POOL_PIECE_SIZE 1000

static int check_descriptors(void)
{
    int opened[DESCRIPTORS_NEEDED];
    int count = 0;
    int rc = 0;

    while (count < DESCRIPTORS_NEEDED && rc == 0) {
        int fd = eventfd(0, EFD_CLOEXEC);

        if (fd < 0)
            rc = -errno;
        else
            opened[count++] = fd;
    }
    while (count > 0)
        close(opened[--count]);
    return rc;
}

int fs_evloop_create(h2o_loop_t **loop)
{
    int rc = check_descriptors();

    if (rc != 0)
        return rc;
    *loop = h2o_evloop_create();
    return 0;
}

/* The descriptor lies behind the public part of the loop.  As that is h2o's own business, it is only
 * believed when the system, too, says that it is an epoll descriptor. */
static int find_epoll(const h2o_loop_t *loop)
{
    char path[64];
    char target[64];
    ssize_t len;
    int fd;

    memcpy(&fd, loop + 1, sizeof(fd));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    len = readlink(path, target, sizeof(target) - 1);
    if (len <= 0)
        return -1;
    target[len] = '\0';
    return strcmp(target, "anon_inode:[eventpoll]") == 0 ? fd : -1;
}

void fs_evloop_destroy(h2o_loop_t *loop)
{
    int epoll = find_epoll(loop);

    /* Sockets that were closed are freed by the turn after. */
    h2o_evloop_run(loop, 0);
    h2o_evloop_destroy(loop);
    if (epoll >= 0)
        close(epoll);
}

/* A chunk of a pool, as far as its first member goes. */
struct pool_chunk {
    struct pool_chunk *next;
};

void fs_evloop_thread_end(void)
{
    h2o_mem_recycle_t *sockets = &h2o_socket_buffer_prototype.allocator;
    h2o_mem_pool_t pool;
    struct pool_chunk *chunk;
    struct pool_chunk *next;

    while (sockets->cnt > 0)
        free(h2o_mem_alloc_recycle(sockets, 1));

    /* h2o hands its kept chunks out through a pool only: take as many as it may keep, and free them
     * past h2o, which would keep them again. */
    h2o_mem_init_pool(&pool);
    for (int i = 0; i < POOL_CHUNKS_KEPT * 4; i++)
        h2o_mem_alloc_pool(&pool, POOL_PIECE_SIZE);
    for (chunk = (struct pool_chunk *)(void *)pool.chunks; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
}

static uint64_t era_now_ms(void)
{
    return ERA_MS + fs_clock_now_us() / 1000;
}

/* Entries that were linked while h2o ran. */
static void stamp_new_entries(h2o_linklist_t *timeouts, uint64_t now_ms)
{
    for (h2o_linklist_t *node = timeouts->next; node != timeouts; node = node->next) {
        h2o_timeout_t *timeout = H2O_STRUCT_FROM_MEMBER(h2o_timeout_t, _link, node);

        for (h2o_linklist_t *at = timeout->_entries.prev; at != &timeout->_entries; at = at->prev) {
            h2o_timeout_entry_t *entry = H2O_STRUCT_FROM_MEMBER(h2o_timeout_entry_t, _link, at);

            if (entry->registered_at >= ERA_MS)
                break;
            entry->registered_at = now_ms;
        }
    }
}

static int32_t wait_for_timeouts(h2o_linklist_t *timeouts, int32_t wait_ms)
{
    uint64_t wake_at_ms = h2o_timeout_get_wake_at(timeouts);
    uint64_t now_ms = era_now_ms();

    if (wake_at_ms <= now_ms)
        return 0;
    return wake_at_ms - now_ms < (uint64_t)wait_ms ? (int32_t)(wake_at_ms - now_ms) : wait_ms;
}

void fs_evloop_timeouts_init(struct fs_evloop_timeouts *timeouts)
{
    h2o_linklist_init_anchor(&timeouts->list);
}

int fs_evloop_run(h2o_loop_t *loop, struct fs_evloop_timeouts *timeouts, int32_t wait_ms)
{
    h2o_linklist_t *list = &timeouts->list;
    int rc, error;

    h2o_linklist_insert_list(list, &loop->_timeouts);
    stamp_new_entries(list, era_now_ms());
    rc = h2o_evloop_run(loop, wait_for_timeouts(list, wait_ms));
    error = errno;
    h2o_linklist_insert_list(list, &loop->_timeouts);
    loop->_now = era_now_ms();
    stamp_new_entries(list, loop->_now);
    for (h2o_linklist_t *node = list->next; node != list; node = node->next)
        h2o_timeout_run(loop, H2O_STRUCT_FROM_MEMBER(h2o_timeout_t, _link, node), loop->_now);
    errno = error;
    return rc;
}
