/* Processors, memory and clock: what makes one machine slower than another of the same kind. */
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#include "doctor/doctor.h"
#include "doctor/file.h"

#define TOPIC "machine"
#define MEMORY_MIB_MIN 512 /* free, for 5,000 connections and 100,000 orders with room to spare */

static int cpu_count(void)
{
    cpu_set_t cpus;

    return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

static void check_kernel(const struct fs_doctor *doctor)
{
    struct utsname name;

    if (uname(&name) == 0)
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "kernel", NULL, "%s %s %s", name.sysname,
                       name.release, name.machine);
}

/* cgroup v2 writes "max 100000", or the microseconds of each period and its length. */
static void check_cpus(const struct fs_doctor *doctor)
{
    int count = cpu_count();
    int64_t share[2]; /* microseconds of a period, and its length */

    if (fs_doctor_read_numbers(doctor->root, "/sys/fs/cgroup/cpu.max", share, 2) && share[1] > 0 &&
        share[0] / share[1] < count) {
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "processors",
                       "A container that has used up its share stands still for the rest of each "
                       "period, which shows as p99: raise the limit, or lower workers to it.",
                       "%d, of which the control group may use %.1f", count,
                       (double)share[0] / (double)share[1]);
        return;
    }
    fs_doctor_tell(doctor, count > 1 ? FS_FINDING_OK : FS_FINDING_WARNING, TOPIC, "processors",
                   count > 1 ? NULL : "Server, Redis and load share one processor: give them two.",
                   "%d", count);
}

static void check_governor(const struct fs_doctor *doctor)
{
    char text[64];

    if (!fs_doctor_read(doctor->root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text,
                        sizeof(text)))
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, "frequency governor", NULL,
                       "not told here, as in most virtual machines");
    else if (strcmp(text, "performance") == 0)
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "frequency governor", NULL, "%s", text);
    else
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "frequency governor",
                       "The first second of a sale meets a slow processor: cpupower frequency-set "
                       "-g performance.",
                       "%s", text);
}

static void check_memory(const struct fs_doctor *doctor)
{
    int64_t kib;

    if (!fs_doctor_read_field(doctor->root, "/proc/meminfo", "MemAvailable", &kib))
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, "memory", NULL, "not told here");
    else if (kib / 1024 < MEMORY_MIB_MIN)
        fs_doctor_tell(doctor, FS_FINDING_PROBLEM, TOPIC, "memory",
                       "Free some, or take a larger machine: what swaps answers late, and what "
                       "is killed for memory answers nobody.",
                       "%" PRId64 " MiB available", kib / 1024);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "memory", NULL, "%" PRId64 " MiB available",
                       kib / 1024);
}

static void check_swap(const struct fs_doctor *doctor)
{
    int64_t kib = 0, swappiness = 0;

    if (!fs_doctor_read_field(doctor->root, "/proc/meminfo", "SwapTotal", &kib)) {
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, "swap", NULL, "not told here");
        return;
    }
    (void)fs_doctor_read_number(doctor->root, "/proc/sys/vm/swappiness", &swappiness);
    if (kib > 0 && swappiness > 1)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "swap",
                       "A page of Redis that was swapped out stops every purchase: swapoff -a, or "
                       "sysctl vm.swappiness=1.",
                       "%" PRId64 " MiB, swappiness %" PRId64, kib / 1024, swappiness);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "swap", NULL,
                       kib > 0 ? "on, hardly used" : "off");
}

static void check_huge_pages(const struct fs_doctor *doctor)
{
    char text[128];

    if (!fs_doctor_read(doctor->root, "/sys/kernel/mm/transparent_hugepage/enabled", text,
                        sizeof(text)))
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, "transparent huge pages", NULL,
                       "not told here");
    else if (strstr(text, "[always]"))
        fs_doctor_tell(
            doctor, FS_FINDING_WARNING, TOPIC, "transparent huge pages",
            "While Redis rewrites its file each first write copies 2 MiB: echo madvise > "
            "/sys/kernel/mm/transparent_hugepage/enabled.",
            "always");
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "transparent huge pages", NULL,
                       strstr(text, "[never]") ? "never" : "madvise");
}

static void check_overcommit(const struct fs_doctor *doctor)
{
    int64_t mode;

    if (!fs_doctor_read_number(doctor->root, "/proc/sys/vm/overcommit_memory", &mode))
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, "memory overcommit", NULL,
                       "not told here");
    else if (mode == 2)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "memory overcommit",
                       "Redis may be unable to fork, and then refuses writes (MISCONF): sysctl "
                       "vm.overcommit_memory=1.",
                       "strict (2)");
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "memory overcommit", NULL, "%" PRId64, mode);
}

static void check_clock_source(const struct fs_doctor *doctor)
{
    char text[64];

    if (!fs_doctor_read(doctor->root,
                        "/sys/devices/system/clocksource/clocksource0/current_clocksource", text,
                        sizeof(text)))
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, "clock source", NULL, "not told here");
    else if (strcmp(text, "hpet") == 0 || strcmp(text, "acpi_pm") == 0 ||
             strcmp(text, "jiffies") == 0 || strcmp(text, "xen") == 0)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "clock source",
                       "Reading this clock is a system call or worse, several times a request: "
                       "prefer tsc or kvm-clock.",
                       "%s", text);
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "clock source", NULL, "%s", text);
}

/* A sale opens by the store's clock and tokens end by ours: both must be right. */
static void check_clock_sync(const struct fs_doctor *doctor)
{
    struct timex timex = {.modes = 0};
    int state = adjtimex(&timex);

    if (state < 0)
        fs_doctor_tell(doctor, FS_FINDING_UNKNOWN, TOPIC, "clock synchronisation", NULL,
                       "not told here");
    else if (state == TIME_ERROR || (timex.status & STA_UNSYNC) != 0)
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "clock synchronisation",
                       "Sales open and tokens end by the clock: run chrony or systemd-timesyncd "
                       "(in a container: on its host).",
                       "the kernel's clock is not synchronised");
    else
        fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "clock synchronisation", NULL,
                       "synchronised, estimated error %ld us", timex.esterror);
}

static bool is_generator(const char *name)
{
    const char *const names[] = {"flashsale-bench", "wrk", "wrk2", "h2load",
                                 "locust",          "ab",  "k6",   "jmeter"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* A generator on the same processors measures itself. */
static void check_neighbours(const struct fs_doctor *doctor)
{
    char path[300], name[64];
    struct dirent *entry;
    DIR *folder;

    snprintf(path, sizeof(path), "%s/proc", doctor->root);
    folder = opendir(path);
    if (!folder)
        return;
    while ((entry = readdir(folder))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
        if (!fs_doctor_read(doctor->root, path, name, sizeof(name)) || !is_generator(name))
            continue;
        fs_doctor_tell(doctor, FS_FINDING_WARNING, TOPIC, "load generators",
                       "It takes processor time from the server: pin both (taskset), or load from "
                       "another machine.",
                       "%s (process %s) runs here", name, entry->d_name);
        closedir(folder);
        return;
    }
    closedir(folder);
    fs_doctor_tell(doctor, FS_FINDING_OK, TOPIC, "load generators", NULL, "none runs here");
}

void fs_doctor_machine(const struct fs_doctor *doctor)
{
    check_kernel(doctor);
    check_cpus(doctor);
    check_governor(doctor);
    check_memory(doctor);
    check_swap(doctor);
    check_huge_pages(doctor);
    check_overcommit(doctor);
    check_clock_source(doctor);
    check_clock_sync(doctor);
    check_neighbours(doctor);
}
