/* One loop's connection to one Redis server, and the commands that are under way on it.
 *
 *   DOWN --retry_at--> CONNECTING --connected--> HANDSHAKE --last reply--> READY
 *     ^                    |                         |                       |
 *     +------ failed ------+-- refused, too slow ----+-- lost, stalled ------+
 *
 * Invariants:
 *  1. Every command that hiredis holds has one request, which is in `waiting` (or in `again`) in the
 *     order in which Redis will answer, and stays taken until hiredis has called back for it: so a
 *     late reply meets its own request, and never that of another call.
 *  2. A request without a call has been answered; its reply is awaited only to keep the order.
 *  3. No call is answered, and nothing is freed, inside a function of hiredis or of a strategy: what
 *     is to be answered goes to `answers`, and the store delivers it from one place in the turn.
 *  4. A call is answered FS_REPLY_NOT_SENT only when its bytes can no longer leave: past its deadline
 *     a command that still lies in hiredis' buffer is FS_REPLY_LOST, since it will yet be sent. */
#ifndef FS_STORE_CONNECTION_H
#define FS_STORE_CONNECTION_H

#include <flashsale/strategy.h>

#include <hiredis/async.h>

#include "base/list.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "metrics/nodes.h"
#include "store/identity.h"
#include "store/poller.h"
#include "store/reply.h"
#include "store/script.h"
#include "store/topology.h"

#define FS_RUN_ID_LEN 40u /* hexadecimal digits that name one life of a redis-server */

/* Calls to be answered.  The anchors of one loop; delivered by the store. */
struct fs_answers {
    struct fs_link replied; /* requests, with reply and perhaps call */
    struct fs_link
        redirected; /* requests that a node of a cluster did not run, with reply and call */
    struct fs_link not_sent; /* calls, linked by their reserved words */
    struct fs_link lost;     /* calls, likewise */
};

/* Room in which the words of a command are gathered for hiredis. */
struct fs_word_list {
    const char **data; /* owned */
    size_t *lens;      /* owned */
    size_t capacity;
};

/* What the connections of one loop share.  Borrowed by them. */
struct fs_connection_settings {
    struct fs_poller *poller;   /* borrowed */
    struct fs_metrics *metrics; /* borrowed */
    struct fs_nodes *nodes;     /* borrowed; NULL: states are not noted */
    struct fs_log *log;         /* borrowed */
    struct fs_scripts *scripts; /* borrowed */
    struct fs_answers *answers; /* borrowed */
    struct fs_denial *denial;   /* borrowed; NULL: not noted */
    struct fs_word_list *words; /* borrowed */
    struct fs_data_identity *identity; /* borrowed; NULL: manifests are not compared */
    uint64_t command_timeout_us;
    uint64_t connect_timeout_us;
    uint64_t stall_timeout_us; /* a command that waits longer for its reply ends the connection */
    uint32_t in_flight_max;    /* 1 to FS_STORE_IN_FLIGHT_MAX, per connection */
    bool is_cluster;           /* a command may have to go to another node: its words are kept */
    unsigned wait_replicas;    /* 0: answers wait for none */
    uint32_t wait_timeout_ms;  /* how long for them */
};

/* One command under way. */
struct fs_request {
    struct fs_link
        link; /* in waiting, again, held, free, answers->replied, ->redirected or parked */
    struct fs_connection *connection;
    struct fs_call *call;         /* NULL: answered already */
    const struct fs_reply *reply; /* in answers: in the connection's memory */
    uint64_t asked_at_us;
    uint64_t queued_at_us; /* given to hiredis; later than asked_at_us when sent again */
    uint64_t deadline_us;
    uint64_t queued_at_write; /* the connection's write_count then */
    uint64_t queued_at_wait;  /* the connection's wait_asked then */

    struct fs_script_entry *script; /* NULL: a plain command */
    bool by_source;                 /* the script goes as EVAL, not EVALSHA */
    size_t key_count;
    size_t word_count;    /* KEYS and ARGV of the script; of a plain command all, 0: not kept */
    char *copy;           /* owned, kept: lengths, then bytes, of these words */
    size_t copy_capacity; /* bytes */

    /* of a cluster, redirect.c's */
    unsigned slot;
    bool is_asking;     /* ASKING goes before it */
    uint8_t hop_count;  /* redirections so far */
    uint8_t place;      /* parked: where it is to go; FS_PLACE_NONE: where the map says then */
    uint32_t place_age; /* the place's age then */
    uint64_t retry_at_us;
};

enum fs_connection_state {
    FS_CONNECTION_DOWN = 1,
    FS_CONNECTION_CONNECTING,
    FS_CONNECTION_HANDSHAKE,
    FS_CONNECTION_READY
};

/* Commands of the handshake, in their order; see handshake.c. */
enum fs_step_kind {
    FS_STEP_AUTH = 0,
    FS_STEP_SELECT,
    FS_STEP_ID,
    FS_STEP_INFO, /* the last of the first half */
    FS_STEP_KILL,
    FS_STEP_LOAD,
    FS_STEP_NAME,
    FS_STEP_MANIFEST, /* again each second while the connection is ready */
    FS_STEP_PING,     /* the last: refused while Redis loads its data */
    FS_STEP_COUNT
};

struct fs_step {
    struct fs_connection *connection;
    enum fs_step_kind kind;
};

/* Who Redis says that it and this connection are. */
struct fs_identity {
    int64_t client_id; /* 0: not known */
    char run_id[FS_RUN_ID_LEN + 1];
};

struct fs_connection {
    /* constant after init */
    const struct fs_connection_settings *settings;
    const struct fs_node *node;
    unsigned index;

    /* owned */
    struct fs_request *requests; /* settings->in_flight_max */
    struct fs_reply_reader reader;
    redisAsyncContext *context; /* hiredis', from connect until its clean-up; NULL: none */
    struct fs_watch watch;

    /* changing */
    enum fs_connection_state state;
    char address[FS_NODE_ADDRESS_SIZE]; /* of the last attempt to connect; "": a unix socket */
    struct fs_link waiting;             /* requests, in the order of their replies */
    struct fs_link again; /* requests whose script Redis did not know, to be sent by source */
    struct fs_link held;  /* requests with a reply that waits for replicas; see confirm.h */
    struct fs_link free;  /* requests given back, last used at the end */
    uint32_t requests_touched;
    uint32_t in_flight;    /* requests in waiting, again, held, answers and parked */
    uint64_t first_due_us; /* no call is due before it */
    uint64_t write_count;  /* attempts to write */
    uint64_t wait_asked;   /* times that the replicas were asked for */
    uint64_t wait_answered;
    int64_t replicas_confirmed; /* by the last WAIT; -1: it was refused */
    unsigned replicas_seen;     /* that followed the server at the last answer */
    bool is_unconfirmed;        /* commands were queued since replicas were asked for */
    bool is_dirty;              /* there is something to write at the end of the turn */
    bool is_blocked;            /* the socket took no more */
    bool is_writing;            /* inside redisAsyncHandleWrite() */
    bool is_readonly;           /* a command was refused since the server is a replica now */
    bool is_resting;            /* nobody needs it: it ends when idle, and is not made again */
    char problem[192];          /* not empty: to be dropped, and why */
    char reported[192];         /* the problem that was logged last, until it is over */
    bool is_unreported;         /* it went down and nobody has been told */
    struct fs_node_seat seat;   /* in the state of its server */
    uint32_t lost_count;        /* calls without an answer when it went down */
    uint64_t retry_at_us;       /* in DOWN */
    uint64_t connect_until_us;  /* in CONNECTING and HANDSHAKE */
    uint64_t ready_at_us;
    uint64_t down_at_us;
    uint32_t failure_count; /* connects that failed one after the other */
    uint32_t ready_count;   /* times that it became ready */
    uint64_t random;

    /* handshake.c's */
    struct fs_step steps[FS_STEP_COUNT];
    bool second_half_due;
    bool is_comparing;           /* the manifest was asked for and is not here yet */
    uint64_t compared_at_us;     /* when it was asked for last */
    enum fs_identity_state told; /* of the manifest, in the log */
    struct fs_identity identity; /* of this connection */
    struct fs_identity fence; /* of the last that was ready: to be killed before commands go out */
};

/* Connects with the first look_after().  settings and node: borrowed until dispose.
 * Returns 0 or -ENOMEM.  [loop] */
int fs_connection_init(struct fs_connection *connection,
                       const struct fs_connection_settings *settings, const struct fs_node *node,
                       unsigned index);

/* Calls under way go to the answers.  Requests in answers->replied must have been given back.
 * [loop] */
void fs_connection_dispose(struct fs_connection *connection);

/* One write, when there is anything to write and the socket takes it.  [loop] */
void fs_connection_flush(struct fs_connection *connection);

/* Whatever is due: scripts again by source, deadlines, a stalled or refused connection, the next
 * attempt to connect.  [loop] */
void fs_connection_look_after(struct fs_connection *connection, uint64_t now_us);

/* Monotonic microseconds; 0: at once; UINT64_MAX: never.  [loop] */
uint64_t fs_connection_next_due_us(const struct fs_connection *connection);

/* Ends the connection at the next look_after().  The first problem is the one that counts.  [loop] */
void fs_connection_fail(struct fs_connection *connection, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
