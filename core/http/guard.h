/* Limits on connections and the defences that h2o 2.2.5 lacks; see core/http/guard.c for each. */
#ifndef FS_HTTP_GUARD_H
#define FS_HTTP_GUARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <h2o.h>

#include "base/list.h"

struct fs_http;
struct fs_http2;
struct fs_guard_address;

#define FS_GUARD_BUCKETS 1024u /* a power of two */

/* Counts of one server, shared by its loops; touched at accept and close only. */
struct fs_guard {
    pthread_mutex_t mutex;
    uint64_t seed;             /* constant: of the hash, so that nobody can aim at one bucket */
    uint32_t connection_count; /* guarded by mutex; main listener */
    uint32_t admin_connection_count;                      /* guarded by mutex */
    struct fs_guard_address *addresses[FS_GUARD_BUCKETS]; /* owned; guarded by mutex */
};

/* One open connection of a loop. */
struct fs_connection_guard {
    struct fs_link link; /* in struct fs_http's connections */
    struct fs_http *http;
    h2o_socket_t *socket;            /* h2o's: borrowed until on_close */
    struct sockaddr_storage peer;    /* the client of a PROXY header, where there is one */
    struct sockaddr_storage counted; /* as the guard counts it; AF_UNSPEC: of no address */
    bool is_from_proxy;              /* peer is a trusted proxy: forwarding headers are believed */
    bool is_admin;
    bool is_ended;           /* shut down: only h2o's closing is awaited */
    uint32_t request_count;  /* seen so far */
    uint32_t exchange_count; /* not yet answered: 0 means idle */
    uint64_t accepted_at_us;
    uint64_t answered_at_us;     /* the last answer; 0: none yet */
    uint64_t writing_since_us;   /* seen unsent at a sweep; 0: not */
    uint64_t receiving_since_us; /* seen half received at a sweep; 0: not */
    void *lingering;             /* error_filter.c's: an answer whose end is held back; else NULL */
    uint32_t writing_for_request; /* request_count then: another number means that it went on */
    uint32_t receiving_after;     /* the same of receiving; on HTTP/2 the count of frames */
    uint64_t unsent;              /* bytes that the kernel had unsent at the last sweep */
    uint32_t unsent_checked;      /* request_count at that sweep */
    bool is_unread;               /* and at the sweep before */
    struct fs_http2 *http2;       /* owned; NULL: HTTP/1, or not agreed on yet */
};

/* A peer's address as the limit counts it: IPv4 whole, IPv6 by its /64, all of a unix socket's peers
 * as one that is never limited. */
struct fs_guard_key {
    bool is_limited;
    unsigned char bytes[16];
};

void fs_guard_init(struct fs_guard *guard);    /* [main] */
void fs_guard_dispose(struct fs_guard *guard); /* no connection is counted.  [main] */

struct fs_guard_key fs_guard_key(const struct sockaddr_storage *peer);

/* Counts a connection in; false when it is one too many, or memory is gone.  connections_max: of this
 * kind; per_address_max: of the main listeners alone, 0: no limit.  [any] */
bool fs_guard_admit(struct fs_guard *guard, const struct sockaddr_storage *peer, bool is_admin,
                    uint32_t connections_max, uint32_t per_address_max);

/* Counts a connection that was admitted without an address among those of peer.  [any] */
bool fs_guard_count_address(struct fs_guard *guard, const struct sockaddr_storage *peer,
                            uint32_t per_address_max);

uint32_t fs_guard_admin_count(struct fs_guard *guard); /* open connections of operators.  [any] */
void fs_guard_leave(struct fs_guard *guard, const struct sockaddr_storage *peer, bool is_admin);

#endif
