/* flashsale/strategy.h - the contract between the server and a purchase strategy.
 *
 * A strategy is a shared object that answers one question: may this buyer have these units of this
 * product, now?  It knows nothing of HTTP, sockets, event loops or hiredis.
 *
 *   1. The object exports one symbol, flashsale_strategy(), and nothing else.
 *   2. Each request is one struct fs_op.  The strategy completes it exactly once, inside the call
 *      that brought it or any time later, on the loop thread that brought it.
 *   3. A completion is recorded and delivered later in the same turn of the loop, so the server
 *      never re-enters a strategy.
 *   4. Until complete() the op, its state and every text of its request stay valid, also when the
 *      client has hung up or its deadline has passed: a sale is never abandoned half way.
 *   5. A call handed to the server (store, script, wait, post) answers exactly once, and never
 *      before the function that took it has returned.
 *   6. Text is borrowed and not NUL-terminated.  Neither side frees what the other made.
 *   7. Times named _us are monotonic microseconds, times named _ms are Unix milliseconds.  Return
 *      values are 0 or a negative errno value.
 *   8. Several servers may live in one process, each with a host of its own: a strategy keeps
 *      nothing in static variables.
 *
 * [main]  before the loops start or after they end, never concurrent
 * [loop]  on one event-loop thread, never concurrent for one worker
 * [any]   on any thread
 */
#ifndef FLASHSALE_STRATEGY_H
#define FLASHSALE_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when an existing field or rule changes.  A field added at the end of a struct changes only
 * struct_size, and strategies built before keep loading. */
#define FS_STRATEGY_ABI 1u

/* Longest texts a strategy is given, bytes. */
#define FS_PRODUCT_LEN_MAX 64u /* [A-Za-z0-9_-]+ */
#define FS_BUYER_LEN_MAX 96u   /* any bytes but NUL */
#define FS_ORDER_LEN_MAX 32u   /* [a-z0-9]+ */

struct fs_op;   /* one request in flight, owned by the server */
struct fs_loop; /* one event-loop thread, owned by the server */

struct fs_text {
    const char *data;
    size_t len; /* bytes */
};

/* What became of a request.  Zero is no verdict, so that a forgotten field is caught. */
enum fs_verdict {
    FS_DONE = 1,        /* sold, cancelled, changed, found: what was asked for is so */
    FS_SOLD_OUT,        /* fewer than the asked units were left, at one instant in the request */
    FS_LIMIT_REACHED,   /* with these units this buyer would have more than their share */
    FS_TOO_MANY,        /* more units than one order of this sale may ask for */
    FS_CLOSED,          /* the sale is not selling; outcome.state says why */
    FS_UNKNOWN,         /* no such product or order */
    FS_EXISTS,          /* the sale to create is there already; nothing was changed */
    FS_KEY_REUSED,      /* the order was used before for another product or other units */
    FS_IN_PROGRESS,     /* the same order is being decided elsewhere; ask again */
    FS_NOT_CANCELLABLE, /* the order belongs to an earlier epoch of the sale */
    FS_BUSY,            /* gave up waiting for a turn; this request took nothing, and never will */
    FS_UNAVAILABLE, /* the store could not be asked; this request took nothing, and never will */
    FS_UNDETERMINED /* the store was asked and did not answer; units may have been taken */
};
#define FS_VERDICT_COUNT 14 /* one more than the last, for tables */

/* What follows FS_SALE_CLOSED is only ever an answer; nobody may set it.  A sale whose window is over
 * answers FS_SALE_CLOSED. */
enum fs_sale_state {
    FS_SALE_OPEN = 1,
    FS_SALE_PAUSED,
    FS_SALE_CLOSED,
    FS_SALE_NOT_OPEN, /* open, but its window has not begun */
    FS_SALE_FROZEN,   /* the store has lost a part of what was acknowledged, or a script failed */
    FS_SALE_LOST,     /* the store has lost the sale */
    FS_SALE_FOREIGN   /* the store's data belongs to another layout, strategy or server */
};

/* The longest reason of a sale's trouble, bytes; a longer one is cut. */
#define FS_REASON_LEN_MAX 160u

struct fs_outcome {
    enum fs_verdict verdict;
    enum fs_sale_state state; /* with FS_CLOSED; else 0 */
    bool replayed;            /* the same order was decided before; this is that decision */
    uint32_t store_trips;     /* round trips made for this request, for the metrics */
    int64_t units_left;       /* after the decision, as far as known; -1 where it is not */
    uint64_t epoch;           /* of the sale; 0: none */
    uint64_t sequence;        /* of the sale's ledger, rising by one with each record; 0: none */
};

struct fs_purchase {
    struct fs_text product;
    struct fs_text buyer;
    struct fs_text order; /* names this attempt; the same order is never sold twice */
    uint32_t units;       /* 1 or more, all or nothing */
    uint64_t deadline_us; /* past it the client has been answered: start nothing new */
};

/* Names an order, to cancel it or to look it up. */
struct fs_order_ref {
    struct fs_text product;
    struct fs_text buyer;
    struct fs_text order;
    uint64_t deadline_us;
};

enum fs_change_kind {
    FS_CHANGE_CREATE = 1, /* FS_EXISTS when the sale is there */
    FS_CHANGE_RESET,      /* creates it, or starts a new epoch with units_reset units */
    FS_CHANGE_UPDATE      /* FS_UNKNOWN when the sale is not there */
};

/* Creates a sale or changes one; fields at their "unchanged" value are left alone, and take their
 * default where the sale is new. */
struct fs_sale_change {
    enum fs_change_kind kind;
    struct fs_text product;
    struct fs_text change;       /* names this change, as an order does a purchase: the same change
                                    is made once; empty: not remembered */
    int64_t units_reset;         /* create and reset: units of the new epoch, 0 or more; else -1 */
    int64_t units_add;           /* update: restock; below 0: unsold units are taken out */
    int64_t units_per_buyer_max; /* -1: unchanged; 0: no limit (default) */
    int64_t units_per_order_max; /* -1: unchanged; 0: no limit (default) */
    int64_t opens_at_ms;         /* -1: unchanged; 0: always open (default) */
    int64_t closes_at_ms;        /* -1: unchanged; 0: never closes (default) */
    int32_t state;               /* -1: unchanged; else FS_SALE_OPEN (default), PAUSED or CLOSED */
    uint64_t deadline_us;
};

/* Answers to reads, told to the server before complete().  Units obey
 *   units_initial + units_restocked == units_left + units_sold + units_in_transit.
 * Of a sale in state FS_SALE_LOST or FS_SALE_FOREIGN the units are not known: all are -1. */
struct fs_sale_info {
    struct fs_text product;
    enum fs_sale_state state; /* in force now, by the store's clock */
    uint64_t epoch;           /* from 1 */
    uint64_t sequence;
    int64_t units_initial;   /* at the start of the epoch */
    int64_t units_restocked; /* since then */
    int64_t units_left;
    int64_t units_sold; /* less what was cancelled */
    int64_t units_in_transit;
    int64_t units_per_buyer_max;
    int64_t units_per_order_max;
    int64_t opens_at_ms;
    int64_t closes_at_ms;
};

/* Why a sale sells nothing until an operator acts. */
struct fs_sale_trouble {
    enum fs_sale_state state; /* FS_SALE_FROZEN, FS_SALE_LOST or FS_SALE_FOREIGN */
    struct fs_text reason;    /* one clause for an operator: what was found, where */
    int64_t since_ms;         /* when it was found first; 0: not known */
};

enum fs_order_status { FS_ORDER_SOLD = 1, FS_ORDER_CANCELLED };

struct fs_order_info {
    struct fs_text product;
    struct fs_text buyer;
    struct fs_text order;
    uint32_t units;
    enum fs_order_status status;
    uint64_t epoch;
    uint64_t sequence;  /* of the record that sold it */
    int64_t units_left; /* as answered when it was sold; -1: not known */
    int64_t sold_at_ms;
    int64_t cancelled_at_ms; /* 0: not cancelled */
};

/* Store */

enum fs_reply_kind {
    FS_REPLY_NIL = 1,
    FS_REPLY_INTEGER,
    FS_REPLY_TEXT, /* also a status such as OK */
    FS_REPLY_LIST,
    FS_REPLY_ERROR,    /* the command failed: text; a script may be half executed */
    FS_REPLY_NOT_SENT, /* the command never left this process */
    FS_REPLY_LOST,     /* the command left, the answer did not come; it may have run */
    FS_REPLY_REFUSED   /* the store answered that it did not run the command: text; nothing was
                          changed */
};

struct fs_reply {
    enum fs_reply_kind kind;
    int64_t integer;
    struct fs_text text;
    const struct fs_reply *items;
    size_t item_count;
};

/* A question to the server.  Embed one in the op's state or in the worker; it stays in place until
 * done() runs.  reply is borrowed for the length of done(), and NULL for wait() and post(). */
struct fs_call {
    void (*done)(struct fs_call *call, const struct fs_reply *reply); /* [loop] */
    void *reserved[4];                                                /* the server's */
};

struct fs_script {
    const char *name;   /* for logs and metrics */
    const char *source; /* Lua; static, called by its digest, sent again when the store forgot it */
};

enum fs_log_level { FS_LOG_DEBUG = 1, FS_LOG_INFO, FS_LOG_WARNING, FS_LOG_ERROR };

/* Each attempt to take a lock is ACQUIRED or FAILED in the end; CONTENDED is reported besides when
 * it was not free at the first try, LOST when it was taken and then found to be gone. */
enum fs_lock_event { FS_LOCK_ACQUIRED = 1, FS_LOCK_CONTENDED, FS_LOCK_FAILED, FS_LOCK_LOST };

/* Each step of a transfer that is begun has one of these in the end. */
enum fs_transfer_event {
    FS_TRANSFER_MADE = 1, /* units were brought for purchases that home was short for */
    FS_TRANSFER_SWEPT,    /* units were brought to the joint shard */
    FS_TRANSFER_FINISHED, /* one that another server began was brought to its end */
    FS_TRANSFER_REFUSED,  /* nothing was taken: the units are gone, or another is under way */
    FS_TRANSFER_FAILED    /* a store did not answer; whoever needs the units finishes it */
};
#define FS_TRANSFER_EVENT_COUNT 6 /* one more than the last, for tables */

/* What the server offers.  Valid from open() until close() has returned. */
struct fs_host {
    uint32_t abi_version;
    uint32_t struct_size;

    uint64_t (*now_us)(void); /* [any] */
    void (*log)(const struct fs_host *host, enum fs_log_level level, const char *format, ...)
        __attribute__((format(printf, 3, 4))); /* [any] */

    /* Answers to reads, copied, any number before complete(): sales for count() and list(), an order
     * for purchase() when replayed, cancel() and lookup(), named terms for audit().  [loop] */
    void (*tell_sale)(struct fs_op *op, const struct fs_sale_info *sale);
    void (*tell_order)(struct fs_op *op, const struct fs_order_info *order);
    void (*tell_term)(struct fs_op *op, struct fs_text name, int64_t value);

    /* Ends op.  [loop, the op's own] */
    void (*complete)(struct fs_op *op, const struct fs_outcome *outcome);

    /* Store nodes are numbered from 0 to store_count() - 1; a key's node is where its hash tag
     * lives.  argv is copied before these return.  The first key_count of argv are KEYS.  A call is
     * answered at the latest a little after deadline_us (0: the store's own command deadline), as
     * FS_REPLY_NOT_SENT or FS_REPLY_LOST. [loop] */
    unsigned (*store_count)(const struct fs_host *host);
    void (*store)(struct fs_loop *loop, struct fs_call *call, struct fs_text key,
                  uint64_t deadline_us, size_t argc, const struct fs_text *argv);
    void (*script)(struct fs_loop *loop, struct fs_call *call, const struct fs_script *script,
                   uint64_t deadline_us, size_t key_count, size_t argc, const struct fs_text *argv);

    void (*wait)(struct fs_loop *loop, struct fs_call *call, uint32_t delay_ms); /* [loop] */
    void (*post)(struct fs_loop *loop, struct fs_call *call);                    /* [any] */
    void (*lock_event)(struct fs_loop *loop, enum fs_lock_event event,
                       uint64_t wait_us); /* [loop] */

    /* Counts a store command that decides purchases, and how many, for the metrics.  Not every host
     * has it: look at struct_size.  [loop] */
    void (*batch)(struct fs_loop *loop, uint32_t purchases);

    /* Says whether units may be taken or given back for op: true before the first thing is sent that
     * can do so, false again once it is certain that none of it did.  At an op's deadline the server
     * answers by this alone, however late the strategy is: FS_UNDETERMINED for an op that is asked,
     * FS_BUSY for one that is not.  False: that answer has been given; send nothing more for op, and
     * complete it.  Only with FS_STRATEGY_SAYS_ASKED: else what can change units is asked from the
     * start.  Reads never are.  Not every host has it: look at struct_size.  [loop, the op's own] */
    bool (*asked)(struct fs_op *op, bool is_asked);

    /* Says how many sales this process knows to answer nothing until they are reset, for the metrics:
     * again whenever it changes.  Not every host has it.  [any] */
    void (*sales_frozen)(const struct fs_host *host, uint64_t count);

    /* The store is a Redis Cluster: a script's keys must have one hash tag, slots decide where keys live
     * and may move, and store_count() is the number of primaries at start.  Not every host has it.
     * [any] */
    bool (*store_is_cluster)(const struct fs_host *host);

    /* An answer to list(), told after the sale that it belongs to: what is left on one of its shards.
     * Not every host has it.  [loop] */
    void (*tell_shard)(struct fs_op *op, struct fs_text product, uint32_t shard,
                       int64_t units_left);

    /* Counts what became of a transfer of units between shards.  Not every host has it.  [loop] */
    void (*transfer_event)(struct fs_loop *loop, enum fs_transfer_event event);

    /* An answer to every kind of op but a probe: why the sale sells nothing.  To list() it is told
     * after the sale that it belongs to.  Copied.  Not every host has it.  [loop] */
    void (*tell_trouble)(struct fs_op *op, const struct fs_sale_trouble *trouble);

    /* The random id of the sale data that this server serves: a sale in the store carries it, and is
     * served to nobody who names another.  Empty: none.  Not every host has it.  [any] */
    struct fs_text (*data_id)(const struct fs_host *host);

    /* The manifest that the store of this key must have under {prefix}manifest, for a script on the same
     * store that makes a sale: with " (unused)" behind it no sale was made there before, and the script
     * takes that mark away.  Empty: the script need not look (a cluster, where it cannot).  Not every
     * host has it.  [any] */
    struct fs_text (*manifest)(const struct fs_host *host, struct fs_text key);
};

/* Strategy */

enum {
    FS_STRATEGY_USES_STORE = 1u << 0,    /* the server is ready only once the store answers */
    FS_STRATEGY_PROCESS_LOCAL = 1u << 1, /* the units live in this process: run only one */
    FS_STRATEGY_SAYS_ASKED = 1u << 2     /* calls host->asked(): its ops begin as not asked */
};

struct fs_option {
    const char *name;
    const char *value;
};

struct fs_options {
    const struct fs_option *list;
    size_t count;
    const char *data_dir;   /* where a strategy may keep files; exists, private to the user */
    const char *key_prefix; /* what each store key starts with but the plan's lock:* */
};

/* Rows of audit().  A sale is sound when every term that ends in "_difference" is 0. */
struct fs_strategy {
    uint32_t abi_version; /* FS_STRATEGY_ABI */
    uint32_t struct_size; /* sizeof(struct fs_strategy) where the strategy was built */
    const char *name;     /* [a-z0-9_]+ */
    const char *summary;  /* one line for people */
    uint32_t flags;       /* FS_STRATEGY_... */
    uint32_t state_size;  /* bytes of zeroed memory, aligned for any type, kept with each op */

    /* Once per server.  Returns 0, or -EINVAL or another errno after logging what is wrong.  [main] */
    int (*open)(const struct fs_host *host, const struct fs_options *options, void **strategy);
    void (*close)(void *strategy);

    /* Once per loop, before its first op and after its last.  [main] */
    int (*attach)(void *strategy, struct fs_loop *loop, void **worker);
    void (*detach)(void *worker);

    /* Each brings one op, to be ended with complete().  [loop]
     *   purchase  DONE, SOLD_OUT, LIMIT_REACHED, TOO_MANY, CLOSED, UNKNOWN, KEY_REUSED, IN_PROGRESS
     *   cancel    DONE (replayed when it was cancelled before), UNKNOWN, NOT_CANCELLABLE
     *   lookup    DONE after tell_order(), UNKNOWN
     *   count     DONE after tell_sale(), UNKNOWN
     *   list      DONE after one tell_sale() for each sale, in the order of product ids
     *   audit     DONE after tell_term() for each term of the conservation check, UNKNOWN
     *   change    DONE after tell_sale(), EXISTS, UNKNOWN, KEY_REUSED (of a change's name),
     *             SOLD_OUT (fewer unsold units are there than units_add takes out),
     *             TOO_MANY (a new sale where there is room for no more), CLOSED after tell_trouble()
     *             with FROZEN, LOST or FOREIGN (a frozen sale takes a reset, or may be paused or
     *             closed; a lost one a reset alone)
     * and each of them BUSY, UNAVAILABLE or UNDETERMINED. */
    void (*purchase)(void *worker, struct fs_op *op, void *state, const struct fs_purchase *);
    void (*cancel)(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *);
    void (*lookup)(void *worker, struct fs_op *op, void *state, const struct fs_order_ref *);
    void (*count)(void *worker, struct fs_op *op, void *state, struct fs_text product);
    void (*list)(void *worker, struct fs_op *op, void *state);
    void (*audit)(void *worker, struct fs_op *op, void *state, struct fs_text product);
    void (*change)(void *worker, struct fs_op *op, void *state, const struct fs_sale_change *);

    /* Optional: once at the end of each turn of the loop in which an op was brought or a call was
     * answered, so that what one turn brought can go to the store as one batch.  [loop] */
    void (*turn_end)(void *worker);

    /* Optional: the durability class in force, one of "memory", "journal", "aof-everysec",
     * "aof-always", "replica"; NULL: the store's.  Borrowed until close().  [any] */
    const char *(*durability)(void *strategy);

    /* Optional: asks the store, by running the purchase script in a dry mode, whether a purchase
     * could be decided now: DONE or UNAVAILABLE.  [loop] */
    void (*probe)(void *worker, struct fs_op *op, void *state);

    /* Optional: how many stores suit it where the user names none; 0: one. */
    uint32_t stores_wanted;

    /* Optional: strategies of one family read each other's data, [a-z0-9_]+; NULL: its name. */
    const char *data_family;
};

#define FS_STRATEGY_HEAD .abi_version = FS_STRATEGY_ABI, .struct_size = sizeof(struct fs_strategy)

#ifndef FS_STRATEGY_SYMBOL /* tests link several strategies into one program */
#define FS_STRATEGY_SYMBOL flashsale_strategy
#endif

__attribute__((visibility("default"))) const struct fs_strategy *FS_STRATEGY_SYMBOL(void);

#define FS_STRATEGY_EXPORT(table)                      \
    const struct fs_strategy *FS_STRATEGY_SYMBOL(void) \
    {                                                  \
        return &(table);                               \
    }

#ifdef __cplusplus
}
#endif

#endif /* FLASHSALE_STRATEGY_H */
