/* What clients asked and were told, and when: all that the judge knows. */
#ifndef FS_TESTS_SIM_HISTORY_H
#define FS_TESTS_SIM_HISTORY_H

#include "sim/world.h"

#define SIM_NEVER UINT64_MAX
#define SIM_NAME_SIZE 24

/* One request. */
struct sim_op {
    unsigned number;
    unsigned client;
    enum fs_op_kind kind;
    unsigned product;
    char buyer[SIM_NAME_SIZE];
    char order[SIM_NAME_SIZE]; /* or the change's name */
    uint32_t units;
    struct fs_sale_change change; /* without texts */

    unsigned server, incarnation, loop;
    uint64_t invoked_us;  /* sent by its client */
    uint64_t brought_us;  /* to the strategy; SIM_NEVER: not */
    uint64_t answered_us; /* SIM_NEVER: nobody knows what became of it */
    unsigned end_count;
    bool is_abandoned;
    bool is_timed_out;
    bool is_refused; /* no op was free: nothing was asked */
    struct fs_outcome outcome;
    bool has_sale, has_order;
    struct fs_sale_info sale;
    struct fs_order_info found;
    int64_t differences; /* of an audit: the sum of their sizes */

    struct sim_op *next_in_inbox;
    void (*done)(struct sim_world *world, struct sim_op *op); /* NULL: nobody waits */
};

struct sim_history {
    struct sim_op **list; /* owned */
    size_t count;
    size_t capacity;

    bool
        has_loss; /* something that was acknowledged may be gone: the sale may stand still until a reset */
    bool loses_orders; /* and orders with it */
    bool
        loses_tail; /* and the epoch with its counters is an earlier one: who does not know it sells on */
    uint64_t loss_us;     /* the first */
    uint64_t loss_end_us; /* the last */
    uint64_t started_us;  /* all sales are there */
    uint64_t healed_us;

    char complaint[512]; /* the first */
};

struct sim_op *sim_history_add(struct sim_history *history);
void sim_history_dispose(struct sim_history *history);

/* Records the first thing that must not be. */
__attribute__((format(printf, 2, 3))) void sim_complain(struct sim_world *world, const char *format,
                                                        ...);

/* Judges what is in the history.  is_settled: healed and quiet, and the last ops are lookups of all
 * orders, counts and audits. */
void sim_judge(struct sim_world *world, bool is_settled);

/* client.c */
void sim_clients_begin(struct sim_world *world);
/* Asks one request and runs the world until it is answered.  NULL: it was not. */
struct sim_op *sim_ask(struct sim_world *world, struct sim_op *op);
struct sim_op *sim_op_new(struct sim_world *world, enum fs_op_kind kind, unsigned product);
void sim_op_send(struct sim_world *world, struct sim_op *op);
/* Buys out, looks every order up, counts and audits. */
void sim_settle(struct sim_world *world);
bool sim_create_sales(struct sim_world *world);

const char *sim_verdict_name(enum fs_verdict verdict);

/* run.c: one run.  Returns whether all was well; complaint: of SIM_COMPLAINT_SIZE. */
#define SIM_COMPLAINT_SIZE 512
struct sim_totals {
    uint64_t runs, events, ops, sold;
    uint64_t faults[SIM_FAULT_COUNT];
    uint64_t verdicts[FS_VERDICT_COUNT];
};
bool sim_run(const struct sim_plan *plan, const struct fs_strategy *type, struct sim_lua *lua,
             FILE *trace, struct sim_totals *totals, char complaint[SIM_COMPLAINT_SIZE]);

#endif
