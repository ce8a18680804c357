/* What the system says about this process, for the process_* metrics. */
#ifndef FS_METRICS_PROCESS_H
#define FS_METRICS_PROCESS_H

#include <stdint.h>

/* -1: the system did not say. */
struct fs_process {
    int64_t cpu_us; /* user and system, all threads */
    int64_t start_unix_ms;
    int64_t virtual_bytes;
    int64_t resident_bytes;
    int64_t open_fds;
    int64_t max_fds; /* the soft limit; INT64_MAX: none */
    int64_t threads;
};

/* Reads /proc/self, /proc/stat and the limits; what cannot be read is -1.  Takes as long as there
 * are open descriptors to count.  [any] */
void fs_process_read(struct fs_process *process);

#endif
