/* Replies as strategies see them, built by hiredis' reader straight into memory that is used again:
 * no malloc per reply once warm. */
#ifndef FS_STORE_REPLY_H
#define FS_STORE_REPLY_H

#include <flashsale/strategy.h>

#include <hiredis/hiredis.h>

struct fs_reply_chunk;

struct fs_reply_arena {
    struct fs_reply_chunk *first; /* owned: a chain, of which `last` and before are in use */
    struct fs_reply_chunk *last;
    size_t len; /* bytes in use */
};

/* What one connection reads into.  Replies that are complete stay valid until recycle(). */
struct fs_reply_reader {
    /* constant after init */
    redisReplyObjectFunctions functions;

    /* changing */
    struct fs_reply_arena arenas[2];
    unsigned next;       /* the arena for the next reply */
    unsigned building;   /* the arena of the reply that is half read */
    bool is_building;    /* a reply is half read */
    uint32_t awaited;    /* replies that were asked for and have not come */
    const char *problem; /* why the last reply was not taken; NULL: it was */
};

/* Owns nothing yet.  [loop] */
void fs_reply_reader_init(struct fs_reply_reader *reader);
void fs_reply_reader_dispose(struct fs_reply_reader *reader); /* [loop] */

/* Makes a context's reader, fresh from its connect, build for `reader`.  [loop] */
void fs_reply_reader_attach(struct fs_reply_reader *reader, redisReader *hiredis);

/* The reply that hiredis handed to a callback as `object`.  Counts it as come.  [loop] */
const struct fs_reply *fs_reply_reader_take(struct fs_reply_reader *reader, void *object);

/* The context has ended: whatever was half read or awaited will not come.  [loop] */
void fs_reply_reader_detach(struct fs_reply_reader *reader);

/* Forgets every complete reply.  [loop] */
void fs_reply_reader_recycle(struct fs_reply_reader *reader);

/* FS_REPLY_REFUSED for an error that says the command did not run, else FS_REPLY_ERROR. */
enum fs_reply_kind fs_reply_error_kind(struct fs_text error);

/* The error says that the user may not do it, and nothing was changed. */
bool fs_reply_is_denial(const struct fs_reply *reply);

/* The error says that the script is not known to the store. */
bool fs_reply_is_noscript(const struct fs_reply *reply);

#endif
