/* Reads /proc. */
#include "run/process.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run/whole_file.h"

#define MIB 1048576.0
#define SECTOR 512.0 /* bytes: of /proc/diskstats, whatever the device has */

static const struct fs_usage unknown = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};

/* The number behind a name in a file of lines "name: number"; NaN: there is none. */
static double field(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at ? strtod(at + strlen(name), NULL) : NAN;
}

/* The nth word, from 0, behind the parenthesis of /proc/PID/stat's command name. */
static double word_of_stat(const char *text, int n)
{
    const char *at = strrchr(text, ')');

    for (int i = 0; at && i <= n; i++)
        at = strchr(at + 1, ' ');
    return at ? strtod(at + 1, NULL) : NAN;
}

static void read_stat(pid_t pid, struct fs_usage *usage)
{
    double ticks = (double)sysconf(_SC_CLK_TCK);
    char path[64];
    char *text;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    text = fs_read_file(path);
    if (!text)
        return;
    usage->cpu_user_s = word_of_stat(text, 11) / ticks;
    usage->cpu_sys_s = word_of_stat(text, 12) / ticks;
    usage->threads = word_of_stat(text, 17);
    usage->rss_mib = word_of_stat(text, 21) * (double)sysconf(_SC_PAGESIZE) / MIB;
    free(text);
}

static void read_io(pid_t pid, struct fs_usage *usage)
{
    char path[64];
    char *text;

    snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
    text = fs_read_file(path);
    if (!text)
        return;
    usage->disk_read_bytes = field(text, "\nread_bytes:");
    usage->disk_write_bytes = field(text, "\nwrite_bytes:");
    free(text);
}

/* Calls each (NULL: only counts) with the path of every entry.  Returns their count; NaN: none such. */
static double each_entry(const char *folder, void (*each)(const char *path, struct fs_usage *usage),
                         struct fs_usage *usage)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    double count = 0;
    char path[320];

    if (!dir)
        return NAN;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        if (!each)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        each(path, usage);
    }
    closedir(dir);
    return count;
}

static void add_switches(const char *path, struct fs_usage *usage)
{
    char file[384];
    char *text;

    snprintf(file, sizeof(file), "%s/status", path);
    text = fs_read_file(file);
    if (!text)
        return;
    usage->switches_voluntary += field(text, "\nvoluntary_ctxt_switches:");
    usage->switches_involuntary += field(text, "\nnonvoluntary_ctxt_switches:");
    free(text);
}

int fs_usage_of_process(pid_t pid, struct fs_usage *usage)
{
    char folder[64];

    *usage = unknown;
    read_stat(pid, usage);
    if (isnan(usage->cpu_user_s))
        return -ESRCH;
    read_io(pid, usage);
    usage->switches_voluntary = usage->switches_involuntary = 0;
    snprintf(folder, sizeof(folder), "/proc/%d/task", (int)pid);
    each_entry(folder, add_switches, usage);
    snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
    usage->fds = each_entry(folder, NULL, usage);
    return 0;
}

/* cpu user nice system idle iowait irq softirq steal */
static void read_system_cpu(const char *text, struct fs_usage *usage)
{
    double ticks = (double)sysconf(_SC_CLK_TCK);
    double words[8] = {0};
    const char *at = text + 3;
    char *end;

    for (size_t i = 0; i < 8; i++) {
        words[i] = strtod(at, &end);
        at = end;
    }
    usage->cpu_user_s = (words[0] + words[1]) / ticks;
    usage->cpu_sys_s = (words[2] + words[5] + words[6]) / ticks;
    usage->switches_voluntary = field(text, "\nctxt ");
}

static void read_system_net(struct fs_usage *usage)
{
    char *text = fs_read_file("/proc/net/dev");
    char *save = NULL;
    char *line = text ? strtok_r(text, "\n", &save) : NULL;

    if (!text)
        return;
    usage->net_rx_bytes = usage->net_tx_bytes = 0;
    for (; line; line = strtok_r(NULL, "\n", &save)) {
        char *at = strchr(line, ':');
        char *end;

        if (!at)
            continue;
        usage->net_rx_bytes += strtod(at + 1, &end);
        for (int i = 0; i < 7; i++)
            (void)strtod(end, &end);
        usage->net_tx_bytes += strtod(end, NULL);
    }
    free(text);
}

/* The words of a line of /proc/diskstats: major minor name, then reads, merged, sectors, ms and the
 * same of writes. */
static void add_disk(char *line, struct fs_usage *usage)
{
    char *words[10] = {0};
    char *save = NULL;
    char path[128];
    size_t count = 0;

    for (char *word = strtok_r(line, " ", &save); word && count < 10;
         word = strtok_r(NULL, " ", &save))
        words[count++] = word;
    if (count < 10)
        return;
    /* Whole devices only: a partition's sectors are its device's too. */
    snprintf(path, sizeof(path), "/sys/block/%s", words[2]);
    if (access(path, F_OK) != 0)
        return;
    usage->disk_read_bytes += strtod(words[5], NULL) * SECTOR;
    usage->disk_write_bytes += strtod(words[9], NULL) * SECTOR;
}

static void read_system_disk(struct fs_usage *usage)
{
    char *text = fs_read_file("/proc/diskstats");
    char *save = NULL;

    if (!text)
        return;
    usage->disk_read_bytes = usage->disk_write_bytes = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        add_disk(line, usage);
    free(text);
}

static void read_system_memory(struct fs_usage *usage)
{
    char *text = fs_read_file("/proc/meminfo");

    if (!text)
        return;
    usage->rss_mib = (field(text, "MemTotal:") - field(text, "MemAvailable:")) / 1024;
    free(text);
}

int fs_usage_of_system(struct fs_usage *usage)
{
    char *text = fs_read_file("/proc/stat");

    *usage = unknown;
    if (!text)
        return -EIO;
    read_system_cpu(text, usage);
    free(text);
    read_system_net(usage);
    read_system_disk(usage);
    read_system_memory(usage);
    text = fs_read_file("/proc/sys/fs/file-nr");
    if (text)
        usage->fds = strtod(text, NULL);
    free(text);
    text = fs_read_file("/proc/loadavg");
    if (text && strchr(text, '/'))
        usage->threads = strtod(strchr(text, '/') + 1, NULL);
    free(text);
    return 0;
}

uint64_t fs_process_cpu_us(pid_t pid)
{
    struct timespec spent;
    clockid_t clock;

    if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
        return 0;
    return (uint64_t)spent.tv_sec * 1000000 + (uint64_t)spent.tv_nsec / 1000;
}
