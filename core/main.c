/* The program: what embeds the library, and nothing that the library does not offer to others.
 *
 * Signals are read from a descriptor by the main thread; stopping takes its time on a thread of its
 * own, so that a second signal is heard. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <flashsale/flashsale.h>

#include "cli/cli.h"

struct serving {
    struct fs_server *server;
    int signal_fd;
    int stopped_fd; /* written to once, when the server has stopped or failed */
    int result;     /* of the stop or the failure; read after stopped_fd was */
    pthread_t waiter;
    pthread_t stopper;
    bool is_stopping;
};

static int report(const struct fs_error *error, int code)
{
    fprintf(stderr, "flashsale: %s\n", error->text);
    return code == -EINVAL ? FS_CLI_USAGE : FS_CLI_FAILED;
}

static void wake_main(const struct serving *serving)
{
    const uint64_t one = 1;

    if (write(serving->stopped_fd, &one, sizeof(one)) != sizeof(one))
        perror("flashsale: eventfd");
}

static void *stopper_main(void *data)
{
    struct serving *serving = data;

    serving->result = fs_server_stop(serving->server);
    wake_main(serving);
    return NULL;
}

/* Only hears of a loop that failed: a stop wakes the main thread itself. */
static void *waiter_main(void *data)
{
    struct serving *serving = data;
    int failure = fs_server_wait(serving->server);

    if (failure != 0) {
        fprintf(stderr, "flashsale: stopping, an event loop has failed: %s\n", strerror(-failure));
        kill(getpid(), SIGTERM);
    }
    return NULL;
}

static void begin_stop(struct serving *serving)
{
    if (serving->is_stopping) {
        fs_server_stop_now(serving->server);
        return;
    }
    serving->is_stopping = true;
    if (pthread_create(&serving->stopper, NULL, stopper_main, serving) == 0)
        return;
    /* Without another thread a second signal waits, and the stop is as good. */
    serving->stopper = pthread_self();
    stopper_main(serving);
}

static void reload(const struct serving *serving)
{
    struct fs_error error;

    if (serving->is_stopping)
        return;
    if (fs_server_reload(serving->server, &error) != 0)
        fprintf(stderr, "flashsale: reload changed nothing: %s\n", error.text);
}

static void take_signal(struct serving *serving)
{
    struct signalfd_siginfo info;

    if (read(serving->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP)
        reload(serving);
    else
        begin_stop(serving);
}

/* Returns the exit code. */
static int serve_until_stopped(struct serving *serving)
{
    struct pollfd polled[] = {{.fd = serving->signal_fd, .events = POLLIN},
                              {.fd = serving->stopped_fd, .events = POLLIN}};

    while ((polled[1].revents & POLLIN) == 0) {
        if (poll(polled, 2, -1) < 0)
            continue;
        if ((polled[0].revents & POLLIN) != 0)
            take_signal(serving);
    }
    if (!pthread_equal(serving->stopper, pthread_self()))
        pthread_join(serving->stopper, NULL);
    pthread_join(serving->waiter, NULL);
    /* Connections that had to be cut have lost no order: that is no failure. */
    return serving->result == 0 || serving->result == -ETIMEDOUT ? fs_server_wait(serving->server)
                                                                 : serving->result;
}

static int start(struct serving *serving)
{
    struct fs_error error;
    int rc = fs_server_start(serving->server, &error);

    if (rc != 0)
        return report(&error, rc);
    printf("%s\n%s\nready\n", fs_server_summary(serving->server),
           fs_server_examples(serving->server));
    fflush(stdout);
    if (pthread_create(&serving->waiter, NULL, waiter_main, serving) != 0) {
        fprintf(stderr, "flashsale: no thread to wait with\n");
        fs_server_stop(serving->server);
        return FS_CLI_FAILED;
    }
    return serve_until_stopped(serving) == 0 ? FS_CLI_FINE : FS_CLI_FAILED;
}

static int serve(const struct fs_settings *settings, const sigset_t *signals)
{
    struct serving serving = {.stopped_fd = eventfd(0, EFD_CLOEXEC),
                              .signal_fd = signalfd(-1, signals, SFD_CLOEXEC)};
    struct fs_error error;
    int rc;

    if (serving.stopped_fd < 0 || serving.signal_fd < 0) {
        perror("flashsale: no descriptor");
        return FS_CLI_FAILED;
    }
    rc = fs_server_create(settings, &serving.server, &error);
    if (rc != 0)
        return report(&error, rc);
    rc = start(&serving);
    fs_server_destroy(serving.server);
    close(serving.signal_fd);
    close(serving.stopped_fd);
    return rc;
}

int main(int argc, char **argv)
{
    const struct fs_cli_io io = {.out = stdout, .err = stderr, .environment = environ};
    struct fs_settings *settings;
    sigset_t signals;
    int rc;

    signal(SIGPIPE, SIG_IGN);
    /* Under load h2o's buffers come and go by the turn; giving their pages back and faulting them in
     * again was one madvise for 25 requests. */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    rc = fs_cli_run(argc, argv, &io, &settings);
    if (!settings)
        return rc;
    /* Blocked before there is a thread, so that every thread leaves them to the descriptor. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    rc = serve(settings, &signals);
    fs_settings_destroy(settings);
    return rc;
}
