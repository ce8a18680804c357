/* A thread for each private redis-server: it starts the process, waits for its end, and starts it
 * again.  The thread lives as long as the server, because the process dies with the thread
 * (spawn.h). */
#include "store/managed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/private_dir.h"
#include "store/session.h"
#include "store/spawn.h"

#define BACKOFF_MS_MIN 20u
#define BACKOFF_MS_MAX 1000u
#define STEADY_US 10000000u /* a server that lived this long begins its backoff anew */
#define STOP_S 10           /* until SIGKILL */
#define STOP_LOOK_MS 50u    /* how often it is seen that nobody waits any longer */
#define ASK_US 1000000u     /* of one attempt to reach it while it starts */
#define ASK_PAUSE_MS 5
#define LOG_TAIL_SIZE 512
#define FULL_BYTES 65536u /* less room than this on a disk */

struct fs_managed {
    /* constant after start */
    struct fs_log *log;         /* borrowed */
    const _Atomic bool *is_cut; /* borrowed; NULL: never */
    char program[PATH_MAX];
    char configuration[PATH_MAX];
    unsigned index;

    /* owned */
    struct fs_private_dir dir;
    struct fs_topology topology; /* the server as its client sees it */
    int output_fd;               /* redis.log */
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t changed; /* by the monotonic clock */
    /* guarded by mutex */
    pid_t pid; /* 0: none runs; reaped only under the mutex, so that it names no other */
    bool is_stopping;
    bool is_serving;   /* it has answered once: from now on it is started again when it dies */
    bool has_given_up; /* the thread ended by itself */
    int end_error;     /* why it could not be started; 0: it was, and ended */
    unsigned start_count;
};

/* The thread */

static struct timespec after_ms(unsigned ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* With the mutex.  Until the time has passed or the server is to stop. */
static void wait_to_restart(struct fs_managed *managed, unsigned ms)
{
    const struct timespec until = after_ms(ms);

    while (!managed->is_stopping &&
           pthread_cond_timedwait(&managed->changed, &managed->mutex, &until) == 0)
        ;
}

/* With the mutex. */
static int start_process(struct fs_managed *managed)
{
    char *argv[] = {managed->program, managed->configuration, NULL};
    const struct fs_spawn spawn = {.program = managed->program,
                                   .argv = argv,
                                   .output_fd = managed->output_fd,
                                   .held_fd = managed->dir.server_lock_fd};
    pid_t pid = 0;
    int rc = fs_spawn(&spawn, &pid);

    managed->end_error = rc;
    if (rc != 0)
        return rc;
    managed->pid = pid;
    managed->start_count++;
    pthread_cond_broadcast(&managed->changed);
    return 0;
}

/* With the mutex, which it gives up while it waits.  Waits without reaping first: a pid that may be
 * signalled must not be free for another process. */
static int await_end(struct fs_managed *managed)
{
    pid_t pid = managed->pid;
    siginfo_t info = {0};
    int status = 0;

    pthread_mutex_unlock(&managed->mutex);
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&managed->mutex);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    managed->pid = 0;
    pthread_cond_broadcast(&managed->changed);
    return status;
}

/* The last line that the server wrote: what it says of its end. */
static void read_last_line(const struct fs_managed *managed, char line[LOG_TAIL_SIZE])
{
    off_t size = lseek(managed->output_fd, 0, SEEK_END);
    off_t from = size > LOG_TAIL_SIZE - 1 ? size - (LOG_TAIL_SIZE - 1) : 0;
    ssize_t len = size > 0 ? pread(managed->output_fd, line, LOG_TAIL_SIZE - 1, from) : 0;
    char *start;

    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        len--;
    line[len > 0 ? len : 0] = '\0';
    start = strrchr(line, '\n');
    if (start)
        memmove(line, start + 1, strlen(start));
}

/* Why it ended, as far as can be told: on a full disk it cannot write that into its log. */
static void tell_cause(const struct fs_managed *managed, char cause[LOG_TAIL_SIZE])
{
    struct statvfs disk;

    if (statvfs(managed->dir.path, &disk) == 0 &&
        (uint64_t)disk.f_bavail * disk.f_frsize < FULL_BYTES)
        snprintf(cause, LOG_TAIL_SIZE, "the disk of %.200s is full", managed->dir.path);
    else
        read_last_line(managed, cause);
}

static void log_end(const struct fs_managed *managed, int status)
{
    char cause[LOG_TAIL_SIZE];

    tell_cause(managed, cause);
    if (WIFSIGNALED(status))
        fs_log_error(managed->log, "store",
                     "redis-server %u was ended by signal %d: it is started again (%s)",
                     managed->index, WTERMSIG(status), cause);
    else
        fs_log_error(managed->log, "store",
                     "redis-server %u ended with status %d: %s (see %s/redis.log): it is started "
                     "again",
                     managed->index, WEXITSTATUS(status), cause, managed->dir.path);
}

static unsigned next_backoff_ms(unsigned backoff_ms, uint64_t lived_us)
{
    if (lived_us >= STEADY_US)
        return BACKOFF_MS_MIN;
    return backoff_ms * 2 < BACKOFF_MS_MAX ? backoff_ms * 2 : BACKOFF_MS_MAX;
}

static void *keep(void *data)
{
    struct fs_managed *managed = data;
    unsigned backoff_ms = BACKOFF_MS_MIN;

    pthread_mutex_lock(&managed->mutex);
    while (!managed->is_stopping) {
        uint64_t started_at_us = fs_clock_now_us();
        int rc = start_process(managed);
        int status = rc == 0 ? await_end(managed) : 0;

        if (managed->is_stopping || !managed->is_serving)
            break;
        if (rc == 0)
            log_end(managed, status);
        else
            fs_log_error(managed->log, "store", "redis-server %u cannot be started: %s",
                         managed->index, strerror(-rc));
        wait_to_restart(managed, backoff_ms);
        backoff_ms = next_backoff_ms(backoff_ms, fs_clock_now_us() - started_at_us);
    }
    managed->has_given_up = true;
    pthread_cond_broadcast(&managed->changed);
    pthread_mutex_unlock(&managed->mutex);
    return NULL;
}

/* Signals are the program's business, not this thread's. */
static int start_thread(struct fs_managed *managed)
{
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&managed->thread, NULL, keep, managed);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

/* Starting */

static bool has_ended(struct fs_managed *managed, int *end_error)
{
    bool ended;

    pthread_mutex_lock(&managed->mutex);
    ended = managed->has_given_up;
    *end_error = managed->end_error;
    pthread_mutex_unlock(&managed->mutex);
    return ended;
}

static int explain_end(const struct fs_managed *managed, int end_error, struct fs_error *error)
{
    char line[LOG_TAIL_SIZE];

    if (end_error != 0) {
        snprintf(error->text, sizeof(error->text), "cannot run %.900s: %s", managed->program,
                 strerror(-end_error));
        return end_error;
    }
    read_last_line(managed, line);
    snprintf(error->text, sizeof(error->text), "redis-server ended as it started (%.300s): %s",
             managed->configuration, line);
    return -EIO;
}

/* Whether what answers is the child. */
static int ask_who(struct fs_managed *managed, struct fs_error *error)
{
    const struct fs_node *node = &managed->topology.nodes[0];
    struct fs_check_facts facts;
    redisContext *session = NULL;
    int rc = fs_session_open(node, ASK_US, &session, error);

    if (rc == -EACCES) {
        snprintf(error->text, sizeof(error->text),
                 "%s is served by a Redis that this flashsale did not start: stop it",
                 managed->dir.socket);
        return -EBUSY;
    }
    if (rc != 0)
        return rc;
    rc = fs_check_ask(node, session, &facts, error);
    fs_session_close(session);
    if (rc != 0)
        return -EAGAIN;
    if (facts.process_id == fs_managed_pid(managed))
        return facts.is_loading ? -EAGAIN : 0;
    snprintf(error->text, sizeof(error->text),
             "%s is served by process %lld, which this flashsale did not start: stop it",
             managed->dir.socket, (long long)facts.process_id);
    return -EBUSY;
}

static int await_answer(struct fs_managed *managed, uint64_t timeout_us, struct fs_error *error)
{
    const struct timespec pause = {.tv_nsec = ASK_PAUSE_MS * 1000000l};
    uint64_t until_us = fs_clock_now_us() + timeout_us;
    int end_error;

    for (;;) {
        int rc = ask_who(managed, error);

        if (rc != -EAGAIN && rc != -EIO)
            return rc;
        if (has_ended(managed, &end_error))
            return explain_end(managed, end_error, error);
        if (rc == -EAGAIN && strstr(error->text, "LOADING"))
            until_us = fs_clock_now_us() + timeout_us;
        if (fs_clock_now_us() >= until_us)
            break;
        nanosleep(&pause, NULL);
    }
    snprintf(error->text, sizeof(error->text),
             "redis-server does not answer at %s after %.1f s; see %.300s/redis.log",
             managed->dir.socket, (double)timeout_us / 1e6, managed->dir.path);
    return -ETIMEDOUT;
}

static int open_output(struct fs_managed *managed, struct fs_error *error)
{
    char path[PATH_MAX + 16];

    snprintf(path, sizeof(path), "%s/redis.log", managed->dir.path);
    managed->output_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (managed->output_fd >= 0)
        return 0;
    snprintf(error->text, sizeof(error->text), "cannot write %.900s: %s", path, strerror(errno));
    return -errno;
}

static int name_node(struct fs_managed *managed, struct fs_error *error)
{
    char url[sizeof(managed->dir.socket) + 8];
    int rc;

    snprintf(url, sizeof(url), "unix:%s", managed->dir.socket);
    rc = fs_topology_add(&managed->topology, url, error);
    if (rc != 0)
        return rc;
    managed->topology.nodes[0].password = strdup(managed->dir.secret);
    return managed->topology.nodes[0].password ? 0 : -ENOMEM;
}

static int prepare(struct fs_managed *managed, const struct fs_managed_options *options,
                   struct fs_error *error)
{
    int rc = fs_private_dir_configure(&managed->dir, options->durability, error);
    int len;

    if (rc != 0)
        return rc;
    len = snprintf(managed->configuration, sizeof(managed->configuration), "%.*s/redis.conf",
                   (int)(sizeof(managed->configuration) - 16), managed->dir.path);
    rc = len < 0 ? -EIO : name_node(managed, error);
    return rc == 0 ? open_output(managed, error) : rc;
}

static void free_managed(struct fs_managed *managed)
{
    if (managed->output_fd >= 0)
        close(managed->output_fd);
    fs_topology_dispose(&managed->topology);
    fs_private_dir_close(&managed->dir);
    pthread_cond_destroy(&managed->changed);
    pthread_mutex_destroy(&managed->mutex);
    free(managed);
}

static struct fs_managed *new_managed(const struct fs_managed_options *options)
{
    struct fs_managed *managed = calloc(1, sizeof(*managed));
    pthread_condattr_t attributes;

    if (!managed)
        return NULL;
    managed->log = options->log;
    managed->is_cut = options->is_cut;
    managed->index = options->index;
    managed->output_fd = -1;
    managed->dir = (struct fs_private_dir){.owner_lock_fd = -1, .server_lock_fd = -1};
    pthread_mutex_init(&managed->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&managed->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return managed;
}

static int find_program(const char *named, char path[PATH_MAX])
{
    if (named)
        return fs_spawn_find(named, path);
    return fs_spawn_find(FS_MANAGED_PROGRAM, path) == 0
               ? 0
               : fs_spawn_find(FS_MANAGED_OTHER_PROGRAM, path);
}

int fs_managed_start(const struct fs_managed_options *options, struct fs_managed **managed,
                     struct fs_error *error)
{
    struct fs_managed *new = new_managed(options);
    int rc;

    if (!new) {
        snprintf(error->text, sizeof(error->text), "out of memory");
        return -ENOMEM;
    }
    rc = find_program(options->program, new->program);
    if (rc != 0) {
        snprintf(error->text, sizeof(error->text),
                 "the program %.300s is not found: install it (Debian: apt install redis-server), "
                 "or name a running Redis by --redis",
                 options->program ? options->program
                                  : FS_MANAGED_PROGRAM " (or " FS_MANAGED_OTHER_PROGRAM ")");
        goto free_new;
    }
    rc = fs_private_dir_open(options->data_dir, options->index, &new->dir, error);
    if (rc == 0)
        rc = prepare(new, options, error);
    if (rc == 0)
        rc = start_thread(new);
    if (rc != 0)
        goto free_new;
    rc = await_answer(new, options->start_timeout_us, error);
    if (rc != 0) {
        fs_managed_stop(new);
        return rc;
    }
    pthread_mutex_lock(&new->mutex);
    new->is_serving = true;
    pthread_mutex_unlock(&new->mutex);
    *managed = new;
    return 0;

free_new:
    free_managed(new);
    return rc;
}

/* Stopping */

/* With the mutex.  False: it did not end in time, or shall not be waited for. */
static bool await_stop(struct fs_managed *managed, unsigned seconds)
{
    for (unsigned waited_ms = 0; waited_ms < seconds * 1000; waited_ms += STOP_LOOK_MS) {
        const struct timespec until = after_ms(STOP_LOOK_MS);

        while (!managed->has_given_up)
            if (pthread_cond_timedwait(&managed->changed, &managed->mutex, &until) == ETIMEDOUT)
                break;
        if (managed->has_given_up || (managed->is_cut && atomic_load(managed->is_cut)))
            break;
    }
    return managed->has_given_up;
}

void fs_managed_stop(struct fs_managed *managed)
{
    pthread_mutex_lock(&managed->mutex);
    managed->is_stopping = true;
    pthread_cond_broadcast(&managed->changed);
    if (managed->pid > 0)
        kill(managed->pid, SIGTERM);
    if (!await_stop(managed, STOP_S)) {
        fs_log_error(
            managed->log, "store",
            "redis-server %u did not stop within %d s, or should not be waited for: killed",
            managed->index, STOP_S);
        if (managed->pid > 0)
            kill(managed->pid, SIGKILL);
    }
    pthread_mutex_unlock(&managed->mutex);
    pthread_join(managed->thread, NULL);
    free_managed(managed);
}

const char *fs_managed_socket(const struct fs_managed *managed)
{
    return managed->dir.socket;
}

const char *fs_managed_secret(const struct fs_managed *managed)
{
    return managed->dir.secret;
}

int fs_managed_pid(struct fs_managed *managed)
{
    pid_t pid;

    pthread_mutex_lock(&managed->mutex);
    pid = managed->pid;
    pthread_mutex_unlock(&managed->mutex);
    return pid;
}

unsigned fs_managed_restart_count(struct fs_managed *managed)
{
    unsigned count;

    pthread_mutex_lock(&managed->mutex);
    count = managed->start_count;
    pthread_mutex_unlock(&managed->mutex);
    return count > 0 ? count - 1 : 0;
}
