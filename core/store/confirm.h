/* Answers that wait for replicas: what a connection has been told is kept back until enough replicas
 * have what the primary had by then. */
#ifndef FS_STORE_CONFIRM_H
#define FS_STORE_CONFIRM_H

#include "store/connection.h"

/* Before a write: asks for the replicas behind what was queued since it was asked last.  False: an
 * answer is awaited, and what is queued gathers until it has come.  [loop] */
bool fs_confirm_before_write(struct fs_connection *connection);

/* Whether a reply is to be kept back: replicas are wanted, and the command may have run.  [loop] */
bool fs_confirm_is_wanted(const struct fs_connection *connection, const struct fs_reply *reply);

/* Keeps back a request that has its reply.  [loop] */
void fs_confirm_hold(struct fs_request *request);

/* The connection has ended: what is kept back is FS_REPLY_LOST, since it ran and the replicas may not
 * have it.  [loop] */
void fs_confirm_drop(struct fs_connection *connection);

#endif
