/* A model of v4's protocol (strategies/v4_shards/README.md), small enough that every state of it can
 * be visited.
 *
 * A state is a few shards, the purchases, cancels and resets that are under way (attempts), commands
 * that may still run although their sender has given them up (late), and how many faults may still
 * happen.  A move is one command at one shard with its answer, one fault, or one late command.
 * Nothing happens between a command and its answer that could not as well happen before the sender's
 * next command, so both are one move.
 *
 * All members are bytes: a state has no padding and can be hashed and compared as it is. */
#ifndef FS_TESTS_MODEL_MODEL_H
#define FS_TESTS_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "model/search.h"

enum {
    FS_MODEL_SHARDS_MAX = 3,
    FS_MODEL_ORDERS_MAX = 4,
    FS_MODEL_ATTEMPTS_MAX = 4,
    FS_MODEL_LATE_MAX = 2,
    FS_MODEL_JOINT = 0, /* the joint shard */
    /* More between two shards than the purchases and faults of any setup here can explain. */
    FS_MODEL_TRANSFERS_MAX = 24,
    FS_MODEL_NONE = 0xff
};

/* Ways to get the protocol wrong, each of which the search must find. */
enum fs_model_mistake {
    FS_MODEL_CORRECT,
    FS_MODEL_CREDITS_TWICE,     /* PUT does not look at its number */
    FS_MODEL_FORGETS_FIRST,     /* FORGET is sent before PUT */
    FS_MODEL_READS_ONCE,        /* one READ proves that the sale is sold out */
    FS_MODEL_COUNTS_NO_TRANSIT, /* what is in transit is not available */
    FS_MODEL_PUTS_SILENTLY,     /* PUT raises no sequence */
    FS_MODEL_ASKS_NOT_BETWEEN,  /* no DECIDE between the READs that prove */
    FS_MODEL_GATHERS_AT_HOME,   /* no joint phase: units are brought home in parts */
    FS_MODEL_REFUSES_FRAGMENTS, /* no joint phase: sold out when no shard has enough */
    FS_MODEL_TAKES_FOR_NOBODY,  /* the units are credited first and bought after */
    FS_MODEL_PUTS_ANY_EPOCH,    /* PUT does not look at its epoch */
    FS_MODEL_HAS_NO_FENCE,      /* what a living server has given up may still run */
    FS_MODEL_MISTAKE_COUNT
};

enum fs_model_kind { FS_MODEL_BUY = 1, FS_MODEL_CANCEL, FS_MODEL_RESET };

struct fs_model_setup {
    const char *name;
    uint8_t shard_count;
    uint8_t units[2]; /* dealt in epoch 1, and in epoch 2 where there is a reset */
    uint8_t order_count;
    struct {
        uint8_t home;
        uint8_t buyer;
        uint8_t units;
    } orders[FS_MODEL_ORDERS_MAX];
    uint8_t units_per_buyer_max; /* 0: no limit; none for buyer FS_MODEL_NONE */
    uint8_t attempt_count;
    struct {
        enum fs_model_kind kind;
        uint8_t order;
    } attempts[FS_MODEL_ATTEMPTS_MAX];
    bool is_warm;   /* servers have READ all shards before their purchase comes */
    bool is_bulk;   /* a TAKE from a shard with much takes half of it */
    uint8_t losses; /* answers that may be lost */
    uint8_t crashes;
    uint8_t copies; /* how often a command whose sender gave it up may still run */
    enum fs_model_mistake mistake;
};

/* The last transfer from one shard to another. */
struct fs_model_transfer {
    uint8_t number;
    uint8_t units;
    uint8_t order; /* for which; FS_MODEL_NONE: for none */
    uint8_t is_pending;
};

struct fs_model_shard {
    uint8_t epoch;
    uint8_t left;
    struct fs_model_transfer out[FS_MODEL_SHARDS_MAX];
    uint8_t in[FS_MODEL_SHARDS_MAX]; /* number of the last transfer put here, by donor */
};

enum fs_model_status { FS_MODEL_OPEN, FS_MODEL_SOLD, FS_MODEL_CANCELLED };

struct fs_model_order {
    uint8_t status;
    uint8_t epoch; /* in which it was sold */
    uint8_t
        is_final; /* refused by a server that had never lost the client: must not be sold after */
};

enum fs_model_command_kind {
    FS_MODEL_DECIDE = 1,
    FS_MODEL_READ,
    FS_MODEL_TAKE, /* order FS_MODEL_NONE: a sweep of all */
    FS_MODEL_PUT,
    FS_MODEL_FORGET,
    FS_MODEL_RETURN, /* cancels an order */
    FS_MODEL_BEGIN   /* an epoch */
};

struct fs_model_command {
    uint8_t kind; /* 0: none */
    uint8_t from; /* donor */
    uint8_t to;   /* destination */
    uint8_t order;
    uint8_t units; /* TAKE: at least; PUT: those of the transfer */
    uint8_t number;
    uint8_t epoch;
    uint8_t sender; /* late: the attempt; FS_MODEL_NONE: dead */
    uint8_t copies; /* late: how often it may still run */
};

enum fs_model_answer {
    FS_MODEL_DONE = 1,
    FS_MODEL_SHORT,   /* fewer are left than asked */
    FS_MODEL_LIMIT,   /* of the buyer */
    FS_MODEL_STALE,   /* another epoch */
    FS_MODEL_UNKNOWN, /* no such order to cancel */
    FS_MODEL_OPENED   /* TAKE: transfer is pending, made now or before */
};

struct fs_model_reply {
    enum fs_model_answer answer;
    struct fs_model_transfer transfer;
};

enum fs_model_end { FS_MODEL_RUNS, FS_MODEL_ENDED, FS_MODEL_GONE };

/* One server's work on one request. */
struct fs_model_attempt {
    uint8_t end;
    uint8_t has_come;   /* the request: what is read before is only remembered */
    uint8_t has_failed; /* its server died once, and the client asks again elsewhere */
    uint8_t has_memory; /* of a READ of all shards */
    uint8_t was_short;  /* at some instant since the request came fewer than asked were available */
    uint8_t read_mask;  /* bit k: shard k has been read in this round */
    uint8_t memory_changed; /* bit k: shard k changed since its READ that is remembered */
    uint8_t seen_changed;   /* bit k: since its READ of this round */
    struct fs_model_command next;
    struct fs_model_shard seen[FS_MODEL_SHARDS_MAX];
};

struct fs_model_state {
    struct fs_model_shard shards[FS_MODEL_SHARDS_MAX];
    struct fs_model_order orders[FS_MODEL_ORDERS_MAX];
    struct fs_model_attempt attempts[FS_MODEL_ATTEMPTS_MAX];
    struct fs_model_command late[FS_MODEL_LATE_MAX];
    uint8_t losses_left;
    uint8_t crashes_left;
};

/* What can happen to an attempt's next command, or to the attempt. */
enum fs_model_chance {
    FS_MODEL_ANSWERED,
    FS_MODEL_ANSWER_LOST, /* it ran */
    FS_MODEL_GIVEN_UP,    /* it has not run, and may run later */
    FS_MODEL_RETRIED,     /* the server dies, its command may run later; the client asks again */
    FS_MODEL_ABANDONED, /* the server dies, its command may run later; the client does not come back */
    FS_MODEL_CHANCE_COUNT
};

/* Units of epoch that shard k is dealt. */
uint8_t fs_model_deal(const struct fs_model_setup *setup, uint8_t epoch, uint8_t shard);

/* Units that could be sold in the newest epoch, in transit included. */
unsigned fs_model_available(const struct fs_model_setup *setup, const struct fs_model_state *state);

bool fs_model_is_one_epoch(const struct fs_model_setup *setup, const struct fs_model_state *state);

/* shard.c: runs command at its shard.  *changed: the shard whose sequence rose, or FS_MODEL_NONE. */
struct fs_model_reply fs_model_run(const struct fs_model_setup *setup, struct fs_model_state *state,
                                   const struct fs_model_command *command, uint8_t *changed);

/* The shard at which command runs. */
uint8_t fs_model_place(const struct fs_model_setup *setup, const struct fs_model_command *command);

/* server.c: what an attempt does first, and after reply.  Returns what is wrong with it, or NULL. */
void fs_model_begin(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                    uint8_t index);
const char *fs_model_answer(const struct fs_model_setup *setup, struct fs_model_state *state,
                            uint8_t index, const struct fs_model_reply *reply);
void fs_model_lose(const struct fs_model_setup *setup, struct fs_model_attempt *attempt,
                   uint8_t index);

/* moves.c */
void fs_model_init(const struct fs_model_setup *setup, struct fs_model_state *state);

/* There are fs_model_move_count() moves, by number.  Makes one.  False: it cannot happen in this
 * state, which is then undefined.  *wrong is set when it breaks a rule. */
unsigned fs_model_move_count(const struct fs_model_setup *setup);
bool fs_model_move(const struct fs_model_setup *setup, struct fs_model_state *state, unsigned move,
                   const char **wrong);

/* What is wrong with state, or NULL: conservation, oversell, units that nobody could buy. */
const char *fs_model_check(const struct fs_model_setup *setup, const struct fs_model_state *state);

/* Every attempt has ended. */
bool fs_model_is_over(const struct fs_model_setup *setup, const struct fs_model_state *state);

/* transfers.c: searches it, see search.h. */
struct fs_search_result fs_model_search(const struct fs_model_setup *setup, bool is_verbose);

#endif
