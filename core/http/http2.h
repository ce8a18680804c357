/* HTTP/2 on TLS: connections that chose it by ALPN, their guard, their drain and their end.
 *
 * Without http2: true none of this runs, and a connection has a pointer that stays NULL. */
#ifndef FS_HTTP_HTTP2_H
#define FS_HTTP_HTTP2_H

#include "http/frame_guard.h"
#include "http/http.h"
#include "http/problem.h"

/* The HTTP/2 side of one connection. */
struct fs_http2 {
    /* constant after open */
    struct fs_connection_guard *connection; /* borrowed: the owner */
    h2o_socket_cb on_read;                  /* h2o's: as long as it is the socket's, conn lives */
    struct fs_frame_guard frames;

    /* changing [loop] */
    uint32_t stream_last; /* the last that is served, as said to the client; UINT32_MAX: not said */
    uint64_t held;        /* bytes that its unfinished requests are charged (http2_memory.h) */
    uint64_t recount_at;  /* held, when they are counted again; 0: not counted yet */
    uint64_t said_at_us;  /* when it was last told of a shutdown; 0: not yet */
};

/* Shakes hands on a socket whose on_close.data is its struct fs_connection_guard, and hands it to the
 * protocol that was agreed on.  Closes it when memory is gone.  [loop] */
void fs_http2_accept(h2o_accept_ctx_t *accept, h2o_socket_t *socket);

/* Speaks HTTP/2 from the first byte, without TLS or after its handshake.  [loop] */
void fs_http2_open(h2o_accept_ctx_t *accept, h2o_socket_t *socket, struct timeval connected_at);

/* Frees what h2o keeps of HTTP/2 for the thread of this loop, whose connections are closed.  [loop] */
void fs_http2_free_buffers(struct fs_http *http);

/* What is wrong with a request as HTTP/2 frames it, and which problem that is; FS_PROBLEM_NONE: none.
 * reason: a sentence, or empty for the problem's own.  [loop] */
enum fs_problem fs_http2_judge(const struct fs_http2 *http2, h2o_req_t *req,
                               struct fs_text *reason);

/* Whether h2o has its connection yet, and reads.  A socket of TLS outlives it: it waits for the peer's
 * goodbye, with another reader or none.  [loop] */
bool fs_http2_is_open(const struct fs_http2 *http2);

/* True for a request without a path: its stream is reset once the handler has returned, which leaves the
 * request alone.  [loop] */
bool fs_http2_leave_malformed(struct fs_http2 *http2, h2o_req_t *req);

/* Nothing is read, worked on or written.  [loop] */
bool fs_http2_is_idle(const struct fs_http2 *http2);

/* A stream is sent or read so slowly that its connection has to go; counted from the first call that
 * sees the stream so.  [loop] */
bool fs_http2_is_overdue(const struct fs_http2 *http2, uint64_t now_us);

/* Tells the client which stream is the last that is served.  [loop] */
void fs_http2_leave(struct fs_http2 *http2);

/* Called again and again while the server stops: a notice, and FS_HTTP2_NOTICE_US later the last
 * stream that is served.  Returns whether that was said, and nothing else, for as long again: then an
 * idle connection may be ended.  [loop] */
bool fs_http2_drain(struct fs_http2 *http2, uint64_t now_us);

#endif
