/* What a process, and the whole machine, have used: read from /proc. */
#ifndef FS_BENCH_PROCESS_H
#define FS_BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* Sums since the start of the process or machine; NaN: not known. */
struct fs_usage {
    double cpu_user_s;
    double cpu_sys_s;
    double rss_mib; /* of the system: memory in use */
    double switches_voluntary;
    double switches_involuntary;
    double net_rx_bytes; /* of the system only: a process has no counter of its own */
    double net_tx_bytes;
    double disk_read_bytes;
    double disk_write_bytes;
    double fds;
    double threads;
};

/* All threads of a process.  Returns 0 or -ESRCH. */
int fs_usage_of_process(pid_t pid, struct fs_usage *usage);

/* Returns 0 or -EIO. */
int fs_usage_of_system(struct fs_usage *usage);

/* CPU time of all threads, exact to less than a microsecond.  Returns 0: there is no such process. */
uint64_t fs_process_cpu_us(pid_t pid);

#endif
