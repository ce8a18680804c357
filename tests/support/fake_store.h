/* A store that fails where a test wants it to: the nth call is not sent, lost before or after it
 * was executed, delayed, or answered out of order.
 *
 * It stands in front of another store (Redis nodes, in the tests of the strategies that need them),
 * or of a function of the test that plays the server. */
#ifndef FS_TESTS_SUPPORT_FAKE_STORE_H
#define FS_TESTS_SUPPORT_FAKE_STORE_H

#include "base/list.h"
#include "store/store.h"

enum fs_fault {
    FS_FAULT_NONE = 0,
    FS_FAULT_NOT_SENT, /* never executed; answered FS_REPLY_NOT_SENT */
    FS_FAULT_REFUSED,  /* never executed; answered FS_REPLY_REFUSED, as a store that is loading */
    FS_FAULT_LOST_BEFORE, /* never executed; answered FS_REPLY_LOST */
    FS_FAULT_LOST_AFTER,  /* executed; answered FS_REPLY_LOST */
    FS_FAULT_DELAYED,     /* executed; answered delay_ms later, or FS_REPLY_LOST at its deadline */
    FS_FAULT_REORDERED,   /* executed; answered after the next answer, at most delay_ms later */
    FS_FAULT_COUNT
};

/* What a test's server is asked. */
struct fs_fake_request {
    const struct fs_script *script; /* NULL: a command */
    size_t key_count;               /* of a script's argv */
    size_t argc;
    const struct fs_text *argv;
};

struct fs_fake_store {
    struct fs_store store; /* what the loop is given */

    /* constant after init */
    struct fs_store *inner; /* borrowed; NULL: serve */
    void (*serve)(void *data, const struct fs_fake_request *request, struct fs_reply *reply);
    void *data;

    /* what fails: calls number fault_first to fault_last, counted from 1 */
    _Atomic enum fs_fault fault; /* and its bounds: set by a test while loops read */
    _Atomic uint64_t fault_first;
    _Atomic uint64_t fault_last;
    _Atomic uint32_t delay_ms;

    /* changing [loop], and read by a test while something may still be under way */
    _Atomic uint64_t call_count;    /* taken so far */
    _Atomic uint64_t execute_count; /* handed to the server so far */

    /* changing [loop] */
    struct fs_link asked;   /* of the inner store */
    struct fs_link sent;    /* to be served by the next flush */
    struct fs_link ready;   /* answered by the next expire */
    struct fs_link delayed; /* answered when due */
    struct fs_link held;    /* answered after the next answer */
};

/* Either inner, borrowed, or serve.  reply of serve: its memory is borrowed until serve is called
 * again.  [main] */
void fs_fake_store_init(struct fs_fake_store *fake, struct fs_store *inner,
                        void (*serve)(void *data, const struct fs_fake_request *request,
                                      struct fs_reply *reply),
                        void *data);

/* Nothing may be on its way. */
void fs_fake_store_dispose(struct fs_fake_store *fake);

/* Calls number first to last fail as fault from now on.  [loop] */
void fs_fake_store_inject(struct fs_fake_store *fake, enum fs_fault fault, uint64_t first,
                          uint64_t last, uint32_t delay_ms);

/* Torture: plays scenario with its first call failing, then with its second, and so on until a play
 * makes fewer calls.  scenario sets up a store that fails the nth call as fault, checks what it has
 * to check, and returns how many calls the store was asked.  Returns how many calls were failed;
 * run_max bounds it. */
uint64_t fs_torture_each_call(enum fs_fault fault, uint64_t run_max, void *data,
                              uint64_t (*scenario)(void *data, enum fs_fault fault, uint64_t nth));

#endif
