/* The program: what embeds the library, and nothing that the library does not offer to others.
 *
 * The main thread reads signals from a descriptor and never waits for anything else: starting and
 * stopping take their time on a thread of their own, so that a signal is always heard. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <flashsale/flashsale.h>

#include "cli/cli.h"
#include "cli/notify.h"

/* What the main thread is told through an eventfd, as its values add up. */
enum news {
    NEWS_STARTED = 1, /* or not: start_result tells */
    NEWS_LOOP_FAILED = 0x100,
    NEWS_STOPPED = 0x10000
};

struct serving {
    struct fs_server *server;
    const sigset_t *signals; /* taken by signal_fd */
    int signal_fd;
    int news_fd;
    struct fs_error error; /* of the start; read after NEWS_STARTED */
    int start_result;      /* read after NEWS_STARTED */
    int stop_result;       /* read after NEWS_STOPPED */
    sem_t stop_wanted;
    pthread_t runner;
    pthread_t waiter;
    bool is_serving;
    bool is_stopping;
};

static int report(const struct fs_error *error, int code)
{
    fprintf(stderr, "flashsale: %s\n", error->text);
    return code == -EINVAL ? FS_CLI_USAGE : FS_CLI_FAILED;
}

static void tell_main(const struct serving *serving, uint64_t news)
{
    if (write(serving->news_fd, &news, sizeof(news)) != sizeof(news))
        perror("flashsale: eventfd");
}

/* Starts, waits until it shall stop, and stops. */
static void *runner_main(void *data)
{
    struct serving *serving = data;

    serving->start_result = fs_server_start(serving->server, &serving->error);
    tell_main(serving, NEWS_STARTED);
    if (serving->start_result != 0)
        return NULL;
    while (sem_wait(&serving->stop_wanted) != 0)
        continue;
    serving->stop_result = fs_server_stop(serving->server);
    tell_main(serving, NEWS_STOPPED);
    return NULL;
}

static void *waiter_main(void *data)
{
    struct serving *serving = data;

    if (fs_server_wait(serving->server) != 0)
        tell_main(serving, NEWS_LOOP_FAILED);
    return NULL;
}

/* The first time gently, but a start is broken off; then at once. */
static void begin_stop(struct serving *serving)
{
    if (serving->is_stopping || !serving->is_serving)
        fs_server_stop_now(serving->server);
    if (!serving->is_stopping) {
        fs_cli_notify("STOPPING=1");
        sem_post(&serving->stop_wanted);
    }
    serving->is_stopping = true;
}

static void take_signal(struct serving *serving)
{
    struct signalfd_siginfo info;
    struct fs_error error; /* the log tells */

    if (read(serving->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo != SIGHUP)
        begin_stop(serving);
    else if (serving->is_serving && !serving->is_stopping) {
        fs_cli_notify_reloading();
        fs_server_reload(serving->server, &error);
        fs_cli_notify("READY=1");
    }
}

/* The program ends whether or not anybody reads this, so stdio and its locks are not used: exit() would
 * wait for them. */
static void *printer_main(void *data)
{
    const char *at = data;

    for (size_t len = strlen(at); len > 0;) {
        ssize_t written = write(STDOUT_FILENO, at, len);

        if (written < 0 && errno != EINTR)
            break;
        at += written > 0 ? written : 0;
        len -= written > 0 ? (size_t)written : 0;
    }
    free(data);
    return NULL;
}

/* By a thread that nobody waits for: an unread pipe must not keep the main thread from its signals. */
static void print_welcome(const struct serving *serving)
{
    char *text;
    pthread_t printer;

    if (asprintf(&text, "%s\n%s\nready\n", fs_server_summary(serving->server),
                 fs_server_examples(serving->server)) < 0)
        return;
    if (pthread_create(&printer, NULL, printer_main, text) == 0)
        pthread_detach(printer);
    else
        free(text);
}

/* Returns whether the server serves. */
static bool welcome(struct serving *serving)
{
    if (serving->start_result != 0)
        return false;
    serving->is_serving = pthread_create(&serving->waiter, NULL, waiter_main, serving) == 0;
    if (!serving->is_serving) {
        fprintf(stderr, "flashsale: no thread to wait with\n");
        begin_stop(serving);
    } else if (!serving->is_stopping) {
        print_welcome(serving);
        fs_cli_notify("READY=1");
    }
    return true;
}

/* Returns whether there is more to wait for. */
static bool take_news(struct serving *serving)
{
    uint64_t news;

    if (read(serving->news_fd, &news, sizeof(news)) != sizeof(news))
        return true;
    if ((news & NEWS_STARTED) != 0 && !welcome(serving))
        return false;
    if ((news & NEWS_LOOP_FAILED) != 0 && !serving->is_stopping)
        begin_stop(serving);
    return (news & NEWS_STOPPED) == 0;
}

static int exit_code(struct serving *serving)
{
    if (serving->start_result == -EINTR && serving->is_stopping)
        return FS_CLI_FINE;
    if (serving->start_result != 0) {
        /* Standard error may be a pipe that nobody reads: a signal then ends the program by itself. */
        pthread_sigmask(SIG_UNBLOCK, serving->signals, NULL);
        return report(&serving->error, serving->start_result);
    }
    if (!serving->is_serving)
        return FS_CLI_FAILED;
    /* Connections that had to be cut have lost no order: that is no failure. */
    if (serving->stop_result != 0 && serving->stop_result != -ETIMEDOUT)
        return FS_CLI_FAILED;
    return fs_server_wait(serving->server) == 0 ? FS_CLI_FINE : FS_CLI_FAILED;
}

/* Returns the exit code. */
static int run(struct serving *serving)
{
    struct pollfd polled[] = {{.fd = serving->signal_fd, .events = POLLIN},
                              {.fd = serving->news_fd, .events = POLLIN}};
    bool is_on = true;
    uint64_t watchdog_ms = fs_cli_watchdog_us() / 1000;
    int wait_ms = watchdog_ms == 0 ? -1 : watchdog_ms > 20000 ? 10000 : (int)(watchdog_ms / 2);

    if (pthread_create(&serving->runner, NULL, runner_main, serving) != 0) {
        fprintf(stderr, "flashsale: no thread to start with\n");
        return FS_CLI_FAILED;
    }
    while (is_on) {
        int rc = poll(polled, 2, wait_ms);

        /* A loop that stands still is told by silence. */
        if (wait_ms >= 0 && serving->is_serving && fs_server_is_live(serving->server))
            fs_cli_notify("WATCHDOG=1");
        if (rc <= 0)
            continue;
        if ((polled[0].revents & POLLIN) != 0)
            take_signal(serving);
        if ((polled[1].revents & POLLIN) != 0)
            is_on = take_news(serving);
    }
    pthread_join(serving->runner, NULL);
    if (serving->is_serving)
        pthread_join(serving->waiter, NULL);
    return exit_code(serving);
}

static int serve(const struct fs_settings *settings, const sigset_t *signals)
{
    struct serving serving = {.signals = signals,
                              .news_fd = eventfd(0, EFD_CLOEXEC),
                              .signal_fd = signalfd(-1, signals, SFD_CLOEXEC)};
    int rc;

    if (serving.news_fd < 0 || serving.signal_fd < 0 || sem_init(&serving.stop_wanted, 0, 0) != 0) {
        perror("flashsale: no descriptor");
        return FS_CLI_FAILED;
    }
    rc = fs_server_create(settings, &serving.server, &serving.error);
    if (rc != 0)
        return report(&serving.error, rc);
    rc = run(&serving);
    fs_server_destroy(serving.server);
    sem_destroy(&serving.stop_wanted);
    close(serving.signal_fd);
    close(serving.news_fd);
    return rc;
}

/* As far as we may: each buyer is a connection, and the usual 1,024 are few. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    const struct fs_cli_io io = {.out = stdout, .err = stderr, .environment = environ};
    struct fs_settings *settings;
    sigset_t signals;
    struct fs_error error;
    int rc;

    signal(SIGPIPE, SIG_IGN);
    /* Under load h2o's buffers come and go by the turn; giving their pages back and faulting them in
     * again was one madvise for 25 requests. */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    rc = fs_cli_run(argc, argv, &io, &settings);
    if (!settings)
        return rc;
    rc = fs_cli_take_sockets(settings, &error);
    if (rc != 0)
        return report(&error, rc);
    /* Blocked before there is a thread, so that every thread leaves them to the descriptor. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    raise_descriptor_limit();
    rc = serve(settings, &signals);
    fs_settings_destroy(settings);
    return rc;
}
