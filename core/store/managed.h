/* A redis-server of our own: started, waited for, started again when it dies, stopped, and gone when
 * this process is. */
#ifndef FS_STORE_MANAGED_H
#define FS_STORE_MANAGED_H

#include <stdint.h>

#include <flashsale/flashsale.h>

#include "base/log.h"
#include "store/check.h"

#define FS_MANAGED_PROGRAM "redis-server"
#define FS_MANAGED_OTHER_PROGRAM "valkey-server" /* where there is no redis-server */

struct fs_managed;

struct fs_managed_options {
    const char *data_dir; /* exists; the server lives in <data_dir>/redis-<index> */
    unsigned index;
    const char *program;           /* looked for in PATH, or a path; NULL: the two below */
    enum fs_durability durability; /* FS_DURABILITY_AOF_ALWAYS or FS_DURABILITY_AOF_EVERYSEC */
    uint64_t start_timeout_us;     /* until it answers, not counting the time it loads data */
    struct fs_log *log;            /* borrowed until stop */
    const _Atomic bool *is_cut;    /* NULL, or borrowed until stop: set, stopping waits no longer */
};

/* Starts it and waits until it answers.  Adopts nothing: the folder must be ours and locked by nobody
 * else, the socket's place free, and what answers there must be our child and know our secret.
 * Returns 0, or with a sentence: -EBUSY (in use by another flashsale, by a redis-server of an earlier
 * one, or by a stranger), -ENOENT (no such program), -EACCES, -ETIMEDOUT, -EIO, -ENOMEM.  [main] */
int fs_managed_start(const struct fs_managed_options *options, struct fs_managed **managed,
                     struct fs_error *error);

/* SIGTERM, so that it writes what it has; SIGKILL when it takes longer than its time, or is_cut is
 * set: with appendfsync always that loses nothing, with everysec what the last second brought.  [main] */
void fs_managed_stop(struct fs_managed *managed);

/* "unix:/path" and the password of a client; borrowed until stop.  [any] */
const char *fs_managed_socket(const struct fs_managed *managed);
const char *fs_managed_secret(const struct fs_managed *managed);

/* Of the process that runs now; 0: between two.  [any] */
int fs_managed_pid(struct fs_managed *managed);

/* How often it was started again.  [any] */
unsigned fs_managed_restart_count(struct fs_managed *managed);

#endif
