/* One thread of the generator: its event loop, its users, and what it has seen.
 *
 * An actor carries out what a user does.  In a closed model each user is an actor, and waits for its
 * answer before it goes on; in an open model there is an actor a connection, and each arrival that the
 * clock brings takes a free one, in the name of the user whose turn it is. */
#ifndef FS_BENCH_WORKER_H
#define FS_BENCH_WORKER_H

#include <pthread.h>

#include "base/list.h"
#include "load/board.h"
#include "load/load.h"
#include "load/schedule.h"
#include "load/shopper.h"
#include "load/wire.h"

struct fs_actor;
struct fs_load_worker;

/* One request, from its intention to its end. */
struct fs_load_call {
    struct fs_operation operation; /* its times as fs_clock_now_us() until it is recorded */
    struct fs_actor *actor;
    struct fs_wire *wire; /* borrowed; NULL: it waits for one */
    struct fs_pool *pool; /* that the wire comes from; NULL: the actor's own */
    struct fs_link open;  /* by begun_us, for the deadline */
    struct fs_link waiting;
    uint64_t begun_us;
    bool is_open;
};

/* Connections that are shared, and the calls that wait for one. */
struct fs_pool {
    struct fs_wire *free;
    struct fs_link waiting;
};

enum fs_actor_state {
    FS_ACTOR_PARKED = 0,
    FS_ACTOR_CONNECTING,
    FS_ACTOR_THINKING,
    FS_ACTOR_RENEWING, /* its user's token */
    FS_ACTOR_ACTING,
    FS_ACTOR_PAUSING, /* before it asks again */
};

struct fs_actor {
    struct fs_load_worker *worker;
    struct fs_shopper *shopper;   /* borrowed: whose name it acts in */
    struct fs_wire *wire;         /* borrowed: its own; NULL: it takes one of the pool */
    struct fs_actor *next;        /* of those that are free, in an open model */
    struct fs_load_call calls[2]; /* the second: of a purchase that is sent twice at once */
    struct event timer;           /* of thinking, pausing, cutting */
    enum fs_actor_state state;
    uint64_t due_us; /* the intended time of what comes next */
    uint32_t iterations_left;
    /* The action under way */
    struct fs_choice choice;
    uint64_t attempt;
    const char *order_id; /* of cancel and lookup */
    uint32_t open_calls;
    uint32_t again_left;
    uint64_t again_after_us;
    bool needs_again;
    bool is_second_due;
    bool is_cut;
    bool is_sold;       /* and counted */
    bool had_transport; /* pause before the next action, whoever fails must not be hammered */
};

enum fs_load_worker_phase {
    FS_PHASE_LOGIN = 0,
    FS_PHASE_CONNECT,
    FS_PHASE_READY,
    FS_PHASE_RUN,
    FS_PHASE_DRAIN,
    FS_PHASE_ENDED
};

/* Where the threads meet before the clock starts. */
struct fs_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t ready, ended;
    uint64_t start_us; /* 0: not yet */
    int failure;       /* a negative errno: all give up */
    char error[FS_SCENARIO_ERROR_SIZE];
};

/* Says why the run cannot start; the first one wins.  [any] */
void fs_gate_fail(struct fs_gate *gate, int failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool fs_gate_has_failed(struct fs_gate *gate); /* [any] */

struct fs_load_worker {
    /* constant after init */
    const struct fs_scenario *scenario;
    const struct fs_target *target;
    const struct fs_load_options *options;
    const struct fs_endpoint *endpoint, *admin_endpoint;
    const struct fs_schedule *schedule; /* NULL: closed model */
    struct fs_gate *gate;
    struct fs_board *board;
    uint32_t index, count; /* of the threads */
    uint64_t run;
    uint64_t late_limit_us;
    bool has_admin;
    /* owned */
    pthread_t thread;
    struct event_base *base;
    struct fs_wires wires;
    struct fs_shopper *shoppers;
    uint32_t shopper_count;
    struct fs_wire *wire_list; /* own or pooled, then spare, then the admin's */
    uint32_t wire_count, own_count, spare_count;
    struct fs_actor *actors;
    uint32_t actor_count;
    struct event *tick, *chunk;
    struct fs_history history;
    struct fs_latency latency, service, others;
    struct fs_tally tally;
    /* changing */
    enum fs_load_worker_phase phase;
    uint64_t start_us, now_us;
    struct fs_link open; /* calls */
    struct fs_pool pool, spare, admin;
    uint64_t in_flight;
    uint32_t busy_actors;            /* not parked */
    uint32_t woken;                  /* actors [0, woken) of a closed model have been told to act */
    struct fs_actor *free;           /* of an open model */
    uint64_t next_arrival, next_due; /* to be begun; to be counted as offered */
    size_t arrival_hint, due_hint;
    uint32_t next_shopper;
    uint64_t stage_begin_us, stage_end_us; /* of the stage looked at last, since start_us */
    uint32_t stage;
    bool stage_is_warmup;
    uint64_t drain_us; /* when the load ended */
    uint64_t last_answer_us;
    uint64_t late_starts, warmup_requests;
    uint64_t unfinished; /* actors with iterations left when the load ended */
    uint64_t window_offered, window_answered, window_sold;
    uint64_t cpu_begin_us, cpu_us; /* of the measured part */
    uint64_t cpu_wall_begin_us, cpu_wall_us;
    uint64_t waited_begin_us, waited_us; /* for a processor, meanwhile */
    bool is_measuring;
    bool is_short_of_memory;
    /* of the log-in and of connecting */
    uint32_t setup_next, setup_done, setup_failures;
    struct fs_login_slot *slots; /* owned */
};

/* load/login.c: gives every shopper a token.  Returns 0, or -ECANCELED when the gate has the reason. */
int fs_load_worker_log_in(struct fs_load_worker *worker);

/* load/connect.c: makes the connections that the clock finds at work.  Returns as above. */
int fs_load_worker_connect(struct fs_load_worker *worker);

/* Runs the loop until it is broken: by what is set up, by a failure, Ctrl-C, or after two minutes. */
void fs_load_worker_set_up(struct fs_load_worker *worker, const char *what);

/* load/actor.c */
const struct fs_wire_client *fs_actor_wire_client(void);
void fs_actor_init(struct fs_actor *actor, struct fs_load_worker *worker);

/* Begins an action in the name of shopper. */
void fs_actor_begin(struct fs_actor *actor, struct fs_shopper *shopper, uint64_t intended_us);

/* Begins to connect, and to act when connected. */
void fs_actor_wake(struct fs_actor *actor);
void fs_actor_park(struct fs_actor *actor);

/* Ends what has been open for too long: all that began at or before begun_us. */
void fs_actor_expire(struct fs_load_worker *worker, uint64_t begun_us);

/* load/pace.c: when actors act */
void fs_pace_start(struct fs_load_worker *worker);    /* the clock starts */
void fs_pace_continue(struct fs_load_worker *worker); /* worker->chunk has fired */
void fs_pace_tick(struct fs_load_worker *worker);     /* about every 10 ms */
void fs_pace_stop(struct fs_load_worker *worker);     /* the load ends */
void fs_pace_abandon(
    struct fs_load_worker *worker); /* the drain ends: what was never sent is counted */

/* An actor has done what it was to do. */
void fs_pace_done(struct fs_actor *actor);

/* Its thinking or its pause is over. */
void fs_pace_due(struct fs_actor *actor);

/* load/record.c: the figures of a call that ended. */
void fs_record_call(struct fs_load_worker *worker, struct fs_load_call *call, bool is_first_sale);
void fs_record_unsent(struct fs_load_worker *worker, const struct fs_shopper *shopper,
                      uint64_t intended_us);
void fs_record_offered(struct fs_load_worker *worker, uint64_t intended_us);
void fs_record_second(struct fs_load_worker *worker, bool is_last);

/* Notes a start that came too late by our own fault. */
void fs_record_start(struct fs_load_worker *worker, uint64_t intended_us);

/* Whether what is intended at this moment is warm-up. */
bool fs_record_is_warmup(struct fs_load_worker *worker, uint64_t intended_us);

/* load/worker.c */
int fs_load_worker_init(
    struct fs_load_worker *worker); /* after the constant part is set; -ENOMEM */
void fs_load_worker_dispose(struct fs_load_worker *worker);
void *fs_load_worker_main(void *worker); /* the thread */

/* The load ends: nothing new begins; the loop ends when all is answered. */
void fs_load_worker_drain(struct fs_load_worker *worker);

/* An actor has become idle, or busy. */
void fs_load_worker_count_actor(struct fs_load_worker *worker, int change);

#endif
