/* A thread that wakes once a second.  What it reads costs the machine well under a percent. */
#include "run/sampler.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/csv.h"
#include "run/process.h"
#include "run/whole_file.h"

#define PROCESSES_MAX (FS_NODES_MAX + 2)
#define MIB 1048576.0
#define TICKS_S_MIN \
    0.5 /* the system's CPU comes in ticks of 10 ms a core: of less they say little */

enum { SERVER = 0, GENERATOR = 1, FIRST_NODE = 2 };

struct watched {
    char name[16];
    pid_t pid; /* 0: not of this machine, or none */
    double cpu_s_before;
    double cpu_percent;
};

struct fs_sampler {
    /* constant after start */
    struct fs_bench_server *server; /* borrowed */
    uint64_t started_us;

    /* owned, the thread's until it ends */
    struct watched processes[PROCESSES_MAX];
    size_t process_count;
    double system_cpu_s_before;
    double connections_before[FS_NODES_MAX];
    double rejected_before[FS_NODES_MAX];
    uint64_t sampled_us;
    struct fs_whole_file resources;
    struct fs_whole_file redis;
    struct fs_sampled sampled;
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t changed; /* by the monotonic clock */
    /* guarded by mutex */
    struct fs_cpu_now now;
    bool is_stopping;
};

static void write_usage(struct fs_sampler *sampler, const char *name, uint64_t second,
                        double percent, const struct fs_usage *usage)
{
    const double whole[] = {usage->switches_voluntary,
                            usage->switches_involuntary,
                            usage->net_rx_bytes,
                            usage->net_tx_bytes,
                            usage->disk_read_bytes,
                            usage->disk_write_bytes,
                            usage->fds,
                            usage->threads};
    struct fs_csv csv = {.file = sampler->resources.file};

    fs_csv_integer(&csv, (int64_t)second);
    fs_csv_text(&csv, name);
    fs_csv_number(&csv, percent, 1);
    fs_csv_number(&csv, usage->cpu_user_s, 2);
    fs_csv_number(&csv, usage->cpu_sys_s, 2);
    fs_csv_number(&csv, usage->rss_mib, 2);
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        fs_csv_number(&csv, whole[i], 0);
    fs_csv_end(&csv);
}

static double percent_of(double now_s, double *before_s, double elapsed_s)
{
    double percent =
        isnan(*before_s) || elapsed_s <= 0 ? NAN : (now_s - *before_s) / elapsed_s * 100;

    *before_s = now_s;
    return percent;
}

static void note_server_rss(struct fs_sampler *sampler, double rss_mib)
{
    struct fs_sampled *sampled = &sampler->sampled;

    if (isnan(sampled->server_rss_mib_start))
        sampled->server_rss_mib_start = rss_mib;
    sampled->server_rss_mib_end = rss_mib;
    if (isnan(sampled->server_rss_mib_max) || rss_mib > sampled->server_rss_mib_max)
        sampled->server_rss_mib_max = rss_mib;
}

static void sample_process(struct fs_sampler *sampler, size_t i, uint64_t second, double elapsed_s)
{
    struct watched *process = &sampler->processes[i];
    struct fs_usage usage;

    process->cpu_percent = NAN;
    if (process->pid == 0 || fs_usage_of_process(process->pid, &usage) != 0)
        return;
    process->cpu_percent = percent_of((double)fs_process_cpu_us(process->pid) / 1e6,
                                      &process->cpu_s_before, elapsed_s);
    write_usage(sampler, process->name, second, process->cpu_percent, &usage);
    if (i == SERVER)
        note_server_rss(sampler, usage.rss_mib);
}

static void sample_node(struct fs_sampler *sampler, size_t i, uint64_t second)
{
    char *info = fs_redis_node_info(sampler->server->nodes[i]);
    struct fs_csv csv = {.file = sampler->redis.file};
    int64_t locks;
    double connections;
    double rejected;

    if (!info)
        return;
    connections = fs_redis_info_value(info, "total_connections_received");
    rejected = fs_redis_info_value(info, "rejected_connections");
    locks = fs_redis_node_count(sampler->server->nodes[i], "lock:*");
    if (isnan(sampler->connections_before[i])) {
        sampler->connections_before[i] = connections;
        sampler->rejected_before[i] = rejected;
    }
    fs_csv_integer(&csv, (int64_t)second);
    fs_csv_integer(&csv, (int64_t)i);
    fs_csv_number(&csv, connections - sampler->connections_before[i], 0);
    fs_csv_number(&csv, fs_redis_info_value(info, "instantaneous_ops_per_sec"), 0);
    fs_csv_number(&csv, rejected - sampler->rejected_before[i], 0);
    fs_csv_number(&csv, fs_redis_info_value(info, "used_memory") / MIB, 2);
    fs_csv_number(&csv, fs_redis_info_value(info, "mem_fragmentation_ratio"), 2);
    fs_csv_number(&csv, locks < 0 ? NAN : (double)locks, 0);
    fs_csv_end(&csv);
    free(info);
}

static void sample(struct fs_sampler *sampler)
{
    uint64_t now_us = fs_clock_now_us();
    double elapsed_s = (double)(now_us - sampler->sampled_us) / 1e6;
    uint64_t second = (now_us - sampler->started_us + 500000) / 1000000;
    struct fs_cpu_now now = {NAN, NAN, NAN};
    struct fs_usage usage;

    for (size_t i = 0; i < sampler->process_count; i++)
        sample_process(sampler, i, second, elapsed_s);
    if (fs_usage_of_system(&usage) == 0) {
        double percent = percent_of(usage.cpu_user_s + usage.cpu_sys_s,
                                    &sampler->system_cpu_s_before, elapsed_s);

        write_usage(sampler, "system", second, elapsed_s < TICKS_S_MIN ? NAN : percent, &usage);
    }
    for (size_t i = 0; i < sampler->server->node_count; i++)
        sample_node(sampler, i, second);
    sampler->sampled_us = now_us;
    now.server = sampler->processes[SERVER].cpu_percent;
    now.generator = sampler->processes[GENERATOR].cpu_percent;
    for (size_t i = FIRST_NODE; i < sampler->process_count; i++)
        if (!isnan(sampler->processes[i].cpu_percent))
            now.redis = (isnan(now.redis) ? 0 : now.redis) + sampler->processes[i].cpu_percent;
    pthread_mutex_lock(&sampler->mutex);
    sampler->now = now;
    pthread_mutex_unlock(&sampler->mutex);
}

/* True: it is time to stop. */
static bool wait_for_second(struct fs_sampler *sampler, uint64_t second)
{
    uint64_t at_us = sampler->started_us + second * 1000000;
    const struct timespec until = {.tv_sec = (time_t)(at_us / 1000000),
                                   .tv_nsec = (long)(at_us % 1000000) * 1000};
    bool is_stopping;

    pthread_mutex_lock(&sampler->mutex);
    while (!sampler->is_stopping &&
           pthread_cond_timedwait(&sampler->changed, &sampler->mutex, &until) == 0)
        ;
    is_stopping = sampler->is_stopping;
    pthread_mutex_unlock(&sampler->mutex);
    return is_stopping;
}

static void *sampler_main(void *data)
{
    struct fs_sampler *sampler = data;

    sample(sampler);
    while (!wait_for_second(sampler, (fs_clock_now_us() - sampler->started_us) / 1000000 + 1))
        sample(sampler);
    return NULL;
}

static void watch(struct fs_sampler *sampler, pid_t pid, const char *name, int number)
{
    struct watched *process = &sampler->processes[sampler->process_count++];

    *process = (struct watched){.pid = pid, .cpu_s_before = NAN, .cpu_percent = NAN};
    if (number < 0)
        snprintf(process->name, sizeof(process->name), "%s", name);
    else
        snprintf(process->name, sizeof(process->name), "%s-%d", name, number);
}

static void prepare(struct fs_sampler *sampler)
{
    const struct fs_bench_server *server = sampler->server;

    sampler->started_us = sampler->sampled_us = fs_clock_now_us();
    sampler->system_cpu_s_before = NAN;
    sampler->now = (struct fs_cpu_now){NAN, NAN, NAN};
    sampler->sampled = (struct fs_sampled){NAN, NAN, NAN};
    watch(sampler, server->child.pid, "server", -1);
    watch(sampler, getpid(), "generator", -1);
    for (size_t i = 0; i < server->node_count; i++) {
        sampler->connections_before[i] = sampler->rejected_before[i] = NAN;
        watch(sampler, server->node_pids[i], "redis", (int)i);
    }
}

static int open_files(struct fs_sampler *sampler, const char *folder)
{
    struct fs_csv csv = {0};
    int rc = fs_whole_file_open(&sampler->resources, folder, "resources.csv");

    if (rc != 0)
        return rc;
    csv.file = sampler->resources.file;
    fs_csv_head(&csv, "second,process,cpu_percent,cpu_user_s,cpu_sys_s,rss_mib,voluntary_switches,"
                      "involuntary_switches,net_rx_bytes,net_tx_bytes,disk_read_bytes,"
                      "disk_write_bytes,fds,threads");
    rc = fs_whole_file_open(&sampler->redis, folder, "redis.csv");
    if (rc != 0) {
        fs_whole_file_close(&sampler->resources);
        return rc;
    }
    csv.file = sampler->redis.file;
    fs_csv_head(&csv, "second,node,connections_received,ops_per_s,rejected_connections,"
                      "used_memory_mib,fragmentation_ratio,locks_live");
    return 0;
}

static int start_thread(struct fs_sampler *sampler)
{
    pthread_condattr_t by_monotonic;
    int rc;

    pthread_mutex_init(&sampler->mutex, NULL);
    pthread_condattr_init(&by_monotonic);
    pthread_condattr_setclock(&by_monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sampler->changed, &by_monotonic);
    pthread_condattr_destroy(&by_monotonic);
    rc = -pthread_create(&sampler->thread, NULL, sampler_main, sampler);
    if (rc != 0) {
        pthread_cond_destroy(&sampler->changed);
        pthread_mutex_destroy(&sampler->mutex);
    }
    return rc;
}

int fs_sampler_start(struct fs_sampler **sampler, struct fs_bench_server *server,
                     const char *folder)
{
    struct fs_sampler *new = calloc(1, sizeof(*new));
    int rc;

    if (!new)
        return -ENOMEM;
    new->server = server;
    prepare(new);
    rc = open_files(new, folder);
    if (rc == 0) {
        rc = start_thread(new);
        if (rc != 0) {
            fs_whole_file_close(&new->resources);
            fs_whole_file_close(&new->redis);
        }
    }
    if (rc != 0)
        free(new);
    else
        *sampler = new;
    return rc;
}

void fs_sampler_now(struct fs_sampler *sampler, struct fs_cpu_now *now)
{
    pthread_mutex_lock(&sampler->mutex);
    *now = sampler->now;
    pthread_mutex_unlock(&sampler->mutex);
}

int fs_sampler_stop(struct fs_sampler *sampler, struct fs_sampled *sampled)
{
    int rc;
    int redis_rc;

    pthread_mutex_lock(&sampler->mutex);
    sampler->is_stopping = true;
    pthread_cond_signal(&sampler->changed);
    pthread_mutex_unlock(&sampler->mutex);
    pthread_join(sampler->thread, NULL);
    sample(sampler);
    *sampled = sampler->sampled;
    rc = fs_whole_file_close(&sampler->resources);
    redis_rc = fs_whole_file_close(&sampler->redis);
    pthread_cond_destroy(&sampler->changed);
    pthread_mutex_destroy(&sampler->mutex);
    free(sampler);
    return rc != 0 ? rc : redis_rc;
}
