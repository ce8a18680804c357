/* A server that somebody else started. */
#ifndef FS_BENCH_TARGET_H
#define FS_BENCH_TARGET_H

#include "run/server.h"

/* Fills in where it listens, from URLs such as http://127.0.0.1:8000 and http://127.0.0.1:8001 (or
 * unix:/path).  Its data is its owner's: nothing is removed at the end.
 * Returns 0, -EINVAL with a sentence, -EACCES (token file), -ENOMEM. */
int fs_target_find(const struct fs_server_source *source, struct fs_bench_server *server,
                   char error[FS_RUN_ERROR_SIZE]);

/* The strategy that the target's metrics name, "target" when nobody tells. */
void fs_target_strategy(const struct fs_server_source *source, char *name, size_t size);

#endif
