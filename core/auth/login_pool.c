/* Threads, a queue, and the way back to the loop that asked. */
#include "auth/login_pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/network.h"

struct fs_login_pool {
    struct fs_login_pool_options options; /* constant */
    pthread_t threads[FS_LOGIN_THREADS_MAX];
    unsigned started_count;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t ready;
    struct fs_link waiting; /* struct fs_login, by turn */
    uint64_t turn;          /* of the last that was taken */
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
    if (link) {
        pool->waiting_count--;
        pool->turn = FS_CONTAINER_OF(link, struct fs_login, link)->turn;
    }
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

/* FNV-1a.  Who shares a lane by chance or by aim shares a place in the queue, nothing else. */
static uint64_t lane_of(const void *data, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* An IPv6 address by its /64: a household has them all. */
static uint64_t address_lane(struct fs_text address)
{
    struct fs_ip ip;
    bool is_v6 = address.len > 0 && memchr(address.data, ':', address.len) != NULL;

    if (fs_ip_parse(address, &ip) != 0)
        return lane_of(address.data, address.len);
    return lane_of(ip.bytes, is_v6 ? 8 : 16);
}

/* One behind the last of its own address or account, and never before those that are next.  Source: start
 * times of fair queueing (Demers, Keshav, Shenker, 1989) with log-ins of one size.  [mutex held] */
static uint64_t turn_of(const struct fs_login_pool *pool, const struct fs_login *login)
{
    uint64_t turn = pool->turn;

    for (struct fs_link *link = pool->waiting.next; link != &pool->waiting; link = link->next) {
        const struct fs_login *other = FS_CONTAINER_OF(link, struct fs_login, link);

        if ((other->address_lane == login->address_lane ||
             other->account_lane == login->account_lane) &&
            other->turn > turn)
            turn = other->turn;
    }
    return turn + 1;
}

/* Behind all whose turn is the same or sooner.  [mutex held] */
static void insert(struct fs_login_pool *pool, struct fs_login *login)
{
    struct fs_link *before = pool->waiting.prev;

    while (before != &pool->waiting &&
           FS_CONTAINER_OF(before, struct fs_login, link)->turn > login->turn)
        before = before->prev;
    fs_link_append(before->next, &login->link);
    pool->waiting_count++;
    pthread_cond_signal(&pool->ready);
}

static void limit(struct fs_login *login)
{
    login->result = FS_LOGIN_LIMITED;
    login->retry_after_s = 1;
    fs_mailbox_post(login->mailbox, &login->link);
}

int fs_login_pool_put(struct fs_login_pool *pool, struct fs_login *login)
{
    struct fs_login *dropped = NULL;
    int rc = 0;

    login->address_lane = address_lane(login->address);
    login->account_lane = lane_of(login->username.data, login->username.len);
    pthread_mutex_lock(&pool->mutex);
    login->turn = turn_of(pool, login);
    if (pool->waiting_count >= pool->options.queue_max) {
        struct fs_login *last = FS_CONTAINER_OF(pool->waiting.prev, struct fs_login, link);

        if (last->turn <= login->turn) {
            rc = -ENOBUFS;
        } else {
            dropped = last;
            fs_link_remove(&last->link);
            pool->waiting_count--;
        }
    }
    if (rc == 0)
        insert(pool, login);
    pthread_mutex_unlock(&pool->mutex);
    if (dropped)
        limit(dropped);
    return rc;
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
    while ((link = fs_link_shift(&waiting)))
        limit(FS_CONTAINER_OF(link, struct fs_login, link));
}
