/* A thread that waits for signals, so that no handler runs anywhere. */
#include "cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "run/server.h"

#define EXIT_INTERRUPTED 130

static const char first_words[] =
    "\nflashsale bench: stopping; what was measured is reported. Once more ends at once.\n";

static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));

    (void)written;
}

_Noreturn static void end_at_once(struct fs_interrupt *interrupt)
{
    pid_t child = atomic_load(&interrupt->child);

    if (child > 0)
        kill(child, SIGKILL);
    fs_remove_tree(interrupt->work_folder);
    _exit(EXIT_INTERRUPTED);
}

static void *watch_main(void *data)
{
    struct fs_interrupt *interrupt = data;
    sigset_t signals;
    int number;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    for (;;) {
        if (sigwait(&signals, &number) != 0)
            continue;
        if (atomic_exchange(&interrupt->is_wanted, true))
            end_at_once(interrupt);
        say(first_words);
    }
    return NULL;
}

int fs_interrupt_watch(struct fs_interrupt *interrupt)
{
    pthread_t thread;
    sigset_t signals;
    int rc;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    rc = -pthread_create(&thread, NULL, watch_main, interrupt);
    if (rc == 0)
        pthread_detach(thread);
    return rc;
}
