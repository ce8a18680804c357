/* A shop for tests of the generator: speaks HTTP/1.1 as the server does, and misbehaves as it is told.
 *
 * It runs on a thread of its own on a free port of 127.0.0.1, keeps every request that it was sent, and
 * sells without end unless its script says otherwise. */
#ifndef FS_TESTS_FAKE_SHOP_H
#define FS_TESTS_FAKE_SHOP_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct event;
struct evconnlistener;

struct fs_fake_request {
    char method[8];
    char path[80];
    char token[48]; /* of the Authorization header, without "Bearer " */
    char key[64];   /* Idempotency-Key */
    char body[160];
    unsigned connection; /* from 1, in the order in which they came */
    unsigned asked;      /* how often this key was sent before */
};

enum fs_fake_action {
    FS_FAKE_ANSWER = 0,
    FS_FAKE_CLOSE,   /* with Connection: close */
    FS_FAKE_END,     /* with no length: the body ends with the connection */
    FS_FAKE_CHUNKED, /* in two chunks */
    FS_FAKE_HALF,    /* half of the answer, then the end */
    FS_FAKE_RESET,   /* a reset in place of an answer */
    FS_FAKE_SILENT,
    FS_FAKE_GARBAGE, /* what is no HTTP */
};

struct fs_fake_answer {
    enum fs_fake_action action;
    int status;
    char body[512];
    bool replayed;
    unsigned delay_ms; /* of this answer; others go on */
};

struct fs_fake_shop {
    /* Fills what differs from the usual answer, on the shop's thread; NULL: nothing does. */
    void (*script)(struct fs_fake_shop *shop, const struct fs_fake_request *request,
                   struct fs_fake_answer *answer);
    void *data;
    unsigned token_life_s; /* that log-ins tell; 0: an hour */
    uint16_t port;
    /* To be read after fs_fake_shop_stop() */
    struct fs_fake_request *requests; /* owned */
    size_t count;
    unsigned connections;
    unsigned connections_open, connections_open_max;
    /* private */
    size_t capacity;
    pthread_t thread;
    struct event_base *base;
    struct evconnlistener *listener;
    int stop_pipe[2];
    struct event *stop_event;
    sem_t is_ready;
};

/* Ends the program when it cannot be started. */
void fs_fake_shop_start(struct fs_fake_shop *shop);
void fs_fake_shop_stop(struct fs_fake_shop *shop);
void fs_fake_shop_dispose(struct fs_fake_shop *shop);

/* How many requests had this method and a path that begins so. */
size_t fs_fake_shop_count(const struct fs_fake_shop *shop, const char *method, const char *path);

#endif
