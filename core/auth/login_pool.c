/* Threads, a queue, and the way back to the loop that asked. */
#include "auth/login_pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/limits.h"

struct fs_login_pool {
    struct fs_login_pool_options options; /* constant */
    pthread_t threads[FS_LOGIN_THREADS_MAX];
    unsigned started_count;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t ready;
    struct fs_link waiting; /* struct fs_login */
    unsigned waiting_count;
    bool stopping;
};

/* Waits for a login; NULL when the pool stops. */
static struct fs_login *take(struct fs_login_pool *pool)
{
    struct fs_link *link;

    pthread_mutex_lock(&pool->mutex);
    while (fs_link_is_alone(&pool->waiting) && !pool->stopping)
        pthread_cond_wait(&pool->ready, &pool->mutex);
    link = fs_link_shift(&pool->waiting);
    if (link)
        pool->waiting_count--;
    pthread_mutex_unlock(&pool->mutex);
    return link ? FS_CONTAINER_OF(link, struct fs_login, link) : NULL;
}

struct pool_thread {
    struct fs_login_pool *pool;
    struct crypt_data *scratch; /* owned by the thread: 32 KiB */
};

static void *run(void *data)
{
    struct pool_thread thread = *(struct pool_thread *)data;
    struct fs_login *login;

    free(data);
    while ((login = take(thread.pool))) {
        thread.pool->options.decide(thread.pool->options.data, login, thread.scratch);
        /* From here on the login is its loop's. */
        fs_mailbox_post(login->mailbox, &login->link);
    }
    free(thread.scratch);
    return NULL;
}

static int start_thread(struct fs_login_pool *pool)
{
    struct pool_thread *thread = malloc(sizeof(*thread));
    struct crypt_data *scratch = calloc(1, sizeof(*scratch));
    pthread_t *id = &pool->threads[pool->started_count];

    if (!thread || !scratch) {
        free(thread);
        free(scratch);
        return -ENOMEM;
    }
    thread->pool = pool;
    thread->scratch = scratch;
    if (pthread_create(id, NULL, run, thread) != 0) {
        free(thread);
        free(scratch);
        return -EAGAIN;
    }
    pthread_setname_np(*id, "fs-login");
    pool->started_count++;
    return 0;
}

/* Signals are the program's business: a thread inherits that they are blocked. */
static int start_threads(struct fs_login_pool *pool)
{
    sigset_t all, before;
    int rc = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (rc == 0 && pool->started_count < pool->options.thread_count)
        rc = start_thread(pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int fs_login_pool_create(const struct fs_login_pool_options *options, struct fs_login_pool **pool)
{
    struct fs_login_pool *made = calloc(1, sizeof(*made));
    int rc;

    assert(options->thread_count >= 1 && options->thread_count <= FS_LOGIN_THREADS_MAX);
    if (!made)
        return -ENOMEM;
    made->options = *options;
    fs_link_init(&made->waiting);
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->ready, NULL);
    rc = start_threads(made);
    if (rc != 0) {
        fs_login_pool_destroy(made);
        return rc;
    }
    *pool = made;
    return 0;
}

void fs_login_pool_destroy(struct fs_login_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    assert(fs_link_is_alone(&pool->waiting));
    pool->stopping = true;
    pthread_cond_broadcast(&pool->ready);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->started_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->ready);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int fs_login_pool_put(struct fs_login_pool *pool, struct fs_login *login)
{
    bool full;

    pthread_mutex_lock(&pool->mutex);
    full = pool->waiting_count >= pool->options.queue_max;
    if (!full) {
        fs_link_append(&pool->waiting, &login->link);
        pool->waiting_count++;
        pthread_cond_signal(&pool->ready);
    }
    pthread_mutex_unlock(&pool->mutex);
    return full ? -ENOBUFS : 0;
}

void fs_login_pool_give_up(struct fs_login_pool *pool)
{
    struct fs_link waiting;
    struct fs_link *link;

    fs_link_init(&waiting);
    pthread_mutex_lock(&pool->mutex);
    fs_link_splice(&waiting, &pool->waiting);
    pool->waiting_count = 0;
    pthread_mutex_unlock(&pool->mutex);
    while ((link = fs_link_shift(&waiting))) {
        struct fs_login *login = FS_CONTAINER_OF(link, struct fs_login, link);

        login->result = FS_LOGIN_LIMITED;
        login->retry_after_s = 1;
        fs_mailbox_post(login->mailbox, &login->link);
    }
}
