/* flashsale/flashsale.h - embed a flash-sale server in a program.
 *
 *     struct fs_settings *settings;
 *     struct fs_server *server;
 *     struct fs_error error;
 *
 *     if (fs_settings_create(&settings) != 0 ||
 *         fs_settings_set(settings, "listen", "127.0.0.1:0", &error) != 0 ||
 *         fs_server_create(settings, &server, &error) != 0 || fs_server_start(server, &error) != 0)
 *         errx(1, "%s", error.text);
 *     printf("serving on %s\n", fs_server_address(server, 0));
 *     ...
 *     fs_server_stop(server);
 *     fs_server_destroy(server);
 *     fs_settings_destroy(settings);
 *
 * Several servers may live in one process.  The library handles no signals, writes nothing to
 * standard output, and to standard error only where no log callback was given.  SIGPIPE must be
 * ignored by the program (main.c does).
 *
 * Unless marked [any], the functions of one server are called by one thread at a time; functions of
 * different servers are independent.  Return values are 0 or a negative errno value; error, where
 * there is one, then holds a sentence for people. */
#ifndef FLASHSALE_FLASHSALE_H
#define FLASHSALE_FLASHSALE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FS_API __attribute__((visibility("default")))

struct fs_settings; /* configuration being gathered */
struct fs_server;   /* one server */

struct fs_error {
    char text[1024]; /* NUL-terminated, without a newline */
};

/* Settings */

FS_API int fs_settings_create(struct fs_settings **settings);
FS_API void fs_settings_destroy(struct fs_settings *settings);

/* YAML, as documented key by key in flashsale.yaml.  A file is read again by fs_server_reload().
 * Returns 0, -EINVAL, or -ENOENT, -EACCES, -EIO for the file. */
FS_API int fs_settings_load_file(struct fs_settings *settings, const char *path,
                                 struct fs_error *error);
FS_API int fs_settings_load_text(struct fs_settings *settings, const char *text, size_t len,
                                 struct fs_error *error);

/* FLASHSALE_*, WORKERS and LOG_LEVEL of a NULL-ended environment such as environ. */
FS_API int fs_settings_load_environment(struct fs_settings *settings, char *const *environment,
                                        struct fs_error *error);

/* The strongest: key as in the file with dots, value as text.  Repeated for a list key, it adds. */
FS_API int fs_settings_set(struct fs_settings *settings, const char *key, const char *value,
                           struct fs_error *error);

/* As above; origin, such as "--listen", is what messages call the value. */
FS_API int fs_settings_set_from(struct fs_settings *settings, const char *key, const char *value,
                                const char *origin, struct fs_error *error);

/* Checks everything without starting; on success *yaml is the resolved configuration with the
 * origin of each value, malloc'd, given to the caller (yaml may be NULL). */
FS_API int fs_settings_check(struct fs_settings *settings, char **yaml, struct fs_error *error);

/* Where the admin listener of a server with these settings is ("127.0.0.1:8001", "unix:/path") and
 * which file holds its token: for tools that talk to it.  Both malloc'd, given to the caller. */
FS_API int fs_settings_admin(const struct fs_settings *settings, char **address, char **token_file,
                             struct fs_error *error);

/* Tries what a start would need, one thing after the other, and changes nothing: strategy, data
 * folder, users and keys, certificate, free addresses.  Calls each() for each, with problem NULL where
 * all is well.  Returns 0, -EINVAL when anything was wrong, or as fs_settings_check(). */
FS_API int fs_settings_probe(const struct fs_settings *settings,
                             void (*each)(void *data, const char *what, const char *detail,
                                          const char *problem),
                             void *data, struct fs_error *error);

enum fs_finding_verdict {
    FS_FINDING_OK = 1,
    FS_FINDING_WARNING, /* works, and costs speed or safety */
    FS_FINDING_PROBLEM, /* a sale would fail */
    FS_FINDING_UNKNOWN  /* this machine does not tell */
};

struct fs_finding {
    enum fs_finding_verdict verdict;
    const char *topic;  /* "machine", "process", "folder", "server", "redis" */
    const char *check;  /* "descriptors", "transparent huge pages" */
    const char *found;  /* "1024, and 10266 are needed" */
    const char *remedy; /* a sentence; NULL: nothing to do */
};

/* Looks at the machine, the settings and the Redis servers that they name, and changes nothing but a
 * file of 4 KiB in the data folder, which is removed again.  Calls each() for each finding; its texts
 * are valid until it returns.  Takes up to redis.connect_timeout for a server that does not answer.
 * Returns 0, or as fs_settings_check(). */
FS_API int fs_settings_diagnose(const struct fs_settings *settings,
                                void (*each)(void *data, const struct fs_finding *finding),
                                void *data, struct fs_error *error);

/* Server */

enum fs_server_log_level {
    FS_SERVER_DEBUG = 1,
    FS_SERVER_INFO,
    FS_SERVER_WARNING,
    FS_SERVER_ERROR
};

/* Called from any thread of the server, also from several at once and from event loops: a callback that
 * waits, for a reader or a disk, stops the server. */
typedef void fs_server_log(void *data, enum fs_server_log_level level, const char *line);

/* settings: copied; may be destroyed at once.  Opens nothing yet. */
FS_API int fs_server_create(const struct fs_settings *settings, struct fs_server **server,
                            struct fs_error *error);

/* Before fs_server_start(); NULL: lines go to standard error. */
FS_API void fs_server_set_log(struct fs_server *server, fs_server_log *log, void *data);

/* Opens data folder, strategy, store and listeners and starts the threads; returns once the server
 * is ready.  On failure everything is closed again and start may be tried anew.
 * Returns 0, -EINVAL (configuration, also a file, folder or strategy that it names), -EADDRINUSE, -EACCES, -EBUSY (the data folder is in use),
 * -ETIMEDOUT (the store), -EINTR (fs_server_stop_now()), or what the system said.  -EBUSY also after a stop that returned it. */
FS_API int fs_server_start(struct fs_server *server, struct fs_error *error);

/* Address in use, with the real port: "127.0.0.1:8000", "unix:/path"; valid until destroy.
 * index 0 to count - 1; NULL beyond.  Before start: NULL. */
FS_API const char *fs_server_address(const struct fs_server *server, size_t index);
FS_API const char *fs_server_admin_address(const struct fs_server *server);
FS_API const char *fs_server_admin_token_file(const struct fs_server *server);

/* What was started, for people: several lines "key: value", valid until destroy. */
FS_API const char *fs_server_summary(const struct fs_server *server);

/* Whether every event loop of a started server has turned within the last 5 seconds.  Before a start and
 * after a stop: false. */
FS_API bool fs_server_is_live(struct fs_server *server);

/* Commands that a newcomer can paste into a shell: log in, look, buy.  Valid until destroy. */
FS_API const char *fs_server_examples(const struct fs_server *server);

/* Reads file and environment anew and takes over limits, log level, users and keys, and opens the
 * access log anew; a value that cannot change while running is named in the log.  A bad file changes
 * nothing, which the log says too: -EINVAL. */
FS_API int fs_server_reload(struct fs_server *server, struct fs_error *error);

/* Blocks until a thread of the server has failed, or until fs_server_stop() was called by another
 * thread.  Returns 0 when stopped, else the negative errno of the failure. */
FS_API int fs_server_wait(struct fs_server *server);

/* Stops accepting, is not ready, answers what was accepted within shutdown_timeout, closes.  No
 * acknowledged order is lost, also not after -ETIMEDOUT (some connections were cut).
 * -EBUSY: the strategy still holds requests long after their deadline, as with a disk that does not
 * answer.  It is then neither closed nor unloaded; its memory and descriptors are given up until the
 * process ends, the log callback may still be called, and the server cannot be started again. */
FS_API int fs_server_stop(struct fs_server *server);

/* Makes a stop under way cut its connections at once, and breaks a start off, which then fails with
 * -EINTR.  Holds until that start or stop has ended: called before one, it is for the next.  [any] */
FS_API void fs_server_stop_now(struct fs_server *server);

/* A stopped or never started server; NULL does nothing.  After a stop with -EBUSY nothing is freed. */
FS_API void fs_server_destroy(struct fs_server *server);

/* Tools */

/* "0.1.0", and one JSON object of versions: flashsale, libraries, compiler, strategy ABI.  Static. */
FS_API const char *fs_version(void);
FS_API const char *fs_version_json(void);

/* Calls each() for each strategy in dir (NULL: the installed folder), in order of names; one that
 * does not load has summary NULL and problem set.  Returns how many, or a negative errno. */
FS_API int fs_strategies_each(const char *dir,
                              void (*each)(void *data, const char *name, const char *path,
                                           const char *summary, const char *problem),
                              void *data);

#ifdef __cplusplus
}
#endif

#endif /* FLASHSALE_FLASHSALE_H */
