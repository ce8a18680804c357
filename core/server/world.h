/* A worker's side of h2o: its event loop, its mailboxes as sockets of it, and the http side.  On the
 * worker's own thread, since h2o keeps buffers for each thread. */
#ifndef FS_SERVER_WORLD_H
#define FS_SERVER_WORLD_H

#include "server/worker.h"

/* Returns 0, -ENOMEM, -EMFILE or -ENFILE, with nothing left open.  [loop] */
int fs_world_open(struct fs_worker *worker);

/* No connection is open and no op in flight.  [loop] */
void fs_world_close(struct fs_worker *worker);

#endif
