/* A link of one loop to Redis, and calls that remember their answers. */
#ifndef FS_TESTS_UNIT_STORE_FIXTURE_H
#define FS_TESTS_UNIT_STORE_FIXTURE_H

#include <pthread.h>

#include "store/redis_store.h"
#include "support/redis_poll.h"
#include "support/redis_proxy.h"
#include "support/redis_server.h"

#define FS_ASKED_TEXT_SIZE 256

/* How long a test waits at most for what comes at once on a machine that has time. */
#define FS_LINK_PATIENCE_MS 20000

/* One call and what became of it. */
struct fs_asked {
    struct fs_call call;
    struct fs_link_fixture *link;
    unsigned answer_count; /* how often done() ran */
    bool in_command;       /* the function that took the call has not returned */
    bool was_early;        /* done() ran inside it */
    enum fs_reply_kind kind;
    int64_t integer;
    char text[FS_ASKED_TEXT_SIZE]; /* cut */
    size_t item_count;
    uint64_t order; /* which answer of the link this was, from 1 */
    uint64_t answered_at_us;
    void (*then)(struct fs_asked *asked); /* called by done(); NULL: nothing */
};

struct fs_link_fixture {
    struct fs_topology topology;
    struct fs_redis_poll loop;
    struct fs_metrics metrics;
    struct fs_log log;
    pthread_mutex_t log_mutex;
    char log_text[4096]; /* lines of the link, the newest at the end */
    struct fs_redis_store *redis;
    struct fs_store *store;
    struct fs_redis *server; /* of fs_link_open_found() */
    uint64_t answer_count;
    unsigned turn_count; /* of fs_link_await() */
};

/* Options that a test may change before fs_link_open(). */
struct fs_link_options {
    const char *urls[4];
    uint64_t command_timeout_us; /* 0: 10 s */
    uint64_t connect_timeout_us; /* 0: 10 s */
    uint64_t stall_timeout_us;   /* 0: 5 s */
    uint32_t in_flight_max;      /* 0: 1024 */
    uint64_t start_timeout_us;   /* 0: as redis.h */
    unsigned wait_replicas;
    fs_lookup *lookup; /* of fs_link_open_found(); NULL: the system's */
};

/* Opens, and turns until it is ready for at most wait_ms; false: it is not. */
bool fs_link_open(struct fs_link_fixture *link, const struct fs_link_options *options, int wait_ms);

/* The same by way of fs_redis_create(), which finds out what the addresses are.  The sentence of a
 * failure is the last line of log_text. */
bool fs_link_open_found(struct fs_link_fixture *link, const struct fs_link_options *options,
                        int wait_ms);
void fs_link_close(struct fs_link_fixture *link);

/* Brings a command of words parted by spaces; its first word but one is the key. */
void fs_link_command(struct fs_link_fixture *link, struct fs_asked *asked, const char *line,
                     uint64_t deadline_us);

/* Brings a script; words: KEYS then ARGV, parted by spaces. */
void fs_link_script(struct fs_link_fixture *link, struct fs_asked *asked,
                    const struct fs_script *script, size_t key_count, const char *words,
                    uint64_t deadline_us);

/* Turns until the call is answered; dies after 20 s. */
void fs_link_await(struct fs_link_fixture *link, const struct fs_asked *asked);

/* Turns for so long, and once at least. */
void fs_link_turn_for(struct fs_link_fixture *link, int ms);

/* Turns until holds(data) or FS_LINK_PATIENCE_MS are over; whether it holds. */
bool fs_link_turn_until(struct fs_link_fixture *link, bool (*holds)(const void *data),
                        const void *data);

/* Turns until text is in log_text, as above. */
bool fs_link_await_log(struct fs_link_fixture *link, const char *text);

/* Both in one. */
void fs_link_ask(struct fs_link_fixture *link, struct fs_asked *asked, const char *line);

#endif
