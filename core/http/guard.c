/* Who may connect: counts of all connections and of each address's.
 *
 * A connection costs memory before it has shown any right to it, so the counts are taken at accept,
 * under a mutex that no request ever touches. */
#include "http/guard.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct fs_guard_address {
    struct fs_guard_address *next;
    uint32_t connection_count;
    unsigned char bytes[16];
};

void fs_guard_init(struct fs_guard *guard)
{
    memset(guard, 0, sizeof(*guard));
    pthread_mutex_init(&guard->mutex, NULL);
    /* Without randomness the limits hold as well, only less fairly against someone who aims. */
    if (getrandom(&guard->seed, sizeof(guard->seed), GRND_NONBLOCK) != sizeof(guard->seed))
        guard->seed = UINT64_C(0x9e3779b97f4a7c15);
}

void fs_guard_dispose(struct fs_guard *guard)
{
    assert(guard->connection_count == 0 && guard->admin_connection_count == 0);
    for (size_t i = 0; i < FS_GUARD_BUCKETS; i++)
        assert(!guard->addresses[i]);
    pthread_mutex_destroy(&guard->mutex);
}

struct fs_guard_key fs_guard_key(const struct sockaddr_storage *peer)
{
    struct fs_guard_key key = {0};

    if (peer->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)peer;

        key.is_limited = true;
        key.bytes[10] = key.bytes[11] = 0xff; /* as IPv6 writes an IPv4 address */
        memcpy(key.bytes + 12, &in->sin_addr, 4);
    } else if (peer->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)peer;

        key.is_limited = true;
        memcpy(key.bytes, &in6->sin6_addr, IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ? 16 : 8);
    }
    return key;
}

static struct fs_guard_address **find(struct fs_guard *guard, const struct fs_guard_key *key)
{
    struct fs_guard_address **slot;
    uint64_t high, low, hash;

    memcpy(&high, key->bytes, 8);
    memcpy(&low, key->bytes + 8, 8);
    hash = (high ^ guard->seed) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ (hash >> 29) ^ low) * UINT64_C(0xbf58476d1ce4e5b9);
    slot = &guard->addresses[(hash >> 40) & (FS_GUARD_BUCKETS - 1)];
    while (*slot && memcmp((*slot)->bytes, key->bytes, sizeof(key->bytes)) != 0)
        slot = &(*slot)->next;
    return slot;
}

/* [mutex held] */
static bool admit_address(struct fs_guard *guard, const struct fs_guard_key *key, uint32_t max)
{
    struct fs_guard_address **slot = find(guard, key);

    if (!*slot) {
        *slot = calloc(1, sizeof(**slot));
        if (!*slot)
            return false;
        memcpy((*slot)->bytes, key->bytes, sizeof(key->bytes));
    }
    if (max > 0 && (*slot)->connection_count >= max)
        return false;
    (*slot)->connection_count++;
    return true;
}

bool fs_guard_admit(struct fs_guard *guard, const struct sockaddr_storage *peer, bool is_admin,
                    uint32_t connections_max, uint32_t per_address_max)
{
    struct fs_guard_key key = fs_guard_key(peer);
    uint32_t *count = is_admin ? &guard->admin_connection_count : &guard->connection_count;
    bool admitted;

    pthread_mutex_lock(&guard->mutex);
    admitted = *count < connections_max &&
               (is_admin || !key.is_limited || admit_address(guard, &key, per_address_max));
    if (admitted)
        ++*count;
    pthread_mutex_unlock(&guard->mutex);
    return admitted;
}

bool fs_guard_count_address(struct fs_guard *guard, const struct sockaddr_storage *peer,
                            uint32_t per_address_max)
{
    struct fs_guard_key key = fs_guard_key(peer);
    bool admitted;

    pthread_mutex_lock(&guard->mutex);
    admitted = !key.is_limited || admit_address(guard, &key, per_address_max);
    pthread_mutex_unlock(&guard->mutex);
    return admitted;
}

uint32_t fs_guard_admin_count(struct fs_guard *guard)
{
    uint32_t count;

    pthread_mutex_lock(&guard->mutex);
    count = guard->admin_connection_count;
    pthread_mutex_unlock(&guard->mutex);
    return count;
}

void fs_guard_leave(struct fs_guard *guard, const struct sockaddr_storage *peer, bool is_admin)
{
    struct fs_guard_key key = fs_guard_key(peer);
    uint32_t *count = is_admin ? &guard->admin_connection_count : &guard->connection_count;

    pthread_mutex_lock(&guard->mutex);
    assert(*count > 0);
    --*count;
    if (!is_admin && key.is_limited) {
        struct fs_guard_address **slot = find(guard, &key);
        struct fs_guard_address *address = *slot;

        assert(address && address->connection_count > 0);
        if (--address->connection_count == 0) {
            *slot = address->next;
            free(address);
        }
    }
    pthread_mutex_unlock(&guard->mutex);
}
