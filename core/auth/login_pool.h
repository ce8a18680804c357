/* A few threads that check passwords, so that no event loop ever does: bounded threads, bounded queue.
 *
 * The queue is fair: a log-in waits for one of each other address and account, not for all that an
 * address or account has brought before it, and a full queue drops the last of whoever has most. */
#ifndef FS_AUTH_LOGIN_POOL_H
#define FS_AUTH_LOGIN_POOL_H

#include <crypt.h>

#include "auth/auth.h"

struct fs_login_pool;

struct fs_login_pool_options {
    unsigned thread_count; /* 1 to FS_LOGIN_THREADS_MAX */
    unsigned queue_max;    /* log-ins that wait; those being decided are not counted */
    /* Fills the login's answer.  scratch: this thread's own.  [pool thread] */
    void (*decide)(void *data, struct fs_login *login, struct crypt_data *scratch);
    void *data; /* borrowed */
};

/* The threads block all signals.  Returns 0, -ENOMEM or -EAGAIN (no more threads).  [main] */
int fs_login_pool_create(const struct fs_login_pool_options *options, struct fs_login_pool **pool);
void fs_login_pool_destroy(struct fs_login_pool *pool); /* nothing waits in it.  [main] */

/* Answers all that wait with FS_LOGIN_LIMITED; what is being decided goes on.  [any] */
void fs_login_pool_give_up(struct fs_login_pool *pool);

/* Decides the login on a thread, then posts login->link to login->mailbox.
 * Where queue_max log-ins wait, the one whose turn is last is answered with FS_LOGIN_LIMITED: it returns
 * -ENOBUFS when that is this one, else 0.  [any] */
int fs_login_pool_put(struct fs_login_pool *pool, struct fs_login *login);

#endif
