/* Commands on one connection: sent, answered, sent again by source, given up at their deadline. */
#ifndef FS_STORE_REQUEST_H
#define FS_STORE_REQUEST_H

#include "store/connection.h"

/* What a strategy wants sent.  All borrowed for the call. */
struct fs_command {
    struct fs_call *call;
    uint64_t deadline_us;           /* 0: the settings' command timeout from now on */
    struct fs_script_entry *script; /* NULL: argv is the whole command */
    size_t key_count;
    size_t argc;
    const struct fs_text *argv;
    unsigned slot; /* of a cluster */
};

/* Queues a command; it leaves with the connection's next flush.  Returns 0, and then the call is
 * answered through the settings' answers; or, with nothing done: -ENOTCONN while not ready, -ENOBUFS
 * when in_flight_max are under way or the socket takes nothing, -ETIME past the deadline, -E2BIG,
 * -EINVAL for a command that changes the connection itself (SUBSCRIBE, MULTI, ...), -ENOMEM.  [loop] */
int fs_connection_send(struct fs_connection *connection, const struct fs_command *command);

/* Sends on another connection, for the same call, what a node of a cluster did not run; is_asking:
 * with ASKING before it.  Returns 0, and then request was given back; or, with nothing done, -ENOTCONN,
 * -ENOBUFS, -ETIME or -ENOMEM as above.  [loop] */
int fs_request_forward(struct fs_request *request, struct fs_connection *to, bool is_asking);

/* Queues again, by source, what was sent by a digest that Redis did not know.  [loop] */
void fs_requests_send_again(struct fs_connection *connection, uint64_t now_us);

/* Answers FS_REPLY_LOST to calls past their deadline; their requests stay.  [loop] */
void fs_requests_expire(struct fs_connection *connection, uint64_t now_us);

/* Ends without a reply what was to be sent again.  [loop] */
void fs_requests_drop_again(struct fs_connection *connection);

/* Gives back a request of answers->replied, after its call was answered.  [loop] */
void fs_request_give(struct fs_request *request);

/* A call waits for its answer in a list by its own reserved words. */
void fs_call_append(struct fs_link *anchor, struct fs_call *call);
struct fs_call *fs_call_shift(struct fs_link *anchor); /* NULL: none */

void fs_word_list_dispose(struct fs_word_list *words);

#endif
