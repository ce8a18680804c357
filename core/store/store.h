/* What a loop may ask of a store, whichever it is: Redis nodes, or a fake in tests. */
#ifndef FS_STORE_STORE_H
#define FS_STORE_STORE_H

#include <flashsale/strategy.h>

struct fs_store;

/* One implementation of a store; a struct fs_store begins with a pointer to it. */
struct fs_store_type {
    /* As struct fs_host's members of the same names; deadline_us 0: the store's own.  [loop] */
    unsigned (*node_count)(const struct fs_store *store);
    void (*command)(struct fs_store *store, struct fs_call *call, struct fs_text key,
                    uint64_t deadline_us, size_t argc, const struct fs_text *argv);
    void (*script)(struct fs_store *store, struct fs_call *call, const struct fs_script *script,
                   uint64_t deadline_us, size_t key_count, size_t argc, const struct fs_text *argv);

    /* Sends what this turn has gathered: one write a connection.  [loop] */
    void (*flush)(struct fs_store *store);

    /* When flush() or expire() has something to do next, monotonic microseconds; 0: at once;
     * UINT64_MAX: never.  expire() is the one place where calls are answered: those that have their
     * reply, those that cannot be sent, and those past their deadline.  [loop] */
    uint64_t (*next_due_us)(const struct fs_store *store);
    void (*expire)(struct fs_store *store, uint64_t now_us);
};

/* One loop's link to the store. */
struct fs_store {
    const struct fs_store_type *type;
    uint64_t answer_count; /* calls answered so far: tells the loop that the strategy was reached */
};

/* Ends a call.  Every implementation answers through here, later than the function that took the
 * call.  reply: borrowed for the length of done().  [loop] */
void fs_store_answer(struct fs_store *store, struct fs_call *call, const struct fs_reply *reply);

#endif
