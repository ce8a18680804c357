/* Reads the process's own numbers from /proc: proc(5). */
#include "metrics/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Fields of /proc/self/stat, as numbered in proc(5). */
enum {
    STAT_THREADS = 20,
    STAT_START_TICKS = 22,
    STAT_VIRTUAL_BYTES = 23,
    STAT_RESIDENT_PAGES = 24
};

static int64_t cpu_us(void)
{
    struct timespec used;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0)
        return -1;
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static int64_t max_fds(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

static int64_t open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t count = -1; /* without the one that reads the folder */

    if (!dir)
        return -1;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            count++;
    closedir(dir);
    return count;
}

/* When the machine was started, Unix seconds; the line "btime n" of /proc/stat. */
static int64_t boot_s(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char *line = NULL;
    size_t size = 0;
    int64_t seconds = -1;

    if (!file)
        return -1;
    while (seconds < 0 && getline(&line, &size, file) > 0)
        if (strncmp(line, "btime ", 6) == 0)
            seconds = strtoll(line + 6, NULL, 10);
    free(line);
    fclose(file);
    return seconds;
}

/* Field number of /proc/self/stat, which is at or behind the third. */
static int64_t stat_field(const char *stat, int number)
{
    /* The second field is the program's name in parentheses and may hold anything. */
    const char *at = strrchr(stat, ')');

    for (int i = 2; at && i < number; i++)
        at = strchr(at + 1, ' ');
    return at ? strtoll(at, NULL, 10) : -1;
}

static void read_stat(struct fs_process *process)
{
    char stat[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t len;
    int64_t start_ticks, pages, boot;

    if (!file)
        return;
    len = fread(stat, 1, sizeof(stat) - 1, file);
    fclose(file);
    stat[len] = '\0';

    process->threads = stat_field(stat, STAT_THREADS);
    process->virtual_bytes = stat_field(stat, STAT_VIRTUAL_BYTES);
    pages = stat_field(stat, STAT_RESIDENT_PAGES);
    if (pages >= 0)
        process->resident_bytes = pages * sysconf(_SC_PAGESIZE);
    start_ticks = stat_field(stat, STAT_START_TICKS);
    boot = boot_s();
    if (start_ticks >= 0 && boot >= 0)
        process->start_unix_ms = boot * 1000 + start_ticks * 1000 / sysconf(_SC_CLK_TCK);
}

void fs_process_read(struct fs_process *process)
{
    *process = (struct fs_process){.cpu_us = cpu_us(),
                                   .start_unix_ms = -1,
                                   .virtual_bytes = -1,
                                   .resident_bytes = -1,
                                   .open_fds = open_fds(),
                                   .max_fds = max_fds(),
                                   .threads = -1};
    read_stat(process);
}
