/* The thread that reads key sets, and those that wait for it. */
#include "auth/key_source.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/fail.h"
#include "auth/fetch.h"
#include "base/clock.h"
#include "base/limits.h"

struct fs_key_source {
    /* constant after create */
    char *file; /* owned; "": none */
    char *url;  /* owned */
    unsigned algorithms;
    struct fs_log *log; /* borrowed */
    void (*on_change)(void *data, struct fs_key_set *set);
    void *data; /* borrowed */
    pthread_t thread;
    bool has_thread;

    /* the thread's own */
    struct fs_key_set *set; /* held: the last one */
    struct stat seen;       /* of the file, when it was read last */

    /* guarded by mutex */
    pthread_mutex_t mutex;
    pthread_cond_t wanted; /* by the monotonic clock */
    struct fs_link waits;  /* struct fs_key_wait by letter.link */
    unsigned wait_count;

    /* [any] */
    _Atomic bool is_stopping;
    _Atomic uint64_t failures;
    _Atomic uint64_t read_at_us;
};

/* Reading */

static int read_set(struct fs_key_source *source, struct fs_key_set **set, char *error)
{
    char *body;
    size_t len;
    int rc;

    if (source->file[0] != '\0') {
        memset(&source->seen, 0, sizeof(source->seen));
        stat(source->file, &source->seen);
        return fs_key_set_load_json(source->file, source->algorithms, set, error);
    }
    rc = fs_fetch(source->url, &source->is_stopping, &body, &len, error);
    if (rc != 0)
        return rc;
    rc = fs_key_set_read_json(source->url, (struct fs_text){body, len}, source->algorithms, set,
                              error);
    free(body);
    return rc;
}

/* Reads the key set again.  Returns 0 or a negative errno. */
static int refresh(struct fs_key_source *source)
{
    char error[FS_AUTH_ERROR_SIZE];
    struct fs_key_set *set;
    int rc = read_set(source, &set, error);

    if (rc != 0) {
        atomic_fetch_add(&source->failures, 1);
        if (!atomic_load(&source->is_stopping))
            fs_log_warning(source->log, "auth", "the keys of before stay in use: %s", error);
        return rc;
    }
    atomic_store(&source->read_at_us, fs_clock_now_us());
    if (fs_key_set_is_within(set, source->set) && fs_key_set_is_within(source->set, set)) {
        fs_key_set_release(set);
        return 0;
    }
    fs_log_info(source->log, "auth", "%zu keys of the identity provider, %zu before", set->count,
                source->set->count);
    fs_key_set_release(source->set);
    source->set = set;
    source->on_change(source->data, set);
    return 0;
}

static bool has_changed(const struct fs_key_source *source)
{
    const struct stat *seen = &source->seen;
    struct stat now;

    /* A file that is being replaced may be away for a moment. */
    if (source->file[0] == '\0' || stat(source->file, &now) != 0)
        return false;
    return now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
           now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
}

/* Waits */

/* Takes all that wait now into waits, whose link is initialised. */
static void take_waits(struct fs_key_source *source, struct fs_link *waits)
{
    pthread_mutex_lock(&source->mutex);
    while (!fs_link_is_alone(&source->waits)) {
        struct fs_link *first = source->waits.next;

        fs_link_remove(first);
        fs_link_append(waits, first);
    }
    source->wait_count = 0;
    pthread_mutex_unlock(&source->mutex);
}

static void answer(struct fs_link *waits, int result)
{
    while (!fs_link_is_alone(waits)) {
        struct fs_link *first = waits->next;
        struct fs_key_wait *wait = FS_CONTAINER_OF(first, struct fs_key_wait, letter.link);

        fs_link_remove(first);
        wait->result = result;
        fs_mailbox_post(wait->mailbox, &wait->letter.link); /* wait may be gone from here on */
    }
}

int fs_key_source_wait(struct fs_key_source *source, struct fs_key_wait *wait)
{
    int rc = -ENOBUFS;

    pthread_mutex_lock(&source->mutex);
    if (source->wait_count < FS_JWKS_WAITS_MAX && !atomic_load(&source->is_stopping)) {
        fs_link_init(&wait->letter.link);
        fs_link_append(&source->waits, &wait->letter.link);
        source->wait_count++;
        pthread_cond_signal(&source->wanted);
        rc = 0;
    }
    pthread_mutex_unlock(&source->mutex);
    return rc;
}

void fs_key_source_give_up(struct fs_key_source *source)
{
    struct fs_link waits;

    fs_link_init(&waits);
    take_waits(source, &waits);
    answer(&waits, -ECANCELED);
}

/* Sleeps until at_us at the latest, or until a request waits for keys (is_open) or the thread is to
 * stop.  Returns whether a request waits. */
static bool sleep_until(struct fs_key_source *source, uint64_t at_us, bool is_open)
{
    const struct timespec at = {(time_t)(at_us / 1000000), (long)(at_us % 1000000) * 1000};
    bool is_wanted;
    int rc = 0;

    pthread_mutex_lock(&source->mutex);
    while (rc == 0 && !atomic_load(&source->is_stopping) &&
           !(is_open && !fs_link_is_alone(&source->waits)))
        rc = pthread_cond_timedwait(&source->wanted, &source->mutex, &at);
    is_wanted = !fs_link_is_alone(&source->waits);
    pthread_mutex_unlock(&source->mutex);
    return is_wanted;
}

static void *run(void *data)
{
    struct fs_key_source *source = data;
    uint64_t span_us = source->file[0] != '\0' ? FS_JWKS_WATCH_US : FS_JWKS_SPAN_US;
    struct fs_link waits;

    fs_link_init(&waits);
    while (!atomic_load(&source->is_stopping)) {
        uint64_t now_us = fs_clock_now_us();
        bool is_wanted;

        /* First the bound on fetches, then the next request for keys or the next regular fetch. */
        sleep_until(source, now_us + FS_JWKS_SPAN_MIN_US, false);
        is_wanted = sleep_until(source, now_us + span_us, true);
        if (atomic_load(&source->is_stopping))
            break;
        if (!is_wanted && source->file[0] != '\0' && !has_changed(source))
            continue;
        take_waits(source, &waits);
        answer(&waits, refresh(source));
    }
    return NULL;
}

/* Life */

static int start(struct fs_key_source *source)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&source->thread, NULL, run, source);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    source->has_thread = rc == 0;
    return -rc;
}

static void init_locks(struct fs_key_source *source)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&source->wanted, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&source->mutex, NULL);
    fs_link_init(&source->waits);
}

int fs_key_source_create(const struct fs_key_source_options *options, struct fs_key_source **source,
                         struct fs_key_set **set, char error[FS_AUTH_ERROR_SIZE])
{
    struct fs_key_source *made = calloc(1, sizeof(*made));
    int rc;

    if (!made)
        return fs_auth_fail(error, -ENOMEM, "no memory for keys");
    init_locks(made);
    made->algorithms = options->algorithms;
    made->log = options->log;
    made->on_change = options->on_change;
    made->data = options->data;
    made->file = strdup(options->file);
    made->url = strdup(options->url);
    rc = made->file && made->url ? read_set(made, &made->set, error)
                                 : fs_auth_fail(error, -ENOMEM, "no memory for keys");
    if (rc == 0 && made->set->skipped > 0)
        fs_log_info(made->log, "auth",
                    "%u keys of the key set are not used: of another kind, use or "
                    "algorithm",
                    made->set->skipped);
    atomic_init(&made->read_at_us, fs_clock_now_us());
    if (rc == 0 && start(made) != 0)
        rc = fs_auth_fail(error, -EAGAIN, "the thread that reads keys cannot be started");
    if (rc != 0) {
        fs_key_source_destroy(made);
        return rc;
    }
    fs_key_set_hold(made->set);
    *set = made->set;
    *source = made;
    return 0;
}

void fs_key_source_destroy(struct fs_key_source *source)
{
    if (!source)
        return;
    pthread_mutex_lock(&source->mutex);
    atomic_store(&source->is_stopping, true);
    pthread_cond_signal(&source->wanted);
    pthread_mutex_unlock(&source->mutex);
    if (source->has_thread)
        pthread_join(source->thread, NULL);
    fs_key_source_give_up(source);
    fs_key_set_release(source->set);
    pthread_cond_destroy(&source->wanted);
    pthread_mutex_destroy(&source->mutex);
    free(source->file);
    free(source->url);
    free(source);
}

struct fs_key_source_figures fs_key_source_figures(const struct fs_key_source *source)
{
    return (struct fs_key_source_figures){
        .has_source = true,
        .failures = atomic_load(&source->failures),
        .age_us = fs_clock_now_us() - atomic_load(&source->read_at_us),
    };
}
