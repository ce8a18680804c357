/* Finds the folder of the strategies: beside the program in a build tree, below the library when
 * installed. */
#include "server/strategies.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <flashsale/flashsale.h>

#include "strategy/loader.h"

#define INSTALLED_BELOW_LIBRARY "flashsale/strategies"

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Gives "<folder of file>/<below>" when there is such a folder, else NULL. */
static char *beside(const char *file, const char *below)
{
    const char *slash = strrchr(file, '/');
    char *path;

    if (!slash || asprintf(&path, "%.*s/%s", (int)(slash - file), file, below) < 0)
        return NULL;
    if (is_folder(path))
        return path;
    free(path);
    return NULL;
}

/* In a build tree, or as the installed program that may have been moved with its folder. */
static char *beside_program(void)
{
    char file[PATH_MAX];
    char *path;
    ssize_t len = readlink("/proc/self/exe", file, sizeof(file) - 1);

    if (len <= 0)
        return NULL;
    file[len] = '\0';
    path = beside(file, "strategies");
    return path ? path : beside(file, FS_STRATEGIES_DIR_FROM_PROGRAM);
}

/* Also right where an installation was moved, and for a program that links the shared library. */
static char *beside_library(void)
{
    char file[PATH_MAX];
    Dl_info info;
    char *path;

    if (dladdr(INSTALLED_BELOW_LIBRARY, &info) == 0 || !info.dli_fname ||
        !realpath(info.dli_fname, file))
        return NULL;
    path = beside(file, INSTALLED_BELOW_LIBRARY);
    return path ? path : beside(file, "strategies");
}

char *fs_strategies_dir(const char *configured)
{
    char *path;

    if (configured[0] != '\0')
        return strdup(configured);
    if ((path = beside_program()) || (path = beside_library()))
        return path;
    return strdup(FS_STRATEGIES_DIR_INSTALLED);
}

/* The embedder's callback, which takes names and not tables. */
struct each_caller {
    void (*each)(void *data, const char *name, const char *path, const char *summary,
                 const char *problem);
    void *data;
};

static void call_each(void *data, const char *path, const struct fs_strategy_module *module,
                      const char *error)
{
    const struct each_caller *caller = data;
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    char name[NAME_MAX + 1];
    size_t len = strcspn(file, ".");

    if (len > NAME_MAX)
        len = NAME_MAX;
    memcpy(name, file, len);
    name[len] = '\0';
    caller->each(caller->data, name, path, module ? module->strategy.summary : NULL,
                 module ? NULL : error);
}

int fs_strategies_each(const char *dir,
                       void (*each)(void *data, const char *name, const char *path,
                                    const char *summary, const char *problem),
                       void *data)
{
    struct each_caller caller = {each, data};
    char *path = fs_strategies_dir(dir ? dir : "");
    int rc;

    if (!path)
        return -ENOMEM;
    rc = fs_strategy_each(path, call_each, &caller);
    free(path);
    return rc;
}
