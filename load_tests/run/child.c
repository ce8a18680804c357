/* fork and exec: between the two only async-signal-safe calls, since other threads run. */
#include "run/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define WATCH_PAUSE_MS 2u

void fs_pause_ms(unsigned ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&pause, NULL);
}

static void reset_signals(void)
{
    const struct sigaction default_action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &default_action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int place_output(const char *path, int fd)
{
    int opened = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);

    if (opened < 0 || dup2(opened, fd) < 0)
        return -1;
    if (opened != fd)
        close(opened);
    return 0;
}

_Noreturn static void become(const struct fs_child_options *options, pid_t parent, int report_fd)
{
    int null;
    int error;

    reset_signals();
    (void)setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        goto report;
    if (getppid() != parent)
        _exit(1);
    null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        place_output(options->output_path, STDOUT_FILENO) != 0 ||
        place_output(options->error_path, STDERR_FILENO) != 0)
        goto report;
    if (options->cores)
        (void)sched_setaffinity(0, sizeof(*options->cores), options->cores);
    execv(options->argv[0], options->argv);

report:
    error = errno;
    while (write(report_fd, &error, sizeof(error)) < 0 && errno == EINTR)
        ;
    _exit(127);
}

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

int fs_child_start(struct fs_child *child, const struct fs_child_options *options)
{
    int report[2];
    pid_t parent = getpid();
    pid_t pid;
    int rc;

    *child = (struct fs_child){.interrupt = options->interrupt};
    if (pipe2(report, O_CLOEXEC) != 0)
        return -errno;
    pid = fork();
    if (pid == 0)
        become(options, parent, report[1]);
    rc = pid < 0 ? -errno : 0;
    close(report[1]);
    if (rc == 0)
        rc = read_report(report[0]);
    close(report[0]);
    if (rc != 0) {
        if (pid > 0)
            waitpid(pid, NULL, 0);
        return rc;
    }
    child->pid = pid;
    if (child->interrupt)
        atomic_store(&child->interrupt->child, pid);
    return 0;
}

bool fs_child_has_ended(struct fs_child *child)
{
    siginfo_t info = {0};

    if (child->pid == 0)
        return true;
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return false;
    /* Before it is reaped: from then on its pid may be another's. */
    if (child->interrupt)
        atomic_store(&child->interrupt->child, 0);
    waitpid(child->pid, &child->status, 0);
    child->pid = 0;
    return true;
}

static bool ends_within(struct fs_child *child, unsigned timeout_ms)
{
    uint64_t limit_us = fs_clock_now_us() + (uint64_t)timeout_ms * 1000;

    while (!fs_child_has_ended(child)) {
        if (fs_clock_now_us() > limit_us)
            return false;
        fs_pause_ms(WATCH_PAUSE_MS);
    }
    return true;
}

static void end_at_once(struct fs_child *child)
{
    kill(child->pid, SIGKILL);
    while (!fs_child_has_ended(child))
        fs_pause_ms(WATCH_PAUSE_MS);
}

int fs_child_stop(struct fs_child *child, unsigned timeout_ms)
{
    if (fs_child_has_ended(child))
        return 0;
    kill(child->pid, SIGTERM);
    if (ends_within(child, timeout_ms))
        return 0;
    end_at_once(child);
    return -ETIMEDOUT;
}

int fs_child_wait(struct fs_child *child, unsigned timeout_ms)
{
    if (!ends_within(child, timeout_ms)) {
        end_at_once(child);
        return -ETIMEDOUT;
    }
    return WIFEXITED(child->status) ? WEXITSTATUS(child->status) : -EINTR;
}
