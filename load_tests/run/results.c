/* The folder of a run. */
#include "run/results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/cell.h"
#include "run/json_file.h"
#include "run/machine.h"
#include "run/whole_file.h"

static int fail(char *error, int rc, const char *path)
{
    snprintf(error, FS_RUN_ERROR_SIZE, "%.600s cannot be written: %s", path, strerror(-rc));
    return rc;
}

static int make_folder(struct fs_run *run, char *error)
{
    time_t now = (time_t)(run->started_wall_ms / 1000);
    char stamp[32];
    char sha[16];
    int is_dirty;
    struct tm parts;
    int rc;

    gmtime_r(&now, &parts);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &parts);
    fs_machine_commit(sha, &is_dirty);
    if (snprintf(run->folder, sizeof(run->folder), "%s/%s-%s-%s", run->parent, stamp, run->name,
                 sha) >= (int)sizeof(run->folder) / 2)
        return fail(error, -ENAMETOOLONG, run->parent);
    /* Of two runs within a second the later one takes another name. */
    for (int i = 2; i < 100 && access(run->folder, F_OK) == 0; i++)
        snprintf(run->folder, sizeof(run->folder), "%.2000s/%s-%.100s-%s-%d", run->parent, stamp,
                 run->name, sha, i);
    rc = fs_make_folders(run->folder);
    return rc == 0 ? 0 : fail(error, rc, run->folder);
}

static int copy_scenarios(const struct fs_run *run, char *error)
{
    char folder[PATH_MAX];
    int rc;

    snprintf(folder, sizeof(folder), "%.*s/scenarios", PATH_MAX - 16, run->folder);
    rc = fs_make_folders(folder);
    for (size_t i = 0; rc == 0 && i < run->scenario_count; i++) {
        char *text = fs_read_file(run->scenarios[i].path);
        char name[FS_SCENARIO_NAME_SIZE + 8];

        snprintf(name, sizeof(name), "%s.yaml", run->scenarios[i].name);
        if (text)
            rc = fs_whole_file_write(folder, name, text, strlen(text));
        free(text);
    }
    return rc == 0 ? 0 : fail(error, rc, folder);
}

/* One document a strategy, as check-config prints it. */
static int write_configuration(const struct fs_run *run, char *error)
{
    struct fs_whole_file whole;
    int rc;

    if (run->source.target)
        return 0;
    rc = fs_whole_file_open(&whole, run->folder, "config.resolved.yaml");
    if (rc != 0)
        return fail(error, rc, run->folder);
    for (size_t i = 0; i < run->subject_count; i++) {
        char title[256];
        char *text = NULL;

        if (!run->subjects[i].is_bare)
            text =
                fs_bench_server_configuration(&run->source, &run->subjects[i], &run->scenarios[0]);
        fprintf(whole.file, "---\n# %s, for %s\n%s", fs_subject_title(&run->subjects[i], title),
                run->scenarios[0].name, text ? text : "# check-config does not say\n");
        free(text);
    }
    rc = fs_whole_file_close(&whole);
    return rc == 0 ? 0 : fail(error, rc, whole.path);
}

int fs_results_create(struct fs_run *run, char error[FS_RUN_ERROR_SIZE])
{
    int rc = make_folder(run, error);

    if (rc == 0)
        rc = copy_scenarios(run, error);
    if (rc == 0)
        rc = write_configuration(run, error);
    return rc;
}

static bool has_record(const struct fs_run *run, const struct fs_subject *subject,
                       const struct fs_scenario *scenario)
{
    for (size_t i = 0; i < run->record_count; i++)
        if (run->records[i].subject == subject && run->records[i].scenario == scenario)
            return true;
    return false;
}

/* By scenario, so that the strategies stand side by side. */
static int summarise(struct fs_run *run)
{
    run->summary_count = run->check_count = 0;
    for (size_t i = 0; i < run->scenario_count; i++)
        for (size_t k = 0; k < run->subject_count; k++) {
            struct fs_summary *summary = &run->summaries[run->summary_count];

            if (!has_record(run, &run->subjects[k], &run->scenarios[i]))
                continue;
            if (fs_summary_make(summary, &run->subjects[k], &run->scenarios[i], run->records,
                                run->record_count) != 0)
                return -ENOMEM;
            run->check_count += fs_checks_make(summary, &run->checks[run->check_count]);
            run->summary_count++;
        }
    return 0;
}

static void write_runs(const struct fs_run *run, FILE *file)
{
    fs_records_write_head(file);
    for (size_t i = 0; i < run->record_count; i++)
        fs_record_write(file, &run->records[i]);
}

static void write_summary(const struct fs_run *run, FILE *file)
{
    fs_summary_write_head(file);
    for (size_t i = 0; i < run->summary_count; i++)
        fs_summary_write(file, &run->summaries[i]);
}

static void write_accuracy(const struct fs_run *run, FILE *file)
{
    fs_accuracy_write_head(file);
    for (size_t i = 0; i < run->record_count; i++)
        fs_accuracy_write(file, &run->records[i]);
}

static void write_checks(const struct fs_run *run, FILE *file)
{
    fs_checks_write_head(file);
    for (size_t i = 0; i < run->check_count; i++)
        fs_check_write(file, &run->checks[i]);
}

int fs_results_update(struct fs_run *run)
{
    static const struct {
        const char *name;
        void (*write)(const struct fs_run *run, FILE *file);
    } tables[] = {{"runs.csv", write_runs},
                  {"summary.csv", write_summary},
                  {"accuracy.csv", write_accuracy},
                  {"thresholds.csv", write_checks}};
    int rc = summarise(run);

    for (size_t i = 0; rc == 0 && i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct fs_whole_file whole;

        rc = fs_whole_file_open(&whole, run->folder, tables[i].name);
        if (rc != 0)
            break;
        tables[i].write(run, whole.file);
        rc = fs_whole_file_close(&whole);
    }
    return rc;
}

static json_t *command_of(const struct fs_run *run)
{
    json_t *words = json_array();

    for (char *const *word = run->argv; word && *word; word++)
        json_array_append_new(words, json_string(*word));
    return words;
}

static json_t *order_of(const struct fs_run *run, bool has_paths)
{
    json_t *list = json_array();

    for (size_t i = 0; i < run->record_count; i++) {
        const struct fs_record *record = &run->records[i];
        char path[PATH_MAX];

        fs_cell_path(record, path);
        json_array_append_new(
            list, has_paths
                      ? json_pack("{s:s, s:s, s:s, s:i, s:s, s:b}", "strategy",
                                  record->subject->strategy, "variant", record->subject->variant,
                                  "scenario", record->scenario->name, "rep", (int)record->rep,
                                  "path", path, "valid", fs_record_is_valid(record))
                      : json_string(path + strlen("cells/")));
    }
    return list;
}

int fs_results_write_manifest(const struct fs_run *run)
{
    const struct fs_pinning *pinning = &run->source.pinning;
    char created[FS_CLOCK_TEXT_SIZE];
    char sha[16];
    int is_dirty;
    json_t *object;

    fs_clock_format(run->started_wall_ms, created);
    fs_machine_commit(sha, &is_dirty);
    object = json_pack(
        "{s:i, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:I, s:s, s:i, s:b, s:o, s:{s:s, s:s, s:s}, s:o}",
        "schema_version", FS_RESULTS_SCHEMA, "name", run->name, "created_at", created, "git_sha",
        sha, "git_dirty", is_dirty, "versions", fs_machine_versions(run->source.program), "machine",
        fs_machine_describe(), "command", command_of(run), "seed", (json_int_t)run->seed, "profile",
        fs_profile_name(run->profile), "reps", (int)run->reps, "stopped_early", run->was_stopped,
        "order", order_of(run, false), "pinning", "server", pinning->server.text, "redis",
        pinning->redis.text, "generator", pinning->generator.text, "cells", order_of(run, true));
    return fs_json_write(run->folder, "manifest.json", object);
}
