/* How other threads hand work to an event loop: an eventfd and a list under a short lock.
 *
 * The loop's owner watches fd for reading, then calls fs_mailbox_take(). */
#ifndef FS_BASE_MAILBOX_H
#define FS_BASE_MAILBOX_H

#include <pthread.h>

#include "base/list.h"

struct fs_mailbox {
    int fd; /* owned: an eventfd, non-blocking, close-on-exec */
    pthread_mutex_t mutex;
    struct fs_link letters; /* guarded by mutex */
};

/* Returns 0, or -EMFILE, -ENFILE, -ENOMEM.  [main] */
int fs_mailbox_init(struct fs_mailbox *mailbox);
void fs_mailbox_dispose(struct fs_mailbox *mailbox); /* must be empty */

/* Puts a letter in, and wakes the loop if the box was empty.  The letter is in no list and stays in
 * place until it is taken.  [any] */
void fs_mailbox_post(struct fs_mailbox *mailbox, struct fs_link *letter);

/* Moves all letters, oldest first, to the end of anchor and clears fd.  [loop] */
void fs_mailbox_take(struct fs_mailbox *mailbox, struct fs_link *anchor);

#endif
