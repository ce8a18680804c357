/* Opens a strategy, and refuses one in words that say what to do about it.
 *
 * A strategy runs with all that the server may do, so the file and its folder must belong to
 * somebody who could change the server as well: root or the user that it runs as. */
#include "strategy/loader.h"

#include <assert.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYMBOL "flashsale_strategy"
#define SUFFIX ".so"
#define NAME_LEN_MAX 32u
#define STATE_SIZE_MAX 65536u /* bytes with each op; more is a mistake */

typedef const struct fs_strategy *table_function(void);

__attribute__((format(printf, 3, 4))) static int refuse(char error[FS_LOADER_ERROR_SIZE], int code,
                                                        const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, FS_LOADER_ERROR_SIZE, format, args);
    va_end(args);
    return code;
}

static bool has_suffix(const char *text, const char *suffix)
{
    size_t len = strlen(text);
    size_t suffix_len = strlen(suffix);

    return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

/* Checks */

static bool name_is_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return len > 0 && len <= NAME_LEN_MAX && name[len] == '\0';
}

static const char *missing_callback(const struct fs_strategy *strategy)
{
    const struct {
        const char *name;
        bool is_there;
    } callbacks[] = {
        {"open", strategy->open != NULL},         {"close", strategy->close != NULL},
        {"attach", strategy->attach != NULL},     {"detach", strategy->detach != NULL},
        {"purchase", strategy->purchase != NULL}, {"cancel", strategy->cancel != NULL},
        {"lookup", strategy->lookup != NULL},     {"count", strategy->count != NULL},
        {"list", strategy->list != NULL},         {"audit", strategy->audit != NULL},
        {"change", strategy->change != NULL},
    };

    for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
        if (!callbacks[i].is_there)
            return callbacks[i].name;
    return NULL;
}

/* Only version and size of table may be read before they are checked. */
static int copy_table(const struct fs_strategy *table, const char *path,
                      struct fs_strategy *strategy, char error[FS_LOADER_ERROR_SIZE])
{
    const char *missing;

    if (!table)
        return refuse(error, -ENOEXEC, "%s: " SYMBOL "() returned no table", path);
    if (table->abi_version != FS_STRATEGY_ABI)
        return refuse(error, -EPROTO,
                      "%s: built for strategy ABI %u, this server speaks %u; rebuild it with the "
                      "flashsale/strategy.h of this server",
                      path, table->abi_version, FS_STRATEGY_ABI);
    *strategy = (struct fs_strategy){0};
    memcpy(strategy, table,
           table->struct_size < sizeof(*strategy) ? table->struct_size : sizeof(*strategy));
    if (!strategy->name || !name_is_valid(strategy->name))
        return refuse(error, -EINVAL, "%s: its name is missing, longer than %u or not of [a-z0-9_]",
                      path, NAME_LEN_MAX);
    if (!strategy->summary)
        return refuse(error, -EINVAL, "%s: its summary is missing", path);
    if (strategy->state_size > STATE_SIZE_MAX)
        return refuse(error, -EINVAL,
                      "%s: asks for %u bytes of state with each request; at most %u are given",
                      path, strategy->state_size, STATE_SIZE_MAX);
    missing = missing_callback(strategy);
    if (missing)
        return refuse(error, -EINVAL, "%s: does not set %s(), which flashsale/strategy.h requires",
                      path, missing);
    return 0;
}

/* what: "file" or "folder". */
static int check_owner(const char *what, const char *path, const struct stat *status,
                       char error[FS_LOADER_ERROR_SIZE])
{
    if (status->st_uid != 0 && status->st_uid != geteuid())
        return refuse(error, -EACCES,
                      "%s: the %s belongs to user %u; a strategy is only loaded when it belongs to "
                      "root or to the user of the server (%u)",
                      path, what, status->st_uid, geteuid());
    if (status->st_mode & (S_IWGRP | S_IWOTH))
        return refuse(error, -EACCES,
                      "%s: others can write to the %s, so anybody could put code into the server; "
                      "run: chmod go-w '%s'",
                      path, what, path);
    return 0;
}

static int check_file(const char *path, char error[FS_LOADER_ERROR_SIZE])
{
    struct stat status;
    unsigned char magic[4] = {0};
    ssize_t got;
    int code;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return refuse(error, errno == ENOENT ? -ENOENT : -EACCES, "%s: %s", path, strerror(errno));
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        code = refuse(error, -ENOEXEC, "%s: not a file", path);
        goto close_fd;
    }
    code = check_owner("file", path, &status, error);
    if (code)
        goto close_fd;
    got = read(fd, magic, sizeof(magic));
    if (got != (ssize_t)sizeof(magic) || memcmp(magic, "\177ELF", sizeof(magic)) != 0)
        code = refuse(error, -ENOEXEC, "%s: not a shared object", path);

close_fd:
    close(fd);
    return code;
}

/* path: absolute. */
static int check_folder(const char *path, char error[FS_LOADER_ERROR_SIZE])
{
    char folder[PATH_MAX];
    struct stat status;
    const char *slash = strrchr(path, '/');
    size_t len;

    assert(slash);
    len = slash == path ? 1 : (size_t)(slash - path);
    memcpy(folder, path, len);
    folder[len] = '\0';
    if (stat(folder, &status) < 0)
        return refuse(error, -EACCES, "%s: %s", folder, strerror(errno));
    return check_owner("folder", folder, &status, error);
}

/* Opening */

/* Gives an absolute path without links, to be freed, so that what was checked is what is opened. */
static int resolve(const char *name_or_path, const char *dir, char **path,
                   char error[FS_LOADER_ERROR_SIZE])
{
    char joined[PATH_MAX];
    bool is_path = strchr(name_or_path, '/') || has_suffix(name_or_path, SUFFIX);
    int len;

    if (!is_path && !name_is_valid(name_or_path))
        return refuse(error, -ENOENT,
                      "'%.64s' is no strategy: give a name such as v1, or the path of a " SUFFIX
                      " file",
                      name_or_path);
    len = is_path ? snprintf(joined, sizeof(joined), "%s", name_or_path)
                  : snprintf(joined, sizeof(joined), "%s/%s" SUFFIX, dir, name_or_path);
    if (len < 0 || (size_t)len >= sizeof(joined))
        return refuse(error, -ENOENT, "the path of strategy '%.64s' is too long", name_or_path);
    *path = realpath(joined, NULL);
    if (*path)
        return 0;
    if (errno == ENOMEM)
        return refuse(error, -ENOMEM, "out of memory");
    if (is_path || errno != ENOENT)
        return refuse(error, errno == ENOENT ? -ENOENT : -EACCES, "%s: %s", joined,
                      strerror(errno));
    return refuse(error, -ENOENT,
                  "there is no strategy '%s' in %s; 'flashsale strategies' lists what there is",
                  name_or_path, dir);
}

static int open_object(const char *path, void **handle, const struct fs_strategy **table,
                       char error[FS_LOADER_ERROR_SIZE])
{
    union {
        void *object;
        table_function *function;
    } symbol; /* POSIX lets a function travel as an object, ISO C does not */

    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!*handle)
        return refuse(error, -ENOEXEC, "%s: cannot be loaded: %s", path, dlerror());
    symbol.object = dlsym(*handle, SYMBOL);
    if (!symbol.object) {
        dlclose(*handle);
        return refuse(error, -ENOEXEC,
                      "%s: not a strategy: it does not export " SYMBOL
                      "(); see FS_STRATEGY_EXPORT in flashsale/strategy.h",
                      path);
    }
    *table = symbol.function();
    return 0;
}

int fs_strategy_load(const char *name_or_path, const char *dir, struct fs_strategy_module *module,
                     char error[FS_LOADER_ERROR_SIZE])
{
    struct fs_strategy_module loaded = {0};
    const struct fs_strategy *table = NULL;
    int code = resolve(name_or_path, dir, &loaded.path, error);

    if (code)
        return code;
    assert(loaded.path);
    code = check_folder(loaded.path, error);
    if (!code)
        code = check_file(loaded.path, error);
    if (!code)
        code = open_object(loaded.path, &loaded.handle, &table, error);
    if (code)
        goto free_path;
    code = copy_table(table, loaded.path, &loaded.strategy, error);
    if (code)
        goto close_object;
    *module = loaded;
    return 0;

close_object:
    dlclose(loaded.handle);
free_path:
    free(loaded.path);
    return code;
}

int fs_strategy_adopt(const struct fs_strategy *table, const char *path,
                      struct fs_strategy_module *module, char error[FS_LOADER_ERROR_SIZE])
{
    struct fs_strategy_module adopted = {0};
    int code = copy_table(table, path, &adopted.strategy, error);

    if (code)
        return code;
    adopted.path = strdup(path);
    if (!adopted.path)
        return refuse(error, -ENOMEM, "out of memory");
    *module = adopted;
    return 0;
}

void fs_strategy_unload(struct fs_strategy_module *module)
{
    if (module->handle)
        dlclose(module->handle);
    free(module->path);
    *module = (struct fs_strategy_module){0};
}

static int is_shared_object(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && has_suffix(entry->d_name, SUFFIX);
}

int fs_strategy_each(const char *dir,
                     void (*each)(void *data, const char *path,
                                  const struct fs_strategy_module *module, const char *error),
                     void *data)
{
    struct dirent **entries;
    int loaded_count = 0;
    int count = scandir(dir, &entries, is_shared_object, alphasort);

    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        struct fs_strategy_module module;
        char error[FS_LOADER_ERROR_SIZE];
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (fs_strategy_load(path, dir, &module, error) == 0) {
            each(data, module.path, &module, NULL);
            fs_strategy_unload(&module);
            loaded_count++;
        } else {
            each(data, path, NULL, error);
        }
        free(entries[i]);
    }
    free(entries);
    return loaded_count;
}
