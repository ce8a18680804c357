/* ACME clients and Kubernetes replace certificates on disk and tell nobody.  They write two files one after
 * the other, or move a symbolic link: so a change is acted on when it has settled, and files are known by
 * what stat(2) says of the file behind the link. */
#include "server/tls_watch.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/server.h"
#include "server/settings.h"

#define LOOK_MS 60000 /* without news */
#define SETTLE_MS 200 /* without a further change */
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB)

struct state {
    struct stat files[2];
};

struct fs_tls_watch {
    struct fs_server *server; /* borrowed */
    int events_fd;            /* of inotify; -1: only the minute */
    int stop_fd;
    pthread_t thread;
    struct state tried; /* loaded, or found unusable */
};

static bool look(const struct fs_server *server, struct state *state)
{
    memset(state, 0, sizeof(*state));
    return stat(server->tls_files[0], &state->files[0]) == 0 &&
           stat(server->tls_files[1], &state->files[1]) == 0;
}

static bool is_same(const struct state *a, const struct state *b)
{
    for (int i = 0; i < 2; i++)
        if (a->files[i].st_ino != b->files[i].st_ino || a->files[i].st_dev != b->files[i].st_dev ||
            a->files[i].st_size != b->files[i].st_size ||
            memcmp(&a->files[i].st_mtim, &b->files[i].st_mtim, sizeof(struct timespec)) != 0)
            return false;
    return true;
}

static void watch_folders(const struct fs_tls_watch *watch)
{
    for (int i = 0; i < 2 && watch->events_fd >= 0; i++) {
        char *path = strdup(watch->server->tls_files[i]);

        if (path)
            (void)inotify_add_watch(watch->events_fd, dirname(path), EVENTS);
        free(path);
    }
}

/* [reload_mutex held] */
static void renew(struct fs_tls_watch *watch)
{
    struct fs_server *server = watch->server;
    char problem[FS_TLS_ERROR_SIZE];
    SSL_CTX *tls;

    if (fs_tls_create(server->tls_files[0], server->tls_files[1], server->has_http2, &server->log,
                      &tls, problem) == 0) {
        fs_server_swap_tls(server, tls);
        fs_log_info(&server->log, "server",
                    "the certificate has changed on disk: new connections "
                    "get the new one");
    } else {
        fs_log_warning(
            &server->log, "server",
            "the certificate has changed on disk and cannot be used, the old one stays: %s",
            problem);
    }
}

/* Returns whether there is a change that has not settled. */
static bool look_and_renew(struct fs_tls_watch *watch, struct state *before)
{
    struct state now;
    bool is_changed, is_settled = false;

    pthread_mutex_lock(&watch->server->reload_mutex);
    is_changed = look(watch->server, &now) && !is_same(&now, &watch->tried);
    if (is_changed) {
        is_settled = is_same(&now, before);
        *before = now;
    }
    if (is_settled) {
        renew(watch);
        watch->tried = now;
    }
    watch_folders(watch); /* a reload may have named others; again the same is no matter */
    pthread_mutex_unlock(&watch->server->reload_mutex);
    return is_changed && !is_settled;
}

static void *watch_main(void *data)
{
    struct fs_tls_watch *watch = data;
    struct pollfd polled[] = {{.fd = watch->stop_fd, .events = POLLIN},
                              {.fd = watch->events_fd, .events = POLLIN}};
    struct state before = {0};
    bool is_unsettled = false;
    char events[4096];

    for (;;) {
        if (poll(polled, 2, is_unsettled ? SETTLE_MS : LOOK_MS) < 0 && errno != EINTR)
            return NULL;
        if ((polled[0].revents & POLLIN) != 0)
            return NULL;
        if ((polled[1].revents & POLLIN) != 0)
            (void)!read(watch->events_fd, events, sizeof(events));
        is_unsettled = look_and_renew(watch, &before);
    }
}

int fs_tls_watch_start(struct fs_server *server, struct fs_tls_watch **watch)
{
    struct fs_tls_watch *new = calloc(1, sizeof(*new));
    sigset_t all, before;
    int rc;

    if (!new)
        return -ENOMEM;
    new->server = server;
    new->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (new->stop_fd < 0) {
        rc = -errno;
        free(new);
        return rc;
    }
    new->events_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    look(server, &new->tried);
    watch_folders(new);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = -pthread_create(&new->thread, NULL, watch_main, new);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0) {
        *watch = new;
        return 0;
    }
    close(new->stop_fd);
    if (new->events_fd >= 0)
        close(new->events_fd);
    free(new);
    return rc;
}

void fs_tls_watch_stop(struct fs_tls_watch *watch)
{
    const uint64_t one = 1;

    if (!watch)
        return;
    (void)!write(watch->stop_fd, &one, sizeof(one));
    pthread_join(watch->thread, NULL);
    close(watch->stop_fd);
    if (watch->events_fd >= 0)
        close(watch->events_fd);
    free(watch);
}
