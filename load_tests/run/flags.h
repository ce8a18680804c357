/* The command line of a server under load. */
#ifndef FS_BENCH_FLAGS_H
#define FS_BENCH_FLAGS_H

#include "run/server.h"

#define FS_FLAGS_MAX 64u

struct fs_flags {
    char *argv[FS_FLAGS_MAX + 1]; /* owned, NULL-ended */
    size_t count;
    bool failed; /* no memory, or too many */
};

/* command: "serve" or "check-config".  prefix: of its keys in a Redis of the user's; "" for private
 * ones.  data_folder: its own.  Returns 0 or -ENOMEM; dispose in any case. */
int fs_flags_make(struct fs_flags *flags, const char *command,
                  const struct fs_server_source *source, const struct fs_subject *subject,
                  const struct fs_scenario *scenario, const char *data_folder, const char *prefix);
void fs_flags_dispose(struct fs_flags *flags);

#endif
