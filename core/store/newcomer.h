/* Looks at a server that a sale depends on, or may come to depend on, while nothing can be refused: a
 * replica that may be promoted, or one that was. */
#ifndef FS_STORE_NEWCOMER_H
#define FS_STORE_NEWCOMER_H

#include "base/log.h"
#include "store/check.h"

/* Logs what a start would refuse it for, as a warning; blocks for about timeout_us.  is_replica: it may
 * be promoted.  Returns what it keeps of what it acknowledges; 0: it did not answer, which is logged as
 * well.  [any thread that may block] */
enum fs_durability fs_newcomer_check(const struct fs_node *node, bool is_replica,
                                     uint64_t timeout_us, struct fs_log *log);

#endif
