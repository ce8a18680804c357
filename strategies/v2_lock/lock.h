/* The lock of one product as one worker sees it: at most one attempt, held or given up.
 *
 *   after a refusal: look.c reads first, and what is left goes on so:
 *
 *   idle ── pump ──► acquiring ── taken ──► held by trips.c ──► idle
 *                    │      ▲
 *        not free:   ▼      │ after a random wait
 *                    waiting ── the first op's deadline ──► idle (FS_BUSY)
 *
 * Ops wait in the product's queue, in the order of arrival, and only the first in it makes the worker
 * ask: so a worker contends once for each product, however many of its ops wait. */
#ifndef FS_V2_LOCK_H
#define FS_V2_LOCK_H

#include <stdatomic.h>

#include "ledger/ask.h"
#include "ledger/batch.h"

#define FS_V2_TOKEN_LEN 32u /* 128 random bits in hexadecimal */
#define FS_V2_RECORD_MAX 256u
#define FS_V2_LEASE_MS_MAX 60000u

/* A decision that was read and is to be written; textbook mode. */
struct fs_v2_decided {
    struct fs_ledger_op *state; /* NULL: none */
    struct fs_ledger_decision decision;
    uint64_t epoch;
    char record[FS_V2_RECORD_MAX];
};

struct fs_v2_lock {
    struct fs_call call;
    char owner[FS_V2_TOKEN_LEN + 1 + FS_LEDGER_NUMBER_SIZE]; /* token:fence */
    size_t owner_len;
    bool has_token;    /* it may still be the lock's value: it is used again */
    bool is_trying;    /* an attempt has begun and has not ended */
    bool is_contended; /* it was not free at the first try */
    bool is_foreign;   /* somebody else has it, which was logged */
    bool reads_first;  /* what waits is likely to be refused */
    uint32_t tries;
    uint64_t began_us;
    struct fs_v2_decided decided;
};

struct fs_v2 {
    struct fs_ledger ledger; /* first */
    uint32_t is_textbook;
    uint32_t lease_ms;
    uint32_t backoff_ms; /* the longest wait between two tries */
    uint32_t ops_per_lock;
    _Atomic uint64_t
        foreign_us; /* when a purchase last met a foreign lock; 0: none since one was free */
};

struct fs_v2_worker {
    struct fs_ledger_worker base; /* first */
    uint64_t random;              /* of the waits */

    /* foreign.c's */
    size_t known_next;       /* the sale whose lock the next probe looks at */
    size_t known_count;      /* sales, at the last probe */
    size_t foreign_in_a_row; /* of these, locks that were foreign at the last probes */
};

struct fs_v2_lock *fs_v2_lock_of(struct fs_ledger_product *product);
struct fs_v2 *fs_v2_of(const struct fs_ledger_product *product);

/* pump() of the worker: takes the lock when ops wait for it. */
void fs_v2_pump(struct fs_ledger_product *product);

/* foreign.c: whether a lock with this lease (PTTL) is none of flashsale's; what becomes of a product that
 * has one, and of one whose lock was taken; and the end of a probe. */
bool fs_v2_is_foreign(int64_t lease_ms);
void fs_v2_note_foreign(struct fs_ledger_product *product, int64_t lease_ms);
void fs_v2_note_free(struct fs_ledger_product *product);
void fs_v2_probe_lock(struct fs_ledger_ask *state);

/* look.c: where what waits is likely to be refused, reads it without the lock.  False: it is to be
 * taken. */
bool fs_v2_look(struct fs_ledger_product *product);

/* The token alone. */
struct fs_text fs_v2_token(const struct fs_v2_lock *lock);

/* Counts it in the lock metrics. */
void fs_v2_tell_event(const struct fs_ledger_product *product, enum fs_lock_event event,
                      uint64_t wait_us);

/* The lock was found to be lost: its ops go back to the queue and it is taken anew. */
void fs_v2_lock_lost(struct fs_ledger_product *product, struct fs_ledger_op *first);

/* trips.c: what is done under the lock, with the ops at the front of the queue. */
void fs_v2_held(struct fs_ledger_product *product);

#endif
