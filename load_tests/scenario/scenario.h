/* A load scenario as checked data: what scenarios/<name>.yaml says, scaled by a profile.
 *
 * Times are microseconds, shares are parts of one (0.3 is 30 %). */
#ifndef FS_BENCH_SCENARIO_H
#define FS_BENCH_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FS_SCENARIO_NAME_SIZE 64 /* bytes, with the NUL */
#define FS_SCENARIO_TEXT_SIZE 256
#define FS_SCENARIO_STAGES_MAX 128
#define FS_SCENARIO_PRODUCTS_MAX 64
#define FS_SCENARIO_THRESHOLDS_MAX 32
#define FS_SCENARIO_USERS_MAX 100000u
#define FS_SCENARIO_CONNECTIONS_MAX 20000u

/* k6's names. */
enum fs_executor {
    FS_EXECUTOR_PER_VU_ITERATIONS = 1, /* each user does `iterations`, all released at once */
    FS_EXECUTOR_CONSTANT_VUS,          /* closed model: users who wait for their answers */
    FS_EXECUTOR_RAMPING_VUS,
    FS_EXECUTOR_CONSTANT_ARRIVAL_RATE, /* open model: requests start by the clock */
    FS_EXECUTOR_RAMPING_ARRIVAL_RATE,
};

enum fs_profile { FS_PROFILE_SMOKE = 1, FS_PROFILE_CI, FS_PROFILE_FULL };

/* One stretch of time: the target (users, or requests per second) is reached in a straight line
 * during ramp_us, then held for hold_us. */
struct fs_stage {
    char name[FS_SCENARIO_NAME_SIZE]; /* "ramp", "spike", "step-300" */
    uint64_t ramp_us;
    uint64_t hold_us;
    double target;
    bool warmup; /* sent, but in no figure; always shown apart */
};

/* Weights of what a user does next; only their ratio counts. */
struct fs_mix {
    uint32_t purchase;
    uint32_t inventory;
    uint32_t cancel;  /* DELETE of an order that this user made before; without one: a purchase */
    uint32_t lookup;  /* GET of such an order */
    uint32_t restock; /* PATCH {"add": n} on the admin listener, by the generator itself */
};

struct fs_retry {
    double share_doubled; /* of purchases: sent twice with one key */
    double
        share_concurrent; /* of the doubled: the second at once on another connection, not after the answer */
    double
        share_cut; /* of purchases: the connection is closed before the answer, then asked again */
    uint32_t
        again_max; /* how often what is not decided (busy, unavailable, 429, undetermined, in_progress, timeout, transport) is asked again, with the same key; a cut is always asked again once */
    uint64_t again_after_us; /* the pause before that; doubled each time, up to a second */
};

struct fs_threshold {
    char
        metric[FS_SCENARIO_NAME_SIZE]; /* a column of summary.csv: "latency_p99_ms", "error_rate" */
    char comparison[3];                /* "<" "<=" ">" ">=" "==" */
    double value;
    bool reported_only; /* shown, never exit code 99 */
};

struct fs_scenario {
    char name[FS_SCENARIO_NAME_SIZE];
    char description[FS_SCENARIO_TEXT_SIZE];
    char path[FS_SCENARIO_TEXT_SIZE]; /* where it was read */
    enum fs_profile profile;          /* that it was scaled by */

    enum fs_executor executor;
    struct fs_stage stages[FS_SCENARIO_STAGES_MAX];
    size_t stage_count;
    uint32_t iterations; /* a user, for FS_EXECUTOR_PER_VU_ITERATIONS */
    uint32_t
        users; /* distinct, logged in before the clock starts; for open models as many as take turns */
    uint32_t connections_max; /* at most this many carry the users; as many as users: one each */
    uint64_t think_us_min;    /* uniform between the two, after each answer */
    uint64_t think_us_max;
    uint64_t deadline_us; /* a request: later is `timeout` */
    uint64_t time_max_us; /* of the whole run, a bound */

    struct fs_mix mix;
    struct fs_retry retry;
    char products[FS_SCENARIO_PRODUCTS_MAX][FS_SCENARIO_NAME_SIZE];
    size_t product_count;
    double hot_share; /* of purchases go to products[0]; 0: all alike */
    uint32_t quantity_min;
    uint32_t quantity_max;

    int64_t stock;          /* units a product, put by PUT with reset before the clock starts */
    int64_t per_user_max;   /* 0: no limit */
    uint32_t restock_units; /* of one restock */
    bool sells_out;         /* demand reaches the stock: the audit asks for exactly all sold */

    struct fs_threshold thresholds[FS_SCENARIO_THRESHOLDS_MAX];
    size_t threshold_count;
};

/* Sum of all stages, microseconds; for per-VU iterations time_max_us. */
uint64_t fs_scenario_duration_us(const struct fs_scenario *scenario);

/* Users, or requests per second, asked for at elapsed_us since the first stage began; *stage is the
 * stage (its index) that this falls in.  After the last: 0 and stage_count. */
double fs_scenario_target(const struct fs_scenario *scenario, uint64_t elapsed_us, size_t *stage);

/* Requests start by the clock; else by users who wait for their answers. */
bool fs_scenario_is_open_model(const struct fs_scenario *scenario);

const char *fs_executor_name(enum fs_executor executor); /* "constant-vus" */
const char *fs_profile_name(enum fs_profile profile);    /* "ci" */

#define FS_SCENARIO_ERROR_SIZE 512

/* Reads and checks a file, scaled by the profile.  On failure *error is one line,
 * "load_tests/scenarios/rush.yaml:12:7: users: 0 is below 1", with "did you mean" for unknown keys.
 * Returns 0, -EINVAL (content), -ENOENT and other errnos of open and read. */
int fs_scenario_read(struct fs_scenario *scenario, const char *path, enum fs_profile profile,
                     char error[FS_SCENARIO_ERROR_SIZE]);

#endif
