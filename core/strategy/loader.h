/* Finds, opens and checks the shared object of a strategy. */
#ifndef FS_STRATEGY_LOADER_H
#define FS_STRATEGY_LOADER_H

#include <stddef.h>

#include <flashsale/strategy.h>

/* Room for any message of the loader, bytes. */
#define FS_LOADER_ERROR_SIZE 512

struct fs_strategy_module {
    void *handle;                /* owned: dlopen's; NULL when linked statically */
    char *path;                  /* owned: absolute, as loaded */
    struct fs_strategy strategy; /* zero-filled past what the object was built with */
};

/* name_or_path: "v1" looks for <dir>/v1.so; what has a slash or ends in ".so" is a path.  The file
 * and its folder must belong to root or to this user and be writable by nobody else.  dlopen with
 * RTLD_NOW | RTLD_LOCAL; version, size, name and mandatory callbacks are checked.
 * Returns 0, or -ENOENT, -EACCES (others can write to it), -ENOEXEC (not a strategy), -EPROTO
 * (another ABI version), -EINVAL (a callback is missing), with a sentence in error that says what
 * to do; *module is then untouched.  [main] */
int fs_strategy_load(const char *name_or_path, const char *dir, struct fs_strategy_module *module,
                     char error[FS_LOADER_ERROR_SIZE]);

/* As above for a table that is linked in; path is what the start-up prints. */
int fs_strategy_adopt(const struct fs_strategy *table, const char *path,
                      struct fs_strategy_module *module, char error[FS_LOADER_ERROR_SIZE]);

void fs_strategy_unload(struct fs_strategy_module *module);

/* Calls each() for each NAME.so in dir that loads, in order of their names, and for each that does
 * not (module NULL, error says why).  Returns how many loaded, or a negative errno of the folder. */
int fs_strategy_each(const char *dir,
                     void (*each)(void *data, const char *path,
                                  const struct fs_strategy_module *module, const char *error),
                     void *data);

#endif
