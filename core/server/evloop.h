/* An h2o event loop that gives everything back.
 *
 * h2o 2.2.5 keeps per loop the epoll descriptor and per thread the chunks it means to use again; in a
 * program that starts and stops servers both would grow.  All functions run on the thread that is to
 * run the loop: h2o keeps buffers in thread-local memory, and a socket that was made on another
 * thread would outlive them. */
#ifndef FS_SERVER_EVLOOP_H
#define FS_SERVER_EVLOOP_H

#include <h2o.h>

/* The timeouts of one loop, kept from h2o, which runs them by the wall clock. */
struct fs_evloop_timeouts {
    h2o_linklist_t list; /* of h2o_timeout_t */
};

void fs_evloop_timeouts_init(struct fs_evloop_timeouts *timeouts); /* [loop] */

/* One turn of h2o's loop, as h2o_evloop_run(), with its timeouts on the monotonic clock: a step of the
 * wall clock neither delays nor hastens one.  Timeouts that h2o was given meanwhile join the others.
 * Returns 0, or -1 with errno, as h2o does.  [loop] */
int fs_evloop_run(h2o_loop_t *loop, struct fs_evloop_timeouts *timeouts, int32_t wait_ms);

/* h2o ends the process when it finds no descriptor for its loop or its queue, so this asks first.
 * Returns 0, or -EMFILE, -ENFILE, -ENOMEM.  [loop] */
int fs_evloop_create(h2o_loop_t **loop);

/* Every socket and timeout of the loop was closed before.  [loop] */
void fs_evloop_destroy(h2o_loop_t *loop);

/* Frees what h2o keeps for this thread; the last use of h2o on it.  [loop] */
void fs_evloop_thread_end(void);

#endif
