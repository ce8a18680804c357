/* Which products there are, as this loop last heard: an order id holds only a tag of its product,
 * and the strategy wants the product. */
#ifndef FS_HTTP_CATALOGUE_H
#define FS_HTTP_CATALOGUE_H

#include "base/list.h"
#include "base/text.h"

struct fs_http;
struct fs_catalogue;

/* Someone who waits for the list to be read anew.  heard() runs once, unless the waiter left. */
struct fs_catalogue_waiter {
    struct fs_link link;
    void (*heard)(struct fs_catalogue_waiter *waiter, const struct fs_outcome *outcome);
};

int fs_catalogue_create(struct fs_http *http, struct fs_catalogue **catalogue); /* 0, -ENOMEM */
void fs_catalogue_destroy(struct fs_catalogue *catalogue); /* nothing is in flight.  [main] */

/* The products whose orders may have this id, from number *next on; *next is moved behind the one
 * found.  No data when there are no more.  Borrowed until the loop turns.  [loop] */
struct fs_text fs_catalogue_candidate(const struct fs_catalogue *catalogue, struct fs_text order_id,
                                      size_t *next);

/* heard() runs, never inside this, once a list that was asked for after this call has come or
 * failed.  Lists are asked for at most every 5 ms, every 15 or 100 ms where one takes long: until then
 * the waiter waits.  [loop] */
void fs_catalogue_refresh(struct fs_catalogue *catalogue, struct fs_catalogue_waiter *waiter);
void fs_catalogue_forget(struct fs_catalogue_waiter *waiter); /* the waiter leaves */

/* Answers all who wait with FS_UNAVAILABLE, now.  [loop] */
void fs_catalogue_give_up(struct fs_catalogue *catalogue);

/* What a list brings; also for tests.  Beyond FS_NAMES_MAX new ones are left out. */
void fs_catalogue_add(struct fs_catalogue *catalogue, struct fs_text product);

#endif
