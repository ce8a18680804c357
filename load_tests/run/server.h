/* The server under load: a fresh process with a data folder of its own, or one that runs already. */
#ifndef FS_BENCH_SERVER_H
#define FS_BENCH_SERVER_H

#include <limits.h>

#include "load/load.h"
#include "run/admin.h"
#include "run/child.h"
#include "run/pinning.h"
#include "run/redis_node.h"
#include "run/subject.h"

#define FS_NODES_MAX 16u

/* Where servers come from. */
struct fs_server_source {
    char program[PATH_MAX];        /* the flashsale program; "": none was found */
    char work_folder[PATH_MAX];    /* holds the data folders */
    const char *target;            /* borrowed; URL of a running server, or NULL: start one */
    const char *target_admin;      /* borrowed; its admin listener, or NULL */
    const char *token_file;        /* borrowed; of that listener, or NULL */
    const char *const *redis_urls; /* borrowed */
    size_t redis_count;            /* 0: private ones */
    const char *password;          /* borrowed; of every user_<n> */
    struct fs_pinning pinning;
    struct fs_interrupt *interrupt; /* borrowed */
};

struct fs_bench_server {
    struct fs_child child;                     /* pid 0: it runs elsewhere */
    char data_folder[PATH_MAX];                /* "": none of ours */
    char log_path[PATH_MAX];                   /* what it prints; "": elsewhere */
    char prefix[64];                           /* of its keys in somebody else's Redis; "": none */
    char durability[32];                       /* as it prints it; "": not told */
    struct fs_target target;                   /* where it listens */
    struct fs_admin *admin;                    /* owned; NULL: no admin listener is known */
    struct fs_redis_node *nodes[FS_NODES_MAX]; /* owned */
    pid_t node_pids[FS_NODES_MAX];             /* 0: not of this machine */
    size_t node_count;
};

/* Starts a server for a subject and a scenario, and waits until it is ready, at most 30 s; or finds
 * the target.  log_folder: server.log is written there.  On failure *error is a sentence with the last
 * lines of its log, and nothing is left running.
 * Returns 0, -EINVAL (it refuses the configuration), -ETIMEDOUT, -ECONNREFUSED or another errno. */
int fs_bench_server_start(const struct fs_server_source *source, const struct fs_subject *subject,
                          const struct fs_scenario *scenario, const char *log_folder,
                          struct fs_bench_server *server, char error[FS_RUN_ERROR_SIZE]);

/* Stops it by its pid, removes its data folder, its keys in a Redis of the user's.  Returns 0, or
 * -ETIMEDOUT when it had to be killed, -ECANCELED when it had ended by itself. */
int fs_bench_server_stop(struct fs_bench_server *server);

/* What check-config says of the configuration that such a server has, malloc'd; NULL: it does not
 * say. */
char *fs_bench_server_configuration(const struct fs_server_source *source,
                                    const struct fs_subject *subject,
                                    const struct fs_scenario *scenario);

/* Removes a folder and all in it; as far as it goes. */
void fs_remove_tree(const char *path);

#endif
