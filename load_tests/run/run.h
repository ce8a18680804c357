/* A run: strategies times scenarios times repetitions, each with a fresh server, and what came of it. */
#ifndef FS_BENCH_RUN_H
#define FS_BENCH_RUN_H

#include "run/kpi.h"
#include "run/sampler.h"
#include "run/server.h"

enum fs_cell_phase { FS_CELL_START = 1, FS_CELL_LOG_IN, FS_CELL_LOAD, FS_CELL_AUDIT, FS_CELL_STOP };

/* What goes on now, for people. */
struct fs_run_view {
    const struct fs_record *record; /* which cell */
    uint32_t cell_count;            /* of all */
    enum fs_cell_phase phase;
    const struct fs_load_progress *load; /* NULL outside of FS_CELL_LOAD */
    double offered_per_s;                /* of the last second */
    double answered_per_s;
    struct fs_cpu_now cpu;
};

/* Called on the thread that runs; data is theirs. */
struct fs_run_watch {
    void (*on_view)(void *data, const struct fs_run_view *view);
    void (*on_cell_end)(void *data, const struct fs_record *record);
    void (*on_note)(void *data, const char *text); /* something that people should know */
    void *data;
};

enum fs_exit {
    FS_EXIT_FINE = 0,
    FS_EXIT_FAILED = 1,
    FS_EXIT_USAGE = 2,
    FS_EXIT_INVALID = 3,
    FS_EXIT_ACCURACY = 98,
    FS_EXIT_THRESHOLD = 99
};

struct fs_run {
    /* constant */
    const struct fs_subject *subjects; /* borrowed */
    size_t subject_count;
    const struct fs_scenario *scenarios; /* borrowed */
    size_t scenario_count;
    uint32_t reps;
    uint64_t seed;
    enum fs_profile profile;
    struct fs_server_source source;
    struct fs_run_watch watch;
    const char *name;   /* borrowed; of the results folder */
    const char *parent; /* borrowed; that it is made in */
    char *const *argv;  /* borrowed; the command, for the manifest */
    bool may_audit;     /* false: --no-audit */

    /* owned */
    char folder[PATH_MAX]; /* the results; "" before the run */
    struct fs_record *records;
    size_t record_count;
    struct fs_summary *summaries;
    size_t summary_count;
    struct fs_check *checks;
    size_t check_count;
    int64_t started_wall_ms;
    bool was_stopped; /* by Ctrl-C */
};

/* Runs all cells in an order that interleaves the repetitions: each repetition goes through all
 * scenarios, and in each scenario through all strategies, whose order turns by one from repetition to
 * repetition.  Results are written as they come.
 * Returns 0, or a negative errno with a sentence when the run could not go on; cells that failed are in
 * the records. */
int fs_run_all(struct fs_run *run, char error[FS_RUN_ERROR_SIZE]);
void fs_run_dispose(struct fs_run *run);

/* The exit code that the records and checks ask for: accuracy first, then thresholds, failures,
 * invalid measurements. */
int fs_run_exit(const struct fs_run *run);

#endif
