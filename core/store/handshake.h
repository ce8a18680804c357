/* What is said on a connection before it carries commands. */
#ifndef FS_STORE_HANDSHAKE_H
#define FS_STORE_HANDSHAKE_H

#include "store/connection.h"

/* Queues the first half: log-in, database, who is who.  Ends in second_half_due, or in a failed
 * connection.  [loop] */
void fs_handshake_begin(struct fs_connection *connection);

/* Queues the second half: the fence, scripts, name.  Ends in FS_CONNECTION_READY.  [loop] */
void fs_handshake_finish(struct fs_connection *connection);

/* Asks a ready connection's server for its manifest again when a second has passed: data that is lost or
 * replaced under a living connection is seen, too.  [loop] */
void fs_handshake_compare(struct fs_connection *connection, uint64_t now_us);

#endif
