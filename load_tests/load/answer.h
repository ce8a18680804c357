/* What an HTTP answer says: its outcome, and the few members that the generator reads. */
#ifndef FS_BENCH_ANSWER_H
#define FS_BENCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/history.h"

#define FS_REPLY_BODY_SIZE 2048 /* bytes that are kept; a longer body is cut */

/* An answer as a connection has read it. */
struct fs_load_reply {
    uint16_t status;
    bool replayed; /* Idempotency-Replayed: true */
    uint32_t body_len;
    char body[FS_REPLY_BODY_SIZE];
};

/* The outcome, by status and the problem's type ("urn:flashsale:problem:sold_out"), else its code. */
enum fs_answer fs_answer_of(const struct fs_load_reply *reply);

/* The value of a member of the body's object.  A text is cut to size - 1 bytes.
 * false: there is none such. */
bool fs_load_reply_text(const struct fs_load_reply *reply, const char *name, char *text,
                        size_t size);
bool fs_load_reply_number(const struct fs_load_reply *reply, const char *name, int64_t *number);

#endif
