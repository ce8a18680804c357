/* The order of cells, and what the whole of them says. */
#include "run/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/cell.h"
#include "run/cell_files.h"
#include "run/results.h"
#include "run/whole_file.h"

static int reserve(struct fs_run *run)
{
    size_t pairs = run->subject_count * run->scenario_count;

    run->records = calloc(pairs * run->reps, sizeof(*run->records));
    run->summaries = calloc(pairs, sizeof(*run->summaries));
    run->checks = calloc(pairs * FS_CHECKS_MAX, sizeof(*run->checks));
    return run->records && run->summaries && run->checks ? 0 : -ENOMEM;
}

void fs_run_dispose(struct fs_run *run)
{
    free(run->records);
    free(run->summaries);
    free(run->checks);
    run->records = NULL;
    run->summaries = NULL;
    run->checks = NULL;
}

static int fail(char *error, int rc, const char *what)
{
    if (error[0] == '\0')
        snprintf(error, FS_RUN_ERROR_SIZE, "%.600s: %s", what, strerror(-rc));
    return rc;
}

static int run_one(struct fs_run *run, const struct fs_subject *subject,
                   const struct fs_scenario *scenario, uint32_t rep, FILE *timeseries, char *error)
{
    struct fs_record *record = &run->records[run->record_count];
    int rc;

    fs_record_init(record, subject, scenario, rep, (uint32_t)run->record_count + 1);
    run->record_count++;
    rc = fs_cell_run(run, record, timeseries);
    if (rc != -EINVAL)
        run->watch.on_cell_end(run->watch.data, record);
    if (rc != 0) {
        snprintf(error, FS_RUN_ERROR_SIZE, "%s", record->failure);
        return fail(error, rc, run->folder);
    }
    rc = fs_results_update(run);
    return rc == 0 ? 0 : fail(error, rc, run->folder);
}

/* Repetition by repetition, scenario by scenario; who comes first turns. */
static int run_in_order(struct fs_run *run, FILE *timeseries, char *error)
{
    int rc = 0;

    for (uint32_t rep = 1; rep <= run->reps; rep++)
        for (size_t i = 0; i < run->scenario_count; i++)
            for (size_t k = 0; k < run->subject_count; k++) {
                size_t turned = (k + rep - 1) % run->subject_count;

                if (rc != 0)
                    return rc;
                if (atomic_load(&run->source.interrupt->is_wanted)) {
                    run->was_stopped = true;
                    return 0;
                }
                rc = run_one(run, &run->subjects[turned], &run->scenarios[i], rep, timeseries,
                             error);
            }
    run->was_stopped = atomic_load(&run->source.interrupt->is_wanted);
    return rc;
}

static int write_ends(struct fs_run *run)
{
    int rc = fs_results_update(run);

    if (rc == 0)
        rc = fs_results_write_manifest(run);
    if (rc == 0)
        rc = fs_results_write_junit(run);
    if (rc == 0)
        rc = fs_results_write_github(run);
    return rc;
}

int fs_run_all(struct fs_run *run, char error[FS_RUN_ERROR_SIZE])
{
    struct fs_whole_file timeseries;
    int written;
    int rc = reserve(run);

    error[0] = '\0';
    if (rc != 0)
        return fail(error, rc, "no room for the results");
    run->started_wall_ms = fs_clock_wall_ms();
    rc = fs_results_create(run, error);
    if (rc == 0)
        rc = fs_whole_file_open(&timeseries, run->folder, "timeseries.csv");
    if (rc != 0)
        return fail(error, rc, run->folder);
    fs_timeseries_write_head(timeseries.file);
    /* Also what a killed run leaves can be read. */
    rc = fs_results_write_manifest(run);
    if (rc == 0)
        rc = run_in_order(run, timeseries.file, error);
    written = fs_whole_file_close(&timeseries);
    if (written == 0)
        written = write_ends(run);
    return rc != 0 ? rc : written != 0 ? fail(error, written, run->folder) : 0;
}

int fs_run_exit(const struct fs_run *run)
{
    bool has_failed = run->record_count == 0;
    bool is_invalid = run->was_stopped;
    bool is_crossed = false;

    for (size_t i = 0; i < run->record_count; i++) {
        if (run->records[i].is_audited && run->records[i].audit.violations_total > 0)
            return FS_EXIT_ACCURACY;
        /* Ctrl-C before the clock started: nothing failed there. */
        has_failed = has_failed || (!run->records[i].was_run &&
                                    !(run->was_stopped && i + 1 == run->record_count));
        is_invalid =
            is_invalid || run->records[i].invalid[0] != '\0' || run->records[i].unproven[0] != '\0';
    }
    for (size_t i = 0; i < run->check_count; i++)
        is_crossed = is_crossed || run->checks[i].status == FS_THRESHOLD_FAIL;
    if (is_crossed)
        return FS_EXIT_THRESHOLD;
    if (has_failed)
        return FS_EXIT_FAILED;
    return is_invalid ? FS_EXIT_INVALID : FS_EXIT_FINE;
}
