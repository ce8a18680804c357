/* One table of options, so that help, parsing and suggestions agree. */
#include "cli/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/suggest.h"
#include "run/run.h"

#define REPS_MAX 1000u

enum option_id {
    ID_SCENARIO = 's',
    ID_HELP = 'h',
    ID_STRATEGY = 256,
    ID_REPS,
    ID_PROFILE,
    ID_TARGET,
    ID_SPAWN,
    ID_ADMIN,
    ID_TOKEN_FILE,
    ID_REDIS,
    ID_OUT,
    ID_NAME,
    ID_SEED,
    ID_CORES,
    ID_WORK_DIR,
    ID_PROGRAM,
    ID_PASSWORD,
    ID_CONNECTIONS,
    ID_JSON,
    ID_NO_PROGRESS,
    ID_NO_AUDIT,
    ID_REPORT
};

struct option_spec {
    int id;
    unsigned commands;
    const char *name;
    const char *value; /* NULL: takes none */
    const char *help;
};

#define MEASURES (FS_BENCH_RUN | FS_BENCH_COST)

static const struct option_spec specs[] = {
    {ID_SCENARIO, FS_BENCH_RUN, "scenario", "LIST|FILE|all",
     "scenarios to run: names separated by commas, or a file; may be repeated; default all"},
    {ID_STRATEGY, MEASURES, "strategy", "LIST",
     "v1,v2,v3,v4, or paths; options after colons: "
     "v2:mode=textbook,v4:nodes=1,v3:batch_max=1,v1:workers=4"},
    {ID_PROFILE, MEASURES | FS_BENCH_LIST, "profile", "smoke|ci|full",
     "duration and number of users: smoke (seconds), ci or full; default ci"},
    {ID_REPS, MEASURES, "reps", "N", "repetitions of each cell, 1 to 1000"},
    {ID_SEED, MEASURES, "seed", "N", "seed of everything random; default 1"},
    {ID_TARGET, FS_BENCH_RUN, "target", "URL", "load a server that is already running"},
    {ID_SPAWN, FS_BENCH_RUN, "spawn", NULL, "start a fresh server for each cell (default)"},
    {ID_ADMIN, FS_BENCH_RUN, "admin", "URL",
     "admin listener of the target, for its stock, metrics and ledger"},
    {ID_TOKEN_FILE, FS_BENCH_RUN, "admin-token", "FILE",
     "admin token of the target; with it the stock of the scenario's products is reset"},
    {ID_PASSWORD, FS_BENCH_RUN, "password", "TEXT",
     "password of every user_<n>; default password123"},
    {ID_REDIS, FS_BENCH_RUN, "redis", "URL",
     "use this Redis; may be repeated; keys get a prefix and are removed afterwards"},
    {ID_CORES, MEASURES, "cores", "SERVER/REDIS/GENERATOR",
     "cores to pin to, such as 0-1/2/3; 'any' for one of them, or 'none'"},
    {ID_CONNECTIONS, FS_BENCH_COST, "connections", "N", "number of connections; default 64"},
    {ID_OUT, MEASURES, "out", "DIR", "parent of the results folder; default results"},
    {ID_NAME, MEASURES, "name", "NAME", "name of the results folder; default bench or cost"},
    {ID_WORK_DIR, MEASURES, "work-dir", "DIR",
     "parent of the servers' data folders; default $TMPDIR or /var/tmp"},
    {ID_PROGRAM, MEASURES, "program", "FILE",
     "flashsale program to measure; default the one beside this"},
    {ID_JSON, MEASURES | FS_BENCH_LIST | FS_BENCH_COMPARE, "json", NULL, "print JSON"},
    {ID_NO_PROGRESS, MEASURES, "no-progress", NULL, "print nothing until the end"},
    {ID_NO_AUDIT, FS_BENCH_RUN, "no-audit", NULL, "skip the audit of history, metrics and ledger"},
    {ID_REPORT, FS_BENCH_RUN, "report", NULL, "write the report and its plots at the end"},
    {ID_HELP, ~0u, "help", NULL, "print help for this command"},
};

#define SPEC_COUNT (sizeof(specs) / sizeof(specs[0]))

int fs_bench_usage(FILE *err, const char *format, ...)
{
    va_list args;

    fputs("flashsale bench: ", err);
    va_start(args, format);
    vfprintf(err, format, args);
    va_end(args);
    fputs("\n'flashsale bench help' lists the commands and their options.\n", err);
    return FS_EXIT_USAGE;
}

int fs_bench_fail(FILE *err, const char *format, ...)
{
    va_list args;

    fputs("flashsale bench: ", err);
    va_start(args, format);
    vfprintf(err, format, args);
    va_end(args);
    fputc('\n', err);
    return FS_EXIT_FAILED;
}

static void choose(unsigned command, struct option chosen[SPEC_COUNT + 1])
{
    size_t used = 0;

    for (size_t i = 0; i < SPEC_COUNT; i++)
        if ((specs[i].commands & command) != 0)
            chosen[used++] = (struct option){
                specs[i].name, specs[i].value ? required_argument : no_argument, NULL, specs[i].id};
    chosen[used] = (struct option){0};
}

static int refuse_unknown(FILE *err, const char *typed, unsigned command)
{
    const char *words[SPEC_COUNT];
    const char *nearest;
    char name[64];
    size_t count = 0;

    if (strncmp(typed, "--", 2) != 0)
        return fs_bench_usage(err, "there is no option %s", typed);
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(typed + 2, "="), typed + 2);
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if ((specs[i].commands & command) != 0)
            words[count++] = specs[i].name;
    nearest = fs_cli_suggest(name, words, count);
    if (nearest)
        return fs_bench_usage(err, "there is no option --%s; did you mean --%s?", name, nearest);
    return fs_bench_usage(err, "there is no option --%s here", name);
}

static int read_number(const char *name, const char *text, uint64_t min, uint64_t max,
                       uint64_t *value, FILE *err)
{
    if (fs_text_to_u64(fs_text_of(text), max, value) != 0 || *value < min)
        return fs_bench_usage(err, "--%s %s: use a number from %llu to %llu", name, text,
                              (unsigned long long)min, (unsigned long long)max);
    return 0;
}

static int read_profile(const char *text, enum fs_profile *profile, FILE *err)
{
    static const char *const names[] = {"smoke", "ci", "full"};
    const char *nearest;

    for (size_t i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *profile = (enum fs_profile)(FS_PROFILE_SMOKE + (int)i);
            return 0;
        }
    nearest = fs_cli_suggest(text, names, 3);
    return fs_bench_usage(err, "there is no profile %s%s%s%s", text,
                          nearest ? "; did you mean " : ": use smoke, ci or full",
                          nearest ? nearest : "", nearest ? "?" : "");
}

static int add_word(const char **words, size_t *count, const char *word, FILE *err)
{
    if (*count == FS_BENCH_WORDS_MAX)
        return fs_bench_usage(err, "%s is one too many: at most %u", word, FS_BENCH_WORDS_MAX);
    words[(*count)++] = word;
    return 0;
}

static int set_number(struct fs_bench_options *options, int id, const char *value, FILE *err)
{
    uint64_t number = 0;
    int rc;

    switch (id) {
    case ID_REPS:
        rc = read_number("reps", value, 1, REPS_MAX, &number, err);
        options->reps = (uint32_t)number;
        return rc;
    case ID_CONNECTIONS:
        rc = read_number("connections", value, 1, FS_SCENARIO_CONNECTIONS_MAX, &number, err);
        options->connections = (uint32_t)number;
        return rc;
    default:
        return read_number("seed", value, 0, INT64_MAX, &options->seed, err);
    }
}

static int set_flag(struct fs_bench_options *options, int id)
{
    switch (id) {
    case ID_JSON:
        options->is_json = true;
        break;
    case ID_NO_PROGRESS:
        options->has_progress = false;
        break;
    case ID_NO_AUDIT:
        options->may_audit = false;
        break;
    case ID_REPORT:
        options->makes_report = true;
        break;
    case ID_HELP:
        options->is_help = true;
        break;
    default: /* ID_SPAWN is what happens anyway */
        break;
    }
    return 0;
}

static int set_text(struct fs_bench_options *options, int id, const char *value)
{
    switch (id) {
    case ID_TARGET:
        options->target = value;
        break;
    case ID_ADMIN:
        options->admin = value;
        break;
    case ID_TOKEN_FILE:
        options->token_file = value;
        break;
    case ID_OUT:
        options->out = value;
        break;
    case ID_NAME:
        options->name = value;
        break;
    case ID_CORES:
        options->cores = value;
        break;
    case ID_WORK_DIR:
        options->work_dir = value;
        break;
    case ID_PROGRAM:
        options->program = value;
        break;
    default:
        options->password = value;
        break;
    }
    return 0;
}

static int apply(struct fs_bench_options *options, int id, const char *value, FILE *err)
{
    switch (id) {
    case ID_SCENARIO:
        return add_word(options->scenarios, &options->scenario_count, value, err);
    case ID_STRATEGY:
        return add_word(options->strategies, &options->strategy_count, value, err);
    case ID_REDIS:
        return add_word(options->redis, &options->redis_count, value, err);
    case ID_PROFILE:
        return read_profile(value, &options->profile, err);
    case ID_REPS:
    case ID_CONNECTIONS:
    case ID_SEED:
        return set_number(options, id, value, err);
    default:
        return value ? set_text(options, id, value) : set_flag(options, id);
    }
}

int fs_bench_options_read(int argc, char **argv, enum fs_bench_command command, FILE *err,
                          struct fs_bench_options *options)
{
    struct option chosen[SPEC_COUNT + 1];
    int rc = 0;
    int id;

    *options = (struct fs_bench_options){.profile = FS_PROFILE_CI,
                                         .seed = 1,
                                         .out = "results",
                                         .password = "password123",
                                         .has_progress = true,
                                         .may_audit = true};
    choose(command, chosen);
    opterr = 0;
    optind = 0;
    while (rc == 0 && (id = getopt_long(argc, argv, ":s:h", chosen, NULL)) != -1) {
        if (id == ':')
            return fs_bench_usage(err, "%s needs a value", argv[optind - 1]);
        if (id == '?' || (id == ID_SCENARIO && command != FS_BENCH_RUN))
            return refuse_unknown(err, argv[optind - 1], command);
        rc = apply(options, id, optarg, err);
    }
    options->operands = argv + optind;
    options->operand_count = argc - optind;
    return rc;
}

void fs_bench_options_print(FILE *out, unsigned command)
{
    for (size_t i = 0; i < SPEC_COUNT; i++) {
        char name[64];

        if ((specs[i].commands & command) == 0)
            continue;
        snprintf(name, sizeof(name), "--%s%s%s", specs[i].name, specs[i].value ? " " : "",
                 specs[i].value ? specs[i].value : "");
        if (specs[i].id < 256)
            fprintf(out, "  -%c, %-32s %s\n", specs[i].id, name, specs[i].help);
        else
            fprintf(out, "      %-32s %s\n", name, specs[i].help);
    }
}
