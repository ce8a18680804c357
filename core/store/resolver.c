/* One thread that calls the system's resolver, which may block for many seconds.
 *
 * What a name had last stays in use while it cannot be looked up: a resolver that is down for a moment
 * must not stop a sale whose Redis is well. */
#include "store/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define EAGER_LOOKS 600u /* half a minute of looks in a row; then they come more seldom */
#define END_US 200000u   /* how long destroy() waits for a look under way */

/* One server of the topology. */
struct name {
    char *host; /* owned; NULL: nothing to look up */
    struct fs_addresses addresses;
    _Atomic uint64_t looked_at_us;
    bool is_failing; /* the thread's: its last look failed, and that was logged */
};

struct fs_resolver {
    /* constant after create */
    fs_lookup *lookup;
    void *lookup_data; /* borrowed */
    struct fs_log *log;
    unsigned count;

    /* owned */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t moved; /* one of the flags below was set */
    struct name names[FS_STORE_NODES_MAX];

    /* changing */
    _Atomic uint64_t generation; /* written under the mutex */
    atomic_bool is_wanted;

    /* guarded by mutex, as are the addresses */
    bool is_stopping;
    bool has_ended; /* the thread touches nothing more */
    bool is_orphan; /* destroy() did not wait: the thread frees the rest */
};

static void release(struct fs_resolver *resolver)
{
    for (unsigned i = 0; i < resolver->count; i++)
        free(resolver->names[i].host);
    pthread_cond_destroy(&resolver->moved);
    pthread_mutex_destroy(&resolver->mutex);
    free(resolver);
}

/* Under the mutex, since the log may be gone once is_stopping is set. */
static void note_failure(struct fs_resolver *resolver, struct name *name, int rc)
{
    if (rc != 0 && !name->is_failing)
        fs_log_warning(resolver->log, "store",
                       "the Redis server name %s cannot be looked up: %s; its last address stays "
                       "in use",
                       name->host, gai_strerror(rc));
    else if (rc == 0 && name->is_failing)
        fs_log_info(resolver->log, "store", "the Redis server name %s can be looked up again",
                    name->host);
    name->is_failing = rc != 0;
}

/* Returns whether to stop. */
static bool look_up(struct fs_resolver *resolver, struct name *name)
{
    uint64_t began_us = fs_clock_now_us();
    struct fs_addresses found = {.count = 0};
    int rc = resolver->lookup(resolver->lookup_data, name->host, &found);
    bool is_stopping;

    pthread_mutex_lock(&resolver->mutex);
    is_stopping = resolver->is_stopping;
    if (!is_stopping)
        note_failure(resolver, name, rc);
    if (rc == 0 && !fs_addresses_same(&found, &name->addresses)) {
        name->addresses = found;
        atomic_fetch_add(&resolver->generation, 1);
    }
    atomic_store(&name->looked_at_us, began_us);
    pthread_mutex_unlock(&resolver->mutex);
    return is_stopping;
}

/* Waits for a time at most, or until a look is wanted.  Returns whether to stop. */
static bool wait_for(struct fs_resolver *resolver, uint64_t span_us, bool until_wanted)
{
    uint64_t until_us = fs_clock_now_us() + span_us;
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    bool is_stopping;

    pthread_mutex_lock(&resolver->mutex);
    while (!resolver->is_stopping && !(until_wanted && atomic_load(&resolver->is_wanted)) &&
           fs_clock_now_us() < until_us)
        pthread_cond_timedwait(&resolver->moved, &resolver->mutex, &until);
    is_stopping = resolver->is_stopping;
    pthread_mutex_unlock(&resolver->mutex);
    return is_stopping;
}

static void look_until_stopped(struct fs_resolver *resolver)
{
    unsigned in_a_row = 0; /* looks, each of which was wanted before its pause was over */

    while (!wait_for(resolver, FS_RESOLVER_TTL_US, true)) {
        atomic_store(&resolver->is_wanted, false);
        for (unsigned i = 0; i < resolver->count; i++)
            if (resolver->names[i].host && look_up(resolver, &resolver->names[i]))
                return;
        if (wait_for(resolver, in_a_row < EAGER_LOOKS ? FS_RESOLVER_PAUSE_US : FS_RESOLVER_TTL_US,
                     false))
            return;
        in_a_row = atomic_load(&resolver->is_wanted) ? in_a_row + 1 : 0;
    }
}

static void *run(void *data)
{
    struct fs_resolver *resolver = data;
    bool is_orphan;

    look_until_stopped(resolver);
    pthread_mutex_lock(&resolver->mutex);
    resolver->has_ended = true;
    is_orphan = resolver->is_orphan;
    pthread_cond_signal(&resolver->moved);
    pthread_mutex_unlock(&resolver->mutex);
    if (is_orphan)
        release(resolver);
    return NULL;
}

static int copy_names(struct fs_resolver *resolver, const struct fs_topology *topology,
                      unsigned *named_count)
{
    *named_count = 0;
    for (unsigned i = 0; i < topology->node_count; i++) {
        const struct fs_node *node = &topology->nodes[i];
        struct name *name = &resolver->names[resolver->count++];

        if (!node->host || fs_lookup_is_numeric(node->host))
            continue;
        name->addresses = node->at;
        name->host = strdup(node->host);
        if (!name->host)
            return -ENOMEM;
        (*named_count)++;
    }
    return 0;
}

int fs_resolver_create(const struct fs_resolver_options *options, struct fs_resolver **resolver)
{
    struct fs_resolver *new = calloc(1, sizeof(*new));
    pthread_condattr_t attributes;
    unsigned named_count;
    int rc;

    if (!new)
        return -ENOMEM;
    *resolver = NULL;
    new->lookup = options->lookup ? options->lookup : fs_lookup_system;
    new->lookup_data = options->lookup_data;
    new->log = options->log;
    atomic_store(&new->generation, 1);
    pthread_mutex_init(&new->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&new->moved, &attributes);
    pthread_condattr_destroy(&attributes);
    rc = copy_names(new, options->topology, &named_count);
    if (rc == 0 && named_count > 0)
        rc = -pthread_create(&new->thread, NULL, run, new);
    if (rc != 0 || named_count == 0)
        release(new);
    else
        *resolver = new;
    return rc;
}

void fs_resolver_destroy(struct fs_resolver *resolver)
{
    uint64_t until_us = fs_clock_now_us() + END_US;
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    bool has_ended;

    if (!resolver)
        return;
    pthread_mutex_lock(&resolver->mutex);
    resolver->is_stopping = true;
    pthread_cond_signal(&resolver->moved);
    while (!resolver->has_ended && fs_clock_now_us() < until_us)
        pthread_cond_timedwait(&resolver->moved, &resolver->mutex, &until);
    has_ended = resolver->has_ended;
    resolver->is_orphan = !has_ended;
    if (!has_ended)
        pthread_detach(resolver->thread); /* under the mutex: the thread frees itself after it */
    pthread_mutex_unlock(&resolver->mutex);
    if (!has_ended)
        return;
    pthread_join(resolver->thread, NULL);
    release(resolver);
}

void fs_resolver_ask(struct fs_resolver *resolver)
{
    if (atomic_exchange(&resolver->is_wanted, true))
        return;
    pthread_mutex_lock(&resolver->mutex);
    pthread_cond_signal(&resolver->moved);
    pthread_mutex_unlock(&resolver->mutex);
}

uint64_t fs_resolver_generation(const struct fs_resolver *resolver)
{
    return atomic_load(&resolver->generation);
}

uint64_t fs_resolver_looked_at_us(const struct fs_resolver *resolver, unsigned index)
{
    return atomic_load(&resolver->names[index].looked_at_us);
}

uint64_t fs_resolver_copy(struct fs_resolver *resolver, unsigned index,
                          struct fs_addresses *addresses)
{
    uint64_t generation;

    pthread_mutex_lock(&resolver->mutex);
    *addresses = resolver->names[index].addresses;
    generation = atomic_load(&resolver->generation);
    pthread_mutex_unlock(&resolver->mutex);
    return generation;
}
