/* doctor/machine and doctor/network: each file of the kernel, good, bad and missing. */
#include "doctor/doctor.h"
#include "support/suite.h"

#include <ftw.h>
#include <sys/stat.h>

#define TEXT_SIZE 256
#define FINDINGS_MAX 64

struct findings {
    struct {
        enum fs_finding_verdict verdict;
        char check[64];
        char found[TEXT_SIZE];
        bool has_remedy;
    } items[FINDINGS_MAX];
    size_t count;
};

struct planted {
    const char *path;
    const char *content; /* NULL: the file is missing */
};

static char root[64];

static void take(void *data, const struct fs_finding *finding)
{
    struct findings *findings = data;

    if (findings->count == FINDINGS_MAX)
        return;
    findings->items[findings->count].verdict = finding->verdict;
    findings->items[findings->count].has_remedy = finding->remedy != NULL;
    snprintf(findings->items[findings->count].check, 64, "%s", finding->check);
    snprintf(findings->items[findings->count].found, TEXT_SIZE, "%s", finding->found);
    findings->count++;
}

static void make_folders(const char *path)
{
    char made[TEXT_SIZE];

    snprintf(made, sizeof(made), "%s", path);
    for (char *slash = strchr(made + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(made, 0700);
        *slash = '/';
    }
}

static void plant(const struct planted *file)
{
    char path[TEXT_SIZE];
    FILE *out;

    snprintf(path, sizeof(path), "%s%s", root, file->path);
    make_folders(path);
    out = fopen(path, "w");
    FS_REQUIRE(out != NULL);
    fputs(file->content, out);
    fclose(out);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

/* What both doctors say of a machine with this one file. */
static void examine(const struct planted *file, struct findings *findings)
{
    struct fs_doctor doctor = {.root = root, .each = take, .data = findings};
    struct fs_config_builder *builder;
    struct fs_config_error error;
    struct fs_config *config;

    findings->count = 0;
    snprintf(root, sizeof(root), "/tmp/fs-doctor-XXXXXX");
    FS_REQUIRE(mkdtemp(root) != NULL);
    if (file->content)
        plant(file);
    FS_REQUIRE(fs_config_builder_create(&builder) == 0);
    FS_REQUIRE(fs_config_finish(builder, &config, &error) == 0);
    doctor.config = config;
    fs_doctor_machine(&doctor);
    fs_doctor_network(&doctor);
    fs_config_destroy(config);
    fs_config_builder_destroy(builder);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void expect(const struct planted *file, const char *check, enum fs_finding_verdict verdict,
                   const char *found)
{
    struct findings findings;

    examine(file, &findings);
    for (size_t i = 0; i < findings.count; i++) {
        if (strcmp(findings.items[i].check, check) != 0)
            continue;
        fs_check_int(findings.items[i].verdict, verdict, check, found, __LINE__, file->path);
        FS_CHECK_CONTAINS(findings.items[i].found, found);
        FS_CHECK(findings.items[i].has_remedy ==
                 (verdict == FS_FINDING_WARNING || verdict == FS_FINDING_PROBLEM));
        return;
    }
    CU_FAIL("no such check");
}

static void each_setting_of_the_kernel_is_judged(void)
{
    static const struct {
        struct planted file;
        const char *check;
        enum fs_finding_verdict verdict;
        const char *found;
    } rows[] = {
        {{"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"},
         "frequency governor",
         FS_FINDING_WARNING,
         "powersave"},
        {{"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"},
         "frequency governor",
         FS_FINDING_OK,
         "performance"},
        {{"/proc/meminfo", "MemTotal: 100 kB\nMemAvailable:   102400 kB\nSwapTotal: 0 kB\n"},
         "memory",
         FS_FINDING_PROBLEM,
         "100 MiB"},
        {{"/proc/meminfo", "MemAvailable: 8388608 kB\n"}, "memory", FS_FINDING_OK, "8192 MiB"},
        {{"/proc/meminfo", "MemAvailable: 8388608 kB\nSwapTotal: 0 kB\n"},
         "swap",
         FS_FINDING_OK,
         "off"},
        {{"/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"},
         "transparent huge pages",
         FS_FINDING_WARNING,
         "always"},
        {{"/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"},
         "transparent huge pages",
         FS_FINDING_OK,
         "never"},
        {{"/proc/sys/vm/overcommit_memory", "2\n"},
         "memory overcommit",
         FS_FINDING_WARNING,
         "strict"},
        {{"/proc/sys/vm/overcommit_memory", "1\n"}, "memory overcommit", FS_FINDING_OK, "1"},
        {{"/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"},
         "clock source",
         FS_FINDING_WARNING,
         "hpet"},
        {{"/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"},
         "clock source",
         FS_FINDING_OK,
         "tsc"},
        {{"/proc/17/comm", "locust\n"}, "load generators", FS_FINDING_WARNING, "process 17"},
        {{"/proc/17/comm", "bash\n"}, "load generators", FS_FINDING_OK, "none"},
        {{"/sys/fs/cgroup/cpu.max", "50000 100000\n"},
         "processors",
         FS_FINDING_WARNING,
         "may use 0.5"},
        {{"/proc/sys/net/core/somaxconn", "128\n"},
         "accept queue (somaxconn)",
         FS_FINDING_WARNING,
         "128"},
        {{"/proc/sys/net/core/somaxconn", "4096\n"},
         "accept queue (somaxconn)",
         FS_FINDING_OK,
         "4096"},
        {{"/proc/sys/net/ipv4/tcp_max_syn_backlog", "512\n"},
         "SYN queue (tcp_max_syn_backlog)",
         FS_FINDING_WARNING,
         "512"},
        {{"/proc/sys/net/ipv4/ip_local_port_range", "60000\t61000\n"},
         "local ports",
         FS_FINDING_WARNING,
         "1001"},
        {{"/proc/sys/net/ipv4/tcp_rmem", "4096 8192 16384\n"},
         "receive buffers (tcp_rmem)",
         FS_FINDING_WARNING,
         "16384 bytes"},
        {{"/proc/sys/net/ipv4/tcp_wmem", "4096 16384 4194304\n"},
         "send buffers (tcp_wmem)",
         FS_FINDING_OK,
         "4194304 bytes"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(&rows[i].file, rows[i].check, rows[i].verdict, rows[i].found);
}

static void swap_that_is_used_is_told(void)
{
    static const struct planted meminfo = {"/proc/meminfo",
                                           "MemAvailable: 8388608 kB\nSwapTotal: 2097152 kB\n"};

    /* Without a swappiness that is told, it counts as hardly used. */
    expect(&meminfo, "swap", FS_FINDING_OK, "on");
}

static void what_the_machine_does_not_tell_is_unknown_and_not_wrong(void)
{
    static const char *const checks[] = {"frequency governor",
                                         "memory",
                                         "swap",
                                         "transparent huge pages",
                                         "memory overcommit",
                                         "clock source",
                                         "accept queue (somaxconn)",
                                         "SYN queue (tcp_max_syn_backlog)",
                                         "local ports",
                                         "receive buffers (tcp_rmem)",
                                         "send buffers (tcp_wmem)"};
    static const struct planted nothing = {"/proc/meminfo", NULL};

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        expect(&nothing, checks[i], FS_FINDING_UNKNOWN, "not told");
}

static void what_is_no_number_is_unknown(void)
{
    static const struct planted files[] = {{"/proc/sys/net/core/somaxconn", "many\n"},
                                           {"/proc/sys/net/core/somaxconn", "\n"}};

    for (size_t i = 0; i < 2; i++)
        expect(&files[i], "accept queue (somaxconn)", FS_FINDING_UNKNOWN, "not told");
}

#define TESTS(T)                                               \
    T(each_setting_of_the_kernel_is_judged)                    \
    T(swap_that_is_used_is_told)                               \
    T(what_the_machine_does_not_tell_is_unknown_and_not_wrong) \
    T(what_is_no_number_is_unknown)
FS_SUITE("doctor/machine", TESTS)
