/* What unfinished requests of HTTP/2 hold in memory, counted for each connection and for the server. */
#ifndef FS_HTTP_HTTP2_MEMORY_H
#define FS_HTTP_HTTP2_MEMORY_H

#include "http/http2.h"

/* A block of headers is about to become a request.  Returns 0, or -ENOBUFS when the server holds more
 * than it may and this connection has more than a small part of it.  [loop] */
int fs_http2_hold(struct fs_http2 *http2, size_t field_count, size_t block_len);

/* Counts what the connection's streams really hold now: those that ended hold nothing.  [loop] */
void fs_http2_recount(struct fs_http2 *http2);

/* The connection is closed.  [loop] */
void fs_http2_release(struct fs_http2 *http2);

/* Gives freed memory back to the system after requests held much of it.  [any] */
void fs_http2_trim(struct fs_http_server *server);

#endif
