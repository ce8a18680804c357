/* What h2o 2.2.5 does not free when a loop and its thread end. */
#include "server/evloop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

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
