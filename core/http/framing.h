/* Refuses request heads that two parsers could read differently. */
#ifndef FS_HTTP_FRAMING_H
#define FS_HTTP_FRAMING_H

#include "base/text.h"

/* head: what the connection sent, from the first byte of the request; may go on behind its head.
 * Returns NULL when the head says in one way where its body ends and whom it is for, else a
 * sentence that names what is wrong.  *is_chunked: whether its body came in chunks.
 * Source: RFC 9112, sections 2.2, 3.2, 5 and 6.  [any] */
const char *fs_framing_problem(struct fs_text head, bool *is_chunked);

#endif
