/* One server without its sockets: a strategy, its host, and loops on threads of their own, driven
 * by poll(2) through the same steps a turn as core/server.
 *
 * A test describes requests, runs them, and reads what became of each.  Nothing waits for ever: a
 * request that no strategy answers ends by its deadline, and a strategy that does not give an op
 * back in time ends the program with a message. */
#ifndef FS_TESTS_SUPPORT_DRIVER_H
#define FS_TESTS_SUPPORT_DRIVER_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "purchase/op.h"
#include "strategy/host.h"

#define FS_DRIVER_LOOPS_MAX 16u
#define FS_DRIVER_FDS_MAX 64u

/* A row that was told: a sale of list(), or a term of audit(). */
struct fs_driver_row {
    char name[FS_PRODUCT_LEN_MAX + 1]; /* cut where a term's is longer */
    struct fs_sale_info sale;          /* its product points into name */
    int64_t value;
};

/* One request.  Zero it, set it up with fs_request_*(), run it, read the answer. */
struct fs_request {
    /* asked */
    enum fs_op_kind kind;
    unsigned loop; /* which loop brings it */
    char product[FS_PRODUCT_LEN_MAX + 1];
    char buyer[FS_BUYER_LEN_MAX + 1];
    char order[FS_ORDER_LEN_MAX + 1]; /* or the change's name */
    uint32_t units;
    struct fs_sale_change change; /* without its texts */
    bool abandoned;               /* the client hangs up as soon as it has asked */
    struct fs_driver_row *rows;   /* borrowed; NULL: not wanted */
    size_t row_capacity;

    /* answered */
    unsigned end_count;   /* how often it ended: 1, or 0 when it was abandoned */
    bool ended_in_submit; /* it ended before the call that brought it returned */
    bool timed_out;       /* the outcome is the deadline's, not the strategy's */
    struct fs_outcome outcome;
    bool has_sale, has_order;
    struct fs_sale_info sale;   /* texts point into the request */
    struct fs_order_info found; /* texts point into the request */
    struct fs_sale_trouble
        trouble; /* state 0: none was told; of a list, of its last sale in trouble */
    char reason[FS_REASON_LEN_MAX];
    size_t row_count; /* rows told, also those for which there was no room */
    uint64_t asked_at_us;
    uint64_t ended_at_us;

    /* the driver's */
    struct fs_driver_loop *driver_loop;
    bool in_submit;
};

void fs_request_purchase(struct fs_request *request, const char *product, const char *buyer,
                         const char *order, uint32_t units);
/* kind: FS_OP_CANCEL or FS_OP_LOOKUP. */
void fs_request_ref(struct fs_request *request, enum fs_op_kind kind, const char *product,
                    const char *buyer, const char *order);
/* kind: FS_OP_COUNT, FS_OP_AUDIT; or with product "" FS_OP_LIST, FS_OP_PROBE. */
void fs_request_read(struct fs_request *request, enum fs_op_kind kind, const char *product);
/* Every field at its "unchanged" value; create and reset: with units. */
void fs_request_change(struct fs_request *request, enum fs_change_kind kind, const char *product,
                       int64_t units);

/* How the loops get a store, when the strategy needs one.  One for each loop; created and destroyed
 * on the test's thread, used on the loop's. */
struct fs_driver_store {
    unsigned node_count;
    bool is_cluster;
    struct fs_store *(*create)(void *data, unsigned loop_index);
    void (*destroy)(void *data, struct fs_store *store);
    /* What to poll for besides the mailbox: fills at most FS_DRIVER_FDS_MAX, returns how many; and
     * what became ready.  Both NULL: nothing. */
    size_t (*watch)(void *data, struct fs_store *store, struct pollfd *fds);
    void (*ready)(void *data, struct fs_store *store, const struct pollfd *fds, size_t count);
    void *data;
};

struct fs_driver_config {
    const struct fs_strategy *strategy;  /* borrowed */
    const struct fs_option *option_list; /* borrowed */
    size_t option_count;
    const char *data_dir;   /* borrowed */
    unsigned loop_count;    /* 1 to FS_DRIVER_LOOPS_MAX */
    uint32_t in_flight_max; /* ops of one loop */
    uint64_t deadline_span_us;
    const struct fs_driver_store *store; /* borrowed; NULL: none */
    bool quiet;                          /* drop the strategy's log lines */
};

/* What one loop has to bring of a run. */
struct fs_driver_job {
    struct fs_call call; /* the letter that starts it */
    struct fs_driver_loop *loop;
    struct fs_request **requests; /* owned */
    size_t count;
    size_t next;
    size_t ended;
    size_t in_flight;
    size_t in_flight_max;
};

struct fs_driver_loop {
    /* constant after open */
    struct fs_driver *driver;
    unsigned index;
    pthread_t thread;

    /* owned */
    struct fs_loop loop;
    struct fs_ops ops;
    struct fs_metrics metrics;
    struct fs_store *store;

    /* changing [loop] */
    struct fs_driver_job *job; /* NULL: idle */
    bool stopping;
    struct fs_call stop_call;
    uint64_t turn_count;
};

struct fs_driver {
    /* constant after open */
    struct fs_driver_config config;
    struct fs_strategy_host host;
    struct fs_log log;
    void *strategy; /* from open() */
    struct fs_driver_loop *loops;

    /* guarded by mutex */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t jobs_running;
};

/* Returns 0, or what open() or attach() returned.  [main] */
int fs_driver_open(struct fs_driver *driver, const struct fs_driver_config *config);

/* Waits until every op has come back, then detaches and closes.  [main] */
void fs_driver_close(struct fs_driver *driver);

/* Brings all requests, each on its own loop, in their order, at most in_flight_max at a time on each
 * loop, and returns when all have ended.  Abandoned ones have ended when they were brought.  [main] */
void fs_driver_run(struct fs_driver *driver, struct fs_request *requests, size_t count,
                   size_t in_flight_max);

/* One request. */
void fs_driver_ask(struct fs_driver *driver, struct fs_request *request);

/* Waits until no op is in flight, also those whose client has gone or timed out.  [main] */
void fs_driver_settle(struct fs_driver *driver);

/* The class in force, or "the store's". */
const char *fs_driver_durability(const struct fs_driver *driver);

#endif
