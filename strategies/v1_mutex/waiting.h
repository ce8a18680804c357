/* The ops of one loop that wait for the disk.
 *
 * An op that wrote, or whose answer (a refusal too) rests on a record not yet durable, joins its
 * loop's FIFO.  The loop asks to be woken by putting the position its first op waits for into
 * `awaited`; the journal thread takes the wish away when it fulfils it, by a post.  Whoever changes
 * the word from a position to 0 decides: the journal thread then posts, the loop then needs no post
 * any more.  So at most one post is under way, and none once the FIFO is empty: a detach never leaves
 * one behind. */
#ifndef FS_V1_WAITING_H
#define FS_V1_WAITING_H

#include <stdatomic.h>

#include <flashsale/strategy.h>

#include "journal.h"

/* What an op keeps meanwhile, in its state. */
struct fs_v1_pending {
    struct fs_v1_pending *next;
    struct fs_op *op;
    uint64_t position;
    struct fs_outcome outcome;
};

struct fs_v1_waiting {
    /* constant after init */
    const struct fs_host *host;    /* borrowed */
    struct fs_v1_journal *journal; /* borrowed; NULL: nothing ever waits */
    struct fs_loop *loop;          /* borrowed */

    /* changing [loop] */
    struct fs_v1_pending *first, *last; /* borrowed */
    bool is_armed;                      /* awaited was set, and not taken back */

    /* changing, shared */
    struct fs_call wake;
    _Alignas(64) _Atomic uint64_t awaited; /* 0: no wish, or one that is being fulfilled */
};

void fs_v1_waiting_init(struct fs_v1_waiting *waiting, const struct fs_host *host,
                        struct fs_v1_journal *journal, struct fs_loop *loop);

/* Completes op once the journal is durable up to position; state is its own, of this size at least.
 * [loop] */
void fs_v1_waiting_add(struct fs_v1_waiting *waiting, struct fs_op *op, void *state,
                       uint64_t position, const struct fs_outcome *outcome);

/* Completes what is durable, and asks for a post for the rest.  At the end of each turn.  [loop] */
void fs_v1_waiting_settle(struct fs_v1_waiting *waiting);

/* Nothing waits and no post is under way. */
bool fs_v1_waiting_is_empty(const struct fs_v1_waiting *waiting);

/* The journal is durable up to position: posts where the loop wishes it.  [journal thread] */
void fs_v1_waiting_notice(struct fs_v1_waiting *waiting, uint64_t position);

#endif
