/* What a connection needs of an event loop: five lines that h2o's loop (loop_h2o.h) and a test's
 * poll(2) fill in alike. */
#ifndef FS_STORE_POLLER_H
#define FS_STORE_POLLER_H

#include <stdbool.h>

/* One watched descriptor.  Embed it; it stays in place from open() to close(). */
struct fs_watch {
    int fd; /* given to the poller by open(); -1: none */
    void (*on_readable)(struct fs_watch *watch);
    void (*on_writable)(struct fs_watch *watch);

    /* the poller's */
    void *handle;
    bool read_wanted;
    bool write_wanted;
};

/* Borrowed by every connection of a loop, and outlives them.  [loop] */
struct fs_poller {
    /* Watches for nothing yet.  Returns 0 or -ENOMEM, and then has not taken the descriptor. */
    int (*open)(struct fs_poller *poller, struct fs_watch *watch);

    /* Also inside on_readable() and on_writable(), after which neither is called again.  Closes the
     * descriptor. */
    void (*close)(struct fs_poller *poller, struct fs_watch *watch);

    /* Level-triggered: called again in each turn for as long as it holds and is wanted. */
    void (*set)(struct fs_poller *poller, struct fs_watch *watch, bool read_wanted,
                bool write_wanted);
};

#endif
