/* Ops of one loop, with a strategy that holds what it is given until the test says so. */
#ifndef FS_TESTS_UNIT_PURCHASE_HOLDING_H
#define FS_TESTS_UNIT_PURCHASE_HOLDING_H

#include "base/text.h"
#include "purchase/op.h"

#define HELD_MAX 8u
#define SPAN_US UINT64_C(60000000)
#define STATE_SIZE 48u

/* A strategy that completes when the test says so, or at once. */
struct worker {
    const struct fs_host *host;
    struct fs_op *held[HELD_MAX];
    size_t held_count;
    bool completes_at_once;
    bool state_was_zero;
    uint64_t deadline_us;
};

struct client {
    unsigned ends;
    unsigned sales;
    unsigned terms;
    struct fs_outcome outcome;
    bool timed_out;
    struct fs_ops *submits_to; /* submits one more op in each on_end() */
    struct fs_op *abandons;    /* in on_end() */
};

struct fixture {
    struct fs_strategy_host host;
    struct fs_log log;
    struct fs_metrics metrics;
    struct fs_loop loop;
    struct fs_ops ops;
    struct worker worker;
    struct client client;
};

extern const struct fs_outcome done_outcome;
extern const struct fs_op_client client_type; /* its data: a struct client */

void set_up(struct fixture *fixture, uint32_t in_flight_max);
void tear_down(struct fixture *fixture);

/* NULL when all are in flight. */
struct fs_op *take_purchase(struct fs_ops *ops, struct client *client);
void submit_purchase(struct fs_ops *ops, struct client *client);

#endif
