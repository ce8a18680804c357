/* Hands over to Python, which has the plots and the statistics. */
#include "cli/scripts.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/places.h"
#include "run/run.h"

#define PYTHON_DEFAULT "/usr/bin/python3"
#define PACKAGES "python3 python3-pandas python3-matplotlib python3-scipy"

static const char *interpreter(void)
{
    const char *variable = getenv("FLASHSALE_PYTHON");

    return variable && variable[0] != '\0' ? variable : PYTHON_DEFAULT;
}

/* Finds script and interpreter, or says what is missing. */
static int find(const char *script, char path[PATH_MAX], FILE *err)
{
    fs_place_script(script, path);
    if (path[0] == '\0')
        return fs_bench_fail(err,
                             "the script %s is not there: it belongs to the sources and to an "
                             "installation",
                             script);
    if (access(interpreter(), X_OK) != 0)
        return fs_bench_fail(
            err, "there is no %s: apt install " PACKAGES ", or name a Python by FLASHSALE_PYTHON",
            interpreter());
    return 0;
}

/* Signals are ours alone: what follows has them as it expects them. */
static void reset_signals(void)
{
    sigset_t none;

    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int fs_bench_become_script(const char *script, int argc, char **argv, FILE *err)
{
    char **words = calloc((size_t)argc + 3, sizeof(*words));
    char path[PATH_MAX];
    int rc = find(script, path, err);

    if (rc == 0 && words) {
        words[0] = (char *)interpreter();
        words[1] = path;
        for (int i = 1; i < argc; i++)
            words[i + 1] = argv[i];
        fflush(NULL);
        reset_signals();
        execv(words[0], words);
        rc = fs_bench_fail(err, "%s: %s", words[0], strerror(errno));
    }
    free(words);
    return rc != 0 ? rc : fs_bench_fail(err, "out of memory");
}

int fs_bench_run_script(const char *script, const char *folder, FILE *err)
{
    char path[PATH_MAX];
    int status = 0;
    pid_t pid;
    int rc = find(script, path, err);

    if (rc != 0)
        return rc;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        reset_signals();
        dup2(STDERR_FILENO, STDOUT_FILENO); /* stdout is the table's, or JSON's */
        execl(interpreter(), interpreter(), path, folder, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : FS_EXIT_FAILED;
}
