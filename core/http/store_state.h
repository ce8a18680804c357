/* What /readyz says of the servers of the store. */
#ifndef FS_HTTP_STORE_STATE_H
#define FS_HTTP_STORE_STATE_H

#include "http/exchange.h"

/* Bytes that the list takes at most. */
size_t fs_store_state_size(const struct fs_exchange *exchange);

/* Adds the member "stores", a list with one object for each server, where there is a store. */
void fs_store_state_add(struct fs_buffer *body, const struct fs_exchange *exchange);

/* Refuses readiness, with the reason that is known. */
void fs_store_state_fail(struct fs_exchange *exchange);

#endif
