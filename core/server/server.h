/* One server: what flashsale.h calls struct fs_server, and the steps by which it starts and stops. */
#ifndef FS_SERVER_SERVER_H
#define FS_SERVER_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/ssl.h>

#include <flashsale/flashsale.h>

#include "auth/auth.h"
#include "base/log.h"
#include "config/config.h"
#include "http/http.h"
#include "server/data_dir.h"
#include "server/descriptors.h"
#include "server/listener.h"
#include "server/manifest.h"
#include "server/tls.h"
#include "server/worker.h"
#include "store/redis.h"
#include "strategy/host.h"
#include "strategy/loader.h"

enum fs_server_state {
    FS_SERVER_STOPPED = 1, /* nothing is open */
    FS_SERVER_STARTING,
    FS_SERVER_SERVING,
    FS_SERVER_STOPPING,
    FS_SERVER_GIVEN_UP /* the strategy did not let go: nothing is released or started any more */
};

/* How far a start has come.  Closing begins at the stage that was reached and goes down. */
enum fs_server_stage {
    FS_STAGE_NOTHING = 0,
    FS_STAGE_CONFIG,   /* config, log */
    FS_STAGE_MODULE,   /* the strategy is loaded; before anything is made on disk */
    FS_STAGE_FILES,    /* data folder, admin token, access log, TLS */
    FS_STAGE_AUTH,     /* users and keys */
    FS_STAGE_STORE,    /* Redis answers and may be trusted, when the strategy needs it */
    FS_STAGE_STRATEGY, /* and open */
    FS_STAGE_HTTP,     /* routes */
    FS_STAGE_WORKERS,  /* loops, attached and turning */
    FS_STAGE_LISTENING /* and listening */
};

struct fs_server {
    /* constant after create */
    fs_server_log *log_callback; /* borrowed; NULL: standard error */
    void *log_data;

    /* owned */
    struct fs_settings *settings; /* replaced by a reload */

    /* owned while it is started, built in this order */
    struct fs_config *config;
    struct fs_log log;
    char *strategy_dir;
    struct fs_strategy_module module;
    char *data_dir;              /* absolute */
    struct fs_manifest manifest; /* of the data folder */
    char admin_token[FS_ADMIN_TOKEN_SIZE];
    struct fs_access_log *access_log;
    SSL_CTX *tls;
    struct fs_tls_retired *tls_retired;
    char *tls_files[2]; /* certificate and key as last read; changed with reload_mutex held */
    struct fs_tls_watch *tls_watch;
    bool has_http2; /* wanted, and its guard proven */
    char *audit_log;
    char *token_key_file;
    struct fs_auth *auth;
    struct fs_redis *redis; /* NULL: the strategy keeps its units elsewhere */
    struct fs_strategy_host host;
    struct fs_option *strategy_options;
    void *strategy;
    struct fs_descriptors descriptors;
    struct fs_network networks[FS_CONFIG_LIST_MAX]; /* of trusted proxies */
    struct fs_http_settings *http_settings;
    struct fs_http_server http;
    struct fs_worker **workers; /* those of the main listeners, then the admin's */
    struct fs_http **loops;     /* theirs */
    size_t worker_count;        /* made so far, the admin's too */
    size_t attached_count;
    struct fs_listener *listeners; /* main ones, then the admin's */
    size_t listener_count;         /* opened so far */

    /* owned until destroy */
    struct fs_line_writer *log_writer; /* of standard error; NULL: a log callback, or not started */

    /* owned until destroy: told to the embedder */
    char **addresses; /* main ones, NULL-ended */
    char *admin_address;
    char *admin_token_file;
    char *summary;
    char *examples;

    /* changing; by the controlling thread only */
    enum fs_server_stage stage;

    /* changing [any] */
    pthread_mutex_t reload_mutex; /* held by who changes the certificate: a reload, or the watch */
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    enum fs_server_state state; /* guarded by mutex */
    int failure;                /* guarded by mutex: of a loop */
    _Atomic bool is_delaying;   /* shutdown_delay runs: a stop at once skips only that */
    _Atomic bool is_cut;        /* stop at once */
};

/* The admin's loop: the last of the workers. */
static inline struct fs_worker *fs_server_admin_worker(const struct fs_server *server)
{
    return server->workers[server->worker_count - 1];
}

/* start.c: the options of auth from a configuration; borrowed from both. */
struct fs_auth_options fs_server_auth_options(const struct fs_server *server,
                                              const struct fs_config *config);

/* start.c: what a reload may change, from a configuration and the descriptors there are. */
struct fs_http_settings fs_server_limits(const struct fs_server *server,
                                         const struct fs_config *config);

/* reload.c: new connections get tls, given.  [reload_mutex held, any but a loop] */
void fs_server_swap_tls(struct fs_server *server, SSL_CTX *tls);

/* start.c: goes through all stages.  On failure server->stage tells how far it came. */
int fs_server_open(struct fs_server *server, struct fs_error *error);

/* shutdown.c: closes whatever is open.  Returns 0; -ETIMEDOUT when connections had to be cut; -EBUSY
 * when the strategy still holds requests: then all from the strategy on stays as it is, for ever. */
int fs_server_close(struct fs_server *server);

/* identity.c: compares the data folder with the options before anything in it is opened, the store's
 * manifests with both, and writes down whose data the folder belongs to.  Return 0, or a negative errno
 * with a sentence. */
struct fs_identity_options fs_server_identity_options(const struct fs_server *server);
int fs_server_check_folder(struct fs_server *server, struct fs_error *error);
int fs_server_check_kept(struct fs_server *server, struct fs_error *error);
int fs_server_note_sales(struct fs_server *server, struct fs_error *error);

/* loops.c: how many there will be, the admin's too. */
size_t fs_server_loop_count(const struct fs_config *config);

/* loops.c: workers, their attachment to the strategy and their turning; and back. */
int fs_server_open_loops(struct fs_server *server, struct fs_error *error);

/* loops.c: opens the listeners and gives them to the loops. */
int fs_server_listen(struct fs_server *server, struct fs_error *error);

/* seed.c: waits until the strategy can decide, then creates the configured sales that are not there.
 * Returns 0, -ETIMEDOUT, or -EINVAL for a sale that the strategy refuses. */
int fs_server_seed(struct fs_server *server, struct fs_error *error);

/* summary.c: what was started, and what to try, as text for people.  Returns 0 or -ENOMEM. */
int fs_server_summarise(struct fs_server *server);

#endif
