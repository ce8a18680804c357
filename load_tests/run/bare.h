/* The yardstick as a server: one h2o handler that answers a constant. */
#ifndef FS_BENCH_BARE_H
#define FS_BENCH_BARE_H

#include "run/server.h"

/* Starts subject->program on a free port of 127.0.0.1 and waits until it listens.  It has neither admin
 * listener nor data.  Returns 0, or a negative errno with a sentence. */
int fs_bare_start(const struct fs_server_source *source, const struct fs_subject *subject,
                  struct fs_bench_server *server, char error[FS_RUN_ERROR_SIZE]);

#endif
