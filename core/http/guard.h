/* Limits on connections and the defences that h2o 2.2.5 lacks; see core/http/guard.c for each. */
#ifndef FS_HTTP_GUARD_H
#define FS_HTTP_GUARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <h2o.h>

#include "base/list.h"

/* Counts of one server, shared by its loops; touched at accept and close only. */
struct fs_guard {
    pthread_mutex_t mutex;
    uint32_t connection_count;            /* guarded by mutex; main listener */
    struct fs_guard_addresses *addresses; /* owned; guarded by mutex: open connections an address */
};

/* One open connection of a loop. */
struct fs_connection_guard {
    struct fs_link link; /* in struct fs_http's connections */
    struct fs_http *http;
    h2o_socket_t *socket; /* h2o's: borrowed until on_close */
    struct sockaddr_storage peer;
    bool is_admin;
    uint32_t request_count;  /* seen so far */
    uint32_t exchange_count; /* not yet answered: 0 means idle */
    uint64_t accepted_at_us;
};

#endif
