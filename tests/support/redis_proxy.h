/* A proxy between a link and Redis, on a thread of its own, that fails on request: at a known place
 * between asked and answered. */
#ifndef FS_TESTS_SUPPORT_REDIS_PROXY_H
#define FS_TESTS_SUPPORT_REDIS_PROXY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define FS_REDIS_PROXY_PAIRS 16

enum fs_proxy_fault {
    FS_PROXY_NONE = 0,
    FS_PROXY_CUT_BEFORE, /* the next bytes of a client are dropped, with the connection */
    FS_PROXY_CUT_AFTER,  /* the next bytes of a client reach Redis; its answer is dropped, with the
                            connection */
    FS_PROXY_CUT_INSIDE, /* as CUT_AFTER, but half of the answer reaches the client */
    FS_PROXY_HOLD,       /* bytes of the clients of now are kept back, also past their hanging up */
    FS_PROXY_DELAY       /* answers are kept back until fs_redis_proxy_release() */
};

struct fs_proxy_pair {
    int client_fd; /* -1: hung up */
    int server_fd; /* -1: none */
    bool is_holding;
    bool cut_at_answer;
    bool half_answer;
    char *held; /* owned: bytes kept back, for the server */
    size_t held_len;
    char *late; /* owned: answers kept back, for the client */
    size_t late_len;
};

struct fs_redis_proxy {
    char url[112];     /* "unix:..." of the proxy */
    char socket[96];   /* its place */
    char upstream[96]; /* the Redis server's socket */
    int listen_fd;
    int wake_fd;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;

    /* guarded by mutex */
    enum fs_proxy_fault fault; /* the one to come; back to NONE when it has struck */
    unsigned passing;          /* messages that pass before it does */
    struct fs_proxy_pair pairs[FS_REDIS_PROXY_PAIRS];
    bool is_stopping;
    unsigned accepted_count;
    unsigned struck_count;
    size_t held_len; /* bytes held now */
    bool is_releasing;
    size_t delivered_len; /* of the held bytes, taken by the server's socket at release */
};

/* dir: where its socket goes.  Ends the program when it cannot. */
void fs_redis_proxy_start(struct fs_redis_proxy *proxy, const char *dir, const char *upstream);
void fs_redis_proxy_stop(struct fs_redis_proxy *proxy);

void fs_redis_proxy_fault(struct fs_redis_proxy *proxy, enum fs_proxy_fault fault);

/* As fs_redis_proxy_fault(), for the next but passing of what clients send; of what they are answered,
 * where that is delayed.  Not FS_PROXY_HOLD. */
void fs_redis_proxy_fault_after(struct fs_redis_proxy *proxy, enum fs_proxy_fault fault,
                                unsigned passing);

/* Lets go of what was held or delayed, also of clients that hung up. */
void fs_redis_proxy_release(struct fs_redis_proxy *proxy);

/* Bytes held for Redis at this moment. */
size_t fs_redis_proxy_held(struct fs_redis_proxy *proxy);

#endif
