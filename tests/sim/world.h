/* A simulated world: time, events, stores, links, servers and clients, all drawn from one seed.
 *
 * One thread runs it.  Nothing sleeps and no socket is open: time is a number, and what happens next
 * is the first event of a heap.  The same plan gives the same run, to the last event. */
#ifndef FS_TESTS_SIM_WORLD_H
#define FS_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "purchase/op.h"
#include "sim/plan.h"
#include "sim/store.h"
#include "strategy/host.h"
#include "support/random.h"

#define SIM_BEGIN_US UINT64_C(1000000000)           /* what the monotonic clock says at first */
#define SIM_BEGIN_UNIX_US INT64_C(1790000000000000) /* and the wall clocks */

struct sim_world;
struct sim_history;
struct sim_judge;

/* Events */

struct sim_event {
    uint64_t at_us;
    uint64_t number; /* of two at one time the older goes first */
    void (*run)(struct sim_world *world, void *data, uint64_t argument);
    void *data;
    uint64_t argument;
};

struct sim_events {
    struct sim_event *heap; /* owned */
    size_t count;
    size_t capacity;
    uint64_t next_number;
};

/* Stores: what is behind an address. */
struct sim_node {
    struct sim_store *store; /* owned: the primary's data */
    struct sim_store *replica;
    unsigned index;
    uint64_t down_until_us; /* nothing is accepted before; UINT64_MAX: until it is healed */
    uint64_t hung_until_us; /* nothing is executed before */
    int64_t skew_us;        /* of its clock */
    uint64_t synced;        /* position that a restart keeps at least */
    unsigned owner;         /* cluster: the node that serves its part now */
};

/* Links: see link.c. */
struct sim_message;

struct sim_link {
    struct sim_loop *loop;
    unsigned node;       /* the server's number of it */
    uint64_t generation; /* of the connection */
    bool is_ready;
    uint64_t last_arrival_us;
    uint64_t last_reply_us;
    struct fs_link messages; /* of this connection, in the order of sending */
    struct fs_link zombies;  /* of earlier ones, still on their way */
};

/* One event loop of a server. */
struct sim_loop {
    struct fs_loop loop;
    struct fs_ops ops;
    struct fs_metrics metrics;
    struct fs_store store; /* what fs_loop is given */
    struct sim_world *world;
    struct sim_server *server;
    unsigned index;
    struct sim_link links[SIM_NODES_MAX];
    struct fs_link answers;        /* messages whose call is to be answered */
    uint8_t owners[SIM_NODES_MAX]; /* cluster: which node it believes to serve which part */
    struct sim_op *inbox;          /* requests that wait to be read */
    struct sim_op **inbox_end;
    uint64_t turn_at_us;  /* of the turn that is planned; UINT64_MAX: none */
    uint64_t turn_number; /* by which an event knows that it is the planned one */
    uint64_t stopped_until_us;
};

/* One process. */
struct sim_server {
    struct sim_world *world;
    unsigned slot;        /* which of the world's servers it is */
    unsigned incarnation; /* rises with each start */
    bool is_alive;
    bool is_swapped; /* it names the stores in another order */
    int64_t skew_us; /* of its wall clock */
    struct fs_strategy_host host;
    struct fs_log log;
    void *strategy;
    unsigned loop_count;
    struct sim_loop loops[SIM_LOOPS_MAX];
};

struct sim_world {
    const struct sim_plan *plan;
    const struct fs_strategy *type;
    struct sim_events events;
    uint64_t now_us;
    uint64_t message_count;
    uint64_t in_pipe; /* messages on their way to a store */
    uint64_t event_count;
    bool is_healed; /* faults have stopped */
    bool is_over;
    uint64_t fault_counts[SIM_FAULT_COUNT];

    struct sim_lua *lua;
    struct sim_node nodes[SIM_NODES_MAX];
    struct sim_server *servers[SIM_SERVERS_MAX]; /* the running ones; NULL: down */
    unsigned incarnations[SIM_SERVERS_MAX];
    struct fs_random random; /* latencies and other things that are no faults */
    char data_dir[64];       /* v1's folder */
    unsigned shards;         /* option of v4, as set now */
    bool is_swapped;         /* stores in another order at the next start */
    bool is_repairing;       /* v1 refused a torn last batch: the operator starts it with repair */

    struct sim_history *history;
    struct sim_client *clients; /* owned: one for each of the plan and the operator */
    FILE *trace;                /* NULL: none */
};

void sim_world_at(struct sim_world *world, uint64_t at_us,
                  void (*run)(struct sim_world *world, void *data, uint64_t argument), void *data,
                  uint64_t argument);
/* Runs events up to until_us, or while keep(world) is true. */
void sim_world_run(struct sim_world *world, uint64_t until_us);
__attribute__((format(printf, 2, 3))) void sim_trace(struct sim_world *world, const char *format,
                                                     ...);
uint64_t sim_between(struct fs_random *random, uint64_t min, uint64_t max);

/* A number that depends on the seed, the class and the count alone: dropping one class of faults
 * leaves the others as they are. */
uint64_t sim_draw(const struct sim_world *world, uint64_t class, uint64_t number);

/* Whether a fault that has a rate strikes this time, counted.  0 once the world is healed. */
bool sim_strikes(struct sim_world *world, enum sim_fault fault, uint64_t number);
void sim_count_fault(struct sim_world *world, enum sim_fault fault);

/* clock.c: whose clocks are read from now on; NULL: the world's own. */
void sim_clock_begin(struct sim_world *world); /* a new run; NULL: none */
void sim_clock_set(struct sim_world *world, const struct sim_server *server);

/* node.c */
void sim_nodes_init(struct sim_world *world);
void sim_nodes_dispose(struct sim_world *world);
int64_t sim_node_clock_us(const struct sim_world *world, const struct sim_node *node);
bool sim_node_accepts(const struct sim_world *world, unsigned node);
void sim_nodes_heal(struct sim_world *world);
/* Down for down_us; then without its last `lost` writes. */
void sim_node_restart(struct sim_world *world, unsigned index, uint64_t down_us, uint64_t lost);
void sim_node_empty(struct sim_world *world, unsigned index);
void sim_node_delete_key(struct sim_world *world, uint64_t draw);

/* link.c */
void sim_links_init(struct sim_loop *loop);
/* The connections to the address of a node end.  pipe_survives: what is on its way may still run. */
void sim_links_cut(struct sim_world *world, unsigned node, bool pipe_survives);
void sim_links_abandon(struct sim_loop *loop); /* the process has died */

/* server.c */
int sim_server_start(struct sim_world *world, unsigned slot);
void sim_server_kill(struct sim_world *world, unsigned slot);
void sim_server_stop(struct sim_world *world, unsigned slot); /* nothing is in flight */
void sim_server_wake(struct sim_server *server);
void sim_server_died(struct sim_world *world, unsigned slot); /* by itself: it is started again */

/* threads.c, v1 alone: threads that are created from now on are the server's, and one that ends its
 * process on the program's own stack jumps to escape, a jmp_buf. */
void sim_threads_begin(struct sim_world *world);
void sim_threads_of(struct sim_server *server, void *escape);
void sim_threads_drop(const struct sim_server *server);
void sim_thread_sleep(uint64_t span_us);

/* disk.c, v1 alone */
void sim_disk_begin(struct sim_world *world);
void sim_disk_make(struct sim_world *world);
void sim_disk_remove(struct sim_world *world);
void sim_disk_lose_power(struct sim_world *world);
void sim_disk_close_all(struct sim_world *world); /* what the killed server had open */
bool sim_is_local(const struct sim_world *world); /* it is v1 that is simulated */
/* client.c: who waits for an answer of a server that has died will get none. */
void sim_clients_lose(struct sim_world *world, unsigned slot, unsigned incarnation);
void sim_loop_wake(struct sim_loop *loop, uint64_t at_us);
void sim_loop_bring(struct sim_loop *loop, struct sim_op *op);
uint64_t sim_in_flight(const struct sim_world *world);

/* faults.c */
void sim_faults_begin(struct sim_world *world);
void sim_faults_heal(struct sim_world *world);

#endif
