/* sim STRATEGY FILE [--seeds FIRST COUNT] [--trace] [--keep-going] [--no-shrink]
 *     [--coverage]
 *
 * Runs many seeds, in processes of a hundred seeds each: a seed at which the product ends the process is
 * named as well as one of which the judge complains.  FS_SEED in the environment runs that one alone,
 * with --trace all that happens in it is printed.  --coverage runs all of them in this process and says
 * what of the scripts did not run. */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/shrink.h"

#define CHUNK 100u
#define WORKERS_MAX 64u

struct arguments {
    const char *strategy;
    const char *file;
    uint64_t first, count;
    bool is_traced, keeps_going, is_silent, is_covered, is_not_shrunk;
    unsigned workers;
};

/* What a child process tells, also when it is ended. */
struct told {
    struct sim_totals totals;
    uint64_t seed; /* under way */
    uint64_t failed_count;
    uint64_t failed; /* the first; with what was said of it */
    char complaint[SIM_COMPLAINT_SIZE];
    bool has_failed;
};

static void usage(void)
{
    fprintf(stderr,
            "use: test_sim v1|v2|v3|v4 FILE.so [--seeds FIRST COUNT] [--workers N] [--trace] "
            "[--keep-going] [--no-shrink] [--coverage]\n"
            "     FS_SEED=N [FS_DROP=fault,...] [FS_WITH=fault,...] [FS_KEEP=bits] [FS_CLIENTS=N] "
            "[FS_OPS=N]\n");
    exit(2);
}

static uint64_t number_of(const char *text)
{
    char *end;
    uint64_t number;

    errno = 0;
    number = text ? strtoull(text, &end, 0) : 0;
    if (!text || *text < '0' || *text > '9' || *end || errno)
        usage();
    return number;
}

static void read_arguments(int argc, char **argv, struct arguments *arguments)
{
    *arguments = (struct arguments){.first = 1, .count = 2000, .workers = 1};
    if (argc < 3 || argv[1][0] != 'v' || argv[1][1] < '1' || argv[1][1] > '4' || argv[1][2])
        usage();
    arguments->strategy = argv[1];
    arguments->file = argv[2];
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 2 < argc) {
            arguments->first = number_of(argv[++i]);
            arguments->count = number_of(argv[++i]);
        } else if (strcmp(argv[i], "--workers") == 0 && i + 1 < argc) {
            arguments->workers = (unsigned)number_of(argv[++i]);
        } else if (strcmp(argv[i], "--trace") == 0) {
            arguments->is_traced = true;
        } else if (strcmp(argv[i], "--keep-going") == 0) {
            arguments->keeps_going = true;
        } else if (strcmp(argv[i], "--no-shrink") == 0) {
            arguments->is_not_shrunk = true;
        } else if (strcmp(argv[i], "--coverage") == 0) {
            arguments->is_covered = true;
        } else {
            usage();
        }
    }
    if (getenv("FS_SEED")) {
        arguments->first = number_of(getenv("FS_SEED"));
        arguments->count = 1;
    }
    if (arguments->count == 0 || arguments->workers == 0 || arguments->workers > WORKERS_MAX)
        usage();
}

static const struct fs_strategy *load(const char *file)
{
    void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    const struct fs_strategy *(*get)(void);

    if (!object) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    *(void **)(void *)&get = dlsym(object, "flashsale_strategy");
    if (!get) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    return get();
}

static void draw(struct sim_plan *plan, const struct arguments *arguments, uint64_t seed)
{
    const char *problem;

    sim_plan_draw(plan, arguments->strategy, seed);
    problem = sim_plan_narrow(plan);
    if (problem) {
        fprintf(stderr, "%s\n", problem);
        usage();
    }
}

static void run_seeds(const struct arguments *arguments, const struct fs_strategy *type,
                      uint64_t first, uint64_t count, struct told *told)
{
    struct sim_lua *lua = sim_lua_create();

    if (arguments->is_covered)
        sim_lua_record_coverage(lua);
    for (uint64_t seed = first; seed < first + count; seed++) {
        char complaint[SIM_COMPLAINT_SIZE];
        struct sim_plan plan;

        draw(&plan, arguments, seed);
        told->seed = seed;
        if (sim_run(&plan, type, lua, arguments->is_traced ? stdout : NULL, &told->totals,
                    complaint))
            continue;
        told->failed_count++;
        if (!told->has_failed) {
            told->failed = seed;
            memcpy(told->complaint, complaint, sizeof(complaint));
            told->has_failed = true;
        }
    }
    if (arguments->is_covered)
        sim_lua_print_coverage(lua, stdout);
}

static void add(struct sim_totals *sum, const struct sim_totals *part)
{
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)part;

    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
        to[i] += from[i];
}

/* In a process of its own; what it did not come to is run by the next one. */
static pid_t begin_chunk(const struct arguments *arguments, const struct fs_strategy *type,
                         uint64_t first, uint64_t count, struct told *told)
{
    pid_t pid;

    *told = (struct told){.seed = first};
    fflush(NULL);
    pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    if (pid == 0) {
        run_seeds(arguments, type, first, count, told);
        told->seed = first + count;
        fflush(NULL);
        exit(0);
    }
    return pid;
}

static void report(const struct arguments *arguments, const struct told *sum, double seconds)
{
    const struct sim_totals *totals = &sum->totals;

    printf("%s: %" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " events, %" PRIu64
           " requests, %" PRIu64 " failed, %.1f s\n",
           arguments->strategy, totals->runs, arguments->first, totals->events, totals->ops,
           sum->failed_count, seconds);
    printf("  answers:");
    for (unsigned i = 0; i < FS_VERDICT_COUNT; i++)
        if (totals->verdicts[i] > 0)
            printf(" %s %" PRIu64 ",", sim_verdict_name((enum fs_verdict)i), totals->verdicts[i]);
    printf("\n  faults:");
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        if (totals->faults[i] > 0)
            printf(" %s %" PRIu64 ",", sim_fault_names[i], totals->faults[i]);
    printf("\n");
}

static void tell_failure(const struct arguments *arguments, const struct fs_strategy *type,
                         const struct told *told)
{
    struct sim_plan plan;
    char line[512];

    draw(&plan, arguments, told->failed);
    printf("%s: seed %" PRIu64 ": %s\n", arguments->strategy, told->failed, told->complaint);
    if (!arguments->is_traced && !arguments->is_not_shrunk)
        sim_shrink(&plan, type);
    sim_plan_print(&plan, line, sizeof(line));
    printf("again: %s ctest -R sim/%s -V    (all that happens: %s test_sim %s FILE --trace)\n",
           line, arguments->strategy, line, arguments->strategy);
}

static double seconds_now(void)
{
    static int (*real)(clockid_t, struct timespec *);
    struct timespec now = {0};

    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "clock_gettime");
    real(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    const struct fs_strategy *type;
    struct told *told, sum = {0};
    pid_t pids[WORKERS_MAX] = {0};
    uint64_t next, end;
    double began;

    read_arguments(argc, argv, &arguments);
    type = load(arguments.file);
    began = seconds_now();
    told = mmap(NULL, arguments.workers * sizeof(*told), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED)
        return 2;
    next = arguments.first;
    end = arguments.first + arguments.count;
    if (arguments.is_covered) {
        run_seeds(&arguments, type, next, arguments.count, &sum);
        next = end;
    }
    for (;;) {
        bool is_busy = false;
        int status;
        pid_t pid;

        for (unsigned i = 0; i < arguments.workers; i++) {
            if (pids[i] == 0 && next < end && (!sum.has_failed || arguments.keeps_going)) {
                uint64_t count = end - next < CHUNK ? end - next : CHUNK;

                pids[i] = begin_chunk(&arguments, type, next, count, &told[i]);
                next += count;
            }
            is_busy = is_busy || pids[i] != 0;
        }
        if (!is_busy)
            break;
        pid = wait(&status);
        for (unsigned i = 0; i < arguments.workers; i++) {
            if (pids[i] != pid)
                continue;
            pids[i] = 0;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                told[i].failed_count++;
                if (!told[i].has_failed) {
                    told[i].has_failed = true;
                    told[i].failed = told[i].seed;
                    snprintf(told[i].complaint, sizeof(told[i].complaint),
                             "the process was ended (status %d)", status);
                }
            }
            add(&sum.totals, &told[i].totals);
            sum.failed_count += told[i].failed_count;
            if (told[i].has_failed && (!sum.has_failed || arguments.keeps_going)) {
                if (arguments.keeps_going)
                    printf("%s: seed %" PRIu64 ": %s\n", arguments.strategy, told[i].failed,
                           told[i].complaint);
                sum.has_failed = true;
                sum.failed = told[i].failed;
                memcpy(sum.complaint, told[i].complaint, sizeof(sum.complaint));
            }
        }
    }
    report(&arguments, &sum, seconds_now() - began);
    if (sum.has_failed && !arguments.keeps_going)
        tell_failure(&arguments, type, &sum);
    return sum.has_failed ? 1 : 0;
}
