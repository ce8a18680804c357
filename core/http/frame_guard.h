/* Reads the frames of an HTTP/2 connection before h2o does, and keeps from it what it cannot bear.
 * See core/http/frame_guard.c for each. */
#ifndef FS_HTTP_FRAME_GUARD_H
#define FS_HTTP_FRAME_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct st_h2o_http2_conn_t;

/* So many at once, and as many more as time gives back. */
struct fs_budget {
    uint32_t left;
    uint64_t counted_from_us; /* what time has given back until here is in left; 0: untouched */
};

struct fs_frame_guard {
    /* constant after open */
    struct st_h2o_http2_conn_t *conn; /* h2o's */

    /* changing [loop] */
    ssize_t (*next)(struct st_h2o_http2_conn_t *conn, const uint8_t *data, size_t len,
                    const char **reason); /* h2o's own reader of what comes next */
    struct fs_budget resets;              /* of streams that h2o had begun to work on */
    struct fs_budget idle_frames;         /* that ask for nothing */
    uint32_t frame_count;                 /* read so far; wraps */
    uint32_t block_len;                   /* bytes of the header block under way */
    uint32_t cut_stream;       /* whose body was too large: the rest is dropped; 0: none */
    uint32_t malformed_stream; /* whose request is to be reset; 0: none */
    bool has_preface;
    bool has_settings; /* the client's first frame has come */
    bool is_in_block;  /* a header block goes on in the next frame */
    bool has_trailers; /* the header block under way follows a body */
    bool is_refusing;  /* the connection ends with the next frame, whatever it is */
    int error;         /* of HTTP/2, as h2o writes it: below 0; set with is_refusing */
    const char *reason;
};

/* Takes the place of h2o's reader.  guard: zero, longer than conn; found again through the
 * connection guard of conn's socket.  [loop] */
void fs_frame_guard_open(struct fs_frame_guard *guard, struct st_h2o_http2_conn_t *conn);

#endif
