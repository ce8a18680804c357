/* Runs one scenario against a server that is there already, and prints the figures as lines of
 * "name value": for measurements of the generator itself.
 *
 *     bench_drive SCENARIO.yaml PROFILE HOST:PORT [ADMIN_PORT TOKEN_FILE] [--users N] [--seconds S]
 *                 [--server-pid PID] [--core N] [--threads N] [--seed N] */
#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/load.h"

struct settings {
    const char *path;
    enum fs_profile profile;
    struct fs_target target;
    uint32_t users;
    double seconds;
    long server_pid;
    int core;
    struct fs_load_options options;
};

static uint64_t cpu_of_us(long pid)
{
    char path[64], text[1024];
    unsigned long long user = 0, system = 0;
    FILE *file;
    char *at;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    file = fopen(path, "r");
    if (!file)
        return 0;
    if (fgets(text, sizeof(text), file) && (at = strrchr(text, ')')) != NULL)
        sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system);
    fclose(file);
    return (user + system) * 1000000u / (unsigned long long)sysconf(_SC_CLK_TCK);
}

static void read_token(struct fs_target *target, const char *path)
{
    FILE *file = fopen(path, "r");

    if (!file || !fgets(target->admin_token, sizeof(target->admin_token), file)) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    target->admin_token[strcspn(target->admin_token, "\r\n")] = '\0';
    fclose(file);
}

static enum fs_profile profile_of(const char *name)
{
    for (int i = FS_PROFILE_SMOKE; i <= FS_PROFILE_FULL; i++)
        if (strcmp(fs_profile_name((enum fs_profile)i), name) == 0)
            return (enum fs_profile)i;
    fprintf(stderr, "%s: no such profile\n", name);
    exit(2);
}

static void read_settings(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {{"users", 1, NULL, 'u'},      {"seconds", 1, NULL, 's'},
                                            {"server-pid", 1, NULL, 'p'}, {"core", 1, NULL, 'c'},
                                            {"threads", 1, NULL, 't'},    {"seed", 1, NULL, 'e'},
                                            {"pattern", 1, NULL, 'x'},    {NULL, 0, NULL, 0}};
    char *colon;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        double value = optarg ? strtod(optarg, NULL) : 0;

        if (option == 'u')
            settings->users = (uint32_t)value;
        else if (option == 's')
            settings->seconds = value;
        else if (option == 'p')
            settings->server_pid = (long)value;
        else if (option == 'c')
            settings->core = (int)value;
        else if (option == 't')
            settings->options.threads = (uint32_t)value;
        else if (option == 'e')
            settings->options.seed = (uint64_t)value;
        else
            exit(2);
    }
    if (argc - optind < 3 || !(colon = strrchr(argv[optind + 2], ':'))) {
        fprintf(stderr, "usage: bench_drive SCENARIO PROFILE HOST:PORT [ADMIN_PORT TOKEN_FILE]\n");
        exit(2);
    }
    settings->path = argv[optind];
    settings->profile = profile_of(argv[optind + 1]);
    snprintf(settings->target.host, sizeof(settings->target.host), "%.*s",
             (int)(colon - argv[optind + 2]), argv[optind + 2]);
    settings->target.port = (uint16_t)strtoul(colon + 1, NULL, 10);
    snprintf(settings->target.password, sizeof(settings->target.password), "password123");
    if (argc - optind >= 5) {
        snprintf(settings->target.admin_host, sizeof(settings->target.admin_host), "%s",
                 settings->target.host);
        settings->target.admin_port = (uint16_t)strtoul(argv[optind + 3], NULL, 10);
        read_token(&settings->target, argv[optind + 4]);
    }
    if (settings->core >= 0) {
        settings->options.cores = &settings->core;
        settings->options.core_count = 1;
    }
}

static void change(struct fs_scenario *scenario, const struct settings *settings)
{
    if (settings->users > 0) {
        scenario->users = scenario->connections_max = settings->users;
        for (size_t i = 0; i < scenario->stage_count; i++)
            scenario->stages[i].target = settings->users;
    }
    for (size_t i = 0; settings->seconds > 0 && i < scenario->stage_count; i++)
        if (!scenario->stages[i].warmup)
            scenario->stages[i].hold_us = (uint64_t)(settings->seconds * 1e6);
}

static void on_progress(void *data, const struct fs_load_progress *now)
{
    (void)data;
    fprintf(stderr,
            "%6.2f s stage %zu: offered %" PRIu64 " answered %" PRIu64 " in flight %" PRIu64
            " users %" PRIu64 " sold %" PRIu64 " errors %" PRIu64 " p50 %" PRIu64 " p99 %" PRIu64
            " us\n",
            (double)now->elapsed_us / 1e6, now->stage, now->offered, now->answered, now->in_flight,
            now->users, now->sold, now->errors, now->latency_p50_us, now->latency_p99_us);
}

static void print(const struct fs_load_result *result, uint64_t server_us)
{
    const double percentiles[] = {50, 95, 99, 99.9};

    printf("offered %" PRIu64 "\nanswered %" PRIu64 "\nsold %" PRIu64 "\n", result->totals.offered,
           result->totals.answered, result->totals.sold);
    for (int i = 1; i < FS_ANSWER_KINDS; i++)
        printf("answer_%s %" PRIu64 "\n", fs_answer_name((enum fs_answer)i),
               result->totals.answers[i]);
    printf("replayed %" PRIu64 "\nsold_units %" PRIu64 "\nerrors %" PRIu64 "\n",
           result->totals.replayed, result->totals.sold_units, result->totals.errors);
    printf("measured_s %.3f\nanswered_per_s %.0f\nsold_per_s %.0f\n",
           (double)result->measured_us / 1e6, result->answered_per_s, result->sold_per_s);
    for (size_t i = 0; i < 4; i++)
        printf("latency_p%g_us %" PRIu64 "\nservice_p%g_us %" PRIu64 "\n", percentiles[i],
               fs_latency_percentile(&result->latency, percentiles[i]), percentiles[i],
               fs_latency_percentile(&result->service, percentiles[i]));
    printf("latency_max_us %" PRIu64 "\nothers_p99_us %" PRIu64 "\n", result->latency.max_us,
           fs_latency_percentile(&result->latency_others, 99));
    printf("sold_out_us %" PRIu64 "\nlate_starts %" PRIu64 "\nbusy_max %.3f\nwaited_max %.3f\n",
           result->sold_out_us, result->late_starts, result->busy_max, result->waited_max);
    printf("connects %" PRIu64 "\nconnects_failed %" PRIu64 "\nhistory %zu\nseconds %zu\n",
           result->connects, result->connects_failed, result->history.count, result->second_count);
    if (result->totals.answered > 0)
        printf("generator_cpu_us_per_request %.2f\n",
               (double)result->cpu_us / (double)result->totals.answered);
    if (server_us > 0 && result->history.count > 0)
        printf("server_cpu_us_per_request %.2f\n",
               (double)server_us / (double)result->history.count);
    printf("invalid %s\n", result->invalid);
}

int main(int argc, char **argv)
{
    struct settings settings = {.core = -1, .options = {.threads = 1, .seed = 1}};
    struct fs_scenario *scenario = malloc(sizeof(*scenario));
    struct fs_load_result result;
    char error[FS_SCENARIO_ERROR_SIZE];
    uint64_t server_us = 0;
    int rc;

    read_settings(&settings, argc, argv);
    rc = scenario ? fs_scenario_read(scenario, settings.path, settings.profile, error) : -1;
    if (rc == 0) {
        change(scenario, &settings);
        server_us = settings.server_pid > 0 ? cpu_of_us(settings.server_pid) : 0;
        rc = fs_load_run(scenario, &settings.target, &settings.options, on_progress, NULL, &result,
                         error);
    }
    if (rc != 0) {
        fprintf(stderr, "%s\n", error);
        free(scenario);
        return 1;
    }
    if (settings.server_pid > 0)
        server_us = cpu_of_us(settings.server_pid) - server_us;
    print(&result, server_us);
    fs_load_result_dispose(&result);
    free(scenario);
    return 0;
}
