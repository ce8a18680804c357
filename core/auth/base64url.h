/* base64url without padding (RFC 4648, section 5; RFC 7515, section 2), canonical: unused bits are
 * zero, so that bytes have one spelling. */
#ifndef FS_AUTH_BASE64URL_H
#define FS_AUTH_BASE64URL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"

/* Characters that len bytes take. */
#define FS_BASE64URL_LEN(len) (((len)*4 + 2) / 3)

/* Not empty, of the alphabet only, and canonical.  [any] */
bool fs_base64url_is_canonical(struct fs_text text);

/* Returns the number of bytes written; -1 when text is not canonical or needs more than size.
 * [any] */
ssize_t fs_base64url_decode(struct fs_text text, unsigned char *bytes, size_t size);

/* [any] */
void fs_base64url_add(struct fs_buffer *buffer, const void *bytes, size_t len);

#endif
