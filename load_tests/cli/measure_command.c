/* From options to a run, and from its figures to an exit code. */
#include "cli/measure_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/choose.h"
#include "cli/cost.h"
#include "cli/interrupt.h"
#include "cli/places.h"
#include "cli/progress.h"
#include "cli/scripts.h"
#include "cli/table.h"
#include "run/target.h"

/* All that a run borrows. */
struct measuring {
    struct fs_interrupt interrupt;
    struct fs_progress progress;
    struct fs_subject subjects[FS_SUBJECTS_MAX];
    size_t subject_count;
    struct fs_run run;
};

static int choose_subjects(struct measuring *measuring, const struct fs_bench_options *options,
                           const char *usual, FILE *err)
{
    char test_dir[PATH_MAX];
    char error[FS_SUBJECT_ERROR_SIZE];

    fs_place_test_strategies(test_dir);
    if (options->target && options->strategy_count == 0) {
        struct fs_subject *subject = &measuring->subjects[measuring->subject_count++];

        fs_target_strategy(&measuring->run.source, subject->strategy, sizeof(subject->strategy));
        memcpy(subject->folder, subject->strategy, sizeof(subject->strategy));
        return 0;
    }
    if (options->strategy_count == 0 && fs_subjects_read(usual, test_dir, measuring->subjects,
                                                         &measuring->subject_count, error) != 0)
        return fs_bench_usage(err, "%s", error);
    for (size_t i = 0; i < options->strategy_count; i++)
        if (fs_subjects_read(options->strategies[i], test_dir, measuring->subjects,
                             &measuring->subject_count, error) != 0)
            return fs_bench_usage(err, "--strategy: %s", error);
    if (options->target && measuring->subject_count > 1)
        return fs_bench_usage(err, "--target is one server: name one strategy at most");
    return 0;
}

static int choose_cores(struct fs_pinning *pinning, const struct fs_bench_options *options,
                        FILE *err)
{
    fs_pinning_choose(pinning);
    if (options->cores && fs_pinning_read(options->cores, pinning) != 0)
        return fs_bench_usage(err,
                              "--cores %s: use SERVER/REDIS/GENERATOR, such as 0/any/1, with cores "
                              "of this machine, or none",
                              options->cores);
    return 0;
}

static int check_target(const struct fs_bench_options *options, FILE *err)
{
    if (!options->target && (options->admin || options->token_file))
        return fs_bench_usage(err, "--admin and --admin-token belong to a --target");
    if (options->target && options->redis_count > 0)
        return fs_bench_usage(err, "--redis is for servers that are started: --target has its own");
    if (options->token_file && !options->admin)
        return fs_bench_usage(err, "--admin-token needs --admin URL");
    return 0;
}

static int find_program(struct fs_server_source *source, const struct fs_bench_options *options,
                        FILE *err)
{
    if (options->program && !realpath(options->program, source->program))
        return fs_bench_usage(err, "--program %s: %s", options->program, strerror(errno));
    if (!options->program)
        fs_place_program(source->program);
    if (source->program[0] == '\0' && !options->target)
        return fs_bench_fail(err,
                             "there is no flashsale beside this program nor in PATH: build it, "
                             "or name it by --program");
    return 0;
}

/* On a disk, not on a /tmp in memory: a journal that is synced to memory shows nothing. */
static int make_work_folder(struct measuring *measuring, const struct fs_bench_options *options,
                            FILE *err)
{
    const char *variable = getenv("TMPDIR");
    const char *parent = options->work_dir                 ? options->work_dir
                         : variable && variable[0] != '\0' ? variable
                                                           : "/var/tmp";
    char *folder = measuring->interrupt.work_folder;

    if (snprintf(folder, PATH_MAX, "%s/fsb-XXXXXX", parent) >= PATH_MAX - 64 || !mkdtemp(folder)) {
        folder[0] = '\0';
        return fs_bench_fail(err, "no folder can be made in %s: %s", parent, strerror(errno));
    }
    snprintf(measuring->run.source.work_folder, PATH_MAX, "%s", folder);
    return 0;
}

static int prepare(struct measuring *measuring, const struct fs_bench_options *options,
                   const char *usual, FILE *err)
{
    struct fs_run *run = &measuring->run;
    int rc = check_target(options, err);

    run->source.target = options->target;
    run->source.target_admin = options->admin;
    run->source.token_file = options->token_file;
    run->source.redis_urls = options->redis;
    run->source.redis_count = options->redis_count;
    run->source.password = options->password;
    run->source.interrupt = &measuring->interrupt;
    if (rc == 0)
        rc = find_program(&run->source, options, err);
    if (rc == 0)
        rc = choose_cores(&run->source.pinning, options, err);
    if (rc == 0)
        rc = choose_subjects(measuring, options, usual, err);
    if (rc != 0)
        return rc;
    run->subjects = measuring->subjects;
    run->subject_count = measuring->subject_count;
    run->seed = options->seed;
    run->parent = options->out;
    run->watch = (struct fs_run_watch){fs_progress_view, fs_progress_cell_end, fs_progress_note,
                                       &measuring->progress};
    fs_progress_init(&measuring->progress, err, !options->has_progress);
    return 0;
}

static bool is_name(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

    return len > 0 && len < 64 && name[len] == '\0' && name[0] != '.';
}

/* Runs what was prepared; an error ends in words.  Returns 0 or an exit code. */
static int carry_out(struct measuring *measuring, const struct fs_bench_options *options, FILE *err)
{
    char error[FS_RUN_ERROR_SIZE];
    int rc;

    if (!is_name(measuring->run.name))
        return fs_bench_usage(err, "--name %s: use A-Z a-z 0-9 _ . -", measuring->run.name);
    if (fs_interrupt_watch(&measuring->interrupt) != 0)
        return fs_bench_fail(err, "no thread can be started");
    rc = make_work_folder(measuring, options, err);
    if (rc != 0)
        return rc;
    rc = fs_run_all(&measuring->run, error);
    fs_remove_tree(measuring->interrupt.work_folder);
    fs_progress_end(&measuring->progress);
    if (rc == 0)
        return 0;
    fs_bench_fail(err, "%s", error);
    return rc == -EINVAL ? FS_EXIT_USAGE : FS_EXIT_FAILED;
}

static int finish_run(const struct measuring *measuring, const struct fs_bench_options *options,
                      FILE *out, FILE *err)
{
    const struct fs_run *run = &measuring->run;
    int code = fs_run_exit(run);

    if (options->is_json)
        fs_table_print_json(out, run, code);
    else
        fs_table_print(out, run);
    if (options->makes_report && fs_bench_run_script("analyze_results.py", run->folder, err) != 0)
        fs_bench_fail(err, "the report was not written; the figures are all there");
    if (!options->is_json)
        fprintf(out, "\nResults: %s%s\n", run->folder,
                options->makes_report ? "/report.html"
                                      : "  (flashsale bench report DIR plots them)");
    return code;
}

int fs_bench_run_command(const struct fs_bench_options *options, char *const *argv, FILE *out,
                         FILE *err)
{
    struct measuring *measuring = calloc(1, sizeof(*measuring));
    struct fs_chosen chosen = {0};
    int rc;

    if (!measuring)
        return fs_bench_fail(err, "out of memory");
    measuring->run = (struct fs_run){.reps = options->reps > 0 ? options->reps : 1,
                                     .profile = options->profile,
                                     .name = options->name ? options->name : "bench",
                                     .argv = argv,
                                     .may_audit = options->may_audit};
    rc = options->operand_count > 0
             ? fs_bench_usage(err, "run does not take \"%s\"", options->operands[0])
             : prepare(measuring, options, "v1,v2,v3,v4", err);
    if (rc == 0)
        rc = fs_choose_scenarios(&chosen, options->scenarios, options->scenario_count,
                                 options->profile, err);
    if (rc == 0) {
        measuring->run.scenarios = chosen.scenarios;
        measuring->run.scenario_count = chosen.count;
        rc = carry_out(measuring, options, err);
        if (rc == 0)
            rc = finish_run(measuring, options, out, err);
    }
    fs_run_dispose(&measuring->run);
    fs_chosen_dispose(&chosen);
    free(measuring);
    return rc;
}

int fs_bench_cost_command(const struct fs_bench_options *options, char *const *argv, FILE *out,
                          FILE *err)
{
    struct measuring *measuring = calloc(1, sizeof(*measuring));
    struct fs_scenario *scenario = calloc(1, sizeof(*scenario));
    char usual[256];
    int rc;

    if (!measuring || !scenario) {
        free(measuring);
        free(scenario);
        return fs_bench_fail(err, "out of memory");
    }
    measuring->run = (struct fs_run){.reps = options->reps > 0 ? options->reps : 3,
                                     .profile = options->profile,
                                     .name = options->name ? options->name : "cost",
                                     .argv = argv};
    fs_cost_subjects(usual, sizeof(usual));
    rc = options->operand_count > 0
             ? fs_bench_usage(err, "cost does not take \"%s\"", options->operands[0])
             : prepare(measuring, options, usual, err);
    if (rc == 0) {
        fs_cost_scenario(scenario, options->connections > 0 ? options->connections : 64,
                         options->profile);
        measuring->run.scenarios = scenario;
        measuring->run.scenario_count = 1;
        rc = carry_out(measuring, options, err);
    }
    if (rc == 0) {
        rc = fs_cost_report(&measuring->run, options->is_json, out, err);
        if (!options->is_json)
            fprintf(out, "\nResults: %s\n", measuring->run.folder);
    }
    fs_run_dispose(&measuring->run);
    free(scenario);
    free(measuring);
    return rc;
}
