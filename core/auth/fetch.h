/* Fetches one document over HTTP, for a thread that may wait. */
#ifndef FS_AUTH_FETCH_H
#define FS_AUTH_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* GET within FS_JWKS_FETCH_TIMEOUT_MS, at most FS_JWKS_LEN_MAX bytes, status 200, no redirects; the
 * certificate of https is verified.  is_stopping: looked at each second.  *body: NUL-terminated,
 * malloc'd, given.  Returns 0; -EAGAIN (no answer, or another status), -EINVAL (too long), -ENOMEM
 * with a sentence in error, of FS_AUTH_ERROR_SIZE bytes. */
int fs_fetch(const char *url, const _Atomic bool *is_stopping, char **body, size_t *len,
             char *error);

#endif
