/* The checklists of a performance test as checks: each tells what was found, and what to do.
 *
 * Nothing here is needed to serve.  All functions: [main], blocking. */
#ifndef FS_DOCTOR_DOCTOR_H
#define FS_DOCTOR_DOCTOR_H

#include <flashsale/flashsale.h>

#include "config/config.h"

struct fs_doctor {
    const struct fs_config *config; /* borrowed */
    const char *root;               /* before /proc and /sys; "" but in tests */
    void (*each)(void *data, const struct fs_finding *finding);
    void *data;
};

/* Tells one finding.  remedy NULL: nothing to do; format: what was found. */
void fs_doctor_tell(const struct fs_doctor *doctor, enum fs_finding_verdict verdict,
                    const char *topic, const char *check, const char *remedy, const char *format,
                    ...) __attribute__((format(printf, 6, 7)));

/* Sorts the values in place.  count: 1 or more. */
uint64_t fs_doctor_median(uint64_t *values, size_t count);

/* Processors, governor, memory, swap, huge pages, overcommit, clock, load generators beside it. */
void fs_doctor_machine(const struct fs_doctor *doctor);

/* Descriptors, accept queue, SYN queue, ports, socket buffers. */
void fs_doctor_network(const struct fs_doctor *doctor);

/* The file system of the data folder, and how long an fdatasync takes there. */
void fs_doctor_folder(const struct fs_doctor *doctor);

/* Logs, workers, limits, log-ins. */
void fs_doctor_settings(const struct fs_doctor *doctor);

/* Each server of redis.urls, each primary of a cluster that one of them belongs to, each primary that
 * sentinels name; without one, the redis-server that would be started. */
void fs_doctor_redis(const struct fs_doctor *doctor);

#endif
