/* Hands over to flashsale-bench, a program of its own: the server needs none of what loads it. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"

#define PROGRAM "flashsale-bench"

/* Beside this program, in a build as in an installation; else in PATH. */
static void become(char **argv)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof(PROGRAM));
    char *slash;

    path[len > 0 ? len : 0] = '\0';
    slash = strrchr(path, '/');
    if (slash) {
        memcpy(slash + 1, PROGRAM, sizeof(PROGRAM));
        execv(path, argv);
        if (errno != ENOENT)
            return;
    }
    execvp(PROGRAM, argv);
}

int fs_cli_bench(char **argv, const struct fs_cli_io *io)
{
    char *first = argv[0];
    int number;

    fflush(NULL);
    argv[0] = (char *)PROGRAM;
    become(argv);
    number = errno;
    argv[0] = first;
    return fs_cli_fail(io,
                       "%s cannot be run: %s; it is built and installed beside flashsale, and is "
                       "looked for in PATH",
                       PROGRAM, strerror(number));
}
