/* Finds and checks scenarios before anything starts. */
#include "cli/choose.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/places.h"
#include "cli/suggest.h"
#include "run/figure.h"
#include "run/run.h"

#define FILES_MAX 256

/* The scenarios of a folder by their names, sorted. */
struct folder {
    char path[PATH_MAX];
    char texts[FILES_MAX][FS_SCENARIO_NAME_SIZE];
    char *names[FILES_MAX]; /* in texts */
    size_t count;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_scenario_file(const char *name)
{
    size_t len = strlen(name);

    return len > 5 && name[0] != '.' && strcmp(name + len - 5, ".yaml") == 0;
}

static int read_folder(struct folder *folder, FILE *err)
{
    struct dirent *entry;
    DIR *dir;

    *folder = (struct folder){0};
    fs_place_scenarios(folder->path);
    dir = folder->path[0] != '\0' ? opendir(folder->path) : NULL;
    if (!dir)
        return fs_bench_usage(err,
                              "the folder of scenarios %s: %s; name files by -s FILE, or the "
                              "folder by FLASHSALE_SCENARIOS",
                              folder->path, strerror(errno));
    while (folder->count < FILES_MAX && (entry = readdir(dir)) != NULL)
        if (is_scenario_file(entry->d_name)) {
            snprintf(folder->texts[folder->count], FS_SCENARIO_NAME_SIZE, "%.*s",
                     (int)strlen(entry->d_name) - 5, entry->d_name);
            folder->names[folder->count] = folder->texts[folder->count];
            folder->count++;
        }
    closedir(dir);
    qsort(folder->names, folder->count, sizeof(folder->names[0]), compare_names);
    return 0;
}

void fs_chosen_dispose(struct fs_chosen *chosen)
{
    free(chosen->scenarios);
    *chosen = (struct fs_chosen){0};
}

/* Metrics are columns of runs.csv, which the parser of scenarios does not know. */
static int check_metrics(const struct fs_scenario *scenario, FILE *err)
{
    for (size_t i = 0; i < scenario->threshold_count; i++) {
        const char *metric = scenario->thresholds[i].metric;
        const char *nearest;

        if (fs_figure_find(metric) < FS_FIGURE_COUNT)
            continue;
        nearest = fs_figure_suggest(metric);
        fprintf(err, "flashsale bench: %s: thresholds: there is no figure %s%s%s%s\n",
                scenario->path, metric, nearest ? "; did you mean " : "", nearest ? nearest : "",
                nearest ? "?" : "");
        return FS_EXIT_USAGE;
    }
    return 0;
}

static bool is_chosen(const struct fs_chosen *chosen, const char *name)
{
    for (size_t i = 0; i < chosen->count; i++)
        if (strcmp(chosen->scenarios[i].name, name) == 0)
            return true;
    return false;
}

static int add_file(struct fs_chosen *chosen, const char *path, enum fs_profile profile, FILE *err)
{
    struct fs_scenario *grown =
        realloc(chosen->scenarios, (chosen->count + 1) * sizeof(*chosen->scenarios));
    char error[FS_SCENARIO_ERROR_SIZE] = "";
    struct fs_scenario *scenario;
    int rc;

    if (!grown)
        return fs_bench_fail(err, "out of memory");
    chosen->scenarios = grown;
    scenario = &grown[chosen->count];
    rc = fs_scenario_read(scenario, path, profile, error);
    if (rc != 0) {
        fprintf(err, "flashsale bench: %s\n", error[0] != '\0' ? error : strerror(-rc));
        return FS_EXIT_USAGE;
    }
    if (is_chosen(chosen, scenario->name)) {
        fprintf(err, "flashsale bench: %s: the scenario %s is there already\n", path,
                scenario->name);
        return FS_EXIT_USAGE;
    }
    rc = check_metrics(scenario, err);
    chosen->count += rc == 0;
    return rc;
}

static int add_name(struct fs_chosen *chosen, const struct folder *folder, const char *name,
                    enum fs_profile profile, FILE *err)
{
    const char *nearest;
    char path[PATH_MAX];

    for (size_t i = 0; i < folder->count; i++)
        if (strcmp(folder->names[i], name) == 0) {
            snprintf(path, sizeof(path), "%.3800s/%.200s.yaml", folder->path, name);
            return add_file(chosen, path, profile, err);
        }
    nearest = fs_cli_suggest(name, (const char *const *)folder->names, folder->count);
    if (nearest)
        return fs_bench_usage(err, "there is no scenario %s; did you mean %s?", name, nearest);
    return fs_bench_usage(err, "there is no scenario %s; 'flashsale bench list' names them", name);
}

/* Goes on after a mistake, so that all of them are told. */
static int add_all(struct fs_chosen *chosen, const struct folder *folder, enum fs_profile profile,
                   FILE *err)
{
    int worst = 0;

    for (size_t i = 0; i < folder->count; i++) {
        int rc = add_name(chosen, folder, folder->names[i], profile, err);

        worst = rc != 0 ? rc : worst;
    }
    if (folder->count == 0)
        return fs_bench_usage(err, "there are no scenarios in %s", folder->path);
    return worst;
}

/* Names separated by commas; "all" among them means each of the folder. */
static int add_names(struct fs_chosen *chosen, const struct folder *folder, const char *list,
                     enum fs_profile profile, FILE *err)
{
    int worst = 0;

    for (const char *rest = list; rest;) {
        const char *comma = strchr(rest, ',');
        char name[FS_SCENARIO_NAME_SIZE];
        size_t len = comma ? (size_t)(comma - rest) : strlen(rest);
        int rc;

        snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1),
                 rest);
        rc = strcmp(name, "all") == 0 ? add_all(chosen, folder, profile, err)
                                      : add_name(chosen, folder, name, profile, err);
        worst = rc != 0 ? rc : worst;
        rest = comma ? comma + 1 : NULL;
    }
    return worst;
}

static bool is_path(const char *word)
{
    return strchr(word, '/') != NULL || is_scenario_file(word);
}

int fs_choose_scenarios(struct fs_chosen *chosen, const char *const *words, size_t count,
                        enum fs_profile profile, FILE *err)
{
    static const char *const all[] = {"all"};
    struct folder folder = {0};
    int worst = 0;

    *chosen = (struct fs_chosen){0};
    if (count == 0) {
        words = all;
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        int rc = 0;

        if (!is_path(words[i]) && folder.path[0] == '\0')
            rc = read_folder(&folder, err);
        if (rc == 0 && is_path(words[i]))
            rc = add_file(chosen, words[i], profile, err);
        else if (rc == 0)
            rc = add_names(chosen, &folder, words[i], profile, err);
        worst = rc != 0 ? rc : worst;
    }
    return worst;
}

static void print_scenario(const struct fs_scenario *scenario, FILE *out)
{
    fprintf(out, "%-12s %-22s %6u users %8.1f s  %s\n", scenario->name,
            fs_executor_name(scenario->executor), scenario->users,
            (double)fs_scenario_duration_us(scenario) / 1e6, scenario->description);
}

static void print_json(const struct fs_chosen *chosen, FILE *out)
{
    json_t *list = json_array();

    for (size_t i = 0; i < chosen->count; i++) {
        const struct fs_scenario *scenario = &chosen->scenarios[i];

        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:f}", "name", scenario->name, "description",
                            scenario->description, "executor", fs_executor_name(scenario->executor),
                            "path", scenario->path, "users", (json_int_t)scenario->users,
                            "duration_s", (double)fs_scenario_duration_us(scenario) / 1e6));
    }
    json_dumpf(list, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(list);
}

int fs_bench_list(const struct fs_bench_options *options, FILE *out, FILE *err)
{
    struct fs_chosen chosen;
    int rc = fs_choose_scenarios(&chosen, NULL, 0, options->profile, err);

    if (options->is_json) {
        print_json(&chosen, out);
    } else {
        fprintf(out, "Profile %s:\n", fs_profile_name(options->profile));
        for (size_t i = 0; i < chosen.count; i++)
            print_scenario(&chosen.scenarios[i], out);
    }
    fs_chosen_dispose(&chosen);
    return rc;
}

int fs_bench_validate(const struct fs_bench_options *options, FILE *out, FILE *err)
{
    int worst = 0;

    if (options->operand_count == 0)
        return fs_bench_usage(err, "validate needs files of scenarios");
    for (int i = 0; i < options->operand_count; i++) {
        struct fs_chosen chosen = {0};
        int rc = 0;

        /* The file as written first, then what is wrong with a profile of it alone. */
        for (int profile = FS_PROFILE_FULL; rc == 0 && profile >= FS_PROFILE_SMOKE; profile--) {
            fs_chosen_dispose(&chosen);
            rc = add_file(&chosen, options->operands[i], (enum fs_profile)profile, err);
        }
        if (rc == 0)
            fprintf(out, "%s: fine\n", options->operands[i]);
        worst = rc != 0 ? rc : worst;
        fs_chosen_dispose(&chosen);
    }
    return worst;
}
