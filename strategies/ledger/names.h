/* The names of all sales, as the set of them has them: sorted. */
#ifndef FS_LEDGER_NAMES_H
#define FS_LEDGER_NAMES_H

#include "ledger.h"

struct fs_ledger_names {
    size_t count;
    char *chars; /* owned */
    struct fs_text list[];
};

/* Asks for them.  [loop] */
void fs_ledger_names_ask(struct fs_ledger_worker *worker, struct fs_call *call);

/* Puts a name among them, before its sale is made; see name.lua for the answer.  [loop] */
void fs_ledger_names_add(struct fs_ledger_worker *worker, struct fs_call *call, struct fs_text name,
                         uint64_t deadline_us);

/* The names of the reply and those that this process knows, each once.  NULL: no memory, or more than
 * max in the reply; destroyed by the caller.  What is no name of ours is left out. */
struct fs_ledger_names *fs_ledger_names_read(struct fs_ledger *ledger, const struct fs_reply *reply,
                                             size_t max);
void fs_ledger_names_destroy(struct fs_ledger_names *names);

/* Which of them it is; names->count: none. */
size_t fs_ledger_names_find(const struct fs_ledger_names *names, struct fs_text name);

#endif
