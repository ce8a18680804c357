/* Finds what belongs to this program, wherever its folder was moved. */
#include "cli/places.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of this program; "" when the kernel does not say. */
static void program_folder(char folder[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", folder, PATH_MAX - 1);

    folder[len > 0 ? len : 0] = '\0';
    if (strrchr(folder, '/'))
        *strrchr(folder, '/') = '\0';
}

/* Joins; true when it is there. */
static bool try_place(const char *folder, const char *below, char path[PATH_MAX])
{
    if (folder[0] != '\0' && snprintf(path, PATH_MAX, "%s/%s", folder, below) < PATH_MAX &&
        access(path, R_OK) == 0)
        return true;
    path[0] = '\0';
    return false;
}

static bool find_in_path(const char *name, char path[PATH_MAX])
{
    const char *variable = getenv("PATH");
    char *copy = strdup(variable ? variable : "/usr/local/bin:/usr/bin:/bin");
    char *save = NULL;
    bool is_found = false;

    if (!copy)
        return false;
    for (char *folder = strtok_r(copy, ":", &save); folder && !is_found;
         folder = strtok_r(NULL, ":", &save))
        is_found = try_place(folder, name, path) && access(path, X_OK) == 0;
    free(copy);
    return is_found;
}

void fs_place_program(char path[PATH_MAX])
{
    char folder[PATH_MAX];

    program_folder(folder);
    if (!try_place(folder, "flashsale", path) && !find_in_path("flashsale", path))
        path[0] = '\0';
}

void fs_place_scenarios(char path[PATH_MAX])
{
    const char *variable = getenv("FLASHSALE_SCENARIOS");
    char folder[PATH_MAX];

    program_folder(folder);
    if (variable && variable[0] != '\0') {
        snprintf(path, PATH_MAX, "%s", variable);
        return;
    }
    if (!try_place(folder, FS_DATA_DIR_FROM_PROGRAM "/scenarios", path))
        try_place(FS_SOURCE_DIR, "load_tests/scenarios", path);
}

void fs_place_test_strategies(char path[PATH_MAX])
{
    char folder[PATH_MAX];

    program_folder(folder);
    snprintf(path, PATH_MAX, "%.*s/tests/strategies", PATH_MAX - 32, folder);
}

void fs_place_script(const char *name, char path[PATH_MAX])
{
    char folder[PATH_MAX];
    char below[256];

    program_folder(folder);
    snprintf(below, sizeof(below), FS_DATA_DIR_FROM_PROGRAM "/%s", name);
    if (try_place(folder, below, path))
        return;
    snprintf(below, sizeof(below), "scripts/%s", name);
    try_place(FS_SOURCE_DIR, below, path);
}
