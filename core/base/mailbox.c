/* Letters from any thread to one loop.
 *
 * fd is readable exactly while letters wait: it is written and read under the mutex, written when
 * the first letter comes and read when all are taken.  So many letters cost one wake, and none is
 * missed. */
#include "base/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int fs_mailbox_init(struct fs_mailbox *mailbox)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int error;

    if (fd < 0)
        return errno == EMFILE || errno == ENFILE ? -errno : -ENOMEM;
    error = pthread_mutex_init(&mailbox->mutex, NULL);
    if (error != 0) {
        close(fd);
        return -ENOMEM;
    }
    mailbox->fd = fd;
    fs_link_init(&mailbox->letters);
    return 0;
}

void fs_mailbox_dispose(struct fs_mailbox *mailbox)
{
    assert(fs_link_is_alone(&mailbox->letters));
    pthread_mutex_destroy(&mailbox->mutex);
    close(mailbox->fd);
    mailbox->fd = -1;
}

void fs_mailbox_post(struct fs_mailbox *mailbox, struct fs_link *letter)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&mailbox->mutex);
    if (fs_link_is_alone(&mailbox->letters)) {
        ssize_t written = write(mailbox->fd, &one, sizeof(one));

        assert(written == (ssize_t)sizeof(one)); /* the count is 0, so there is room */
    }
    fs_link_append(&mailbox->letters, letter);
    pthread_mutex_unlock(&mailbox->mutex);
}

void fs_mailbox_take(struct fs_mailbox *mailbox, struct fs_link *anchor)
{
    uint64_t count;

    pthread_mutex_lock(&mailbox->mutex);
    if (!fs_link_is_alone(&mailbox->letters)) {
        ssize_t got = read(mailbox->fd, &count, sizeof(count));

        assert(got == (ssize_t)sizeof(count) && count == 1);
        fs_link_splice(anchor, &mailbox->letters);
    }
    pthread_mutex_unlock(&mailbox->mutex);
}
