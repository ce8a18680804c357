/* A model of v4's moves to another number of shards (strategies/v4_shards/README.md), small enough that
 * every state of it can be visited.
 *
 * A state is the layout's hash, the shards of every layout, the processes that are at work, and commands
 * that may still run although their sender has given them up or is dead (late).  A move is one command with
 * its answer, one fault, one late command, or the end of the lease.
 *
 * All members are bytes: a state has no padding and can be hashed and compared as it is. */
#ifndef FS_TESTS_MODEL_LAYOUTS_H
#define FS_TESTS_MODEL_LAYOUTS_H

#include "model/search.h"

enum {
    FS_LAYOUTS_MAX = 5, /* numbers of layouts, the first is 0 */
    FS_LAYOUTS_SHARDS_MAX = 2,
    FS_LAYOUTS_ORDERS_MAX = 2, /* each of one unit and of a buyer of its own */
    FS_LAYOUTS_PROCESSES_MAX = 4,
    FS_LAYOUTS_LATE_MAX = 2,
    FS_LAYOUTS_NONE = 0xff
};

/* Ways to get the protocol wrong, each of which the search must find. */
enum fs_layouts_mistake {
    FS_LAYOUTS_CORRECT,
    FS_LAYOUTS_READS_ONCE,      /* the sums are of the READ before the marks; sold is as copied */
    FS_LAYOUTS_UNMARKS_ANY,     /* a mark is taken away whatever its number */
    FS_LAYOUTS_CLEARS_FIRST,    /* the old shards are removed before the flip */
    FS_LAYOUTS_COPIES_BLINDLY,  /* copies may fail, and are not compared */
    FS_LAYOUTS_FLIPS_LATE,      /* a flip does not look who is moving the sale */
    FS_LAYOUTS_REUSES_NUMBERS,  /* the next number is the one above the layout that counts */
    FS_LAYOUTS_DECIDES_MARKED,  /* DECIDE does not look for the mark */
    FS_LAYOUTS_CHANGES_MARKED,  /* nor does a change */
    FS_LAYOUTS_LEAVES_NO_MARK,  /* clear removes shard 0's mark, too */
    FS_LAYOUTS_LEAVES_ONE_MARK, /* clear removes the marks of all shards but 0 */
    FS_LAYOUTS_MISTAKE_COUNT
};

enum fs_layouts_kind {
    FS_LAYOUTS_OPENER = 1, /* PATCH open by a server whose option is `value` shards */
    FS_LAYOUTS_BUYER,      /* of order `value`; knows the first layout */
    FS_LAYOUTS_CANCELLER,  /* likewise */
    FS_LAYOUTS_RESTOCKER,  /* PATCH add 1; knows the first layout */
    FS_LAYOUTS_CREATOR,    /* PUT by a server that knows the first layout */
    FS_LAYOUTS_INNOCENT,   /* has met a mark, asks where the sale is, takes marks away */
    FS_LAYOUTS_PUTTER      /* finishes the transfer of the first layout */
};

enum fs_layouts_status { FS_LAYOUTS_NOT_MADE, FS_LAYOUTS_SOLD, FS_LAYOUTS_CANCELLED };

struct fs_layouts_setup {
    const char *name;
    uint8_t shard_count; /* of layout 0 */
    uint8_t left[FS_LAYOUTS_SHARDS_MAX];
    uint8_t transit; /* units on their way from shard 0 to 1 */
    uint8_t orders[FS_LAYOUTS_ORDERS_MAX];
    bool is_half_closed; /* shard 1 has not heard that the sale is closed */
    bool is_opened_late; /* a dead process' step, that tells shard 1 that the sale is open */
    uint8_t process_count;
    struct {
        enum fs_layouts_kind kind;
        uint8_t value;
    } processes[FS_LAYOUTS_PROCESSES_MAX];
    uint8_t losses;
    uint8_t crashes;
    uint8_t leases; /* how often a lease may end while its mover is at work */
    enum fs_layouts_mistake mistake;
};

enum fs_layouts_frozen { FS_LAYOUTS_FREE, FS_LAYOUTS_MARKED, FS_LAYOUTS_BUILDING };

struct fs_layouts_shard {
    uint8_t is_there; /* a mark may be there without it */
    uint8_t frozen;
    uint8_t frozen_by;
    uint8_t is_open;
    uint8_t version;
    uint8_t dealt; /* and restocked */
    uint8_t left;
    uint8_t sold;
    uint8_t out; /* units that are on their way to shard 1 */
    uint8_t in;  /* they were put here */
    uint8_t orders[FS_LAYOUTS_ORDERS_MAX];
};

/* The layout's hash. */
struct fs_layouts_place {
    uint8_t layout;
    uint8_t next;
    uint8_t moving;  /* 0: nobody */
    uint8_t is_late; /* the lease is over */
    uint8_t old;     /* bits of layouts that are to be removed */
    uint8_t counts[FS_LAYOUTS_MAX];
};

enum fs_layouts_command_kind {
    FS_LAYOUTS_FIND = 1, /* where the sale is */
    FS_LAYOUTS_BEGIN,
    FS_LAYOUTS_VOID,
    FS_LAYOUTS_FLIP,
    FS_LAYOUTS_DROP,
    FS_LAYOUTS_READ,
    FS_LAYOUTS_SCAN, /* of the orders of an old shard */
    FS_LAYOUTS_MARK,
    FS_LAYOUTS_UNMARK,
    FS_LAYOUTS_CLEAR,
    FS_LAYOUTS_BUILD,
    FS_LAYOUTS_COPY,
    FS_LAYOUTS_END,
    FS_LAYOUTS_BUY,
    FS_LAYOUTS_CANCEL,
    FS_LAYOUTS_OPEN,
    FS_LAYOUTS_RESTOCK,
    FS_LAYOUTS_CREATE,
    FS_LAYOUTS_ADOPT,
    FS_LAYOUTS_PUT,
    FS_LAYOUTS_FORGET
};

struct fs_layouts_command {
    uint8_t kind; /* 0: none */
    uint8_t layout;
    uint8_t shard;
    uint8_t number;
    uint8_t order;
    uint8_t version;
    uint8_t is_open;
    uint8_t dealt;
    uint8_t left;   /* BEGIN: shards there will be; COPY: the order's status */
    uint8_t sender; /* late: the process; FS_LAYOUTS_NONE: dead */
};

enum fs_layouts_answer {
    FS_LAYOUTS_DONE = 1,
    FS_LAYOUTS_REFUSED, /* nothing was done, and for good */
    FS_LAYOUTS_FROZEN,  /* it is marked */
    FS_LAYOUTS_GONE     /* it is not there */
};

struct fs_layouts_reply {
    enum fs_layouts_answer answer;
    uint8_t order_count;           /* MARK, END */
    struct fs_layouts_shard shard; /* READ, END */
    struct fs_layouts_place place; /* of the layout's commands */
};

enum fs_layouts_end { FS_LAYOUTS_RUNS, FS_LAYOUTS_ENDED, FS_LAYOUTS_DEAD };

/* One process: what it does next follows from its step. */
struct fs_layouts_process {
    uint8_t end;
    uint8_t step;  /* a kind of command */
    uint8_t back;  /* after FIND and UNMARK */
    uint8_t shard; /* that the step is at */
    uint8_t order; /* COPY */
    uint8_t tries;
    uint8_t known; /* layout */
    uint8_t known_next;
    uint8_t number;      /* of its move */
    uint8_t is_sure;     /* READ: all are marked by it */
    uint8_t is_marked;   /* READ: one is marked */
    uint8_t is_settling; /* its change is made, and the other shards are to hear of it */
    uint8_t read_mask;
    uint8_t version;
    uint8_t is_open;
    uint8_t versions[FS_LAYOUTS_SHARDS_MAX];
    uint8_t dealt;
    uint8_t left;
    uint8_t sold;
    uint8_t out;
    uint8_t in;
    uint8_t order_count;
    uint8_t sold_after;
    uint8_t order_count_after;
    uint8_t scanned[FS_LAYOUTS_ORDERS_MAX];
    uint8_t is_clearing; /* beside its steps */
    uint8_t clear_layout;
    uint8_t clear_shard;
    uint8_t clear_number;
};

struct fs_layouts_state {
    struct fs_layouts_place place;
    struct fs_layouts_shard shards[FS_LAYOUTS_MAX][FS_LAYOUTS_SHARDS_MAX];
    struct fs_layouts_process processes[FS_LAYOUTS_PROCESSES_MAX];
    struct fs_layouts_command late[FS_LAYOUTS_LATE_MAX];
    uint8_t orders[FS_LAYOUTS_ORDERS_MAX]; /* as was decided */
    uint8_t dealt;                         /* with what was restocked */
    uint8_t losses_left;
    uint8_t crashes_left;
    uint8_t leases_left;
};

/* Units that shard k of so many is dealt. */
uint8_t fs_layouts_deal(uint8_t units, uint8_t shard, uint8_t shard_count);

/* layouts_store.c: runs a command where it runs.  *wrong is set when shards are changed that do not count. */
struct fs_layouts_reply fs_layouts_run(const struct fs_layouts_setup *setup,
                                       struct fs_layouts_state *state,
                                       const struct fs_layouts_command *command,
                                       const char **wrong);

/* A command of the layout's hash; all others run at a shard. */
bool fs_layouts_is_of_place(const struct fs_layouts_command *command);

/* layouts_process.c: what a process does first, next, after an answer, and without one. */
void fs_layouts_begin(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                      uint8_t index);
struct fs_layouts_command fs_layouts_next(const struct fs_layouts_setup *setup,
                                          const struct fs_layouts_state *state, uint8_t index,
                                          uint8_t choice);
void fs_layouts_answer(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                       uint8_t index, const struct fs_layouts_command *command,
                       const struct fs_layouts_reply *reply);
void fs_layouts_lose(const struct fs_layouts_setup *setup, struct fs_layouts_state *state,
                     uint8_t index);

/* Likewise of what it removes behind a flip. */
struct fs_layouts_command fs_layouts_next_clear(const struct fs_layouts_state *state,
                                                uint8_t index);
void fs_layouts_cleared(struct fs_layouts_state *state, uint8_t index,
                        const struct fs_layouts_reply *reply);

/* layouts.c: searches it. */
struct fs_search_result fs_layouts_search(const struct fs_layouts_setup *setup, bool is_verbose);

#endif
