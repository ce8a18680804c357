/* What a purchase costs, by the generator's own load. */
#include "cli/cost.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/places.h"
#include "cli/table.h"
#include "run/csv.h"
#include "run/whole_file.h"

#define SECOND_US UINT64_C(1000000)
#define STOCK 1000000000

static bool is_there(const char *folder, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 32, folder, name);
    return access(path, R_OK) == 0;
}

void fs_cost_subjects(char *list, size_t size)
{
    char folder[PATH_MAX];

    fs_place_test_strategies(folder);
    snprintf(list, size, "%s%sv1,v2,v3,v4", is_there(folder, "../bare_h2o") ? "bare," : "",
             is_there(folder, "null.so") ? "null," : "");
}

void fs_cost_scenario(struct fs_scenario *scenario, uint32_t connections, enum fs_profile profile)
{
    uint64_t warmup_us = profile == FS_PROFILE_SMOKE ? SECOND_US / 5 : SECOND_US;
    uint64_t hold_us = profile == FS_PROFILE_SMOKE  ? SECOND_US
                       : profile == FS_PROFILE_FULL ? 10 * SECOND_US
                                                    : 4 * SECOND_US;

    *scenario = (struct fs_scenario){
        .name = "cost",
        .description = "purchases without a pause from a stock that lasts",
        .profile = profile,
        .executor = FS_EXECUTOR_CONSTANT_VUS,
        .stages = {{.name = "warm-up", .hold_us = warmup_us, .target = connections, .warmup = true},
                   {.name = "hold", .hold_us = hold_us, .target = connections}},
        .stage_count = 2,
        .users = connections,
        .connections_max = connections,
        .deadline_us = 5 * SECOND_US,
        .time_max_us = 30 * SECOND_US,
        .mix = {.purchase = 1},
        .products = {"1"},
        .product_count = 1,
        .quantity_min = 1,
        .quantity_max = 1,
        .stock = STOCK,
    };
}

static double median_of(const struct fs_run *run, const char *strategy)
{
    for (size_t i = 0; i < run->summary_count; i++)
        if (strcmp(run->summaries[i].subject->strategy, strategy) == 0)
            return run->summaries[i].median[FS_FIGURE_SERVER_COST];
    return NAN;
}

/* A cell of a table, "-" for what is not known. */
static const char *show(double value, int digits, char text[32])
{
    if (isnan(value))
        snprintf(text, 32, "-");
    else
        snprintf(text, 32, "%.*f", digits, value);
    return text;
}

static void print_table(const struct fs_run *run, FILE *out)
{
    double null = median_of(run, "null");
    double bare = median_of(run, "bare");
    const struct fs_scenario *scenario = run->scenarios;

    fprintf(out,
            "CPU of one purchase, %" PRIu32 " connections, medians of %" PRIu32
            " interleaved repetitions of %.0f s; server on cores %s, Redis %s, generator %s\n\n"
            "| strategy | server us | against bare | against null | Redis us | commands a purchase "
            "| generator us | answers/s | durability |\n|---|---|---|---|---|---|---|---|---|\n",
            scenario->users, run->reps, (double)scenario->stages[1].hold_us / 1e6,
            run->source.pinning.server.text, run->source.pinning.redis.text,
            run->source.pinning.generator.text);
    for (size_t i = 0; i < run->summary_count; i++) {
        const struct fs_summary *summary = &run->summaries[i];
        double server = summary->median[FS_FIGURE_SERVER_COST];
        char title[256];
        char cells[7][32];

        fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
                fs_subject_title(summary->subject, title), show(server, 2, cells[0]),
                show(server / bare, 2, cells[1]), show(server / null, 2, cells[2]),
                show(summary->median[FS_FIGURE_REDIS_COST], 2, cells[3]),
                show(summary->median[FS_FIGURE_STORE_COMMANDS], 3, cells[4]),
                show(summary->median[FS_FIGURE_GENERATOR_COST], 2, cells[5]),
                show(summary->median[FS_FIGURE_ANSWERED_RATE], 0, cells[6]),
                summary->durability[0] != '\0' ? summary->durability : "-");
    }
}

static int write_csv(const struct fs_run *run)
{
    static const enum fs_figure figures[] = {FS_FIGURE_SERVER_COST,    FS_FIGURE_REDIS_COST,
                                             FS_FIGURE_STORE_COMMANDS, FS_FIGURE_STORE_BATCH,
                                             FS_FIGURE_GENERATOR_COST, FS_FIGURE_ANSWERED_RATE,
                                             FS_FIGURE_LATENCY_P50,    FS_FIGURE_LATENCY_P99};
    struct fs_whole_file whole;
    struct fs_csv csv;
    int rc = fs_whole_file_open(&whole, run->folder, "cost.csv");

    if (rc != 0)
        return rc;
    csv = (struct fs_csv){.file = whole.file};
    fputs("strategy,variant,rep,connections", whole.file);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        fprintf(whole.file, ",%s", fs_figure_column(figures[i]));
    fputc('\n', whole.file);
    for (size_t i = 0; i < run->record_count; i++) {
        const struct fs_record *record = &run->records[i];

        fs_csv_text(&csv, record->subject->strategy);
        fs_csv_text(&csv, record->subject->variant);
        fs_csv_integer(&csv, record->rep);
        fs_csv_integer(&csv, record->scenario->users);
        for (size_t k = 0; k < sizeof(figures) / sizeof(figures[0]); k++)
            fs_csv_number(&csv, record->values[figures[k]], fs_figure_digits(figures[k]));
        fs_csv_end(&csv);
    }
    return fs_whole_file_close(&whole);
}

static int write_table(const struct fs_run *run)
{
    struct fs_whole_file whole;
    int rc = fs_whole_file_open(&whole, run->folder, "cost.md");

    if (rc != 0)
        return rc;
    print_table(run, whole.file);
    return fs_whole_file_close(&whole);
}

/* A refusal is cheaper than a sale: costs of both would say nothing of either. */
static bool has_sold_all(const struct fs_record *record)
{
    return record->was_run &&
           record->values[FS_FIGURE_SOLD] >= 0.999 * record->values[FS_FIGURE_ANSWERED];
}

int fs_cost_report(const struct fs_run *run, bool is_json, FILE *out, FILE *err)
{
    int code = FS_EXIT_FINE;

    for (size_t i = 0; i < run->record_count; i++) {
        const struct fs_record *record = &run->records[i];
        char title[256];

        if (has_sold_all(record) && record->invalid[0] == '\0')
            continue;
        fprintf(err, "flashsale bench: %s rep %" PRIu32 ": %s\n",
                fs_subject_title(record->subject, title), record->rep,
                !record->was_run             ? record->failure
                : record->invalid[0] != '\0' ? record->invalid
                                             : "not every purchase was sold");
        code = record->was_run && code != FS_EXIT_FAILED ? FS_EXIT_INVALID : FS_EXIT_FAILED;
    }
    if (write_csv(run) != 0 || write_table(run) != 0)
        return FS_EXIT_FAILED;
    if (is_json)
        fs_table_print_json(out, run, code);
    else
        print_table(run, out);
    return code;
}
