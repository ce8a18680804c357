/* A server that speaks RESP and answers what a test tells it to, on a thread and a port of its own. */
#ifndef FS_TESTS_SUPPORT_FAKE_REDIS_H
#define FS_TESTS_SUPPORT_FAKE_REDIS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FS_FAKE_REDIS_WORDS 16u
#define FS_FAKE_REDIS_CLIENTS 16u
#define FS_FAKE_REDIS_ANSWER_SIZE 1024u

struct fs_fake_redis;

struct fs_fake_redis {
    int port;
    char url[64];
    /* Given each command that fake_redis.c does not answer by itself; writes the answer as it goes over
     * the wire.  On the fake's thread, one at a time.  words: NUL-terminated. */
    void (*answer)(struct fs_fake_redis *fake, size_t count, char **words,
                   char answer[FS_FAKE_REDIS_ANSWER_SIZE]);
    void *data;                 /* the test's */
    atomic_uint asked_count;    /* commands that answer() was given */
    atomic_uint accepted_count; /* connections */
    atomic_bool is_replica;     /* what INFO says */
    bool is_alone;              /* set before: INFO says that it is no node of a cluster */
    uint8_t loopback;           /* set before: it listens on 127.0.0.<loopback>; 0: 127.0.0.1 */
    int wanted_port;            /* set before: its port; 0: a free one */

    int listen_fd;
    int wake_fd;
    pthread_t thread;
    struct {
        int fd; /* -1: free */
        size_t len;
        char bytes[65536];
    } clients[FS_FAKE_REDIS_CLIENTS];
};

/* answer and data are set before.  Ends the program when it cannot. */
void fs_fake_redis_start(struct fs_fake_redis *fake);
void fs_fake_redis_stop(struct fs_fake_redis *fake);

#endif
