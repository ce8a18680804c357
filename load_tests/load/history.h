/* What every request of a run was, and what was answered: the client's side of the audit.
 *
 * One writer a thread, each with a history of its own; read when the threads have ended. */
#ifndef FS_BENCH_HISTORY_H
#define FS_BENCH_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FS_ORDER_ID_SIZE 33 /* bytes, with the NUL; the server's are 32 characters */

enum fs_operation_kind {
    FS_OPERATION_PURCHASE = 1,
    FS_OPERATION_INVENTORY,
    FS_OPERATION_CANCEL,
    FS_OPERATION_LOOKUP,
    FS_OPERATION_RESTOCK,
    FS_OPERATION_LOGIN,
};

/* How a request ended.  FS_ANSWER_OK is `sold` for purchases. */
enum fs_answer {
    FS_ANSWER_OK = 1,
    FS_ANSWER_SOLD_OUT,     /* 400 sold_out */
    FS_ANSWER_LIMIT,        /* 409 user_limit */
    FS_ANSWER_BUSY,         /* 503 busy, 429 */
    FS_ANSWER_UNAVAILABLE,  /* 503 unavailable */
    FS_ANSWER_UNDETERMINED, /* 504 undetermined */
    FS_ANSWER_IN_PROGRESS,  /* 409 in_progress: the same key is being decided */
    FS_ANSWER_UNEXPECTED_4XX,
    FS_ANSWER_5XX,       /* any other */
    FS_ANSWER_TIMEOUT,   /* the request's deadline passed */
    FS_ANSWER_TRANSPORT, /* refused, reset, unparsable */
    FS_ANSWER_CUT,       /* the generator closed the connection on purpose */
    FS_ANSWER_KINDS,     /* how many, with the zero that none is */
};

const char *fs_operation_kind_name(enum fs_operation_kind kind); /* "purchase" */
const char *fs_answer_name(enum fs_answer answer); /* "sold_out"; FS_ANSWER_OK is "ok" */

/* Whether it counts in the error rate: unexpected 4xx, 5xx (with unavailable and undetermined),
 * timeouts, transport errors.  sold_out, limit, busy, in_progress, cut are outcomes. */
bool fs_answer_is_error(enum fs_answer answer);

struct fs_operation {
    uint64_t intended_us; /* since the run's clock started: when it should have been sent */
    uint64_t sent_us;     /* read before the call that gave the kernel its last byte: the server
                             cannot have acted earlier, and the audit builds on that.  0: never sent,
                             so the server cannot have acted at all */
    uint64_t answered_us; /* read after the call that brought its answer whole, or when it ended;
                             0: never */
    uint64_t attempt;     /* names the purchase: all requests with one idempotency key share it */
    int64_t remaining;    /* of a sold purchase; stock of an inventory; -1: none told */
    uint32_t user;        /* index, user_<index + 1> */
    uint16_t product;     /* index in the scenario's products */
    uint16_t quantity;    /* units of a purchase or restock */
    uint16_t status;      /* HTTP; 0 without an answer */
    uint8_t kind;         /* enum fs_operation_kind */
    uint8_t answer;       /* enum fs_answer */
    bool replayed;        /* Idempotency-Replayed: true */
    bool again;           /* not the first request of its attempt */
    bool warmup;
    char order_id
        [FS_ORDER_ID_SIZE]; /* of a sold purchase; the order asked for in cancel and lookup */
};

struct fs_history {
    struct fs_operation **blocks; /* owned, each FS_HISTORY_BLOCK long */
    size_t block_count;
    size_t count;
};

#define FS_HISTORY_BLOCK 16384

void fs_history_init(struct fs_history *history);
void fs_history_dispose(struct fs_history *history);

/* A zeroed operation at the end, valid as long as the history; NULL: no memory.  [its thread] */
struct fs_operation *fs_history_add(struct fs_history *history);

static inline struct fs_operation *fs_history_at(const struct fs_history *history, size_t i)
{
    return &history->blocks[i / FS_HISTORY_BLOCK][i % FS_HISTORY_BLOCK];
}

/* Moves all that from holds behind what into holds; from is empty afterwards.  -ENOMEM: both as they were. */
int fs_history_append(struct fs_history *into, struct fs_history *from);

#endif
