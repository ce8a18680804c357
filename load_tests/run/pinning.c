/* Cores by the kernel's affinity masks. */
#include "run/pinning.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void clear(struct fs_cores *cores)
{
    memset(cores, 0, sizeof(*cores));
    snprintf(cores->text, sizeof(cores->text), "any");
}

static int add_core(struct fs_cores *cores, long core, const cpu_set_t *allowed)
{
    if (core < 0 || core >= CPU_SETSIZE || !CPU_ISSET((size_t)core, allowed) ||
        cores->count == FS_CORES_MAX)
        return -EINVAL;
    CPU_SET((size_t)core, &cores->set);
    cores->list[cores->count++] = (int)core;
    return 0;
}

/* The text of the cores first to last in list. */
static void choose_cores(struct fs_cores *cores, const int *list, size_t first, size_t last,
                         const cpu_set_t *allowed)
{
    clear(cores);
    for (size_t i = first; i <= last; i++)
        add_core(cores, list[i], allowed);
    if (first == last)
        snprintf(cores->text, sizeof(cores->text), "%d", list[first]);
    else
        snprintf(cores->text, sizeof(cores->text), "%d-%d", list[first], list[last]);
}

void fs_pinning_choose(struct fs_pinning *pinning)
{
    int list[FS_CORES_MAX];
    cpu_set_t allowed;
    size_t count = 0;

    clear(&pinning->server);
    clear(&pinning->redis);
    clear(&pinning->generator);
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return;
    for (int i = 0; i < CPU_SETSIZE && count < FS_CORES_MAX; i++)
        if (CPU_ISSET((size_t)i, &allowed))
            list[count++] = i;
    if (count < 2)
        return;
    choose_cores(&pinning->generator, list, count - 1, count - 1, &allowed);
    choose_cores(&pinning->server, list, 0, count < 4 ? 0 : count - 3, &allowed);
    if (count >= 4)
        choose_cores(&pinning->redis, list, count - 2, count - 2, &allowed);
}

static int read_range(char *text, struct fs_cores *cores, const cpu_set_t *allowed)
{
    char *end;
    long first = strtol(text, &end, 10);
    long last = first;

    if (end == text)
        return -EINVAL;
    if (*end == '-') {
        text = end + 1;
        last = strtol(text, &end, 10);
        if (end == text)
            return -EINVAL;
    }
    if (*end != '\0' || last < first)
        return -EINVAL;
    for (long core = first; core <= last; core++)
        if (add_core(cores, core, allowed) != 0)
            return -EINVAL;
    return 0;
}

static int read_list(char *text, struct fs_cores *cores, const cpu_set_t *allowed)
{
    char *save = NULL;
    int rc = 0;

    clear(cores);
    if (strcmp(text, "any") == 0)
        return 0;
    if (text[0] == '\0' || strlen(text) >= sizeof(cores->text))
        return -EINVAL;
    snprintf(cores->text, sizeof(cores->text), "%s", text);
    for (char *range = strtok_r(text, ",", &save); rc == 0 && range;
         range = strtok_r(NULL, ",", &save))
        rc = read_range(range, cores, allowed);
    return rc;
}

int fs_pinning_read(const char *text, struct fs_pinning *pinning)
{
    struct fs_cores *parts[] = {&pinning->server, &pinning->redis, &pinning->generator};
    char copy[256];
    char *rest = copy;
    cpu_set_t allowed;
    int rc = 0;

    if (strcmp(text, "none") == 0)
        text = "any/any/any";
    if (strlen(text) >= sizeof(copy) || sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return -EINVAL;
    snprintf(copy, sizeof(copy), "%s", text);
    for (size_t i = 0; rc == 0 && i < 3; i++) {
        char *part = strsep(&rest, "/");

        rc = part ? read_list(part, parts[i], &allowed) : -EINVAL;
    }
    return rc == 0 && rest ? -EINVAL : rc;
}

int fs_pin_process(pid_t pid, const struct fs_cores *cores)
{
    struct dirent *entry;
    char path[64];
    DIR *dir;
    int rc = 0;

    if (cores->count == 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (!dir)
        return -errno;
    while ((entry = readdir(dir)) != NULL) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

        if (thread > 0 && sched_setaffinity(thread, sizeof(cores->set), &cores->set) != 0)
            rc = -errno;
    }
    closedir(dir);
    return rc;
}
