/* A child process that does not outlive the thread that started it. */
#ifndef FS_STORE_SPAWN_H
#define FS_STORE_SPAWN_H

#include <limits.h>
#include <sys/types.h>

struct fs_spawn {
    const char *program; /* a path, see fs_spawn_find() */
    char *const *argv;   /* ends with NULL */
    int output_fd;       /* its standard output and error */
    int held_fd;         /* stays open in the child as descriptor 3: a lock that it is to hold */
};

/* The path of a program as the shell finds it: as given when it has a '/', else through PATH.
 * Returns 0, -ENOENT or -ENAMETOOLONG.  [main] */
int fs_spawn_find(const char *name, char path[PATH_MAX]);

/* The child has no other descriptors of this process, no blocked or ignored signals, a process group
 * of its own (so that a Ctrl-C meant for this program does not end it), and gets SIGTERM when the
 * calling THREAD ends, also by SIGKILL of the process.  Returns 0, or what fork or exec said.
 * [a thread that lives as long as the child is to] */
int fs_spawn(const struct fs_spawn *spawn, pid_t *pid);

#endif
