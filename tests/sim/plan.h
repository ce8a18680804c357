/* What one run of the simulator does: everything is drawn from the seed, and may then be narrowed. */
#ifndef FS_TESTS_SIM_PLAN_H
#define FS_TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NODES_MAX 4u
#define SIM_SERVERS_MAX 3u
#define SIM_LOOPS_MAX 3u
#define SIM_PRODUCTS_MAX 2u
#define SIM_CLIENTS_MAX 16u
#define SIM_HAPPENINGS_MAX 24u

/* name, what it is called in FS_DROP and in the report.  Those up to SIM_FAULT_RATED have a rate for
 * each message or turn; the others are happenings of the plan, each at its time. */
#define SIM_FAULTS(X)                       \
    X(REQUEST_LATE, "request-late")         \
    X(REPLY_LATE, "reply-late")             \
    X(CUT_BEFORE, "cut-before-execution")   \
    X(CUT_AFTER, "cut-after-execution")     \
    X(CUT_ZOMBIE, "cut-but-still-executed") \
    X(MOVED, "moved")                       \
    X(TRYAGAIN, "tryagain")                 \
    X(TURN_LATE, "turn-late")               \
    X(HANG_UP, "client-hangs-up")           \
    X(DISK_SHORT, "short-write")            \
    X(DISK_ERROR, "write-error")            \
    X(RATED, "")                            \
    X(STORE_DOWN, "store-restarted")        \
    X(STORE_HUNG, "store-hangs")            \
    X(STORE_TAIL, "store-lost-tail")        \
    X(STORE_REPLICA, "replica-behind")      \
    X(STORE_EMPTY, "store-emptied")         \
    X(STORE_KEY, "key-deleted")             \
    X(STORE_OOM, "out-of-memory")           \
    X(STORE_READONLY, "readonly")           \
    X(STORE_LOADING, "loading")             \
    X(STORE_NOSCRIPT, "noscript")           \
    X(STORE_SKEW, "store-clock-stepped")    \
    X(STORE_ACL, "acl-denied")              \
    X(SERVER_KILLED, "server-killed")       \
    X(WORKER_STOPPED, "worker-stopped")     \
    X(SERVER_SKEW, "server-clock-stepped")  \
    X(STORES_SWAPPED, "stores-swapped")     \
    X(SHARDS_CHANGED, "shards-changed")     \
    X(DISK_TORN, "torn-tail")

enum sim_fault {
#define X(name, text) SIM_FAULT_##name,
    SIM_FAULTS(X)
#undef X
        SIM_FAULT_COUNT
};

extern const char *const sim_fault_names[SIM_FAULT_COUNT];

/* One fault at a time of its own. */
struct sim_happening {
    uint64_t at_us;
    enum sim_fault fault;
    unsigned target; /* which node or server */
    uint64_t span_us;
    uint64_t draw; /* whatever else it needs */
};

struct sim_plan {
    uint64_t seed;
    const char *strategy; /* "v1" ... */
    const char *file;     /* its shared object */

    bool is_live; /* faults stop at the end, and then all must be sold */
    unsigned node_count;
    bool is_cluster;
    unsigned server_count;
    unsigned loop_count; /* of each server */
    unsigned shards;     /* v4 */
    bool is_textbook;    /* v2 */
    unsigned batches;    /* v3, v4 */
    unsigned batch_max;
    unsigned audit_max, log_max; /* v2 to v4 */

    unsigned product_count;
    int64_t units[SIM_PRODUCTS_MAX]; /* of each epoch */
    int64_t per_buyer[SIM_PRODUCTS_MAX];
    int64_t per_order[SIM_PRODUCTS_MAX];
    int64_t opens_ms, closes_ms; /* of all sales, after the start of the run; 0: no window */

    unsigned client_count;
    unsigned ops_per_client;
    unsigned units_max; /* a purchase asks for 1 to this */
    bool has_changes;   /* somebody pauses, restocks, resets */
    uint64_t think_us;  /* between two requests of a client, at most */
    uint64_t span_us;   /* of the run with faults */
    uint64_t deadline_us;

    double rates[SIM_FAULT_RATED];
    bool is_dropped[SIM_FAULT_COUNT];
    struct sim_happening happenings[SIM_HAPPENINGS_MAX];
    unsigned happening_count;
    uint32_t happenings_kept; /* a bit for each */
};

/* Draws the plan of a seed. */
void sim_plan_draw(struct sim_plan *plan, const char *strategy, uint64_t seed);

/* Whether a fault can lose what was acknowledged. */
bool sim_fault_loses(enum sim_fault fault);

/* Takes over FS_WITH and FS_DROP (names with commas between them), FS_KEEP (the bits of happenings), FS_CLIENTS and
 * FS_OPS.  Returns NULL, or what is wrong. */
const char *sim_plan_narrow(struct sim_plan *plan);

/* The words that repeat it. */
void sim_plan_print(const struct sim_plan *plan, char *chars, size_t size);

#endif
