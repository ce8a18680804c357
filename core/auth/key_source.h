/* Keeps a JSON Web Key Set up to date, on a thread of its own: from a file that is watched, or from a
 * URL that is fetched.  A set that cannot be read changes nothing: the keys of before stay. */
#ifndef FS_AUTH_KEY_SOURCE_H
#define FS_AUTH_KEY_SOURCE_H

#include "auth/auth.h"
#include "auth/key_set.h"

struct fs_key_source;

struct fs_key_source_options {
    const char *file;    /* borrowed for create; "": none */
    const char *url;     /* borrowed for create; one of both is given */
    unsigned algorithms; /* of the keys wanted */
    struct fs_log *log;  /* borrowed */
    /* Called by the thread with a set that differs from the last; it may hold it. */
    void (*on_change)(void *data, struct fs_key_set *set);
    void *data; /* borrowed */
};

/* Reads the first set before it returns, within FS_JWKS_FETCH_TIMEOUT_MS, and starts the thread; *set:
 * held for the caller.  Returns 0; -EINVAL, -ENOENT, -EACCES, -EIO, -EAGAIN, -ENOMEM with a sentence in
 * error.  [main] */
int fs_key_source_create(const struct fs_key_source_options *options, struct fs_key_source **source,
                         struct fs_key_set **set, char error[FS_AUTH_ERROR_SIZE]);

/* Waits until the thread has ended; requests that still wait for keys get -ECANCELED first.  NULL is
 * fine.  [main] */
void fs_key_source_destroy(struct fs_key_source *source);

/* Asks for a set that is read after this call, at most one in FS_JWKS_SPAN_MIN_US, and then posts
 * wait->letter to wait->mailbox.  wait stays in place until then.
 * Returns 0, or -ENOBUFS when FS_JWKS_WAITS_MAX wait already.  [any] */
int fs_key_source_wait(struct fs_key_source *source, struct fs_key_wait *wait);

/* Tells all that wait -ECANCELED.  [any] */
void fs_key_source_give_up(struct fs_key_source *source);

/* How often a set was read or fetched without success, and the age of the set in use.  [any] */
struct fs_key_source_figures fs_key_source_figures(const struct fs_key_source *source);

#endif
