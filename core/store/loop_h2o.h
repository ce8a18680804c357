/* Redis connections on an h2o loop: the only file of the store that knows h2o. */
#ifndef FS_STORE_LOOP_H2O_H
#define FS_STORE_LOOP_H2O_H

#include <h2o.h>

#include "store/poller.h"

/* Embed one in the loop's owner; poller is what connections are given. */
struct fs_loop_h2o {
    struct fs_poller poller;
    h2o_loop_t *loop; /* borrowed until every watch is closed */
};

void fs_loop_h2o_init(struct fs_loop_h2o *poller, h2o_loop_t *loop); /* [loop] */

#endif
