/* An h2o event loop that gives everything back.
 *
 * h2o 2.2.5 keeps per loop the epoll descriptor and per thread the chunks it means to use again; in a
 * program that starts and stops servers both would grow.  All functions run on the thread that is to
 * run the loop: h2o keeps buffers in thread-local memory, and a socket that was made on another
 * thread would outlive them. */
#ifndef FS_SERVER_EVLOOP_H
#define FS_SERVER_EVLOOP_H

#include <h2o.h>

/* h2o ends the process when it finds no descriptor for its loop or its queue, so this asks first.
 * Returns 0, or -EMFILE, -ENFILE, -ENOMEM.  [loop] */
int fs_evloop_create(h2o_loop_t **loop);

/* Every socket and timeout of the loop was closed before.  [loop] */
void fs_evloop_destroy(h2o_loop_t *loop);

/* Frees what h2o keeps for this thread; the last use of h2o on it.  [loop] */
void fs_evloop_thread_end(void);

#endif
