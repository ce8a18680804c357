/* A blocking conversation with one Redis server, for start-up only. */
#ifndef FS_STORE_SESSION_H
#define FS_STORE_SESSION_H

#include <hiredis/hiredis.h>

#include "store/topology.h"

/* Connects, logs in, selects the database.  timeout_us: of the connect and of each answer.  Returns
 * 0, -EACCES when the log-in is refused, -EAGAIN when the server is not ready yet (loading, or not
 * listening), -EIO otherwise; each with a sentence.  [main] */
int fs_session_open(const struct fs_node *node, uint64_t timeout_us, redisContext **session,
                    struct fs_error *error);
void fs_session_close(redisContext *session); /* NULL: nothing */

/* The answer to one command of words up to a NULL, to be freed with freeReplyObject(); NULL: none
 * came, and the session is of no more use.  [main] */
redisReply *fs_session_ask(redisContext *session, const char *word, ...)
    __attribute__((sentinel(0)));

#endif
