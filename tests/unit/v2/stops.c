/* Forks the buyers before any thread runs, stops and continues them from outside. */
#include "stops.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/random.h"

#define BUYERS 2u
#define LEASE_MS 25
#define AT_ONCE 8u
#define UNITS_AT_END 100u
#define STOPS_MAX 1000u /* half a minute */

struct report {
    int64_t answered;
    int64_t undetermined;
};

static const struct fs_option *options_of(const char *mode)
{
    static struct fs_option options[3] = {{"mode", NULL}, {"lease", "25"}, {"backoff", "2"}};

    options[0].value = mode;
    return options;
}

static void open_world(struct world *world, struct fs_redis_server *server,
                       const struct fs_strategy *strategy, const char *mode)
{
    const struct world_options options = {
        .strategy = strategy, .option_list = options_of(mode), .option_count = 3, .quiet = true};

    world_open(world, server, &options);
}

/* Buys one unit at a time until it is told to end, and then fast until nothing is left. */
static void buy(struct fs_redis_server *server, const struct fs_strategy *strategy,
                const char *mode, unsigned buyer, int report_fd, int stop_fd,
                _Atomic uint64_t *locks_lost)
{
    static struct world world;
    struct report report = {0};
    bool is_sold_out = false;
    bool is_told = false;
    uint32_t units = 1;

    server->session = NULL; /* the parent's */
    open_world(&world, server, strategy, mode);
    for (unsigned round = 0; !is_told || !is_sold_out || units > 1; round++) {
        struct fs_request requests[AT_ONCE] = {0};
        struct pollfd stop = {.fd = stop_fd, .events = POLLIN};

        if (is_sold_out)
            units = 1;
        for (unsigned i = 0; i < AT_ONCE; i++) {
            char order[32];

            snprintf(order, sizeof(order), "b%ur%uo%u", buyer, round, i);
            fs_request_purchase(&requests[i], "shoe", order, order, units);
        }
        fs_driver_run(&world.driver, requests, AT_ONCE, AT_ONCE);
        is_sold_out = true;
        for (unsigned i = 0; i < AT_ONCE; i++) {
            is_sold_out = is_sold_out && requests[i].outcome.verdict == FS_SOLD_OUT;
            report.answered += requests[i].outcome.verdict == FS_DONE ? units : 0;
            report.undetermined += requests[i].outcome.verdict == FS_UNDETERMINED ? units : 0;
        }
        if (!is_told && poll(&stop, 1, 0) > 0) {
            is_told = true;
            is_sold_out = false;
            units = UNITS_AT_END;
        }
        atomic_store(locks_lost, fs_counter_read(&world.driver.loops[0].metrics.lock_lost));
    }
    world_close(&world);
    if (write(report_fd, &report, sizeof(report)) != (ssize_t)sizeof(report))
        _exit(1);
    _exit(0);
}

static int64_t units_sold(struct world *world)
{
    struct fs_driver_row rows[32];
    struct fs_request request = {.rows = rows, .row_capacity = 32};

    fs_request_read(&request, FS_OP_AUDIT, "shoe");
    request = world_ask(world, request);
    for (size_t i = 0; i < request.row_count && i < 32; i++)
        if (strcmp(rows[i].name, "sold_by_orders") == 0)
            return rows[i].value;
    return -1;
}

static uint64_t sum_of(const _Atomic uint64_t *locks_lost)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < BUYERS; i++)
        sum += atomic_load(&locks_lost[i]);
    return sum;
}

struct stops_result stops_play(const struct fs_strategy *strategy, const char *mode,
                               unsigned stop_count, uint64_t lost_min, uint64_t seed)
{
    static const char *const settings[] = {"--maxmemory-policy", "noeviction", NULL};
    struct fs_random random = {seed};
    struct fs_redis_server server;
    static struct world world;
    struct stops_result result = {0};
    _Atomic uint64_t *locks_lost = mmap(NULL, BUYERS * sizeof(*locks_lost), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[BUYERS];
    int report_fds[2];
    int stop_fds[2];

    fs_redis_server_start(&server, settings);
    open_world(&world, &server, strategy, mode);
    world_create(&world, "shoe", STOPS_STOCK);
    world_close(&world);
    if (locks_lost == MAP_FAILED || pipe(report_fds) != 0 || pipe(stop_fds) != 0)
        abort();
    for (unsigned i = 0; i < BUYERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            buy(&server, strategy, mode, i, report_fds[1], stop_fds[0], &locks_lost[i]);
        }
    }
    for (; result.stop_count < stop_count ||
           (sum_of(locks_lost) < lost_min && result.stop_count < STOPS_MAX);
         result.stop_count++) {
        pid_t pid = pids[fs_random_below(&random, BUYERS)];

        poll(NULL, 0, 4 + (int)fs_random_below(&random, 12));
        usleep((useconds_t)fs_random_below(&random, 1000)); /* anywhere in a trip */
        kill(pid, SIGSTOP);
        poll(NULL, 0, LEASE_MS + 5 + (int)fs_random_below(&random, 20));
        kill(pid, SIGCONT);
    }
    if (write(stop_fds[1], "xx", 2) != 2)
        abort();
    for (unsigned i = 0; i < BUYERS; i++) {
        struct report report = {0};
        int status = 0;

        while (waitpid(pids[i], &status, 0) < 0)
            continue;
        if (status != 0 || read(report_fds[0], &report, sizeof(report)) != (ssize_t)sizeof(report))
            abort();
        result.answered += report.answered;
        result.undetermined += report.undetermined;
    }
    open_world(&world, &server, strategy, mode);
    result.units_sold = units_sold(&world);
    world_close(&world);
    for (unsigned i = 0; i < 2; i++) {
        close(report_fds[i]);
        close(stop_fds[i]);
    }
    fs_redis_server_stop(&server);
    result.locks_lost = sum_of(locks_lost);
    munmap(locks_lost, BUYERS * sizeof(*locks_lost));
    return result;
}
