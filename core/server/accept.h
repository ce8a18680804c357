/* The loop's side of listening: accepts connections and hands them to http. */
#ifndef FS_SERVER_ACCEPT_H
#define FS_SERVER_ACCEPT_H

#include "server/worker.h"

void fs_accept_resume(struct fs_worker *worker); /* reads paused listeners again.  [loop] */
void fs_accept_close(struct fs_worker *worker);  /* accepts nothing more.  [loop] */

#endif
