/* Runs one scenario against one server, and gives what was seen.
 *
 * The engine: threads with an event loop of libevent each, users dealt to them, latency from the
 * intended start, a histogram of 3 significant digits per thread, merged at the end. */
#ifndef FS_BENCH_LOAD_H
#define FS_BENCH_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "load/history.h"
#include "load/latency.h"
#include "scenario/scenario.h"

#define FS_LOAD_KEY_SIZE 34

/* The Idempotency-Key of an attempt of a run.  [any] */
void fs_load_key(uint64_t run, uint64_t attempt, char key[FS_LOAD_KEY_SIZE]);

struct fs_target {
    char host[256]; /* 127.0.0.1, a name, or the path of a unix socket */
    uint16_t port;  /* 0: unix socket */
    char admin_host[256];
    uint16_t admin_port;
    char admin_token[256]; /* empty: none; then no reset, no restock, no ledger in the audit */
    char password[128];    /* of every user_<n> */
};

struct fs_load_options {
    uint32_t threads; /* 1 or more; the default is 1: one core drives the whole server */
    uint64_t seed;
    const int *cores; /* borrowed; NULL: not pinned */
    size_t core_count;
    atomic_bool *stop; /* borrowed: set by Ctrl-C; the run ends early and is still reported */
};

/* Counted since the clock started; copied out while the run goes on.  [any] */
struct fs_load_progress {
    uint64_t elapsed_us;
    size_t stage;
    uint64_t offered; /* requests whose intended time has come */
    uint64_t sent;
    uint64_t answered;
    uint64_t in_flight;
    uint64_t users;                    /* at work now */
    uint64_t answers[FS_ANSWER_KINDS]; /* of purchases, replays and second requests included */
    uint64_t sold; /* purchases acknowledged: an attempt counts once, however often it is asked */
    uint64_t sold_units;     /* of these */
    uint64_t replayed;       /* answers that were marked so */
    uint64_t errors;         /* of all kinds of requests, as fs_answer_is_error() */
    uint64_t latency_p50_us; /* of the last second */
    uint64_t latency_p99_us;
};

/* One second of the run: a row of timeseries.csv. */
struct fs_load_second {
    uint64_t offered, answered, users, in_flight, sold, sold_units, replayed, errors;
    uint64_t answers[FS_ANSWER_KINDS]; /* of purchases */
    uint64_t latency_p50_us, latency_p99_us, latency_max_us;
    uint32_t stage;
};

struct fs_load_result {
    struct fs_history history; /* owned: every request, warm-up included */
    struct fs_latency latency; /* owned: purchases, from the intended start, without warm-up */
    struct fs_latency service; /* owned: the same, from the moment of sending */
    struct fs_latency latency_others; /* owned: inventory, lookups, cancels */
    struct fs_load_second *seconds;   /* owned */
    size_t second_count;
    struct fs_load_progress totals; /* without warm-up */
    uint64_t warmup_requests;
    uint64_t started_wall_ms;
    uint64_t run; /* of fs_load_key() */
    uint64_t
        measured_us; /* the stages without warm-up; of per-VU iterations until the last answer */
    /* What happened within measured_us alone: answers that came after the end are in totals only. */
    double offered_per_s, answered_per_s, sold_per_s;
    uint64_t
        sold_out_us; /* since release, when the last unit's sale was answered; 0: not sold out */
    /* The generator about itself. */
    uint64_t
        late_starts; /* sent more than late_limit_us after their intended time, by its own fault */
    uint64_t late_limit_us;
    double busy_max;   /* the busiest thread's CPU over elapsed time, 0 to 1 */
    double waited_max; /* the time that a thread was ready and had no processor, over elapsed time;
                          0 where the kernel does not tell */
    uint64_t cpu_us;   /* all threads', user and system, measured part */
    uint64_t connects, connects_failed;
    uint64_t unfinished; /* users whose iterations time_max ended */
    bool stopped_early;
    char invalid[256]; /* why these figures must not be used; empty: valid */
};

/* Logs the users in (before the clock), connects, runs, drains.  Progress is called when the
 * clock starts, about once a second and at each stage, on the calling thread.  *error: one line when it could not start.
 * Returns 0 (also when invalid or stopped early), -ECONNREFUSED and other errnos of connecting, -EACCES
 * (log-in refused), -EPROTO (it was answered otherwise), -EINVAL (no such host), -ETIMEDOUT (log-ins or
 * connections took two minutes), -EINTR (stopped before the clock started), -ENOMEM, -EMFILE (too few
 * descriptors: says how many are needed).  result: to be disposed of after 0 only. */
int fs_load_run(const struct fs_scenario *scenario, const struct fs_target *target,
                const struct fs_load_options *options,
                void (*progress)(void *data, const struct fs_load_progress *now), void *data,
                struct fs_load_result *result, char error[FS_SCENARIO_ERROR_SIZE]);

void fs_load_result_dispose(struct fs_load_result *result);

#endif
