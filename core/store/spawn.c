/* fork and exec, in a process with many threads: between the two only async-signal-safe calls.
 *
 * posix_spawn() cannot set a death signal.  PR_SET_PDEATHSIG is about the parent thread and is set by
 * the child, so a parent that is gone by then is noticed by asking for it again. */
#include "store/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELD_FD 3
#define REPORT_FD 4
#define HIGH_FD 10 /* above every descriptor with a meaning in the child */
#define FDS_MAX_ASSUMED 65536

extern char **environ;

int fs_spawn_find(const char *name, char path[PATH_MAX])
{
    const char *at = getenv("PATH");
    size_t name_len = strlen(name);

    if (name_len == 0 || name_len >= PATH_MAX)
        return name_len == 0 ? -ENOENT : -ENAMETOOLONG;
    if (strchr(name, '/')) {
        memcpy(path, name, name_len + 1);
        return access(path, X_OK) == 0 ? 0 : -ENOENT;
    }
    for (at = at ? at : "/usr/local/bin:/usr/bin:/bin"; *at; at += *at == ':') {
        size_t len = strcspn(at, ":");

        if (len > 0 && len + 1 + name_len < PATH_MAX) {
            snprintf(path, PATH_MAX, "%.*s/%s", (int)len, at, name);
            if (access(path, X_OK) == 0)
                return 0;
        }
        at += len;
    }
    return -ENOENT;
}

/* The child from here on: async-signal-safe calls only. */

static void close_from(int first)
{
    if (close_range((unsigned)first, ~0u, 0) == 0)
        return;
    for (int fd = first; fd < FDS_MAX_ASSUMED; fd++)
        close(fd);
}

static int arrange_fds(const struct fs_spawn *spawn, int report_fd)
{
    int null = open("/dev/null", O_RDONLY);
    int output = fcntl(spawn->output_fd, F_DUPFD, HIGH_FD);
    int held = fcntl(spawn->held_fd, F_DUPFD, HIGH_FD);
    int report = fcntl(report_fd, F_DUPFD, HIGH_FD);

    if (null < 0 || output < 0 || held < 0 || report < 0)
        return -errno;
    if (dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || dup2(held, HELD_FD) < 0 ||
        dup3(report, REPORT_FD, O_CLOEXEC) < 0)
        return -errno;
    close_from(REPORT_FD + 1);
    return 0;
}

static void reset_signals(void)
{
    const struct sigaction default_action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &default_action, NULL); /* not for SIGKILL, SIGSTOP: expected */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void become(const struct fs_spawn *spawn, pid_t parent, int report_fd)
{
    int error;

    reset_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        goto report;
    if (getppid() != parent)
        _exit(1);
    (void)setpgid(0, 0);
    if (arrange_fds(spawn, report_fd) != 0)
        goto report;
    report_fd = REPORT_FD;
    execve(spawn->program, spawn->argv, environ);

report:
    error = errno;
    while (write(report_fd, &error, sizeof(error)) < 0 && errno == EINTR)
        ;
    _exit(127);
}

/* The parent again */

/* 0 when the pipe was closed by a successful exec, else what the child said. */
static int read_report(int fd)
{
    int error = 0;
    ssize_t len;

    do
        len = read(fd, &error, sizeof(error));
    while (len < 0 && errno == EINTR);
    return len == (ssize_t)sizeof(error) ? -error : 0;
}

int fs_spawn(const struct fs_spawn *spawn, pid_t *pid)
{
    int report[2];
    sigset_t all;
    sigset_t before;
    pid_t parent = getpid();
    pid_t child;
    int rc;

    if (pipe2(report, O_CLOEXEC) != 0)
        return -errno;
    /* A handler of this program must not run in the child. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    child = fork();
    if (child == 0)
        become(spawn, parent, report[1]);
    rc = child < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (rc == 0)
        rc = read_report(report[0]);
    close(report[0]);
    if (rc != 0 && child > 0)
        waitpid(child, NULL, 0);
    if (rc == 0)
        *pid = child;
    return rc;
}
