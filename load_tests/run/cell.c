/* One repetition from a fresh server to its files. */
#include "run/cell.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/buckets.h"
#include "run/cell_files.h"
#include "run/measure.h"
#include "run/process.h"
#include "run/verify.h"
#include "run/whole_file.h"

struct cell {
    struct fs_run *run;       /* borrowed */
    struct fs_record *record; /* borrowed */
    FILE *timeseries;         /* borrowed */
    char folder[PATH_MAX];

    /* owned, in this order */
    struct fs_bench_server server;
    struct fs_sampler *sampler; /* NULL: none runs */
    struct fs_prom_page before;
    struct fs_prom_page after;
    char *info_before[FS_NODES_MAX];
    char *info_after[FS_NODES_MAX];
    struct fs_load_result load;

    /* changing while the load runs */
    struct fs_load_progress seen; /* the progress before */
    struct fs_cost_point first;
    struct fs_cost_point last;
    struct fs_sampled sampled;
};

void fs_cell_path(const struct fs_record *record, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "cells/%s/%s/rep-%" PRIu32, record->subject->folder,
             record->scenario->name, record->rep);
}

static void show(const struct cell *cell, enum fs_cell_phase phase)
{
    const struct fs_run *run = cell->run;
    const struct fs_run_view view = {
        .record = cell->record,
        .cell_count = (uint32_t)(run->subject_count * run->scenario_count * run->reps),
        .phase = phase,
        .offered_per_s = NAN,
        .answered_per_s = NAN,
        .cpu = {NAN, NAN, NAN},
    };

    run->watch.on_view(run->watch.data, &view);
}

static struct fs_cost_point cost_now(const struct cell *cell, uint64_t purchases)
{
    struct fs_cost_point point = {.is_known = true,
                                  .server_cpu_us = fs_process_cpu_us(cell->server.child.pid),
                                  .purchases = purchases};

    for (size_t i = 0; i < cell->server.node_count; i++)
        point.redis_cpu_us += fs_process_cpu_us(cell->server.node_pids[i]);
    return point;
}

static bool is_warmup(const struct fs_scenario *scenario, size_t stage)
{
    return stage < scenario->stage_count && scenario->stages[stage].warmup;
}

/* When the figures begin. */
static uint64_t warmup_us(const struct fs_scenario *scenario)
{
    uint64_t sum_us = 0;

    for (size_t i = 0; i < scenario->stage_count && scenario->stages[i].warmup; i++)
        sum_us += scenario->stages[i].ramp_us + scenario->stages[i].hold_us;
    return sum_us;
}

static void on_progress(void *data, const struct fs_load_progress *now)
{
    struct cell *cell = data;
    const struct fs_run *run = cell->run;
    double elapsed_s = (double)(now->elapsed_us - cell->seen.elapsed_us) / 1e6;
    struct fs_run_view view = {
        .record = cell->record,
        .cell_count = (uint32_t)(run->subject_count * run->scenario_count * run->reps),
        .phase = FS_CELL_LOAD,
        .load = now,
        .offered_per_s =
            elapsed_s > 0 ? (double)(now->offered - cell->seen.offered) / elapsed_s : NAN,
        .answered_per_s =
            elapsed_s > 0 ? (double)(now->answered - cell->seen.answered) / elapsed_s : NAN,
    };

    if (!cell->first.is_known && !is_warmup(cell->record->scenario, now->stage)) {
        cell->first = cost_now(cell, 0);
        cell->first.after_us = now->elapsed_us - warmup_us(cell->record->scenario);
    }
    fs_sampler_now(cell->sampler, &view.cpu);
    cell->seen = *now;
    run->watch.on_view(run->watch.data, &view);
}

static int put_stock(struct cell *cell, char *error)
{
    const struct fs_scenario *scenario = cell->record->scenario;
    char why[FS_ADMIN_ERROR_SIZE];
    char path[FS_SCENARIO_NAME_SIZE + 32];
    char body[160];
    int rc = 0;

    snprintf(body, sizeof(body),
             "{\"stock\":%" PRId64 ",\"per_user_max\":%" PRId64 ",\"reset\":true}", scenario->stock,
             scenario->per_user_max);
    for (size_t i = 0; rc == 0 && i < scenario->product_count; i++) {
        char *answer = NULL;

        snprintf(path, sizeof(path), "/admin/products/%s", scenario->products[i]);
        rc = fs_admin_ask(cell->server.admin, "PUT", path, body, &answer, why);
        free(answer);
    }
    if (rc != 0)
        snprintf(error, FS_RUN_ERROR_SIZE, "the stock was not put: %s", why);
    return rc;
}

/* A page that cannot be had is an empty one: its figures are unknown. */
static void scrape(struct cell *cell, const char *name, struct fs_prom_page *page)
{
    char why[FS_ADMIN_ERROR_SIZE];
    char *text = NULL;

    if (!cell->server.admin ||
        fs_admin_ask(cell->server.admin, "GET", "/metrics", NULL, &text, why) != 0)
        return;
    fs_whole_file_write(cell->folder, name, text, strlen(text));
    if (fs_prom_read(page, text) != 0)
        *page = (struct fs_prom_page){0};
    free(text);
}

static void ask_info(struct cell *cell, char **infos)
{
    for (size_t i = 0; i < cell->server.node_count; i++)
        infos[i] = fs_redis_node_info(cell->server.nodes[i]);
}

static bool has_admin_rights(const struct cell *cell)
{
    return cell->server.admin && cell->server.target.admin_token[0] != '\0';
}

static int prepare(struct cell *cell, char *error)
{
    int rc = has_admin_rights(cell) ? put_stock(cell, error) : 0;

    if (rc != 0)
        return rc;
    scrape(cell, "metrics.before.prom", &cell->before);
    ask_info(cell, cell->info_before);
    rc = fs_sampler_start(&cell->sampler, &cell->server, cell->folder);
    if (rc != 0)
        snprintf(error, FS_RUN_ERROR_SIZE, "nothing can be sampled: %s", strerror(-rc));
    return rc;
}

static void note(const struct cell *cell, const char *text)
{
    char title[256];
    char line[FS_RUN_ERROR_SIZE + 512];

    snprintf(line, sizeof(line), "%s %s rep %" PRIu32 ": %s",
             fs_subject_title(cell->record->subject, title), cell->record->scenario->name,
             cell->record->rep, text);
    cell->run->watch.on_note(cell->run->watch.data, line);
}

/* The same requests for every strategy, others in every repetition. */
static uint64_t seed_of(const struct cell *cell)
{
    return cell->run->seed + cell->record->rep - 1;
}

static int put_under_load(struct cell *cell, char *error)
{
    const struct fs_cores *cores = &cell->run->source.pinning.generator;
    const struct fs_load_options options = {
        .threads = cores->count > 0 ? (uint32_t)cores->count : 1,
        .seed = seed_of(cell),
        .cores = cores->count > 0 ? cores->list : NULL,
        .core_count = cores->count,
        .stop = &cell->run->source.interrupt->is_wanted,
    };
    char why[FS_SCENARIO_ERROR_SIZE] = "";
    int rc;

    show(cell, FS_CELL_LOG_IN);
    rc = fs_load_run(cell->record->scenario, &cell->server.target, &options, on_progress, cell,
                     &cell->load, why);
    if (rc != 0) {
        snprintf(error, FS_RUN_ERROR_SIZE, "no load: %s", why[0] != '\0' ? why : strerror(-rc));
        return rc;
    }
    cell->last = cost_now(cell, fs_purchases_answered(&cell->load.totals));
    cell->record->was_run = true;
    cell->record->started_wall_ms = (int64_t)cell->load.started_wall_ms;
    snprintf(cell->record->invalid, sizeof(cell->record->invalid), "%s", cell->load.invalid);
    if (cell->load.stopped_early && cell->record->invalid[0] == '\0')
        snprintf(cell->record->invalid, sizeof(cell->record->invalid),
                 "stopped before its end by Ctrl-C");
    else if (!cell->load.stopped_early && cell->load.unfinished > 0) {
        snprintf(why, sizeof(why),
                 "time_max ended it: %" PRIu64 " of %" PRIu32
                 " users had iterations left, which are in no figure",
                 cell->load.unfinished, cell->record->scenario->users);
        note(cell, why);
    }
    return 0;
}

static void stop_sampling(struct cell *cell)
{
    if (!cell->sampler)
        return;
    fs_sampler_stop(cell->sampler, &cell->sampled);
    cell->sampler = NULL;
}

static bool are_nodes_here(const struct cell *cell)
{
    for (size_t i = 0; i < cell->server.node_count; i++)
        if (cell->server.node_pids[i] == 0)
            return false;
    return true;
}

static void measure(struct cell *cell)
{
    const struct fs_measured measured = {
        .load = &cell->load,
        .before = &cell->before,
        .after = &cell->after,
        .sampled = cell->sampled,
        .first = cell->first,
        .last = cell->last,
        .node_count = cell->server.node_count,
        .has_redis_cpu = are_nodes_here(cell),
        .has_server_cpu = cell->server.child.pid > 0,
    };

    memcpy(cell->record->durability, cell->server.durability, sizeof(cell->record->durability));
    fs_measure(&measured, cell->record);
}

/* Without rights nobody knows the stock, and answers are compared with each other only. */
static void verify(struct cell *cell)
{
    char told[FS_RUN_ERROR_SIZE] = "";

    if (!cell->run->may_audit)
        return;
    show(cell, FS_CELL_AUDIT);
    if (!has_admin_rights(cell))
        note(cell, "the stock was not put and the ledger is not read: that needs --admin and "
                   "--admin-token");
    fs_verify(&cell->server, &cell->load, &cell->before, &cell->after, cell->record, told);
    if (told[0] != '\0')
        note(cell, told);
}

static int write_files(struct cell *cell)
{
    int rc = fs_cell_write_latencies(cell->folder, &cell->load);

    if (rc == 0)
        rc = fs_buckets_write(cell->folder, cell->record, &cell->load);
    if (rc == 0 && cell->server.node_count > 0)
        rc = fs_cell_write_redis(cell->folder, cell->info_before, cell->info_after,
                                 cell->server.node_count);
    fs_timeseries_write(cell->timeseries, cell->record, &cell->load);
    return rc;
}

/* With the server running.  *error: why there are no figures. */
static int run_load(struct cell *cell, char *error)
{
    int rc = prepare(cell, error);

    if (rc == 0)
        rc = put_under_load(cell, error);
    stop_sampling(cell);
    if (rc != 0)
        return rc;
    scrape(cell, "metrics.after.prom", &cell->after);
    ask_info(cell, cell->info_after);
    measure(cell);
    if (cell->server.child.pid > 0 && fs_child_has_ended(&cell->server.child)) {
        snprintf(error, FS_RUN_ERROR_SIZE, "the server ended while it was under load; see %.400s",
                 cell->server.log_path);
        return -ECHILD;
    }
    verify(cell);
    return write_files(cell);
}

static void dispose(struct cell *cell)
{
    fs_load_result_dispose(&cell->load);
    for (size_t i = 0; i < FS_NODES_MAX; i++) {
        free(cell->info_before[i]);
        free(cell->info_after[i]);
    }
    fs_prom_dispose(&cell->before);
    fs_prom_dispose(&cell->after);
    free(cell);
}

static void stop_server(struct cell *cell)
{
    int rc;

    show(cell, FS_CELL_STOP);
    rc = fs_bench_server_stop(&cell->server);
    if (rc == -ETIMEDOUT)
        note(cell, "the server did not stop within 20 s and was killed");
}

static int run_cell(struct cell *cell)
{
    struct fs_record *record = cell->record;
    char error[FS_RUN_ERROR_SIZE] = "";
    int rc;

    show(cell, FS_CELL_START);
    rc = fs_bench_server_start(&cell->run->source, record->subject, record->scenario, cell->folder,
                               &cell->server, error);
    if (rc == 0) {
        int failed = run_load(cell, error);

        stop_server(cell);
        rc = failed == -EINVAL ? -EPROTO : failed;
    }
    if (rc != 0) {
        record->was_run = false;
        snprintf(record->failure, sizeof(record->failure), "%s",
                 error[0] != '\0' ? error : strerror(-rc));
    }
    return rc;
}

int fs_cell_run(struct fs_run *run, struct fs_record *record, FILE *timeseries)
{
    struct cell *cell = calloc(1, sizeof(*cell));
    char path[PATH_MAX];
    int rc;
    int written;

    if (!cell)
        return -ENOMEM;
    *cell = (struct cell){.run = run, .record = record, .timeseries = timeseries};
    cell->sampled = (struct fs_sampled){NAN, NAN, NAN};
    fs_cell_path(record, path);
    snprintf(cell->folder, sizeof(cell->folder), "%.*s/%.*s", PATH_MAX / 2, run->folder,
             PATH_MAX / 2 - 2, path);
    rc = fs_make_folders(cell->folder);
    if (rc == 0) {
        rc = run_cell(cell);
        written = fs_cell_write_result(cell->folder, record, record->was_run ? &cell->load : NULL,
                                       seed_of(cell));
        /* A cell that failed is told by its record; only a refused configuration ends the run. */
        rc = rc == -EINVAL ? rc : written;
    }
    dispose(cell);
    return rc;
}
